"""Duty orders: issued → accepted → reported with evidence → confirmed; only a confirmed one excuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server import facts
from server.errors import Conflict, NotFound, Refused
from server.orders.models import ORDERS, REPORTS, TASKS
from server.orders.papers import check_span
from server.people import grants
from server.people import service as people

ISSUED, ACCEPTED, REPORTED, CONFIRMED, CANCELLED = "issued", "accepted", "reported", "confirmed", "cancelled"
_OVER = (CONFIRMED, CANCELLED, "rejected", "withdrawn")
_MIDDLE = timezone(timedelta(hours=8))


def issue(
    connection: Connection,
    order_id: str,
    employees: Sequence[str],
    *,
    first: str,
    last: str,
    place: str,
    document: str,
    tasks: str,
    by: str,
    now_ms: int,
) -> None:
    """Issue a duty order: by the head or hr of each person's agency, to others than oneself and one's superiors.

    Conflict for a number that is taken, or where somebody has another order at that time.
    """
    acting = grants.authority(connection, by, now_ms)
    if not document:
        raise Refused(f"order {order_id} names no letter: --document NUMBER")
    check_span(first, last)
    if len(first) > len("2026-10-05") and first == last:
        raise Refused(f"order {order_id} begins and ends at {first}: name both ends, or dates")
    held = facts.as_of(connection, ORDERS, now_ms)
    if any(row["order_id"] == order_id for row in held):
        raise Conflict(f"there is an order {order_id} already")
    people_named = list(dict.fromkeys(employees))
    for employee_id in people_named:
        acting.require_for((grants.HEAD, grants.HR), employee_id, "issue an order")
        acting.refuse_own(employee_id, "issue an order")
        for row in held:
            if row["employee_id"] == employee_id and row["status"] not in _OVER[1:] and _meet(row, first, last):
                raise Conflict(f"{employee_id} has order {row['order_id']} from {row['from']} to {row['to']}")
    rows = [
        {
            "order_id": order_id,
            "employee_id": employee_id,
            "from": first,
            "to": last,
            "place": place,
            "document": document,
            "status": ISSUED,
        }
        for employee_id in people_named
    ]
    facts.record(connection, ORDERS, rows, by=by, document=document, now_ms=now_ms)
    task = {"order_id": order_id, "tasks": tasks}
    facts.record(connection, TASKS, [task], by=by, document=document, now_ms=now_ms)


def accept(connection: Connection, order_id: str, employee_id: str, *, by: str, now_ms: int) -> None:
    """The employee takes the order on; or hr records it from paper."""
    acting = grants.authority(connection, by, now_ms)
    _speaks_for(acting, employee_id, "accept an order")
    _step(connection, order_id, employee_id, (ISSUED,), ACCEPTED, by=by, now_ms=now_ms)


def report(
    connection: Connection,
    order_id: str,
    employee_id: str,
    *,
    text: str,
    evidence: Sequence[Path],
    by: str,
    now_ms: int,
) -> None:
    """The employee reports what was done, with files that show it; their names and SHA-256 are kept."""
    acting = grants.authority(connection, by, now_ms)
    _speaks_for(acting, employee_id, "report on an order")
    if not evidence:
        raise Refused(f"a report on order {order_id} needs evidence: --evidence FILE")
    shown = "\n".join(f"{path.name} sha256:{sha256(path.read_bytes()).hexdigest()}" for path in evidence)
    _step(connection, order_id, employee_id, (ACCEPTED,), REPORTED, by=by, now_ms=now_ms)
    row = {"order_id": order_id, "employee_id": employee_id, "text": text, "evidence": shown}
    facts.record(connection, REPORTS, [row], by=by, document=order_id, now_ms=now_ms)


def confirm(connection: Connection, order_id: str, employee_id: str, *, by: str, now_ms: int) -> None:
    """The head (or hr) confirms a report: from now on the order excuses. Never one's own, nor what one reported."""
    acting = grants.authority(connection, by, now_ms)
    acting.require_for((grants.HEAD, grants.HR), employee_id, "confirm an order")
    acting.refuse_own(employee_id, "confirm an order")
    told = facts.as_of(connection, REPORTS, now_ms)
    for row in told:
        if (row["order_id"], row["employee_id"]) == (order_id, employee_id) and acting.same_person(
            people.officer(connection, row["recorded_by"])
        ):
            raise Refused(f"{by} recorded the report on order {order_id}: another officer must confirm it")
    _step(connection, order_id, employee_id, (REPORTED,), CONFIRMED, by=by, now_ms=now_ms)


def cancel(connection: Connection, order_id: str, employee_id: str, *, reason: str, by: str, now_ms: int) -> None:
    """The head (or hr) takes the order back, in whatever state it is; the rows stay."""
    acting = grants.authority(connection, by, now_ms)
    acting.require_for((grants.HEAD, grants.HR), employee_id, "cancel an order")
    acting.refuse_own(employee_id, "cancel an order")
    states = (ISSUED, ACCEPTED, REPORTED, CONFIRMED)
    _step(connection, order_id, employee_id, states, CANCELLED, by=by, document=reason, now_ms=now_ms)


def people_of(connection: Connection, order_id: str, now_ms: int) -> list[str]:
    """Whom an order names; NotFound when there is none of this number."""
    found = [row["employee_id"] for row in facts.as_of(connection, ORDERS, now_ms) if row["order_id"] == order_id]
    if not found:
        raise NotFound(f"there is no order {order_id!r}; see: hadir server order list")
    return list(dict.fromkeys(found))


def listed(connection: Connection, now_ms: int, *, unfinished: bool) -> list[dict[str, Any]]:
    """Orders with what they ask for and what was reported; only those that wait, or all."""
    tasks = {row["order_id"]: row["tasks"] for row in facts.as_of(connection, TASKS, now_ms)}
    told = {(row["order_id"], row["employee_id"]): row for row in facts.as_of(connection, REPORTS, now_ms)}
    nothing = {"text": "", "evidence": ""}
    return [
        row
        | {
            "tasks": tasks.get(row["order_id"], ""),
            "report": told.get((row["order_id"], row["employee_id"]), nothing)["text"],
            "evidence": told.get((row["order_id"], row["employee_id"]), nothing)["evidence"],
        }
        for row in facts.as_of(connection, ORDERS, now_ms)
        if not unfinished or row["status"] not in _OVER
    ]


def _speaks_for(acting: grants.Authority, employee_id: str, what: str) -> None:
    acting.agency_of(employee_id)
    if acting.officer.employee != employee_id:
        acting.require_for((grants.HR,), employee_id, what)


def _step(
    connection: Connection,
    order_id: str,
    employee_id: str,
    before: Sequence[str],
    after: str,
    *,
    by: str,
    document: str = "",
    now_ms: int,
) -> None:
    rows = [
        row
        for row in facts.as_of(connection, ORDERS, now_ms)
        if (row["order_id"], row["employee_id"]) == (order_id, employee_id)
    ]
    if not rows:
        raise NotFound(f"there is no order {order_id!r} for {employee_id!r}; see: hadir server order list")
    wrong = next((row for row in rows if row["status"] not in before), None)
    if wrong is not None:
        raise Conflict(
            f"order {order_id} of {employee_id} is {wrong['status'] or 'without a state'}: only what is "
            f"{' or '.join(before)} can be {after}"
        )
    changed = [row | {"status": after} for row in rows]
    facts.record(connection, ORDERS, changed, by=by, document=document or rows[0]["document"], now_ms=now_ms)


def _meet(row: Mapping[str, str], first: str, last: str) -> bool:
    begin, end = _span(row["from"], row["to"])
    other_begin, other_end = _span(first, last)
    return begin < other_end and other_begin < end


def _span(first: str, last: str) -> tuple[datetime, datetime]:
    """An interval's ends; dates are whole days of the middle zone."""
    begin, end = (datetime.fromisoformat(text) for text in (first, last or first))
    end = end + timedelta(days=1) if len(last or first) == 10 else end
    return tuple(moment if moment.tzinfo else moment.replace(tzinfo=_MIDDLE) for moment in (begin, end))  # type: ignore[return-value]
