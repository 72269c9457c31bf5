"""Of contacts that say nothing new only the last is kept; datings do not notice it, and replays stay refused."""

import json
from itertools import count

import pytest
from harness import NOW_MS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from protocol.request import parse_authorization
from server.attendance.dating import LATENCY_MS, Contact, Dater, Logged, Moment
from server.devices import ingest
from server.devices import service as devices
from server.devices.models import contacts
from server.devices.settling import settle
from server.errors import Refused

HOUR_MS = 3_600_000
BOOTS = ("0a" * 16, "0b" * 16)
_nonces = count()


def heard(kiosk, boot, boottime_ms, server_ms, *, wall_error_ms=0, backlog=0, clock="synchronised"):
    """A row of contacts."""
    wall_ms = NOW_MS + boottime_ms + wall_error_ms
    made = {"boot": boot, "boottime_ms": boottime_ms, "wall_ms": wall_ms, "clock": clock, "signed_ms": wall_ms}
    told = {"server_ms": server_ms, "server_clock": "simulated", "status": json.dumps({"backlog": backlog})}
    return {"device": kiosk.name, "nonce": f"{next(_nonces):032x}"} | made | told


_SECONDS = st.sampled_from([1, 15, 15, 15, 15, 900, 2700])
_DELAYS = st.one_of(st.integers(0, 900), st.integers(0, 3 * LATENCY_MS), st.just(7 * HOUR_MS))
_STEPS = st.lists(
    st.tuples(_SECONDS, _DELAYS, st.integers(0, 19), st.integers(0, 9), st.sampled_from([0, 0, 0, 25_000_000])),
    min_size=1,
    max_size=40,
)


def dated(rows):
    """What rows of contacts say of some moments of both boots."""
    log = [
        Logged(Moment(boot, after_ms, NOW_MS + after_ms, "synchronised"), NOW_MS + 99 * HOUR_MS)
        for boot in BOOTS
        for after_ms in (0, HOUR_MS, 30 * HOUR_MS)
    ]
    dater = Dater([Contact.of(row) for row in rows], log, NOW_MS)
    return [dater.date(one.moment) for one in log]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_STEPS)
def test_entries_are_dated_as_by_all_contacts_whatever_the_cutoff(kiosk, steps):
    parts = kiosk.server.services()
    every = []
    with parts.database.write() as connection:
        undo = connection.begin_nested()
        boot, boottime_ms = 0, 0
        for seconds, delay_ms, restart, busy, wall_error_ms in steps:
            if restart == 0 and boot == 0:
                boot, boottime_ms = 1, 0
            boottime_ms += 1000 * seconds
            row = heard(
                kiosk,
                BOOTS[boot],
                boottime_ms,
                max([NOW_MS + boottime_ms + delay_ms, *(one["server_ms"] for one in every)]),
                wall_error_ms=wall_error_ms,
                backlog=int(busy == 1),
            )
            number = connection.execute(contacts.insert().returning(contacts.c.contact), row).scalar_one()
            every.append(row | {"contact": number})
            settle(connection, number, accepted=busy != 2)
        query = select(contacts).where(contacts.c.device == kiosk.name).order_by(contacts.c.contact)
        kept = [dict(row) for row in connection.execute(query).mappings()]
        undo.rollback()
    parts.database.close()
    assert kept[-1] == every[-1]
    for cutoff_ms in {row["server_ms"] for row in every}:
        both = [[row for row in rows if row["server_ms"] <= cutoff_ms] for rows in (every, kept)]
        assert dated(both[0]) == dated(both[1])
        assert {one["server_ms"] // HOUR_MS for one in both[0]} >= {one["server_ms"] // HOUR_MS for one in both[1]}
    of_hour = {(row["boot"], row["server_ms"] // HOUR_MS): row for row in every}
    assert all(row in kept for row in of_hour.values())
    assert all(row in kept for row in every if json.loads(row["status"])["backlog"])


def kept(kiosk):
    parts = kiosk.server.services()
    with parts.database.read() as connection:
        query = select(contacts).where(contacts.c.device == kiosk.name).order_by(contacts.c.contact)
        rows = connection.execute(query).mappings().all()
    parts.database.close()
    return rows


def test_a_kiosk_that_has_nothing_to_say_leaves_two_contacts_an_hour_and_those_around_its_entries(kiosk):
    at_ms = NOW_MS // HOUR_MS * HOUR_MS + HOUR_MS
    kiosk.booted_ms = at_ms - HOUR_MS
    try:
        for number in range(8):
            if number == 5:
                kiosk.record(at_ms=at_ms)
            kiosk.server.set_clock(at_ms + 15_000 * number)
            assert kiosk.send(0, sent_ms=at_ms + 15_000 * number).status_code == 200
    finally:
        kiosk.server.set_clock(NOW_MS)
    # The first of the hour, the last before the entry, the one that brought it, and the last.
    assert [(row["server_ms"] - at_ms) // 15_000 for row in kept(kiosk)] == [0, 4, 5, 7]


def test_a_contact_that_brought_entries_stays_though_the_server_s_clock_was_set_back_after_it(kiosk):
    at_ms = NOW_MS // HOUR_MS * HOUR_MS + HOUR_MS
    kiosk.booted_ms = at_ms - HOUR_MS
    try:
        for seconds, back_s, brought in ((60, 0, 1), (75, 30, 2), (76, 30, 0), (77, 30, 0), (78, 30, 0)):
            if brought:
                kiosk.record(at_ms=at_ms + 1000 * seconds)
            kiosk.server.set_clock(at_ms + 1000 * (seconds - back_s))
            held = max(0, len(kiosk.entries) - 1) if brought else len(kiosk.entries)
            assert kiosk.send(held, sent_ms=at_ms + 1000 * seconds).status_code == 200
    finally:
        kiosk.server.set_clock(NOW_MS)
    assert [(row["server_ms"] - at_ms) // 1000 for row in kept(kiosk)][:2] == [60, 45]


def test_a_request_whose_nonce_was_forgotten_is_refused_all_the_same(kiosk):
    requests = []
    for moment_ms in range(NOW_MS, NOW_MS + 800, 200):
        answer = kiosk.send(0, sent_ms=moment_ms)
        assert answer.status_code == 200
        requests.append(answer.request)
    assert len(kept(kiosk)) == 2
    parts = kiosk.server.services()  # another process: that one remembers the last nonces
    with parts.database.read() as connection:
        device = devices.device(connection, kiosk.name)
    for sent in requests:
        signature = parse_authorization(sent.headers["Authorization"])
        with pytest.raises(Refused, match="heard before"):
            ingest.receive(parts.database, parts.keyring.log, device, signature, sent.content, parts.clock)
    parts.database.close()
    assert len(kept(kiosk)) == 2


def test_what_was_overtaken_is_refused_only_where_it_brings_nothing(kiosk):
    kiosk.record()
    assert kiosk.send(0, sent_ms=NOW_MS + 60_000).status_code == 200
    assert kiosk.send(1).status_code == 403
    kiosk.record()
    assert kiosk.send(1).status_code == 200
    assert len(kept(kiosk)) == 2


def test_an_overtaken_contact_says_so(kiosk):
    parts = kiosk.server.services()
    with parts.database.write() as connection:
        numbers = [
            connection.execute(
                contacts.insert().returning(contacts.c.contact), heard(kiosk, BOOTS[0], made, NOW_MS)
            ).scalar_one()
            for made in (2000, 1000)
        ]
        with pytest.raises(Refused, match="later request of the same boot"):
            settle(connection, numbers[1], accepted=True)
    parts.database.close()
