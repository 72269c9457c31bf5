"""What differs after the lock is paid or taken back as a run of its own; its lines sum, its tax is that of payment."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pytest
from harness import Server
from made_office import EMPLOYEE, MONTH, at, correct, make_office, refused, said

from server import facts
from server.allowance import month as months
from server.errors import Conflict
from server.month import pp94, reckoning, recompute, susulan
from server.month.lines import differences
from server.orders.models import LEAVE
from server.people import service as people
from server.people.models import EMPLOYEES

LOCKED, LATER, MUCH_LATER = "2026-11-02T09:00", "2026-11-09T09:00", "2026-12-03T09:00"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Server:
    server = make_office(tmp_path_factory.mktemp("locked"))
    withdraw_leave(server, "K1", "2026-11-01T09:00", "requested")
    said(server, LOCKED, "close", MONTH, "--by", "rina")
    return server


@pytest.fixture
def locked(made, tmp_path) -> Server:
    shutil.copytree(made.directory, tmp_path / "office")
    return Server(tmp_path / "office")


def withdraw_leave(server: Server, employee: str, now: str, status: str) -> None:
    """The leave that covers the month gets another status."""
    parts = server.services()
    with parts.database.write() as connection:
        (row,) = [row for row in facts.as_of(connection, LEAVE, at(now)) if row["employee_id"] == employee]
        facts.record(connection, LEAVE, [row | {"status": status}], by="joko", document="K", now_ms=at(now))
    parts.database.close()


def made_at(server: Server, now: str, agency: str = "") -> list[susulan.Later]:
    server.set_clock(at(now))
    parts = server.services()
    try:
        return susulan.susulan_of(parts, MONTH, agency, by="rina")
    finally:
        parts.database.close()


def table(server: Server, run: int, name: str) -> pa.Table:
    parts = server.services()
    with parts.database.read() as connection:
        found = months.table_of(connection, run, name)
    parts.database.close()
    return found


def sums_hold(server: Server, run: int) -> None:
    lines = table(server, run, "lines").to_pylist()
    for row in table(server, run, "payments").to_pylist():
        own = [line for line in lines if line["employee_id"] == row["employee_id"]]
        assert sum(line["rupiah"] for line in own) == row["net"]
        assert row["gross"] - row["deductions"] - row["dues"] - row["tax"] == row["net"]


def test_a_correction_that_came_late_pays_the_difference_and_its_tax(locked):
    correct(locked, "B1", "2026-10-06", "2026-11-05T09:00")
    (later,) = made_at(locked, LATER)
    (row,) = later.payments
    assert (row["employee_id"], row["gross"], row["deductions"], row["tax"], row["net"]) == (
        "B1",
        0,
        -30_000,
        1500,
        28_500,
    )
    assert "correction" in row["reason"]
    assert "joko" in row["reason"]
    told = [(line["step"], line["rupiah"]) for line in later.lines]
    assert told == [("cut", 30_000), ("tax", -1500)]
    assert "semula -Rp30.000, menjadi Rp0" in later.lines[0]["text"]
    sums_hold(locked, later.run)


def test_a_correction_that_is_taken_back_costs_again_and_gives_the_tax_back(locked):
    correct(locked, "B1", "2026-10-06", "2026-11-05T09:00")
    made_at(locked, LATER)
    correct(locked, "B1", "2026-10-06", "2026-11-10T09:00", status="rejected")
    (later,) = made_at(locked, "2026-11-11T09:00")
    (row,) = later.payments
    assert (row["deductions"], row["tax"], row["net"]) == (30_000, -1500, -28_500)
    sums_hold(locked, later.run)
    assert "nothing differs" in refused(locked, "2026-11-12T09:00", "susulan", MONTH, "--by", "rina")


def test_what_a_missing_document_decides_is_paid_once_it_is_there(locked):
    (first,) = [row for row in table(locked, 1, "payments").to_pylist() if row["employee_id"] == "K1"]
    # Leave that nobody decided may yet be refused: 22 days at 3 % are in dispute, the rest is not.
    assert (first["status"], first["gross"], first["deductions"], first["net"]) == (
        "partial",
        1_000_000,
        660_000,
        323_000,
    )
    assert "belum diputuskan" in first["reason"]
    sums_hold(locked, 1)
    withdraw_leave(locked, "K1", "2026-11-05T09:00", "approved")
    said(locked, LATER, "grant", "tres", "hr", "--from", "2026-01-01")
    shown = said(locked, LATER, "susulan", MONTH, "--by", "tres")
    assert "627000" in shown
    (later,) = [run for run in runs(locked) if run["state"] == reckoning.SUSULAN]
    (row,) = table(locked, later["run"], "payments").to_pylist()
    assert (row["employee_id"], row["gross"], row["tax"], row["net"]) == ("K1", 0, 33_000, 627_000)
    sums_hold(locked, later["run"])


def employed(server: Server, now: str, employee: str, agency: str, **more: str) -> None:
    """The employee as known from `now` on."""
    parts = server.services()
    with parts.database.write() as connection:
        row = EMPLOYEE | {"employee_id": employee, "name": employee, "agency": agency} | more
        facts.record(connection, EMPLOYEES, [people.to_columns(row)], by="rina", document="d", now_ms=at(now))
    parts.database.close()


def test_whoever_a_susulan_paid_is_paid_by_no_other_agency(tmp_path):
    office = make_office(tmp_path)
    said(office, "2026-11-02T10:00", "close", MONTH, "--agency", "dinkes", "--by", "rina")
    employed(office, "2026-11-03T09:00", "N1", "dinkes")
    assert "N1" in said(office, "2026-11-03T10:00", "susulan", MONTH, "--by", "rina")
    employed(office, "2026-11-04T09:00", "N1", "bkpsdm")
    said(office, "2026-11-04T10:00", "close", MONTH, "--agency", "bkpsdm", "--by", "rina")
    assert "N1" not in table(office, 3, "payments")["employee_id"].to_pylist()
    assert "nothing differs" in refused(office, "2026-11-04T11:00", "susulan", MONTH, "--by", "rina")


def test_whoever_turns_out_not_to_have_served_gives_everything_back(tmp_path):
    office = make_office(tmp_path)
    said(office, "2026-11-02T10:00", "close", MONTH, "--agency", "dinkes", "--by", "rina")
    (paid,) = [row for row in table(office, 1, "payments").to_pylist() if row["employee_id"] == "B2"]
    employed(office, "2026-11-03T09:00", "B2", "dinkes", end_date="2026-09-30")
    said(office, "2026-11-03T10:00", "susulan", MONTH, "--by", "rina")
    (back,) = table(office, 2, "payments").to_pylist()
    assert (back["employee_id"], back["net"]) == ("B2", -paid["net"])
    sums_hold(office, 2)


def test_two_locks_at_once_pay_nobody_twice(tmp_path, monkeypatch):
    office = make_office(tmp_path)
    office.set_clock(at("2026-11-02T10:00"))
    parts = office.services()
    write = parts.database.write

    def overtaken():
        employed(office, "2026-11-02T10:00", "K1", "dinkes")
        said(office, "2026-11-02T10:01", "close", MONTH, "--agency", "dinkes", "--by", "joko")
        return write()

    # Reckoned, and not stored yet: another agency's lock comes between.
    monkeypatch.setattr(parts.database, "write", overtaken)
    with pytest.raises(Conflict, match="K1: 2026-10 was locked for them meanwhile"):
        months.close(parts, months.Close(MONTH, "bkpsdm", by="rina"))
    parts.database.close()


def runs(server: Server) -> list:
    parts = server.services()
    with parts.database.read() as connection:
        found = connection.exec_driver_sql("SELECT run, state FROM runs ORDER BY run").mappings().all()
    parts.database.close()
    return list(found)


def test_brackets_tax_a_later_payment_with_all_that_is_paid_in_that_month(locked):
    withdraw_leave(locked, "P1", "2026-11-05T09:00", "cancelled")
    said(locked, LATER, "month", "pay", MONTH, "--document", "SP2D", "--by", "tres")
    (later,) = made_at(locked, LATER)
    (row,) = [row for row in later.payments if row["employee_id"] == "P1"]
    # 22 absent days cost 660,000: 5,000,000 at 1 % become 4,340,000 at 0 %, so the 50,000 withheld come back.
    assert (row["deductions"], row["tax"], row["net"]) == (660_000, -50_000, -610_000)
    sums_hold(locked, later.run)


def test_ones_own_differences_are_left_to_another_officer(locked):
    withdraw_leave(locked, "R1", "2026-11-05T09:00", "cancelled")
    withdraw_leave(locked, "K1", "2026-11-05T09:00", "approved")
    refusal = refused(locked, LATER, "susulan", MONTH, "--by", "rina")
    assert "K1, R1: another officer must" in refusal
    assert "2 people" in said(locked, LATER, "susulan", MONTH, "--by", "joko")


def test_later_runs_are_paid_by_the_treasurer_each_once(locked):
    correct(locked, "B1", "2026-10-06", "2026-11-05T09:00")
    pay = ("month", "pay", MONTH, "--document", "SP2D", "--by", "tres")
    assert "paid run 1\n" in said(locked, LATER, *pay)
    (later,) = made_at(locked, LATER)
    assert f"paid run {later.run}\n" in said(locked, LATER, *pay)
    assert "is locked and unpaid" in refused(locked, LATER, *pay)


def test_the_rules_of_then_hold_though_the_file_was_replaced(locked):
    path = locked.directory / "small.yaml"
    path.write_text(path.read_text().replace('absent: "3 %"', 'absent: "9 %"').replace('III: "5 %"', 'III: "10 %"'))
    correct(locked, "B1", "2026-10-06", "2026-11-05T09:00")
    (later,) = made_at(locked, MUCH_LATER)
    (row,) = later.payments
    assert (row["deductions"], row["tax"], row["net"]) == (-30_000, 3000, 27_000)
    path.write_text(path.read_text().replace("from: 2026-01-01", "from: 2027-01-01"))
    assert "does not hold in 2026-12" in refused(locked, MUCH_LATER, "susulan", MONTH, "--by", "rina")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((MONTH, "--by", "hana"), "the grant hr for all agencies is missing"),
        (("2026-09", "--by", "rina"), "is not locked"),
        ((MONTH, "--by", "rina"), "nothing differs in 2026-10"),
    ],
)
def test_a_susulan_that_cannot_be_is_refused(locked, arguments, message):
    assert message in refused(locked, LATER, "susulan", *arguments)


def test_a_locked_month_comes_out_the_same_whatever_was_recorded_since(locked):
    correct(locked, "B1", "2026-10-06", "2026-11-05T09:00")
    locked.set_clock(at(LATER))
    parts = locked.services()
    (then,) = recompute.again(parts, MONTH)
    assert then.same
    (now,) = recompute.again(parts, MONTH, as_of_ms=at(LATER))
    parts.database.close()
    assert not now.same
    assert now.states == (("B1", "payable 921500", "payable 950000"),)
    assert "correction" in now.reasons["B1"]
    assert {line["rupiah"] for line in now.changed} == {30_000, -1500}
    shown = said(locked, LATER, "recompute", MONTH, "--as-of", "2026-11-06T00:00:00+09:00")
    assert "other facts were known" in shown
    assert "the same, value for value" in said(locked, LATER, "recompute", MONTH)


def test_another_engine_and_an_altered_run_are_told_apart(locked, monkeypatch):
    parts = locked.services()
    with parts.database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET engine_version = '0'")
        row = months.table_of(connection, 1, "payments").to_pylist()
        row[0]["net"] += 1
        changed = pa.Table.from_pylist(row, schema=months.table_of(connection, 1, "payments").schema)
        data = reckoning.to_parquet(changed)
        connection.exec_driver_sql("UPDATE run_tables SET parquet = ? WHERE run = 1 AND name = 'payments'", (data,))
    (found,) = recompute.again(parts, MONTH)
    assert any(reason.startswith("engine 0 then") for reason in found.because)
    with parts.database.write() as connection:
        engine = found.reckoned.result.summary["engine"]
        connection.exec_driver_sql("UPDATE runs SET engine_version = ?", (engine,))
    (found,) = recompute.again(parts, MONTH)
    parts.database.close()
    assert "the stored run was altered" in found.because[0]


def test_unexcused_days_are_counted_from_locked_months_their_susulan_and_the_current_one(locked):
    withdraw_leave(locked, "B2", "2026-11-05T09:00", "cancelled")
    made_at(locked, LATER)
    before = {one.employee_id: one for one in warned(locked)}
    # In November nobody of the agency left a mark yet: those days say nothing.
    assert before["B2"].days == 22
    assert "B1" not in before
    assert "P1" not in before
    shown = said(locked, LATER, "pp94", "--year", "2026", "--agency", "dinkes")
    assert "penurunan jabatan; 3 hari lagi: pembebasan dari jabatan; 22 hari berturut-turut" in shown
    assert "Rina" not in shown
    assert "no day records of 2025" in refused(locked, LATER, "pp94", "--year", "2025")


def warned(server: Server) -> list[pp94.Warned]:
    server.set_clock(at(LATER))
    parts = server.services()
    try:
        return pp94.warnings(parts, 2026)
    finally:
        parts.database.close()


def test_the_differences_of_lines_sum_to_the_difference_of_their_sums():
    def line(step: str, rupiah: int, day: str = "") -> dict:
        return {
            "employee_id": "E",
            "date": day or None,
            "step": step,
            "kind": "late",
            "account": "gross",
            "fact": "f",
            "rupiah": rupiah,
            "text": step,
        }

    before = [line("a", 5), line("a", 6), line("b", -7, "1")]
    now = [line("a", 5), line("c", 9)]
    found = differences(before, now)
    assert {(one["step"], one["rupiah"]) for one in found} == {("a", -6), ("b", 7), ("c", 9)}
    assert differences(before, before) == []
