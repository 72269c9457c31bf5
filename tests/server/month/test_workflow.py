"""A month goes from draft to payment, each step by whom it may; nothing is decided by silence, which blocks nobody."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from harness import Server
from made_office import MONTH, at, correct, make_office, refused, said

from server.allowance import month as months
from server.month import steps, workflow

DAY1, DAY5, DAY8, DAY12 = (f"2026-11-{day:02}T09:00" for day in (2, 6, 9, 13))
OF = (MONTH, "--agency", "dinkes")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Server]:
    """An office at its beginning, and one under review: copied for each test."""
    begun = make_office(tmp_path_factory.mktemp("begun"))
    reviewed = Server(tmp_path_factory.mktemp("reviewed") / "copy")
    shutil.copytree(begun.directory, reviewed.directory)
    said(reviewed, DAY1, "month", "draft", *OF, "--by", "rina")
    dates = ("--until", "2026-11-05", "--head-until", "2026-11-08")
    said(reviewed, DAY1, "month", "review", *OF, *dates, "--by", "rina")
    return {"begun": begun, "reviewed": reviewed}


@pytest.fixture
def office(made, tmp_path) -> Server:
    return copied(made["begun"], tmp_path)


@pytest.fixture
def reviewed(made, tmp_path) -> Server:
    return copied(made["reviewed"], tmp_path)


def copied(server: Server, directory: Path) -> Server:
    shutil.copytree(server.directory, directory / "office")
    return Server(directory / "office")


def stands(office) -> list[str]:
    parts = office.services()
    with parts.database.read() as connection:
        found = [row["state"] for row in steps.history(connection, MONTH, "dinkes")]
    parts.database.close()
    return found


def payments(office, state: str = "closed") -> dict[str, dict]:
    parts = office.services()
    with parts.database.read() as connection:
        (run,) = [run for run in months.latest_runs(connection, MONTH, "dinkes") if run["state"] == state]
        rows = months.table_of(connection, run["run"], "payments").to_pylist()
    parts.database.close()
    return {row["employee_id"]: row for row in rows}


def test_the_whole_way(reviewed):
    assert "approved by the head" in said(reviewed, DAY5, "month", "approve", *OF, "--by", "hana")
    assert "can be locked" in said(reviewed, DAY5, "month", "approve", *OF, "--by", "joko")
    assert "is locked: run" in said(reviewed, DAY8, "month", "lock", *OF, "--by", "rina")
    assert "paid run" in said(reviewed, DAY8, "month", "pay", *OF, "--document", "SP2D-1", "--by", "tres")
    assert stands(reviewed) == ["draft", "review", "head", "approved", "locked", "paid"]
    row = payments(reviewed)["B1"]
    assert (row["gross"], row["deductions"], row["tax"], row["net"]) == (1_000_000, 30_000, 48_500, 921_500)
    shown = said(reviewed, DAY8, "month", "status", MONTH, "--history")
    assert "SP2D-1" in shown
    assert "puskes" in shown
    assert "nothing of 2026-10" in refused(reviewed, DAY8, "month", "pay", *OF, "--document", "X", "--by", "tres")


def test_what_is_locked_is_what_was_approved_though_facts_came_since(reviewed):
    said(reviewed, DAY5, "month", "approve", *OF, "--by", "hana")
    correct(reviewed, "B1", "2026-10-06", "2026-11-06T10:00")
    said(reviewed, "2026-11-06T11:00", "month", "approve", *OF, "--by", "joko")
    said(reviewed, DAY8, "month", "lock", *OF, "--by", "rina")
    assert payments(reviewed)["B1"]["deductions"] == 30_000


def test_a_rule_that_changes_after_the_approval_sends_the_month_back(reviewed):
    said(reviewed, DAY5, "month", "approve", *OF, "--by", "hana")
    said(reviewed, DAY5, "month", "approve", *OF, "--by", "joko")
    path = reviewed.directory / "small.yaml"
    path.write_text(path.read_text().replace('absent: "3 %"', 'absent: "4 %"'))
    assert "would not be what was approved" in refused(reviewed, DAY8, "month", "lock", *OF, "--by", "rina")
    said(reviewed, DAY8, "month", "return", *OF, "--why", "the rule changed", "--by", "joko")
    assert stands(reviewed)[-1] == "draft"


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (("review", *OF, "--by", "rina"), "is not begun: only what is draft"),
        (("approve", *OF, "--by", "hana"), "only what is review or head can be approved"),
        (("lock", *OF, "--by", "rina"), "only what is approved can be locked"),
        (("return", *OF, "--why", "x", "--by", "rina"), "only what is review or head or approved can be sent back"),
        (("pay", *OF, "--document", "x", "--by", "tres"), "is locked and unpaid"),
        (("draft", *OF, "--by", "budi"), "the grant hr for agency dinkes is missing"),
        (("draft", *OF, "--by", "nobody"), "there is no officer 'nobody'"),
        (("draft", "2026-13", "--by", "rina"), "is not a month"),
    ],
)
def test_a_step_out_of_turn_or_without_grant_is_refused(office, step, message):
    assert message in refused(office, DAY1, "month", *step)
    assert stands(office) == []


def test_each_step_names_the_grant_that_is_missing(reviewed):
    head = refused(reviewed, DAY5, "month", "approve", *OF, "--by", "rina")
    assert "the grant head for agency dinkes is missing" in head
    assert "hadir server grant rina head --agency dinkes --from 2026-11-06" in head
    said(reviewed, DAY5, "month", "approve", *OF, "--by", "hana")
    assert "grant hr" in refused(reviewed, DAY5, "month", "approve", *OF, "--by", "hana")
    said(reviewed, DAY5, "month", "approve", *OF, "--by", "joko")
    assert "grant hr" in refused(reviewed, DAY5, "month", "lock", *OF, "--by", "hana")
    said(reviewed, DAY5, "month", "lock", *OF, "--by", "rina")
    assert "grant treasurer" in refused(reviewed, DAY5, "month", "pay", *OF, "--document", "x", "--by", "rina")


def test_nobody_approves_twice_nor_pays_what_one_locked(reviewed):
    reviewed.command("grant", "hana", "hr", "--from", "2026-01-01")
    reviewed.command("grant", "rina", "treasurer", "--from", "2026-01-01")
    said(reviewed, DAY5, "month", "approve", *OF, "--by", "hana")
    assert "another officer must for BKPSDM" in refused(reviewed, DAY5, "month", "approve", *OF, "--by", "hana")
    said(reviewed, DAY5, "month", "approve", *OF, "--by", "joko")
    said(reviewed, DAY5, "month", "lock", *OF, "--by", "rina")
    assert "another officer must pay it" in refused(
        reviewed, DAY5, "month", "pay", *OF, "--document", "x", "--by", "rina"
    )


def test_objections_have_a_deadline_and_an_open_one_leaves_what_nobody_disputes_to_be_paid(office):
    said(office, DAY1, "month", "draft", *OF, "--by", "rina")
    file = ("objection", "file", MONTH, "B1", "--date", "2026-10-06", "--text", "I was there")
    assert "not under review" in refused(office, DAY1, *file, "--by", "budi")
    said(office, DAY1, "month", "review", *OF, "--until", "2026-11-05", "--by", "rina")
    assert "objection 1" in said(office, DAY1, *file, "--by", "budi")
    assert "objection 2" in said(
        office, DAY1, "objection", "file", MONTH, "H1", "--text", "wrong class", "--by", "hana"
    )
    assert "may object until" in refused(office, "2026-11-05T09:00", "month", "approve", *OF, "--by", "hana")
    assert "were possible until" in refused(office, DAY5, *file, "--by", "budi")
    said(office, DAY5, "month", "approve", *OF, "--by", "hana")
    said(office, DAY5, "month", "approve", *OF, "--by", "joko")
    said(office, DAY5, "month", "lock", *OF, "--by", "rina")
    found = payments(office)
    assert {who: row["status"] for who, row in found.items()} == {"B1": "partial", "B2": "payable", "H1": "partial"}
    assert found["B1"]["net"] == 921_500
    assert "keberatan 1 belum dijawab" in found["B1"]["reason"]
    assert "2 objections without an answer, held" in said(office, DAY5, "month", "status", MONTH, "--history")


def test_an_objection_is_answered_once_by_another_who_is_not_below(reviewed):
    said(reviewed, DAY1, "objection", "file", MONTH, "B1", "--text", "I was there", "--by", "budi")
    said(reviewed, DAY1, "objection", "file", MONTH, "H1", "--text", "class", "--by", "joko")
    answer = ("objection", "answer", "1", "--reject", "--text", "no document")
    assert "grant head or hr" in refused(reviewed, DAY1, *answer, "--by", "budi")
    said(reviewed, DAY1, *answer, "--by", "hana")
    assert "was rejected by hana already" in refused(reviewed, DAY1, *answer, "--by", "joko")
    second = ("objection", "answer", "2", "--accept", "--text", "yes")
    assert "of oneself" in refused(reviewed, DAY1, *second, "--by", "hana")
    assert "filed objection 2" in refused(reviewed, DAY1, *second, "--by", "joko")
    said(reviewed, DAY1, *second, "--by", "rina")
    assert "there is no objection 9" in refused(
        reviewed, DAY1, "objection", "answer", "9", "--accept", "--text", "x", "--by", "rina"
    )
    assert "accepted" in said(reviewed, DAY1, "objection", "list", MONTH)


def test_a_silent_head_blocks_nobody_and_is_recorded_as_silent(reviewed):
    assert "grant head" in refused(reviewed, DAY5, "month", "approve", *OF, "--by", "joko")
    assert "approved by BKPSDM" in said(reviewed, DAY8, "month", "approve", *OF, "--by", "joko")
    assert stands(reviewed) == ["draft", "review", "head", "approved"]
    parts = reviewed.services()
    with parts.database.read() as connection:
        head, approved = steps.history(connection, MONTH, "dinkes")[-2:]
    parts.database.close()
    assert (head["made_by"], "no word from the head" in head["why"]) == ("", True)
    assert "silent" in approved["why"]


def test_a_dated_plh_speaks_for_the_head_on_those_days_only(reviewed):
    appoint = ("agency", "head", "dinkes", "B1", "--as", "plh", "--from", "2026-11-06")
    assert "--to DATE --document NUMBER" in refused(reviewed, DAY1, *appoint, "--by", "joko")
    said(reviewed, DAY1, *appoint, "--to", "2026-11-06", "--document", "821/7", "--by", "joko")
    assert "grant head" in refused(reviewed, "2026-11-07T09:00", "month", "approve", *OF, "--by", "budi")
    assert "approved by the head" in said(reviewed, DAY5, "month", "approve", *OF, "--by", "budi")


def test_one_step_close_waits_for_a_review_and_a_locked_month_takes_no_draft(reviewed):
    close = ("close", MONTH, "--agency", "dinkes")
    assert "the grant hr" in refused(reviewed, DAY5, *close, "--by", "hana")
    for whose in (close, ("close", MONTH)):
        assert "was put under review" in refused(reviewed, DAY5, *whose, "--by", "rina")
    assert "is under review" in refused(reviewed, DAY5, *close, "--draft")
    said(reviewed, DAY5, "month", "return", *OF, "--why", "in one step", "--by", "hana")
    # Sent back it is still no month of one step: employees were promised a review.
    assert "was put under review" in refused(reviewed, DAY5, *close, "--by", "rina")
    said(reviewed, DAY5, "close", MONTH, "--agency", "puskes", "--by", "rina")
    assert "was closed" in refused(reviewed, DAY5, "month", "draft", MONTH, "--agency", "puskes", "--by", "rina")


def test_a_review_needs_a_month_that_ended_and_deadlines_in_order(office):
    said(office, "2026-10-20T09:00", "month", "draft", *OF, "--by", "rina")
    review = ("month", "review", *OF, "--by", "rina")
    assert "has not ended" in refused(office, "2026-10-20T09:00", *review)
    for dates in (
        ("--until", "2026-11-01"),
        ("--until", "2026-11-02", "--head-until", "2026-11-03"),
        ("--until", "2026-11-09", "--head-until", "2026-11-09"),
    ):
        assert "2 days at least" in refused(office, DAY1, *review, *dates)


def test_what_changed_since_the_employees_saw_it_is_named_and_approved_by_number(reviewed):
    correct(reviewed, "B1", "2026-10-06", "2026-11-06T08:00")
    approve = ("month", "approve", *OF, "--by", "hana")
    told = refused(reviewed, DAY5, *approve)
    assert "B1 921,500 → 950,000 (correction" in told
    assert "--changes 1" in told
    assert "1 payments differ" in refused(reviewed, DAY5, *approve, "--changes", "2")
    said(reviewed, DAY5, *approve, "--changes", "1")
    assert "1 payments otherwise than the employees saw" in said(reviewed, DAY5, "month", "status", MONTH, "--history")


def test_no_other_draft_after_the_deadline_nor_beside_a_review(office):
    said(office, DAY1, "month", "draft", MONTH, "--by", "rina")
    dates = ("--until", "2026-11-05", "--head-until", "2026-11-08")
    said(office, DAY1, "month", "review", MONTH, *dates, "--by", "rina")
    assert "is under review for all" in refused(office, DAY1, "month", "draft", *OF, "--by", "rina")
    said(office, DAY1, "month", "draft", MONTH, "--by", "rina")
    said(office, DAY1, "objection", "file", MONTH, "B1", "--text", "I was there", "--by", "budi")
    assert "the deadline is over" in refused(office, DAY5, "month", "draft", MONTH, "--by", "rina")


def test_who_approved_for_bkpsdm_does_not_lock(reviewed):
    assert "approved by BKPSDM" in said(reviewed, DAY12, "month", "approve", *OF, "--by", "rina")
    assert "another officer must lock it" in refused(reviewed, DAY12, "month", "lock", *OF, "--by", "rina")
    said(reviewed, DAY12, "month", "lock", *OF, "--by", "joko")


def test_somebody_who_moved_is_paid_once_by_the_agency_of_the_last_day(office, tmp_path):
    path = tmp_path / "employees.csv"
    path.write_text(
        "employee_id,name,agency,employment,golongan,job_class,site,zone\nB2,Bela,bkpsdm,PNS,III/a,10,a,WIT\n"
    )
    move = ("import", str(path), "--valid-from", "2026-10-16", "--by", "rina")
    said(office, DAY1, "close", MONTH, "--agency", "puskes", "--by", "rina")
    said(office, DAY1, *move)
    drawn = said(office, DAY1, "month", "draft", MONTH, "--agency", "bkpsdm", "--by", "rina")
    assert "agency dinkes → bkpsdm" in drawn
    assert "dibayar bkpsdm" in drawn
    said(office, DAY1, "close", MONTH, "--agency", "dinkes", "--by", "rina")
    assert set(payments(office)) == {"B1", "H1"}
    back = path.read_text().replace("bkpsdm", "dinkes")
    path.write_text(back)
    said(office, DAY5, "close", MONTH, "--agency", "bkpsdm", "--by", "rina")
    said(office, DAY5, *move)
    parts = office.services()
    with parts.database.read() as connection:
        rows = workflow.status(connection, MONTH, at(DAY5))
    parts.database.close()
    assert {row.agency: row.employees for row in rows} == {"bkpsdm": 2, "dinkes": 3, "puskes": 1}
