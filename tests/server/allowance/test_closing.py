"""A month from the kiosks' entries to stored payments and reports."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from harness import ROOT, Server, claimed_kiosk, make_server

from server.allowance import month as months
from server.allowance import regulation as regulations
from server.allowance.compute import compute
from server.allowance.inputs import read_inputs
from server.attendance.calendar import Calendar
from server.people import service as people
from simulation.month import simulate_month, write_month

REGULATION = ROOT / "regulations" / "ambon" / "2026.yaml"
START_MS = int(datetime(2026, 9, 30, 15, tzinfo=UTC).timestamp() * 1000)  # 2026-10-01 00:00 WIT
END_MS = int(datetime(2026, 10, 31, 18, tzinfo=UTC).timestamp() * 1000)
DECREE = ("--decree", "Keputusan 1/2026")


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Server:
    """A server that holds a simulated month of ten people, every mark sent by one kiosk."""
    directory = tmp_path_factory.mktemp("office")
    server = make_server(directory)
    server.config.write_text(f"{server.config.read_text()}regulation: {REGULATION}\n")
    server.set_clock(START_MS)
    simulated = simulate_month(10, 3, "2026-10", 2)
    write_month(simulated, directory / "month")
    process = server.start()
    try:
        assert server.command("import", str(directory / "month"), "--by", "rina").code == 0
        kiosk = claimed_kiosk(server, "K01")
        kiosk.booted_ms = START_MS
        parts = server.services()
        with parts.database.read() as connection:
            names = people.pseudonyms(connection)
        parts.database.close()
        for seen in sorted(simulated.presentations, key=lambda seen: seen.at_ms):
            kiosk.mark(names[seen.employee_id], seen.at_ms, committed_after_ms=0)
        server.set_clock(END_MS)
        assert kiosk.send(0, sent_ms=END_MS).status_code == 200
        assert server.command("import", str(directory / "month"), "--decide", "--by", "joko").code == 0
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()
    return server


def closed(server: Server, **options) -> months.Closed:
    parts = server.services()
    try:
        return months.close(parts, months.Close("2026-10", **options))
    finally:
        parts.database.close()


def only(table: pa.Table, chosen: set[str]) -> list[dict]:
    return [row for row in table.to_pylist() if row["employee_id"] in chosen]


def test_entries_of_the_kiosks_give_what_the_same_marks_in_a_file_give(office):
    done = closed(office, draft=True)
    folder = office.directory / "month"
    inputs = read_inputs(folder, Calendar.load(folder / "calendar.yaml"))
    expected = compute(inputs, regulations.load(REGULATION), "2026-10")
    ids = set(expected.payments["employee_id"].to_pylist())
    assert only(done.result.payments, ids) == expected.payments.to_pylist()
    assert only(done.result.days, ids) == expected.days.to_pylist()
    assert sum(row["net"] for row in expected.payments.to_pylist()) > 0


def test_the_same_facts_give_the_same_bytes(office):
    runs = [closed(office, draft=True) for _ in range(2)]
    assert runs[0].result.summary == runs[1].result.summary
    assert runs[0].result.lines.equals(runs[1].result.lines)


def test_a_draft_holds_until_the_next(office):
    numbers = [closed(office, draft=True).run for _ in range(2)]
    parts = office.services()
    with parts.database.read() as connection:
        assert [run["run"] for run in months.latest_runs(connection, "2026-10")] == numbers[1:]
        assert months.table_of(connection, numbers[1], "payments").num_rows > 0
    parts.database.close()


def test_assumed_values_need_a_decree_and_a_close_an_officer(office):
    refused = office.command("close", "2026-10", "--by", "rina")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "--decree" in refused.err
    assert "--by OFFICER" in office.command("close", "2026-10", *DECREE).err
    assert "there is no officer" in office.command("close", "2026-10", "--by", "nobody", *DECREE).err


@pytest.mark.parametrize(("month", "message"), [("2026-11", "has not ended yet"), ("2026-13", "is not a month")])
def test_a_month_that_has_not_ended_or_is_none_is_refused(office, month, message):
    done = office.command("close", month, "--by", "rina", *DECREE)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_a_closed_month_stays_closed_and_its_reports_are_written(office, tmp_path):
    assert office.command("report", "2026-09", "--out", str(tmp_path)).code == 2
    agencies = sorted(_agencies(office))
    first = office.command("close", "2026-10", "--agency", agencies[0], "--by", "rina", *DECREE)
    assert first.code == 0, first.err
    assert "closed" in first.out
    again = office.command("close", "2026-10", "--by", "rina", *DECREE)
    assert (again.code, "was closed for agency" in again.err) == (2, True)
    other = office.command("close", "2026-10", "--agency", agencies[1], "--by", "rina", *DECREE)
    assert other.code == 0, other.err
    done = office.command("report", "2026-10", "--out", str(tmp_path), "--format", "csv,html", "--language", "en")
    assert done.code == 0, done.err
    written = [Path(line) for line in done.out.split("\n") if line]
    assert {path.suffix for path in written} == {".csv", ".html"}
    assert len({path.parent for path in written}) == 2
    page = next(path for path in written if path.suffix == ".html").read_text()
    assert "simulated" in page
    assert "Keputusan 1/2026" in page


def _agencies(server: Server) -> set[str]:
    table = read_inputs(server.directory / "month", Calendar.load(server.directory / "month" / "calendar.yaml"))
    return set(table.employees["agency"].to_pylist())
