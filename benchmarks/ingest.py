"""How fast the server takes batches, verified and durable: python -m benchmarks.ingest [ENTRIES [A_BATCH]].

In one process, without HTTP, in four threads as the server's requests come: unpacking, the checkpoint's signature, the
tree, every entry's format, the national log, and a durable commit for each batch. The batches of ten devices are made
beforehand.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import update

from benchmarks.audit_verify import presence
from protocol.batch import Batch, pack
from protocol.checkpoint import Checkpoint
from protocol.merkle import EMPTY_ROOT, Frontier
from protocol.note import Signer
from protocol.request import RequestSignature
from server import services
from server.config import ServerConfig
from server.devices import ingest
from server.devices import service as devices
from server.devices.models import devices as table
from server.devices.models import logs

DEVICES = 10
AHEAD = 2  # batches of each device made and then taken: those of millions of entries do not fit in memory
THREADS = 4


def claimed(parts: services.Services, name: str, signer: Signer) -> devices.Device:
    """A device of this name and key."""
    with parts.database.write() as connection:
        devices.add(
            connection, name, site="office", zone="WIT", sources=("picamera2",), root=parts.keyring.root, now_ms=0
        )
        values = {"claimed_ms": 0, "signing_key": str(signer.verifier), "sealing_key": bytes(32)}
        connection.execute(update(table).where(table.c.device == name), values)
        connection.execute(logs.insert(), {"device": name, "size": 0, "frontier": b"", "root": EMPTY_ROOT})
        return devices.device(connection, name)


def batches(name: str, signer: Signer, each: int) -> Iterator[bytes]:
    """Packed batches of `each` marks, one after another, without end."""
    frontier = Frontier()
    while True:
        entries = tuple(presence(name, seq) for seq in range(frontier.size, frontier.size + each))
        first, frontier = frontier.size, frontier.append(entries)
        note = Checkpoint.of(signer.name, frontier).sign(signer)
        yield pack(Batch(name, first, entries, note, "ab" * 16, 1000 * first, 1_790_000_000_000, "synchronised"))


def bare_commits(each: int, times: int = 20) -> float:
    """Rows a second of an insert and a durable commit for each batch, without anything else."""
    with TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder, "bare.db"))) as connection:
        connection.isolation_level = None
        connection.executescript("PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL")
        columns = "device TEXT, seq BIGINT, bytes BLOB, PRIMARY KEY (device, seq)"
        connection.execute(f"CREATE TABLE entries ({columns}) WITHOUT ROWID")
        rows = [("K01", seq, presence("K01", seq)) for seq in range(each * times)]
        started = time.perf_counter()
        for number in range(times):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows[number * each : (number + 1) * each])
            connection.execute("COMMIT")
        return len(rows) / (time.perf_counter() - started)


def main(total: int, each: int) -> None:
    """Print entries a second of wall clock and of processor time, and bytes an entry on the wire and on the disk."""
    with TemporaryDirectory() as folder:
        parts = services.initialise(ServerConfig(Path(folder, "state"), "hadir.benchmark"))
        signers = {f"K{n:02}": Signer.generate(f"hadir.benchmark/device/K{n:02}") for n in range(DEVICES)}
        senders = [(claimed(parts, name, signer), batches(name, signer, each)) for name, signer in signers.items()]
        done, wire, wall, processor, nonces = 0, 0, 0.0, 0.0, count()

        def take(device: devices.Device, bodies: list[bytes]) -> None:
            for body in bodies:
                signature = RequestSignature(device.name, 0, f"{next(nonces):032x}", b"")
                outcome = ingest.receive(parts.database, parts.keyring.log, device, signature, body, parts.clock)
                if outcome.problem:
                    raise SystemExit(f"a batch of {device.name} was refused: {outcome.problem}")

        with ThreadPoolExecutor(THREADS) as pool:
            while done < total:
                ready = [(device, [next(made) for _ in range(AHEAD)]) for device, made in senders]
                wire += sum(len(body) for _, bodies in ready for body in bodies)
                started, used = time.perf_counter(), time.process_time()
                list(pool.map(lambda one: take(*one), ready))
                wall += time.perf_counter() - started
                processor += time.process_time() - used
                done += len(ready) * AHEAD * each
        size = parts.database.path.stat().st_size
        parts.database.close()
    print(f"{done:,} entries in batches of {each}: {wall:.1f} s, {done / wall:,.0f} entries/s, durable each batch")
    print(f"processor time alone: {processor:.1f} s, {done / processor:,.0f} entries/s")
    bare = bare_commits(each)
    print(f"baseline, the rows alone with the same settings: {bare:,.0f} entries/s; ratio {bare * wall / done:.2f}")
    print(f"{wire / done:.1f} bytes an entry on the wire, {size / done:.0f} in the database")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(given[0] if given else 200_000, given[1] if len(given) > 1 else 2000)
