"""The shipped regulations: their cases, altered copies of them, and what `assumed_values` and `load` say."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path

import pytest

from server.allowance.casebook import Casebook, Outcome, read, run, run_tests
from server.allowance.compute import compute
from server.allowance.oracle import local, reckon
from server.allowance.regulation import load
from server.errors import RegulationError

REGULATIONS = Path(__file__).parents[3] / "regulations"
BOOKS = sorted((REGULATIONS / "tests").glob("*.yaml"))
SHIPPED = ("ambon/2026.yaml", "tulang-bawang.yaml", "permentan-68-2012.yaml", "probolinggo-157-2019.yaml")
WIB = 7 * 3600


@lru_cache(maxsize=1)
def outcomes() -> list[Outcome]:
    return run_tests(REGULATIONS / "tests")


@pytest.mark.parametrize("outcome", outcomes(), ids=lambda outcome: outcome.name)
def test_every_case_of_the_shipped_regulations_comes_out(outcome: Outcome) -> None:
    assert outcome.differences == ()


def test_there_are_more_than_forty_hand_worked_cases() -> None:
    assert len(outcomes()) >= 140


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_the_oracle_agrees_with_the_sql_on_every_case(path: Path) -> None:
    book = read(path)
    result = compute(book.inputs, book.regulation, book.month)
    slow = reckon(book.inputs, book.regulation, book.month)
    for row in result.payments.to_pylist():
        other = slow[row["employee_id"]]
        money = (row["gross"], row["deductions"], row["dues"], row["tax"], row["net"])
        assert money == (other.gross, other.deductions, other.dues, other.tax, other.net)
        assert row["status"] == ("held" if row["employee_id"] in result.open else other.status)
    zones = {row["employee_id"]: row["zone"] for row in book.inputs.employees.to_pylist()}
    for row in result.days.to_pylist():
        offset = book.inputs.calendar.offset(zones[row["employee_id"]], None)
        day = slow[row["employee_id"]].days[row["date"]]
        seen = (row["code"], row["first_in"], row["last_out"], row["required_s"], row["late_s"], row["early_s"])
        marks = (local(day.first_in, offset), local(day.last_out, offset))
        assert seen == (day.code, *marks, day.required_s, day.late_s, day.early_s)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of all regulations, to be altered."""
    return Path(shutil.copytree(REGULATIONS, tmp_path / "regulations"))


def altered(copy: Path, name: str, *changes: tuple[str, str]) -> Path:
    path = copy / name
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{name} has no '{old}'"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def net_of(book: Casebook, place: int) -> dict[str, object]:
    row: dict[str, object] = compute(book.inputs, book.regulation, book.month).payments.to_pylist()[place]
    return row


def test_another_name_and_another_component_name_change_nothing(copy: Path) -> None:
    altered(copy, "tulang-bawang.yaml", ("id: tulang-bawang", "id: lain"), ("name: TPP Kabupaten", "name: Kota"))
    path = altered(copy, "tulang-bawang.yaml", ("tpp:", "uang_hadir:"), ("base: tpp", "base: uang_hadir"))
    altered(copy, "tulang-bawang.yaml", ("of: tpp,", "of: uang_hadir,"))
    altered(copy, "tests/tulang-bawang.yaml", ("{tpp:", "{uang_hadir:"))
    book = read(copy / "tests/tulang-bawang.yaml", load(path))
    assert [outcome.differences for outcome in run(book)] == [()] * len(book.inputs.employees)


def test_another_rate_changes_what_twenty_minutes_cost(copy: Path) -> None:
    path = altered(copy, "tulang-bawang.yaml", ('to: 30, cost: "0.5 %"', 'to: 30, cost: "1/300"'))
    row = net_of(read(copy / "tests/tulang-bawang.yaml", load(path)), 1)
    assert row["deductions"] == 6_666


def test_another_border_moves_the_forty_five_minutes_into_the_first_band(copy: Path) -> None:
    path = altered(copy, "tulang-bawang.yaml", ("to: 30,", "to: 45,"), ("from: 31,", "from: 46,"))
    row = net_of(read(copy / "tests/tulang-bawang.yaml", load(path)), 2)
    assert row["deductions"] == 10_000


def test_another_share_for_discipline_changes_the_base(copy: Path) -> None:
    path = altered(copy, "tulang-bawang.yaml", ('fraction: "40 %"', 'fraction: "100 %"'))
    row = net_of(read(copy / "tests/tulang-bawang.yaml", load(path)), 1)
    assert row["deductions"] == 25_000


def test_another_price_of_a_point(copy: Path) -> None:
    path = altered(
        copy, "probolinggo-157-2019.yaml", ("rupiah: 4000", "rupiah: 5000"), ('absent: "6 %"', 'absent: "5 %"')
    )
    row = net_of(read(copy / "tests/probolinggo-157-2019.yaml", load(path)), 0)
    assert row["net"] == 1430 * 5000 * 90 // 100


def test_another_share_for_an_absent_day_of_permentan(copy: Path) -> None:
    path = altered(copy, "permentan-68-2012.yaml", ('absent: "4 %"', 'absent: "5 %"'))
    row = net_of(read(copy / "tests/permentan-68-2012.yaml", load(path)), 4)
    assert row["deductions"] == 200_000


def test_another_class_amount_and_another_count_of_days_in_ambon(copy: Path) -> None:
    path = altered(
        copy, "ambon/2026.yaml", ("beban_kerja: 4_300_000", "beban_kerja: 4_400_000"), ("at_least: 14", "at_least: 13")
    )
    book = read(copy / "tests/ambon-2026.yaml", load(path))
    assert net_of(book, 0)["gross"] == 4_400_000
    assert net_of(book, 8)["status"] == "forfeited"


def test_a_wrong_expectation_is_told_with_its_line(copy: Path) -> None:
    altered(copy, "tests/tulang-bawang.yaml", ("expect: {deductions: 25_000}", "expect: {deductions: 25_001}"))
    failed = [outcome for outcome in run_tests(copy / "tests/tulang-bawang.yaml") if not outcome.passed]
    assert [outcome.differences for outcome in failed] == [("deductions: expected 25001, computed 25000",)]
    lines = (copy / "tests/tulang-bawang.yaml").read_text(encoding="utf-8").splitlines()
    assert failed[0].name in lines[failed[0].line - 1]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_regulations_name_their_assumptions(name: str) -> None:
    assumed = load(REGULATIONS / name).assumed_values()
    assert assumed
    for value in assumed:
        lines = (REGULATIONS / name).parent.joinpath(value.file).read_text(encoding="utf-8").splitlines()
        last = value.key.split(".")[-1]
        assert last.isdigit() or last in lines[value.line - 1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('cost: "1 %"', "cost: 1.5", "tulang-bawang.yaml:35: tables.discipline.late.1.cost: 1.5 is not exact"),
        ("from: 31,", "from: 32,", "bands neither overlap nor leave a gap; here belongs from: 31"),
        ("mode: down", "mode: nearest", "'nearest' is not one of"),
        ("base: tpp\n", "base: salary\n", "steps.0.base: 'salary' is no component, group, input or earlier step"),
        ("{events: discipline}", "{events: presence}", "there is no table 'presence' in tables"),
        ("- use: tax", "- use: vat", "'vat' is not named in uses"),
        ("national/tax-final-2010.yaml", "national/tax-2011.yaml", "uses.tax: there is no file"),
        ("taxable: [", "taxed: [", "needs the group 'taxable' in groups"),
        ("taxable: [tpp_paid, ", "taxable: [paid, ", "groups.taxable: 'paid' is no component, group, input or earlier"),
        (
            "needs_document: true",
            "needs_documents: true",
            "'needs_documents' is no key that belongs here; did you mean 'needs_document'?",
        ),
        ("from: 2024-01-01", "from: 2024-02-30", "from: 2024-02-30 is not a date of the calendar"),
        ("id: dues", "id: tpp_paid", "a second step 'tpp_paid'"),
        ("    absent:", "    no_in:", "written twice in the same place"),
        ("components:", "components: [", "not YAML"),
    ],
)
def test_an_error_names_file_line_and_key(copy: Path, old: str, new: str, message: str) -> None:
    path = altered(copy, "tulang-bawang.yaml", (old, new))
    with pytest.raises(RegulationError) as caught:
        load(path)
    text = str(caught.value)
    assert message in text
    assert text.startswith(f"{path}:")
    assert text.removeprefix(f"{path}:").split(":")[0].isdigit()


def test_a_gate_that_no_step_applies_is_an_error(copy: Path) -> None:
    path = altered(
        copy,
        "ambon/2026.yaml",
        ("  - gate: absent_14\n", ""),
        (
            "not_employed, productivity_cut, discipline_cut, absent_14,",
            "not_employed, productivity_cut, discipline_cut,",
        ),
    )
    with pytest.raises(RegulationError, match="the gate is applied by no step"):
        load(path)


def test_a_reduction_needs_a_signed_decision(copy: Path) -> None:
    path = altered(copy, "ambon/2026.yaml", ("when: {flag: hukdis_25}", "when: {absent_days_at_least: 11}"))
    with pytest.raises(RegulationError, match="a reduction comes from a signed decision"):
        load(path)


def test_a_run_of_absences_that_crosses_the_month_is_refused_with_the_reason(copy: Path) -> None:
    path = altered(copy, "ambon/2026.yaml", ("run_crosses_month: false", "run_crosses_month: true"))
    with pytest.raises(RegulationError, match="run_crosses_month: runs of absence end with the month"):
        load(path)


def test_a_cap_of_the_day_is_refused_where_no_days_are_counted(copy: Path) -> None:
    path = altered(copy, "ambon/2026.yaml", ("cap: {amount: running}", 'cap: {day: "1 %"}'))
    with pytest.raises(RegulationError, match="cap.day: only what counts events has days"):
        load(path)


def test_two_regulations_for_one_month_or_none_are_errors(copy: Path) -> None:
    book = read(copy / "tests/ambon-2026.yaml")
    with pytest.raises(RegulationError, match="two regulations for 2026-10"):
        compute(book.inputs, [book.regulation, book.regulation], "2026-10")
    with pytest.raises(RegulationError, match="no regulation for all of 2027-01: none is in force"):
        compute(book.inputs, book.regulation, "2027-01")
    path = altered(copy, "ambon/2026.yaml", ("to: 2026-12-31", "to: 2026-10-20"))
    with pytest.raises(RegulationError, match="holds for a part only"):
        compute(book.inputs, load(path), "2026-10")


def test_a_dating_that_may_be_one_visit_with_another_mark_is_not_decided_silently(copy: Path) -> None:
    # At either end of the dating there are two visits; in between there is one, and a missing mark costs less here.
    path = altered(copy, "permentan-68-2012.yaml", ('no_out: "2 %"', 'no_out: "1 %"'))
    book = copy / "tests/permentan-68-2012.yaml"
    text = book.read_text(encoding="utf-8").split("cases:")[0]
    case = '  - {name: near, days: {2026-10-05: ["07:20", ["07:00", "07:40"]]}, expect: {status: held}}\n'
    book.write_text(f"{text}cases:\n{case}", encoding="utf-8")
    assert [outcome.differences for outcome in run(read(book, load(path)))] == [()]
