"""A device that had nothing left bounds what it sends later; and an honest one is never dated wrongly."""

import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from harness import NOW_MS, Kiosk, claimed_kiosk, make_server
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from test_events import pseudonym

from protocol.request import parse_authorization, sign_request
from server.attendance import devicelog, events
from server.attendance.dating import LATENCY_MS, SERVER
from server.devices import ingest, service
from server.devices.models import devices
from server.errors import Refused
from server.services import Services

HOUR_MS = 3_600_000


@dataclass
class Clock:
    """The server's."""

    time_ms: int = NOW_MS
    kind: str = "simulated"

    def now_ms(self) -> int:
        return self.time_ms


@dataclass
class Honest:
    """A kiosk that records and sends what happens; `seen`: when each presence was, by its place in the log."""

    parts: Services
    kiosk: Kiosk
    person: str
    now_ms: int = NOW_MS
    acknowledged: int = 0
    carried: int = 0
    seen: dict[int, int] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    held_up: list[tuple[str, bytes]] = field(default_factory=list)

    def boot(self) -> None:
        self.kiosk.boot, self.kiosk.booted_ms = f"{len(self.kiosk.entries):032x}", self.now_ms
        self.kiosk.record(at_ms=self.now_ms)

    def mark(self) -> None:
        self.seen[len(self.kiosk.entries)] = self.now_ms
        self.kiosk.mark(self.person, self.now_ms)
        self.now_ms += 3000

    def request(self, method: str = "POST") -> tuple[str, bytes]:
        first = max(self.acknowledged, self.carried) if method == "CARRY" else self.acknowledged
        body = self.kiosk.batch(first, sent_ms=self.now_ms)
        path = f"/v1/devices/{self.kiosk.name}/batches"
        wall_ms = self.now_ms + self.kiosk.wall_error_ms
        return sign_request(self.kiosk.signer, self.kiosk.name, method, path, body, wall_ms), body

    def receive(self, request: tuple[str, bytes], *, carried: bool = False) -> ingest.Outcome:
        with self.parts.database.read() as connection:
            device = service.device(connection, self.kiosk.name)
        signature = parse_authorization(request[0])
        self.clock.time_ms = self.now_ms
        return ingest.receive(
            self.parts.database, self.parts.keyring.log, device, signature, request[1], self.clock, carried=carried
        )

    def sync(self, delay_ms: int = 0, *, answered: bool = True) -> ingest.Outcome:
        request = self.request()
        self.now_ms += delay_ms
        outcome = self.receive(request)
        if answered:
            self.acknowledged = outcome.cursor.size
        return outcome

    def carry(self) -> None:
        request = self.request("CARRY")
        self.now_ms += HOUR_MS
        self.carried = self.receive(request, carried=True).cursor.size

    def keep_copy(self, name: str = "copy") -> None:
        self.parts.database.close()
        shutil.copyfile(self.parts.database.path, self.parts.database.path.with_suffix(f".{name}"))

    def restore(self, name: str = "copy") -> None:
        self.parts.database.close()
        shutil.copyfile(self.parts.database.path.with_suffix(f".{name}"), self.parts.database.path)
        self.carried = 0

    def dated(self) -> dict[int, events.Mark]:
        """As for a month; of this device alone, which is quicker."""
        with self.parts.database.read() as connection:
            query = select(devices.c.device, devices.c.claimed_ms).where(devices.c.device == self.kiosk.name)
            device = connection.execute(query).mappings().one()
            log = devicelog.read(connection, device, 0, 2**52)
            found = list(events.judged(connection, device, {self.person: "E2"}, log.entries, log.dater, 2**52))
        return {mark.seq: mark for mark in found if isinstance(mark, events.Mark)}


@pytest.fixture(scope="module")
def claimed(tmp_path_factory):
    """A kiosk that was claimed, its server stopped: what a test does to the database concerns nobody else."""
    server = make_server(tmp_path_factory.mktemp("server"))
    process = server.start()
    try:
        kiosk = claimed_kiosk(server, "K01")
    finally:
        process.terminate()
        process.communicate()
    made = Honest(server.services(), kiosk, pseudonym(server, "E2"))
    made.keep_copy("claimed")
    yield made
    made.parts.database.close()


def fresh(claimed: Honest) -> Honest:
    """The same kiosk as it was when it was claimed, started."""
    made = Honest(claimed.parts, replace(claimed.kiosk, entries=[]), claimed.person)
    made.restore("claimed")
    made.boot()
    return made


@pytest.fixture
def honest(claimed):
    return fresh(claimed)


def check(honest: Honest) -> None:
    for seq, mark in honest.dated().items():
        assert mark.dating.earliest_ms <= honest.seen[seq] <= mark.dating.latest_ms, mark
        assert mark.dating.basis != SERVER


def test_what_a_restored_server_gets_again_is_dated_as_before(honest):
    honest.sync()
    honest.keep_copy()
    for _ in range(3):
        honest.now_ms += HOUR_MS
        honest.mark()
        honest.sync(5000)
    before = honest.dated()
    honest.now_ms += 6 * HOUR_MS
    honest.restore()
    assert "are missing here" in honest.sync().problem
    honest.now_ms += 1000
    assert honest.sync().problem == ""
    after = honest.dated()
    assert {seq: mark.dating for seq, mark in after.items()} == {seq: mark.dating for seq, mark in before.items()}
    assert len(after) == 3
    check(honest)


def test_a_request_that_was_held_up_dates_nothing_by_when_it_came(honest):
    honest.sync()
    honest.now_ms += HOUR_MS
    stalled = honest.request()
    honest.now_ms += 8000
    honest.mark()
    honest.now_ms += 90_000
    honest.receive(stalled)
    honest.now_ms += 5000
    honest.sync()
    assert len(honest.dated()) == 1
    check(honest)


@pytest.mark.parametrize("status", [{}, {"backlog": 1}, {"backlog": "none"}])
def test_what_is_written_back_to_before_the_device_had_nothing_left_is_dated_after_it(honest, status):
    honest.kiosk.status = status
    honest.sync()
    morning_ms = honest.now_ms + 60_000
    for _ in range(8):
        honest.now_ms += HOUR_MS
        honest.sync()
    empty_ms = honest.now_ms
    honest.now_ms += 60_000
    honest.kiosk.mark(honest.person, morning_ms)
    honest.sync()
    (mark,) = honest.dated().values()
    assert mark.dating.basis == SERVER
    assert empty_ms - LATENCY_MS - 2000 <= mark.dating.earliest_ms <= mark.dating.latest_ms <= honest.now_ms


def test_a_boot_without_contact_came_after_the_device_had_nothing_left(honest):
    honest.now_ms += HOUR_MS
    honest.sync()
    empty_ms = honest.now_ms
    honest.now_ms += HOUR_MS
    honest.boot()
    honest.now_ms += HOUR_MS
    honest.mark()
    honest.boot()
    honest.sync()
    (mark,) = honest.dated().values()
    assert empty_ms - 75_000 <= mark.dating.earliest_ms
    check(honest)


_DELAYS = st.one_of(st.integers(0, 900), st.integers(0, LATENCY_MS))
_CLOCKS = st.sampled_from(
    [(0, "synchronised"), (0, "free"), (7 * HOUR_MS, "synchronised"), (-5 * HOUR_MS, "free"), (-NOW_MS, "unset")]
)
_EVENTS = st.lists(
    st.one_of(
        st.just(("mark", 0)),
        st.tuples(st.just("sync"), _DELAYS),
        st.tuples(st.just("lost answer"), _DELAYS),
        st.tuples(st.just("hours"), st.integers(1, 9 * HOUR_MS)),
        st.tuples(st.just("clock"), _CLOCKS),
        st.sampled_from([("boot", 0), ("carry", 0), ("keep_copy", 0), ("restore", 0), ("held up", 0), ("arrives", 0)]),
    ),
    min_size=4,
    max_size=24,
)


@settings(deadline=None, max_examples=25)
@given(_EVENTS)
def test_an_honest_device_is_never_dated_wrongly(claimed, steps):
    honest = fresh(claimed)
    honest.keep_copy()
    for step, value in [*steps, ("mark", 0), ("sync", 0), ("sync", 0)]:
        honest.now_ms += 1000
        if step == "hours":
            honest.now_ms += value
        elif step == "clock":
            honest.kiosk.wall_error_ms, honest.kiosk.clock = value
        elif step in ("sync", "lost answer"):
            honest.sync(value, answered=step == "sync")
        elif step == "held up":
            honest.sync()  # that each boot has a contact which was not
            honest.held_up.append(honest.request())
        elif step == "arrives":
            for request in honest.held_up:
                with suppress(Refused):  # overtaken
                    honest.receive(request)
            honest.held_up.clear()
        else:
            getattr(honest, step)()
        if step in ("restore", "sync"):
            check(honest)
    check(honest)
    assert set(honest.dated()) == set(honest.seen)
