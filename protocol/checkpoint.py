"""Checkpoints: a log's size and root, signed (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from protocol.entry import DEVICE
from protocol.errors import ProtocolError
from protocol.merkle import Frontier
from protocol.note import Signer, Verifier, open_note, sign_note, unbase64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`origin` names the log, `size` its entries, `root` their Merkle root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def of(cls, origin: str, frontier: Frontier) -> Checkpoint:
        """The checkpoint of a log as it stands."""
        return cls(origin, frontier.size, frontier.root())

    def sign(self, signer: Signer) -> bytes:
        """The signed note."""
        return sign_note(f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n", signer)

    def tree(self, frontier: bytes) -> Frontier | None:
        """The tree in an encoded frontier, if it is of this size and root."""
        try:
            tree = Frontier.decode(self.size, frontier)
        except ProtocolError:
            return None
        return tree if tree.root() == self.root else None


def open_checkpoint(data: bytes, verifier: Verifier) -> Checkpoint:
    """The checkpoint in a note, signed by `verifier`, whose name must be the log's origin."""
    lines = open_note(data, [verifier]).split("\n")
    if len(lines) < 4 or lines[0] != verifier.name:
        raise ProtocolError(f"checkpoint: not of the log {verifier.name}")
    size = decimal(lines[1], "checkpoint size")
    root = unbase64(lines[2], "checkpoint root")
    if len(root) != 32:
        raise ProtocolError(f"checkpoint: the root has {len(root)} bytes, not 32")
    return Checkpoint(lines[0], size, root)


def stated_size(note: bytes) -> int:
    """The size that a checkpoint states, whoever signed it; ProtocolError when there is none."""
    lines = note.split(b"\n", 2)
    return decimal(lines[1].decode(errors="replace") if len(lines) == 3 else "", "checkpoint size")


def decimal(text: str, what: str) -> int:
    """A decimal number without sign or leading zero; ProtocolError names `what`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 16 or (text[0] == "0" and text != "0"):
        raise ProtocolError(f"{what}: {text!r} is not a number")
    return int(text)


def device_key(text: str) -> tuple[str, Verifier]:
    """The device that a verifier key is of, and the key; ProtocolError when it is not a device's key."""
    key = Verifier.parse(text)
    origin, _, device = key.name.rpartition("/device/")
    if not origin or not DEVICE.match(device):
        raise ProtocolError(f"verifier key {key.name!r}: not of a device, ORIGIN/device/DEVICE")
    return device, key
