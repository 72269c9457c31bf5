"""The files: what an officer opens, reads, filters, prints and signs."""

import csv
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import made_month
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from reportlab.pdfbase import pdfmetrics

from server.errors import ReportRefused
from server.reports import page, pdf_text
from server.reports.atomic import whole_file
from server.reports.model import Assumed, MonthReport
from server.reports.write import FORMATS, write_reports

HOSTILE = '=HYPERLINK("http://x")\x1b[31m\u202e<script>alert(1)</script>&<b>'


def _report(count: int = 40) -> MonthReport:
    rows = made_month.tables(count)
    rows["employees"][0]["name"] = HOSTILE
    rows["employees"][1]["name"] = "Nguyễn 中文"
    rows["payments"][2].update(status="ineligible", reason="CPNS belum diangkat", net=0)
    rows["payments"][2].update(dict.fromkeys(("gross", "deductions", "dues", "tax"), 0))
    key = rows["payments"][2]["employee_id"]
    rows["lines"] = [line for line in rows["lines"] if line["employee_id"] != key]
    rows["days"][3]["code"] = "APEL2"
    return made_month.reports(rows)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of forty people, in both languages and every format."""
    directory = tmp_path_factory.mktemp("reports")
    written = write_reports([_report()], directory, ("id", "en"))
    assert all(path.stat().st_size for path in written)
    return directory / "2026-10-kominfo"


def _pages(path: Path) -> list[str]:
    return [page.extract_text() for page in PdfReader(path).pages]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_a_file_for_each_report_and_language(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    for stem in ("daftar-pembayaran", "rekap-absensi", "slip-tpp", "pembayaran-ditahan", "payment-list", "tpp-slips"):
        assert {f"{stem}.pdf", f"{stem}.xlsx"} <= names
    assert {"laporan.html", "report.html", "rincian-tpp.csv", "tanpa-pembayaran.csv"} <= names
    assert not [name for name in names if name.startswith(".")]


def test_the_payment_list_sums_to_what_is_paid_and_says_so_in_words(folder: Path) -> None:
    report = _report()
    total = sum(person.net for person in report.payable)
    text = "".join(_pages(folder / "daftar-pembayaran.pdf"))
    assert f"Rp{total:,}".replace(",", ".") in text
    assert "juta" in text
    assert "SURAT PERNYATAAN TANGGUNG JAWAB MUTLAK" in text
    assert "Ambon, 5 November 2026" in text
    assert text.count("NIP. 197001011995031001") == 2
    assert sum(int(row["net"]) for row in _rows(folder / "daftar-pembayaran.csv")) == total


def test_every_page_is_counted_and_repeats_the_head(folder: Path) -> None:
    pages = _pages(folder / "daftar-pembayaran.pdf")
    assert len(pages) == 3
    for number, text in enumerate(pages, 1):
        assert f"Halaman {number} dari 3" in text
    assert ["Rekening" in text for text in pages] == [True, True, False]
    assert "lanjutan" in pages[1]


def test_nobody_signs_a_page_without_names(tmp_path: Path) -> None:
    for count in range(20, 34):
        report = made_month.reports(made_month.tables(count))[0]
        write_reports([report], tmp_path, formats=["pdf"], names=["payments"])
        pages = _pages(tmp_path / "2026-10-kominfo" / "daftar-pembayaran.pdf")
        signed = next(text for text in pages if "Bendahara Pengeluaran" in text)
        assert any(person.nip in signed for person in report.payable), count


def test_a_slip_is_counted_by_itself_and_gives_each_cut_its_reason_and_article(folder: Path) -> None:
    report = _report()
    text = "".join(_pages(folder / "slip-tpp.pdf"))
    assert text.count("Halaman 1 dari 1") >= 35
    person = next(person for person in report.employees if any(line.date for line in person.lines))
    page = next(text for text in _pages(folder / "slip-tpp.pdf") if person.nip in text)
    for line in person.lines:
        assert line.text in page
        assert line.article in page
        assert line.fact in page
        assert f"{line.rupiah:,}".replace(",", ".") in page
    assert "A anggapan, yang hanya berlaku bila ditetapkan dengan keputusan" in page
    assert "tanpa pasal" in page


def test_held_and_unpaid_people_are_listed_with_their_reasons(folder: Path) -> None:
    report = _report()
    text = "".join(_pages(folder / "pembayaran-ditahan.pdf"))
    for person in (*report.held, *report.unpaid):
        assert person.nip in text
    assert "CPNS belum diangkat" in text
    assert [row["nip"] for row in _rows(folder / "pembayaran-ditahan.csv")] == [p.nip for p in report.held]
    paid = {row["nip"] for row in _rows(folder / "daftar-pembayaran.csv")}
    assert not paid & {person.nip for person in (*report.held, *report.unpaid)}


def test_the_recap_has_a_column_a_day_and_explains_every_code_in_it(folder: Path) -> None:
    rows = _rows(folder / "rekap-absensi.csv")
    assert len(rows) == 40
    assert [key for key in rows[0] if key.isdigit()] == [str(day) for day in range(1, 32)]
    codes = {row[str(day)] for row in rows for day in range(1, 32)}
    text = "".join(_pages(folder / "rekap-absensi.pdf"))
    for meaning in ("Tanpa keterangan", "Dinas luar", "Bekerja dari rumah", "Libur", "Kode APEL2"):
        assert meaning in text
    assert {"H", "TL", "TL+PSW", "TK", "DL", "APEL2"} <= codes
    for row in rows:
        present = [row[str(day)] for day in range(1, 32)].count("H")
        assert int(row["n_H"] or 0) == present


def test_a_sheet_has_real_numbers_a_frozen_head_and_a_filter(folder: Path) -> None:
    sheet = load_workbook(folder / "daftar-pembayaran.xlsx").active
    assert sheet is not None
    report = _report()
    head = [cell.value for cell in sheet[4]]
    assert head[:3] == ["No.", "Nama", "NIP"]
    last = 4 + len(report.payable)
    assert sheet.freeze_panes == "C5"
    assert sheet.auto_filter.ref == f"A4:L{last}"
    assert (sheet.print_title_rows, sheet.page_setup.orientation) == ("$4:$4", "landscape")
    assert (sheet.page_setup.paperSize, sheet.sheet_properties.pageSetUpPr.fitToPage) == (9, True)
    net = [sheet.cell(row, 12) for row in range(5, last + 1)]
    assert [cell.value for cell in net] == [person.net for person in report.payable]
    assert {cell.number_format for cell in net} == {"#,##0"}
    assert sheet.cell(last + 1, 12).value == sum(person.net for person in report.payable)
    assert isinstance(sheet.cell(5, 3).value, str)
    assert sheet.column_dimensions["B"].width > 20


def test_a_footer_stays_within_what_excel_reads(tmp_path: Path) -> None:
    report = _report(3)
    titled = replace(report, meta=replace(report.meta, regulation="Peraturan & Tata Cara " * 30))
    write_reports([titled], tmp_path, formats=["xlsx"])
    for path in (tmp_path / "2026-10-kominfo").glob("*.xlsx"):
        footer = load_workbook(path).worksheets[0].oddFooter
        assert len(f"&L{footer.left.text}&R{footer.right.text}".replace("&", "&&")) <= 255


def test_durations_in_a_sheet_can_be_summed(folder: Path) -> None:
    sheet = load_workbook(folder / "rekap-absensi.xlsx").worksheets[1]
    late = [cell.value for cell in next(sheet.iter_cols(8, 8, 5)) if cell.value]
    assert late
    assert {dt.timedelta(seconds=round(value.total_seconds())) for value in late} == {dt.timedelta(seconds=1268)}


def test_no_cell_of_any_sheet_is_a_formula_or_hides_anything(folder: Path) -> None:
    seen = 0
    for path in folder.glob("*.xlsx"):
        for sheet in load_workbook(path):
            for cell in (cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)):
                assert cell.data_type == "s"
                assert "\u202e" not in cell.value
                assert "\x1b" not in cell.value
                if cell.value.startswith("=HYPERLINK"):
                    seen += 1
                    assert cell.quotePrefix
    assert seen >= 4


def test_no_cell_of_any_csv_is_a_formula(folder: Path) -> None:
    for path in folder.glob("*.csv"):
        for row in _rows(path):
            for key, value in row.items():
                assert not value.startswith(("=", "+", "@")), (path.name, key, value)
                assert not value.startswith("-") or re.fullmatch(r"-(\d+)?", value)


def test_a_page_needs_nothing_else_and_shows_markup_as_text(folder: Path) -> None:
    for name, language in (("laporan.html", "id"), ("report.html", "en")):
        page = (folder / name).read_text(encoding="utf-8")
        assert f'<html lang="{language}">' in page
        assert "<script" not in page
        assert not re.search(r"""(src|href)=["'](?!#)|url\(|@import""", page)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "\u202e" not in page
        assert "\x1b" not in page
        assert "Nguyễn 中文" in page


def test_links_of_a_page_lead_to_places_in_it(folder: Path) -> None:
    page = (folder / "laporan.html").read_text(encoding="utf-8")
    places = re.findall(r' id="([^"]+)"', page)
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert len(targets) >= 44
    assert targets <= set(places)


def test_letters_that_the_font_lacks_are_marked_and_explained(folder: Path) -> None:
    text = "".join(_pages(folder / "daftar-pembayaran.pdf"))
    assert "Nguyen [U+4E2D][U+6587]†" in text
    assert "teks tepatnya" in text
    assert "Nguyễn 中文" in (folder / "daftar-pembayaran.csv").read_text(encoding="utf-8")


def test_a_text_longer_than_a_page_is_cut_and_says_so(tmp_path: Path) -> None:
    report = _report(3)
    person = report.employees[0]
    long = replace(person.lines[0], fact=" ".join(f"entri/{number}" for number in range(2000)))
    longer = replace(person, lines=(long, *person.lines[1:]))
    write_reports([replace(report, employees=(longer,))], tmp_path, names=["slips"])
    text = "".join(_pages(tmp_path / "2026-10-kominfo" / "slip-tpp.pdf"))
    assert "entri/0 " in text
    assert "…†" in text
    assert "Dipendekkan" in text
    assert "JUMLAH" in text
    assert "entri/1999" in (tmp_path / "2026-10-kominfo" / "rincian-tpp.csv").read_text(encoding="utf-8")


def test_english_is_english(folder: Path) -> None:
    text = "".join(_pages(folder / "payment-list.pdf"))
    assert "TPP PAYMENT LIST" in text
    assert "Month of October 2026" in text
    assert "Page 1 of 3" in text
    assert not re.search("Halaman|Bulan|Terbilang|JUMLAH", text)


def test_a_draft_says_so_on_every_page_and_a_locked_month_does_not(folder: Path, tmp_path: Path) -> None:
    assert all("KONSEP" in text for text in _pages(folder / "rekap-absensi.pdf"))
    assert "KONSEP" in (folder / "laporan.html").read_text(encoding="utf-8")
    report = _report(3)
    write_reports([replace(report, meta=replace(report.meta, status="locked"))], tmp_path)
    for path in (tmp_path / "2026-10-kominfo").glob("*.pdf"):
        assert not any("KONSEP" in text for text in _pages(path))
    assert "KONSEP" not in (tmp_path / "2026-10-kominfo" / "laporan.html").read_text(encoding="utf-8")


def test_the_same_month_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_reports([_report(5)], tmp_path / "a")
    second = write_reports([_report(5)], tmp_path / "b")
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_an_agency_where_nobody_is_paid_still_has_its_reports(tmp_path: Path) -> None:
    report = _report(3)
    unpaid = replace(report, employees=report.unpaid)
    written = write_reports([unpaid], tmp_path)
    assert "Rp0" in "".join(_pages(next(path for path in written if path.name == "daftar-pembayaran.pdf")))


def test_a_slip_of_one_person_shows_nobody_else(tmp_path: Path) -> None:
    report = _report()
    write_reports([report.only("kominfo-00005")], tmp_path, names=["slips"])
    chosen = report.only("kominfo-00005").employees[0]
    for path in (tmp_path / "2026-10-kominfo").glob("*.[hc]*"):
        text = path.read_text(encoding="utf-8")
        assert chosen.nip in text
        assert not [one.nip for one in report.employees if one is not chosen and one.nip in text]


def test_what_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    arguments: Sequence[tuple[dict[str, Any], str]] = (
        ({"formats": ["docx"]}, "no format 'docx'; there are pdf, xlsx, csv, html"),
        ({"names": ["payroll"]}, "no report 'payroll'; there are payments"),
        ({"languages": ["de"]}, "language 'de'"),
    )
    for chosen, message in arguments:
        with pytest.raises(ReportRefused, match=message):
            write_reports([_report(3)], tmp_path, **chosen)
    assert list(tmp_path.iterdir()) == []


def test_two_agencies_never_share_a_folder_however_they_are_called_and_whichever_are_written(tmp_path: Path) -> None:
    report = _report(3)
    names = ("kominfo", "kominfo/", "a b", "a/b", "a-b", "一", "二", "Dinas Kesehatan")
    reports = [replace(report, agency=replace(report.agency, id=name)) for name in names]
    written = write_reports(reports, tmp_path, formats=["csv"], names=["held"])
    folders = list(dict.fromkeys(path.parent.name for path in written))
    assert len(folders) == len(names)
    assert [folders[0], folders[2], folders[-1]] == ["2026-10-kominfo", "2026-10-a-b", "2026-10-Dinas-Kesehatan"]
    for one, folder in zip(reports, folders, strict=True):
        alone = write_reports([one], tmp_path / "alone", formats=["csv"], names=["held"])
        assert alone[0].parent.name == folder


def test_a_page_of_some_reports_destroys_no_other(tmp_path: Path) -> None:
    whole = write_reports([_report(3)], tmp_path, formats=["html"])
    some = write_reports([_report(3)], tmp_path, formats=["html"], names=["held", "recap"])
    assert [path.name for path in (*whole, *some)] == ["laporan.html", "laporan-rekap-absensi-pembayaran-ditahan.html"]
    assert 'id="payments"' in whole[0].read_text(encoding="utf-8")


def test_where_nobody_is_named_to_sign_the_usual_ones_do(tmp_path: Path) -> None:
    report = _report(3)
    for who, name, roles in (
        ({}, "." * 48, ("Kepala Perangkat Daerah", "Bendahara Pengeluaran")),
        (report.meta.signatories, "Dr. J. Latuconsina, M.Si.", ("Pengguna Anggaran", "Bendahara Pengeluaran")),
    ):
        signed = replace(report, meta=replace(report.meta, signatories=who))
        write_reports([signed], tmp_path, formats=["pdf", "html"], names=["payments"])
        first, statement = _pages(tmp_path / "2026-10-kominfo" / "daftar-pembayaran.pdf")
        assert all(role in first for role in roles)
        assert f"Nama {name}" in " ".join(statement.split())
        assert "Meterai Rp10.000" in statement


def test_the_annex_names_each_value_that_a_decree_adopts(tmp_path: Path) -> None:
    assumed = (Assumed("2026.yaml", 72, "tables.discipline", ""),)
    report = _report(3)
    adopted = replace(report, meta=replace(report.meta, decree="Keputusan 12/2026", assumed=assumed))
    write_reports([adopted], tmp_path, formats=["pdf"], names=["payments"])
    text = " ".join(_pages(tmp_path / "2026-10-kominfo" / "daftar-pembayaran.pdf")[1].split())
    assert "berlaku karena ditetapkan dengan Keputusan 12/2026" in text
    assert "2026.yaml 72 tables.discipline tanpa pasal" in text


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"old")

    def fail(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), whole_file(path) as stream:
        fail(stream)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_format_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def titles(documents: Any) -> Any:
        for document in documents:
            yield document.name, lambda out, title=document.title: out.write(title.encode())

    monkeypatch.setitem(FORMATS, "txt", titles)
    written = write_reports([_report(3)], tmp_path, formats=["txt"])
    assert [path.read_text() for path in written][:2] == ["Daftar Pembayaran TPP", "Rekapitulasi Absensi"]


def test_a_page_of_a_large_agency_names_the_files_that_hold_the_slips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_PARTS", 30)
    write_reports([_report()], tmp_path, formats=["html", "pdf", "csv"])
    folder = tmp_path / "2026-10-kominfo"
    text = (folder / "laporan.html").read_text(encoding="utf-8")
    assert "40 lembar terlalu banyak untuk satu halaman ini; lihat slip-tpp.pdf, rincian-tpp.csv" in text
    assert (folder / "slip-tpp.pdf").exists()
    assert 'id="recap"' in text
    assert "Rincian perhitungan" not in text


def test_text_stands_where_the_page_says_and_keeps_its_signs(tmp_path: Path) -> None:
    report = _report(3)
    name = "Nn. (\\O’Neil) — “Ré” 50 %"
    person = replace(report.employees[0], name=name)
    write_reports([replace(report, employees=(person,))], tmp_path, formats=["pdf"], names=["slips"])
    assert name in _pages(tmp_path / "2026-10-kominfo" / "slip-tpp.pdf")[0]


def test_widths_are_those_of_the_font() -> None:
    for text in ("Pegawai Nomor 7, S.Sos.", "é€ — “x” …•", "(a\\b)"):
        for font in ("Helvetica", "Helvetica-Bold"):
            assert pdf_text.Run(text, font, False).width(1000) == pytest.approx(
                pdfmetrics.stringWidth(text, font, 1000)
            )
