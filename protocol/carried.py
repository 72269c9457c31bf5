"""Carried batches: what goes to the server by hand where there is no network (`docs/formats.md`)."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.errors import ProtocolError
from protocol.note import Signer, Verifier
from protocol.request import RequestSignature, parse_authorization, sign_request

MAX_CARRIED = (1 << 20) + 1024
"""Bytes of a file: a batch as large as the server takes one by HTTP, and its signature."""
_MAGIC = b"hadir-carried/1"
_METHOD = "CARRY"  # no HTTP request has it: who finds the file cannot send it as if the device were calling now


@dataclass(frozen=True, slots=True)
class Carried:
    """A packed batch and the signature it was carried with, not yet verified."""

    signature: RequestSignature
    batch: bytes

    def verify(self, verifier: Verifier) -> None:
        """SignatureInvalid unless the device's key signed these very bytes to be carried."""
        self.signature.verify(verifier, _METHOD, _path(self.signature.device), self.batch)


def carry(batch: bytes, signer: Signer, device: str, time_ms: int) -> bytes:
    """The file of a packed batch, signed by its device at `time_ms` of the device's wall clock."""
    header = sign_request(signer, device, _METHOD, _path(device), batch, time_ms)
    return b"\n".join((_MAGIC, header.encode(), batch))


def open_carried(data: bytes) -> Carried:
    """The parts of a file; ProtocolError when it is not one."""
    magic, _, rest = data.partition(b"\n")
    header, _, batch = rest.partition(b"\n")
    if magic != _MAGIC:
        raise ProtocolError("carried batch: does not start with hadir-carried/1")
    if len(data) > MAX_CARRIED:
        raise ProtocolError(f"carried batch: {len(data)} bytes, {MAX_CARRIED} are allowed")
    return Carried(parse_authorization(header.decode(errors="replace")), batch)


def _path(device: str) -> str:
    return f"/v1/devices/{device}/batches"
