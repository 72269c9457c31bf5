"""What runs inside the machine: a kiosk and its server at work, or both started again after a cut and examined."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import subprocess
import threading
import time
import traceback
import tty
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from audit.__main__ import open_source, verify
from kiosk.clock import SystemClock
from kiosk.recognition.gallery import GalleryStore
from kiosk.records import record
from kiosk.records.journal import Journal, JournalReader
from kiosk.sync import Progress, Syncer
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import Device, load_device
from kiosk.values import Decision, LivenessVerdict, Match, Reason

_KIOSK = Path("/var/lib/hadir-kiosk")
_SERVER = Path("/var/lib/hadir-server")
_LINE = Path("/dev/ttyS1")
_URL = "http://127.0.0.1:8440"
_ORIGIN = "hadir.example"
_EMBEDDER = ("dlib", 128)
_SYNC_EVERY = 10  # marks
_CLOCK = SystemClock()


class Line:
    """The machine's way to say something to those outside."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def say(self, at: str, **what: Any) -> None:
        """Say it, and wait until it was heard."""
        self._stream.write(json.dumps({"at": at} | what).encode() + b"\n")
        self._stream.readline()


class CarelessJournal(Journal):
    """The negative control: SQLite does not wait for the disk."""

    def _open(self) -> sqlite3.Connection:
        connection = super()._open()
        connection.execute("PRAGMA synchronous = OFF")
        return connection


def work(line: Line, marks: int, careless: str) -> None:
    """A new server, a claim, then marks, each said as soon as the lamp would be green; every few a contact.

    `careless`: what the negative control leaves out: `journal`, its syncs; `disk`, the file system's flushes.
    """
    token = _new_server()
    _start_server()
    claim(_KIOSK, _URL, token)
    device = load_device(_KIOSK)
    threading.Thread(target=_write_what_nobody_syncs, daemon=True).start()
    if careless == "disk":
        subprocess.run(["mount", "-o", "remount,barrier=0", "/"], check=True)
    opened = CarelessJournal if careless == "journal" else Journal
    journal = opened(_KIOSK / "journal.db", device.name, device.signer, _CLOCK)
    syncer = Syncer(device, _URL, _KIOSK, _CLOCK)
    line.say("ready", kernel=os.uname().release, sqlite=sqlite3.sqlite_version)
    for number in range(1, marks + 1):
        line.say("mark", sha256=_mark(journal, number))
        if number % _SYNC_EVERY == 0:
            line.say("held", size=_contact(device, syncer).acknowledged)
    line.say("done")


def check(line: Line) -> None:
    """Kiosk and server start on what the cut left; what they hold is said, then they go on."""
    device = load_device(_KIOSK)
    _apply(device)
    path = _KIOSK / "journal.db"
    with closing(Journal(path, device.name, device.signer, _CLOCK)) as journal:
        size = journal.size
    with closing(JournalReader(path)) as reader:
        line.say("journal", entries=[sha256(data).hexdigest() for data in reader.read(0, size)])
    databases = [path, _SERVER / "server.db"]
    line.say("verified", faults=[fault for database in databases for fault in _faults(database)], held=_held())
    _start_server()
    with closing(Journal(path, device.name, device.signer, _CLOCK)) as journal:
        _mark(journal, size)
        with closing(Syncer(device, _URL, _KIOSK, _CLOCK)) as syncer:
            while _contact(device, syncer).backlog:
                pass
        line.say("done", size=journal.size, held=_held())


def _new_server() -> str:
    """As `hadir server init` and `hadir server device add`; the device's token."""
    from server import services  # the check looks at the kiosk before it waits for the server's import
    from server.config import ServerConfig
    from server.devices import service as devices

    parts = services.initialise(ServerConfig(_SERVER, _ORIGIN))
    with closing(parts.database), parts.database.write() as connection:
        kind = {"site": "pupr", "zone": "WIT", "sources": ("sim",)}
        return str(devices.add(connection, "K01", **kind, root=parts.keyring.root, now_ms=parts.clock.now_ms()))  # type: ignore[arg-type]


def _start_server() -> None:
    """As `hadir server run`, in a process of its own; it listens when this returns."""
    from server import running
    from server.config import ServerConfig

    fork = multiprocessing.get_context("fork")
    listening = fork.Event()
    arguments = (ServerConfig(_SERVER, _ORIGIN), lambda address: listening.set())
    server = fork.Process(target=running.run, args=arguments, daemon=True)
    server.start()
    while not listening.wait(1.0):
        if not server.is_alive():
            raise RuntimeError("the server did not start")


def _contact(device: Device, syncer: Syncer) -> Progress:
    """Sync, and let the station apply what came down."""
    progress = syncer.contact()
    if progress.manifest is not None:
        _apply(device)
    return progress


def _apply(device: Device) -> None:
    store = GalleryStore(_KIOSK, device)
    store.apply(*_EMBEDDER, _CLOCK.read().wall_ms)
    store.load(*_EMBEDDER)


def _mark(journal: Journal, number: int) -> str:
    """A mark as the station writes it; the digest of its bytes once it is durable."""
    verdict = LivenessVerdict("live", (Reason("turn residual", 0.13),), prompts=("turn_left", "blink"))
    now_s = time.monotonic()
    decision = Decision(now_s, now_s, number, "granted", Match("known", f"{number:032x}", 0.31, 0.2), verdict)
    body = record.presence(decision, f"{number:032x}", _CLOCK.at(now_s), "sim", 0)
    return sha256(journal.append("presence", body).encode()).hexdigest()


def _held() -> int:
    """Entries that the server's database holds of the kiosk, read without the server."""
    with closing(sqlite3.connect(_SERVER / "server.db")) as connection:
        return connection.execute("SELECT coalesce(max(size), 0) FROM logs").fetchone()[0]


def _faults(database: Path) -> list[str]:
    """What the auditor and SQLite find wrong."""
    with closing(sqlite3.connect(database)) as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    with open_source(str(database)) as source:
        report = verify(source)
    return [f"{database.name}: {text}" for text, ok in ((sound, sound == "ok"), (report.text(), report.ok)) if not ok]


def _write_what_nobody_syncs() -> None:
    """A program's log beside ours, so that the file system always has something of others to write."""
    with Path("/var/log/chatter").open("ab", buffering=0) as file:
        while True:
            file.write(os.urandom(3000))
            time.sleep(0.1)


def main() -> None:
    """Do what the kernel's command line says, by the options `hadir.task`, `hadir.marks` and `hadir.careless`."""
    options = dict(word.partition("=")[::2] for word in Path("/proc/cmdline").read_text().split())
    with _LINE.open("r+b", buffering=0) as stream:
        tty.setraw(stream.fileno())
        line = Line(stream)
        try:
            if options["hadir.task"] == "work":
                work(line, int(options["hadir.marks"]), options.get("hadir.careless", ""))
            else:
                check(line)
        except Exception as error:
            traceback.print_exc()
            line.say("failed", error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
