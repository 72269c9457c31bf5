"""What QEMU's `blklogwrites` recorded of a disk (the format of Linux's dm-log-writes), and what a power cut leaves."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SECTOR = 512
_MAGIC, _VERSION = 0x6A736677736872, 1
_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
_FLUSH = 1


@dataclass(frozen=True, slots=True)
class Logged:
    """Bytes written at an offset of the disk, or a flush (`data` None). `end`: the log's length after it, bytes."""

    end: int
    offset: int
    data: bytes | None


def read_log(path: Path) -> list[Logged]:
    """The log in the order in which the disk finished its requests.

    ValueError when it is no such log, or holds a request that was not expected here (discard, write without data).
    """
    content = memoryview(path.read_bytes())
    if len(content) < SECTOR or _SUPER.unpack_from(content)[:2] != (_MAGIC, _VERSION):
        raise ValueError(f"{path} is not a write log")
    if (size := _SUPER.unpack_from(content)[3]) != SECTOR:
        raise ValueError(f"{path} counts in sectors of {size} bytes, not {SECTOR}")
    found = []
    place = SECTOR
    while place < len(content):
        sector, sectors, flags, _ = _ENTRY.unpack_from(content, place)
        start, place = place + SECTOR, place + SECTOR * (1 + sectors)
        if flags not in (0, _FLUSH) or (flags == 0) != (sectors > 0) or place > len(content):
            raise ValueError(f"{path}: not a write or a flush at byte {start - SECTOR} (flags {flags})")
        found.append(Logged(place, sector * SECTOR, None if flags else bytes(content[start:place])))
    return found


Keep = Callable[[int], Iterable[int]]
"""Which of a write's sectors come true, given how many it has."""

MIXTURES = ("kept", "dropped", "mixed", "torn")


def mixture(name: str, rng: random.Random) -> Keep:
    """What becomes of writes that no flush followed: all there, none, some of them, some of their sectors."""
    return {
        "kept": range,
        "dropped": lambda sectors: range(0),
        "mixed": lambda sectors: range(sectors if rng.random() < 0.5 else 0),
        "torn": lambda sectors: [sector for sector in range(sectors) if rng.random() < 0.5],
    }[name]


def leave(disk: BinaryIO, log: Sequence[Logged], keep: Keep) -> None:
    """Bring the disk that the log began with to what a cut after the log leaves: flushed writes, and what is kept."""
    safe = max((number for number, entry in enumerate(log) if entry.data is None), default=0)
    for number, entry in enumerate(log):
        if entry.data is None:
            continue
        sectors = len(entry.data) // SECTOR
        for sector in range(sectors) if number < safe else keep(sectors):
            disk.seek(entry.offset + sector * SECTOR)
            disk.write(entry.data[sector * SECTOR : (sector + 1) * SECTOR])
