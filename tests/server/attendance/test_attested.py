"""Attested marks at the server: what an entry must show to count, who may give his word, and how often a month."""

from datetime import date
from itertools import count

import pytest
from harness import NOW_MS, claimed_kiosk, make_server
from test_events import heard, pseudonym

from server.attendance import attested
from server.errors import Refused
from server.people import grants
from server.people import service as people

_names = count(1)
SECOND = 1000


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A server of its own, with two supervisors of whom nobody else's tests know."""
    server = make_server(tmp_path_factory.mktemp("attested"))
    process = server.start()
    parts = server.services()
    with parts.database.write() as connection:
        for name, employee in (("sita", "E3"), ("toto", "E4")):
            people.add_officer(connection, people.Officer(name, name.title(), "", employee), NOW_MS)
            grants.give(connection, name, "supervisor", valid_from=date(2026, 10, 1), now_ms=NOW_MS)
    parts.database.close()
    yield server
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture
def kiosk(office):
    return claimed_kiosk(office, f"S{next(_names)}", sources=("sim", "attested"))


def attest(kiosk, at_ms, *, whom="E2", colleague="E1", supervisor="E3", **change):
    """As `Kiosk.attested`, of employees."""
    kiosk.attested(at_ms, *(pseudonym(kiosk.server, name) for name in (whom, colleague, supervisor)), **change)


def one_of(kiosk, seq):
    """What became of an entry: a mark or why not."""
    found = heard(kiosk)
    return next(one for one in (*found.marks, *found.uncounted) if one.seq == seq)


def test_two_words_make_a_mark_that_says_whose(kiosk):
    attest(kiosk, NOW_MS - 60 * SECOND)
    assert kiosk.send(0).status_code == 200
    mark = one_of(kiosk, 3)
    assert (mark.employee_id, mark.source, mark.colleague, mark.supervisor) == ("E2", "attested", "E1", "E3")
    assert mark.dating.latest_ms == NOW_MS - 60 * SECOND, "it is dated by the first try"
    shown = kiosk.server.command("dating", "show", f"{kiosk.name}/3")
    assert shown.code == 0, shown.err


def test_a_look_alike_without_a_card_who_was_live_may_be_stood_for(kiosk):
    attest(kiosk, NOW_MS - 60 * SECOND, refusal={"liveness": "live", "reasons": ["no card was shown"]})
    assert kiosk.send(0).status_code == 200
    assert one_of(kiosk, 3).supervisor == "E3"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"whom": "E1"}, "not three employees"),
        ({"whom": "E3"}, "not three employees"),
        ({"colleague": "E3"}, "not three employees"),
        ({"colleague": "E3", "supervisor": "E1"}, "E1 was no supervisor on 2026-10-02"),
        ({"apart_ms": 51 * SECOND}, "the mark of the colleague is more than a minute older"),
        ({"entry": {"colleague": 0}}, "no live mark of a colleague"),
        ({"entry": {"supervisor": 0}}, "no live mark of a supervisor"),
        ({"entry": {"first_try": 1}}, "no try of this person"),
        ({"entry": {"source": "file"}}, "camera file is not allowed"),
        ({"entry": {"source": "attested"}}, "camera attested is not allowed"),
        ({"entry": {"presented_boottime_ms": 5}}, "not those of the try"),
        ({"refusal": {"liveness": "attack"}}, "was not undetermined but attack"),
        ({"refusal": {"liveness": "live", "decision": "refused", "card": 3}}, "was not undetermined but live"),
        ({"refusal": {"person": None}}, "no try of this person"),
    ],
)
def test_a_word_that_cannot_be_given_makes_no_mark(kiosk, change, reason):
    attest(kiosk, NOW_MS - 100 * SECOND, **change)
    assert kiosk.send(0).status_code == 200
    assert reason in one_of(kiosk, 3).reason


def test_marks_of_another_boot_are_nobodys_word(kiosk):
    attest(kiosk, NOW_MS - 100 * SECOND)
    del kiosk.entries[3]
    kiosk.boot = "0e" * 16
    body = {"person": pseudonym(kiosk.server, "E2"), "source": "sim", "gallery": 1, "tries": 1, "first_try": 0}
    presented = NOW_MS - 100 * SECOND - kiosk.booted_ms
    kiosk.record("attested", NOW_MS - 70 * SECOND, presented_boottime_ms=presented, colleague=1, supervisor=2, **body)
    assert kiosk.send(0).status_code == 200
    assert "no try of this person" in one_of(kiosk, 3).reason


def test_where_the_manifest_allows_none_none_counts(office):
    kiosk = claimed_kiosk(office, f"S{next(_names)}")
    attest(kiosk, NOW_MS - 60 * SECOND)
    assert kiosk.send(0).status_code == 200
    assert "lets no attested marks count" in one_of(kiosk, 3).reason


def state_limit(server, marks, document="SE/4"):
    parts = server.services()
    try:
        with parts.database.write() as connection:
            attested.state_limit(connection, marks, by="joko", document=document, now_ms=NOW_MS)
    finally:
        parts.database.close()


def test_what_a_supervisor_attests_beyond_the_limit_does_not_count_until_another_is_stated(office, kiosk):
    with pytest.raises(Refused, match="document"):
        state_limit(office, 1, document="")
    state_limit(office, 1)
    for seconds in (200, 100):
        attest(kiosk, NOW_MS - seconds * SECOND, supervisor="E4")
    assert kiosk.send(0).status_code == 200
    assert "beyond the 1 marks that E4 attests in 2026-10" in one_of(kiosk, 7).reason
    assert one_of(kiosk, 3).supervisor == "E4", "the earliest count"
    state_limit(office, 20)
    assert one_of(kiosk, 7).supervisor == "E4"
