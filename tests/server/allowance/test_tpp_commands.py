"""The commands on files: what they write, what they refuse, and that the files alone explain a month."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from server.allowance import cli
from server.allowance.casebook import read
from server.allowance.catalogue import Words
from server.allowance.compute import compute
from server.allowance.explain import explain
from server.allowance.files import COLUMNS, read_result, write_result
from server.allowance.problems import Problem

REGULATIONS = Path(__file__).parents[3] / "regulations"
REGULATION = REGULATIONS / "tulang-bawang.yaml"
EMPLOYEES = (
    "employee_id,nip,employment,golongan,amount:tpp,start_date\n"
    "A,198001012005011001,PNS,II/a,1000000,2005-01-01\n"
    "B,198001012005011002,PNS,II/a,2000000,2005-01-01\n"
)
MARKS = "".join(
    f"{who},2026-10-{day:02d}T{hour}+07:00,balai,kiosk\n"
    for day in range(1, 31)
    for who in "AB"
    for hour in ("07:29:00", "16:31:00")
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Compute files given by table: text, bytes or a path; → exit, output, errors."""

    def command(*options: str, regulation: Path = REGULATION, **files: str | bytes | Path) -> tuple[int, str, str]:
        given = {"employees": EMPLOYEES, "marks": f"employee_id,at,site,source\n{MARKS}", **files}
        words = ["compute", "--regulation", str(regulation)]
        for option, value in (("--month", "2026-10"), ("--out", str(tmp_path / "out"))):
            words += [] if option in options else [option, value]
        for name, content in given.items():
            path = content if isinstance(content, Path) else tmp_path / f"{name}.csv"
            if not isinstance(content, Path):
                path.write_bytes(content.encode() if isinstance(content, str) else content)
            words += [f"--{name}", str(path)]
        code = cli.tpp([*words, *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def problems(tmp_path: Path) -> list[str]:
    return [
        f"{row['file']}:{row['row']}:{row['employee_id']}: {row['message']}"
        for row in rows(tmp_path / "out" / "problems.csv")
    ]


def test_the_files_have_the_columns_of_the_contract(run: Run, tmp_path: Path) -> None:
    code, out, _ = run()
    assert code == 0
    assert "2 employees: 2 payable; payable Rp3.000.000" in out
    heads = {path.name: path.read_text().split("\n")[0] for path in (tmp_path / "out").glob("*.csv")}
    assert heads["payments.csv"] == "employee_id,gross,deductions,dues,tax,net,status,reason"
    assert heads["days.csv"] == "employee_id,date,code,first_in,last_out,required_s,late_s,early_s"
    assert heads["lines.csv"].startswith(
        "employee_id,date,fact,article,base,numerator,denominator,rounding,rupiah,step,kind"
    )
    assert rows(tmp_path / "out" / "payments.csv")[0]["net"] == "1000000"
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["month"] == "2026-10"


def test_the_same_files_give_the_same_bytes(run: Run, tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        assert run()[0] == 0
        seen.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert seen[0] == seen[1]
    assert len(seen[0]) == 5


def test_what_is_written_is_read_back_unchanged_and_explains_alone(tmp_path: Path) -> None:
    book = read(REGULATIONS / "tests/ambon-2026.yaml")
    result = compute(book.inputs, book.regulation, book.month)
    write_result(result, [Problem("employees", 3, "nip", "x", 'says "no", twice')], tmp_path / "out")
    again = read_result(tmp_path / "out")
    for name, columns in COLUMNS.items():
        assert getattr(again, name).to_pylist() == getattr(result, name).select(list(columns)).to_pylist()
    for row in result.payments.to_pylist():
        for language in ("id", "en"):
            assert explain(again, row["employee_id"], language) == explain(result, row["employee_id"], language)


def test_explain_prints_and_knows_who_is_not_there(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(marks="employee_id,at\nA,2026-10-05T07:50:00+07:00\nA,2026-10-05T16:00:00+07:00\n")
    assert cli.tpp(["explain", "A", "--in", str(tmp_path / "out"), "--language", "en"]) == 0
    assert "late 20 minutes" in capsys.readouterr().out
    for words in (["explain", "Z", "--in", str(tmp_path / "out")], ["explain", "A", "--in", str(tmp_path / "no")]):
        assert cli.tpp(words) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_files_that_are_not_of_one_computation_are_not_explained(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    lines = tmp_path / "out" / "lines.csv"
    lines.write_text(lines.read_text().replace("1000000", "1000001"))
    assert cli.tpp(["explain", "A", "--in", str(tmp_path / "out")]) == 2
    assert "is not the file that summary.json describes" in capsys.readouterr().err


def test_what_is_refused_leaves_what_was_there(run: Run, tmp_path: Path) -> None:
    run()
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "out" / "mine.txt").write_text("kept")
    code, _, err = run(dues="employee_id,kind,rupiah\nA,zakat,-5\nB,zakat,x\n,zakat,1\n")
    assert code == 2
    assert [line.split("dues.csv: ")[-1].split(",")[0] for line in err.splitlines()[:3]] == ["row 2", "row 3", "row 4"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.name in before} == before
    assert run()[0] == 0
    assert (tmp_path / "out" / "mine.txt").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_every_file_with_a_fault_is_told_at_once(run: Run, tmp_path: Path) -> None:
    _, _, err = run(
        employees=EMPLOYEES.replace("2005-01-01\n", "2023-02-29\n"),
        work="employee_id,month,measure,score\nA,2026-10,x,much\nA,2026-10,y,1\nA,2026-10,y,2\n",
        leave="who,kind\n",
    )
    for wanted in (
        "employees.csv: row 2, column 'start_date': '2023-02-29' is not a date",
        "employees.csv: row 3, column 'start_date'",
        "leave.csv: unknown column 'who'",
        "leave.csv: the column 'employee_id' is missing",
        "work.csv: row 2, column 'score': 'much' is not a number",
        "work.csv: row 4, column 'measure': A 2026-10 y stands in row 3 too",
    ):
        assert wanted in err
    assert not (tmp_path / "out").exists()


def test_windows_1252_and_semicolons_are_read_and_said(run: Run, tmp_path: Path) -> None:
    text = EMPLOYEES.replace("nip,", "name,").replace("198001012005011001", "Renée").replace(",", ";")
    assert run(employees=text.encode("cp1252"))[0] == 0
    assert problems(tmp_path) == [
        "employees::: employees.csv: row 2 is not UTF-8; the file was read as Windows-1252",
        "employees::: employees.csv: row 1: columns are separated by ';', not by ','",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("employee_id\nA\n".encode("utf-16"), "save the file as CSV UTF-8"),
        (b"employee_id,name\nA,\x81\xe9\n", "row 2 is neither UTF-8 nor Windows-1252"),
        (b"", "row 1: empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel file"),
        (b"PK\x03\x04nothing", "not a workbook that can be read"),
        (b"employee_id,name\nA\nB,b\nC,c,c\n", "row 2: 1 cells, the header has 2"),
        (b"employee_id,name\nA\nB,b\nC,c,c\n", "row 4: 3 cells, the header has 2"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_way_out(run: Run, content: bytes, message: str) -> None:
    code, _, err = run(employees=content)
    assert code == 2
    assert message in err


def workbook(path: Path, *rows_: list[object]) -> Path:
    book = openpyxl.Workbook()
    for row in rows_:
        book.active.append(row)
    book.save(path)
    return path


def test_a_workbook_is_read_as_its_csv_would_be(run: Run, tmp_path: Path) -> None:
    run()
    plain = json.loads((tmp_path / "out" / "summary.json").read_text())["input_sha256"]
    from datetime import date

    table = [line.split(",") for line in EMPLOYEES.strip().split("\n")]
    cells = [table[0], *([*row[:4], int(row[4]), date(2005, 1, 1)] for row in table[1:])]
    assert run(employees=workbook(tmp_path / "employees.xlsx", *cells, [None] * 6))[0] == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["input_sha256"] == plain


def test_formulas_and_numbers_that_lost_digits_are_refused_by_cell(run: Run, tmp_path: Path) -> None:
    sheet = workbook(
        tmp_path / "employees.xlsx",
        ["employee_id", "nip", "amount:tpp"],
        ["A", 198001012005011001, "=1000000*2"],
        ["B", "198001012005011002", "=B2"],
    )
    code, _, err = run(employees=sheet)
    assert code == 2
    for wanted in ("row 2, cell B2", "more than 15 digits", "row 2, cell C2", "row 3, cell C3", "a formula"):
        assert wanted in err


def test_what_deserves_a_look_is_told_by_row_and_the_rest_proceeds(run: Run, tmp_path: Path) -> None:
    employees = (
        EMPLOYEES
        + "C,1980,PNS,II/a,,2005-01-01\n"
        + "D,198001012005011001,PNS,II/a,1000000,2026-10-20\n"
        + "E,,Pegawai,II/a,1000000,2005-01-01\n"
    )
    code, out, _ = run(
        employees=employees,
        marks=f"employee_id,at,site,source\n{MARKS}Z,2026-10-05T07:00:00+07:00,x,kiosk\n"
        "D,2026-10-05T07:00:00+07:00,x,kiosk\nA,2026-12-05T07:00:00+07:00,x,kiosk\n",
        orders="order_id,employee_id,from,to,document,status\n"
        "S1,B,2026-10-05,2026-10-07,D/1,confirmed\nS2,B,2026-10-07,2026-10-08,,confirmed\n"
        "S3,B,2026-10-12,2026-02-30,D/3,confirmed\nS4,Z,2026-10-12,2026-10-12,D/3,confirmed\n",
        work="employee_id,month,measure,score\nA,Oktober,x,1\n",
        dues="employee_id,kind,rupiah\nZ,zakat,5\n",
    )
    assert code == 0
    assert problems(tmp_path) == [
        "employees:4:C: '1980' does not have 18 digits",
        "employees:4:C: empty, and no amount is given: the payment is held",
        "employees:5:D: 198001012005011001 stands in row 2 (A) too: the payments of both are held",
        "employees:6:E: 'Pegawai' is not among CPNS, PNS of the regulation: the payment is held",
        "marks:122:Z: 1 marks of nobody in employees: not counted",
        "marks:123:D: 1 marks before the appointment: not counted",
        "marks:124:: 1 marks outside 2026-10, this one first: not counted",
        "orders:3:B: names no document: held where it changes the pay",
        "orders:3:B: overlaps row 2: what both cover counts once",
        "orders:4:B: '2026-02-30' is not a date (such as 2026-10-05): the payment is held",
        "orders:5:Z: nobody in employees: not counted",
        "work:2:A: 'Oktober' is not a month such as 2026-10",
        "dues:2:Z: nobody in employees: not counted",
    ]
    status = {row["employee_id"]: (row["status"], row["reason"]) for row in rows(tmp_path / "out" / "payments.csv")}
    assert {who: state for who, (state, _) in status.items()} == {
        "A": "held", "B": "held", "C": "held", "D": "held", "E": "held",
    }  # fmt: skip
    assert status["A"][1] == "NIP 198001012005011001 juga dipakai D"
    assert "13 things to look at" in out


def test_papers_that_say_less_or_other_than_they_seem_are_told(run: Run, tmp_path: Path) -> None:
    papers = "employee_id,date,kind,from,to,reason,document,status\n"
    assert (
        run(
            leave="employee_id,kind,from,to,document,status\nA,annual,2026-10-05,,C/1,approved\n"
            "A,cutie,2026-10-07,2026-10-08,C/2,approved\nB,sick,2026-10-05T08:00:00+07:00,,C/3,approved\n",
            orders="order_id,employee_id,from,to,document,status\nS1,A,2026-10-08,2026-10-09,D/1,confirmed\n",
            corrections=f"{papers}A,2026-10-12,other,2026-10-13T07:30:00+07:00,,,K/1,approved\n",
        )[0]
        == 0
    )
    assert problems(tmp_path) == [
        "leave:2:A: empty: counts for 2026-10-05 alone",
        "leave:3:A: 'cutie' is none of annual, cuti, izin, permission, sakit, sick: counts as other (C)",
        "leave:4:B: has no end: the payment is held",
        "orders:2:A: overlaps leave row 3: what both cover counts once",
        "corrections:2:A: 2026-10-12, but from says 2026-10-13: from counts",
    ]
    assert rows(tmp_path / "out" / "payments.csv")[1]["reason"] == "leave C/3: tanpa waktu selesai"


def test_names_that_are_not_what_they_seem_are_told(run: Run, tmp_path: Path) -> None:
    names = ["A ", "\u0410", "A\u200b", "B\x07"]
    people = "".join(f"{name},1980010{n} 200501 1 001,PNS,II/a,1000000,2005-01-01\n" for n, name in enumerate(names))
    assert run(employees=EMPLOYEES + people)[0] == 0
    assert [text for text in problems(tmp_path) if text.startswith("employees")] == [
        "employees:4:A : has spaces around it: somebody else wherever it is written otherwise",
        "employees:5:\u0410: has the letter U+0410 (cyrillic capital letter a): somebody else wherever it is "
        "written otherwise",
        "employees:5:\u0410: 198001012005011001 stands in row 2 (A) too: the payments of both are held",
        "employees:6:A\u200b: has the letter U+200B (zero width space): somebody else wherever it is written otherwise",
        "employees:7:B\x07: has the letter U+0007, which is not seen: somebody else wherever it is written otherwise",
    ]


def test_flags_and_dates_that_the_regulation_asks_for_are_told(run: Run, tmp_path: Path) -> None:
    employees = "employee_id,employment,job_class,golongan,zone,flags\nA,PPPK,7,IX,WIT,pbb_unpayed\n"
    run(employees=employees, regulation=REGULATIONS / "ambon" / "2026.yaml")
    told = problems(tmp_path)
    assert any("'pbb_unpayed' is asked for by no condition of the regulation, which has " in text for text in told)
    assert any(text.startswith("employees:2:A: empty, and the regulation asks for the months served") for text in told)


def test_who_has_a_golongan_or_ptkp_without_a_rate_is_told(run: Run, tmp_path: Path) -> None:
    employees = (
        "employee_id,employment,job_class,golongan,ptkp,zone,start_date\n"
        "A,PNS,7,V/a,,WIT,2005-01-01\nB,PPPK,7,,K/9,WIT,2020-01-01\nC,PNS,7,III/a,,WIT,2005-01-01\n"
    )
    run(employees=employees, regulation=REGULATIONS / "ambon" / "2026.yaml")
    assert [text for text in problems(tmp_path) if "rates" in text] == [
        "employees:2:A: 'V/a': the regulation has rates for I, II, III, IV: held where they matter",
        "employees:3:B: 'K/9': the regulation has rates for K/0, K/1, K/2, K/3, TK/0, TK/1, TK/2, TK/3: "
        "held where they matter",
    ]


def test_an_option_given_twice_leaves_no_file_out_unseen(run: Run, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    more.write_text("employee_id,at\n")
    with pytest.raises(SystemExit, match="2"):
        run("--marks", str(more))
    assert not (tmp_path / "out").exists()


def test_a_holiday_written_twice_is_told(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calendar = tmp_path / "calendar.yaml"
    text = (REGULATIONS / "national" / "calendar-2026-wib.yaml").read_text()
    calendar.write_text(text.replace("date: 2026-12-24", "date: 2026-12-25"))
    assert run("--calendar", str(calendar))[0] == 0
    told = "holidays: 2026-12-25 is written 2 times and counts once; is another date meant?"
    assert f"calendar::: {told}" in problems(tmp_path)
    capsys.readouterr()
    assert cli.regulation(["check", str(calendar)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == f"  look at: {told}"


def test_shifts_of_nobody_are_told(run: Run, tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.yaml"
    hours = 'shifts: {day: {hours: [{days: [mon], start: "07:30", end: "16:00"}]}}'
    calendar.write_text(
        f"format: 1\nzone: WIB\ndefault_shift: day\n{hours}\nassignments: [{{shift: day, employees: [A, Z]}}]\n"
    )
    run(calendar=calendar)
    assert problems(tmp_path) == ["calendar::Z: assignment 1 (day): no employee has employee_id 'Z'"]


def test_a_month_without_marks_is_told_aloud_and_in_the_file(run: Run, tmp_path: Path) -> None:
    code, _, err = run(marks="employee_id,at\n")
    assert code == 0
    assert "hadir: note: marks: there are none: every working day is reckoned as absent" in err
    assert problems(tmp_path)[0] == "marks::: there are none: every working day is reckoned as absent"


WORK = "employee_id,month,measure,score\n"


@pytest.mark.parametrize(
    ("work", "state", "told"),
    [
        (
            None,
            "payable",
            "nobody has a score for 'productivity' in 2026-10: everybody is paid, and what may lack is not",
        ),
        (f"{WORK}A,2026-10,productivty,80\n", "held", "everybody is held"),
        (f"{WORK}A,2026-10,productivty,80\n", "held", "has no measure 'productivty' (there is: productivity)"),
        (f"{WORK}A,2026-09,productivity,80\n", "held", "everybody is held"),
        (f"{WORK}A,2026-10,productivity,80\n", "payable", ""),
    ],
)
def test_scores_that_are_given_and_do_not_fit_hold_everybody_and_are_told_aloud(
    run: Run, tmp_path: Path, work: str | None, state: str, told: str
) -> None:
    ambon = {
        "employees": "employee_id,employment,job_class,golongan,zone,start_date,bpjs_base,other_gross\n"
        "A,PNS,7,III/a,WIT,2005-01-01,5000000,5000000\n",
        "regulation": REGULATIONS / "ambon" / "2026.yaml",
        "marks": f"employee_id,at,site,source\n{MARKS.replace('+07:00', '+09:00')}",
    }
    code, _, err = run(**ambon, **({} if work is None else {"work": work}))
    assert code == 0
    payment = rows(tmp_path / "out" / "payments.csv")[0]
    assert payment["status"] == state, payment
    assert ("nilai productivity belum ada" in payment["reason"]) == (state == "held")
    assert told in err
    assert ("work" in err) == bool(told)


def test_shifts_that_overlap_are_told(run: Run, tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.yaml"
    calendar.write_text(
        "format: 1\nzone: WIB\ndefault_shift: day\nshifts:\n"
        '  day: {hours: [{days: [mon, tue], start: "07:30", end: "16:00"}]}\n'
        '  long: {hours: [{days: [mon, tue], start: "07:00", end: "07:00", ends_next_day: true}]}\n'
        '  over: {hours: [{days: [mon], start: "20:00", end: "09:00", ends_next_day: true},'
        ' {days: [tue], start: "08:00", end: "12:00"}]}\n'
        "assignments:\n  - {shift: long, employees: [A]}\n  - {shift: over, employees: [A, B], from: 2026-10-05}\n"
    )
    assert run(calendar=calendar)[0] == 0
    assert problems(tmp_path) == [
        "calendar::A: A and 1 more: shift over of 2026-10-05 runs into over of 2026-10-06",
        "calendar::A: A: assignments 1 (long) and 2 (over) overlap from 2026-10-05 to 2026-10-31: the later line holds",
    ]


def test_a_night_that_runs_into_another_shift_of_the_same_people_is_told(run: Run, tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.yaml"
    calendar.write_text(
        "format: 1\nzone: WIB\ndefault_shift: day\nshifts:\n"
        '  day: {hours: [{days: [mon, tue], start: "07:30", end: "16:00"}]}\n'
        '  night: {hours: [{days: [mon, tue], start: "20:00", end: "08:00", ends_next_day: true}]}\n'
        "assignments:\n  - {shift: night, employees: [A], from: 2026-10-12, to: 2026-10-12}\n"
    )
    assert run(calendar=calendar)[0] == 0
    assert problems(tmp_path) == ["calendar::A: A: shift night of 2026-10-12 runs into day of 2026-10-13"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--month", "2026-13"), "'2026-13' is not a month"),
        (("--month", "9999-12"), "'9999-12' is not a month"),
        (("--month", "0001-01"), "'0001-01' is not a month"),
        (("--month", "２０２６-10"), "'２０２６-10' is not a month"),
        (("--month", "2020-01"), "no regulation for all of 2020-01"),
        (("--regulation", str(REGULATION)), "two regulations for 2026-10"),
        (("--calendar", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("--leave", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("--regulation", str(REGULATIONS)), "regulations: is no file; name one"),
        (
            ("--regulation", str(REGULATIONS / "national" / "bpjs.yaml")),
            "'day' is missing; a file that regulations use",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused_in_one_line(
    run: Run, tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    code, _, err = run(*options)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_directory_is_kept_and_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    code, _, err = run("--out", str(tmp_path / "taken"))
    assert (code, err.count("\n")) == (2, 1)
    assert "taken: is a file; give the name of a directory" in err
    assert (tmp_path / "taken").read_text() == "mine"


def test_the_hash_of_the_inputs_does_not_hang_on_the_order_of_rows(run: Run, tmp_path: Path) -> None:
    hashes = []
    for marks in (MARKS.splitlines(), MARKS.splitlines()[::-1], MARKS.splitlines()[1:]):
        head, *people = EMPLOYEES.splitlines()
        employees = people[::-1] if hashes else people
        run(employees="\n".join([head, *employees]), marks="\n".join(["employee_id,at,site,source", *marks]))
        hashes.append(json.loads((tmp_path / "out" / "summary.json").read_text())["input_sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_step_that_comes_to_more_than_can_be_reckoned_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    text = REGULATION.read_text().replace("national/", f"{REGULATIONS}/national/")
    path.write_text(text.replace("    operation: add", '    operation: add\n    fraction: "999999999"', 1))
    code, _, err = run(regulation=path, employees=EMPLOYEES.replace("1000000", "10000000000"))
    assert (code, err.count("\n")) == (2, 1)
    assert "huge.yaml: step tpp_paid comes to more than can be reckoned" in err


def test_documents_with_dates_that_are_none_hold_in_words_of_both_languages(run: Run, tmp_path: Path) -> None:
    leave = "employee_id,kind,from,to,document,status\n"
    told = {
        "5/10/2026,": ("'5/10/2026' bukan waktu dengan offset", "'5/10/2026' is no time with offset"),
        "2026-W41-1,": ("'2026-W41-1' bukan tanggal", "'2026-W41-1' is not a date"),
        "2026-10-06,2026-10-05": (
            "berakhir 2026-10-05, sebelum mulai 2026-10-06",
            "ends on 2026-10-05, before it begins",
        ),
    }
    for dates, (reason, problem) in told.items():
        assert run(leave=f"{leave}A,annual,{dates},SC-1,approved\n")[0] == 0
        held = rows(tmp_path / "out" / "payments.csv")[0]
        assert (held["status"], held["reason"].startswith(f"leave SC-1: {reason}")) == ("held", True), held
        assert any(problem in text for text in problems(tmp_path))
        words = Words.of(json.loads((tmp_path / "out" / "summary.json").read_text()))
        assert problem in words.reason(held["reason"])


def test_unusable_zones_and_amounts_are_told_together(run: Run) -> None:
    code, _, err = run(employees="employee_id,zone,amount:x\nA,CET,1\nB,GMT,1\n", dues="employee_id,kind\n")
    assert code == 2
    zones = ("row 2, column 'zone': 'CET'", "row 3")
    for wanted in ("'amount:x': the regulation has no such component", *zones, "'rupiah' is missing"):
        assert wanted in err


def test_a_month_not_ended_is_computed_and_said(run: Run, tmp_path: Path) -> None:
    code, _, err = run("--month", "2199-10")
    assert code == 0
    assert "2199-10 has not ended yet" in err
    assert problems(tmp_path)[0].startswith("marks::: 2199-10 has not ended yet")


def test_regulations_are_checked_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("format: 2\n")
    assert cli.regulation(["check", str(REGULATION), str(bad), str(tmp_path / "none.yaml")]) == 2
    said = capsys.readouterr()
    assert "coming costs more than staying away" in said.out
    assert "bad.yaml" in said.err
    assert "none.yaml: cannot be read" in said.err


def test_cases_are_run_and_a_difference_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.regulation(["test", str(REGULATIONS / "tests" / "ter.yaml")]) == 0
    text = (REGULATIONS / "tests" / "tulang-bawang.yaml").read_text().replace("../", f"{REGULATIONS}/")
    (tmp_path / "cases.yaml").write_text(text.replace("deductions: 25_000", "deductions: 25_001"))
    assert cli.regulation(["test", str(tmp_path)]) == 1
    assert "deductions: expected 25001, computed 25000" in capsys.readouterr().out
    assert cli.regulation(["test", str(tmp_path / "nothing")]) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{2026-10-05:", "{2026-11-05:", "days.2026-11-05: is no day of 2026-10"),
        ("{tpp: 5_000_000}", "{tpk: 5_000_000}", "defaults.amounts.tpk: is not one of the components of tulang-bawang"),
        ("month: 2026-10", "month: 2026-13", "month: '2026-13' is not a month"),
        ("dues: {koperasi: 1_500_000}", "dues: {koperasi: -1}", "cases: dues: row 1, column 'rupiah': -1 rupiah"),
        ("golongan: II/c}", "golongan: II/c, start_date: soon}", "'soon' is not a date"),
    ],
)
def test_a_case_with_facts_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    text = (REGULATIONS / "tests" / "tulang-bawang.yaml").read_text().replace("../", f"{REGULATIONS}/")
    assert old in text
    (tmp_path / "cases.yaml").write_text(text.replace(old, new, 1))
    assert cli.regulation(["test", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_a_difference_is_told_in_words_with_article_and_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = REGULATION.read_text().replace("national/", f"{REGULATIONS}/national/")
    text = text.replace("from: 2024-01-01", "from: 2027-01-01").replace(
        'to: 30, cost: "0.5 %"', 'to: 30, cost: "0.6 %"'
    )
    text = text.replace("grace_seconds: {value: 59", "grace_seconds: {value: 0")
    text = text.replace('fraction: "40 %"', 'fraction: "50 %"')
    new = tmp_path / "new.yaml"
    new.write_text(text)
    assert cli.regulation(["diff", str(REGULATION), str(new)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("what follows holds from 2027-01-01")
    assert lines[1:] == [
        "the day grace_seconds, value: 59 → 0 [A]",
        "table discipline, late.from 1.cost: 0.5 % → 0.6 % [Tabel potongan disiplin, C]",
        "table discipline, early.from 1.cost: 0.5 % → 0.6 % [Tabel potongan disiplin, C]",
        "step discipline_cut, base.fraction: 40 % → 50 % [Potongan atas 40 % TPP (disiplin), C]",
    ]
    assert cli.regulation(["diff", str(REGULATION), str(REGULATION)]) == 0
    assert capsys.readouterr().out == "they say the same\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: TPP Kabupaten Tulang Bawang", "name: TPP Kota", ["name: TPP Kabupaten Tulang Bawang → TPP Kota"]),
        ("from: 2024-01-01", "from: 2027-01-01", []),
    ],
)
def test_regulations_that_differ_in_name_or_dates_alone_do_not_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, told: list[str]
) -> None:
    path = tmp_path / "new.yaml"
    path.write_text(REGULATION.read_text().replace("national/", f"{REGULATIONS}/national/").replace(old, new))
    assert cli.regulation(["diff", str(REGULATION), str(path)]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("tulang-bawang (2024-01-01 to its replacement) → ")
    assert lines == told
