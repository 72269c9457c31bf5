"""Changes of a device's key: entries that the old key and the new one signed, and the keys that follow from them."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from protocol import entry
from protocol.checkpoint import Checkpoint, device_key, open_checkpoint
from protocol.errors import ProtocolError
from protocol.note import Signer, Verifier, unbase64

KIND = "key_changed"


class KeyEnded(ProtocolError):
    """Signed well, but by a key that had given its place to another: whoever signs so holds a key that is gone."""


def change_body(device: str, seq: int, old: Signer, new: Signer) -> dict[str, Any]:
    """The body of the entry with which `old` gives its place to `new`."""
    message = _message(device, seq, old.verifier, new.verifier)
    signed = {name: base64.b64encode(key.sign(message)).decode() for name, key in (("old", old), ("new", new))}
    return {"key": str(new.verifier)} | {f"{name}_signature": signature for name, signature in signed.items()}


def new_key(data: bytes) -> Verifier:
    """The key that an entry puts in place, its signatures not yet checked; ProtocolError when it is no change."""
    change = entry.decode(data)
    if change.kind != KIND:
        raise ProtocolError(f"entry {change.seq} of {change.device} is a {change.kind}, not a change of key")
    return Verifier.parse(change.body["key"])


@dataclass(frozen=True, slots=True)
class KeyChain:
    """A device's keys, each with the place of the entry that ended it (None: none did), and those entries by place.

    A key signs checkpoints that do not reach over the entry that ended it. Its successor speaks for the whole log, so
    that what was not sent before the change needs no key that is gone.
    """

    keys: tuple[tuple[Verifier, int | None], ...]
    changes: dict[int, bytes]

    @classmethod
    def of(cls, first: Iterable[Verifier], changes: Iterable[bytes] = ()) -> KeyChain:
        """The keys that a device was claimed with (one, if all is well), and its changes in order; ProtocolError."""
        chain = cls(tuple((key, None) for key in first), {})
        for data in changes:
            chain = chain.changed(data)
        return chain

    def changed(self, data: bytes) -> KeyChain:
        """With one more change; KeyEnded or ProtocolError unless a key that still held and the new one signed it."""
        change, new = entry.decode(data), new_key(data)
        if any(key == new and end is not None for key, end in self.keys):
            raise ProtocolError(f"entry {change.seq}: {new} was in use before, and ended")
        problem = ProtocolError(f"entry {change.seq}: no key is known that could be changed")
        for old, end in self.keys:
            message = _message(change.device, change.seq, old, new)
            try:
                if old.name != new.name or old == new or device_key(str(new))[0] != change.device:
                    raise ProtocolError(f"entry {change.seq}: {new} cannot take the place of {old}")
                for key, name in ((old, "old_signature"), (new, "new_signature")):
                    key.verify(unbase64(change.body[name], name), message)
            except ProtocolError as error:
                problem = error
                continue
            if end is not None:
                raise KeyEnded(f"entry {change.seq} changes a key that entry {end} changed already")
            if change.seq <= max(self.changes, default=-1):
                raise ProtocolError(f"entry {change.seq}: a change of key before one that was made already")
            kept = ((key, change.seq if key == old else end) for key, end in self.keys if key != new)
            return KeyChain((*kept, (new, None)), self.changes | {change.seq: data})
        raise problem

    def open(self, note: bytes) -> Checkpoint:
        """The checkpoint in a note of one of the keys; KeyEnded when it had ended before that size, ProtocolError."""
        return self._open(note)[1]

    def signer(self, note: bytes) -> Verifier:
        """Which of the keys signed a checkpoint; errors as for `open`."""
        return self._open(note)[0]

    def _open(self, note: bytes) -> tuple[Verifier, Checkpoint]:
        problem = ProtocolError("checkpoint: no key of the device is known")
        for key, end in self.keys:
            try:
                checkpoint = open_checkpoint(note, key)
            except ProtocolError as error:
                problem = error
                continue
            if end is not None and checkpoint.size > end:
                raise KeyEnded(f"checkpoint of {checkpoint.size}: signed by the key that entry {end} ended")
            return key, checkpoint
        raise problem


def _message(device: str, seq: int, old: Verifier, new: Verifier) -> bytes:
    return f"hadir-key/1\n{device}\n{seq}\n{old}\n{new}\n".encode()
