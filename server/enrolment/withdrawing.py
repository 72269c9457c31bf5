"""Withdrawal: an officer asks that somebody's approved templates count no more, another one destroys them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from protocol.note import Signer
from server import facts
from server.devices import manifests
from server.devices import service as devices
from server.enrolment.models import WITHDRAWALS, enrolments
from server.errors import Conflict, NotFound, Refused
from server.people import grants
from server.people import service as people

PROPOSED, APPROVED, REJECTED = "proposed", "approved", "rejected"
_WHAT = "withdraw the templates"


def propose(connection: Connection, employee_id: str, *, by: str, document: str, now_ms: int) -> int:
    """Ask that the templates of an employee be withdrawn; the number by which another officer approves it.

    Refused without the grant hr for the employee's agency, for oneself or a superior, and without a reason;
    NotFound where no templates are approved; Conflict where the same waits already.
    """
    _may_act(connection, by, employee_id, now_ms)
    if not document.strip():
        raise Refused("a withdrawal has a reason: name it with --document")
    enrolment = _newest(connection, employee_id)
    if enrolment is None:
        raise NotFound(f"employee {employee_id} has no approved templates; what waits: hadir server enrolments")
    before = next((row for row in listed(connection, now_ms) if row["enrolment"] == str(enrolment)), None)
    if before is not None and before["status"] == PROPOSED:
        raise Conflict(f"withdrawal {before['fact']} of enrolment {enrolment} waits already, by {before['filed_by']}")
    row = {"enrolment": enrolment, "employee_id": employee_id, "status": PROPOSED, "filed_by": by}
    facts.record(connection, WITHDRAWALS, [row], by=by, document=document, now_ms=now_ms)
    return next(row["fact"] for row in listed(connection, now_ms) if row["enrolment"] == str(enrolment))


def approve(connection: Connection, number: int, *, by: str, signer: Signer, now_ms: int) -> dict[str, Any]:
    """Destroy the templates, as another officer asked, and what the same employee had approved before: no older ones
    take their place. Each device gets a manifest without them. The row that was approved.

    The bytes are gone from the file once it is vacuumed too (`Database.vacuum`).
    """
    row = _waiting(connection, number, now_ms)
    acting = _may_act(connection, by, row["employee_id"], now_ms)
    if acting.same_person(people.officer(connection, row["filed_by"])):
        raise Refused(f"withdrawal {number} was asked for by {row['filed_by']}: another officer must approve it")
    newest = _newest(connection, row["employee_id"])
    if newest != int(row["enrolment"]):
        instead = f"enrolment {newest} has taken its place" if newest else "no templates are approved any more"
        raise Conflict(f"withdrawal {number} is of enrolment {row['enrolment']}: {instead}. Reject it")
    told = row | {"status": APPROVED}
    facts.record(connection, WITHDRAWALS, [told], by=by, document=row["recorded_document"], now_ms=now_ms)
    own = (enrolments.c.employee == row["employee_id"]) & (enrolments.c.state == "approved")
    connection.execute(enrolments.update().where(own), {"matrix": b"", "rows": 0, "state": "withdrawn"})
    manifests.publish(connection, devices.claimed(connection), signer, now_ms)
    manifests.forget_older(connection, now_ms)
    return row


def reject(connection: Connection, number: int, *, by: str, document: str, now_ms: int) -> None:
    """Turn a withdrawal down, or take back one's own: the templates stay."""
    row = _waiting(connection, number, now_ms)
    _may_act(connection, by, row["employee_id"], now_ms)
    told = row | {"status": REJECTED}
    facts.record(connection, WITHDRAWALS, [told], by=by, document=document, now_ms=now_ms)


def listed(connection: Connection, now_ms: int) -> list[dict[str, Any]]:
    """What was last said of each withdrawal, in order."""
    return facts.as_of(connection, WITHDRAWALS, now_ms)


def _newest(connection: Connection, employee_id: str) -> int | None:
    approved = (enrolments.c.employee == employee_id) & (enrolments.c.state == "approved")
    return connection.execute(select(func.max(enrolments.c.enrolment)).where(approved)).scalar()


def _waiting(connection: Connection, number: int, now_ms: int) -> dict[str, Any]:
    row = next((row for row in listed(connection, now_ms) if row["fact"] == number), None)
    if row is None:
        raise NotFound(f"there is no withdrawal {number}; see: hadir server withdrawal list")
    if row["status"] != PROPOSED:
        raise Conflict(f"withdrawal {number} was {row['status']} by {row['recorded_by']} already")
    return row


def _may_act(connection: Connection, by: str, employee_id: str, now_ms: int) -> grants.Authority:
    acting = grants.authority(connection, by, now_ms)
    acting.refuse_own(employee_id, _WHAT)
    acting.require_for((grants.HR,), employee_id, _WHAT)
    return acting
