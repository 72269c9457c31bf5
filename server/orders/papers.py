"""Leave and corrections: requested by one, decided by another, never removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Connection, select

from server import facts
from server.attendance.rules import COUNTED, IGNORED, Excuses
from server.errors import Conflict, NotFound, Refused
from server.facts import FactKind
from server.orders.models import CORRECTIONS, LEAVE, ORDERS
from server.people import grants
from server.people import service as people
from server.people.models import EMPLOYEES

REQUESTED, APPROVED, REJECTED, WITHDRAWN = "requested", "approved", "rejected", "withdrawn"
WITHDRAWING = "withdrawing"
"""Somebody asked to take back what counts: held until another officer says."""
DECIDED = (*COUNTED, *IGNORED)
KINDS: Mapping[str, FactKind] = {"leave": LEAVE, "correction": CORRECTIONS}
OUTAGE = "outage"
_LONGEST_DAYS = 366
_MIDDLE = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Decided:
    """What a decision reached: rows that changed, and those that another officer must decide, with the reason."""

    done: tuple[Mapping[str, str], ...]
    left: tuple[tuple[Mapping[str, str], str], ...]


def request(
    connection: Connection,
    what: str,
    row: Mapping[str, str],
    excuses: Excuses | None,
    *,
    by: str,
    document: str,
    now_ms: int,
) -> list[str]:
    """Ask for a leave or a correction (`what`: a key of KINDS) with the columns of its CSV; what is odd about it.

    By the employee, or by an officer who is head or hr of the agency. Conflict where the same is held already;
    Refused for a kind that `excuses`, of the regulation if there is one, does not name.
    """
    acting = grants.authority(connection, by, now_ms)
    acting.agency_of(row["employee_id"])
    if acting.officer.employee != row["employee_id"]:
        acting.require_for((grants.HR, grants.HEAD), row["employee_id"], f"request a {what}")
    check_span(row["from"], row.get("to", ""))
    if what == "leave" and len(row["from"]) > len("2026-10-05") and not row["to"]:
        raise Refused(f"a leave that begins at {row['from']} ends at an instant too: --to")
    check_kind(what, row["kind"], excuses)
    _refuse_held(connection, what, [row], now_ms)
    odd = oddities(connection, [row["employee_id"]], row["from"], row.get("to", ""), now_ms)
    if excuses is not None and excuses.needs_document and not document:
        odd.append("names no document: the regulation counts it only with one; --document")
    asked = dict(row) | {"document": document, "status": REQUESTED}
    facts.record(connection, KINDS[what], [asked], by=by, document=document, now_ms=now_ms)
    return odd


def request_for_site(
    connection: Connection,
    site: str,
    first: str,
    last: str,
    excuses: Excuses | None,
    *,
    reason: str,
    document: str,
    by: str,
    now_ms: int,
) -> list[str]:
    """Corrections for everybody of a site whose kiosk failed from one instant to another; whose they are.

    Each waits for approval like any other. NotFound when nobody works at the site.
    """
    if not reason or not document:
        raise Refused("corrections for a whole site name what happened and the record of it: --reason and --document")
    if len(first) == 10 or len(last) == 10:
        raise Refused("an outage has instants such as 2026-10-06T07:00:00+09:00, not dates")
    check_span(first, last)
    check_kind("correction", OUTAGE, excuses)
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
            "kind": OUTAGE,
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
    if not numbers:
        raise Refused(f"say which: the numbers of hadir server {what} list, or --document and all that wait under it")
    acting = grants.authority(connection, by, now_ms)
    held = {row["fact"]: row for row in facts.as_of(connection, KINDS[what], now_ms)}
    rows = []
    for number in numbers:
        row = held.get(number)
        if row is None:
            raise _gone(connection, what, number)
        if reason := why_not(connection, acting, what, row):
            raise Refused(reason)
        rows.append(row)
    _record(connection, what, rows, status, by=by, document=document, now_ms=now_ms)
    return rows


def decide_document(connection: Connection, what: str, document: str, status: str, *, by: str, now_ms: int) -> Decided:
    """Decide all that was asked for under one document; what the officer may not decide is left, with the reason.

    NotFound when nothing waits, Refused when nothing of it is for this officer.
    """
    acting = grants.authority(connection, by, now_ms)
    waiting = [
        row
        for row in facts.as_of(connection, KINDS[what], now_ms)
        if row["document"] == document and row["status"] not in (*DECIDED, WITHDRAWING)
    ]
    if not waiting:
        raise NotFound(f"no {what} waits under document {document!r}")
    reasons = [(row, why_not(connection, acting, what, row)) for row in waiting]
    done = [row for row, reason in reasons if not reason]
    if not done:
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        raise Refused(f"nothing was decided: {reasons[0][1]}{more}")
    _record(connection, what, done, status, by=by, document=document, now_ms=now_ms)
    return Decided(tuple(done), tuple((row, reason) for row, reason in reasons if reason))


def withdraw(connection: Connection, what: str, number: int, *, by: str, reason: str, now_ms: int) -> str:
    """Take back what was asked: the employee, or hr; the state that it has then. The row stays.

    What was approved is WITHDRAWING until another officer says the same, or approves it again; but the employees
    themselves take back at once what has not begun.
    """
    acting = grants.authority(connection, by, now_ms)
    row = next((row for row in facts.as_of(connection, KINDS[what], now_ms) if row["fact"] == number), None)
    if row is None:
        raise _gone(connection, what, number)
    own = acting.officer.employee == row["employee_id"]
    if not own:
        acting.require_for((grants.HR,), row["employee_id"], f"withdraw a {what}")
    if row["status"] in IGNORED:
        raise Conflict(f"{what} {number} is {row['status']} already")
    status = WITHDRAWN
    if row["status"] == WITHDRAWING and (refusal := why_not(connection, acting, what, row)):
        raise Refused(refusal)
    if row["status"] in COUNTED and not (own and row["from"][:10] > acting.day.isoformat()):
        status = WITHDRAWING
    _record(connection, what, [row], status, by=by, document=reason, now_ms=now_ms)
    return status


def listed(connection: Connection, what: str, now_ms: int, *, waiting: bool) -> list[dict[str, Any]]:
    """What waits for a decision; or every row that ever was, superseded ones too, oldest first. Each with `name`."""
    table = KINDS[what].table
    if waiting:
        rows = [row for row in facts.as_of(connection, KINDS[what], now_ms) if row["status"] not in DECIDED]
    else:
        rows = [dict(row) for row in connection.execute(select(table).order_by(table.c.fact)).mappings()]
    return people.with_names(connection, rows, now_ms)


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


def check_kind(what: str, kind: str, excuses: Excuses | None) -> None:
    """Refused for a kind of leave or correction that the regulation does not name; without one all are taken."""
    named = kinds_of(what, excuses) if excuses else [kind]
    if kind not in named:
        raise Refused(f"{kind!r} is no kind of {what} in the regulation; there are {', '.join(named)}")


def kinds_of(what: str, excuses: Excuses) -> list[str]:
    """The kinds of leave or of corrections that a regulation names."""
    return sorted(excuses.leave if what == "leave" else excuses.corrections)


def oddities(connection: Connection, who: Collection[str], first: str, last: str, now_ms: int) -> list[str]:
    """What an officer who asks for these days of people should look at again; none of it is wrong in itself."""
    found = []
    away = _span(first, last)[0] - datetime.fromtimestamp(now_ms / 1000, _MIDDLE)
    if abs(away) > timedelta(days=_LONGEST_DAYS):
        found.append(f"begins on {first[:10]}, more than a year {'away' if away > timedelta(0) else 'ago'}")
    for what, kind in (("leave", LEAVE), ("order", ORDERS), ("correction", CORRECTIONS)):
        for row in facts.as_of(connection, kind, now_ms):
            if row["employee_id"] in who and row["status"] not in IGNORED and meet(row, first, last):
                span = row["from"] + (f" to {row['to']}" if row["to"] else "")
                found.append(f"{row['employee_id']}: overlaps {_name(what, row)}, {row['status']}, {span}")
    return found


def _name(what: str, row: Mapping[str, Any]) -> str:
    return f"{what} {row.get('order_id') or row['fact']}"


def meet(row: Mapping[str, str], first: str, last: str) -> bool:
    """Whether a leave, order or correction shares time with an interval; what cannot be read meets nothing."""
    try:
        begin, end = _span(row["from"] or row.get("date", ""), row["to"])
    except ValueError:
        return False
    other_begin, other_end = _span(first, last)
    return begin < other_end and other_begin < end


def _span(first: str, last: str) -> tuple[datetime, datetime]:
    """An interval's ends; dates are whole days of the middle zone, an instant alone is a second. Raises ValueError."""
    begin, end = (datetime.fromisoformat(text) for text in (first, last or first))
    begin, end = (moment if moment.tzinfo else moment.replace(tzinfo=_MIDDLE) for moment in (begin, end))
    return begin, end + (timedelta(days=1) if len(last or first) == 10 else timedelta(seconds=not last))


def why_not(connection: Connection, acting: grants.Authority, what: str, row: Mapping[str, Any]) -> str:
    """Why the officer may not decide a leave, order or correction, '' when nothing stands against it."""
    name, status, who = _name(what, row), row["status"], row["recorded_by"]
    if status in DECIDED:
        verb = "cancel" if what == "order" else "withdraw"
        back = f"; take it back with: hadir server {name.replace(' ', f' {verb} ', 1)}" if status in COUNTED else ""
        return f"{name} was {status} by {who} already{back}"
    if acting.same_person(people.officer(connection, who)):
        asked = "asked back" if status == WITHDRAWING else status
        return f"{name} was {asked} by {who}: another officer must decide it"
    try:
        acting.refuse_own(row["employee_id"], f"decide a {what}")
        acting.require_for((grants.HEAD, grants.HR), row["employee_id"], f"decide a {what}")
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
        if before is not None and before["status"] not in IGNORED:
            raise Conflict(
                f"{row['employee_id']} has this {what} already: number {before['fact']}, {before['status']}, "
                f"document {before['document'] or '—'}; to ask for another instead, take this one back first: "
                f"hadir server {what} withdraw {before['fact']}"
            )


def _gone(connection: Connection, what: str, number: int) -> NotFound | Conflict:
    table = KINDS[what].table
    after = connection.execute(select(table).where(table.c.supersedes == number)).mappings().first()
    if after is None:
        return NotFound(f"there is no {what} {number}; see: hadir server {what} list")
    return Conflict(f"{what} {number} was {after['status']} by {after['recorded_by']} already (now {after['fact']})")
