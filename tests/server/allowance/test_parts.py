"""A month in which one regulation follows another: days by their day's rules, steps by the last day's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from server.allowance import cli
from server.allowance.casebook import Casebook, read
from server.allowance.compute import Result, compute
from server.allowance.oracle import local, reckon
from server.allowance.parts import parts_of
from server.allowance.regulation import Regulation, load
from server.errors import RegulationError

REGULATIONS = Path(__file__).parents[3] / "regulations"
REGULATION = REGULATIONS / "tulang-bawang.yaml"
CHANGE = date(2026, 10, 16)
CASES = """
regulation: {regulation}
month: 2026-10
defaults:
  employee: {{employment: PNS, golongan: II/c}}
  amounts: {{tpp: 5_000_000}}
cases:
  - {{name: late on the 15th, days: {{2026-10-15: ["07:50", "16:00"]}}, expect: {{status: payable}}}}
  - {{name: late on the 16th, days: {{2026-10-16: ["07:50", "16:30"]}}, expect: {{status: payable}}}}
  - {{name: half a minute late on both, days: {{2026-10-15: ["07:30:30", "16:00"], 2026-10-16: ["07:30:30", "16:30"]}},
     expect: {{status: payable}}}}
  - {{name: not dated surely, days: {{2026-10-15: [["07:20", "07:40"], "16:00"]}}, expect: {{status: held}}}}
  - {{name: a run of absence over the change, days: {{2026-10-15: absent, 2026-10-16: absent}},
     expect: {{status: payable}}}}
"""


def version(folder: Path, name: str, *changes: tuple[str, str], begin: str = "2024-01-01", end: str = "") -> Regulation:
    text = REGULATION.read_text(encoding="utf-8").replace("national/", f"{REGULATIONS}/national/")
    for old, new in (("from: 2024-01-01", f"from: {begin}" + (f"\nto: {end}" if end else "")), *changes):
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


@pytest.fixture
def old(tmp_path: Path) -> Regulation:
    return version(tmp_path, "old", end="2026-10-15")


@pytest.fixture
def new(tmp_path: Path) -> Regulation:
    """From the 16th: the first band costs 1/300, and every begun minute counts from the first second."""
    return version(
        tmp_path,
        "new",
        ("id: tulang-bawang", "id: successor"),
        ('to: 30, cost: "0.5 %"', 'to: 30, cost: "1/300"'),
        ("grace_seconds: {value: 59", "grace_seconds: {value: 0"),
        ("minutes: {value: completed", "minutes: {value: started"),
        begin="2026-10-16",
    )


@pytest.fixture
def book(tmp_path: Path) -> Casebook:
    path = tmp_path / "cases.yaml"
    path.write_text(CASES.format(regulation=REGULATION), encoding="utf-8")
    return read(path)


def deductions(result: Result) -> list[int]:
    return [row["deductions"] for row in result.payments.to_pylist()]


def test_each_day_costs_what_it_cost_on_that_day(book: Casebook, old: Regulation, new: Regulation) -> None:
    result = compute(book.inputs, [new, old], "2026-10")
    # 40 % of 5,000,000 is 2,000,000: × 0.5 % = 10,000; × 1/300 = 6,666; half a minute costs from the 16th only
    assert deductions(result)[:3] == [10_000, 6_666, 6_666]
    assert result.payments["status"].to_pylist()[3] == "held"
    assert result.summary["governs"] == "successor"
    assert [(part["regulation"], part["from"], part["to"]) for part in result.summary["parts"]] == [
        ("tulang-bawang", "2026-10-01", "2026-10-15"),
        ("successor", "2026-10-16", "2026-10-31"),
    ]


def test_the_day_records_are_those_of_the_oracle_under_each_regulation(
    book: Casebook, old: Regulation, new: Regulation
) -> None:
    days = compute(book.inputs, [old, new], "2026-10").days.to_pylist()
    slow = {rule.id: reckon(book.inputs, rule, "2026-10") for rule in (old, new)}
    for row in days:
        day = slow[old.id if row["date"] < CHANGE else new.id][row["employee_id"]].days[row["date"]]
        marks = (local(day.first_in, 7 * 3600), local(day.last_out, 7 * 3600))
        assert (row["first_in"], row["last_out"]) == marks
        assert (row["code"], row["late_s"], row["early_s"]) == (day.code, day.late_s, day.early_s)
    assert len(days) == 5 * 31


def test_a_change_that_changes_nothing_changes_nothing(tmp_path: Path, book: Casebook, old: Regulation) -> None:
    same = version(tmp_path, "same", begin="2026-10-16")
    one = compute(book.inputs, load(REGULATION), "2026-10")
    two = compute(book.inputs, [old, same], "2026-10")
    for name in ("payments", "lines", "days"):
        assert getattr(two, name).equals(getattr(one, name))


def test_a_day_under_two_or_under_none_is_refused_by_its_date(tmp_path: Path, old: Regulation, new: Regulation) -> None:
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    with pytest.raises(RegulationError, match=r"two regulations for 2026-10-16: \S+ and new.yaml"):
        parts_of([load(REGULATION), new], first, last)
    late = version(tmp_path, "late", begin="2026-10-17")
    with pytest.raises(RegulationError, match="none holds on 2026-10-16"):
        parts_of([old, late], first, last)
    with pytest.raises(RegulationError, match="none holds on 2026-10-01"):
        parts_of([new], first, last)


def test_what_cannot_change_within_a_month_is_refused(
    tmp_path: Path, book: Casebook, old: Regulation, new: Regulation
) -> None:
    strict = version(tmp_path, "x", ("needs_document: true", "needs_document: false"), begin="2026-10-16")
    with pytest.raises(RegulationError, match="differ in what excuses a day"):
        compute(book.inputs, [old, strict], "2026-10")
    other = version(tmp_path, "y", ("id: discipline_cut", "id: cut"), ("discipline_cut]", "cut]"), begin="2026-10-16")
    with pytest.raises(RegulationError, match="step cut counts the days' events, and old.yaml has no such step"):
        compute(book.inputs, [old, other], "2026-10")


def test_the_command_says_which_regulation_governs(
    tmp_path: Path, old: Regulation, new: Regulation, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "e.csv").write_text("employee_id,golongan,employment,amount:tpp\nA,II/a,PNS,1000000\n")
    (tmp_path / "m.csv").write_text("employee_id,at\n")
    words = ["compute", "--regulation", str(new.path), "--regulation", str(old.path), "--month", "2026-10"]
    words += ["--employees", f"{tmp_path}/e.csv", "--marks", f"{tmp_path}/m.csv", "--out", f"{tmp_path}/out"]
    assert cli.tpp(words) == 0
    assert (
        "the days 2026-10-01 to 2026-10-15 by tulang-bawang, 2026-10-16 to 2026-10-31 by successor; "
        "the month's steps by successor" in capsys.readouterr().out
    )
