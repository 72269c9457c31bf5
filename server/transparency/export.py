"""The logs in a file of their own, for an auditor who gets neither the database nor the network (`docs/formats.md`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Column, ColumnElement, Table, select, true

from server.database import Database
from server.devices.models import checkpoints, device_keys, entries
from server.transparency import service
from server.transparency.models import national_leaves, national_log

_TABLES = """
    CREATE TABLE devices (device TEXT PRIMARY KEY, signing_key TEXT);
    CREATE TABLE device_keys (device TEXT, seq INTEGER, bytes BLOB, PRIMARY KEY (device, seq));
    CREATE TABLE entries (device TEXT, seq INTEGER, bytes BLOB, PRIMARY KEY (device, seq)) WITHOUT ROWID;
    CREATE TABLE checkpoints (device TEXT, size INTEGER, note BLOB, frontier BLOB, PRIMARY KEY (device, size));
    CREATE TABLE national_leaves (position INTEGER PRIMARY KEY, note BLOB);
    CREATE TABLE national_log (note BLOB, key TEXT);
"""


def export(database: Database, path: Path) -> tuple[int, int]:
    """Write all logs as they are now to `path`, which is replaced; how many logs and entries. Raises OSError.

    Read page by page, so that nobody who writes meanwhile waits; what comes meanwhile is left out.
    """
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder, _said(path):
        made = Path(folder) / path.name
        with closing(sqlite3.connect(made, isolation_level=None)) as out:
            out.executescript(f"{_TABLES} BEGIN;")
            with database.read() as connection:
                logs = service.held_logs(connection)
                state = connection.execute(select(national_log.c.size, national_log.c.note, national_log.c.key)).first()
            for log in logs:
                out.execute("INSERT INTO devices VALUES (?, ?)", (log.device, log.key))
                for table, place, end in (
                    (device_keys, device_keys.c.seq, log.size),
                    (entries, entries.c.seq, log.size),
                    (checkpoints, checkpoints.c.size, log.size + 1),
                ):
                    _copy(database, out, table, place, end, table.c.device == log.device)
            if state is not None:
                out.execute("INSERT INTO national_log VALUES (?, ?)", (state.note, state.key))
                _copy(database, out, national_leaves, national_leaves.c.position, state.size, true())
            out.execute("COMMIT")
        made.replace(path)
    return len(logs), sum(log.size for log in logs)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"{path} cannot be written: {error}") from error


def _copy(
    database: Database, out: sqlite3.Connection, table: Table, place: Column[int], end: int, whose: ColumnElement[bool]
) -> None:
    """The columns that the file has, of rows whose place is below `end`."""
    names = [row[1] for row in out.execute(f"PRAGMA table_info({table.name})")]
    insert = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(names))})"  # noqa: S608
    query = select(*(table.c[name] for name in names)).where(whose).order_by(place)
    for low in range(0, end, service.PAGE):
        with database.read() as connection:
            rows = connection.execute(query.where(place >= low, place < min(end, low + service.PAGE))).all()
        out.executemany(insert, [tuple(row) for row in rows])
