"""The lists beside a month: differences, warnings, open orders, later changes, in both languages and every format."""

import csv
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_month
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from server.allowance.catalogue import Words
from server.comparison.compare import compare
from server.comparison.values import OldList, OldRow, OurPerson
from server.errors import ReportRefused
from server.reports.lists import Arrear, DisciplineWarning, Lists, OpenOrder
from server.reports.messages import MESSAGES
from server.reports.model import MonthReport
from server.reports.write import write_reports

WARNINGS = (
    DisciplineWarning("2", "Maria", 2, 1, "1 hari lagi: teguran lisan", "1 more: oral warning"),
    DisciplineWarning("1", "Abdul", 9, 7, "pernyataan tidak puas", "statement of dissatisfaction"),
)
ORDERS = (
    OpenOrder("SPT-2", "", "2", "Maria", "Jakarta", "2026-10-12T08:00:00+09:00", "2026-10-15", "issued", "accept"),
    OpenOrder("SPT-1", "090/1", "1", "Abdul", "Leitimur", "2026-10-05", "2026-10-06", "reported", "confirm"),
)
ABDUL = ("1", "Abdul", "0102", "2026-09", "2026-10", "payable")
ARREARS = (
    Arrear(*ABDUL, dt.date(2026, 9, 14), "Tidak masuk", "Absent", "Pasal 5", 62_400),
    Arrear(*ABDUL, None, "PPh 21", "Tax", "PP 80/2010", -3_120),
    Arrear("2", "Maria", "", "2026-08", "2026-10", "held", dt.date(2026, 8, 3), "Terlambat", "Late", "", -20_800),
)


def _comparison() -> Any:
    person = OurPerson(
        "E1",
        {"gross": 100, "deductions": 10, "dues": 0, "tax": 0, "net": 90},
        "payable",
        "",
        "",
        (),
        (),
        "1",
        "=Abdul()",
    )
    rows = (OldRow(2, "1", {"gross": 100, "net": 95}), OldRow(3, "9", {"gross": 5, "net": 5}))
    return compare(OldList("lama.csv", "nip", ("gross", "net"), rows, ("Gol",)), [person])


def _report(**lists: Any) -> MonthReport:
    (report,) = made_month.reports(made_month.tables(3))
    return replace(report, lists=Lists(**lists))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All lists, in both languages and every format."""
    report = _report(comparison=_comparison(), discipline=WARNINGS, orders=ORDERS, arrears=ARREARS)
    directory = tmp_path_factory.mktemp("lists")
    write_reports([report], directory, ("id", "en"), names=["differences", "discipline", "duty_orders", "arrears"])
    return directory / "2026-10-kominfo"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(path: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(path).pages).split())


def test_differences_name_who_is_in_one_list_only_and_what_was_not_compared(folder: Path) -> None:
    text = _text(folder / "comparison.pdf")
    assert "lama.csv: 0 employees equal, 1 different, 1 only in the old list" in text
    assert "Columns not compared: Gol." in text
    assert "Not explained" in text or "does not add up" in text
    assert _rows(folder / "comparison.csv")[0] | {"explanation": ""} == {
        "employee_id": "E1",
        "nip": "1",
        "name": "'=Abdul()",
        "agency": "",
        "item": "net",
        "old": "95",
        "ours": "90",
        "difference": "-5",
        "explanation": "",
    }
    states = [row["state"] for row in _rows(folder / "perbandingan-pegawai.csv")]
    assert states == ["Berbeda", "Hanya daftar lama"]


def test_warnings_come_furthest_along_first_and_say_that_they_decide_nothing(folder: Path) -> None:
    rows = _rows(folder / "discipline-warnings.csv")
    assert [(row["name"], row["days"], row["step"]) for row in rows] == [
        ("Abdul", "9", "statement of dissatisfaction"),
        ("Maria", "2", "1 more: oral warning"),
    ]
    assert "hanya memperingatkan" in _text(folder / "peringatan-disiplin.pdf")


def test_open_orders_say_what_each_waits_for(folder: Path) -> None:
    rows = _rows(folder / "spt-belum-selesai.csv")
    assert [(row["order"], row["waits_for"], row["from"]) for row in rows] == [
        ("SPT-1", "konfirmasi pimpinan", "5 Oktober 2026"),
        ("SPT-2", "penerimaan oleh pegawai", "12 Oktober 2026 08:00"),
    ]


def test_later_changes_are_summed_by_person_and_line_by_line_to_the_same(folder: Path) -> None:
    people, lines = _rows(folder / "later-changes.csv"), _rows(folder / "later-change-lines.csv")
    assert [(row["name"], row["plus"], row["minus"], row["net"]) for row in people] == [
        ("Abdul", "62400", "-3120", "59280"),
        ("Maria", "0", "-20800", "-20800"),
    ]
    assert sum(int(row["net"]) for row in people) == sum(int(row["rupiah"]) for row in lines) == 38_480
    assert "Rp59,280" in _text(folder / "later-changes.pdf")
    sheet = load_workbook(folder / "susulan.xlsx").worksheets[1]
    assert sheet["G5"].number_format == "#,##0"


def test_empty_lists_say_so_and_lists_not_asked_for_are_no_files(tmp_path: Path) -> None:
    report = _report(discipline=(), orders=(), arrears=())
    written = {path.name for path in write_reports([report], tmp_path, formats=["pdf"])}
    assert {"peringatan-disiplin.pdf", "spt-belum-selesai.pdf", "susulan.pdf"} <= written
    assert "perbandingan.pdf" not in written
    assert "Tidak ada susulan." in _text(tmp_path / "2026-10-kominfo" / "susulan.pdf")


def test_a_list_that_the_month_does_not_have_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ReportRefused, match="has no such list"):
        write_reports([_report()], tmp_path, names=["arrears"])


def test_every_sentence_is_in_both_languages_with_the_same_places() -> None:
    for key, (indonesian, english) in MESSAGES.items():
        places = [{part.split("}")[0] for part in text.split("{")[1:]} for text in (indonesian, english)]
        assert places[0] == places[1], key


def test_a_line_of_a_later_payment_has_its_english() -> None:
    words = Words({"cut": {"id": "Potongan", "en": "Cut"}, "tax": {"id": "PPh 21", "en": "Tax"}})
    line = {"step": "cut", "kind": "late", "text": "Potongan: terlambat 14 menit: semula -Rp9.400, menjadi Rp0"}
    assert words.line(line) == "Cut: late 14 minutes: before -Rp9.400, now Rp0"
    line = {"step": "tax", "kind": "amount", "text": "PPh 21 atas susulan, dibayar 2026-11"}
    assert words.line(line) == "Tax on the later payment, paid 2026-11"
