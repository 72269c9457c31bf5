"""Batches: stored entries and a checkpoint, packed for the way to the server (`docs/formats.md`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import zstandard

from protocol import canonical
from protocol.entry import BOOT, CLOCK_STATES, DEVICE, MAX_BYTES
from protocol.errors import ProtocolError

MAX_UNPACKED = 4 << 20
MAX_ENTRIES = 2000
MAX_HEADER = 4096
FULL_ENTRIES = 500
FULL_BYTES = 1 << 19
"""A device that has more puts as many entries into a batch, or as many bytes of them as there is room for."""
_MAGIC = b"hadir-batch/1\n"
_HEADER: dict[str, type] = {
    "device": str,
    "first": int,
    "count": int,
    "boot": str,
    "boottime_ms": int,
    "wall_ms": int,
    "clock": str,
    "status": dict,
}


@dataclass(frozen=True, slots=True)
class Batch:
    """`entries` are the stored bytes of seq `first` and on; `checkpoint` is the note of size first + count.

    `boot`, `boottime_ms`, `wall_ms`, `clock`: the device's clock when the batch was made.
    """

    device: str
    first: int
    entries: tuple[bytes, ...]
    checkpoint: bytes
    boot: str
    boottime_ms: int
    wall_ms: int
    clock: str
    status: dict[str, Any] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether there may have been more to send: one that is not full says that there was not."""
        return len(self.entries) >= FULL_ENTRIES or sum(map(len, self.entries)) > FULL_BYTES - MAX_BYTES


def pack(batch: Batch) -> bytes:
    """The zstd frame of a batch."""
    header = {
        "device": batch.device,
        "first": batch.first,
        "count": len(batch.entries),
        "boot": batch.boot,
        "boottime_ms": batch.boottime_ms,
        "wall_ms": batch.wall_ms,
        "clock": batch.clock,
        "status": batch.status,
    }
    lines = [canonical.encode(header), *batch.entries, b""]
    text = _MAGIC + b"".join(line + b"\n" for line in lines) + batch.checkpoint
    if len(text) > MAX_UNPACKED or len(batch.entries) > MAX_ENTRIES:
        raise ProtocolError(f"batch: {len(batch.entries)} entries of {len(text)} bytes are too much for one batch")
    return zstandard.ZstdCompressor(level=9, write_content_size=True).compress(text)


def unpack(data: bytes) -> Batch:
    """The batch of a zstd frame, in bounded memory; ProtocolError names what is wrong.

    The entries are split, not yet decoded, so that one bad entry does not condemn the others.
    """
    text = _decompress(data)
    if not text.startswith(_MAGIC):
        raise ProtocolError("batch: does not start with hadir-batch/1")
    header_line, _, rest = text[len(_MAGIC) :].partition(b"\n")
    if len(header_line) > MAX_HEADER:
        raise ProtocolError(f"batch: a header of {len(header_line)} bytes, {MAX_HEADER} are allowed")
    header = canonical.decode_object(header_line)
    if header.keys() != _HEADER.keys():
        raise ProtocolError(f"batch: the header differs in {', '.join(sorted(header.keys() ^ _HEADER.keys()))}")
    for name, kind in _HEADER.items():
        if type(header[name]) is not kind:
            raise ProtocolError(f"batch: {name} {header[name]!r} is not {kind.__name__}")
    if not DEVICE.match(header["device"]):
        raise ProtocolError(f"batch: {header['device']!r} is not a device's name")
    if not BOOT.match(header["boot"]):
        raise ProtocolError("batch: boot is not 32 hex digits")
    if header["clock"] not in CLOCK_STATES:
        raise ProtocolError(f"batch: clock {header['clock']!r} is none of {', '.join(CLOCK_STATES)}")
    count = header["count"]
    if not 0 <= count <= MAX_ENTRIES or min(header["first"], header["boottime_ms"], header["wall_ms"]) < 0:
        raise ProtocolError("batch: a number of the header is out of range")
    *entries, empty, checkpoint = rest.split(b"\n", count + 1) if rest.count(b"\n") > count else [b"?", b""]
    if empty or len(entries) != count or not all(entries):
        raise ProtocolError(f"batch: does not hold the {count} entries that its header states")
    if (longest := max(map(len, entries), default=0)) > MAX_BYTES:
        raise ProtocolError(f"batch: an entry of {longest} bytes, {MAX_BYTES} are allowed")
    return Batch(
        device=header["device"],
        first=header["first"],
        entries=tuple(entries),
        checkpoint=checkpoint,
        boot=header["boot"],
        boottime_ms=header["boottime_ms"],
        wall_ms=header["wall_ms"],
        clock=header["clock"],
        status=header["status"],
    )


def _decompress(data: bytes) -> bytes:
    try:
        size = zstandard.frame_content_size(data)
        if not 0 < size <= MAX_UNPACKED:
            raise ProtocolError(f"batch: states an unpacked size of {size} bytes, 1 to {MAX_UNPACKED} are allowed")
        window = zstandard.get_frame_parameters(data).window_size
        if window > MAX_UNPACKED:
            raise ProtocolError(f"batch: needs a window of {window} bytes, {MAX_UNPACKED} are allowed")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_UNPACKED)
    except zstandard.ZstdError as error:
        raise ProtocolError(f"batch: not a zstd frame ({error})") from error
