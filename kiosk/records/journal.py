"""The journal: an append-only SQLite log of entries, durable before anything is shown.

Rollback journal, TRUNCATE + FULL (`docs/decisions/0002-journal.md`). The station alone writes; everybody else
opens the file read-only. Each append stores, in the same transaction, the entry and the device's signed checkpoint
of the log up to it, so that a card pulled out at any moment can be verified by itself.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import sqlite_utils

from kiosk.clock import Clock
from kiosk.errors import JournalError
from kiosk.files import make_folder, sync_folder
from protocol import keychange
from protocol.checkpoint import Checkpoint
from protocol.entry import Entry
from protocol.errors import ProtocolError
from protocol.merkle import Frontier
from protocol.note import Signer

SCHEMA_VERSION = 1
"""The file's `user_version`: a release that knows this number can read the file and append to it."""

# What later releases added, in order; `meta` counts how many a file has. The release before reads past them,
# so that an update can be taken back.
_ADDITIONS = (
    "CREATE TABLE base (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, frontier BLOB NOT NULL)",
    "CREATE TABLE keys (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL)",
)
PRUNED_AT_ONCE = 2000
"""Entries that one call of `prune` removes at most: the camera's loop waits for it."""


class Journal:
    """The device's log, open for appending. Only one process can hold it."""

    def __init__(self, path: Path, device: str, signer: Signer, clock: Clock, successor: Signer | None = None) -> None:
        """Open the journal at `path`, or make it. JournalError when it is another device's, corrupt or held.

        `successor`: the key of a change that may have been made, and may not: what the journal says holds.
        """
        self.path = path
        self._device = device
        self._signer = signer
        self._successor = successor
        self._clock = clock
        self._lock = _hold(path.with_suffix(".lock"))
        self._in_doubt = False
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
        with _reported(self.path):
            self._resolve()
            return self._append(kind, body, self._signer)

    def change_key(self, new: Signer) -> None:
        """Write the entry with which `new` takes the place of the key that signed until now, and sign with it from
        then on; nothing when it signs already.

        Errors as for `append`. The transaction is the moment of change: the checkpoint in it is the new key's.
        """
        self._successor = new
        with _reported(self.path):
            self._resolve()
            if self._signer.verifier != new.verifier:
                body = keychange.change_body(self._device, self.size, self._signer, new)
                self._append(keychange.KIND, body, new)
        self._signer, self._successor = new, None

    def _append(self, kind: str, body: dict[str, Any], signer: Signer) -> Entry:
        now = self._clock.read()
        place = self._frontier.size
        entry = Entry(self._device, place, kind, now.boot, now.boottime_ms, now.wall_ms, now.state, body)
        data = entry.encode()
        frontier = self._frontier.append([data])
        note = Checkpoint.of(signer.name, frontier).sign(signer)
        with self._transaction() as connection:
            connection.execute("INSERT INTO entries (seq, bytes) VALUES (?, ?)", (entry.seq, data))
            if kind == keychange.KIND:
                connection.execute("INSERT INTO keys (seq, bytes) VALUES (?, ?)", (entry.seq, data))
            connection.execute("DELETE FROM checkpoints")
            connection.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (frontier.size, note))
            connection.execute("UPDATE meta SET value = ? WHERE key = 'frontier'", (frontier.encode(),))
        self._frontier = frontier
        return entry

    def prune(self, size: int) -> int:
        """Remove entries before `size`, PRUNED_AT_ONCE at most and never the last; the seq that the log now begins at.

        The tree up to there is kept, so that what is left still verifies under the same checkpoints. Whether the
        entries may go is the caller's to know (`kiosk/records/pruning.py`).
        """
        with _reported(self.path):
            self._resolve()
            base = _base(self._connection)
            end = min(size, base.size + PRUNED_AT_ONCE, self.size - 1)
            if end <= base.size:
                return base.size
            with self._transaction() as connection:
                rows = connection.execute("SELECT bytes FROM entries WHERE seq < ? ORDER BY seq", (end,)).fetchall()
                tree = base.append(row[0] for row in rows)
                if tree.size != end:
                    raise JournalError(f"the journal {self.path} has a gap before entry {end}: nothing was pruned")
                connection.execute("DELETE FROM entries WHERE seq < ?", (end,))
                connection.execute("UPDATE base SET size = ?, frontier = ?", (end, tree.encode()))
        return end

    def probe(self) -> None:
        """Write without adding an entry; JournalError when an append would fail as well."""
        with _reported(self.path):
            self._resolve()
            with self._transaction() as connection:
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Let another process have the journal."""
        self._connection.close()
        self._lock.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Durable when the block has ended, undone when it raises."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._connection.execute("COMMIT")
        except (sqlite3.Error, JournalError):
            self._in_doubt = True
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def _resolve(self) -> None:
        """After a failed write, ask the file what it holds.

        A COMMIT that failed in its very last sync may have been done all the same; only a fresh connection, which
        rolls back what is left half done, tells.
        """
        if not self._in_doubt:
            return
        if not self.path.exists():
            raise JournalError(f"the journal {self.path} is gone: is its disk still mounted?")
        self._connection.close()
        self._connection = self._open()
        frontier = self._load_frontier()
        if frontier.size < self._frontier.size:
            raise JournalError(
                f"the journal {self.path} has {frontier.size} entries, {self._frontier.size} were saved: "
                "it was replaced by an older one"
            )
        self._frontier = frontier
        self._in_doubt = False

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
        self._add(connection)
        if fresh:
            sync_folder(self.path.parent)
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

    def _add(self, connection: sqlite3.Connection) -> None:
        """Bring a file of an earlier release up to this one."""
        held = connection.execute("SELECT value FROM meta WHERE key = 'additions'").fetchone()
        missing = _ADDITIONS[held[0] if held else 0 :]
        if not missing:
            return
        connection.execute("BEGIN IMMEDIATE")
        for statement in missing:
            connection.execute(statement)
        connection.execute("INSERT OR IGNORE INTO base VALUES (1, 0, x'')")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('additions', ?)", (len(_ADDITIONS),))
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
        checkpoint = Checkpoint.of(self._signer.name, frontier)
        if note and self._successor is not None and note[0] == checkpoint.sign(self._successor):
            self._signer, self._successor = self._successor, None
        if frontier.size != size or (size and (note is None or note[0] != checkpoint.sign(self._signer))):
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

    def base(self) -> Frontier:
        """The tree of the entries that were pruned: what is stored begins at its size."""
        with _reported(self.path):
            return _base(self._connection)

    def read(self, first: int, limit: int) -> list[bytes]:
        """The stored bytes of at most `limit` entries from seq `first`, in one short transaction.

        `first` must not lie before `base`.
        """
        with _reported(self.path):
            rows = self._connection.execute(
                "SELECT bytes FROM entries WHERE seq >= ? ORDER BY seq LIMIT ?", (first, limit)
            ).fetchall()
        return [row[0] for row in rows]

    def key_changes(self) -> list[bytes]:
        """The entries that changed the device's key, in order, pruned or not."""
        with _reported(self.path):
            if self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'keys'").fetchone() is None:
                return []  # of a release that did not change keys
            return [row[0] for row in self._connection.execute("SELECT bytes FROM keys ORDER BY seq")]

    def checkpoint(self) -> bytes | None:
        """The note that the station signed with its newest entry, None for an empty journal."""
        with _reported(self.path):
            row = self._connection.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
        return None if row is None else row[0]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _base(connection: sqlite3.Connection) -> Frontier:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'base'").fetchone() is None:
        return Frontier()  # of a release that did not prune
    try:
        return Frontier.decode(*connection.execute("SELECT size, frontier FROM base").fetchone())
    except ProtocolError as error:
        raise JournalError(f"what the journal keeps of its pruned entries is not whole: {error}") from error


def _hold(path: Path) -> TextIO:
    """The lock file, open and locked for as long as it stays open."""
    try:
        make_folder(path.parent)
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
