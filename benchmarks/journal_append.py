"""How long an append takes until it is durable: python -m benchmarks.journal_append [ENTRIES [FOLDER]].

Beside it, in turn with it, one bare SQLite commit of the same bytes with the same settings on the same disk; and the
same for a journal that holds ENTRIES already.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.audit_verify import presence
from kiosk.clock import SystemClock
from kiosk.records.journal import Journal
from protocol.checkpoint import Checkpoint
from protocol.merkle import Frontier
from protocol.note import Signer

ROUNDS = 300
_SIGNER = Signer.from_seed("benchmark/device/K01", bytes(32))
_BODY = {
    "person": "ab" * 16,
    "presented_boottime_ms": 1_000_000,
    "source": "picamera2",
    "gallery": 12,
    "distance_e4": 3100,
    "margin_e4": 1500,
    "liveness": "live",
    "prompts": ["turn_left", "blink"],
    "measures": {"yaw_e4": 2200, "residual_e4": 1100},
}


def open_journal(path: Path, device: str = "K01", signer: Signer = _SIGNER) -> Journal:
    """The station's journal."""
    return Journal(path, device, signer, SystemClock())


def fill(path: Path, entries: int, device: str = "K01", signer: Signer = _SIGNER) -> None:
    """Give a new journal so many marks in one transaction, with the tree and the checkpoint that belong to them."""
    open_journal(path, device, signer).close()
    tree = Frontier()

    def rows() -> Iterator[tuple[int, bytes]]:
        nonlocal tree
        for first in range(0, entries, 10_000):
            some = [presence(device, seq) for seq in range(first, min(entries, first + 10_000))]
            tree = tree.append(some)
            yield from enumerate(some, first)

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO entries (seq, bytes) VALUES (?, ?)", rows())
        note = Checkpoint.of(signer.name, tree).sign(signer)
        connection.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (entries, note))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'frontier'", (tree.encode(),))
        connection.execute("COMMIT")


def bare(connection: sqlite3.Connection, data: bytes) -> None:
    """One commit of one row."""
    connection.execute("INSERT INTO rows (bytes) VALUES (?)", (data,))


def main(entries: int, parent: Path | None) -> None:
    """Print the medians and their ratios."""
    with TemporaryDirectory(dir=parent) as folder, ExitStack() as stack:
        plain = stack.enter_context(closing(sqlite3.connect(Path(folder, "bare.db"), isolation_level=None)))
        plain.execute("PRAGMA journal_mode = TRUNCATE")
        plain.execute("PRAGMA synchronous = FULL")
        plain.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
        empty = stack.enter_context(closing(open_journal(Path(folder, "empty.db"))))
        start = time.perf_counter()
        fill(Path(folder, "large.db"), entries)
        size_mb = Path(folder, "large.db").stat().st_size / 1e6
        print(f"{entries:,} entries, {size_mb:,.0f} MB, made in {time.perf_counter() - start:.0f} s")
        large = stack.enter_context(closing(open_journal(Path(folder, "large.db"))))
        data = empty.append("presence", _BODY).encode()
        writers: dict[str, Callable[[], object]] = {
            "bare": lambda: bare(plain, data),
            "empty": lambda: empty.append("presence", _BODY),
            "large": lambda: large.append("presence", _BODY),
        }
        times: dict[str, list[float]] = {name: [] for name in writers}
        for _ in range(ROUNDS):
            for name, write in writers.items():
                start = time.perf_counter()
                write()
                times[name].append(1e3 * (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in times.items()}
    labels = {"bare": "bare commit of the same bytes", "empty": "append, empty journal"}
    labels["large"] = f"append, {entries:,} entries"
    for name, median in medians.items():
        p95 = statistics.quantiles(times[name], n=20)[-1]
        print(f"{labels[name]:<32} median {median:6.2f} ms  95 % {p95:6.2f} ms  {median / medians['bare']:.2f} x bare")
    more = statistics.median(append - commit for append, commit in zip(times["empty"], times["bare"], strict=True))
    print(f"append costs {more:.2f} ms more than the bare commit beside it (median of {ROUNDS} pairs)")
    print(f"large / empty: {medians['large'] / medians['empty']:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
