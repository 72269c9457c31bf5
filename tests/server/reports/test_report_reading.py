"""Reports of stored months: who may read what, where a month stands, what papers and unsigned marks leave."""

import csv
import datetime as dt
import json
from pathlib import Path

import pytest
from harness import Server
from made_office import MONTH, correct, make_office, refused, said
from sqlalchemy import update

from server.allowance.models import runs
from server.errors import Refused
from server.month import susulan
from server.reports.gathered import month_reports
from server.reports.model import MonthReport, Note
from server.reports.write import REPORTS

CLOSED, LATER = "2026-11-02T09:00", "2026-11-09T09:00"


def corrected(server: Server, now: str) -> None:
    """A day of B1 is corrected: one asks, another approves."""
    day = ("--from", "2026-10-06", "--document", "K/7", "--reason", "mati lampu")
    said(server, now, "correction", "request", "B1", "other", *day, "--by", "rina")
    said(server, now, "correction", "approve", "--document", "K/7", "--by", "joko")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A month that was closed, and a later payment: a day of B1 is corrected, one asked and another approved."""
    server = make_office(tmp_path_factory.mktemp("read"))
    said(server, CLOSED, "close", MONTH, "--by", "rina")
    corrected(server, LATER)
    parts = server.services()
    susulan.susulan_of(parts, MONTH, "", by="rina")
    parts.database.close()
    return server


def read(server: Server, *names: str, agency: str = "", by: str = "") -> tuple[list[MonthReport], list[str]]:
    parts = server.services()
    try:
        return month_reports(parts, MONTH, names or tuple(REPORTS), agency=agency, by=by)
    finally:
        parts.database.close()


@pytest.mark.parametrize(
    ("by", "agencies"),
    [
        ("", ["bkpsdm", "dinkes", "puskes"]),
        ("tres", ["bkpsdm", "dinkes", "puskes"]),
        ("hana", ["dinkes", "puskes"]),
        ("kepala", ["bkpsdm"]),
    ],
)
def test_officers_read_the_agencies_for_which_they_have_a_grant(office: Server, by: str, agencies: list[str]) -> None:
    reports, names = read(office, by=by)
    assert [report.agency.id for report in reports] == agencies
    assert names == list(REPORTS)


def test_an_employee_reads_the_own_slips_alone(office: Server) -> None:
    reports, names = read(office, by="budi")
    assert names == ["slips", "arrears_slips"]
    assert [[person.employee_id for person in report.employees] for report in reports] == [["B1"]]
    (later,) = reports[0].lists.arrears or ()
    assert [person.employee_id for person in later.people] == ["B1"]
    with pytest.raises(Refused, match="budi may not read reports of 2026-10"):
        read(office, "payments", by="budi")
    with pytest.raises(Refused, match="the grant head or hr or treasurer or auditor for agency bkpsdm is missing"):
        read(office, "slips", agency="bkpsdm", by="budi")


def test_an_agency_that_is_not_there_is_refused_with_those_that_are(office: Server, tmp_path: Path) -> None:
    told = refused(office, LATER, "report", MONTH, "--agency", "Dinsos", "--out", str(tmp_path))
    assert "2026-10 has no agency 'Dinsos'; there are bkpsdm, dinkes, puskes" in told
    told = refused(office, LATER, "report", MONTH, "--only", "payroll", "--out", str(tmp_path))
    assert "--only 'payroll' is none of payments" in told


def test_a_later_payment_has_its_own_moment_and_its_cause_in_both_languages(office: Server) -> None:
    (report,), _ = read(office, "arrears", agency="dinkes")
    (later,) = report.lists.arrears or ()
    (person,) = later.people
    assert (report.meta.status, later.meta.status) == ("locked", "susulan")
    assert (report.meta.known_at, later.meta.known_at) == tuple(
        dt.datetime.fromisoformat(f"{when}+09:00") for when in (CLOSED, LATER)
    )
    assert person.reason == "koreksi 1 diminta (rina, K/7); koreksi 2 disetujui (joko, K/7)"
    assert person.reason_english == "correction 1 requested (rina, K/7); correction 2 approved (joko, K/7)"
    cut = next(line for line in person.lines if line.account == "deduction")
    assert (cut.before, cut.after, cut.rupiah, "semula" in cut.text) == (-30_000, 0, 30_000, False)


def test_a_month_that_was_paid_says_so(tmp_path: Path) -> None:
    server = make_office(tmp_path)
    said(server, CLOSED, "close", MONTH, "--draft")
    assert {report.meta.status for report in read(server, "payments")[0]} == {"draft"}
    said(server, CLOSED, "close", MONTH, "--by", "rina")
    said(server, LATER, "month", "pay", MONTH, "--document", "SP2D-1", "--by", "tres")
    assert {report.meta.status for report in read(server, "payments")[0]} == {"paid"}


def test_notes_of_a_month_that_was_stored_with_one_text_still_print(tmp_path: Path) -> None:
    server = make_office(tmp_path)
    said(server, CLOSED, "close", MONTH, "--by", "rina")
    assert Note("Waktu server disimulasikan.", "The server's time is simulated.") in read(server)[0][0].meta.notes
    parts = server.services()
    with parts.database.write() as connection:
        connection.execute(update(runs).values(notes=json.dumps(["Dulu / Before."])))
    parts.database.close()
    assert read(server)[0][0].meta.notes == (Note("Dulu / Before.", "Dulu / Before."),)


def test_what_was_corrected_and_held_against_stays_visible(tmp_path: Path) -> None:
    server = make_office(tmp_path)
    corrected(server, CLOSED)
    correct(server, "B2", "2026-11-03", CLOSED)
    said(server, CLOSED, "month", "draft", MONTH, "--by", "rina")
    review = ("month", "review", MONTH, "--until", "2026-11-06", "--head-until", "2026-11-09")
    said(server, CLOSED, *review, "--by", "rina")
    said(server, CLOSED, "objection", "file", MONTH, "B1", "--text", "Tidak adil", "--by", "budi")
    said(server, CLOSED, "objection", "answer", "1", "--reject", "--text", "Sesuai", "--by", "joko")
    said(server, CLOSED, "report", MONTH, "--only", "slips,recap", "--out", str(tmp_path / "out"), "--agency", "dinkes")
    page = (tmp_path / "out" / f"{MONTH}-dinkes" / "laporan-rekap-absensi-slip-tpp.html").read_text(encoding="utf-8")
    for told in ("Sel 06/10", "mati lampu", "Rina", "Joko", "disetujui", "Tidak adil", "Sesuai", "ditolak"):
        assert told in page
    with (tmp_path / "out" / f"{MONTH}-dinkes" / "rekap-absensi-harian.csv").open(encoding="utf-8") as file:
        days = [row for row in csv.DictReader(file) if row["correction"]]
    assert [(row["date"], row["correction"]) for row in days] == [
        ("2026-10-06", "lainnya K/7 (disetujui, diminta oleh Rina, diputuskan oleh Joko)")
    ]


def test_days_that_rest_on_unsigned_marks_are_marked_and_no_others(tmp_path: Path) -> None:
    server = make_office(tmp_path)
    (tmp_path / "log.csv").write_text("employee_id,at\nB1,2026-10-06T07:55:10+09:00\nB1,2026-10-06T16:05:00+09:00\n")
    said(server, CLOSED, "legacy", "import", str(tmp_path / "log.csv"), "--by", "rina", "--document", "Log")
    said(server, CLOSED, "legacy", "count", MONTH, "--by", "joko", "--document", "ND 1")
    said(server, CLOSED, "close", MONTH, "--by", "rina")
    reports, _ = read(server, "recap")
    marked = {
        (person.employee_id, day.date)
        for report in reports
        for person in report.employees
        for day in person.days
        if day.unsigned
    }
    assert marked == {("B1", dt.date(2026, 10, 6))}
