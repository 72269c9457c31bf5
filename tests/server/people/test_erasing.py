"""Erasure: after the retention two officers destroy what leads from the logs to a person, and the logs stay whole."""

import shutil
import signal
import sqlite3
import struct
from contextlib import closing
from datetime import date

import pyarrow as pa
import pytest
from harness import NOW_MS, Server, claimed_kiosk, enrolment_body, make_server
from made_office import MONTH, at, make_office, refused, said
from sqlalchemy import select

from audit.__main__ import main as audit
from server import facts
from server.allowance import month as months
from server.allowance.models import run_tables
from server.attendance import events
from server.attendance.models import DATINGS
from server.devices.models import sealed_galleries
from server.enrolment.models import CARDS, PROMPT_SETS, enrolments
from server.month import staff
from server.month.tables import from_parquet, to_parquet
from server.people import erasing
from server.people import service as people
from server.people.models import EMPLOYEES, person_keys

ROWS = {"E2": [(1.0, 0.5), (0.25, -1.0)], "E3": [(-3.5, 7.25), (6.0, 5.0)]}
TEN_YEARS_LATER = at("2036-11-01T09:00")


def leave(server: Server, employee: str, end: str, now_ms: int) -> None:
    """The office learns that somebody's service ended."""
    parts = server.services()
    with parts.database.write() as connection:
        rows = [row for row in facts.as_of(connection, EMPLOYEES, now_ms) if row["employee_id"] == employee]
        facts.record(connection, EMPLOYEES, [rows[-1] | {"end_date": end}], by="rina", document="SK", now_ms=now_ms)
    parts.database.close()


def templates(employee: str) -> bytes:
    return struct.pack("<4f", *ROWS[employee][0], *ROWS[employee][1])


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A server that does not run, ten years after E2, enrolled and marked at a kiosk, has left."""
    server = make_server(tmp_path_factory.mktemp("left"))
    process = server.start()
    try:
        kiosk = claimed_kiosk(server, "K01")
        for employee in ROWS:
            code = server.command("enrol-code", employee, "--by", "rina").out.strip()
            assert kiosk.request("POST", "/enrolments", enrolment_body(code, ROWS[employee])).status_code == 201
            assert server.command("card", "issue", employee, "--by", "joko").code == 0
        assert server.command("approve", "all", "--by", "joko").code == 0
        parts = server.services()
        with parts.database.read() as connection:
            names = people.pseudonyms(connection)
        parts.database.close()
        for employee in ROWS:
            kiosk.mark(names[employee], NOW_MS - 60_000)
        assert kiosk.send(0).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        process.stdout.close()
    leave(server, "E2", "2026-10-31", NOW_MS)
    server.set_clock(TEN_YEARS_LATER)
    return server


@pytest.fixture
def server(left, tmp_path):
    shutil.copytree(left.directory, tmp_path / "copy")
    return Server(tmp_path / "copy")


def erase(server: Server, employee: str = "E2"):
    done = server.command("person", "erase", employee, "--document", "BA/1", "--by", "rina")
    assert done.code == 0, done.err
    number = done.out.split()[1].rstrip(":")
    return server.command("person", "approve", number, "--by", "joko")


def marks_of(server: Server) -> dict[str, str]:
    """Sequence → employee, or why the mark counts for nothing."""
    parts = server.services()
    with parts.database.read() as connection:
        found = events.between(connection, 0, 2**60, TEN_YEARS_LATER)
    parts.database.close()
    told = {mark.seq: mark.employee_id for mark in (*found.marks, *found.undated)}
    return told | {one.seq: f"{one.employee_id}{one.reason}" for one in found.uncounted}


def test_what_leads_from_the_logs_to_the_person_is_gone_and_the_logs_are_whole(server, capsys, tmp_path):
    file = server.directory / "state" / "server.db"
    with closing(sqlite3.connect(file)) as connection:
        keys = dict(connection.execute("SELECT employee, key FROM person_keys"))
    before = file.read_bytes()
    assert all(secret in before for secret in (keys["E2"], templates("E2"), keys["E3"], templates("E3")))
    assert marks_of(server) == {0: "E2", 1: "E3"}
    done = erase(server)
    assert (done.code, "E2 is erased" in done.out) == (0, True)
    after = file.read_bytes()
    assert not any(secret in after for secret in (keys["E2"], templates("E2")))
    assert all(secret in after for secret in (keys["E3"], templates("E3")))
    assert marks_of(server) == {0: "the pseudonym is nobody's", 1: "E3"}
    assert audit(["verify", str(file)]) == 0
    assert "OK: 2 entries" in capsys.readouterr().out
    proved = server.command("prove", "E2", "2026-10", "--out", str(tmp_path / "proofs"))
    assert "never enrolled, or erased" in proved.err
    assert "erased already" in server.command("person", "erase", "E2", "--document", "BA/2", "--by", "rina").err


def test_cards_go_too(server):
    assert erase(server).code == 0
    with closing(sqlite3.connect(server.directory / "state" / "server.db")) as connection:
        assert connection.execute("SELECT employee_id FROM fact_cards").fetchall() == [("E3",)]


@pytest.mark.parametrize("kind", [CARDS, PROMPT_SETS])
def test_numbers_that_entries_name_are_never_given_again(server, kind):
    def next_number(recording: bool) -> int:
        parts = server.services()
        with parts.database.write() as connection:
            number = facts.next_number(connection, kind)
            if recording:
                row = dict.fromkeys(kind.columns, "") | {kind.columns[0]: number, "employee_id": "E2"}
                facts.record(connection, kind, [row], by="joko", document="SK/2", now_ms=TEN_YEARS_LATER)
        parts.database.close()
        return number

    number = next_number(recording=True)
    assert erase(server).code == 0
    assert next_number(recording=False) == number + 1


def test_marks_of_old_machines_go_too(server, tmp_path):
    (tmp_path / "log.csv").write_text("employee_id,at\nE2,2026-10-05T07:20:00+09:00\nE3,2026-10-05T07:21:00+09:00\n")
    done = server.command("legacy", "import", str(tmp_path / "log.csv"), "--document", "log", "--by", "rina")
    assert done.code == 0, done.err
    assert erase(server).code == 0
    with closing(sqlite3.connect(server.directory / "state" / "server.db")) as connection:
        assert connection.execute("SELECT employee_id FROM legacy_marks").fetchall() == [("E3",)]


def test_the_galleries_that_held_the_templates_are_gone_and_the_kiosk_gets_another(server):
    parts = server.services()
    assert erase(server).code == 0
    with parts.database.read() as connection:
        assert [row.gallery for row in connection.execute(sealed_galleries.select())] == [2]
        rows = connection.execute(enrolments.select().order_by(enrolments.c.enrolment)).mappings().all()
        assert [(row["state"], row["rows"]) for row in rows] == [("erased", 0), ("approved", 2)]
    parts.database.close()


def test_the_last_one_enrolled_leaves_a_gallery_of_nobody(server):
    leave(server, "E3", "2026-10-31", NOW_MS)
    assert [erase(server, employee).code for employee in ("E2", "E3")] == [0, 0]
    data = (server.directory / "state" / "server.db").read_bytes()
    assert templates("E2") not in data
    assert templates("E3") not in data


def test_it_takes_two_officers_neither_of_whom_is_the_person(server):
    leave(server, "E1", "2026-10-31", NOW_MS)
    assert "--document" in server.command("person", "erase", "E2", "--document", " ", "--by", "rina").err
    done = server.command("person", "erase", "E2", "--document", "BA/1", "--by", "rina")
    assert done.code == 0
    assert "another officer" in server.command("person", "approve", "1", "--by", "rina").err
    assert "of oneself" in server.command("person", "erase", "E1", "--document", "BA/1", "--by", "rina").err
    assert server.command("person", "reject", "1", "--document", "BA/2", "--by", "joko").code == 0
    assert "was rejected by joko already" in server.command("person", "approve", "2", "--by", "rina").err
    assert "rejected" in server.command("person", "erasures").out
    assert marks_of(server)[0] == "E2"


@pytest.mark.parametrize(
    ("employee", "now", "said_of_it"),
    [
        ("E3", "2036-11-01T09:00", "E3 serves"),
        ("E2", "2026-10-31T09:00", "E2 serves"),
        ("E2", "2036-10-31T09:00", "E2 is kept until 2036-11-01"),
        ("E9", "2036-11-01T09:00", "there is no employee 'E9'"),
    ],
)
def test_who_serves_or_is_within_the_retention_stays(server, employee, now, said_of_it):
    server.set_clock(at(now))
    done = server.command("person", "erase", employee, "--document", "BA/1", "--by", "joko")
    assert (done.code, said_of_it in done.err) == (2, True), done.err


def test_the_retention_is_what_the_configuration_says(server):
    server.config.write_text(server.config.read_text() + "retention_years: 11\n")
    done = server.command("person", "erase", "E2", "--document", "BA/1", "--by", "joko")
    assert "E2 is kept until 2037-11-01" in done.err
    server.config.write_text(server.config.read_text().replace("11\n", "0\n"))
    assert "retention_years" in server.command("person", "erasures").err


def test_an_older_backup_brings_nobody_back(server):
    file = server.directory / "state" / "server.db"
    with closing(sqlite3.connect(file)) as connection:
        (key,) = connection.execute("SELECT key FROM person_keys WHERE employee = 'E2'").fetchone()
    backup = file.read_bytes()
    assert erase(server).code == 0
    file.write_bytes(backup)
    done = server.command("restored")
    assert "erased again, as before the backup was restored: E2" in done.out
    assert key not in file.read_bytes()
    assert marks_of(server)[0] == "the pseudonym is nobody's"
    assert "erased again" not in server.command("restored").out
    parts = server.services()
    with parts.database.write() as connection:
        people.add_person_keys(connection, ["E2"])
        assert connection.execute(person_keys.select().where(person_keys.c.employee == "E2")).one().key != key
    parts.database.close()
    assert "erased again" not in server.command("restored").out, "who came back under a new key stays"


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """An office whose October is locked; B1 left at its end."""
    office = make_office(tmp_path_factory.mktemp("locked"))
    of = (MONTH, "--agency", "dinkes")
    now = "2026-11-02T09:00"
    said(office, now, "month", "draft", *of, "--by", "rina")
    said(office, now, "month", "review", *of, "--until", "2026-11-05", "--head-until", "2026-11-08", "--by", "rina")
    leave(office, "B1", "2026-10-31", at("2026-11-03T09:00"))
    return office


@pytest.fixture
def office(locked, tmp_path):
    shutil.copytree(locked.directory, tmp_path / "copy")
    return Server(tmp_path / "copy")


def stored(office: Server) -> dict[str, dict[str, list]]:
    """Table → employee → rows, of the locked run."""
    parts = office.services()
    with parts.database.read() as connection:
        (run,) = staff.closed_runs(connection, MONTH)
        found: dict[str, dict[str, list]] = {}
        for name in ("payments", "lines", "days", "unresolved", "unsigned", "employees"):
            for row in months.table_of(connection, run["run"], name).to_pylist():
                found.setdefault(name, {}).setdefault(row["employee_id"], []).append(row)
    parts.database.close()
    return found


ASK = ("person", "erase", "B1", "--document", "BA/1", "--by", "rina")


def test_while_a_month_is_open_nobody_is_erased(office):
    assert f"{MONTH} of dinkes is open (review)" in refused(office, "2036-11-02T09:00", *ASK)


def test_a_locked_month_keeps_what_was_paid_and_nothing_of_marks(office, tmp_path):
    of = (MONTH, "--agency", "dinkes")
    said(office, "2026-11-06T09:00", "month", "approve", *of, "--by", "hana")
    said(office, "2026-11-06T09:00", "month", "approve", *of, "--by", "joko")
    said(office, "2026-11-09T09:00", "month", "lock", *of, "--by", "rina")
    parts = office.services()
    with parts.database.write() as connection:
        row = {"entry": "K01/7", "employee_id": "B1", "earliest_ms": "1", "latest_ms": "2", "status": "proposed"}
        facts.record(connection, DATINGS, [row], by="rina", document="BA", now_ms=at("2026-11-09T09:00"))
        (run,) = staff.closed_runs(connection, MONTH)
        attested = (run_tables.c.run == run["run"]) & (run_tables.c.name == "attested")
        schema = from_parquet(connection.execute(select(run_tables.c.parquet).where(attested)).scalar_one()).schema
        row = {"employee_id": "B2", "date": date(2026, 10, 5), "at": "2026-10-05T07:20:00+09:00", "entry": "K01/7"}
        mark = row | {"colleague": "B1", "supervisor": "B3", "allowed": 20}
        table = to_parquet(pa.Table.from_pylist([mark], schema))
        connection.execute(run_tables.update().where(attested), {"parquet": table})
    before = stored(office)
    assert all("B1" in before[name] for name in ("payments", "lines", "days"))
    late = "2036-11-02T09:00"
    said(office, late, *ASK)
    said(office, late, "person", "approve", "1", "--by", "joko")
    after = stored(office)
    lines = after["lines"].pop("B1")
    assert [(line["step"], line["rupiah"]) for line in lines] == [("grant", 1000000), ("tax", -48500), ("cut", -30000)]
    assert not any(line["date"] or line["fact"] or "tidak masuk" in line["text"] for line in lines)
    for name, rows in before.items():
        kept = rows if name in ("payments", "employees") else {who: row for who, row in rows.items() if who != "B1"}
        assert after.get(name, {}) == kept, name
    with parts.database.read() as connection:
        assert not connection.execute(DATINGS.table.select()).all()
        (left,) = months.table_of(connection, run["run"], "attested").to_pylist()
        assert left == mark | {"colleague": "dihapus setelah masa simpan"}, (
            "whose entry names the own mark of who attests"
        )
        assert erasing.erased(connection, {"B1", "B2"}, 0) == ["B1"]
        assert erasing.kept_until(connection, "B1", 10, at(late)) == date(2036, 11, 1)
    parts.database.close()
    office.set_clock(at(late))
    told = office.command("recompute", MONTH)
    assert "what was stored of single days of B1 was erased since" in told.out
    assert f"nothing differs in {MONTH}" in office.command("susulan", *of, "--by", "rina").err
    assert office.command("report", MONTH, "--out", str(tmp_path / "reports"), "--by", "rina").code == 0
