"""Signed notes and their keys (C2SP signed-note, Ed25519)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.errors import ProtocolError, SignatureInvalid

_ALGORITHM = b"\x01"  # Ed25519
MAX_NOTE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and its name, written `name+hash+key`."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or " " in self.name or not self.name.isprintable():
            raise ProtocolError(f"key name {self.name!r}: must not be empty nor hold '+', white space or controls")
        if len(self.public) != 32:
            raise ProtocolError(f"key {self.name}: {len(self.public)} bytes, an Ed25519 key has 32")

    @property
    def key_hash(self) -> bytes:
        """The four bytes that a signature line carries."""
        return sha256(self.name.encode() + b"\n" + _ALGORITHM + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(_ALGORITHM + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """A verifier key from its written form; ProtocolError when it is not one."""
        name, _, rest = text.partition("+")
        key_hash, _, key = rest.partition("+")
        data = unbase64(key, "verifier key")
        if data[:1] != _ALGORITHM:
            raise ProtocolError(f"verifier key {name}: not an Ed25519 key")
        verifier = cls(name, data[1:])
        if verifier.key_hash.hex() != key_hash:
            raise ProtocolError(f"verifier key {name}: the hash {key_hash} does not fit the key")
        return verifier

    def verify(self, signature: bytes, message: bytes) -> None:
        """SignatureInvalid unless `signature` (64 bytes) is this key's over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise SignatureInvalid(f"the signature of {self.name} is wrong") from error


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and its name."""

    name: str
    private: Ed25519PrivateKey

    @classmethod
    def generate(cls, name: str) -> Signer:
        """A new key."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Signer:
        """The key of a 32-byte seed (RFC 8032's private key)."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes."""
        return self.private.private_bytes_raw()

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        return self.private.sign(message)


def sign_note(text: str, *signers: Signer) -> bytes:
    """The note of `text`, which must end in a newline, signed by each signer."""
    if not text.endswith("\n"):
        raise ProtocolError("note: the text must end in a newline")
    lines = [f"— {s.name} {base64.b64encode(s.verifier.key_hash + s.sign(text.encode())).decode()}\n" for s in signers]
    return (text + "\n" + "".join(lines)).encode()


def open_note(data: bytes, verifiers: Iterable[Verifier]) -> str:
    """The text of a note that at least one of `verifiers` signed.

    SignatureInvalid when none did, or when a signature that claims to be by one of them is wrong;
    ProtocolError when the bytes are not a note.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise ProtocolError(f"note: {len(data)} bytes, {MAX_NOTE_BYTES} are allowed")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("note: not UTF-8") from error
    text, separator, signatures = whole.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise ProtocolError("note: no signature block")
    text += "\n"
    if any(c < " " for c in text.replace("\n", "")):
        raise ProtocolError("note: a control character in the text")
    known = {(v.name, v.key_hash): v for v in verifiers}
    verified = False
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—":
            raise ProtocolError("note: a line of the signature block is not a signature")
        blob = unbase64(parts[2], "note signature")
        verifier = known.get((parts[1], blob[:4]))
        if verifier is not None:
            verifier.verify(blob[4:], text.encode())
            verified = True
    if not verified:
        wanted = ", ".join(sorted(name for name, _ in known)) or "nobody"
        raise SignatureInvalid(f"note: not signed by {wanted}")
    return text


def unbase64(text: str, what: str) -> bytes:
    """Strict base64, one spelling for each value; ProtocolError names `what`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"{what}: not base64") from error
    if base64.b64encode(data).decode() != text:
        raise ProtocolError(f"{what}: not canonical base64")
    return data
