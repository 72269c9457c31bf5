"""Orders, leave and corrections pass from one hand to another; nobody decides their own or their superior's."""

from __future__ import annotations

import shutil
from hashlib import sha256

import pytest
from harness import Server
from made_office import MONTH, at, make_office
from made_office import refused as refused_at
from made_office import said as said_at

from server import facts
from server.allowance import month as months
from server.orders.models import CORRECTIONS, LEAVE, ORDERS

NOW = "2026-11-02T09:00"
KINDS = {"orders": ORDERS, "corrections": CORRECTIONS}
ISSUE = (
    "order", "issue", "ST-7", "--people", "B1,B2", "--from", "2026-10-06", "--to", "2026-10-07",
    "--place", "Masohi", "--document", "094/7", "--tasks", "supervision",
)  # fmt: skip
REQUEST = ("correction", "request", "B1", "other", "--from", "2026-10-06", "--to", "2026-10-06", "--document", "K/1")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Server:
    return make_office(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def office(made, tmp_path) -> Server:
    shutil.copytree(made.directory, tmp_path / "office")
    return Server(tmp_path / "office")


def said(office: Server, *arguments: str) -> str:
    return said_at(office, NOW, *arguments)


def refused(office: Server, *arguments: str) -> str:
    return refused_at(office, NOW, *arguments)


def listed(office: Server, what: str) -> list[dict]:
    """Facts as known now; of leave only what these tests ask for."""
    parts = office.services()
    with parts.database.read() as connection:
        kind = KINDS.get(what, LEAVE)
        rows = [row for row in facts.as_of(connection, kind, at(NOW)) if row["recorded_by"] != "setup"]
    parts.database.close()
    return rows


def days(office: Server) -> list[dict]:
    parts = office.services()
    with parts.database.read() as connection:
        (run,) = months.latest_runs(connection, MONTH)
        rows = months.table_of(connection, run["run"], "days").to_pylist()
    parts.database.close()
    return rows


def states(office: Server, number: str = "ST-7") -> dict[str, str]:
    return {row["employee_id"]: row["status"] for row in listed(office, "orders") if row["order_id"] == number}


def test_an_order_goes_from_issue_to_confirmation_and_keeps_its_evidence(office, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a picture")
    said(office, *ISSUE, "--by", "hana")
    said(office, "order", "accept", "ST-7", "--by", "budi")
    report = ("order", "report", "ST-7", "--text", "done", "--evidence", str(photo), "--by", "budi")
    said(office, *report)
    assert states(office) == {"B1": "reported", "B2": "issued"}
    said(office, "order", "confirm", "ST-7", "--employee", "B1", "--by", "hana")
    assert states(office) == {"B1": "confirmed", "B2": "issued"}
    shown = said(office, "order", "list", "--all")
    assert sha256(b"a picture").hexdigest()[:20] in shown.replace("\n", "")
    assert "supervision" in shown
    assert "1 orders" in said(office, "order", "list")


@pytest.mark.parametrize(
    ("steps", "last", "message"),
    [
        ((), (*ISSUE, "--by", "budi"), "the grant head or hr for agency dinkes is missing"),
        ((), (*ISSUE[:4], "H1", *ISSUE[5:], "--by", "hana"), "of oneself"),
        ((), (*ISSUE[:4], "K1", *ISSUE[5:], "--by", "rina"), "of the superior K1"),
        ((), (*ISSUE[:4], "X9", *ISSUE[5:], "--by", "joko"), "there is no employee 'X9'"),
        ((), (*ISSUE[:8], "2026-10-05", *ISSUE[9:], "--by", "hana"), "must go forward"),
        (((*ISSUE, "--by", "hana"),), (*ISSUE, "--by", "hana"), "there is an order ST-7 already"),
        (
            ((*ISSUE, "--by", "hana"),),
            (*ISSUE[:2], "ST-8", *ISSUE[3:], "--by", "joko"),
            "B1 has order ST-7 from 2026-10-06 to 2026-10-07",
        ),
        (((*ISSUE, "--by", "hana"),), ("order", "confirm", "ST-7", "--by", "hana"), "is issued: only what is reported"),
        (
            ((*ISSUE, "--by", "hana"),),
            ("order", "report", "ST-7", "--text", "x", "--by", "budi"),
            "needs evidence: --evidence FILE",
        ),
        (
            ((*ISSUE, "--by", "hana"),),
            ("order", "accept", "ST-7", "--employee", "B2", "--by", "budi"),
            "may not accept an order of B2",
        ),
        (((*ISSUE, "--by", "hana"),), ("order", "accept", "ST-7", "--by", "joko"), "say whose it is with --employee"),
        (((*ISSUE, "--by", "hana"),), ("order", "cancel", "ST-7", "--reason", "x", "--by", "budi"), "head or hr"),
        ((), ("order", "accept", "ST-9", "--by", "budi"), "there is no order 'ST-9'"),
    ],
)
def test_a_step_of_an_order_that_may_not_be_is_refused(office, steps, last, message):
    for step in steps:
        said(office, *step)
    before = states(office)
    assert message in refused(office, *last)
    assert states(office) == before


def test_whoever_wrote_the_report_does_not_confirm_it(office, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a picture")
    said(office, *ISSUE, "--by", "hana")
    of = ("ST-7", "--employee", "B2", "--by", "joko")
    said(office, "order", "accept", *of)
    said(office, "order", "report", "ST-7", "--employee", "B2", "--text", "x", "--evidence", str(photo), "--by", "joko")
    assert "order ST-7 was reported by joko: another officer must" in refused(office, "order", "confirm", *of)
    said(office, "order", "cancel", "ST-7", "--employee", "B2", "--reason", "postponed", "--by", "hana")
    assert states(office)["B2"] == "cancelled"


def test_a_correction_is_requested_by_one_approved_by_another_and_seen_for_ever(office):
    said(office, *REQUEST, "--by", "budi")
    (row,) = listed(office, "corrections")
    number = str(row["fact"])
    approve = ("correction", "approve", number)
    assert "requested by budi: another officer" in refused(office, *approve, "--by", "budi")
    again = refused(office, *REQUEST, "--by", "hana")
    assert "B1 has this correction already" in again
    assert f"take this one back first: hadir server correction withdraw {number}" in again
    said(office, *approve, "--by", "hana")
    assert f"correction {number} was approved by hana already" in refused(office, *approve, "--by", "joko")
    (held,) = listed(office, "corrections")
    assert (held["status"], held["recorded_by"], held["supersedes"]) == ("approved", "hana", row["fact"])
    back = ("--reason", "error", "--by")
    assert "withdrawing" in said(office, "correction", "withdraw", str(held["fact"]), *back, "budi")
    (held,) = listed(office, "corrections")
    said(office, "correction", "withdraw", str(held["fact"]), *back, "joko")
    every = said(office, "correction", "list", "--all")
    assert all(state in every for state in ("requested", "approved", "withdrawing", "withdrawn", "Budi"))
    assert "correction: 0 waiting" in said(office, "correction", "list")


@pytest.mark.parametrize(
    ("employee", "asks", "decides", "message"),
    [
        ("H1", "joko", "hana", "may not decide a correction of oneself"),
        ("K1", "joko", "rina", "may not decide a correction of the superior K1"),
        ("R1", "joko", "hana", "the grant head or hr for agency bkpsdm is missing"),
        ("B1", "joko", "joko", "requested by joko: another officer must decide it"),
    ],
)
def test_a_decision_that_may_not_be_is_refused(office, employee, asks, decides, message):
    said(office, *REQUEST[:2], employee, *REQUEST[3:], "--by", asks)
    (row,) = listed(office, "corrections")
    assert message in refused(office, "correction", "approve", str(row["fact"]), "--by", decides)
    assert [one["status"] for one in listed(office, "corrections")] == ["requested"]


def test_leave_for_others_needs_a_grant_and_unknown_numbers_are_named(office):
    ask = ("leave", "request", "B2", "annual", "--from", "2026-10-06", "--document", "C/1")
    assert "the grant hr or head" in refused(office, *ask, "--by", "budi")
    said(office, *ask, "--by", "hana")
    assert "there is no leave 99" in refused(office, "leave", "approve", "99", "--by", "joko")
    number = str(listed(office, "leave")[0]["fact"])
    said(office, "leave", "reject", number, "--by", "joko")
    said(office, *ask, "--by", "hana")
    assert [row["status"] for row in listed(office, "leave")] == ["requested"]
    for first, last in (("2026-10-06T07:00", ""), ("soon", ""), ("2026-10-06", "2026-10-06T09:00:00+09:00")):
        assert "two dates" in refused(office, *ask[:5], first, "--to", last, "--by", "joko")
    assert "ends at an instant too" in refused(office, *ask[:5], "2026-10-06T08:00:00+09:00", "--by", "joko")


def test_an_outage_is_corrected_for_a_whole_site_by_two_officers(office):
    bulk = ("correction", "bulk", "--site", "a", "--from", "2026-10-06T07:00:00+09:00")
    rest = ("--to", "2026-10-06T09:30:00+09:00", "--reason", "no power", "--document", "BA/3", "--by", "joko")
    assert "requested for 5 of a" in said(office, *bulk, *rest)
    assert "nobody works at site 'x'" in refused(office, *bulk[:3], "x", *bulk[4:], *rest)
    own = refused(office, "correction", "approve", "--document", "BA/3", "--by", "joko")
    assert "nothing was decided: correction 1 was requested by joko: another officer must decide it (and 4 more)" in own
    shown = said(office, "correction", "approve", "--document", "BA/3", "--by", "hana")
    assert "approved 3; 2 still wait" in shown
    waiting = {row["employee_id"] for row in listed(office, "corrections") if row["status"] == "requested"}
    assert waiting == {"H1", "R1"}
    assert "no correction waits under document" in refused(
        office, "correction", "approve", "--document", "BA/4", "--by", "hana"
    )


def test_a_shift_and_a_site_are_dated_facts_of_their_own(office):
    night = ("shift", "night", "B1", "--from", "2026-10-05", "--to", "2026-10-09", "--document", "800/9")
    assert "the grant hr or head" in refused(office, *night, "--by", "budi")
    own = ("shift", "night", "dinkes", "--of", "agencies", "--from", "2026-10-05", "--document", "800/9")
    assert "oneself among them" in refused(office, *own, "--by", "hana")
    assert "no shift 'noon'" in refused(office, "shift", "noon", *night[2:], "--by", "hana")
    assert "of oneself" in refused(office, *night[:2], "H1", *night[3:], "--by", "hana")
    said(office, *night, "--by", "hana")
    said(office, "site", "sanana", "--zone", "WIT", "--by", "joko")
    assert "all agencies is missing" in refused(office, "site", "sanana", "--zone", "WIT", "--by", "hana")
    for officer in ("joko", "rina"):
        said(office, "leave", "withdraw", leave_of(office, "B1"), "--reason", "worked", "--by", officer)
    said(office, "close", MONTH, "--draft")
    found = {str(row["date"]): row["required_s"] for row in days(office) if row["employee_id"] == "B1"}
    assert (found["2026-10-06"], found["2026-10-10"]) == (7 * 3600, 0)
    said(office, *night[:3], "--of", "units", "--from", "2026-10-05", "--document", "800/9", "--by", "joko")


def test_what_was_approved_is_taken_back_by_two_officers_and_by_one_only_where_it_is_their_own_and_to_come(office):
    back = ("leave", "withdraw", leave_of(office, "B1"), "--reason", "worked", "--by")
    assert "held until another officer says the same" in said(office, *back, "joko")
    assert "worked" in said(office, "leave", "list")
    number = leave_of(office, "B1")
    assert f"leave {number} was asked back by joko" in refused(office, *back[:2], number, *back[3:], "joko")
    assert "decide a leave of oneself" in refused(office, *back[:2], number, *back[3:], "budi")
    said(office, "leave", "approve", number, "--by", "hana")
    assert state_of(office, "B1") == "approved"
    said(office, *back[:2], leave_of(office, "B1"), *back[3:], "budi")
    said(office, "leave", "reject", leave_of(office, "B1"), "--by", "rina")
    assert state_of(office, "B1") == "rejected"
    said(office, "leave", "request", "B1", "annual", "--from", "2026-12-07", "--document", "C/9", "--by", "budi")
    said(office, "leave", "approve", "--document", "C/9", "--by", "hana")
    assert "withdrawn" in said(office, *back[:2], leave_of(office, "B1"), *back[3:], "budi")


def test_taking_back_waits_until_somebody_looks_at_it_alone(office):
    said(office, *REQUEST, "--by", "budi")
    said(office, "correction", "approve", "--document", "K/1", "--by", "hana")
    (row,) = listed(office, "corrections")
    said(office, "correction", "withdraw", str(row["fact"]), "--reason", "error", "--by", "rina")
    assert "no correction waits under document" in refused(
        office, "correction", "approve", "--document", "K/1", "--by", "joko"
    )


def test_a_confirmed_order_is_cancelled_by_two_officers(office, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a picture")
    said(office, *ISSUE, "--by", "hana")
    said(office, "order", "accept", "ST-7", "--by", "budi")
    said(office, "order", "report", "ST-7", "--text", "done", "--evidence", str(photo), "--by", "budi")
    assert (
        "B2 is issued: only what is reported or withdrawing can be confirmed; name another with --employee"
        in refused(office, "order", "confirm", "ST-7", "--by", "hana")
    )
    assert states(office) == {"B1": "reported", "B2": "issued"}
    said(office, "order", "confirm", "ST-7", "--employee", "B1", "--by", "hana")
    cancel = ("order", "cancel", "ST-7", "--reason", "nobody went", "--by")
    shown = said(office, *cancel, "hana")
    assert "cancelled ST-7 for B2" in shown
    assert "withdrawing ST-7 for B1" in shown
    assert "nobody went" in said(office, "order", "list")
    one = (*cancel[:3], "--employee", "B1", *cancel[3:])
    assert "order ST-7 was asked back by hana" in refused(office, *one, "hana")
    assert "asked back by hana" in refused(office, "order", "confirm", "ST-7", "--employee", "B1", "--by", "hana")
    said(office, *one, "joko")
    assert states(office) == {"B1": "cancelled", "B2": "cancelled"}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (("leave", "request", "B1", "bebas"), "'bebas' is no kind of leave in the regulation; there are annual\n"),
        (("correction", "request", "B1", "lupa"), "no kind of correction in the regulation; there are other, outage"),
    ],
)
def test_a_kind_that_the_regulation_does_not_name_is_refused(office, ask, message):
    assert message in refused(office, *ask, "--from", "2026-10-06", "--document", "K/1", "--by", "joko")


def test_deciding_nothing_is_refused_and_says_how_to_go_on(office):
    assert "say which" in refused(office, "correction", "approve", "--by", "joko")
    number = leave_of(office, "B1")
    assert f"take it back with: hadir server leave withdraw {number}" in refused(
        office, "leave", "reject", number, "--by", "joko"
    )


def test_what_is_odd_about_a_request_is_told_and_recorded_all_the_same(office):
    said(office, *ISSUE, "--by", "hana")
    ask = ("leave", "request", "B1", "annual", "--document", "C/9", "--by", "joko", "--from")
    assert "B1: overlaps order ST-7, issued, 2026-10-06 to 2026-10-07" in said(office, *ask, "2026-10-06")
    assert "begins on 2028-02-01, more than a year away" in said(office, *ask, "2028-02-01")
    late = (*ISSUE[:2], "ST-8", *ISSUE[3:6], "2019-10-06", "--to", "2019-10-07", *ISSUE[9:], "--by", "hana")
    assert "begins on 2019-10-06, more than a year ago" in said(office, *late)


def test_lists_name_people_and_reasons_and_can_be_read_on_a_narrow_terminal(office, monkeypatch):
    said(office, *REQUEST, "--reason", "kios mati", "--by", "joko")
    for width in ("80", "250"):
        monkeypatch.setenv("COLUMNS", width)
        shown = said(office, "correction", "list")
        assert all(len(line) <= int(width) for line in shown.splitlines())
        for text in ("Budi", "kios mati", "2026-10-06", "requested"):
            assert text in shown


def state_of(office: Server, employee: str) -> str:
    return newest_leave(office, employee)["status"]


def leave_of(office: Server, employee: str) -> str:
    return str(newest_leave(office, employee)["fact"])


def newest_leave(office: Server, employee: str) -> dict:
    parts = office.services()
    with parts.database.read() as connection:
        rows = [row for row in facts.as_of(connection, LEAVE, at(NOW)) if row["employee_id"] == employee]
    parts.database.close()
    return rows[-1]
