"""Presences become marks of employees; what does not count is listed with the reason."""

from datetime import UTC, datetime
from random import Random

import pytest
from harness import NOW_MS, claimed_kiosk
from sqlalchemy import update

from server.attendance import events
from server.devices.models import contacts, devices, entries
from server.errors import Conflict
from server.people import service as people

DAY, HOUR = 86_400_000, 3_600_000


def pseudonym(server, employee):
    parts = server.services()
    with parts.database.read() as connection:
        name = people.pseudonyms(connection)[employee]
    parts.database.close()
    return name


def heard(kiosk, first=NOW_MS - DAY, last=NOW_MS + DAY, cutoff=NOW_MS):
    parts = kiosk.server.services()
    with parts.database.read() as connection:
        found = events.between(connection, first, last, cutoff)
    parts.database.close()
    own = [tuple(one for one in group if one.device == kiosk.name) for group in (found.marks, found.undated)]
    return events.Events(*own, tuple(one for one in found.uncounted if one.device == kiosk.name))


def test_a_presence_is_a_mark_at_the_moment_of_presentation(kiosk):
    kiosk.record()
    kiosk.mark(pseudonym(kiosk.server, "E2"), NOW_MS - 60_000, committed_after_ms=4000)
    assert kiosk.send(0).status_code == 200
    (mark,) = heard(kiosk).marks
    assert (mark.employee_id, mark.site, mark.source) == ("E2", "Kantor A", "sim")
    table = heard(kiosk).table()
    assert table["at"].to_pylist() == [datetime.fromtimestamp((NOW_MS - 60_000) / 1000, UTC)]
    assert table["entry"].to_pylist() == [f"{kiosk.name}/1"]


def test_a_wrong_clock_gives_an_interval_around_the_truth(kiosk):
    kiosk.wall_error_ms, kiosk.clock = -26_000_000, "free"
    kiosk.mark(pseudonym(kiosk.server, "E2"), NOW_MS - 60_000)
    assert kiosk.send(0).status_code == 200
    row = heard(kiosk).table().to_pylist()[0]
    assert row["at"] is None
    assert row["at_earliest"] <= datetime.fromtimestamp((NOW_MS - 60_000) / 1000, UTC) <= row["at_latest"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"source": "file"}, "camera file is not allowed"), ({"person": "00" * 16}, "nobody's")],
)
def test_what_does_not_count_is_listed(kiosk, change, reason):
    kiosk.mark(**({"person": pseudonym(kiosk.server, "E2"), "at_ms": NOW_MS - 1000} | change))
    assert kiosk.send(0, sent_ms=NOW_MS + 2000).status_code == 200
    found = heard(kiosk)
    assert not found.marks
    assert reason in found.uncounted[0].reason


def test_what_a_lost_device_recorded_after_the_loss_does_not_count(running):
    kiosk = claimed_kiosk(running, "LOST")
    kiosk.booted_ms -= DAY
    person = pseudonym(running, "E2")
    for ago in (5, 1):
        kiosk.mark(person, NOW_MS - ago * 3_600_000)
    assert kiosk.send(0).status_code == 200
    assert running.command("revoke", "LOST", "--reason", "stolen", "--since", "3h").code == 0
    found = heard(kiosk)
    assert [mark.seq for mark in found.marks] == [0]
    assert "after the loss" in found.uncounted[0].reason


def test_a_loss_counts_from_when_it_was_known_and_from_the_moment_it_was_last_said_to_be(running):
    kiosk = claimed_kiosk(running, "LOST2")
    kiosk.booted_ms -= DAY
    person = pseudonym(running, "E2")
    for ago in (5, 3, 1):
        kiosk.mark(person, NOW_MS - ago * 3_600_000)
    assert kiosk.send(0).status_code == 200
    try:
        for after_ms, since in (
            (1000, "2h"),
            (2000, datetime.fromtimestamp(NOW_MS / 1000 - 4 * 3600, UTC).isoformat()),
        ):
            running.set_clock(NOW_MS + after_ms)
            assert running.command("revoke", "LOST2", "--reason", "stolen", "--since", since).code == 0
    finally:
        running.set_clock(NOW_MS)
    assert [mark.seq for mark in heard(kiosk, cutoff=NOW_MS + 999).marks] == [0, 1, 2]
    assert [mark.seq for mark in heard(kiosk, cutoff=NOW_MS + 1000).marks] == [0, 1]
    found = heard(kiosk, cutoff=NOW_MS + 2000)
    assert [mark.seq for mark in found.marks] == [0]
    assert [one.seq for one in found.uncounted] == [1, 2]


def test_a_boot_without_contact_is_not_computed_with_when_it_may_be_any_of_two_days(kiosk):
    kiosk.boot = "0c" * 16
    kiosk.mark(pseudonym(kiosk.server, "E2"), NOW_MS - 60_000)
    kiosk.boot = "0d" * 16
    kiosk.booted_ms = NOW_MS
    kiosk.server.set_clock(NOW_MS + DAY)
    assert kiosk.send(0, sent_ms=NOW_MS + DAY).status_code == 200
    kiosk.server.set_clock(NOW_MS)
    found = heard(kiosk, cutoff=NOW_MS + DAY)
    assert (len(found.marks), [mark.employee_id for mark in found.undated]) == (0, ["E2"])


def test_what_was_received_after_the_cutoff_or_lies_outside_the_span_is_not_seen(kiosk):
    kiosk.mark(pseudonym(kiosk.server, "E2"), NOW_MS - 60_000)
    assert kiosk.send(0).status_code == 200
    assert heard(kiosk).marks
    assert not heard(kiosk, cutoff=NOW_MS - 1).marks
    assert not heard(kiosk, last=NOW_MS - 120_000).marks


@pytest.mark.parametrize("backlog", [0, 1])
@pytest.mark.parametrize("seed", range(3))
def test_a_span_of_time_is_read_as_if_all_were(running, seed, backlog):
    kiosk, draw = claimed_kiosk(running, f"W{seed}{backlog}"), Random(seed)
    person, now_ms, sent, moments = pseudonym(running, "E2"), NOW_MS, 0, []
    kiosk.booted_ms = now_ms - 1000
    try:
        for number in range(60):
            event = "call" if number == 59 else draw.choice(["mark", "mark", "hours", "boot", "boot", "call"])
            now_ms += draw.randrange(1, 9) * HOUR if event == "hours" else 60_000
            if event == "mark":
                kiosk.mark(person, now_ms)
                moments.append(now_ms)
            elif event == "boot":
                kiosk.boot, kiosk.booted_ms = f"{number:032x}", now_ms
            elif event == "call":
                running.set_clock(now_ms + 3000)
                assert kiosk.send(sent, sent_ms=now_ms + 3000).status_code == 200
                sent = len(kiosk.entries)
    finally:
        running.set_clock(NOW_MS)
    if backlog:  # then nothing but the log's order bounds a boot without contact
        parts = running.services()
        with parts.database.write() as connection:
            told = update(contacts).where(contacts.c.device == kiosk.name)
            connection.execute(told.values(status=f'{{"waiting": {backlog}}}'))
        parts.database.close()
    whole = heard(kiosk, 0, now_ms, now_ms + DAY)
    assert len(whole.marks) + len(whole.undated) == len(moments)
    for first_ms in moments:
        part = heard(kiosk, first_ms, first_ms + 12 * HOUR, now_ms + DAY)
        for every, some in ((whole.marks, part.marks), (whole.undated, part.undated)):
            within = [one for one in every if one.dating.latest_ms >= first_ms]
            assert list(some) == [one for one in within if one.dating.earliest_ms <= first_ms + 12 * HOUR]


def test_what_was_received_before_a_span_of_time_is_not_looked_at_and_what_came_in_it_is_verified(kiosk):
    person = pseudonym(kiosk.server, "E2")
    for day in range(2):
        kiosk.server.set_clock(NOW_MS + day * DAY)
        kiosk.mark(person, NOW_MS + day * DAY - 60_000)
        assert kiosk.send(day, sent_ms=NOW_MS + day * DAY).status_code == 200
    kiosk.server.set_clock(NOW_MS)
    parts = kiosk.server.services()
    for seq, span in ((0, (NOW_MS + DAY // 2, NOW_MS + DAY)), (1, (NOW_MS - DAY, NOW_MS + DAY))):
        row = (entries.c.device == kiosk.name) & (entries.c.seq == seq)
        with parts.database.write() as connection:
            undo = connection.begin_nested()
            connection.execute(update(entries).where(row).values(bytes=b"{}"))
            if seq == 0:
                found = events.between(connection, *span, NOW_MS + DAY)
                assert [mark.seq for mark in found.marks if mark.device == kiosk.name] == [1]
            else:
                with pytest.raises(Conflict, match=f"log of {kiosk.name} as stored"):
                    events.between(connection, *span, NOW_MS + DAY)
            undo.rollback()
    parts.database.close()


def test_a_server_whose_clock_was_ahead_for_a_while_still_reads_the_month(kiosk):
    person = pseudonym(kiosk.server, "E2")
    for seq, ahead_ms in enumerate((0, 300 * DAY, 0)):
        now_ms = NOW_MS + seq * HOUR
        kiosk.server.set_clock(now_ms + ahead_ms)
        kiosk.mark(person, now_ms - 60_000)
        assert kiosk.send(seq, sent_ms=now_ms).status_code == 200
    kiosk.server.set_clock(NOW_MS)
    found = heard(kiosk, last=NOW_MS + DAY, cutoff=NOW_MS + DAY)
    assert [mark.seq for mark in (*found.marks, *found.undated)] == [0, 1, 2]
    assert [mark.seq for mark in heard(kiosk, cutoff=NOW_MS + HOUR).marks] == [0], "of what came since nobody knew"


def test_no_forgotten_claim_takes_a_device_out_of_a_month(kiosk):
    kiosk.record()
    kiosk.mark(pseudonym(kiosk.server, "E2"), NOW_MS - 60_000)
    assert kiosk.send(0).status_code == 200
    before = heard(kiosk)
    assert [mark.seq for mark in before.marks] == [1]
    parts = kiosk.server.services()
    with parts.database.write() as connection:
        connection.execute(update(devices).where(devices.c.device == kiosk.name).values(claimed_ms=None))
    parts.database.close()
    after = heard(kiosk)
    assert [mark.seq for mark in (*after.marks, *after.undated)] == [1]  # and the month of its person waits


@pytest.mark.parametrize("column", ["kind", "quarantined"])
def test_no_column_beside_an_entry_takes_a_mark_away(kiosk, column):
    kiosk.record()
    kiosk.mark(pseudonym(kiosk.server, "E2"), NOW_MS - 60_000)
    kiosk.entries[1] = kiosk.entries[1].replace(b'"prompts":["blink"]', b'"prompts":[]')
    kiosk.record("clock_step", step_ms=99_000)
    assert kiosk.send(0).status_code == 200
    before = heard(kiosk)
    assert [mark.seq for mark in before.marks] == [1]
    parts = kiosk.server.services()
    with parts.database.write() as connection:
        connection.execute(update(entries).where(entries.c.device == kiosk.name).values({column: "x"}))
    parts.database.close()
    assert heard(kiosk) == before
    alerts = kiosk.server.command("alerts").out
    about = {
        line.split()[1].strip(",")
        for line in alerts.splitlines()
        if f" {kiosk.name} " in line or f"{kiosk.name}:" in line
    }
    assert about == {"unprompted", "clock_step"}, alerts
    shown = kiosk.server.command("dating", "show", f"{kiosk.name}/1")
    assert (shown.code, "Counts: yes" in shown.out) == (0, True), shown
