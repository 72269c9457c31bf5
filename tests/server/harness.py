"""A server as a process, and a device that speaks the protocol to it: for tests alone."""

from __future__ import annotations

import atexit
import base64
import contextlib
import io
import os
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol import canonical
from protocol.batch import Batch, pack
from protocol.checkpoint import Checkpoint
from protocol.claim import Token, claim_message, root_digest
from protocol.cursor import Cursor, open_cursor
from protocol.entry import Entry
from protocol.manifest import Delegation, Manifest, open_delegation, open_manifest
from protocol.merkle import Frontier
from protocol.note import Signer, Verifier
from protocol.request import sign_request
from server import cli, facts, services
from server import config as configuration
from server.devices import service as devices
from server.people import grants
from server.people import service as people
from server.people.models import EMPLOYEES

ORIGIN = "hadir.example"
NOW_MS = 1_790_900_000_000  # 2026-10-02, 08:53 WIT
GRANTED_MS = 1_577_836_800_000  # before any clock that a test sets
ROOT = Path(__file__).parents[2]

# One for all: each client of its own would read the machine's certificates again, which takes longer than a test.
http = httpx.Client(verify=False)
atexit.register(http.close)


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str


@dataclass
class Server:
    """A server in a directory; `base` is where it answers, once it runs."""

    directory: Path
    base: str = ""

    @property
    def config(self) -> Path:
        return self.directory / "server.yaml"

    def set_clock(self, now_ms: int) -> None:
        (self.directory / "state" / "simulated-clock").write_text(str(now_ms))

    def command(self, *arguments: str) -> Done:
        """What `hadir server ARGUMENTS` says; run in this process, which saves a second each."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main([*arguments, "--config", str(self.config)])
        return Done(code, out.getvalue(), err.getvalue())

    def services(self) -> services.Services:
        """The server's parts, opened in this process."""
        return services.open_services(configuration.load(self.config))

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Start the process and wait until it says that it listens."""
        line = [sys.executable, "-P", "-m", "server", "run", "--config", str(self.config)]
        process = subprocess.Popen(
            line, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = process.stdout.readline().split()
        assert said[:2] == ["listening", "on"], said
        self.base = f"http://{said[2]}"
        return process


def make_server(directory: Path) -> Server:
    """An initialised server with a simulated clock, two officers and three employees."""
    server = Server(directory)
    (directory / "state").mkdir()
    server.set_clock(NOW_MS)
    server.config.write_text(f"state_dir: state\norigin: {ORIGIN}\nlisten: 127.0.0.1:0\nclock: simulated\n")
    parts = services.initialise(configuration.load(server.config))
    with parts.database.write() as connection:
        for officer, employee in (("rina", "E1"), ("joko", "")):
            people.add_officer(connection, people.Officer(officer, officer.title(), "hr", employee), NOW_MS)
            grants.give(connection, officer, "hr", valid_from=date(2020, 1, 1), now_ms=GRANTED_MS)
        rows = [{"employee_id": f"E{n}", "name": f"dr. Siti{n} Lestari", "zone": "WIT"} for n in range(1, 5)]
        rows[3]["end_date"] = "2026-09-30"
        facts.record(connection, EMPLOYEES, rows, by="rina", document="test", now_ms=NOW_MS)
        people.add_person_keys(connection, (row["employee_id"] for row in rows))
    parts.database.close()
    return server


@dataclass
class Kiosk:
    """A device as the protocol sees it: keys, a log, a clock that the test sets."""

    server: Server
    name: str
    signer: Signer
    sealing: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    root: Verifier | None = None
    delegation: Delegation | None = None
    boot: str = "0b" * 16
    booted_ms: int = NOW_MS - 3_600_000
    wall_error_ms: int = 0
    clock: str = "synchronised"
    status: dict[str, Any] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)

    @classmethod
    def new(cls, server: Server, name: str) -> Kiosk:
        return cls(server, name, Signer.generate(f"{ORIGIN}/device/{name}"))

    def claim(self, token: str) -> httpx.Response:
        sealing = base64.b64encode(self.sealing.public_key().public_bytes_raw()).decode()
        message = claim_message(token, str(self.signer.verifier), sealing)
        body = {
            "token": token,
            "signing_key": str(self.signer.verifier),
            "sealing_key": sealing,
            "proof": base64.b64encode(self.signer.sign(message)).decode(),
        }
        answer = http.post(f"{self.server.base}/v1/claim", json=body)
        if answer.status_code == 200:
            self.root = Verifier.parse(answer.json()["root_key"])
            assert root_digest(self.root) == Token.parse(token).root_digest
            self.delegation = open_delegation(answer.json()["delegation"].encode(), self.root)
        return answer

    def record(self, kind: str = "boot", at_ms: int = NOW_MS, **body: Any) -> bytes:
        """Append an entry committed at `at_ms` of true time."""
        if kind == "boot":
            body = {"software": "0.1.0", "source": "sim", "camera": "sim"} | body
        entry = Entry(
            self.name,
            len(self.entries),
            kind,
            self.boot,
            at_ms - self.booted_ms,
            at_ms + self.wall_error_ms,
            self.clock,
            body,
        )
        self.entries.append(entry.encode())
        return self.entries[-1]

    def mark(self, person: str, at_ms: int, *, source: str = "sim", committed_after_ms: int = 2000) -> bytes:
        """A presence of `person`, presented at `at_ms`."""
        return self.record(
            "presence",
            at_ms + committed_after_ms,
            person=person,
            presented_boottime_ms=at_ms - self.booted_ms,
            source=source,
            gallery=1,
            distance_e4=3000,
            margin_e4=1000,
            liveness="live",
            prompts=["blink"],
            measures={},
        )

    def attested(
        self,
        at_ms: int,
        person: str,
        colleague: str,
        supervisor: str,
        *,
        refusal: Mapping[str, Any] = MappingProxyType({}),
        entry: Mapping[str, Any] = MappingProxyType({}),
        apart_ms: int = 0,
    ) -> None:
        """A visit from `at_ms` that left `person` undecided, the marks of two who stand for it, and what they attest.

        `refusal` and `entry` change what the entries say; `apart_ms`: so much later are supervisor and entry.
        """
        seq, presented = len(self.entries), at_ms - self.booted_ms
        common = {"person": person, "presented_boottime_ms": presented, "source": "sim", "gallery": 1}
        undecided = {"decision": "undetermined", "liveness": "undetermined", "species": "", "reasons": []}
        self.record("refusal", at_ms + 5_000, **common | undecided | {"measures": {}} | dict(refusal))
        self.mark(colleague, at_ms + 10_000)
        self.mark(supervisor, at_ms + 20_000 + apart_ms)
        names = {"tries": 1, "first_try": seq, "colleague": seq + 1, "supervisor": seq + 2}
        self.record("attested", at_ms + 25_000 + apart_ms, **common | names | dict(entry))

    def batch(
        self, first: int, end: int | None = None, *, sent_ms: int = NOW_MS, entries: Sequence[bytes] | None = None
    ) -> bytes:
        """A packed batch of the entries from `first` to `end`, with the checkpoint of `end`."""
        log = self.entries if entries is None else list(entries)
        end = len(log) if end is None else end
        checkpoint = Checkpoint.of(self.signer.name, Frontier().append(log[:end])).sign(self.signer)
        return pack(
            Batch(
                device=self.name,
                first=first,
                entries=tuple(log[first:end]),
                checkpoint=checkpoint,
                boot=self.boot,
                boottime_ms=sent_ms - self.booted_ms,
                wall_ms=sent_ms + self.wall_error_ms,
                clock=self.clock,
                status={"backlog": len(log) - end, "software": "0.1.0"} | self.status,
            )
        )

    def request(self, method: str, path: str, body: bytes = b"", *, at_ms: int = NOW_MS) -> httpx.Response:
        """A signed request; `path` begins after the device's name."""
        full = f"/v1/devices/{self.name}{path}"
        header = sign_request(self.signer, self.name, method, full, body, at_ms + self.wall_error_ms)
        return http.request(method, self.server.base + full, content=body, headers={"Authorization": header})

    def send(self, first: int, end: int | None = None, **options: Any) -> httpx.Response:
        body = self.batch(first, end, **options)
        return self.request("POST", "/batches", body, at_ms=options.get("sent_ms", NOW_MS))

    def cursor(self, note: bytes) -> Cursor:
        assert self.delegation is not None
        return open_cursor(note, Verifier.parse(self.delegation.cursor_key))

    def manifest(self) -> Manifest:
        answer = self.request("GET", "/manifest")
        assert answer.status_code == 200, answer.text
        assert self.delegation is not None
        return open_manifest(answer.content, Verifier.parse(self.delegation.gallery_key))


def claimed_kiosk(
    server: Server, name: str, zone: str = "WIT", sources: tuple[str, ...] = ("sim",), site: str = "Kantor A"
) -> Kiosk:
    parts = server.services()
    with parts.database.write() as connection:
        token = devices.add(
            connection,
            name,
            site=site,
            zone=zone,
            sources=sources,
            root=parts.keyring.root,
            now_ms=parts.clock.now_ms(),
        )
    parts.database.close()
    device = Kiosk.new(server, name)
    answer = device.claim(str(token))
    assert answer.status_code == 200, answer.text
    return device


def enrolment_body(code: str, rows: Sequence[Sequence[float]], embedder: str = "test-2") -> bytes:
    """What a kiosk posts to enrol."""
    templates = [base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode() for row in rows]
    return canonical.encode(
        {"code": code, "embedder": embedder, "dimension": len(rows[0]), "templates": templates, "report": []}
    )
