"""Galleries: the templates a device may match against, sealed for that device alone (`docs/formats.md`)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from protocol import canonical
from protocol.errors import ProtocolError

_MAGIC = b"hadir-gallery/1\n"
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_HEADER = {
    "version": int,
    "embedder": str,
    "dimension": int,
    "threshold_e4": int,
    "margin_e4": int,
    "basis": str,
    "pairs": int,
    "people": list,
    "alike": list,
}

BASES = ("pairs", "stated", "none")
"""Bases of a threshold: the gallery's own pairs of people; these with what is stated for its embedder; none yet."""


@dataclass(frozen=True, slots=True)
class Person:
    """`person`: pseudonym; `name`: first name for the screen; `count`: rows of the matrix, in order."""

    person: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Gallery:
    """`matrix`: rows x `dimension` float32, little-endian. Distances in units of 10⁻⁴ (`_e4`).

    `basis`: where threshold and margin are from, one of BASES; `pairs`: how many pairs of people gave them. `alike`:
    pairs of people, by place, lower first, whom the face alone does not tell apart.
    """

    version: int
    embedder: str
    dimension: int
    threshold_e4: int
    margin_e4: int
    people: tuple[Person, ...]
    matrix: bytes
    basis: str = "stated"
    pairs: int = 0
    alike: tuple[tuple[int, int], ...] = ()

    def encode(self) -> bytes:
        """The plain bytes; only ever in memory."""
        header = {
            "version": self.version,
            "embedder": self.embedder,
            "dimension": self.dimension,
            "threshold_e4": self.threshold_e4,
            "margin_e4": self.margin_e4,
            "basis": self.basis,
            "pairs": self.pairs,
            "people": [{"person": p.person, "name": p.name, "count": p.count} for p in self.people],
        } | ({"alike": [list(pair) for pair in self.alike]} if self.alike else {})
        return _MAGIC + canonical.encode(header) + b"\n" + self.matrix


def decode(data: bytes) -> Gallery:
    """The gallery of plain bytes; ProtocolError when it is not whole."""
    if not data.startswith(_MAGIC):
        raise ProtocolError("gallery: does not start with hadir-gallery/1")
    line, _, matrix = data[len(_MAGIC) :].partition(b"\n")
    header = {"alike": []} | canonical.decode_object(line)
    if header.keys() != _HEADER.keys() or any(type(header[n]) is not k for n, k in _HEADER.items()):
        raise ProtocolError("gallery: the header is not that of hadir-gallery/1")
    if header["basis"] not in BASES:
        raise ProtocolError(f"gallery: no threshold has the basis {header['basis']!r}")
    try:
        people = tuple(Person(**person) for person in header.pop("people"))
    except TypeError as error:
        raise ProtocolError(f"gallery: {error}") from error
    if any(type(p.count) is not int or p.count < 1 for p in people):
        raise ProtocolError("gallery: a person without templates")
    alike = tuple(tuple(pair) if isinstance(pair, list) else () for pair in header.pop("alike"))
    if not all(len(p) == 2 and all(type(n) is int for n in p) and 0 <= p[0] < p[1] < len(people) for p in alike):
        raise ProtocolError("gallery: a pair of look-alikes is not two of its people")
    if header["dimension"] < 1 or len(matrix) != 4 * header["dimension"] * sum(p.count for p in people):
        raise ProtocolError(f"gallery: a matrix of {len(matrix)} bytes does not fit the people")
    return Gallery(people=people, matrix=matrix, alike=alike, **header)


def seal(gallery: Gallery, device: str, sealing_key: bytes) -> bytes:
    """The gallery for one device; `sealing_key`: its public X25519 key, 32 bytes."""
    return seal_bytes(gallery.encode(), "gallery", device, gallery.version, sealing_key)


def unseal(sealed: bytes, device: str, version: int, private: X25519PrivateKey) -> Gallery:
    """The gallery sealed for this device and version; ProtocolError when it is for another, or altered."""
    return decode(unseal_bytes(sealed, "gallery", device, version, private))


def seal_bytes(plain: bytes, what: str, device: str, version: int, sealing_key: bytes) -> bytes:
    """Bytes that only `device` can read, as `what` of this version and as nothing else."""
    public = X25519PublicKey.from_public_bytes(sealing_key)
    return _SUITE.encrypt(plain, public, info=_info(what, device, version))


def unseal_bytes(sealed: bytes, what: str, device: str, version: int, private: X25519PrivateKey) -> bytes:
    """Inverse of `seal_bytes`; ProtocolError for what was sealed otherwise, or altered."""
    try:
        return _SUITE.decrypt(sealed, private, info=_info(what, device, version))
    except (InvalidTag, ValueError) as error:
        raise ProtocolError(
            f"{what} {version}: not sealed for {device} with this key and version, or altered"
        ) from error


def pseudonym(person_key: bytes, employee_id: str) -> str:
    """How galleries and entries name an employee: 32 hex digits, nobody's once the key is destroyed."""
    return hmac.new(person_key, employee_id.encode(), sha256).digest()[:16].hex()


def _info(what: str, device: str, version: int) -> bytes:
    return f"hadir-{what}/1 {device} {version}".encode()
