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
from server.reports.causes import in_indonesian
from server.reports.lists import DisciplineWarning, LaterPayment, Lists, OpenOrder
from server.reports.messages import MESSAGES
from server.reports.model import EmployeeMonth, Line, MonthReport
from server.reports.write import write_reports

WARNINGS = (
    DisciplineWarning("2", "Maria", 2, 1, "1 hari lagi: teguran lisan", "1 more: oral warning"),
    DisciplineWarning("1", "Abdul", 9, 7, "pernyataan tidak puas", "statement of dissatisfaction"),
)
ORDERS = (
    OpenOrder("SPT-2", "", "2", "Maria", "Jakarta", "2026-10-12T08:00:00+09:00", "2026-10-15", "issued", "accept"),
    OpenOrder("SPT-1", "090/1", "1", "Abdul", "Leitimur", "2026-10-05", "2026-10-06", "reported", "confirm"),
)


def _line(account: str, text: str, english: str, article: str, before: int, after: int, **more: Any) -> Line:
    line = Line(None, "amount", text, "", article, None, None, None, "", after - before, "", account, english)
    return replace(line, before=before, after=after, **more)


def _person(number: int, lines: tuple[Line, ...], status: str, reason: str) -> EmployeeMonth:
    """One of the made month's people, with nothing but what changed."""
    sums = {name: sum(line.rupiah for line in lines if line.account == name) for name in ("gross", "deduction", "tax")}
    return replace(
        made_month.reports(made_month.tables(3))[0].employees[number],
        days=(),
        lines=lines,
        gross=sums["gross"],
        deductions=-sums["deduction"],
        dues=0,
        tax=-sums["tax"],
        net=sum(sums.values()),
        status=status,
        reason=reason,
        reason_english="",
    )


CUT = _line("deduction", "Tidak masuk", "Absent", "Pasal 5", -62_400, 0, date=dt.date(2026, 9, 14), certainty="A")
TAX = replace(_line("tax", "PPh 21", "Tax", "", 0, -3_120), before=None, after=None)
BACK = _line("deduction", "Terlambat", "Late", "", 0, -20_800, date=dt.date(2026, 9, 3))
META = replace(
    made_month.META,
    month="2026-09",
    status="susulan",
    known_at=dt.datetime(2026, 10, 20, 9, tzinfo=dt.timezone(dt.timedelta(hours=9))),
    decree="Keputusan 12/2026",
)
ARREARS = (
    LaterPayment(
        7,
        dt.date(2026, 10, 1),
        META,
        (
            _person(0, (CUT, TAX), "payable", "cuti 12 disetujui (joko, 445/SKD)"),
            _person(1, (BACK,), "payable", "koreksi 4 ditarik (rina)"),
            _person(2, (CUT,), "held", "PTKP belum ada"),
        ),
    ),
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
    write_reports(
        [report],
        directory,
        ("id", "en"),
        names=["differences", "discipline", "duty_orders", "arrears", "arrears_slips"],
    )
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
        ("SPT-1", "konfirmasi pimpinan", "2026-10-05"),
        ("SPT-2", "penerimaan oleh pegawai", "2026-10-12T08:00:00"),
    ]
    cells = load_workbook(folder / "spt-belum-selesai.xlsx").worksheets[0]["G5:G6"]
    assert [cell.value for (cell,) in cells] == [dt.datetime(2026, 10, 5), dt.datetime(2026, 10, 12, 8)]
    assert [cell.number_format for (cell,) in cells] == ["dd/mm/yyyy", "dd/mm/yyyy hh:mm"]
    assert "12 Oktober 2026 08:00" in _text(folder / "spt-belum-selesai.pdf")


def test_what_is_to_be_given_back_stands_apart_from_what_is_paid(folder: Path) -> None:
    paid, back, held = (_rows(folder / f"susulan{name}.csv") for name in ("", "-dikembalikan", "-ditahan"))
    assert [[row["net"] for row in rows] for rows in (paid, back, held)] == [["59280"], ["-20800"], ["62400"]]
    assert (paid[0]["gross"], paid[0]["deductions"], paid[0]["tax"]) == ("0", "-62400", "3120")
    assert paid[0]["npwp"]
    assert (paid[0]["known_at"], paid[0]["cause"]) == ("2026-10-20T09:00:00", "cuti 12 disetujui (joko, 445/SKD)")
    text = _text(folder / "susulan.pdf")
    assert "Susulan yang dibayarkan Rp59.280" in text
    assert "Harus dikembalikan atau dipotong Rp20.800" in text
    assert "sampai 20 Oktober 2026 pukul 09.00 WIT" in text
    assert "susulan, belum dibayar" in text
    assert "KONSEP" not in text
    sheets = load_workbook(folder / "susulan.xlsx").sheetnames
    assert sheets == ["Daftar Susulan", "Harus dikembalikan atau dipotong"[:31], "Ditahan", "Menurut baris", "Catatan"]


def test_the_statement_of_a_later_payment_names_what_is_paid_alone(folder: Path) -> None:
    pages = [" ".join(page.extract_text().split()) for page in PdfReader(folder / "susulan.pdf").pages]
    (statement,) = [page for page in pages if "TANGGUNG JAWAB MUTLAK" in page]
    assert "Daftar susulan TPP bulan September 2026, dibayar bulan Oktober 2026, untuk 1 pegawai" in statement
    assert "sejumlah Rp59.280 " in statement


def test_the_slip_of_a_later_payment_says_from_what_to_what_and_why(folder: Path) -> None:
    pages = [" ".join(page.extract_text().split()) for page in PdfReader(folder / "slip-susulan.pdf").pages]
    assert len(pages) == 3
    assert "Tidak masuk" in pages[0]
    assert "Pasal 5 ditetapkan dengan Keputusan 12/2026 -62.400 0 62.400" in pages[0]
    assert "Sebab cuti 12 disetujui (joko, 445/SKD)" in pages[0]
    assert "Harus dikembalikan atau dipotong Rp20.800" in pages[1]
    rows = _rows(folder / "susulan-rincian.csv")
    assert [(row["before"], row["after"], row["rupiah"]) for row in rows[:2]] == [
        ("-62400", "0", "62400"),
        ("", "", "-3120"),
    ]


def test_an_employee_sees_of_later_payments_the_own_alone() -> None:
    report = _report(arrears=ARREARS, orders=ORDERS, discipline=WARNINGS)
    own = report.only(report.employees[1].employee_id)
    assert [[one.net for one in later.people] for later in own.lists.arrears or ()] == [[-20_800]]
    assert (own.lists.orders, own.lists.discipline) == (None, None)


def test_causes_are_told_in_indonesian() -> None:
    assert in_indonesian(
        "PTKP belum ada; leave 11 requested (rina, a; leave b); correction 7 withdrawn (joko); +2"
    ) == ("PTKP belum ada; cuti 11 diminta (rina, a; leave b); koreksi 7 ditarik (joko); +2")
    assert in_indonesian("employee 3 (rina); 2 calendars recorded; device K01 was revoked") == (
        "data pegawai 3 (rina); 2 kalender dicatat; perangkat K01 dicabut"
    )


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
