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
    assert "joko recorded the report" in refused(office, "order", "confirm", *of)
    said(office, "order", "cancel", "ST-7", "--employee", "B2", "--reason", "postponed", "--by", "hana")
    assert states(office)["B2"] == "cancelled"


def test_a_correction_is_requested_by_one_approved_by_another_and_seen_for_ever(office):
    said(office, *REQUEST, "--by", "budi")
    (row,) = listed(office, "corrections")
    number = str(row["fact"])
    approve = ("correction", "approve", number)
    assert "requested by budi: another officer" in refused(office, *approve, "--by", "budi")
    assert "B1 has this correction already" in refused(office, *REQUEST, "--by", "hana")
    said(office, *approve, "--by", "hana")
    assert f"correction {number} was approved by hana already" in refused(office, *approve, "--by", "joko")
    (held,) = listed(office, "corrections")
    assert (held["status"], held["recorded_by"], held["supersedes"]) == ("approved", "hana", row["fact"])
    said(office, "correction", "withdraw", str(held["fact"]), "--reason", "error", "--by", "budi")
    every = said(office, "correction", "list", "--all")
    assert all(state in every for state in ("requested", "approved", "withdrawn"))
    assert "0 corrections waiting" in said(office, "correction", "list")


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


def test_an_outage_is_corrected_for_a_whole_site_by_two_officers(office):
    bulk = ("correction", "bulk", "--site", "a", "--from", "2026-10-06T07:00:00+09:00")
    rest = ("--to", "2026-10-06T09:30:00+09:00", "--reason", "no power", "--document", "BA/3", "--by", "joko")
    assert "requested for 5 of a" in said(office, *bulk, *rest)
    assert "nobody works at site 'x'" in refused(office, *bulk[:3], "x", *bulk[4:], *rest)
    assert "another officer must decide it" in said(
        office, "correction", "approve", "--document", "BA/3", "--by", "joko"
    )
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
    assert "no shift 'noon'" in refused(office, "shift", "noon", *night[2:], "--by", "hana")
    assert "of oneself" in refused(office, *night[:2], "H1", *night[3:], "--by", "hana")
    said(office, *night, "--by", "hana")
    said(office, "site", "sanana", "--zone", "WIT", "--by", "joko")
    assert "all agencies is missing" in refused(office, "site", "sanana", "--zone", "WIT", "--by", "hana")
    said(office, "leave", "withdraw", leave_of(office, "B1"), "--reason", "worked", "--by", "joko")
    said(office, "close", MONTH, "--draft")
    found = {str(row["date"]): row["required_s"] for row in days(office) if row["employee_id"] == "B1"}
    assert (found["2026-10-06"], found["2026-10-10"]) == (7 * 3600, 0)
    said(office, *night[:3], "--of", "units", "--from", "2026-10-05", "--document", "800/9", "--by", "joko")


def leave_of(office: Server, employee: str) -> str:
    parts = office.services()
    with parts.database.read() as connection:
        rows = [row for row in facts.as_of(connection, LEAVE, at(NOW)) if row["employee_id"] == employee]
    parts.database.close()
    return str(rows[-1]["fact"])
