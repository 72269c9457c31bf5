"""Files are imported as a whole: each row is reported, and nothing is half recorded."""

import pytest
from harness import NOW_MS

from server import facts
from server.orders.models import LEAVE
from server.people import service as people

HEADER = "employee_id,nip,name,start_date,end_date"
NIP = "197806082008021001"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "files"
    path.mkdir()
    (path / "employees.csv").write_text(f"{HEADER}\nN1,{NIP},Ani,2020-01-01,\nN2,,Budi,,\n")
    (path / "leave.csv").write_text(
        "employee_id,kind,from,to,document,status\nN1,annual,2026-10-05,2026-10-06,C/1,approved\n"
    )
    return path


def imported(server, *arguments):
    return server.command("import", *map(str, arguments), "--by", "rina")


def held(server):
    parts = server.services()
    with parts.database.read() as connection:
        known = {row["employee_id"] for row in people.employees(connection, NOW_MS)}
        leave = [(row["employee_id"], row["status"]) for row in facts.as_of(connection, LEAVE, NOW_MS)]
        keys = set(people.pseudonyms(connection))
    parts.database.close()
    return known, leave, keys


def test_a_folder_is_imported_and_again_changes_nothing(idle, folder):
    assert imported(idle, folder).code == 0
    known, leave, keys = held(idle)
    assert {"N1", "N2"} <= known
    assert {"N1", "N2"} <= keys
    assert leave == [("N1", "approved")]
    assert imported(idle, folder).code == 0
    assert held(idle)[1] == leave


def test_a_dry_run_reports_and_records_nothing(idle, folder):
    done = imported(idle, folder, "--dry-run")
    assert (done.code, "nothing was recorded" in done.out) == (0, True)
    assert "N1" not in held(idle)[0]
    assert "N1" not in held(idle)[2]


def test_a_changed_row_supersedes_and_is_named(idle, folder):
    imported(idle, folder)
    text = (folder / "leave.csv").read_text().replace("approved", "cancelled")
    (folder / "leave.csv").write_text(text)
    assert "leave.csv: changed: N1 annual 2026-10-05" in imported(idle, folder).out
    assert held(idle)[1] == [("N1", "cancelled")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("leave.csv", "employee_id,kind,from\nN9,annual,2026-10-05\n", "leave.csv: row 2: there is no employee 'N9'"),
        (
            "leave.csv",
            "employee_id,kind,from\nN1,sick,2026-10-05\nN1,sick,2026-10-05\n",
            "row 3: employee_id, kind, from are those of row 2 again",
        ),
        ("employees.csv", f"{HEADER}\nN1,{NIP},A,,\nN2,{NIP},B,,\n", f"row 3: NIP {NIP} stands in row 2 too"),
        ("employees.csv", f"{HEADER}\nN1,,A,2026-02-01,2026-01-01\n", "row 2: ends on 2026-01-01"),
    ],
)
def test_a_row_that_cannot_be_used_stops_the_whole_import(idle, folder, name, text, message):
    (folder / name).write_text(text)
    done = imported(idle, folder)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.out
    assert "N2" not in held(idle)[0]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("employees.csv", "employee_id,nmae\nN1,Ani\n", "unknown column 'nmae'"),
        ("calendar.yaml", "format: 1\n", "calendar.yaml:1"),
        ("marks.csv", "employee_id,at\n", "the name says what a file holds"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(idle, folder, name, text, message):
    (folder / name).write_text(text)
    done = imported(idle, folder / name)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_a_short_nip_and_a_missing_document_are_noted_but_imported(idle, folder):
    (folder / "employees.csv").write_text("employee_id,nip\nN1,123\n")
    (folder / "leave.csv").write_text("employee_id,kind,from\nN1,annual,2026-10-05\n")
    done = imported(idle, folder)
    assert done.code == 0
    assert "row 2: NIP '123' does not have 18 digits" in done.out
    assert "row 2: names no document" in done.out


def test_names_cannot_steer_the_terminal(idle, folder):
    (folder / "employees.csv").write_text("employee_id,nip\nN1,\x1b[31mred\n")
    done = imported(idle, folder)
    assert "\x1b" not in done.out
    assert "\\x1b[31mred" in done.out
