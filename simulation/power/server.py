"""A server's work on the recorded disk: made, a device claimed, batches taken, an enrolment approved."""

from __future__ import annotations

import base64
import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select

from protocol.batch import Batch, pack
from protocol.checkpoint import Checkpoint, open_checkpoint
from protocol.claim import claim_message
from protocol.entry import Entry
from protocol.manifest import open_manifest
from protocol.merkle import Frontier
from protocol.note import Signer
from protocol.request import RequestSignature
from server import facts, keys, schema
from server.database import SCHEMA_VERSION, Database
from server.devices import ingest, manifests
from server.devices import service as devices
from server.devices.models import checkpoints, entries, logs
from server.enrolment import service as enrolment
from server.enrolment.models import enrolments
from server.people import grants
from server.people import service as people
from server.people.models import EMPLOYEES
from simulation.power.recording import Recorder
from simulation.power.states import Check, Scenario, require

ORIGIN = "hadir.example"
NOW_MS = 1_790_000_000_000
_BATCH = 4


class _Clock:
    kind = "simulated"

    def now_ms(self) -> int:
        return NOW_MS


@dataclass
class Server:
    """A server at work, the one device that speaks to it, and what it promised."""

    root: Path
    recorder: Recorder
    signer: Signer = field(default_factory=lambda: Signer.generate(f"{ORIGIN}/device/K01"))
    sealing: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    entries: list[bytes] = field(default_factory=list)
    requests: int = 0
    approved: int = 0

    def make(self) -> None:
        """As `hadir server init`, with two officers and some employees."""
        self.keyring = keys.create(self.root / "keys", ORIGIN, NOW_MS)
        self.database = Database.create(self.root / "server.db", ORIGIN)
        with self.database.write() as connection:
            for officer in ("rina", "joko"):
                people.add_officer(connection, people.Officer(officer, officer.title(), "hr", ""), NOW_MS)
                grants.give(connection, officer, "hr", valid_from=date(2020, 1, 1), now_ms=NOW_MS)
            rows = [{"employee_id": f"E{number}", "name": "Siti", "zone": "WIT"} for number in range(20)]
            facts.record(connection, EMPLOYEES, rows, by="rina", document="list", now_ms=NOW_MS)
            people.add_person_keys(connection, (str(row["employee_id"]) for row in rows))
        self.recorder.log.promise("made", True)

    def claim(self) -> None:
        """The device claims."""
        with self.database.write() as connection:
            kind = {"site": "Kantor A", "zone": "WIT", "sources": ("sim",)}
            token = str(devices.add(connection, "K01", **kind, root=self.keyring.root, now_ms=NOW_MS))  # type: ignore[arg-type]
        sealing = base64.b64encode(self.sealing.public_key().public_bytes_raw()).decode()
        signing = str(self.signer.verifier)
        proof = base64.b64encode(self.signer.sign(claim_message(token, signing, sealing))).decode()
        request = {"token": token, "signing_key": signing, "sealing_key": sealing, "proof": proof}
        with self.database.write() as connection:
            devices.claim(connection, devices.read_claim(request, ORIGIN), NOW_MS)
        self.recorder.log.promise("claimed", True)

    def receive(self) -> None:
        """A batch, promised when its cursor would be sent."""
        size = self.send(self.database, self.entries)
        self.recorder.log.promise("held", size)

    def send(self, database: Database, log: list[bytes]) -> int:
        """Add a batch to a log and send it; the size that the server then says it holds."""
        self.requests += 1
        first = len(log)
        for seq in range(first, first + _BATCH):
            body = {"state": "reopened", "detail": "x" * (seq * 37 % 200)}
            log.append(Entry("K01", seq, "camera", "ab" * 16, 1000 * seq, NOW_MS, "synchronised", body).encode())
        note = Checkpoint.of(self.signer.name, Frontier().append(log)).sign(self.signer)
        batch = Batch("K01", first, tuple(log[first:]), note, "ab" * 16, 1000 * len(log), NOW_MS, "synchronised", {})
        signature = RequestSignature("K01", NOW_MS, f"{self.requests:032x}", b"")
        with database.read() as connection:
            device = devices.device(connection, "K01")
        return ingest.receive(database, self.keyring.log, device, signature, pack(batch), _Clock()).cursor.size

    def enrol(self) -> None:
        """An enrolment is opened, sent, and approved by another officer: promised, with the manifest it brings."""
        row = base64.b64encode(struct.pack("<4f", 0.1, 0.2, 0.3, self.approved)).decode()
        with self.database.write() as connection:
            code = enrolment.open_code(connection, f"E{self.approved}", "rina", NOW_MS)
        value = {"code": code, "embedder": "dlib", "dimension": 4, "templates": [row], "report": []}
        with self.database.write() as connection:
            number = enrolment.submit(connection, "K01", value, NOW_MS)
        with self.database.write() as connection:
            enrolment.approve(connection, [number], by="joko", signer=self.keyring.gallery, now_ms=NOW_MS)
        self.approved += 1
        self.recorder.log.promise("approved", self.approved)

    def update(self) -> None:
        """The database is that of the release before, which lacked a table; this release starts on it."""
        self.database.close()
        with closing(sqlite3.connect(self.root / "server.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("BEGIN")
            connection.execute("DROP TABLE conflicts")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION - 1}")
            connection.execute("COMMIT")
        self.database = Database(self.root / "server.db")

    def check(self, root: Path, promised: dict[str, Any]) -> None:
        """Start on what is left, see that every promise holds, and go on."""
        if "made" not in promised:
            return  # `init` is run again in an empty folder
        keyring = keys.load(root / "keys", ORIGIN)
        require(_seeds(keyring) == _seeds(self.keyring), "the server's keys are others")
        with closing(Database(root / "server.db")) as database:
            self._check_enrolments(database, promised.get("approved", 0))
            if "claimed" in promised:
                held = self._check_log(database, promised.get("held", 0))
                require(self.send(database, held) == len(held), "the log does not go on")
        with closing(sqlite3.connect(root / "server.db")) as connection:
            require(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "the database is corrupt")

    def _check_enrolments(self, database: Database, promised: int) -> None:
        with database.read() as connection:
            states = connection.execute(select(enrolments.c.state)).scalars().all()
            approved = states.count("approved")
            require(promised <= approved <= self.approved, "an approved enrolment is lost")
            if approved:
                note, _ = manifests.latest(connection, "K01")
                gallery = open_manifest(note, self.keyring.gallery.verifier).gallery
                require(gallery is not None and gallery.version == approved, "an approval without its manifest")
                manifests.sealed(connection, "K01", approved)

    def _check_log(self, database: Database, promised: int) -> list[bytes]:
        with database.read() as connection:
            held = list(connection.execute(select(entries.c.bytes).order_by(entries.c.seq)).scalars())
            log = connection.execute(select(logs)).mappings().one()
            notes = connection.execute(select(checkpoints.c.size, checkpoints.c.note)).all()
        require(promised <= len(held) == log["size"], "an acknowledged entry is lost")
        require(held == self.entries[: len(held)], "an entry is another one")
        require(Frontier().append(held).root() == log["root"], "the root is not that of the entries")
        for size, note in notes:
            root = Frontier().append(held[:size]).root()
            require(open_checkpoint(note, self.signer.verifier).root == root, "a checkpoint is not of the entries")
        return held


def _seeds(keyring: keys.Keyring) -> list[bytes]:
    return [signer.seed for signer in (keyring.gallery, keyring.cursor, keyring.log)]


def work(rounds: int) -> Scenario:
    """A new server; each round takes batches, every other one approves an enrolment, every third updates the server."""
    schema.load()

    def run(root: Path, recorder: Recorder) -> Check:
        server = Server(root, recorder)
        server.make()
        server.claim()
        for number in range(rounds):
            server.receive()
            server.receive()
            if number % 2 == 0:
                server.enrol()
            if number % 3 == 2:
                server.update()
        server.database.close()
        return server.check

    return Scenario("server: made, claim, batches, approvals, updates", run)
