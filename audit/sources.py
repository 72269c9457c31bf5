"""Where logs come from: a server's database, a kiosk's journal, or a folder with one of them. Never writes there."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from audit.verify import DeviceLog

NAMES = ("server.db", "journal.db")
# What the first releases did not have; empty where it is missing.
_ADDED = {"base": "size, frontier", "keys": "seq, bytes", "device_keys": "device, seq, bytes"}
_STRETCH = 2000  # seqs read in one transaction: a station or server that writes meanwhile hardly waits
# Every device named anywhere; in the entries by one step of the index each, not by reading them all.
_DEVICES = """
    WITH RECURSIVE held(device) AS (
        SELECT min(device) FROM entries UNION ALL
        SELECT (SELECT min(device) FROM entries WHERE device > held.device) FROM held WHERE device IS NOT NULL)
    SELECT device FROM held WHERE device IS NOT NULL
    UNION SELECT device FROM devices UNION SELECT device FROM checkpoints ORDER BY device"""


class AuditError(Exception):
    """A source or key file that cannot be used. The command line prints the message alone."""


@dataclass(frozen=True, slots=True)
class Source:
    """`title` for people; `logs` are read as they are iterated over. `whole`: should hold every device's log."""

    title: str
    logs: Iterator[DeviceLog]
    whole: bool


@contextmanager
def open_database(path: Path) -> Iterator[Source]:
    """The logs of a database file or of a folder with one; AuditError when they cannot be read.

    They must be read inside the block, each one's entries before the next one is asked for.
    """
    try:
        if path.is_dir():
            held = [path / name for name in NAMES if (path / name).is_file()]
            if len(held) != 1:
                raise AuditError(f"{path} holds {'both' if held else 'neither'} of {', '.join(NAMES)}: name the file")
            path = held[0]
        path.open("rb").close()  # says better than SQLite why a file cannot be read
        with TemporaryDirectory(prefix="hadir-audit-") as folder, closing(_connect(path, Path(folder))) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            for name, columns in _ADDED.items():
                if name.encode() not in tables:
                    connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
            if b"devices" in tables:
                yield Source(f"server database {path}", _server_logs(connection), whole=True)
            elif b"meta" in tables:
                yield Source(f"kiosk journal {path}", _journal_logs(connection), whole=False)
            else:
                raise AuditError(f"{path} is neither a server's database nor a kiosk's journal: tables are missing")
    except (sqlite3.Error, OSError) as error:
        raise AuditError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error


def _connect(path: Path, folder: Path) -> sqlite3.Connection:
    """A read-only connection; to a private copy in `folder` where SQLite would first have to write.

    That is so when a power cut left an unfinished transaction beside the file, and for WAL on a read-only disk.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        if not error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            raise
        for name in (path.name, f"{path.name}-journal", f"{path.name}-wal"):
            if path.with_name(name).exists():
                shutil.copyfile(path.with_name(name), folder / name)
        connection = sqlite3.connect(folder / path.name, isolation_level=None)
    connection.text_factory = bytes  # what is stored decides, not whether it is called text, nor whether it is UTF-8
    return connection


def _server_logs(connection: sqlite3.Connection) -> Iterator[DeviceLog]:
    for (name,) in connection.execute(_DEVICES).fetchall():
        keys = connection.execute("SELECT signing_key FROM devices WHERE device = CAST(? AS TEXT)", (name,)).fetchall()
        yield _log(connection, name, keys, "frontier", "device_keys", "device = CAST(:name AS TEXT)")


def _journal_logs(connection: sqlite3.Connection) -> Iterator[DeviceLog]:
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    keys, frontier = [(meta.get(b"signing_key"),)], "(SELECT value FROM meta WHERE key = 'frontier')"
    base = "SELECT ifnull(CAST(size AS INTEGER), -1), ifnull(CAST(frontier AS BLOB), x'') FROM base"
    yield _log(connection, meta.get(b"device"), keys, frontier, "keys", ":name = :name", base)


def _log(connection: Any, name: Any, keys: Any, frontier: str, changes: str, whose: str, base: str = "") -> DeviceLog:
    def ask(question: str, low: object = None, high: object = None) -> list[Any]:
        return connection.execute(question, {"name": name, "low": low, "high": high}).fetchall()

    # Casts give every value its type: one that was stored with another then fails as what it has become.
    checkpoints = f"SELECT CAST(size AS INTEGER), CAST(note AS BLOB), CAST({frontier} AS BLOB) FROM checkpoints"  # noqa: S608
    seq_and_bytes = "iif(seq < '', CAST(seq AS INTEGER), -1), ifnull(CAST(bytes AS BLOB), x'')"
    rows = f"SELECT {seq_and_bytes} FROM entries WHERE {whose} AND "  # noqa: S608
    # One moment for all; what is appended afterwards is left for the next audit.
    connection.execute("BEGIN")
    signed = ask(f"{checkpoints} WHERE {whose} ORDER BY size")
    last = ask(rows + "seq BETWEEN 0 AND 9007199254740991 ORDER BY seq DESC LIMIT 1")
    start = ask(base)[:1] if base else []
    changed = [data for _, data in ask(f"SELECT {seq_and_bytes} FROM {changes} WHERE {whose} ORDER BY seq")]  # noqa: S608
    connection.execute("COMMIT")
    end = last[0][0] + 1 if last else 0

    def entries() -> Iterator[tuple[int, bytes]]:
        low = 0
        while start := ask(rows + "seq >= :low AND seq < :high ORDER BY seq LIMIT 1", low, end):
            low, high = start[0][0], min(end, start[0][0] + _STRETCH)
            yield from ask(rows + "seq >= :low AND seq < :high ORDER BY seq", low, high)
            low = high
        # What is no sequence number; SQLite sorts all text behind all numbers.
        yield from ask(rows + "(seq < 0 OR seq > 9007199254740991 OR seq >= '' OR seq IS NULL)")

    texts = [_text(key) for (key,) in keys if key]
    blobs = [(size or 0, note or b"", nodes or b"") for size, note, nodes in signed]
    return DeviceLog(_text(name), texts, blobs, entries(), not base, changed, *start)


def _text(value: object) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
