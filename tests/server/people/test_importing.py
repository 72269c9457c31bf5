"""Files are imported as a whole: each row is reported, nothing is half recorded, nothing decided by one alone."""

import csv
import shutil

import pytest
from harness import Server
from made_office import at, make_office
from made_office import refused as refused_at
from made_office import said as said_at

from server import facts
from server.orders.models import LEAVE, ORDERS
from server.people import service as people

NOW = "2026-11-02T09:00"
HEADER = "employee_id,nip,name,start_date,end_date"
NIP = "197806082008021001"
LEAVE_HEADER = "employee_id,kind,from,to,document,status\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Server:
    return make_office(tmp_path_factory.mktemp("importing"))


@pytest.fixture
def office(made, tmp_path) -> Server:
    shutil.copytree(made.directory, tmp_path / "office")
    return Server(tmp_path / "office")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "files"
    path.mkdir()
    (path / "employees.csv").write_text(f"{HEADER}\nN1,{NIP},Ani,2020-01-01,\nN2,,Budi,,\n")
    (path / "leave.csv").write_text(f"{LEAVE_HEADER}N1,annual,2026-10-05,2026-10-06,C/1,approved\n")
    return path


def imported(office: Server, *arguments, by: str = "rina") -> str:
    return said_at(office, NOW, "import", *map(str, arguments), "--by", by)


def refused(office: Server, *arguments) -> str:
    return refused_at(office, NOW, "import", *map(str, arguments), "--by", "rina")


def rows_of(office: Server, kind=LEAVE) -> list[dict]:
    """Facts that an import recorded, as known now."""
    parts = office.services()
    with parts.database.read() as connection:
        rows = [row for row in facts.as_of(connection, kind, at(NOW)) if row["recorded_by"] != "setup"]
    parts.database.close()
    return rows


def leave(office: Server) -> list[tuple[str, str]]:
    return [(row["employee_id"], row["status"]) for row in rows_of(office)]


def known(office: Server) -> tuple[set[str], set[str]]:
    parts = office.services()
    with parts.database.read() as connection:
        found = {row["employee_id"] for row in people.employees(connection, at(NOW))}
        keys = set(people.pseudonyms(connection))
    parts.database.close()
    return found, keys


def test_a_folder_is_imported_and_again_changes_nothing(office, folder):
    imported(office, folder)
    assert all({"N1", "N2"} <= names for names in known(office))
    assert leave(office) == [("N1", "requested")]
    imported(office, folder)
    assert leave(office) == [("N1", "requested")]


def test_a_dry_run_reports_and_records_nothing(office, folder):
    assert "nothing was recorded" in imported(office, folder, "--dry-run")
    assert all("N1" not in names for names in known(office))


def test_a_changed_row_supersedes_and_is_named(office, folder):
    imported(office, folder)
    (folder / "leave.csv").write_text((folder / "leave.csv").read_text().replace("approved", "cancelled"))
    changed = "N1 annual 2026-10-05: status requested → cancelled"
    assert f"leave.csv: changed: {changed}" in imported(office, folder, "--report", str(folder / "told.txt"))
    assert f"changed,leave.csv,,,,{changed}" in (folder / "told.txt").read_text()
    assert leave(office) == [("N1", "cancelled")]


def test_what_files_approve_is_decided_when_another_officer_brings_the_same(office, folder):
    orders = "order_id,employee_id,from,to,place,document,status\nS1,N2,2026-10-05,2026-10-06,Masohi,094/1,confirmed\n"
    (folder / "orders.csv").write_text(orders)
    assert "2 rows wait" in imported(office, folder)
    assert [row["status"] for row in rows_of(office, ORDERS)] == ["reported"]
    imported(office, folder, "--decide")
    assert leave(office) == [("N1", "requested")], "the officer who brought it decides nothing"
    imported(office, folder, by="joko")
    assert leave(office) == [("N1", "requested")], "nor is anything decided that nobody said"
    shown = imported(office, folder, "--decide", by="joko")
    assert "leave.csv: row 2, column 'status' (N1): approved; requested by rina" in shown
    assert "orders.csv: row 2, column 'status' (N2): confirmed; reported by rina" in shown
    assert leave(office) == [("N1", "approved")]
    imported(office, folder)
    assert leave(office) == [("N1", "approved")], "what was decided stays"


def test_details_that_change_after_the_decision_wait_anew(office, folder):
    for by in ("rina", "joko"):
        imported(office, folder, "--decide", by=by)
    (folder / "leave.csv").write_text((folder / "leave.csv").read_text().replace("2026-10-06", "2026-10-09"))
    imported(office, folder, "--decide")
    assert leave(office) == [("N1", "requested")]


def test_what_was_approved_is_taken_back_by_file_when_two_officers_say_so(office, folder):
    for by in ("rina", "joko"):
        imported(office, folder, "--decide", by=by)
    (folder / "leave.csv").write_text(f"{LEAVE_HEADER}N1,annual,2026-10-05,2026-10-31,other,cancelled\n")
    imported(office, folder, "--decide")
    (row,) = rows_of(office)
    assert (row["status"], row["to"], row["document"]) == ("withdrawing", "2026-10-06", "C/1")
    imported(office, folder, "--decide")
    assert leave(office) == [("N1", "withdrawing")]
    imported(office, folder, "--decide", by="joko")
    assert leave(office) == [("N1", "cancelled")]


def test_a_decision_made_here_is_not_undone_by_an_older_file(office, folder):
    imported(office, folder)
    said_at(office, NOW, "leave", "reject", "--document", "C/1", "--by", "joko")
    assert "1 rows wait" in imported(office, folder)
    assert leave(office) == [("N1", "rejected")]


@pytest.mark.parametrize("status", ["", "Approved", "CONFIRMED"])
def test_a_row_without_a_state_or_in_capitals_is_approved_by_nobody_either(office, folder, status):
    (folder / "leave.csv").write_text(f"{LEAVE_HEADER}N1,annual,2026-10-05,,C/1,{status}\n")
    imported(office, folder)
    assert leave(office) == [("N1", "requested")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("leave", "employee_id,kind,from\nN9,annual,2026-10-05\n", "column 'employee_id': there is no employee 'N9'"),
        ("leave", "employee_id,kind,from\nN1,sick,2026-10-05\nN1,sick,2026-10-05\n", "are those of row 2 again"),
        (
            "leave",
            f"{LEAVE_HEADER}N1,annual,5/10/2026,,C/1,approved\n",
            "row 2, column 'from' (N1): '5/10/2026' is no",
        ),
        (
            "leave",
            f"{LEAVE_HEADER}N1,annual,2026-10-05,2026-10-04,C/1,\n",
            "ends on 2026-10-04, before it begins on 2026-10-05",
        ),
        ("leave", f"{LEAVE_HEADER}N1,annual,2026-10-05,,C/1,disetujui\n", "'disetujui' is none of requested"),
        ("work", "employee_id,month,measure,score\nN1,Oktober,productivity,90\n", "'Oktober' is not a month such as"),
        (
            "employees",
            f"{HEADER}\nN1,{NIP},A,,\nN2,{NIP},B,,\n",
            f"row 3, column 'nip' (N2): NIP {NIP} stands in row 2",
        ),
        ("employees", f"{HEADER}\nN1,,A,2026-02-01,2026-01-01\n", "ends on 2026-01-01"),
        ("employees", f"{HEADER},zone\nN1,,A,,,XYZ\n", "'XYZ' is not WIB, WITA or WIT"),
        ("employees", f"{HEADER}\nN1,,A,soon,\n", "row 2, column 'start_date': 'soon' is not a date"),
    ],
)
def test_a_row_that_cannot_be_used_stops_the_whole_import_and_a_dry_run_tells(office, folder, name, text, message):
    (folder / f"{name}.csv").write_text(text)
    for more in ((), ("--dry-run",)):
        done = office.command("import", str(folder), "--by", "rina", *more)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert message in done.out
    assert "N2" not in known(office)[0]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("employees", "employee_id,nip\nN1,123\n", "'123' does not have 18 digits"),
        ("employees", "employee_id,job_class\nN1,99\n", "'99' is no class of the regulation"),
        ("employees", "employee_id,employment\nN1,HONOR\n", "'HONOR' is not among PNS, PPPK"),
        (
            "employees",
            "employee_id,employment,golongan\nN1,PNS,3a\n",
            "'3a' is not among III of tax: the payment is held",
        ),
        ("employees", "employee_id,employment,ptkp\nN1,PPPK,TK/9\n", "'TK/9' is not among TK/0 of"),
        ("leave", "employee_id,kind,from\nB1,annual,2026-11-05\n", "names no document"),
        ("leave", f"{LEAVE_HEADER}B1,bebas,2026-11-05,,C/1,\n", "'bebas' is none of annual: the payment is held"),
        (
            "leave",
            f"{LEAVE_HEADER}B1,annual,2026-11-05,2026-11-09,C/1,\nB1,annual,2026-11-06,,C/2,\n",
            "row 3, column 'from' (B1): overlaps row 2",
        ),
        (
            "corrections",
            "employee_id,date,kind,from,to,reason,document,status\nB1,,lupa,2026-11-05,,x,C/1,\n",
            "'lupa' is none of outage: counts as other",
        ),
        ("work", "employee_id,month,measure,score\nB1,2026-11,kinerja,90\n", "'kinerja' counts in no step"),
    ],
)
def test_what_the_regulation_cannot_count_is_noted_by_row_but_imported(office, tmp_path, name, text, message):
    (tmp_path / f"{name}.csv").write_text(text)
    assert message in imported(office, tmp_path / f"{name}.csv", "--dry-run")
    assert message in imported(office, tmp_path / f"{name}.csv")


def test_a_score_above_the_whole_of_its_measure_is_noted(office, tmp_path):
    regulation = office.directory / "small.yaml"
    step = (
        "  - {id: work, name: {id: Kerja, en: Work}, account: deduction, base: grant, operation: subtract,\n"
        "     by: {measure: productivity, per: 100, shortfall: true, missing: full},\n"
        "     rounding: {mode: down, unit: 1}, article: pasal 3, certainty: C}\n"
    )
    regulation.write_text(regulation.read_text().replace("  - {id: tax,", f"{step}  - {{id: tax,", 1))
    path = tmp_path / "work.csv"
    path.write_text("employee_id,month,measure,score\nB1,2026-11,productivity,120\nB2,2026-11,productivity,100\n")
    shown = imported(office, path)
    assert "row 2, column 'score' (B1): 120 is above 100" in shown
    assert "(B2)" not in shown


def test_the_whole_report_is_a_file_that_no_spreadsheet_runs(office, tmp_path):
    path = tmp_path / "employees.csv"
    path.write_text("employee_id,nip\n" + "".join(f"=N{n},{n}\n" for n in range(30)))
    shown = imported(office, path, "--dry-run", "--report", tmp_path / "report.csv")
    assert "more such; --report FILE has all of them" in shown
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["column"] == "nip"]
    assert [int(row["row"]) for row in rows] == list(range(2, 32))
    assert {(row["what"], row["file"], row["employee_id"][:3]) for row in rows} == {("notes", "employees.csv", "'=N")}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("employees.csv", "employee_id,nmae\nN1,Ani\n", "unknown column 'nmae'"),
        ("calendar.yaml", "format: 1\n", "calendar.yaml:1"),
        ("marks.csv", "employee_id,at\n", "the name says what a file holds"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(office, folder, name, text, message):
    (folder / name).write_text(text)
    assert message in refused(office, folder / name)


def test_names_of_files_are_taken_in_any_case_and_those_that_say_nothing_are_told(office, folder):
    (folder / "leave.csv").rename(folder / "Leave.CSV")
    (folder / "cuti.csv").write_text("x\n")
    assert "left, for their names say nothing here: cuti.csv" in imported(office, folder)
    assert leave(office) == [("N1", "requested")]
    (folder / "leave.csv").write_text(LEAVE_HEADER)
    assert "leave is given twice" in refused(office, folder)


def test_a_folder_that_is_not_there_or_holds_nothing_is_named(office, tmp_path):
    assert "there is no such file or folder" in refused(office, tmp_path / "oktober")
    (tmp_path / "empty").mkdir()
    assert "holds nothing to import" in refused(office, tmp_path / "empty")


def test_names_cannot_steer_the_terminal(office, folder):
    (folder / "employees.csv").write_text("employee_id,nip\nN1,\x1b[31mred\n")
    shown = imported(office, folder)
    assert "\x1b" not in shown
    assert "[31mred" in shown
