"""Text from outside stays text: in a page, a sheet, a PDF, a terminal, a file name."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.reports.csvfile import write_csv
from server.reports.document import Column, Table
from server.reports.pdf_text import MARK, lines, run
from server.reports.safe import clean, csv_text, file_name, looks_like_formula

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@settings(deadline=None)
@given(ANY_TEXT)
def test_cleaned_text_holds_nothing_hidden_and_can_be_written(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert not [letter for letter in cleaned if unicodedata.category(letter) in ("Cc", "Cs")]
    assert not [letter for letter in cleaned if unicodedata.bidirectional(letter) in BIDI_MARKS]


BIDI_MARKS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mmerah", "[U+001B][31mmerah"),
        ("aman\u202egnp.exe", "aman[U+202E]gnp.exe"),
        ("dua\r\nbaris\tkolom", "dua baris kolom"),
        ("nol\u200blebar", "nol[U+200B]lebar"),
        ("Nguyễn Ñandú 中文", "Nguyễn Ñandú 中文"),
    ],
)
def test_hidden_characters_show_by_number_and_letters_stay(text: str, shown: str) -> None:
    assert clean(text) == shown


@settings(deadline=None)
@given(ANY_TEXT)
def test_no_text_in_a_csv_is_a_formula(text: str) -> None:
    out = io.BytesIO()
    write_csv(Table("t", "", (Column("a", "a", "text", 1),), ((text,), ("next",))), out)
    rows = list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))
    assert [len(row) for row in rows] == [1, 1, 1]
    assert not looks_like_formula(rows[1][0])


@pytest.mark.parametrize("text", ["=1+1", "+62", "-1", "@SUM(A1)", "  =1", "\t=1", "＝1", "|cmd", "\n=1"])
def test_what_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert csv_text(text).startswith("'")


@settings(deadline=None)
@given(ANY_TEXT)
def test_a_file_name_is_never_a_path_and_never_empty(text: str) -> None:
    name = file_name(text)
    assert name.isascii()
    assert name.strip(".")
    assert not set(name) & set("/\\:\0 ")


@settings(deadline=None)
@given(ANY_TEXT)
def test_a_pdf_line_is_printable_by_its_font(text: str) -> None:
    line = run(text)
    if line.font.startswith("Helvetica"):
        line.text.encode("cp1252")
    assert line.width(10) >= 0


def test_letters_that_no_font_has_are_replaced_and_marked() -> None:
    assert (run("Siti").text, run("Siti").font, run("Siti").replaced) == ("Siti", "Helvetica", False)
    assert (run("Şükrü Ğ").text, run("Şükrü Ğ").font) == ("Şükrü Ğ", "Vera")
    assert run("Nguyễn").text == f"Nguyen{MARK}"
    assert run("中").text == f"[U+4E2D]{MARK}"
    assert run("中").replaced


@settings(deadline=None)
@given(st.text("abcdefgh MNOP<&>中", max_size=120), st.floats(20, 200))
def test_broken_lines_hold_all_letters(text: str, width: float) -> None:
    broken = lines(text, width, 8)
    whole = "".join(run(letter).text for letter in text).replace(MARK, "").replace(" ", "")
    assert "".join(line.text for line in broken).replace(MARK, "").replace(" ", "") == whole
