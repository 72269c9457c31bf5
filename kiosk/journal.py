"""The journal: an append-only SQLite log of entries, durable before anything is shown.

Rollback journal, TRUNCATE + FULL (`docs/decisions/0002-journal.md`). The station alone writes; everybody else
opens the file read-only. Each append stores, in the same transaction, the entry and the device's signed checkpoint
of the log up to it, so that a card pulled out at any moment can be verified by itself.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import sqlite_utils

from kiosk.clock import Clock
from kiosk.errors import JournalError
from protocol.checkpoint import Checkpoint
from protocol.entry import Entry
from protocol.errors import ProtocolError
from protocol.merkle import Frontier
from protocol.note import Signer

SCHEMA_VERSION = 1


class Journal:
    """The device's log, open for appending. Only one process can hold it."""

    def __init__(self, path: Path, device: str, signer: Signer, clock: Clock) -> None:
        """Open the journal at `path`, or make it. JournalError when it is another device's, corrupt or held."""
        self.path = path
        self._device = device
        self._signer = signer
        self._clock = clock
        self._lock = _hold(path.with_suffix(".lock"))
        try:
            with _reported(path):
                self._connection = self._open()
                self._frontier = self._load_frontier()
        except JournalError:
            self._lock.close()
            raise

    @property
    def size(self) -> int:
        """Number of entries; the next one gets this seq."""
        return self._frontier.size

    def append(self, kind: str, body: dict[str, Any]) -> Entry:
        """Write one entry; when this returns, it survives a power cut.

        Raises:
            JournalError: it was not saved, and nothing of it is left; the same call may succeed later.
        """
        now = self._clock.read()
        entry = Entry(self._device, self._frontier.size, kind, now.boot, now.boottime_ms, now.wall_ms, now.state, body)
        data = entry.encode()
        frontier = self._frontier.append([data])
        note = Checkpoint.of(self._signer.name, frontier).sign(self._signer)
        with _reported(self.path):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute("INSERT INTO entries (seq, bytes) VALUES (?, ?)", (entry.seq, data))
                self._connection.execute("DELETE FROM checkpoints")
                self._connection.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (frontier.size, note))
                self._connection.execute("UPDATE meta SET value = ? WHERE key = 'frontier'", (frontier.encode(),))
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        self._frontier = frontier
        return entry

    def probe(self) -> None:
        """Write without adding an entry; JournalError when an append would fail as well."""
        with _reported(self.path):
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Let another process have the journal."""
        self._connection.close()
        self._lock.close()

    def _open(self) -> sqlite3.Connection:
        fresh = not self.path.exists()
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=5.0)
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._create(connection)
        elif version != SCHEMA_VERSION:
            raise JournalError(
                f"the journal {self.path} has schema {version}, this release writes {SCHEMA_VERSION}: "
                "install the release that wrote it"
            )
        if fresh:
            _sync_directory(self.path.parent)
        owner = connection.execute("SELECT value FROM meta WHERE key = 'device'").fetchone()
        if owner is None or owner[0] != self._device:
            raise JournalError(
                f"the journal {self.path} belongs to {owner and owner[0]!r}, this device is {self._device!r}: "
                "move it away and keep it, then start again"
            )
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        """The schema; in one transaction, so that a cut leaves an empty file that is made again."""
        connection.execute("BEGIN IMMEDIATE")
        database = sqlite_utils.Database(connection, execute_plugins=False)
        database["entries"].create({"seq": int, "bytes": bytes}, pk="seq", not_null={"bytes"}, strict=True)
        database["checkpoints"].create({"size": int, "note": bytes}, pk="size", not_null={"note"}, strict=True)
        connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID")
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [("device", self._device), ("signing_key", str(self._signer.verifier)), ("frontier", b"")],
        )
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")

    def _load_frontier(self) -> Frontier:
        size = self._connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM entries").fetchone()[0]
        stored = self._connection.execute("SELECT value FROM meta WHERE key = 'frontier'").fetchone()[0]
        note = self._connection.execute("SELECT note FROM checkpoints").fetchone()
        try:
            frontier = Frontier.decode(size, stored)
        except ProtocolError:
            frontier = Frontier()
        # Ed25519 signatures are deterministic: the same log under the same key has the same note.
        expected = Checkpoint.of(self._signer.name, frontier).sign(self._signer)
        if frontier.size != size or (size and (note is None or note[0] != expected)):
            raise JournalError(
                f"the journal {self.path} does not fit its own checkpoint: it was altered, or the device's key was. "
                "Keep the card as it is and call the administrator"
            )
        return frontier


class JournalReader:
    """The log as every other process sees it: read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise JournalError(f"there is no journal at {path}: the station has not started yet")
        with _reported(path):
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)

    def size(self) -> int:
        """Number of entries."""
        with _reported(self.path):
            return self._connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM entries").fetchone()[0]

    def read(self, first: int, limit: int) -> list[bytes]:
        """The stored bytes of at most `limit` entries from seq `first`, in one short transaction."""
        with _reported(self.path):
            rows = self._connection.execute(
                "SELECT bytes FROM entries WHERE seq >= ? ORDER BY seq LIMIT ?", (first, limit)
            ).fetchall()
        return [row[0] for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _hold(path: Path) -> TextIO:
    """The lock file, open and locked for as long as it stays open."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    except OSError as error:
        raise JournalError(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.close()
        raise JournalError(f"{path} is held by another process: a station already runs here") from error
    return handle


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(f"the journal {path} cannot be used: {error}") from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
