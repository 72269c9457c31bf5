"""What sync remembers between two contacts: how much the server has, and the latest time that the server signed.

The journal and the server's signed cursor can tell all of it again, so no state of the file stops sync: one that is
damaged, or cannot be written, is kept aside and begun anew. What that costs is that entries stay on the card longer.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from kiosk.clock import Reading
from kiosk.errors import SyncError
from kiosk.files import make_folder, sync_folder
from kiosk.records.pruning import CursorHistory
from protocol.cursor import Cursor
from protocol.errors import ProtocolError
from protocol.merkle import Frontier

_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}
"""Errors that say nothing against the file: the same may succeed later."""
MAX_TIME_MS = 253_402_300_799_000
"""The end of the year 9999."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), "
    "epoch TEXT NOT NULL, size INTEGER NOT NULL, frontier BLOB NOT NULL, contact_ms INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS heard (id INTEGER PRIMARY KEY CHECK (id = 1), "
    "delegation INTEGER NOT NULL, time_ms INTEGER NOT NULL, boot TEXT NOT NULL, boottime_ms INTEGER NOT NULL)",
)
Result = TypeVar("Result")


_DAMAGED = (sqlite3.Error, ProtocolError, UnicodeDecodeError)
"""What reading a damaged file raises; the last where SQLite quotes bytes of it that are no text."""


class SyncState:
    """The file of one device's sync, which alone writes it."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it; SyncError when its disk is full or does not answer."""
        self._path = path
        make_folder(path.parent)
        try:
            self._connection = _open(path)
        except _DAMAGED as error:
            self._raise_if_passing(error)
            self._connection = self._anew(str(error))

    def load(self) -> tuple[str, Frontier, int]:
        """Epoch, frontier of what is acknowledged, and the server's time at the last contact."""
        return self._mending(_load)

    def save(self, cursor: Cursor, frontier: Frontier, note: bytes, delegation: int, now: Reading) -> None:
        """Remember an acknowledgement, once it was verified, and the note in which it came.

        `delegation`: version of the one that names the cursor's key; `now`: when the cursor was here.
        """
        row = (cursor.epoch, frontier.size, frontier.encode(), cursor.time_ms)
        heard = (delegation, cursor.time_ms, now.boot, now.boottime_ms)

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?)", row)
                if _proven_ms(connection, delegation, now) < cursor.time_ms:
                    connection.execute("INSERT OR REPLACE INTO heard VALUES (1, ?, ?, ?, ?)", heard)
                CursorHistory(connection).add(cursor, note)

        self._mending(write)

    def proof(self, keep_days: int) -> tuple[int, bytes, bytes] | None:
        """As `CursorHistory.proof`."""
        return self._mending(lambda connection: CursorHistory(connection).proof(keep_days))

    def begin_anew(self, why: str) -> None:
        """Keep the file aside as `….damaged`, in place of an earlier one, and start with an empty one."""
        self._connection.close()
        self._connection = self._anew(why)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _mending(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return work(self._connection)
        except _DAMAGED as error:
            self._raise_if_passing(error)
            self.begin_anew(str(error))
        try:
            return work(self._connection)
        except sqlite3.Error as error:
            raise SyncError(f"{self._path} cannot be used: {error}") from error

    def _raise_if_passing(self, error: Exception) -> None:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:
            raise SyncError(f"{self._path} cannot be used: {error}") from error

    def _anew(self, why: str) -> sqlite3.Connection:
        kept = self._path.with_name(self._path.name + ".damaged")
        try:
            # Its rollback journal goes first: SQLite would play it back into the new file.
            for suffix in ("-journal", ""):
                with suppress(FileNotFoundError):
                    self._path.with_name(self._path.name + suffix).replace(kept.with_name(kept.name + suffix))
            sync_folder(self._path.parent)
            made = _open(self._path)
        except (OSError, sqlite3.Error) as error:
            print(f"{self._path} cannot be used ({why}; {error}): sync goes on without it", file=sys.stderr, flush=True)
            return _open(":memory:")
        print(f"{self._path} was unusable ({why}): kept as {kept.name}, begun anew", file=sys.stderr, flush=True)
        return made


def last_contact(path: Path) -> tuple[int, int]:
    """How many entries the server is known to have, and its time then; SyncError when the file cannot be read."""
    try:
        with closing(_open_to_read(path)) as connection:
            _, frontier, contact_ms = _load(connection)
    except _DAMAGED as error:
        raise SyncError(f"{path} cannot be read ({error}): sync begins it anew") from error
    return frontier.size, contact_ms


def proven_ms(path: Path, delegation: int, now: Reading) -> int:
    """The time that it is at least, Unix milliseconds, by the latest cursor signed under a delegation; else 0.

    In the boot in which that cursor came, what has passed since is added. A new delegation counts anew, so that root's
    word ends what a server with a wrong clock has signed.
    """
    try:
        with closing(_open_to_read(path)) as connection:
            return _proven_ms(connection, delegation, now)
    except sqlite3.Error:
        return 0


def _open(path: Path | str) -> sqlite3.Connection:
    """The file, whole and with all its tables; one of _DAMAGED for one that is damaged."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = FULL")
        if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        for statement in _SCHEMA:
            connection.execute(statement)
        CursorHistory(connection)
        kinds = "SELECT DISTINCT typeof(time_ms), typeof(epoch), typeof(size), typeof(note) FROM cursors"
        if connection.execute(kinds).fetchall() not in ([], [("integer", "text", "integer", "blob")]):
            raise ProtocolError("what it holds is not what sync wrote")
        _load(connection)
    except _DAMAGED:
        connection.close()
        raise
    return connection


def _open_to_read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _load(connection: sqlite3.Connection) -> tuple[str, Frontier, int]:
    row = connection.execute("SELECT epoch, size, frontier, contact_ms FROM state").fetchone()
    if row is None:
        return "", Frontier(), 0
    if [type(value) for value in row] != [str, int, bytes, int] or not 0 <= row[3] <= MAX_TIME_MS:
        raise ProtocolError("what it holds is not what sync wrote")
    return row[0], Frontier.decode(row[1], row[2]), row[3]


def _proven_ms(connection: sqlite3.Connection, delegation: int, now: Reading) -> int:
    query = "SELECT time_ms, boottime_ms, boot FROM heard WHERE delegation = ?"
    row = connection.execute(query, (delegation,)).fetchone()
    if row is None or not all(isinstance(value, int) for value in row[:2]):
        return 0
    time_ms, boottime_ms, boot = row
    return time_ms + (max(0, now.boottime_ms - boottime_ms) if boot == now.boot else 0)
