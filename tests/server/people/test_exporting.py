"""What is exported comes back as it was, and no spreadsheet runs any of it."""

import csv
import shutil
import tempfile
from pathlib import Path

import openpyxl
import pytest
from harness import Server
from hypothesis import given, settings
from hypothesis import strategies as st
from made_office import make_office, refused, said

from server.allowance.reading import read_sheet
from server.people.exporting import write_sheet
from server.reports.safe import guarded, looks_like_formula, unguarded

NOW = "2026-11-02T09:00"
COLUMNS = ["employee_id", "name"]
FORMULA = "=HYPERLINK(A1)"
letters = st.characters(codec="utf-8", exclude_characters="\0")
texts = st.text(letters, max_size=8) | st.text(
    st.sampled_from(
        "'=+-@|% \t\r\n\"",
    ),
    max_size=6,
)
in_xml = texts.filter(lambda text: not any(c in "\ufffe\uffff" or (c < " " and c not in "\t\n") for c in text))


@given(texts)
def test_the_apostrophe_guards_every_formula_and_is_taken_off_again(text):
    assert unguarded(guarded(text)) == text
    assert not looks_like_formula(guarded(text))


@pytest.mark.parametrize(("suffix", "kind"), [(".csv", texts), (".xlsx", in_xml)])
def test_what_is_written_is_read_as_it_was(suffix, kind):
    @settings(max_examples=40, deadline=None)
    @given(st.lists(kind, min_size=1, max_size=4))
    def law(names):
        rows = [{"employee_id": f"E{place}", "name": name} for place, name in enumerate(names)]
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / f"employees{suffix}"
            write_sheet(path, COLUMNS, rows)
            read = read_sheet(path)
        assert (read.notes, [row["name"] or "" for row in read.table.to_pylist()]) == ((), names)

    law()


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Server:
    """An office one of whose people has a formula for a name, and another a name that no workbook can hold."""
    server = make_office(tmp_path_factory.mktemp("office"))
    path = server.directory / "employees.csv"
    path.write_text(f'employee_id,name,agency\nX1,{FORMULA},dinkes\n"+62",Ani,dinkes\nX3,"O\'Neil",dinkes\n')
    said(server, NOW, "import", str(path), "--by", "rina")
    return server


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_formulas_are_exported_as_text_and_imported_unchanged(office, tmp_path, form):
    said(office, NOW, "export", "--out", str(tmp_path / "out"), "--format", form, "--by", "joko")
    path = tmp_path / "out" / f"employees.{form}"
    if form == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert f"'{FORMULA}" in cells
        assert "'+62" in cells
        assert not [cell for cell in cells if looks_like_formula(cell)]
    else:
        (sheet,) = openpyxl.load_workbook(path).worksheets
        assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    shown = said(office, NOW, "import", str(tmp_path / "out"), "--by", "joko")
    counts = [row.split("│")[1:5] for row in shown.splitlines() if row.count("│") == 9]
    assert {(row[2].strip(), row[3].strip()) for row in counts} == {("0", "0")}


def test_text_that_no_workbook_holds_is_refused_before_anything_is_written(office, tmp_path):
    shutil.copytree(office.directory, tmp_path / "office")
    server = Server(tmp_path / "office")
    path = tmp_path / "employees.csv"
    path.write_text("employee_id,name,agency\nX4,bell\x07,dinkes\n")
    said(server, NOW, "import", str(path), "--by", "rina")
    out = ("export", "--out", str(tmp_path / "out"), "--by", "joko", "--format")
    assert "employees.xlsx: the name of X4 holds [U+0007]" in refused(server, NOW, *out, "xlsx")
    assert not (tmp_path / "out").exists()
    said(server, NOW, *out, "csv")
