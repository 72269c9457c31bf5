"""Cards: the second factor of look-alikes, a QR code that is made once and kept by its hash alone."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection

from protocol import cards
from server import facts
from server.enrolment.models import CARDS
from server.errors import Conflict, NotFound, Refused
from server.people import grants
from server.people import service as people

ISSUED, REVOKED = "issued", "revoked"
_WHAT = "decide the card"


def issue(
    connection: Connection, employee_id: str, *, last: date | None, by: str, document: str, now_ms: int
) -> tuple[int, str]:
    """A new card's number and text; an earlier card of the employee ends. Only its hash is kept.

    Refused without the grant hr for the employee's agency, for oneself or a superior, and for who has left.
    """
    _refuse(grants.authority(connection, by, now_ms), employee_id)
    if not people.active(people.employee(connection, employee_id, now_ms), now_ms):
        raise Refused(f"employee {employee_id} has left")
    if last is not None and last < people.local_day(now_ms):
        raise Refused(f"the card would have expired on {last}")
    number = facts.next_number(connection, CARDS)
    text = cards.new()
    row = {"card": number, "employee_id": employee_id, "digest": cards.digest(text), "status": ISSUED}
    facts.record(connection, CARDS, [row], by=by, document=document, now_ms=now_ms, valid_to=last)
    return number, text


def revoke(connection: Connection, employee_id: str, *, by: str, document: str, now_ms: int) -> str:
    """End the employee's card; its number. Refused as for `issue`; NotFound or Conflict where there is none to end."""
    _refuse(grants.authority(connection, by, now_ms), employee_id)
    row = next((row for row in listed(connection, now_ms) if row["employee_id"] == employee_id), None)
    if row is None:
        raise NotFound(f"{employee_id} has no card; see: hadir server card list")
    if row["status"] == REVOKED:
        raise Conflict(f"card {row['card']} of {employee_id} was revoked by {row['recorded_by']} already")
    last = date.fromisoformat(row["valid_to"]) if row["valid_to"] else None
    told = row | {"status": REVOKED}
    facts.record(connection, CARDS, [told], by=by, document=document, now_ms=now_ms, valid_to=last)
    return str(row["card"])


def listed(connection: Connection, now_ms: int) -> list[dict[str, Any]]:
    """The last card of each employee who ever had one, as it stands."""
    return facts.as_of(connection, CARDS, now_ms)


def held(connection: Connection, now_ms: int) -> list[dict[str, Any]]:
    """The cards that hold, today or later."""
    today = people.local_day(now_ms).isoformat()
    rows = listed(connection, now_ms)
    return [row for row in rows if row["status"] == ISSUED and (not row["valid_to"] or today <= row["valid_to"])]


def _refuse(acting: grants.Authority, employee_id: str) -> None:
    acting.refuse_own(employee_id, _WHAT)
    acting.require_for((grants.HR,), employee_id, _WHAT)
