"""What a missing mark, a step of a cut, an assumed value and the state of a month look like in the reports."""

import csv
import datetime as dt
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import made_month
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from server.allowance.catalogue import Words
from server.reports.daycodes import day_code, marked
from server.reports.language import Language
from server.reports.model import DayRecord, MonthReport, Note, from_tables
from server.reports.slips import share
from server.reports.write import write_reports

DAY = dt.date(2026, 10, 5)
WIT = dt.timezone(dt.timedelta(hours=9))


def _report(**meta: Any) -> MonthReport:
    return made_month.reports(made_month.tables(3), replace(made_month.META, **meta))[0]


def _text(path: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(path).pages).split())


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("day", "code", "meaning", "late", "early", "missing"),
    [
        (DayRecord(DAY, "TL", "", "16:01:00", 30_600), "TL°", "Tidak merekam masuk", 0, 0, 1),
        (DayRecord(DAY, "PSW", "07:20:00", "", 0, 30_600), "PSW°", "Tidak merekam pulang", 0, 0, 1),
        (DayRecord(DAY, "TL+PSW", "07:36:16", "", 376, 30_600), "TL+PSW°", "Terlambat dan tidak merekam", 376, 0, 1),
        (DayRecord(DAY, "TL+PSW", "", "15:00:00", 30_600, 3600), "TL°+PSW", "Tidak merekam masuk dan", 0, 3600, 1),
        (DayRecord(DAY, "TL", "07:36:16", "16:01:00", 376), "TL", "Terlambat", 376, 0, 0),
        (DayRecord(DAY, "TK"), "TK", "Tanpa keterangan", 0, 0, 0),
    ],
)
def test_a_missing_mark_is_not_lateness(
    day: DayRecord, code: str, meaning: str, late: int, early: int, missing: int
) -> None:
    assert marked(day) == code
    assert day_code(code).meaning("id").startswith(meaning)
    assert (day.late, day.early, day.missing) == (late, early, missing)


def test_hours_of_missing_marks_are_in_no_sum_but_counted_and_explained(tmp_path: Path) -> None:
    report = _report()
    day = DayRecord(DAY, "TL+PSW", "07:36:16", "", 376, 30_600)
    person = replace(report.employees[0], days=(day,))
    write_reports([replace(report, employees=(person,))], tmp_path, names=["recap"])
    folder = tmp_path / "2026-10-kominfo"
    (row,) = _rows(folder / "rekap-absensi.csv")
    assert (row["5"], row["n_TL+PSW"], row["n_missing"], row["late"], row["early"]) == ("TL+PSW°", "1", "1", "376", "")
    (row,) = _rows(folder / "rekap-absensi-harian.csv")
    assert (row["code"], row["meaning"]) == ("TL+PSW", "Terlambat dan tidak merekam pulang")
    assert (row["first_in"], row["last_out"], row["early"], row["missing"]) == ("07:36:16", "", "0", "1")
    book = load_workbook(folder / "rekap-absensi.xlsx")
    sheet = book["Rincian harian"]
    assert (sheet["F5"].value, sheet["F5"].number_format, sheet["G5"].value) == (dt.time(7, 36, 16), "hh:mm:ss", "—")
    assert ("TL+PSW°", "Terlambat dan tidak merekam pulang") in list(book["Keterangan kode"].values)
    assert "Terlambat dan tidak merekam pulang" in _text(folder / "rekap-absensi.pdf")


def test_a_slip_gives_the_step_and_the_band_and_dues_once() -> None:
    words = Words({"cut": {"id": "Potongan", "en": "Cut", "share": "2/5"}})
    rows = made_month.tables(1)
    rows["lines"][2] |= {"step": "cut", "base": 3_900_000, "numerator": 1, "denominator": 500}
    dues = {"base": 1, "numerator": 100_000, "denominator": 1}
    rows["lines"][3] |= dues
    made = [made_month.Rows(rows[name]) for name in ("payments", "lines", "days", "employees")]
    (report,) = from_tables(*made, made_month.META, words)
    cut, once = report.employees[0].lines[2:4]
    assert cut.part == Fraction(2, 5)
    assert (share(cut, Language("id")), share(cut, Language("en"))) == ("40 % × 0,5 %", "40 % × 0.5 %")
    assert (once.base, once.numerator, once.denominator, share(once, Language("id"))) == (100_000, 1, 1, "")


def test_a_line_that_pays_nothing_says_so_and_changes_no_sum(tmp_path: Path) -> None:
    rows = made_month.tables(1)
    more = {"account": "working", "base": 12_345_000, "numerator": 1, "denominator": 1}
    rows["lines"].append(made_month.line(rows["payments"][0]["employee_id"], "working", "PPh 21 setahun", 0, **more))
    write_reports(made_month.reports(rows), tmp_path, names=["slips"])
    folder = tmp_path / "2026-10-kominfo"
    text = _text(folder / "slip-tpp.pdf")
    assert "PPh 21 setahun" in text
    assert "nilai antara, tidak dibayarkan" in text
    assert "12.345.000" in text
    last = _rows(folder / "rincian-tpp.csv")[-1]
    assert (last["account"], last["base"], last["rupiah"]) == ("working", "12345000", "0")


@pytest.mark.parametrize(
    ("state", "foot", "payment"),
    [("review", "status: ditelaah pegawai", "Dapat dibayarkan"), ("paid", "status: dibayar", "Dibayar")],
)
def test_a_slip_says_where_the_month_stands(tmp_path: Path, state: str, foot: str, payment: str) -> None:
    write_reports([_report(status=state)], tmp_path, formats=["pdf"], names=["slips", "payments"])
    text = _text(tmp_path / "2026-10-kominfo" / "slip-tpp.pdf")
    assert foot in text
    assert f"Status {payment} " in text
    assert "38 dibayar" not in _text(tmp_path / "2026-10-kominfo" / "daftar-pembayaran.pdf")


def test_what_adopts_an_assumed_value_stands_beside_it(tmp_path: Path) -> None:
    write_reports([_report(decree="Keputusan Wali Kota 12/2026")], tmp_path, names=["slips"])
    folder = tmp_path / "2026-10-kominfo"
    text = _text(folder / "slip-tpp.pdf")
    assert text.count("ditetapkan dengan Keputusan Wali Kota 12/2026") > 3
    assert "hanya berlaku bila" not in text
    adopted = {row["certainty"]: row["adopted_by"] for row in _rows(folder / "rincian-tpp.csv")}
    assert adopted == {"P": "", "A": "Keputusan Wali Kota 12/2026", "": ""}


def test_notes_are_in_the_language_of_the_report_and_in_the_workbook(tmp_path: Path) -> None:
    notes = (Note("1.234 rekaman.", "1,234 marks."),)
    report = _report(notes=notes, known_at=dt.datetime(2026, 11, 7, 9, 30, tzinfo=WIT))
    write_reports([report], tmp_path, ("id", "en"), formats=["pdf", "xlsx"], names=["held"])
    folder = tmp_path / "2026-10-kominfo"
    for name, note, moment in (
        ("pembayaran-ditahan", "1.234 rekaman.", "Menurut yang tercatat sampai 7 November 2026 pukul 09.30 WIT."),
        ("held-payments", "1,234 marks.", "As recorded until 7 November 2026 at 09:30 WIT."),
    ):
        texts = [row[0] for row in load_workbook(folder / f"{name}.xlsx").worksheets[-1].values]
        assert {note, moment} <= set(texts)
        assert note in _text(folder / f"{name}.pdf")


def test_people_read_words_where_machines_read_keys(tmp_path: Path) -> None:
    write_reports([_report()], tmp_path, formats=["csv", "xlsx"], names=["slips"])
    folder = tmp_path / "2026-10-kominfo"
    cut = next(row for row in _rows(folder / "rincian-tpp.csv") if row["account"] == "deduction")
    assert (cut["rounding"], cut["rounding_unit"]) == ("half_up", "1")
    values = {cell for row in load_workbook(folder / "slip-tpp.xlsx").worksheets[0].values for cell in row}
    assert {"potongan", "terdekat, setengah ke atas", "tanpa pasal"} <= values
    assert "half_up" not in values


def test_a_slip_of_a_little_more_than_a_page_is_set_smaller(tmp_path: Path) -> None:
    report = _report()
    person = report.employees[0]
    cut = next(line for line in person.lines if line.account == "deduction")
    for count, pages in ((0, 1), (20, 1), (60, 3)):
        lines = (*person.lines, *(replace(cut, rupiah=0) for _ in range(count)))
        longer = replace(report, employees=(replace(person, lines=lines),))
        write_reports([longer], tmp_path, formats=["pdf"], names=["slips"])
        reader = PdfReader(tmp_path / "2026-10-kominfo" / "slip-tpp.pdf")
        assert len(reader.pages) == pages
        assert "Halaman 1 dari" in reader.pages[0].extract_text()
