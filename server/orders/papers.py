"""Leave and corrections: requested by one, decided by another, never removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from server import facts
from server.errors import Conflict, NotFound, Refused
from server.facts import FactKind
from server.orders.models import CORRECTIONS, LEAVE
from server.people import grants
from server.people import service as people
from server.people.models import EMPLOYEES

REQUESTED, APPROVED, REJECTED, WITHDRAWN = "requested", "approved", "rejected", "withdrawn"
DECIDED = (APPROVED, "confirmed", REJECTED, WITHDRAWN, "cancelled")
KINDS: Mapping[str, FactKind] = {"leave": LEAVE, "correction": CORRECTIONS}
_LONGEST_DAYS = 366


@dataclass(frozen=True)
class Decided:
    """What a decision reached: rows that changed, and those that another officer must decide, with the reason."""

    done: tuple[Mapping[str, str], ...]
    left: tuple[tuple[Mapping[str, str], str], ...]


def request(connection: Connection, what: str, row: Mapping[str, str], *, by: str, document: str, now_ms: int) -> None:
    """Ask for a leave or a correction (`what`: a key of KINDS) with the columns of its CSV.

    By the employee, or by an officer who is head or hr of the agency. Conflict where the same is held already.
    """
    acting = grants.authority(connection, by, now_ms)
    acting.agency_of(row["employee_id"])
    if acting.officer.employee != row["employee_id"]:
        acting.require_for((grants.HR, grants.HEAD), row["employee_id"], f"request a {what}")
    check_span(row["from"], row.get("to", ""))
    _refuse_held(connection, what, [row], now_ms)
    asked = dict(row) | {"document": document, "status": REQUESTED}
    facts.record(connection, KINDS[what], [asked], by=by, document=document, now_ms=now_ms)


def request_for_site(
    connection: Connection, site: str, first: str, last: str, *, reason: str, document: str, by: str, now_ms: int
) -> list[str]:
    """Corrections for everybody of a site whose kiosk failed from one instant to another; whose they are.

    Each waits for approval like any other. NotFound when nobody works at the site.
    """
    if not reason or not document:
        raise Refused("corrections for a whole site name what happened and the record of it: --reason and --document")
    if len(first) == 10 or len(last) == 10:
        raise Refused("an outage has instants such as 2026-10-06T07:00:00+09:00, not dates")
    check_span(first, last)
    acting = grants.authority(connection, by, now_ms)
    staff = [
        row
        for row in facts.as_of(connection, EMPLOYEES, now_ms, date.fromisoformat(first[:10]))
        if row["site"] == site and (not row["end_date"] or row["end_date"] >= first[:10])
    ]
    if not staff:
        raise NotFound(f"nobody works at site {site!r} on {first[:10]}")
    for agency in sorted({row["agency"] for row in staff}):
        acting.require((grants.HR, grants.HEAD), agency, f"request corrections for site {site}")
    rows = [
        {
            "employee_id": row["employee_id"],
            "date": first[:10],
            "kind": "outage",
            "from": first,
            "to": last,
            "reason": reason,
            "document": document,
            "status": REQUESTED,
        }
        for row in staff
    ]
    _refuse_held(connection, "correction", rows, now_ms)
    facts.record(connection, CORRECTIONS, rows, by=by, document=document, now_ms=now_ms)
    return [row["employee_id"] for row in staff]


def decide(
    connection: Connection,
    what: str,
    numbers: Sequence[int],
    status: str,
    *,
    by: str,
    document: str = "",
    now_ms: int,
) -> list[dict[str, Any]]:
    """Approve or reject, all of the numbers or none. Each by another than who asked, head or hr of the agency.

    NotFound and Conflict name the number; Refused what stands against it.
    """
    acting = grants.authority(connection, by, now_ms)
    held = {row["fact"]: row for row in facts.as_of(connection, KINDS[what], now_ms)}
    rows = []
    for number in numbers:
        row = held.get(number)
        if row is None:
            raise _gone(connection, what, number)
        if reason := _why_not(connection, acting, what, row):
            raise Refused(reason)
        rows.append(row)
    _record(connection, what, rows, status, by=by, document=document, now_ms=now_ms)
    return rows


def decide_document(connection: Connection, what: str, document: str, status: str, *, by: str, now_ms: int) -> Decided:
    """Decide all that waits under one document; what the officer may not decide is left, each with the reason."""
    acting = grants.authority(connection, by, now_ms)
    waiting = [
        row
        for row in facts.as_of(connection, KINDS[what], now_ms)
        if row["document"] == document and row["status"] not in DECIDED
    ]
    if not waiting:
        raise NotFound(f"no {what} waits under document {document!r}")
    reasons = [(row, _why_not(connection, acting, what, row)) for row in waiting]
    done = [row for row, reason in reasons if not reason]
    _record(connection, what, done, status, by=by, document=document, now_ms=now_ms)
    return Decided(tuple(done), tuple((row, reason) for row, reason in reasons if reason))


def withdraw(connection: Connection, what: str, number: int, *, by: str, reason: str, now_ms: int) -> None:
    """Take back what was asked, before or after its approval: the employee, or hr; the row stays, withdrawn."""
    acting = grants.authority(connection, by, now_ms)
    row = next((row for row in facts.as_of(connection, KINDS[what], now_ms) if row["fact"] == number), None)
    if row is None:
        raise _gone(connection, what, number)
    if acting.officer.employee != row["employee_id"]:
        acting.require_for((grants.HR,), row["employee_id"], f"withdraw a {what}")
    if row["status"] in (REJECTED, WITHDRAWN, "cancelled"):
        raise Conflict(f"{what} {number} is {row['status']} already")
    _record(connection, what, [row], WITHDRAWN, by=by, document=reason, now_ms=now_ms)


def listed(connection: Connection, what: str, now_ms: int, *, waiting: bool) -> list[dict[str, Any]]:
    """What waits for a decision; or every row that ever was, superseded ones too, oldest first."""
    if waiting:
        return [row for row in facts.as_of(connection, KINDS[what], now_ms) if row["status"] not in DECIDED]
    table = KINDS[what].table
    return [dict(row) for row in connection.execute(select(table).order_by(table.c.fact)).mappings()]


def check_span(first: str, last: str) -> None:
    """Refused unless both are ISO dates or both instants with offset, in order, and less than a year apart."""
    try:
        begin, end = (datetime.fromisoformat(text) for text in (first, last or first))
        known = all(len(text) == 10 or moment.tzinfo for text, moment in ((first, begin), (last or first, end)))
        ordered = timedelta(0) <= end - begin <= timedelta(days=_LONGEST_DAYS)
    except (ValueError, TypeError):
        known = ordered = False
    if not known:
        raise Refused(f"from {first!r} to {last!r}: two dates such as 2026-10-05, or two instants with their offset")
    if not ordered:
        raise Refused(f"from {first} to {last}: must go forward, and not longer than a year")


def _why_not(connection: Connection, acting: grants.Authority, what: str, row: Mapping[str, Any]) -> str:
    """Why the officer may not decide a row, '' when nothing stands against it."""
    number, employee_id = row["fact"], row["employee_id"]
    if row["status"] in DECIDED:
        return f"{what} {number} was {row['status']} by {row['recorded_by']} already"
    if acting.same_person(people.officer(connection, row["recorded_by"])):
        return f"{what} {number} was requested by {row['recorded_by']}: another officer must decide it"
    try:
        acting.refuse_own(employee_id, f"decide a {what}")
        acting.require_for((grants.HEAD, grants.HR), employee_id, f"decide a {what}")
    except Refused as refusal:
        return str(refusal)
    return ""


def _record(
    connection: Connection,
    what: str,
    rows: Sequence[Mapping[str, Any]],
    status: str,
    *,
    by: str,
    document: str,
    now_ms: int,
) -> None:
    changed = [dict(row) | {"status": status} for row in rows]
    facts.record(connection, KINDS[what], changed, by=by, document=document, now_ms=now_ms)


def _refuse_held(connection: Connection, what: str, rows: Sequence[Mapping[str, str]], now_ms: int) -> None:
    kind = KINDS[what]
    held = {tuple(row[name] for name in kind.key): row for row in facts.as_of(connection, kind, now_ms)}
    for row in rows:
        before = held.get(tuple(row[name] for name in kind.key))
        if before is not None and before["status"] not in (REJECTED, WITHDRAWN, "cancelled"):
            raise Conflict(
                f"{row['employee_id']} has this {what} already: number {before['fact']}, {before['status']}, "
                f"document {before['document'] or '—'}"
            )


def _gone(connection: Connection, what: str, number: int) -> NotFound | Conflict:
    table = KINDS[what].table
    after = connection.execute(select(table).where(table.c.supersedes == number)).mappings().first()
    if after is None:
        return NotFound(f"there is no {what} {number}; see: hadir server {what} list")
    return Conflict(f"{what} {number} was {after['status']} by {after['recorded_by']} already (now {after['fact']})")
