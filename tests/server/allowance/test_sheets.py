"""Sheets as offices and attackers save them: line ends, blank rows, size, and the end of the program that read them."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest

from server.allowance import workbook
from server.allowance.reading import read_sheet
from server.errors import ImportFailed

ROOT = Path(__file__).parents[3]
_NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_STRINGS = b'application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
_A1 = b'<row r="1"><c r="A1" t="inlineStr"><is><t>employee_id</t></is></c></row>'


def made(path: Path, rows: bytes = _A1, strings: bytes | None = None) -> Path:
    """A workbook whose first sheet holds these rows of XML, and the shared strings."""
    openpyxl.Workbook().save(path.with_suffix(".base"))
    sheet = b"<worksheet %s><sheetData>%s</sheetData></worksheet>" % (_NAMESPACE, rows)
    with zipfile.ZipFile(path.with_suffix(".base")) as base, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in base.namelist():
            content = base.read(name)
            if name == "[Content_Types].xml" and b"sharedStrings" not in content:
                content = content.replace(
                    b"</Types>", b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + _STRINGS
                )
            if name != "xl/sharedStrings.xml":
                new.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else content)
        new.writestr("xl/sharedStrings.xml", b"<sst %s/>" % _NAMESPACE if strings is None else strings)
    return path


def csv(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_of_every_system_are_read(tmp_path: Path, end: bytes) -> None:
    sheet = read_sheet(csv(tmp_path / "a.csv", end.join([b"employee_id,name", b'A,"x, y"', b"B,", b"", b""])))
    assert sheet.table.to_pylist() == [{"employee_id": "A", "name": "x, y"}, {"employee_id": "B", "name": None}]


@pytest.mark.parametrize("content", [b"employee_id,name", b"employee_id,name\r", b"employee_id,name\n\n"])
def test_a_header_alone_is_a_table_without_rows(tmp_path: Path, content: bytes) -> None:
    table = read_sheet(csv(tmp_path / "a.csv", content)).table
    assert (table.column_names, len(table)) == (["employee_id", "name"], 0)


def test_a_blank_line_within_is_an_empty_row_so_that_the_later_rows_keep_their_numbers(tmp_path: Path) -> None:
    table = read_sheet(csv(tmp_path / "a.csv", b'a,b\n1,"2\n2"\n\n3,4\n')).table
    assert table.to_pylist() == [{"a": "1", "b": "2\n2"}, {"a": None, "b": None}, {"a": "3", "b": "4"}]
    with pytest.raises(ImportFailed, match="row 4: 1 cells, the header has 2"):
        read_sheet(csv(tmp_path / "a.csv", b"a,b\n1,2\n\n3\n"))


def test_the_header_may_stand_below_a_title(tmp_path: Path) -> None:
    def named(cells: list[str]) -> bool:
        return "NIP" in cells

    text = b'"DAFTAR TPP,\nOKTOBER"\n;;\nNo;NIP;Diterima\n1;19;5\n'
    sheet = read_sheet(csv(tmp_path / "a.csv", text), named)
    assert (sheet.table.column_names, sheet.table.to_pylist(), sheet.first_row) == (
        ["No", "NIP", "Diterima"],
        [{"No": "1", "NIP": "19", "Diterima": "5"}],
        4,
    )
    book = openpyxl.Workbook()
    book.active.append(["Rekap"])
    for row in (["DAFTAR TPP"], [], ["NIP", "Diterima"], ["19", 5]):
        sheet = book["Isi"] if "Isi" in book.sheetnames else book.create_sheet("Isi")
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    sheet = read_sheet(tmp_path / "a.xlsx", named)
    assert (sheet.table.to_pylist(), sheet.first_row) == ([{"NIP": "19", "Diterima": "5"}], 4)
    assert sheet.notes == ("only one sheet is read; not read: Sheet",)


def test_what_is_named_as_a_workbook_and_is_text_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="its name says workbook, but it is none; name it .csv"):
        read_sheet(csv(tmp_path / "a.xlsx", b"employee_id\nA\n"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (_A1 + b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "row 1048576 of 'Sheet': more rows or cells"),
        (_A1 + b'<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>', "row 1048577 of 'Sheet': more rows"),
        (_A1 + b"<row/>" * (workbook._ROWS + 1), "more rows or cells than are read"),
        (b'<row r="1">' + b"<c/>" * (workbook._ALONE + 1) + b"</row>", "more rows or cells than are read"),
        (_A1 + b" " * (workbook._UNPACKED + 1), "100 MB unpacked, at most 100 are read"),
    ],
)
def test_a_small_file_that_unpacks_to_a_huge_sheet_is_refused_with_the_way_out(
    tmp_path: Path, rows: bytes, message: str
) -> None:
    with pytest.raises(ImportFailed, match=message) as caught:
        read_sheet(made(tmp_path / "a.xlsx", rows))
    assert "save the sheet as CSV" in str(caught.value)


def test_shared_texts_are_bounded_and_entities_refused(tmp_path: Path) -> None:
    many = b"<sst %s>%s</sst>" % (_NAMESPACE, b"<si><t/></si>" * (workbook._ROWS + 1))
    with pytest.raises(ImportFailed, match="more rows or cells than are read"):
        read_sheet(made(tmp_path / "a.xlsx", strings=many))
    nested = b'<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><sst %s><si><t>&b;</t></si></sst>' % _NAMESPACE
    with pytest.raises(ImportFailed, match="declares entities"):
        read_sheet(made(tmp_path / "b.xlsx", strings=nested))


@pytest.mark.parametrize("rows", [b"<row", b'<row r="x"/>', b'<row r="1"><c r="A1" t="s"><v>7</v></c></row>'])
def test_a_workbook_that_cannot_be_read_is_no_error_of_the_program(tmp_path: Path, rows: bytes) -> None:
    with pytest.raises(ImportFailed, match="not a workbook that can be read"):
        read_sheet(made(tmp_path / "a.xlsx", rows))


def test_empty_rows_to_the_last_of_excel_are_no_matter(tmp_path: Path) -> None:
    rows = _A1 + b'<row r="2"><c r="A2"><v>7</v></c></row><row r="1048576"><c r="C1048576" s="0"/></row>'
    assert read_sheet(made(tmp_path / "a.xlsx", rows)).table.to_pylist() == [{"employee_id": "7"}]


def test_a_program_ends_well_right_after_reading(tmp_path: Path) -> None:
    """With memory of Python's in Arrow's threads about every fourth of these ended in an abort."""
    path = csv(tmp_path / "a.csv", b"a,b\n" + b"x,y\n" * 400_000)
    program = (
        "import sys, pathlib; from server.allowance.reading import read_sheet; read_sheet(pathlib.Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, str(path)]
    for _ in range(4):
        running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(4)]
        ended = [(one.communicate()[1], one.returncode) for one in running]
        assert ended == [(b"", 0)] * 4
