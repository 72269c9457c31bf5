"""When a presence was, where the evidence leaves too much room: said by one officer, approved by another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from protocol import entry
from server import facts
from server.attendance import devicelog, events
from server.attendance.calendar import ZONES
from server.attendance.dating import Dating, Logged
from server.attendance.devicelog import DeviceLog
from server.attendance.events import APPROVED, WIDEST_MS, Mark, Uncounted
from server.attendance.models import DATINGS
from server.devices.ingest import judge
from server.devices.models import devices, entries
from server.errors import Conflict, NotFound, Refused
from server.people import grants
from server.people import service as people

PROPOSED, REJECTED = "proposed", "rejected"
WITHDRAWING = "withdrawing"
"""One officer wants an approved decision back: it does not hold until another says whether."""
_NAME = re.compile(r"([A-Za-z0-9-]{1,32})/(\d{1,18})")


@dataclass(frozen=True)
class Looked:
    """An entry as dated at a moment. `derived`: by the evidence alone, of a presence when it was presented; `event`:
    what it counts for, with decisions, None unless it is a presence; `told`: all that was ever decided, oldest first.
    """

    name: str
    said: entry.Entry
    logged: Logged
    log: DeviceLog
    derived: Dating
    event: Mark | Uncounted | None
    told: tuple[Mapping[str, Any], ...]

    @property
    def dating(self) -> Dating:
        """The date that holds."""
        return self.derived if self.event is None else self.event.dating

    @property
    def employee_id(self) -> str:
        """Whose presence it is, '' for nobody's."""
        return "" if self.event is None else self.event.employee_id


def look(connection: Connection, name: str, at_ms: int) -> Looked:
    """An entry (DEVICE/SEQ) as dated by what was known at `at_ms`; NotFound where there was none, Refused for one that
    cannot be read."""
    found = _NAME.fullmatch(name)
    if not found:
        raise Refused(f"{name!r} names no entry; write DEVICE/NUMBER, such as K01/17")
    device, seq = found[1], int(found[2])
    known = connection.execute(
        select(entries.c.received_ms, entries.c.bytes).where(
            entries.c.device == device, entries.c.seq == seq, entries.c.received_ms <= at_ms
        )
    ).first()
    if known is None:
        raise NotFound(f"the server holds no entry {seq} of a device {device!r}")
    row: RowMapping = connection.execute(select(devices).where(devices.c.device == device)).mappings().one()
    log = devicelog.read(connection, row, known.received_ms, at_ms)
    read = next((one for one in log.entries if one[0].seq == seq), None)
    if read is None:
        raise Refused(f"{name} {judge(device, seq, known.bytes)[1]}: it is quarantined and has no date")
    said, logged = read
    presented_ms = said.body.get("presented_boottime_ms", said.boottime_ms)
    employees = {pseudonym: employee for employee, pseudonym in people.pseudonyms(connection).items()}
    decided = events.decisions(connection, at_ms)
    event = next(events.judged(connection, row, employees, [read], log.dater, at_ms, decided), None)
    table = DATINGS.table
    told = select(table).where(table.c.entry == name, table.c.recorded_ms <= at_ms).order_by(table.c.fact)
    return Looked(
        name,
        said,
        logged,
        log,
        log.dater.date_logged(logged, presented_ms),
        event,
        tuple(dict(row) for row in connection.execute(told).mappings()),
    )


def standing(connection: Connection, at_ms: int) -> dict[str, Mapping[str, Any]]:
    """DEVICE/SEQ → what was last said of it, by one officer or two."""
    return {row["entry"]: row for row in facts.as_of(connection, DATINGS, at_ms)}


def propose(
    connection: Connection, name: str, earliest_ms: int, latest_ms: int, *, by: str, document: str, now_ms: int
) -> int:
    """Say when a presence was; the number by which another officer approves it. It takes the place of another proposal.

    Refused outside what the evidence leaves, wider than can be computed with, without a document, without the grant hr
    or head for the employee's agency, and for oneself or a superior; Conflict where a decision holds.
    """
    looked = look(connection, name, now_ms)
    acting = grants.authority(connection, by, now_ms)
    if not looked.employee_id:
        raise Refused(f"{name} is no presence of an employee: there is nothing to decide")
    _refuse(acting, looked.employee_id)
    if not document:
        raise Refused("a decision rests on something: name it with --document")
    if not 0 <= latest_ms - earliest_ms <= WIDEST_MS:
        raise Refused("the earliest comes before the latest, by 12 hours at most: the month would wait all the same")
    _refuse_outside(looked, earliest_ms, latest_ms)
    if looked.told and looked.told[-1]["status"] in (APPROVED, WITHDRAWING):
        number = looked.told[-1]["fact"]
        raise Conflict(f"{name} was decided (number {number}); first: hadir server dating reject {number}")
    row = {"entry": name, "employee_id": looked.employee_id, "earliest_ms": earliest_ms, "latest_ms": latest_ms}
    return _record(connection, row | {"status": PROPOSED}, by=by, document=document, now_ms=now_ms)


def approve(connection: Connection, number: int, *, by: str, now_ms: int) -> Mapping[str, Any]:
    """Let a decision hold from now on; the row as it was. By another officer than who wrote it, within the evidence."""
    row, acting = _waiting(connection, number, now_ms), grants.authority(connection, by, now_ms)
    if row["status"] not in (PROPOSED, WITHDRAWING):
        raise Conflict(f"number {number} was {row['status']} by {row['recorded_by']} already")
    _refuse_same(connection, acting, row)
    _refuse(acting, row["employee_id"])
    looked = look(connection, row["entry"], now_ms)
    _refuse_outside(looked, int(row["earliest_ms"]), int(row["latest_ms"]))
    _record(connection, row | {"status": APPROVED}, by=by, document=row["recorded_document"], now_ms=now_ms)
    return row


def reject(connection: Connection, number: int, *, by: str, document: str, now_ms: int) -> str:
    """Turn down a proposal, or one's own; the state that results. What was approved does not hold from now on, and is
    rejected for good, or approved again, by another officer."""
    row, acting = _waiting(connection, number, now_ms), grants.authority(connection, by, now_ms)
    _refuse(acting, row["employee_id"])
    if row["status"] == REJECTED:
        raise Conflict(f"number {number} was rejected by {row['recorded_by']} already")
    if row["status"] == WITHDRAWING:
        _refuse_same(connection, acting, row)
    status = WITHDRAWING if row["status"] == APPROVED else REJECTED
    _record(connection, row | {"status": status}, by=by, document=document, now_ms=now_ms)
    return status


def _waiting(connection: Connection, number: int, now_ms: int) -> dict[str, Any]:
    held = {row["fact"]: row for row in facts.as_of(connection, DATINGS, now_ms)}
    if number not in held:
        after = connection.execute(select(DATINGS.table).where(DATINGS.table.c.supersedes == number)).mappings().first()
        if after is None:
            raise NotFound(f"there is no decision {number}; see: hadir server dating list")
        raise Conflict(f"number {number} was {after['status']} by {after['recorded_by']} (now {after['fact']})")
    return held[number]


def _record(connection: Connection, row: Mapping[str, Any], *, by: str, document: str, now_ms: int) -> int:
    facts.record(connection, DATINGS, [row], by=by, document=document, now_ms=now_ms)
    table = DATINGS.table
    newest = select(table.c.fact).where(table.c.entry == row["entry"]).order_by(table.c.fact.desc()).limit(1)
    return int(connection.execute(newest).scalar_one())


def _refuse(acting: grants.Authority, employee_id: str) -> None:
    acting.refuse_own(employee_id, "say when a presence was")
    acting.require_for((grants.HR, grants.HEAD), employee_id, "say when a presence was")


def _refuse_same(connection: Connection, acting: grants.Authority, row: Mapping[str, Any]) -> None:
    if acting.same_person(people.officer(connection, row["recorded_by"])):
        raise Refused(
            f"number {row['fact']} was {row['status']} by {row['recorded_by']}: another officer must decide it"
        )


def _refuse_outside(looked: Looked, earliest_ms: int, latest_ms: int) -> None:
    if earliest_ms < looked.derived.earliest_ms or latest_ms > looked.derived.latest_ms:
        zone = looked.log.device["zone"]
        there = timezone(timedelta(seconds=ZONES[zone]))
        earliest, latest = (
            datetime.fromtimestamp(time_ms / 1000, there).isoformat(timespec="milliseconds")
            for time_ms in (looked.derived.earliest_ms, looked.derived.latest_ms)
        )
        raise Refused(
            f"{looked.name} cannot have been then: the evidence leaves {earliest} to {latest} ({zone}); "
            f"why: hadir server dating show {looked.name}"
        )
