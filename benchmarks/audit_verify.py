"""How fast `hadir audit verify` checks a server's database: python -m benchmarks.audit_verify [ENTRIES]."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from audit.__main__ import verify
from audit.sources import open_database
from protocol.checkpoint import Checkpoint
from protocol.entry import decode
from protocol.merkle import Frontier
from protocol.note import Signer

BATCH = 500
_TABLES = """
    CREATE TABLE devices (device TEXT PRIMARY KEY, signing_key TEXT);
    CREATE TABLE entries (device TEXT, seq BIGINT, bytes BLOB, PRIMARY KEY (device, seq)) WITHOUT ROWID;
    CREATE TABLE checkpoints (device TEXT, size BIGINT, frontier BLOB, note BLOB, PRIMARY KEY (device, size));"""


_MARK = (
    '{{"boot":"{boot}","boottime_ms":{late},"clock":"synchronised","device":"{device}","distance_e4":{distance},'
    '"gallery":12,"kind":"presence","liveness":"live","margin_e4":{margin},"measures":{{"residual_e4":{residual},'
    '"yaw_e4":{yaw}}},"person":"{person:032x}","presented_boottime_ms":{early},"prompts":["turn_left","blink"],'
    '"seq":{seq},"source":"picamera2","v":1,"wall_ms":{wall}}}'
).format


def presence(device: str, seq: int) -> bytes:
    """A mark as a kiosk writes it, about 400 bytes; not through the encoder, which would take most of the time."""
    return _MARK(
        boot="ab" * 16, device=device, seq=seq, person=seq % 150, early=1000 * seq, late=1000 * seq + 900,
        distance=3100 + seq % 700, margin=1500 + seq % 900, residual=1100 + seq % 200, yaw=2200 + seq % 300,
        wall=1_790_000_000_000 + 1000 * seq,
    ).encode()  # fmt: skip


def build(path: Path, entries: int, devices: int) -> None:
    """A database with the tables and columns that the auditor reads."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(_TABLES)
        for number in range(devices):
            name = f"K{number:02}"
            signer, frontier = Signer.generate(f"benchmark/device/{name}"), Frontier()
            connection.execute("INSERT INTO devices VALUES (?, ?)", (name, str(signer.verifier)))
            while frontier.size < entries // devices:
                count = min(BATCH, entries // devices - frontier.size)
                batch = [presence(name, seq) for seq in range(frontier.size, frontier.size + count)]
                rows = [(name, seq, data) for seq, data in enumerate(batch, frontier.size)]
                connection.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)
                frontier = frontier.append(batch)
                row = (name, frontier.size, frontier.encode(), Checkpoint.of(signer.name, frontier).sign(signer))
                connection.execute("INSERT INTO checkpoints VALUES (?, ?, ?, ?)", row)


def main(entries: int) -> None:
    """Print what was verified, and how fast."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "server.db")
        if decode(presence("K00", 7)).encode() != presence("K00", 7):
            raise SystemExit("the benchmark's marks are not those of protocol.entry any more")
        build(path, entries, devices=10)
        start, used = time.perf_counter(), time.process_time()
        with open_database(path) as source:
            report = verify(source)
        seconds, used = time.perf_counter() - start, time.process_time() - used
    proven = sum(device.proven for device in report.devices)
    print(f"{proven:,} entries of 10 devices, {BATCH} a checkpoint: {seconds:.1f} s, {proven / seconds:,.0f} entries/s")
    print(f"processor time alone: {used:.1f} s, {proven / used:,.0f} entries/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
