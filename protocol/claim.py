"""Claims: how a new device turns a one-time token into a place at the server (`docs/formats.md`)."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from protocol.entry import DEVICE
from protocol.errors import ProtocolError
from protocol.note import Verifier

_SECRET = re.compile(r"[A-Z2-7]{26}\Z")
_DIGEST = re.compile(r"[0-9a-f]{16}\Z")


@dataclass(frozen=True, slots=True)
class Token:
    """`secret` is used once; `root_digest` lets the device recognise the root key it is shown."""

    device: str
    secret: str
    root_digest: str

    def __str__(self) -> str:
        return f"{self.device}.{self.secret}.{self.root_digest}"

    @classmethod
    def new(cls, device: str, root: Verifier) -> Token:
        """A fresh token (128 bits and more) for a device of this name."""
        if not DEVICE.match(device):
            raise ProtocolError(f"{device!r} cannot name a device: letters, digits and '-', at most 32")
        return cls(device, base64.b32encode(secrets.token_bytes(17)).decode()[:26], root_digest(root))

    @classmethod
    def parse(cls, text: str) -> Token:
        """The token as printed; ProtocolError when it is not one."""
        parts = text.strip().split(".")
        if len(parts) != 3 or not (DEVICE.match(parts[0]) and _SECRET.match(parts[1]) and _DIGEST.match(parts[2])):
            raise ProtocolError("the claim token is not whole: it reads DEVICE.26 letters and digits.16 digits")
        return cls(*parts)


def root_digest(root: Verifier) -> str:
    """First 16 hex digits of SHA-256 of the root's verifier key."""
    return sha256(str(root).encode()).hexdigest()[:16]


def claim_message(token: str, signing_key: str, sealing_key: str) -> bytes:
    """What the device signs to prove that the signing key is its own."""
    return f"hadir-claim/1\n{token}\n{signing_key}\n{sealing_key}\n".encode()
