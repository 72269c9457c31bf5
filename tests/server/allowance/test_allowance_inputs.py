"""Inputs from CSV: what is read, and the messages that name file, row and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.allowance.compute import compute
from server.allowance.inputs import Inputs, read_inputs
from server.allowance.regulation import Regulation, load
from server.attendance.calendar import Calendar
from server.errors import ImportFailed

REGULATIONS = Path(__file__).parents[3] / "regulations"
EMPLOYEES = "employee_id,employment,golongan,amount:tpp,flags\nA,PNS,III/a,1000000,\nB,PNS,II/a,2000000,\n"
MARKS = "employee_id,at,site,source\nA,2026-10-05T07:29:00+07:00,balai,kiosk\nA,2026-10-05T16:01:00+07:00,balai,kiosk\n"


@pytest.fixture
def regulation() -> Regulation:
    return load(REGULATIONS / "tulang-bawang.yaml")


def read(folder: Path, regulation: Regulation, **files: str | bytes) -> Inputs:
    for name, text in {"employees": EMPLOYEES, "marks": MARKS, **files}.items():
        (folder / f"{name}.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    assert regulation.calendar
    return read_inputs(folder, regulation.calendar)


def test_a_directory_of_csv_files_is_read_and_computed(tmp_path: Path, regulation: Regulation) -> None:
    result = compute(read(tmp_path, regulation), regulation, "2026-10")
    days = {(row["employee_id"], row["date"].day): row for row in result.days.to_pylist()}
    assert days["A", 5]["code"] == "H"
    assert days["A", 5]["first_in"] == "2026-10-05T07:29:00+07:00"
    assert days["A", 6]["code"] == "TK"
    assert {row["employee_id"]: row["gross"] for row in result.payments.to_pylist()} == {"A": 1_000_000, "B": 2_000_000}


def test_a_mapping_of_paths_is_read_too(tmp_path: Path, regulation: Regulation) -> None:
    inputs = read(tmp_path, regulation)
    paths = {"employees": tmp_path / "employees.csv", "marks": tmp_path / "marks.csv"}
    assert read_inputs(paths, inputs.calendar).checked().sha256() == inputs.checked().sha256()


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path: Path, regulation: Regulation) -> None:
    plain = read(tmp_path, regulation).checked().sha256()
    other = read(tmp_path, regulation, marks="\ufeff" + MARKS.replace("\n", "\r\n")).checked().sha256()
    assert other == plain


def test_a_mark_of_a_journal_entry_is_the_fact_of_its_line(tmp_path: Path, regulation: Regulation) -> None:
    hours = (("08:00", "K01#17"), ("16:00", "K01#90"))
    marks = "employee_id,at,entry\n" + "".join(f"A,2026-10-05T{at}:00+07:00,{entry}\n" for at, entry in hours)
    result = compute(read(tmp_path, regulation, marks=marks), regulation, "2026-10")
    late = [line for line in result.lines.to_pylist() if line["kind"] == "late"]
    assert [(line["employee_id"], line["fact"], line["rupiah"]) for line in late] == [("A", "K01#17", -2000)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("marks", "employee_id,at,sight\nA,x,y\n", "marks.csv: unknown column 'sight'"),
        ("marks", "employee_id;at;site\n", "columns are separated by ';'"),
        ("marks", MARKS.replace("+07:00", ""), "row 2, column 'at': '2026-10-05T07:29:00' is not an instant"),
        ("marks", "employee_id,at\nA,2026-10-05T07:29:00+07:00\nA,\n", "row 3: neither at nor at_earliest"),
        (
            "marks",
            "employee_id,at,at_earliest,at_latest\n"
            "A,2026-10-05T07:29:00+07:00,2026-10-05T07:30:00+07:00,2026-10-05T07:40:00+07:00\n",
            "row 2, column 'at': not between at_earliest and at_latest",
        ),
        ("employees", EMPLOYEES + "A,PNS,III/a,1,\n", "row 4, column 'employee_id': A stands in row 2 too"),
        ("employees", EMPLOYEES.replace("2000000", "-1"), "row 3, column 'amount:tpp': -1 rupiah"),
        ("employees", EMPLOYEES.replace("2000000", "2e6"), "row 3, column 'amount:tpp': '2e6' is not a whole number"),
        ("employees", EMPLOYEES.replace("B,", ","), "row 3, column 'employee_id': empty"),
        ("employees", "nip\n1\n", "the column 'employee_id' is missing"),
        ("employees", b"employee_id,name\nA,Ren\xe9e\n", "row 2 is not UTF-8"),
        ("work", "employee_id,month,measure,score\nA,2026-10,x,good\n", "'good' is not a number"),
        *(
            ("work", f"employee_id,month,measure,score\nA,2026-10,x,{score}\n", f"'{score}' is not a number")
            for score in ("1E1000001", "1_0", "８７", "nan", "1e2")
        ),
        (
            "work",
            "employee_id,month,measure,score\nA,2026-10,x,1\nA,2026-10,x,2\n",
            "row 3, column 'measure': A 2026-10 x stands in row 2 too",
        ),
        ("dues", "employee_id,kind,rupiah\nA,zakat,1.5\n", "dues.csv: row 2, column 'rupiah': '1.5'"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, regulation: Regulation, name: str, text: str | bytes, message: str) -> None:
    with pytest.raises(ImportFailed) as caught:
        read(tmp_path, regulation, **{name: text})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("employees", EMPLOYEES.replace("amount:tpp", "amount:other"), "the regulation has no such component"),
        ("employees", "employee_id,zone\nA,CET\n", "'CET' is not WIB, WITA or WIT"),
    ],
)
def test_what_only_the_computation_can_know_is_named_too(
    tmp_path: Path, regulation: Regulation, name: str, text: str, message: str
) -> None:
    inputs = read(tmp_path, regulation, **{name: text})
    with pytest.raises(ImportFailed) as caught:
        compute(inputs, regulation, "2026-10")
    assert message in str(caught.value)


def test_an_unreadable_document_holds_its_employee_alone(tmp_path: Path, regulation: Regulation) -> None:
    leave = "employee_id,kind,from,to,document,status\nA,annual,2026-10-07,2026-10-06,SC-1,approved\n"
    result = compute(read(tmp_path, regulation, leave=leave), regulation, "2026-10")
    status = {row["employee_id"]: (row["status"], row["reason"]) for row in result.payments.to_pylist()}
    assert status["A"][0] == "held"
    assert "SC-1" in status["A"][1]
    assert status["B"][0] == "payable"


def test_zones_move_the_same_instants_to_other_hours(tmp_path: Path, regulation: Regulation) -> None:
    employees = "employee_id,employment,golongan,amount:tpp,zone\nA,PNS,II/a,1000000,WIB\nB,PNS,II/a,1000000,WIT\n"
    marks = "employee_id,at\n" + "".join(
        f"{who},2026-10-05T{at}\n" for who in "AB" for at in ("07:30:00+07:00", "16:00:00+07:00")
    )
    days = compute(read(tmp_path, regulation, employees=employees, marks=marks), regulation, "2026-10").days.to_pylist()
    fifth = {row["employee_id"]: row for row in days if row["date"].day == 5}
    assert fifth["A"]["code"] == "H"
    assert (fifth["B"]["code"], fifth["B"]["late_s"]) == ("TL", 7200)
    assert fifth["B"]["first_in"] == "2026-10-05T09:30:00+09:00"


def test_an_empty_calendar_month_of_nobody_is_computed(tmp_path: Path, regulation: Regulation) -> None:
    result = compute(
        read(tmp_path, regulation, employees="employee_id\n", marks="employee_id,at\n"), regulation, "2026-10"
    )
    assert len(result.payments) == len(result.lines) == len(result.days) == 0
    assert result.payments.column_names == [
        "employee_id",
        "gross",
        "deductions",
        "dues",
        "tax",
        "net",
        "status",
        "reason",
    ]


def test_a_leap_day_is_a_day(tmp_path: Path) -> None:
    calendar = Calendar.parse(
        'format: 1\nzone: WIB\nshifts: {o: {hours: [{days: [thu], start: "08:00", end: "12:00"}]}}\ndefault_shift: o\n'
    )
    marks = "employee_id,at\nA,2024-02-29T08:00:00+07:00\nA,2024-02-29T12:00:00+07:00\n"
    for name, text in (("employees", EMPLOYEES), ("marks", marks)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    result = compute(read_inputs(tmp_path, calendar), load(REGULATIONS / "tulang-bawang.yaml"), "2024-02")
    last = [row for row in result.days.to_pylist() if row["employee_id"] == "A"][-1]
    assert (last["date"].isoformat(), last["code"]) == ("2024-02-29", "H")
