"""Entries are dated by contacts in their boot; a clock is believed only where a contact confirms it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.attendance.dating import CONTACT, LATENCY_MS, NEIGHBOURS, SERVER, WALL, Contact, Dater, Logged, Moment

A, B, C = "aa" * 16, "bb" * 16, "cc" * 16
START = 1_790_000_000_000
HOUR = 3_600_000


def moment(boot=A, after=HOUR, *, start=START, error=0, clock="synchronised"):
    return Moment(boot, after, start + after + error, clock)


def contact(boot=A, after=2 * HOUR, *, delay=0, start=START, error=0, clock="synchronised"):
    made = moment(boot, after, start=start, error=error, clock=clock)
    return Contact(made, made.wall_ms, start + after + delay)


def logged(*moments, received=START + 10 * HOUR):
    return [Logged(one, received) for one in moments]


def test_a_clock_that_a_contact_confirms_dates_exactly():
    mark = moment()
    dating = Dater([contact()], logged(mark), START).date(mark)
    assert (dating.earliest_ms, dating.latest_ms, dating.basis) == (mark.wall_ms, mark.wall_ms, WALL)


@pytest.mark.parametrize(
    ("entry", "heard"),
    [
        ({"error": 7 * HOUR}, {"error": 7 * HOUR}),
        ({"clock": "free"}, {"clock": "free"}),
        ({"clock": "unset", "error": -START}, {}),
        ({"error": HOUR}, {}),
        ({}, {"clock": "free"}),
    ],
)
def test_any_other_clock_gives_way_to_the_contact(entry, heard):
    mark = moment(**entry)
    dating = Dater([contact(**heard)], logged(mark), START).date(mark)
    assert (dating.latest_ms, dating.basis) == (START + HOUR, CONTACT)
    assert dating.latest_ms - dating.earliest_ms == LATENCY_MS


@given(st.lists(st.integers(0, 40 * HOUR), min_size=1, max_size=5), st.integers(0, LATENCY_MS))
def test_contacts_that_are_held_up_on_the_way_do_not_move_the_date(delays, best):
    mark = moment(error=HOUR)
    contacts = [contact(after=2 * HOUR + number, delay=delay) for number, delay in enumerate([best, *delays])]
    dating = Dater(contacts, logged(mark), START).date(mark)
    assert dating.earliest_ms <= START + HOUR <= dating.latest_ms


def test_a_batch_made_long_before_it_was_signed_is_no_anchor():
    stale = replace(contact(delay=5 * HOUR, error=HOUR), signed_ms=START + 8 * HOUR)
    mark = moment(error=HOUR)
    assert Dater([stale, contact(after=3 * HOUR, error=HOUR)], logged(mark), START).date(mark).latest_ms == START + HOUR


def test_contacts_near_an_entry_date_it_rather_than_those_weeks_away():
    drift = 20_000
    near, far = contact(after=26 * HOUR, clock="free"), contact(after=900 * HOUR, delay=-drift, clock="free")
    mark = moment(after=25 * HOUR, clock="free")
    assert Dater([near, far], logged(mark), START).date(mark).latest_ms == START + 25 * HOUR
    alone = moment(after=800 * HOUR, clock="free")
    assert Dater([near, far], logged(alone), START).date(alone).latest_ms == START + 800 * HOUR - drift


def test_a_boot_without_contact_lies_between_its_neighbours():
    first, lost, last = moment(A, HOUR), moment(B, HOUR, start=START + 3 * HOUR), moment(C, 0, start=START + 9 * HOUR)
    contacts = [contact(A, HOUR), contact(C, HOUR, start=START + 9 * HOUR)]
    dating = Dater(contacts, logged(first, lost, last), START).date(lost)
    assert dating.basis == NEIGHBOURS
    assert dating.earliest_ms == START + HOUR
    assert dating.latest_ms == START + 9 * HOUR
    inside = Dater(contacts, logged(first, lost, moment(B, 3 * HOUR), last), START).date(lost)
    assert inside.latest_ms == START + 7 * HOUR


def test_without_any_contact_the_claim_and_the_receipt_are_the_bounds():
    lost = moment(B, 2 * HOUR)
    dating = Dater([], logged(lost), START).date(lost)
    assert (dating.earliest_ms, dating.latest_ms) == (START, START + 10 * HOUR)


def test_a_log_that_contradicts_itself_is_bounded_by_what_the_server_saw():
    late, early = moment(A, HOUR, start=START + 8 * HOUR), moment(B, HOUR)
    contacts = [contact(A, HOUR, start=START + 8 * HOUR)]
    dating = Dater(contacts, [*logged(late), *logged(early, received=START + 2 * HOUR)], START).date(early)
    assert (dating.earliest_ms, dating.latest_ms) == (START, START + 2 * HOUR)


def test_a_contact_that_contradicts_the_others_widens_the_date_and_moves_nothing():
    mark = moment()
    liar = Contact(moment(after=5 * HOUR), moment(after=5 * HOUR).wall_ms, START + 2 * HOUR)
    dating = Dater([contact(), liar], logged(mark), START).date(mark)
    assert dating.earliest_ms <= START + HOUR - 3 * HOUR
    assert dating.latest_ms >= START + HOUR


@pytest.mark.parametrize("shift", [-2 * HOUR, 7 * HOUR])
def test_what_the_server_saw_bounds_what_the_device_says(shift):
    said = moment(after=3 * HOUR + shift)
    seen = Logged(said, START + 3 * HOUR, contact(after=2 * HOUR))
    dating = Dater([contact(after=4 * HOUR)], [seen], START).date_logged(seen, said.boottime_ms)
    earliest = START + 2 * HOUR - LATENCY_MS
    assert (dating.earliest_ms, dating.latest_ms, dating.basis) == (earliest, START + 3 * HOUR, SERVER)


def test_an_honest_entry_lies_within_what_the_server_saw():
    said = moment(after=2 * HOUR + 60_000)
    seen = Logged(said, START + 3 * HOUR, contact(after=2 * HOUR))
    dating = Dater([contact(after=3 * HOUR)], [seen], START).date_logged(seen, said.boottime_ms - 4000)
    assert (dating.earliest_ms, dating.basis) == (said.wall_ms - 4000, WALL)


def test_two_boots_under_one_name_date_nothing_by_their_boottime():
    log = logged(moment(after=5 * HOUR), moment(after=HOUR))
    dating = Dater([contact()], log, START - HOUR).date(log[1].moment)
    assert dating.basis == NEIGHBOURS
    assert dating.latest_ms - dating.earliest_ms > HOUR
