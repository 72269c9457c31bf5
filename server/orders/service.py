"""Duty orders: issued → accepted → reported with evidence → confirmed; only a confirmed one excuses."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server import facts
from server.attendance.rules import COUNTED, IGNORED
from server.errors import Conflict, NotFound, Refused
from server.orders.models import ORDERS, REPORTS, TASKS
from server.orders.papers import WITHDRAWING, check_span, meet, oddities, why_not
from server.people import grants
from server.people import service as people

ISSUED, ACCEPTED, REPORTED, CONFIRMED, CANCELLED = "issued", "accepted", "reported", "confirmed", "cancelled"
_OVER = (*COUNTED, *IGNORED)


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
) -> list[str]:
    """Issue a duty order: by the head or hr of each person's agency, to others than oneself and one's superiors.

    What is odd about it is told. Conflict for a number that is taken, or where somebody has another order at that time.
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
            if row["employee_id"] == employee_id and row["status"] not in IGNORED and meet(row, first, last):
                raise Conflict(f"{employee_id} has order {row['order_id']} from {row['from']} to {row['to']}")
    odd = oddities(connection, people_named, first, last, now_ms)
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
    return odd


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
    """The head (or hr) confirms a report: from now on the order excuses. Never one's own, nor what one reported.

    An order that somebody wants to take back is confirmed again likewise, and stays.
    """
    acting = grants.authority(connection, by, now_ms)
    acting.require_for((grants.HEAD, grants.HR), employee_id, "confirm an order")
    acting.refuse_own(employee_id, "confirm an order")
    for row in _rows(connection, order_id, employee_id, now_ms):
        if row["status"] in (REPORTED, WITHDRAWING) and (refusal := why_not(connection, acting, "order", row)):
            raise Refused(refusal)
    _step(connection, order_id, employee_id, (REPORTED, WITHDRAWING), CONFIRMED, by=by, now_ms=now_ms)


def cancel(connection: Connection, order_id: str, employee_id: str, *, reason: str, by: str, now_ms: int) -> str:
    """The head (or hr) takes the order back; the state that it has then. The rows stay.

    What was confirmed is WITHDRAWING until another officer says the same, or confirms it again.
    """
    acting = grants.authority(connection, by, now_ms)
    acting.require_for((grants.HEAD, grants.HR), employee_id, "cancel an order")
    acting.refuse_own(employee_id, "cancel an order")
    rows = _rows(connection, order_id, employee_id, now_ms)
    before, after = [ISSUED, ACCEPTED, REPORTED], CANCELLED
    if all(row["status"] in COUNTED for row in rows):
        before, after = list(COUNTED), WITHDRAWING
    elif all(row["status"] == WITHDRAWING for row in rows):
        before = [WITHDRAWING]
        if refusal := why_not(connection, acting, "order", rows[0]):
            raise Refused(refusal)
    _step(connection, order_id, employee_id, before, after, by=by, document=reason, now_ms=now_ms)
    return after


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
    rows = [row for row in facts.as_of(connection, ORDERS, now_ms) if not unfinished or row["status"] not in _OVER]
    return [
        row
        | {
            "tasks": tasks.get(row["order_id"], ""),
            "report": told.get((row["order_id"], row["employee_id"]), nothing)["text"],
            "evidence": told.get((row["order_id"], row["employee_id"]), nothing)["evidence"],
        }
        for row in people.with_names(connection, rows, now_ms)
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
    rows = _rows(connection, order_id, employee_id, now_ms)
    wrong = next((row for row in rows if row["status"] not in before), None)
    if wrong is not None:
        others = len(people_of(connection, order_id, now_ms)) > 1
        raise Conflict(
            f"order {order_id} of {employee_id} is {wrong['status'] or 'without a state'}: only what is "
            f"{' or '.join(before)} can be {after}" + ("; name another with --employee ID" if others else "")
        )
    changed = [row | {"status": after} for row in rows]
    facts.record(connection, ORDERS, changed, by=by, document=document or rows[0]["document"], now_ms=now_ms)


def _rows(connection: Connection, order_id: str, employee_id: str, now_ms: int) -> list[dict[str, Any]]:
    rows = [
        row
        for row in facts.as_of(connection, ORDERS, now_ms)
        if (row["order_id"], row["employee_id"]) == (order_id, employee_id)
    ]
    if not rows:
        raise NotFound(
            f"there is no order {order_id!r} for {employee_id!r}: name another with --employee ID; "
            "see: hadir server order list"
        )
    return rows
