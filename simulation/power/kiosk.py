"""A kiosk's life on the recorded disk: claim, marks, acknowledgements, galleries, pruning, restarts, an old file."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.clock import FrameClock
from kiosk.errors import JournalError
from kiosk.recognition.gallery import GalleryStore
from kiosk.records.journal import Journal, JournalReader
from kiosk.records.pruning import DAY_MS
from kiosk.uplink import device as devices
from kiosk.uplink import rekeying
from kiosk.uplink.device import Device
from kiosk.uplink.syncstate import SyncState
from protocol.cursor import Cursor
from protocol.gallery import Gallery, Person, seal
from protocol.manifest import Delegation, GalleryReference, Manifest
from protocol.merkle import Frontier
from protocol.note import Signer
from simulation.power.recording import FULL, OK, SYNC_FAILED, Recorder
from simulation.power.states import Check, Scenario, require

ORIGIN = "hadir.example"
NAME = "K01"
NOW_MS = 1_790_000_000_000
ROOT, ONLINE = (
    Signer.from_seed(f"{ORIGIN}/{name}", bytes([number]) * 32) for number, name in enumerate(("root", "on"))
)
DELEGATION = Delegation(1, 0, 10**15, str(ONLINE.verifier), str(ONLINE.verifier)).sign(ROOT)
EMBEDDER = ("dlib", 128)
# The tables of the first release's journal, before there was anything to add to them.
_FIRST_RELEASE = """
    CREATE TABLE entries (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


@dataclass
class Kiosk:
    """A claimed kiosk at work, and what it promised."""

    state_dir: Path
    recorder: Recorder
    entries: dict[int, bytes] = field(default_factory=dict)
    acknowledged: int = 0
    pruned: int = 0
    manifest: int = 0
    attempts: int = 0
    days: int = 0
    faulty: bool = False
    signing: list[bytes] = field(default_factory=list)
    sealing: bytes = b""

    def claim(self) -> None:
        """Keys, promised when the claim is sent off with them; then the answer."""
        keys = devices.load_or_make_keys(self.state_dir)
        self.sealing, self.signing = keys.sealing, [keys.signing]
        self.recorder.log.promise("keys", 0)
        devices.save_claim(self.state_dir, NAME, ORIGIN, ROOT.verifier, DELEGATION)
        self.recorder.log.promise("claimed", True)

    def start(self) -> None:
        """The station and sync, started or started again."""
        self.device = devices.load_device(self.state_dir)
        self.journal = _journal(self.state_dir, self.device)
        self.sync = SyncState(self.state_dir / "sync.db")
        self.store = GalleryStore(self.state_dir, self.device)

    def stop(self) -> None:
        """Both stop."""
        self.journal.close()
        self.sync.close()

    def mark(self) -> None:
        """A mark, promised when it would be shown green."""
        self.attempts += 1
        entry = self.journal.append("camera", {"state": "reopened", "detail": "x" * (self.attempts * 37 % 200)})
        self.entries[entry.seq] = entry.encode()
        self.recorder.log.promise("entries", len(self.entries))

    def acknowledge(self, after_days: int = 0) -> None:
        """The server's cursor over everything."""
        self.days += after_days
        tree = Frontier().append(self.entries[seq] for seq in range(self.journal.size))
        cursor = Cursor(NAME, "ab" * 8, tree.size, tree.root(), NOW_MS + self.days * DAY_MS)
        self.sync.save(cursor, tree, cursor.sign(ONLINE), 1, FrameClock(NOW_MS).read())
        self.acknowledged = tree.size
        self.recorder.log.promise("acknowledged", tree.size)

    def change_key(self) -> None:
        """A new key, promised when the command says that it holds."""
        self.stop()
        rekeying.change_key(self.state_dir)
        self.start()
        self.signing.append(self.device.signer.seed)
        with closing(JournalReader(self.state_dir / "journal.db")) as reader:
            self.entries[len(self.entries)] = reader.read(reader.size() - 1, 1)[0]
        self.recorder.log.promise("keys", len(self.signing) - 1)
        self.recorder.log.promise("entries", len(self.entries))

    def prune(self, entries: int) -> None:
        """Some of the oldest entries go."""
        self.pruned = max(self.pruned, entries)
        self.journal.prune(entries)

    def deliver(self, people: int) -> None:
        """A manifest with a gallery arrives, and the station applies it."""
        self.manifest += 1
        self.store.offer(*manifest(self.device, self.manifest, people))
        self.store.apply(*EMBEDDER, NOW_MS)
        self.recorder.log.promise("manifest", self.manifest)

    def check(self, root: Path, promised: dict[str, Any]) -> None:
        """Start on what is left, see that every promise holds, and go on."""
        state_dir = root / "state"
        keys = devices.load_or_make_keys(state_dir)
        if "keys" in promised:
            kept = keys.signing in self.signing[promised["keys"] :] and keys.sealing == self.sealing
            require(kept, "the device's keys are lost")
        if "claimed" not in promised and not devices.is_claimed(state_dir):
            return
        device = devices.load_device(state_dir)
        with closing(_journal(state_dir, device)) as journal:
            tree = self._check_journal(state_dir, promised.get("entries", 0), journal)
            entry = journal.append("camera", {"state": "reopened", "detail": "after the cut"})
            require((entry.seq, journal.size) == (tree.size, tree.size + 1), "the log does not go on")
        if (state_dir / "keys" / devices.SUCCESSOR).exists():
            rekeying.change_key(state_dir)
            device = devices.load_device(state_dir)
            require(
                device.signer.seed == devices.load_or_make_keys(state_dir).signing, "a change of key is not finished"
            )
            _journal(state_dir, device).close()
        with closing(SyncState(state_dir / "sync.db")) as sync:
            require(promised.get("acknowledged", 0) <= sync.load()[1].size <= tree.size, "an acknowledgement is lost")
        store = GalleryStore(state_dir, device)
        store.apply(*EMBEDDER, NOW_MS)
        site = store.load(*EMBEDDER)
        version = site.manifest.version if site.manifest else 0
        require(promised.get("manifest", 0) <= version <= self.manifest, "the applied manifest is lost")

    def _check_journal(self, state_dir: Path, promised: int, journal: Journal) -> Frontier:
        with closing(sqlite3.connect(state_dir / "journal.db")) as connection:
            require(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "the journal is corrupt")
        with closing(JournalReader(state_dir / "journal.db")) as reader:
            base = reader.base()
            stored = reader.read(base.size, journal.size)
        require(base.size <= self.pruned, "more was pruned than was asked")
        require(base.size + len(stored) == journal.size, "the journal has a gap")
        require(journal.size >= promised, "an acknowledged entry is lost")
        for seq in range(base.size, promised):
            require(stored[seq - base.size] == self.entries[seq], f"entry {seq} is another one")
        return base.append(stored)


def manifest(device: Device, version: int, people: int) -> tuple[bytes, bytes]:
    """A manifest and the gallery sealed for the device."""
    matrix = np.full((people, EMBEDDER[1]), version, "<f4").tobytes()
    persons = tuple(Person(f"{number:032x}", "Siti", 1) for number in range(people))
    public = device.sealing.public_key().public_bytes_raw()
    sealed = seal(Gallery(version, *EMBEDDER, 4500, 300, persons, matrix), device.name, public)
    reference = GalleryReference(version, sha256(sealed).hexdigest(), len(sealed))
    expires_ms = NOW_MS + 400 * DAY_MS  # later than any time that the server says
    note = Manifest(NAME, version, NOW_MS, expires_ms, "Kantor A", "WIT", ("sim",), reference).sign(ONLINE)
    return note, sealed


def life(rounds: int) -> Scenario:
    """A new kiosk; each round has marks, an acknowledgement and, in turn, a gallery, pruning, a restart, a new key."""

    def run(root: Path, recorder: Recorder) -> Check:
        kiosk = Kiosk(root / "state", recorder)
        kiosk.claim()
        kiosk.start()
        for number in range(rounds):
            for _ in range(3):
                kiosk.mark()
            kiosk.acknowledge(after_days=number % 3)
            if number % 4 == 0:
                kiosk.deliver(people=1 + number)
            elif number % 4 == 1:
                kiosk.prune(kiosk.acknowledged - 4)
            elif number % 4 == 2:
                kiosk.stop()
                kiosk.start()
            else:
                kiosk.change_key()
        kiosk.stop()
        return kiosk.check

    return Scenario("kiosk: claim, marks, acknowledgements, galleries, pruning, restarts, new keys", run)


def first_release(entries: int) -> Scenario:
    """A journal that the first release wrote is opened, goes on and is pruned."""

    def prepare(root: Path) -> None:
        state = root / "state"
        devices.load_or_make_keys(state)
        devices.save_claim(state, NAME, ORIGIN, ROOT.verifier, DELEGATION)
        device = devices.load_device(state)
        journal = _journal(state, device)
        for _ in range(entries):
            journal.append("camera", {"state": "reopened", "detail": "first release"})
        journal.close()
        with closing(sqlite3.connect(state / "journal.db")) as connection, connection:
            connection.execute("DROP TABLE base")
            connection.execute("DROP TABLE keys")
            connection.execute("DELETE FROM meta WHERE key = 'additions'")

    def run(root: Path, recorder: Recorder) -> Check:
        kiosk = Kiosk(root / "state", recorder)
        with closing(JournalReader(kiosk.state_dir / "journal.db")) as reader:
            kiosk.entries.update(enumerate(reader.read(0, entries)))
        recorder.log.promise("claimed", True)
        recorder.log.promise("entries", entries)
        kiosk.start()
        kiosk.mark()
        kiosk.prune(entries - 2)
        kiosk.mark()
        kiosk.stop()
        return kiosk.check

    return Scenario("kiosk: a journal of the first release is taken over", run, prepare)


def faults(marks: int) -> Scenario:
    """Every few operations a sync fails or the disk is full; the station goes on without being started again."""

    def run(root: Path, recorder: Recorder) -> Check:
        kiosk = Kiosk(root / "state", recorder)
        kiosk.claim()
        kiosk.start()
        operations = 0

        def fault(operation: str, path: str) -> int:
            nonlocal operations
            operations += 1
            if operations % 61:
                return OK
            return SYNC_FAILED if operation == "sync" else FULL

        saved = 0
        while saved < marks:
            recorder.fault = fault
            with suppress(JournalError):
                kiosk.mark()
                saved += 1
        recorder.fault = lambda operation, path: OK
        kiosk.mark()
        kiosk.stop()
        return kiosk.check

    return Scenario("kiosk: syncs fail, the disk is full", run)


def _journal(state_dir: Path, device: Device) -> Journal:
    return Journal(state_dir / "journal.db", device.name, device.signer, FrameClock(NOW_MS), device.successor)
