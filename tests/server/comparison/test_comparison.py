"""An old list beside a computed month: what is equal, what differs, and what would explain it to the rupiah."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from harness import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from server.allowance.cli import tpp
from server.allowance.compute import compute
from server.allowance.inputs import read_inputs
from server.allowance.regulation import load
from server.attendance.calendar import Calendar
from server.comparison.compare import compare
from server.comparison.oldlist import Mapped, amount, read_map, read_old
from server.comparison.ours import our_people
from server.comparison.values import DIFFERENT, EQUAL, ITEMS, ONLY_OLD, ONLY_OURS, OldList, OldRow, OurPerson
from server.errors import ConfigError, ImportFailed
from server.reports.differences import explained
from server.reports.language import Language
from simulation.month import simulate_month, write_month


@cache
def computed() -> tuple[OurPerson, ...]:
    """A simulated month of sixty people, computed under Ambon's rules."""
    with TemporaryDirectory() as folder:
        write_month(simulate_month(60, 5), Path(folder))
        inputs = read_inputs(folder, Calendar.load(Path(folder) / "calendar.yaml"))
    month = compute(inputs, load(ROOT / "regulations" / "ambon" / "2026.yaml"), "2026-10")
    return our_people(month.payments, month.lines, month.days, month.summary, inputs.employees)


@pytest.fixture(scope="module")
def people() -> tuple[OurPerson, ...]:
    return computed()


def listed(person: OurPerson, changes: Mapping[str, int], items: Sequence[str] = ITEMS) -> OldList:
    """The old list of one person: ours, altered."""
    amounts = {item: person.amounts[item] + changes.get(item, 0) for item in items}
    return OldList("old.csv", "employee_id", tuple(items), (OldRow(2, person.employee_id, amounts),))


def told(person: OurPerson, changes: Mapping[str, int], people: Sequence[OurPerson], items: Sequence[str] = ITEMS):
    """Item → the explanations of its difference, in English."""
    found = compare(listed(person, changes, items), people)
    (one,) = found.of(DIFFERENT)
    return {gap.item: [explained((cause,), Language("en")) for cause in gap.causes] for gap in one.differences}


def late_and_taxed(people: Sequence[OurPerson]) -> OurPerson:
    return next(
        person
        for person in people
        if person.golongan.startswith("III")
        and person.amounts["tax"]
        and len({line.date for line in person.lines if line.kind == "late"}) >= 3
    )


def test_equal_lists_have_no_difference(people):
    rows = tuple(
        OldRow(n, one.employee_id, {item: one.amounts[item] for item in ITEMS}) for n, one in enumerate(people)
    )
    found = compare(OldList("old.csv", "employee_id", ITEMS, rows), people)
    assert [one.state for one in found.people] == [EQUAL] * len(people)


def test_a_day_that_the_old_list_does_not_deduct_is_named_with_its_article_and_what_follows_from_it(people):
    person = late_and_taxed(people)
    line = next(line for line in person.lines if line.kind == "late")
    day = -sum(one.rupiah for one in person.lines if one.date == line.date)
    base = person.amounts["gross"] - person.amounts["deductions"]
    tax = int((base + day) * Fraction(5, 100)) - person.amounts["tax"]
    reasons = told(person, {"deductions": -day, "tax": tax, "net": day - tax}, people)
    assert f"{line.date:%d/%m} {line.english}" in reasons["deductions"][0]
    assert reasons["deductions"][0].startswith("The old list does not deduct")
    assert line.article in reasons["deductions"][0]
    assert reasons["tax"][0].startswith("Follows from the other differences: same rate")
    assert reasons["net"] == ["The sum of the differences above"]


def test_two_days_left_out_together_are_found(people):
    person = late_and_taxed(people)
    days = sorted({line.date for line in person.lines if line.account == "deduction" and line.date})[:2]
    cut = -sum(line.rupiah for line in person.lines if line.date in days)
    reasons = told(person, {"deductions": -cut, "net": cut}, people)
    assert any(all(f"{day:%d/%m}" in reason for day in days) for reason in reasons["deductions"]), reasons


def test_another_rate_of_tax_is_named_with_whose_it_is(people):
    person = late_and_taxed(people)
    base = person.amounts["gross"] - person.amounts["deductions"]
    tax = int(base * Fraction(15, 100)) - person.amounts["tax"]
    reasons = told(person, {"tax": tax, "net": -tax}, people)
    assert reasons["tax"][0].startswith("The old list takes 15 % of Rp")
    assert "golongan IV" in reasons["tax"][0]
    assert reasons["tax"][0].endswith("here it is 5 %")


def test_golongan_two_taxed_at_five_percent_is_found_where_we_have_no_tax_at_all(people):
    person = next(
        one for one in people if one.golongan.startswith("II/") and one.amounts["net"] and not one.amounts["tax"]
    )
    tax = int((person.amounts["gross"] - person.amounts["deductions"]) * Fraction(5, 100))
    reasons = told(person, {"tax": tax, "net": -tax}, people)
    assert "5 %" in reasons["tax"][0]
    assert reasons["tax"][0].endswith("here it is 0 %")


def test_an_excused_day_counted_as_an_absence_is_named(people):
    person = next(
        one
        for one in people
        if one.amounts["gross"] and any(day.code == "DL" for day in one.days) and one.status == "payable"
    )
    day = next(day for day in person.days if day.code == "DL")
    cut = int(person.amounts["gross"] * Fraction(4, 10) * Fraction(3, 100))
    reasons = told(person, {"deductions": cut, "net": -cut}, people)
    assert any(f"{day.date:%d/%m} (DL) as an absence" in reason for reason in reasons["deductions"]), reasons


def test_lateness_in_another_band_is_named(people):
    person, line = next(
        (one, line)
        for one in people
        for line in one.lines
        if line.kind == "late" and line.share == Fraction(1, 200) * Fraction(4, 10)
    )
    cut = int(line.base * Fraction(1, 100) * Fraction(4, 10)) + line.rupiah
    reasons = told(person, {"deductions": cut, "net": -cut}, people)
    assert any("here it is 0.2 %" in reason and line.english in reason for reason in reasons["deductions"]), reasons


def test_a_band_that_nobody_else_has_is_known_from_the_regulation(tmp_path: Path):
    employees = tmp_path / "employees.csv"
    employees.write_text("employee_id,employment,golongan,amount:tpp,start_date\nA,PNS,II/a,1000000,2005-01-01\n")
    marks = tmp_path / "marks.csv"
    days = [day for day in range(1, 32) if day != 5]
    hours = [(5, "08:50"), (5, "16:00"), *((day, hour) for day in days for hour in ("07:30", "16:30"))]
    marks.write_text("employee_id,at\n" + "".join(f"A,2026-10-{day:02d}T{at}:00+07:00\n" for day, at in hours))
    rules = str(ROOT / "regulations" / "tulang-bawang.yaml")
    words = ["compute", "--regulation", rules, "--employees", str(employees), "--marks", str(marks)]
    assert tpp([*words, "--month", "2026-10", "--out", str(tmp_path / "out")]) == 0
    old = tmp_path / "old.csv"
    # 80 minutes cost 1.25 % of the 40 %; the old list takes the band below, of which no line of the month speaks.
    old.write_text("employee_id,gross,deductions,dues,tax,net\nA,1000000,4000,0,0,996000\n")
    options = ("--language", "en", "--out", str(tmp_path / "cmp"), "--format", "csv")
    assert tpp(["compare", str(old), "--in", str(tmp_path / "out"), *options]) == 1
    assert (
        "The old list deducts 0.4 %, here it is 0.5 %" in next((tmp_path / "cmp").rglob("comparison.csv")).read_text()
    )


def test_a_class_of_another_post_is_named(people):
    first = next(one for one in people if one.amounts["gross"] and one.job_class == "7")
    other = next(one for one in people if one.job_class == "9" and one.amounts["gross"] == 5_200_000)
    gross = other.amounts["gross"] - first.amounts["gross"]
    reasons = told(first, {"gross": gross, "net": gross}, people)
    assert "The old list pays class 9; here it is class 7" in reasons["gross"]


def test_a_list_of_nets_alone_is_explained_through_tax_and_dues(people):
    person = late_and_taxed(people)
    line = next(line for line in person.lines if line.kind == "late")
    day = -sum(one.rupiah for one in person.lines if one.date == line.date)
    base = person.amounts["gross"] - person.amounts["deductions"]
    follows = int((base + day) * Fraction(5, 100)) - person.amounts["tax"]
    dues = sum(
        int((one.base + day) * one.share) + one.rupiah for one in person.lines if one.account == "dues" and one.base > 1
    )
    reasons = told(person, {"net": day - follows - dues}, people, ["net"])
    assert any(f"{line.date:%d/%m}" in reason for reason in reasons["net"]), reasons


def test_nothing_is_offered_that_does_not_fit_to_the_rupiah(people):
    person = late_and_taxed(people)
    assert told(person, {"deductions": 7, "net": -7}, people)["deductions"] == []


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sets(st.integers(0, 10**6), min_size=1, max_size=3), st.sampled_from((0, 0, 1, 100)))
def test_what_an_explanation_leaves_out_is_the_difference_to_the_rupiah(which, chosen, more):
    people = computed()
    cut = [one for one in people if one.amounts["deductions"]]
    person = cut[which % len(cut)]
    lines = [line for line in person.lines if line.account == "deduction"]
    gap = more - sum(lines[place].rupiah for place in {number % len(lines) for number in chosen})
    one = compare(listed(person, {"deductions": -gap, "net": gap}), people).people[0]
    found = next(difference for difference in one.differences if difference.item == "deductions")
    assert len(found.causes) <= 3
    for cause in found.causes:
        if cause.key.startswith("no_"):
            assert -sum(line.rupiah for line in cause.lines) == gap
            assert len(set(cause.lines)) == len(cause.lines)


def test_a_list_that_does_not_add_up_is_told_so(people):
    reasons = told(late_and_taxed(people), {"net": 1000}, people)
    assert reasons == {"net": ["The old list itself does not add up: its net is off by Rp1,000 from its parts"]}


def test_who_is_not_paid_here_has_the_reason_in_both_languages(people):
    person = next(one for one in people if one.status == "ineligible")
    found = compare(listed(person, {"gross": 3_000_000, "net": 3_000_000}), people)
    causes = found.of(DIFFERENT)[0].differences[0].causes
    assert explained(causes[:1], Language("id")) == f"Tidak dibayarkan di sini: {person.reason}"
    assert explained(causes[:1], Language("en")) == f"Not paid here: {person.reason_english}"
    assert person.reason != person.reason_english


def test_people_of_one_list_only_are_named_and_sums_are_of_both(people):
    rows = (OldRow(2, people[0].employee_id, {"net": 5}), OldRow(3, "X9", {"net": 7}))
    found = compare(OldList("old.csv", "employee_id", ("net",), rows), people[:3])
    assert [one.key for one in found.of(ONLY_OLD)] == ["X9"]
    assert [one.key for one in found.of(ONLY_OURS)] == [one.employee_id for one in people[1:3]]
    assert found.total("net") == (5, people[0].amounts["net"])


def test_the_sum_of_one_step_can_be_compared(people):
    person = late_and_taxed(people)
    ours = -sum(line.rupiah for line in person.lines if line.step == "discipline_cut")
    rows = (OldRow(2, person.employee_id, {"step:discipline_cut": ours}),)
    found = compare(OldList("old.csv", "employee_id", ("step:discipline_cut",), rows), [person])
    assert found.people[0].state == EQUAL
    unknown = OldList(
        "old.csv", "employee_id", ("step:disipline",), (OldRow(2, person.employee_id, {"step:disipline": 1}),)
    )
    assert compare(unknown, [person]).notes == ("step:disipline: no line of this month is called so",)


@given(st.integers(-(10**9), 10**9))
def test_an_amount_is_read_as_people_write_it(rupiah):
    dotted = f"{rupiah:,}"
    for text in (str(rupiah), dotted, dotted.replace(",", "."), f"Rp {dotted.replace(',', '.')},00", f"{dotted}.00"):
        assert amount(text) == rupiah


@pytest.mark.parametrize(
    ("text", "rupiah"), [("", 0), ("-", 0), ("Rp. 1.500,-", 1500), ("(250)", -250), ("999,50", 1000), ("12.4", 12)]
)
def test_amounts_with_sen_brackets_or_nothing(text, rupiah):
    assert amount(text) == rupiah


@pytest.mark.parametrize("text", ["1.23.456", "abc", "1,2,3", "5%"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="is not an amount"):
        amount(text)


def test_an_old_list_is_read_with_its_own_names_and_separator(tmp_path: Path):
    path = tmp_path / "lama.csv"
    text = (
        "No;NIP;Nama;TPP Bruto;Diterima\n1;19850101 201001 1 001;Siti;Rp5.000.000,00;4.750.000\n;;JUMLAH;5.000.000;1\n"
    )
    path.write_bytes(text.encode("cp1252"))
    names = tmp_path / "names.yaml"
    names.write_text("columns: {nip: NIP, gross: TPP Bruto, net: Diterima}\nignore: [No]\n")
    old = read_old(path, read_map(names))
    assert [(row.row, row.key, row.amounts) for row in old.rows] == [
        (2, "198501012010011001", {"gross": 5_000_000, "net": 4_750_000})
    ]
    assert old.ignored == ("Nama",)
    assert any("row 3" in note for note in old.notes)


def test_titles_above_numbers_of_totals_below_and_other_sheets_are_passed_over(tmp_path: Path):
    book = openpyxl.Workbook()
    book.active.append(["Petunjuk"])
    sheet = book.create_sheet("Oktober")
    for row in (
        ["DAFTAR PENERIMAAN TPP"],
        ["Bulan Oktober 2026"],
        [],
        ["No", "NIP", "Diterima"],
        [1, "198501012010011001", 4_750_000],
        [],
        [None, "Jumlah seluruhnya", 4_750_000],
    ):
        sheet.append(row)
    book.save(tmp_path / "lama.xlsx")
    text = "DAFTAR PENERIMAAN TPP\n\nNo;NIP;Diterima\n1;198501012010011001;4.750.000\n;Jumlah seluruhnya;4.750.000\n"
    (tmp_path / "lama.csv").write_text(text)
    for name, row in (("lama.xlsx", 5), ("lama.csv", 4)):
        old = read_old(tmp_path / name, Mapped({"nip": "NIP", "net": "Diterima"}))
        assert [(one.row, one.key, one.amounts) for one in old.rows] == [
            (row, "198501012010011001", {"net": 4_750_000})
        ]
        assert any("'Jumlah seluruhnya' is a row of totals; it is not compared" in note for note in old.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nip,total\n1,2\n", "has a column for one of gross"),
        ("name,net\n1,2\n", "has a column for employee_id or nip"),
        ("nip,net\n1,2\n1,3\n", "row 3: 1 stands in row 2 too"),
        ("nip,net\n1,2x\n", "row 2: '2x' is not an amount"),
        ('nip,net\n"1,98501E+17",2\n', "lost its digits"),
    ],
)
def test_a_list_that_cannot_be_used_says_where(tmp_path: Path, text: str, message: str):
    path = tmp_path / "old.csv"
    path.write_text(text)
    with pytest.raises(ImportFailed, match=message):
        read_old(path, Mapped())


def test_a_map_that_names_what_we_do_not_have_is_refused_by_line(tmp_path: Path):
    path = tmp_path / "map.yaml"
    path.write_text("columns:\n  nett: Diterima\n")
    with pytest.raises(ConfigError, match=r"map.yaml:1: columns: 'nett' is none of"):
        read_map(path)


def test_a_list_by_nip_needs_the_employees(people):
    nameless = [OurPerson(one.employee_id, one.amounts, one.status, "", "", (), ()) for one in people[:2]]
    with pytest.raises(ImportFailed, match="add --employees"):
        compare(OldList("old.csv", "nip", ("net",), (OldRow(2, "1", {"net": 1}),)), nameless)


def test_the_command_ends_with_0_when_all_is_equal_and_1_when_not_and_names_what_it_did_not_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    month, result = tmp_path / "month", tmp_path / "result"
    write_month(simulate_month(6, 5), month)
    files = [part for name in ("employees", "marks", "work") for part in (f"--{name}", str(month / f"{name}.csv"))]
    rules = ("--regulation", str(ROOT / "regulations" / "ambon" / "2026.yaml"))
    assert tpp(["compute", *rules, *files, "--month", "2026-10", "--out", str(result)]) == 0
    old = result / "payments.csv"
    assert tpp(["compare", str(old), "--in", str(result)]) == 0
    assert "Kolom yang tidak dibandingkan: status, reason" in capsys.readouterr().out
    changed = tmp_path / "old.csv"
    first, row, *rest = old.read_text().splitlines()
    cells = row.split(",")
    cells[1] = str(int(cells[1]) + 1)
    changed.write_text("\n".join([first, ",".join(cells), *rest, ""]))
    arguments = ["compare", str(changed), "--in", str(result), "--out", str(tmp_path / "out"), "--format", "xlsx,csv"]
    assert tpp(arguments) == 1
    assert {path.suffix for path in (tmp_path / "out").rglob("*.*")} == {".xlsx", ".csv"}
    assert tpp(["compare", str(changed), "--in", str(tmp_path / "nothing")]) == 2
    assert "run hadir tpp compute" in capsys.readouterr().err
    assert tpp([*arguments[:-1], "docx"]) == 2
