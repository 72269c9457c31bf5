"""Honest logs for the auditor's tests, and hands that alter them."""

import contextlib
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.__main__ import main
from kiosk.clock import FrameClock
from kiosk.records.journal import Journal
from protocol.checkpoint import Checkpoint
from protocol.entry import Entry
from protocol.merkle import Frontier
from protocol.note import Signer
from server import schema
from server.database import Database

ORIGIN = "hadir.example"


def entry_bytes(device: str, seq: int, state: str = "reopened") -> bytes:
    """An entry as the device writes it."""
    body = {"state": state, "detail": f"after {seq} s"}
    return Entry(device, seq, "camera", "ab" * 16, 1000 * seq, 1_790_000_000_000 + seq, "synchronised", body).encode()


def signer_of(device: str, seed: int = 1) -> Signer:
    """The device's key; another `seed` is somebody else's of the same name."""
    return Signer.from_seed(f"{ORIGIN}/device/{device}", bytes([seed]) * 31 + device.encode()[-1:])


@dataclass
class ServerFile:
    """A server's database and a connection with which a test can do to it what it likes."""

    path: Path
    connection: sqlite3.Connection
    keys: list[str] = field(default_factory=list)

    def add(self, table: str, **values: Any) -> None:
        """Insert a row; columns that the auditor does not read get an empty value."""
        for _, name, kind, not_null, default, _ in self.connection.execute(f"PRAGMA table_info({table})").fetchall():
            if not_null and default is None:
                values.setdefault(name, b"" if kind == "BLOB" else "" if kind == "TEXT" else 0)
        marks = ", ".join("?" * len(values))
        self.connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", list(values.values()))

    def add_log(self, device: str, batches: list[int]) -> None:
        """A claimed device that sent batches of these numbers of entries."""
        signer, frontier = signer_of(device), Frontier()
        self.keys.append(str(signer.verifier))
        self.add("devices", device=device, signing_key=str(signer.verifier))
        for count in batches:
            stored = [entry_bytes(device, seq) for seq in range(frontier.size, frontier.size + count)]
            for seq, data in enumerate(stored, frontier.size):
                self.add("entries", device=device, seq=seq, bytes=data)
            frontier = frontier.append(stored)
            state = {"device": device, "size": frontier.size, "frontier": frontier.encode(), "root": frontier.root()}
            self.add("checkpoints", **state, note=Checkpoint.of(signer.name, frontier).sign(signer))
        state = {"device": device, "size": frontier.size, "frontier": frontier.encode(), "root": frontier.root()}
        self.add("logs", **state)

    def do(self, statement: str, *values: Any) -> None:
        """Run a statement that changes something."""
        assert self.connection.execute(statement, values).rowcount > 0

    def bytes_of(self, device: str, seq: int) -> bytes:
        query = "SELECT bytes FROM entries WHERE device = ? AND seq = ?"
        return bytes(self.connection.execute(query, (device, seq)).fetchone()[0])

    def set_bytes(self, device: str, seq: int, data: Any) -> None:
        self.do("UPDATE entries SET bytes = ? WHERE device = ? AND seq = ?", data, device, seq)


@contextmanager
def server_file(path: Path, logs: dict[str, list[int]]) -> Iterator[ServerFile]:
    """A database with the server's own schema, made unless it is there, and these logs (device: sizes of batches)."""
    schema.load()
    if not path.exists():
        Database.create(path, ORIGIN).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        made = ServerFile(path, connection)
        connection.execute("BEGIN")
        for device, batches in logs.items():
            made.add_log(device, batches)
        connection.execute("COMMIT")
        yield made


def journal_file(path: Path, entries: int) -> Path:
    """A journal of K07, written by the kiosk."""
    journal = Journal(path, "K07", signer_of("K07"), FrameClock(1_790_000_000_000))
    for number in range(entries):
        journal.append("camera", {"state": "reopened", "detail": f"number {number}"})
    journal.close()
    return path


def entries_of(journal: Path) -> list[bytes]:
    """What a kiosk's journal holds."""
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        return [bytes(data) for (data,) in connection.execute("SELECT bytes FROM entries ORDER BY seq")]


@dataclass
class Said:
    """What the command said."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.out)

    def findings(self, device: str) -> list[tuple[Any, ...]]:
        """(what, seq_from, seq_to) of a device."""
        [found] = [d for d in self.report["devices"] if d["name"] == device]
        return [(f["what"], f["seq_from"], f["seq_to"]) for f in found["findings"]]


def hadir_audit(*arguments: object) -> Said:
    """Run the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    return Said(code, out.getvalue(), err.getvalue())
