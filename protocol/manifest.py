"""Delegations and manifests: what the server tells a device, signed (`docs/formats.md`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from protocol import canonical
from protocol.errors import ProtocolError
from protocol.note import Signer, Verifier, open_note, sign_note

_DELEGATION = "hadir-delegation/1"
_MANIFEST = "hadir-manifest/1"


@dataclass(frozen=True, slots=True)
class Delegation:
    """The root key's word on which keys sign manifests and cursors until `expires_ms`."""

    version: int
    issued_ms: int
    expires_ms: int
    gallery_key: str
    cursor_key: str

    def sign(self, root: Signer) -> bytes:
        """The signed note."""
        return _sign(_DELEGATION, asdict(self), root)


@dataclass(frozen=True, slots=True)
class GalleryReference:
    """The sealed gallery that belongs to a manifest: hex SHA-256 and length in bytes."""

    version: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one device shall run; times in Unix milliseconds, `zone` WIB, WITA or WIT."""

    device: str
    version: int
    issued_ms: int
    expires_ms: int
    site: str
    zone: str
    sources: tuple[str, ...]
    gallery: GalleryReference | None
    settings: dict[str, Any] = field(default_factory=dict)

    def sign(self, gallery_key: Signer) -> bytes:
        """The signed note."""
        value = asdict(self)
        value["sources"] = list(self.sources)
        return _sign(_MANIFEST, value, gallery_key)


def open_delegation(data: bytes, root: Verifier) -> Delegation:
    """The delegation in a note signed by root."""
    value = _open(_DELEGATION, data, root)
    fields = {"version": int, "issued_ms": int, "expires_ms": int, "gallery_key": str, "cursor_key": str}
    _expect("delegation", value, fields)
    for name in ("gallery_key", "cursor_key"):
        Verifier.parse(value[name])
    return Delegation(**value)


def open_manifest(data: bytes, *gallery_keys: Verifier) -> Manifest:
    """The manifest in a note signed by one of the gallery keys. Whose it is and how old, the caller judges."""
    value = _open(_MANIFEST, data, *gallery_keys)
    _expect(
        "manifest",
        value,
        {
            "device": str,
            "version": int,
            "issued_ms": int,
            "expires_ms": int,
            "site": str,
            "zone": str,
            "sources": list,
            "gallery": (dict, type(None)),
            "settings": dict,
        },
    )
    reference = value["gallery"]
    if reference is not None:
        _expect("manifest gallery", reference, {"version": int, "sha256": str, "size": int})
        if reference["size"] < 0:
            raise ProtocolError(f"manifest gallery: a size of {reference['size']} bytes")
        value["gallery"] = GalleryReference(**reference)
    value["sources"] = tuple(value["sources"])
    if not all(isinstance(source, str) for source in value["sources"]):
        raise ProtocolError(f"manifest: sources {value['sources']!r} are not kinds of camera")
    return Manifest(**value)


def _sign(magic: str, value: dict[str, Any], signer: Signer) -> bytes:
    return sign_note(f"{magic}\n{canonical.encode(value).decode()}\n", signer)


def _open(magic: str, data: bytes, *verifiers: Verifier) -> dict[str, Any]:
    first, _, rest = open_note(data, verifiers).partition("\n")
    if first != magic or not rest.endswith("\n"):
        raise ProtocolError(f"{magic}: the note is a {first!r}")
    return canonical.decode_object(rest[:-1].encode())


def _expect(what: str, value: dict[str, Any], fields: dict[str, Any]) -> None:
    if value.keys() != fields.keys():
        raise ProtocolError(f"{what}: differs in {', '.join(sorted(value.keys() ^ fields.keys()))}")
    for name, kind in fields.items():
        if not isinstance(value[name], kind) or isinstance(value[name], bool):
            raise ProtocolError(f"{what}: {name} {value[name]!r} has the wrong type")
