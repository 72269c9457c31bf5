"""How long the server takes for a proof of a long log: python -m benchmarks.proofs [ENTRIES].

One log in the server's own schema. Each proof is made from the database alone, and checked.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from benchmarks.audit_verify import presence
from protocol.merkle import Frontier
from protocol.proof import check_consistency, check_inclusion
from server import schema
from server.database import Database
from server.transparency.trees import device_tree

PROOFS = 100
_INSERT = "INSERT INTO entries VALUES (?, ?, ?, 'presence', '', 0, 1)"


def build(path: Path, size: int) -> Frontier:
    """The log of device K01 and the nodes kept of it; without the device and contacts that it would have come by."""
    frontier = Frontier()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        while frontier.size < size:
            made: list[tuple[int, int, bytes]] = []
            first, end = frontier.size, min(size, frontier.size + 100_000)
            rows = [("K01", seq, presence("K01", seq)) for seq in range(first, end)]
            frontier = frontier.append((data for _, _, data in rows), made)
            connection.executemany("INSERT INTO entries VALUES (?, ?, ?, 'presence', '', 0, 1)", rows)
            connection.executemany("INSERT INTO tree_nodes VALUES ('K01', ?, ?, ?)", made)
        state = (size, frontier.encode(), frontier.root())
        connection.execute("INSERT INTO logs VALUES ('K01', ?, ?, ?)", state)
    return frontier


def timed(database: Database, ask: Callable[[Connection], object]) -> tuple[float, float]:
    """Milliseconds of wall clock and of processor time, a connection of its own included."""
    started, used = time.perf_counter(), time.process_time()
    with database.read() as connection:
        ask(connection)
    return (time.perf_counter() - started) * 1000, (time.process_time() - used) * 1000


def main(size: int) -> None:
    """Print medians and the worst of 100 proofs of each sort."""
    schema.load()
    with TemporaryDirectory() as folder:
        path = Path(folder, "server.db")
        database = Database.create(path, "hadir.benchmark")
        frontier = build(path, size)
        dice = random.Random(1)  # noqa: S311
        times: dict[str, list[tuple[float, float]]] = {"inclusion": [], "consistency": []}

        def included(connection: Connection) -> None:
            proof = device_tree(connection, "K01").inclusion(index, size)
            check_inclusion(presence("K01", index), index, size, proof, frontier.root())

        def consistent(connection: Connection) -> None:
            tree = device_tree(connection, "K01")
            proofs.append((tree.root(0, index), tree.consistency(index, size)))

        for _ in range(PROOFS):
            index = dice.randrange(1, size)
            proofs: list[tuple[bytes, list[bytes]]] = []
            times["inclusion"].append(timed(database, included))
            times["consistency"].append(timed(database, consistent))
            check_consistency(index, proofs[0][0], size, frontier.root(), proofs[0][1])
        print(f"a log of {size:,} entries; a proof made and checked, milliseconds:")
        for name, measured in times.items():
            walls, used = zip(*measured, strict=True)
            print(
                f"  {name:<12} median {statistics.median(walls):.1f}, worst of {PROOFS} {max(walls):.1f};"
                f" processor time {statistics.median(used):.1f}"
            )
        with database.read() as connection:
            nodes = connection.exec_driver_sql("SELECT count(*) FROM tree_nodes").scalar_one()
        print(f"kept for it: {nodes:,} nodes, {nodes * 32 / size:.2f} bytes of hashes an entry")
        database.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
