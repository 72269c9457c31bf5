"""Files are imported under the columns that an office uses, from CSV and XLSX, and tried without recording."""

from __future__ import annotations

import shutil

import openpyxl
import pytest
from harness import NOW_MS, Server, make_server

from server import facts
from server.allowance.models import WORK
from server.orders.models import LEAVE
from server.people import service as people

MAPPING = "format: 1\nemployees: {NIP BARU: nip, Nama: name, ID: employee_id, Satker: agency, Keterangan: null}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Server:
    return make_server(tmp_path_factory.mktemp("mapping"))


@pytest.fixture
def server(made, tmp_path) -> Server:
    shutil.copytree(made.directory, tmp_path / "server")
    (tmp_path / "map.yaml").write_text(MAPPING)
    return Server(tmp_path / "server")


def names(server: Server) -> dict[str, tuple[str, str]]:
    parts = server.services()
    with parts.database.read() as connection:
        rows = people.employees(connection, NOW_MS)
    parts.database.close()
    return {row["employee_id"]: (row["name"], row["agency"]) for row in rows}


def brought(server: Server, *arguments: str):
    return server.command("import", *arguments, "--by", "rina", "--map", str(server.directory.parent / "map.yaml"))


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_an_offices_columns_become_ours(server, suffix):
    path = server.directory / f"employees.{suffix}"
    rows = [[" nip baru", "NAMA", "ID", "Satker", "Keterangan", "NPWP "]]
    rows += [["197806082008021001", "Ani", "N1", "dinkes", "x", "01.234"]]
    if suffix == "csv":
        path.write_text("".join(";".join(row) + "\n" for row in rows))
    else:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    done = brought(server, str(path), "--dry-run")
    assert (done.code, "nothing was recorded" in done.out) == (0, True)
    assert "N1" not in names(server)
    done = brought(server, str(path))
    assert done.code == 0, done.err
    assert names(server)["N1"] == ("Ani", "dinkes")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("format: 1\nemployees: {A: nipp}\n", "map.yaml:2: employees.A: there is no column 'nipp'"),
        ("format: 1\nemployees: {A: nip, B: nip}\n", "map.yaml:2: employees: two columns are mapped to 'nip'"),
        ("format: 1\nstaff: {A: nip}\n", "map.yaml:2: staff"),
        ("format: 1\nemployees: {Nama: employee_id}\n", "two columns are 'employee_id' after the mapping"),
        ("format: 1\n", "unknown column 'Nama'"),
    ],
)
def test_a_mapping_that_cannot_be_is_named(server, mapping, message):
    (server.directory.parent / "map.yaml").write_text(mapping)
    path = server.directory / "employees.csv"
    path.write_text("employee_id,Nama\nN1,Ani\n")
    done = brought(server, str(path))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_every_row_that_cannot_be_used_is_in_the_report(server):
    (server.directory.parent / "map.yaml").write_text("format: 1\n")
    path = server.directory / "employees.csv"
    path.write_text("employee_id,other_gross,start_date\nN1,-5,\nN2,,yesterday\nN3,1,2026-01-01\n")
    done = brought(server, str(path))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "row 2" in done.out
    assert "row 3" in done.out
    assert "N3" not in names(server)


def test_an_offices_file_names_dates_and_numbers_are_read_as_the_mapping_says(server):
    mapping = "format: 1\nfiles: {Data SIMPEG Oktober.csv: employees}\ndates: DMY\nnumbers: id\n"
    (server.directory.parent / "map.yaml").write_text(mapping)
    (server.directory / "data simpeg oktober.csv").write_text(
        "employee_id;start_date;other_gross;amount:tpp\nN1;5/10/2020;1.234.500,00;4.000.000\nN2;2020-10-05;;\n"
    )
    (server.directory / "leave.csv").write_text("employee_id,kind,from,to\nN1,annual,05-10-2026,7/10/2026\n")
    (server.directory / "work.csv").write_text('employee_id,month,measure,score\nN1,2026-10,x,"87,5"\n')
    done = brought(
        server, *(str(server.directory / name) for name in ("data simpeg oktober.csv", "leave.csv", "work.csv"))
    )
    assert done.code == 0, done
    parts = server.services()
    with parts.database.read() as connection:
        rows = {row["employee_id"]: people.from_columns(row) for row in people.employees(connection, NOW_MS)}
        (leave,) = facts.as_of(connection, LEAVE, NOW_MS)
        (work,) = facts.as_of(connection, WORK, NOW_MS)
    parts.database.close()
    assert [rows["N1"][name] for name in ("start_date", "other_gross", "amount:tpp")] == [
        "2020-10-05",
        "1234500",
        "4000000",
    ]
    assert rows["N2"]["start_date"] == "2020-10-05"
    assert (leave["from"], leave["to"], work["score"]) == ("2026-10-05", "2026-10-07", "87.5")


@pytest.mark.parametrize(
    ("mapping", "cells", "message"),
    [
        (
            "numbers: id",
            "2026-01-01,1234.5",
            "row 2, column 'other_gross': '1234.5' is not a number such as 1.234.500,50",
        ),
        (
            "numbers: id",
            '2026-01-01,"1.234,50"',
            "row 2, column 'other_gross': '1234.50' is not a whole number of rupiah",
        ),
        ("dates: DMY", "31/02/2026,1", "row 2, column 'start_date': '2026-02-31' is not a date"),
        ("dates: DMY", "10/13/2026,1", "row 2, column 'start_date': '2026-13-10' is not a date"),
        ("dates: DMY", "1/2/26,1", "row 2, column 'start_date': '1/2/26' is not a date"),
        ("", "01/02/2026,1", "row 2, column 'start_date': '01/02/2026' is not a date"),
    ],
)
def test_a_form_that_the_mapping_does_not_say_is_not_guessed(server, mapping, cells, message):
    (server.directory.parent / "map.yaml").write_text(f"format: 1\n{mapping}\n")
    path = server.directory / "employees.csv"
    path.write_text(f"employee_id,start_date,other_gross\nN1,{cells}\n")
    done = brought(server, str(path))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.out
    assert "N1" not in names(server)


def test_numbers_of_a_workbook_are_no_text_and_stay_as_they_are(server):
    (server.directory.parent / "map.yaml").write_text("format: 1\nnumbers: id\n")
    book = openpyxl.Workbook()
    for row in (["employee_id", "month", "measure", "score"], ["E1", "2026-10", "x", 87.25]):
        book.active.append(row)
    book.save(server.directory / "work.xlsx")
    assert brought(server, str(server.directory / "work.xlsx")).code == 0
    parts = server.services()
    with parts.database.read() as connection:
        assert [row["score"] for row in facts.as_of(connection, WORK, NOW_MS)] == ["87.25"]
    parts.database.close()
