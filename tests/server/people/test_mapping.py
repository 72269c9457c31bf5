"""Files are imported under the columns that an office uses, from CSV and XLSX, and tried without recording."""

from __future__ import annotations

import shutil

import openpyxl
import pytest
from harness import NOW_MS, Server, make_server

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
    rows = [[" nip baru", "NAMA", "ID", "Satker", "Keterangan"], ["197806082008021001", "Ani", "N1", "dinkes", "x"]]
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
