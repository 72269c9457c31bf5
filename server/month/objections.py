"""Objections of employees against a draft: filed until the deadline, answered by another, held until then."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from server import facts
from server.errors import Conflict, NotFound, Refused
from server.month import steps
from server.month.models import OBJECTIONS
from server.month.reckoning import FILED
from server.people import grants
from server.people import service as people

ACCEPTED, REJECTED = "accepted", "rejected"


def file(
    connection: Connection, month: str, employee_id: str, *, date: str = "", text: str, by: str, now_ms: int
) -> str:
    """File an objection, by the employee or, from paper, by an officer with the grant hr or head; its number.

    Refused when no review is open or its deadline has passed: what comes later is a matter of corrections and susulan.
    """
    acting = grants.authority(connection, by, now_ms)
    agency = acting.agency_of(employee_id)
    if acting.officer.employee != employee_id:
        acting.require_for((grants.HR, grants.HEAD), employee_id, "file an objection")
    if not text.strip():
        raise Refused("an objection says what is wrong: --text TEXT")
    if date and date[:7] != month:
        raise Refused(f"{date} is no day of {month}")
    own, common = steps.standing(connection, month, agency), steps.standing(connection, month, "")
    standing = next((one for one in (own, common) if one and one["state"] == steps.REVIEW), own or common)
    if standing is None or standing["state"] != steps.REVIEW:
        state = standing["state"] if standing else "not begun"
        raise Refused(f"{month} of {agency} is {state}, not under review: ask for a correction instead")
    if now_ms > standing["objections_until_ms"]:
        raise Refused(
            f"objections to {month} of {agency} were possible until its deadline: ask for a correction instead"
        )
    number = str(1 + max((int(row["objection"]) for row in _all(connection, now_ms)), default=0))
    row = {
        "objection": number,
        "month": month,
        "employee_id": employee_id,
        "date": date,
        "text": text,
        "status": FILED,
        "answer": "",
    }
    facts.record(connection, OBJECTIONS, [row], by=by, document="", now_ms=now_ms)
    return number


def answer(connection: Connection, number: str, *, accept: bool, text: str, by: str, now_ms: int) -> None:
    """Answer an objection: head or hr of the agency, never one's own, one's superior's, or one that one filed.

    Accepting changes no figure by itself: the correction that it needs is a fact of its own, with its own approval.
    """
    acting = grants.authority(connection, by, now_ms)
    row = next((row for row in _all(connection, now_ms) if row["objection"] == number), None)
    if row is None:
        raise NotFound(f"there is no objection {number}; see: hadir server objection list")
    if row["status"] != FILED:
        raise Conflict(f"objection {number} was {row['status']} by {row['recorded_by']} already")
    if not text.strip():
        raise Refused("an answer says why: --text TEXT")
    acting.require_for((grants.HEAD, grants.HR), row["employee_id"], "answer an objection")
    acting.refuse_own(row["employee_id"], "answer an objection")
    if acting.same_person(people.officer(connection, row["recorded_by"])):
        raise Refused(f"{by} filed objection {number}: another officer must answer it")
    changed = dict(row) | {"status": ACCEPTED if accept else REJECTED, "answer": text}
    facts.record(connection, OBJECTIONS, [changed], by=by, document="", now_ms=now_ms)


def listed(connection: Connection, now_ms: int, month: str = "") -> list[dict[str, Any]]:
    """All objections (of a month), answered ones too."""
    return [row for row in _all(connection, now_ms) if not month or row["month"] == month]


def _all(connection: Connection, now_ms: int) -> list[dict[str, Any]]:
    return facts.as_of(connection, OBJECTIONS, now_ms)
