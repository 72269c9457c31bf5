"""Cursors: the server's signed word on what it holds of a device's log."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from protocol.checkpoint import decimal
from protocol.errors import ProtocolError
from protocol.note import Signer, Verifier, open_note, sign_note, unbase64

_MAGIC = "hadir-cursor/1"


@dataclass(frozen=True, slots=True)
class Cursor:
    """`size` entries of `device`'s log, with Merkle root `root`, are durable at the server of `epoch`.

    `epoch`: 16 hex digits, new whenever the server's database was made or restored. `time_ms`: the server's clock.
    """

    device: str
    epoch: str
    size: int
    root: bytes
    time_ms: int

    def sign(self, signer: Signer) -> bytes:
        """The signed note."""
        root = base64.b64encode(self.root).decode()
        return sign_note(f"{_MAGIC}\n{self.device}\n{self.epoch}\n{self.size}\n{root}\n{self.time_ms}\n", signer)


def open_cursor(data: bytes, verifier: Verifier) -> Cursor:
    """The cursor in a note signed by the server's cursor key."""
    lines = open_note(data, [verifier]).split("\n")
    if len(lines) != 7 or lines[0] != _MAGIC:
        raise ProtocolError("cursor: not a hadir-cursor/1")
    _, device, epoch, size, root, time_ms, _ = lines
    return Cursor(
        device,
        epoch,
        decimal(size, "cursor size"),
        unbase64(root, "cursor root"),
        decimal(time_ms, "cursor time"),
    )
