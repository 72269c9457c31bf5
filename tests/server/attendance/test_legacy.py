"""Logs of old machines: recorded without a signature, counted only where an officer says so, and marked when shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import NOW_MS, ROOT, Server

from server.attendance import events, legacy
from server.attendance.legacy import LogMap
from server.errors import ConfigError

OCTOBER_1 = int(datetime(2026, 9, 30, 15, tzinfo=UTC).timestamp() * 1000)
LOG = """PIN;Waktu;Mesin
1;01/10/2026 07:21:08;Balai
1;01/10/2026 16:05;Balai
1;01/10/2026 07:21:08;Balai
77;01/10/2026 07:00;Balai
"""
MAP = "columns: {employee_id: PIN, at: Waktu, site: Mesin}\npeople: {1: E2}\nzone: WIT\n"


@pytest.fixture
def log(tmp_path: Path) -> tuple[str, ...]:
    """A log as a machine writes it, and the arguments that import it."""
    (tmp_path / "log.csv").write_text(LOG)
    (tmp_path / "map.yaml").write_text(MAP)
    return ("legacy", "import", str(tmp_path / "log.csv"), "--map", str(tmp_path / "map.yaml"), "--by", "rina")


def counted(server: Server) -> tuple[events.Mark, ...]:
    parts = server.services()
    with parts.database.read() as connection:
        marks = events.between(connection, OCTOBER_1, NOW_MS, parts.clock.now_ms()).marks
    parts.database.close()
    return marks


def test_a_log_counts_only_in_a_month_that_an_officer_lets_it_count_in(idle, log):
    done = idle.command(*log)
    assert done.code == 0, done.err
    assert "nobody known as '77': 1 rows left out" in done.out
    assert counted(idle) == ()
    idle.set_clock(NOW_MS + 1000)
    assert idle.command("legacy", "count", "2026-10", "--document", "ND 12", "--by", "joko").code == 0
    marks = counted(idle)
    assert {(mark.employee_id, mark.source, mark.site) for mark in marks} == {("E2", "legacy", "Balai")}
    spans = [mark.dating.latest_ms - mark.dating.earliest_ms for mark in marks]
    assert spans == [0, 59_999], "a log without seconds says which minute, not which second"
    idle.set_clock(NOW_MS + 2000)
    assert idle.command("legacy", "stop", "2026-10", "--by", "rina").code == 0
    assert counted(idle) == ()


def test_the_same_log_again_adds_nothing_and_a_dry_run_records_nothing(idle, log):
    assert idle.command(*log, "--dry-run").code == 0
    assert "2026-10: 2 marks" in idle.command(*log).out
    assert "marks; they count when" not in idle.command(*log).out


def test_what_counted_at_a_moment_can_be_asked_for_later(idle, log):
    idle.command(*log)
    idle.command("legacy", "count", "2026-10", "--document", "ND 12", "--by", "joko")
    parts = idle.services()
    with parts.database.read() as connection:
        assert events.between(connection, OCTOBER_1, NOW_MS, NOW_MS - 1).marks == ()
    parts.database.close()


def test_whoever_imported_marks_does_not_let_them_count(idle, log):
    idle.command(*log)
    done = idle.command("legacy", "count", "2026-10", "--document", "ND 12", "--by", "rina")
    assert (done.code, "rina imported old marks of 2026-10: another officer" in done.err) == (2, True)
    assert counted(idle) == ()


def test_marks_that_come_after_somebody_let_a_month_count_are_not_counted_unseen(idle, log, tmp_path):
    idle.command(*log)
    idle.command("legacy", "count", "2026-10", "--document", "ND 12", "--by", "joko")
    before = counted(idle)
    assert idle.command(*log).code == 0, "the same log adds nothing"
    (tmp_path / "log.csv").write_text(LOG + "1;01/10/2026 17:00;Balai\n")
    done = idle.command(*log[:-1], "joko")
    assert (done.code, "hadir server legacy stop 2026-10" in done.err) == (2, True)
    assert counted(idle) == before


def test_counting_needs_a_document_and_a_grant(idle):
    assert "--document" in idle.command("legacy", "count", "2026-10", "--by", "rina").err
    assert "no officer" in idle.command("legacy", "count", "2026-10", "--document", "x", "--by", "nobody").err
    assert "is not a month" in idle.command("legacy", "count", "2026-1", "--document", "x", "--by", "rina").err


@pytest.mark.parametrize(
    ("row", "message"),
    [("E1,01/13/2026 07:00", "row 2: '01/13/2026 07:00' is not a time"), ("E1,01/12/2026 07:00", "is still to come")],
)
def test_a_row_that_cannot_be_records_nothing(idle, tmp_path, row, message):
    path = tmp_path / "log.csv"
    path.write_text(f"employee_id,at\n{row}\nE1,01/10/2026 07:00\n")
    done = idle.command("legacy", "import", str(path), "--by", "rina")
    assert (done.code, message in done.err) == (2, True)
    parts = idle.services()
    with parts.database.read() as connection:
        assert legacy.listed(connection, NOW_MS) == []
    parts.database.close()


@pytest.mark.parametrize(
    ("text", "told", "expected"),
    [
        ("2026-10-05T07:21:08+07:00", LogMap(), (datetime(2026, 10, 5, 0, 21, 8, tzinfo=UTC), True)),
        ("2026-10-05 07:21", LogMap(), (datetime(2026, 10, 4, 22, 21, tzinfo=UTC), False)),
        ("5-10-2026 07:21:08", LogMap(zone="WIB"), (datetime(2026, 10, 5, 0, 21, 8, tzinfo=UTC), True)),
        ("10/05/26 07:21", LogMap(format="%m/%d/%y %H:%M"), (datetime(2026, 10, 4, 22, 21, tzinfo=UTC), False)),
    ],
)
def test_times_are_read_as_machines_write_them(text, told, expected):
    assert legacy._moment(text, told) == expected


def test_a_map_that_names_an_unknown_column_is_refused(tmp_path):
    (tmp_path / "map.yaml").write_text("columns: {pin: PIN}\n")
    with pytest.raises(ConfigError, match="'pin' is none of"):
        legacy.read_log_map(tmp_path / "map.yaml")


def test_reports_of_a_month_with_such_marks_say_so(idle, log, tmp_path):
    idle.config.write_text(f"{idle.config.read_text()}regulation: {ROOT}/regulations/ambon/2026.yaml\n")
    idle.command(*log)
    idle.command("legacy", "count", "2026-10", "--document", "ND 12", "--by", "joko")
    done = idle.command("close", "2026-10", "--draft")
    assert done.code == 0, done.err
    assert "2 unsigned marks of old machines count" in done.out
    assert idle.command("report", "2026-10", "--out", str(tmp_path / "out"), "--format", "html").code == 0
    (page,) = (tmp_path / "out").rglob("*.html")
    assert "2 rekaman mesin lama, tanpa tanda tangan, dihitung" in page.read_text()
