"""Request signatures: which claimed device is asking (`docs/formats.md`)."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from protocol.checkpoint import decimal
from protocol.errors import ProtocolError
from protocol.note import Signer, Verifier, unbase64

_HEADER = re.compile(
    r'Hadir device="([A-Za-z0-9-]{1,32})",time="(\d{1,16})",nonce="([0-9a-f]{32})",signature="([A-Za-z0-9+/=]{88})"\Z'
)


@dataclass(frozen=True, slots=True)
class RequestSignature:
    """A parsed Authorization header, not yet verified."""

    device: str
    time_ms: int
    nonce: str
    signature: bytes

    def verify(self, verifier: Verifier, method: str, path: str, body: bytes) -> None:
        """SignatureInvalid unless the device's key signed this very request."""
        verifier.verify(self.signature, _message(self.device, method, path, body, self.time_ms, self.nonce))


def sign_request(signer: Signer, device: str, method: str, path: str, body: bytes, time_ms: int) -> str:
    """The Authorization header of a request; `path` with its query, as sent."""
    nonce = secrets.token_hex(16)
    signature = base64.b64encode(signer.sign(_message(device, method, path, body, time_ms, nonce))).decode()
    return f'Hadir device="{device}",time="{time_ms}",nonce="{nonce}",signature="{signature}"'


def parse_authorization(header: str) -> RequestSignature:
    """The parts of the header; ProtocolError when it is not ours."""
    match = _HEADER.match(header)
    if match is None:
        raise ProtocolError("the Authorization header is not a Hadir request signature")
    device, time_ms, nonce, signature = match.groups()
    return RequestSignature(device, decimal(time_ms, "request time"), nonce, unbase64(signature, "request signature"))


def _message(device: str, method: str, path: str, body: bytes, time_ms: int, nonce: str) -> bytes:
    return f"hadir-request/1\n{device}\n{method}\n{path}\n{sha256(body).hexdigest()}\n{time_ms}\n{nonce}\n".encode()
