"""Sync as a model: everything that may go wrong, in any order; `python -m tests.kiosk.sync_model EXAMPLES` tries many.

Real parts: the station's journal, sync with its HTTP client, the server's application and database, SQLite, all in one
process and on real files. Requests go to the application through an adapter of `requests` that loses, cuts, repeats,
delays and reorders them. kill -9 at any write leaves the files as they are at that write; a disk is full from any write
on (both through SQLite's own VFS, `simulation/power/recording.py`). What a power cut leaves: `benchmarks/crash_states`.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from urllib.parse import unquote

import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from requests.adapters import BaseAdapter, HTTPAdapter
from sqlalchemy import select
from urllib3 import HTTPResponse

from kiosk.clock import FrameClock
from kiosk.errors import GalleryError, JournalError, KioskError, SyncError
from kiosk.recognition.gallery import GalleryStore
from kiosk.records.journal import Journal, JournalReader
from kiosk.records.pruning import DAY_MS, prune
from kiosk.sync import Syncer
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import load_device
from protocol.merkle import Frontier
from server import services
from server.app import create_app
from server.database import new_epoch, set_epoch
from server.devices.models import entries, flags
from simulation import office
from simulation.power.recording import FULL, OK, SYNC_FAILED, recording
from tests.local_server import LocalServer

NOW_MS = office.midnight_ms(office.days_of("2026-10")[0])
HOUR_MS = 3_600_000
KEEP_DAYS = 2
CLOCK_MS = HOUR_MS // 2
"""How wrong the server's clock may be: pruning trusts it, as docs/reliability.md says."""
BATCH_ENTRIES = 3
IO_ERROR = 10  # SQLITE_IOERR

FATES = ("lost", "cut", "late", "answered in vain", "answer cut", "answer cut unseen", "twice")
"""What may happen to a request on its way: never arrives, in part, later; its answer does not, or in part; repeated."""
places = st.integers(1, 25)
side_faults = st.one_of(st.none(), st.tuples(st.sampled_from(["killed", "full", "sync fails"]), places))


@dataclass
class Fault:
    """What happens to a side's disk from its `left`-th write or sync on."""

    kind: str
    left: int
    files: Path | None = None  # as kill -9 left them


@dataclass(frozen=True)
class Sent:
    """A request on the network."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class InProcess(BaseAdapter):
    """The way from the kiosk's HTTP client to the server's application."""

    def __init__(self, model: SyncModel) -> None:
        super().__init__()
        self._model = model

    def send(self, request, **_options):
        body = request.body or b""
        sent = Sent(request.method, request.path_url, dict(request.headers), body)
        status, headers, content = self._model.network(sent)
        raw = HTTPResponse(
            BytesIO(content), headers, status, preload_content=False, enforce_content_length=True, reason=""
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self):
        """Nothing is held."""


async def _ask(app, sent: Sent, arrives: int):
    """What an ASGI application answers to a request of whose body only the first bytes arrive."""
    path, _, query = sent.url.partition("?")
    whole = arrives >= len(sent.body)
    coming = [{"type": "http.request", "body": sent.body[:arrives], "more_body": not whole}]
    answer = {"status": 0, "headers": {}, "body": b""}

    async def receive():
        return coming.pop() if coming else {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            answer["headers"] = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer["body"] += message.get("body", b"")

    headers = [(name.lower().encode(), value.encode()) for name, value in sent.headers.items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return answer["status"], answer["headers"], answer["body"]


@cache
def _template() -> TemporaryDirectory:
    """A server and a kiosk that is claimed at it."""
    folder = TemporaryDirectory(prefix="hadir-model-")
    server = LocalServer(Path(folder.name, "server"))
    claim(Path(folder.name, "kiosk"), server.url, server.token("K01"))
    server.close()
    return folder


class SyncModel(RuleBasedStateMachine):
    """A kiosk, its server, and the network between them."""

    syncer_class = Syncer
    keep_days = KEEP_DAYS

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        memory = Path("/dev/shm")
        folder = TemporaryDirectory(prefix="hadir-model-", dir=memory if memory.is_dir() else None)
        self.root = Path(self.stack.enter_context(folder))
        for side in ("server", "kiosk"):
            shutil.copytree(Path(_template().name, side), self.root / side)
        self.loop = asyncio.new_event_loop()
        self.stack.callback(self.loop.close)
        # Boot ids, nonces, epochs: of random ones the same story would not write the same pages.
        drawn = random.Random(0)
        self.stack.enter_context(patch("secrets.token_hex", lambda count: drawn.randbytes(count).hex()))
        self.stack.enter_context(patch("kiosk.records.outbox.BATCH_ENTRIES", BATCH_ENTRIES))
        self.stack.enter_context(patch("kiosk.sync.ask", self._ask_station))
        recorder = self.stack.enter_context(recording(self.root))
        recorder.fault = self._on_disk
        self.faults: dict[str, Fault] = {}
        self.fates: list[tuple[str, int]] = []
        self.seen: list[Sent] = []
        self.saved: dict[int, bytes] = {}
        self.true_ms = NOW_MS
        self.server_error_ms = 0
        self.backups: list[tuple[int, Path]] = []
        self.parts = None
        self.journal: Journal | None = None

    @initialize()
    def start(self):
        self._set_server_clock()
        self._open_server()
        self._open_kiosk()

    # --- what happens

    @rule(count=st.integers(1, 5), fault=side_faults)
    def marks(self, count, fault):
        """The station records; what `append` returns is green."""
        self._plan("kiosk", fault)
        for _ in range(count):
            self.clock.advance(self.clock.now_s + 1.0)
            with suppress(JournalError):
                entry = self.journal.append("camera", {"state": "stalled", "detail": ""})
                self.saved[entry.seq] = entry.encode()
        self._after("kiosk")

    @rule(
        count=st.integers(1, 3),
        fates=st.lists(st.tuples(st.sampled_from(("arrives", *FATES)), places), max_size=4),
        kiosk=side_faults,
        server=side_faults,
    )
    def contacts(self, count, fates, kiosk, server):
        """Sync speaks to the server, over a network that does as it likes."""
        self.fates = list(fates)
        self._plan("kiosk", kiosk)
        self._plan("server", server)
        for _ in range(count):
            with suppress(SyncError, JournalError):
                self.syncer.contact()
        self.fates = []
        self._after("kiosk")
        self._after("server")

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), fault=side_faults)
    def old_request(self, data, fault):
        """A request that was delayed, or was answered already, arrives (again)."""
        self._plan("server", fault)
        self._deliver(data.draw(st.sampled_from(self.seen)))
        self._after("server")

    @rule(who=st.sampled_from(["kiosk", "sync", "server"]))
    def killed_at_rest(self, who):
        if who == "server":
            self.parts.database.close()
            self._open_server()
        elif who == "sync":
            self.syncer.close()
            self._open_sync()
        else:
            self._close_kiosk()
            self._open_kiosk()

    @rule(
        passed_ms=st.sampled_from([0, HOUR_MS, 10 * HOUR_MS, DAY_MS, 50 * HOUR_MS]),
        step_ms=st.sampled_from([0, -400 * DAY_MS, -HOUR_MS, 5_000, 400 * DAY_MS]),
        server_error_ms=st.sampled_from([-CLOCK_MS, 0, CLOCK_MS]),
    )
    def time_passes_and_clocks_step(self, passed_ms, step_ms, server_error_ms):
        self.true_ms += passed_ms
        self.clock.start_wall_ms = max(0, self.clock.start_wall_ms + step_ms)
        self.server_error_ms = server_error_ms
        self._set_server_clock()

    @rule()
    def server_backed_up(self):
        copy = self.root / f"backup-{len(self.backups)}.db"
        shutil.copyfile(self.root / "server" / "server.db", copy)
        self.backups.append((self.true_ms, copy))

    @precondition(lambda self: self._admissible())
    @rule(data=st.data())
    def server_restored(self, data):
        """From a backup that is not older than kiosks are told to wait for."""
        copy = data.draw(st.sampled_from(self._admissible()))
        self.parts.database.close()
        for path in (self.root / "server").glob("server.db*"):
            path.unlink()
        shutil.copyfile(copy, self.root / "server" / "server.db")
        self._open_server()
        with self.parts.database.write() as connection:
            set_epoch(connection, new_epoch())

    # --- what must hold

    @invariant()
    def what_sync_counts_as_acknowledged_is_at_the_server(self):
        if self.parts is None:
            return
        epoch, tree, _ = self.syncer._state.load()
        if epoch == self.parts.database.value("epoch"):
            assert Frontier().append(self._held()[: tree.size]) == tree

    @invariant()
    def the_device_is_not_accused(self):
        if self.parts is None:
            return
        with self.parts.database.read() as connection:
            found = connection.execute(select(flags.c.flag, flags.c.detail)).all()
        # The clocks do differ, whenever a model's hour has passed; and what a restored server lacks is a gap at first.
        assert not [row for row in found if row.flag not in ("clock", "gap")]

    def teardown(self):
        """The network heals: every entry is at the server, once, in order, as it was written."""
        try:
            if self.parts is not None:
                self._heal()
                self.what_sync_counts_as_acknowledged_is_at_the_server()
                self.the_device_is_not_accused()
        finally:
            self._close_kiosk()
            if self.parts is not None:
                self.parts.database.close()
            self.stack.close()

    def _heal(self):
        self.journal.probe()
        contacts = 0
        while self.syncer.contact().backlog:
            contacts += 1
            assert contacts < self.journal.size + 3, "sync does not come to an end"
        held = self._held()
        assert len(held) == self.journal.size
        assert {seq: held[seq] for seq in self.saved} == self.saved
        reader = JournalReader(self.root / "kiosk" / "journal.db") if held else None
        if reader:
            first = reader.base().size
            assert reader.read(first, len(held)) == held[first:]
            reader.close()

    def _held(self) -> list[bytes]:
        with self.parts.database.read() as connection:
            rows = connection.execute(select(entries.c.seq, entries.c.bytes).order_by(entries.c.seq)).all()
        assert [row.seq for row in rows] == list(range(len(rows)))
        return [row.bytes for row in rows]

    # --- the two sides

    def _open_kiosk(self):
        state = self.root / "kiosk"
        self.clock = SteppedClock(self.true_ms)
        self.device = load_device(state)
        self.journal = Journal(state / "journal.db", self.device.name, self.device.signer, self.clock)
        self._open_sync()

    def _open_sync(self):
        state = self.root / "kiosk"
        self.syncer = self.syncer_class(self.device, "http://server", state, self.clock, keep_days=self.keep_days)
        self.syncer._transport._session.mount("http://", InProcess(self))

    def _close_kiosk(self):
        if self.journal is not None:
            self.journal.close()
            self.syncer.close()

    def _open_server(self):
        config = replace(_config(), state_dir=self.root / "server")
        self.parts = services.open_services(config)
        self.app = create_app(self.parts)

    def _set_server_clock(self):
        (self.root / "server" / "simulated-clock").write_text(str(self.true_ms + self.server_error_ms))

    def _admissible(self) -> list[Path]:
        oldest_ms = self.true_ms - KEEP_DAYS * DAY_MS + 2 * CLOCK_MS
        return [copy for made_ms, copy in self.backups if made_ms > oldest_ms]

    def _ask_station(self, _path, command, **values):
        """The station's socket, answered by what the station does."""
        try:
            if command == "prune":
                return prune(self.journal, self.device, self.keep_days, values)
            GalleryStore(self.root / "kiosk", self.device).apply("dlib", 128, self.true_ms)
        except GalleryError as error:
            return {"error": str(error)}
        except OSError as error:
            raise KioskError("the station does not answer") from error
        return {}

    # --- the network

    def network(self, sent: Sent):
        """The answer to a request, if the network lets both through."""
        fate, place = self.fates.pop(0) if self.fates else ("arrives", 0)
        self.seen = [*self.seen[-20:], sent]
        if fate in ("lost", "late"):
            raise requests.ConnectTimeout(fate)
        if fate == "cut":
            self._deliver(sent, arrives=len(sent.body) * place // 26)
            raise requests.ConnectionError(fate)
        status, headers, content = self._deliver(sent)
        if fate == "twice":
            status, headers, content = self._deliver(sent)
        fault = self.faults.get("server")
        if fate == "answered in vain" or (fault is not None and fault.files is not None):
            raise requests.ReadTimeout(fate)
        if fate.startswith("answer cut"):
            content = content[: len(content) * place // 26]
        if fate == "answer cut unseen":
            del headers["content-length"]
        return status, headers, content

    def _deliver(self, sent: Sent, arrives: int = sys.maxsize):
        return self.loop.run_until_complete(_ask(self.app, sent, arrives))

    # --- the disks

    def _plan(self, side: str, fault: tuple[str, int] | None):
        if fault is not None:
            self.faults[side] = Fault(*fault)

    def _on_disk(self, operation: str, path: str) -> int:
        side = path.partition("/")[0]
        fault = self.faults.get(side)
        if fault is None:
            return OK
        fault.left -= 1
        if fault.left > 0:
            return OK
        if fault.kind == "full":
            return FULL if operation == "write" else OK
        if fault.kind == "sync fails":
            return SYNC_FAILED if operation == "sync" and fault.left == 0 else OK
        if fault.files is None:
            fault.files = self.root / f"{side}-killed"
            shutil.copytree(self.root / side, fault.files)
        return IO_ERROR

    def _after(self, side: str):
        """The disk is well again; who was killed starts on what was left."""
        fault = self.faults.get(side)
        if fault is None or fault.files is None:
            self.faults.pop(side, None)
            return
        if side == "kiosk":
            self._close_kiosk()
        else:
            self.parts.database.close()
        del self.faults[side]
        shutil.rmtree(self.root / side)
        fault.files.rename(self.root / side)
        self._open_kiosk() if side == "kiosk" else self._open_server()


class SteppedClock(FrameClock):
    """The shipped simulated clock, whose wall clock may be set anew."""

    def __init__(self, start_wall_ms: int) -> None:
        super().__init__(start_wall_ms)

    @property
    def now_s(self) -> float:
        return self._now_s

    @property
    def start_wall_ms(self) -> int:
        return self._start_wall_ms

    @start_wall_ms.setter
    def start_wall_ms(self, value: int) -> None:
        self._start_wall_ms = value


def _config():
    from server.config import ServerConfig

    return ServerConfig(Path(), "hadir.test.example", clock="simulated")


def try_model(model: type[SyncModel], examples: int, steps: int = 25, **options) -> None:
    """Run so many stories; AssertionError, with the story, for the first that ends badly."""
    run_state_machine_as_test(
        model,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    try_model(SyncModel, count, steps=50, phases=[Phase.generate, Phase.shrink])
    print(f"{count:,} stories of up to 50 steps: each entry at the server once, in order, as it was written")
