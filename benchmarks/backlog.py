"""What sending a backlog costs the kiosk: python -m benchmarks.backlog [ENTRIES].

The kiosk's side alone: each batch read, compared with what the station signed, packed and signed, and the answer
kept durably; for a backlog of ENTRIES, half and a quarter of it. The work must grow with the backlog, not its square.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from benchmarks.journal_append import fill
from kiosk.clock import SystemClock
from kiosk.records.journal import JournalReader
from kiosk.sync import Syncer
from kiosk.uplink.device import Device, load_device, load_or_make_keys, save_claim
from kiosk.uplink.transport import Answer
from protocol.batch import unpack
from protocol.checkpoint import open_checkpoint
from protocol.cursor import Cursor
from protocol.manifest import Delegation
from protocol.note import Signer

ORIGIN = "hadir.benchmark"
ROOT, ONLINE = Signer.generate(f"{ORIGIN}/root"), Signer.generate(f"{ORIGIN}/online")


def claimed(folder: Path) -> Device:
    """A device of a server that is not there: the cursors are signed here."""
    load_or_make_keys(folder)
    key = str(ONLINE.verifier)
    save_claim(folder, "K01", ORIGIN, ROOT.verifier, Delegation(1, 0, 10**15, key, key).sign(ROOT))
    return load_device(folder)


class Answered(Syncer):
    """Sync whose server takes every batch at once."""

    def _send(self, method: str, what: str, body: bytes = b"") -> Answer:
        checkpoint = open_checkpoint(unpack(body).checkpoint, self._device.signer.verifier)
        now_ms = time.time_ns() // 1_000_000
        cursor = Cursor(self._device.name, "ab" * 8, checkpoint.size, checkpoint.root, now_ms)
        return Answer(200, {}, cursor.sign(ONLINE))

    def _fetch_manifest(self, offered: int, acknowledged: int) -> None:
        """There is none."""


def drain(folder: Path, entries: int) -> tuple[int, float, float]:
    """Entries read from the journal, seconds of wall clock and of processor time."""
    device = claimed(folder)
    fill(folder / "journal.db", entries, device.name, device.signer)
    read, original = 0, JournalReader.read

    def counting(reader: JournalReader, first: int, limit: int) -> list[bytes]:
        nonlocal read
        found = original(reader, first, limit)
        read += len(found)
        return found

    started, used = time.perf_counter(), time.process_time()
    with (
        patch.object(JournalReader, "read", counting),
        closing(Answered(device, "http://nobody.invalid", folder, SystemClock())) as syncer,
    ):
        while syncer.contact().backlog:
            pass
    return read, time.perf_counter() - started, time.process_time() - used


def main(most: int) -> None:
    """Print a row for each size."""
    print(f"{'entries':>10} {'read':>10} {'wall clock':>12} {'processor':>12} {'processor an entry':>20}")
    for entries in (most // 4, most // 2, most):
        with TemporaryDirectory() as folder:
            read, wall, processor = drain(Path(folder), entries)
        each_us = 1e6 * processor / entries
        print(f"{entries:>10,} {read:>10,} {wall:>10.1f} s {processor:>10.1f} s {each_us:>17.1f} µs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
