"""Scores of work on the server: those filed for a wrong month hold the month that lacks them, none is paid silently."""

from pathlib import Path

import pytest
from harness import Server
from made_office import MONTH, STAFF, make_office, said

CLOSING, LATER = "2026-11-02T09:00", "2026-12-03T09:00"
STEP = """  - {id: productivity, name: {id: Produktivitas, en: Productivity}, account: deduction, base: grant,
     operation: subtract, by: {measure: productivity, per: 100, shortfall: true, missing: hold},
     rounding: {mode: down, unit: 1}, article: pasal 6, certainty: C}
  - {id: cut,"""


@pytest.fixture
def office(tmp_path) -> Server:
    server = make_office(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(path.read_text().replace("  - {id: cut,", STEP))
    return server


def bring(office: Server, now: str, month: str, score: str = "90", *, by: str = "rina") -> str:
    path = Path(office.directory) / "work.csv"
    rows = "".join(f"{who},{month},productivity,{score}\n" for who in STAFF)
    path.write_text(f"employee_id,month,measure,score\n{rows}")
    return said(office, now, "import", str(path), "--by", by)


def draft(office: Server, now: str = CLOSING, month: str = MONTH) -> dict[str, int | str]:
    """What a draft says: how many payments of each status, and why the scores are wrong."""
    shown = said(office, now, "close", month, "--draft")
    cells = [[cell.strip() for cell in row.split("│")[1:-1]] for row in shown.splitlines() if "│" in row]
    counts: dict[str, int | str] = {row[0]: int(row[1]) for row in cells if len(row) == 2}
    return counts | {"scores": " ".join(row[2] for row in cells if len(row) == 3 and row[1] == "scores")}


def test_scores_of_a_wrong_month_hold_everybody_until_they_are_filed_for_the_right_one(office):
    assert "6 scores are of 2026-11, which has not ended" in " ".join(bring(office, CLOSING, "2026-11").split())
    found = draft(office)
    assert (found["held"], found["payable"]) == (6, 0)
    assert "tidak ada nilai productivity untuk 2026-10, hanya untuk 2026-11" in str(found["scores"])
    assert "has not ended" not in bring(office, CLOSING, MONTH)
    found = draft(office)
    assert (found["held"], found["payable"], found["scores"]) == (0, 6, "")


def test_a_month_that_lacks_the_scores_which_months_before_it_have_is_held(office):
    bring(office, CLOSING, "2026-09")
    assert draft(office)["held"] == 6


def test_where_no_score_was_ever_filed_nobody_waits_for_one_and_the_draft_says_so(office):
    found = draft(office)
    assert (found["held"], found["payable"]) == (0, 6)
    assert "tidak ada nilai sama sekali" in str(found["scores"])


def test_scores_of_later_months_say_nothing_of_a_month_before_there_were_any(office):
    bring(office, LATER, "2026-11")
    assert draft(office, LATER)["held"] == 0


def test_scores_of_a_wrong_month_are_taken_back_and_hold_nobody_any_more(office, tmp_path):
    bring(office, CLOSING, "2026-11")
    assert draft(office)["held"] == 6
    shown = bring(office, CLOSING, "2026-11", "withdrawn", by="joko")
    assert "2026-11 productivity: score 90 → withdrawn" in " ".join(shown.split())
    assert "has not ended" not in shown
    assert (draft(office)["held"], draft(office)["payable"]) == (0, 6)
    said(office, CLOSING, "export", "--out", str(tmp_path / "facts"), "--by", "rina")
    assert (tmp_path / "facts" / "work.csv").read_text().splitlines() == ["employee_id,month,measure,score"]


def test_a_score_that_was_taken_back_is_filed_anew(office):
    bring(office, CLOSING, MONTH)
    bring(office, CLOSING, MONTH, "withdrawn")
    bring(office, CLOSING, MONTH)
    found = draft(office)
    assert (found["held"], found["payable"], found["scores"]) == (0, 6, "")


def test_taking_back_a_score_that_nobody_filed_is_refused_and_names_it(office):
    bring(office, CLOSING, MONTH)
    path = Path(office.directory) / "work.csv"
    path.write_text(path.read_text().replace(f"{MONTH},productivity,90", "2026-11,productivity,withdrawn"))
    done = office.command("import", str(path), "--by", "rina")
    assert done.code == 2
    assert "there is no score for 'productivity' in 2026-11 to take back" in done.out
    assert draft(office)["held"] == 0
