"""Alternative prompts: for people who cannot blink or turn, filed by an officer and approved by another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection

from protocol.roster import PROMPTS, TURNS
from server import facts
from server.enrolment.models import PROMPT_SETS
from server.errors import Conflict, NotFound, Refused
from server.people import grants
from server.people import service as people

PROPOSED, APPROVED, REJECTED = "proposed", "approved", "rejected"
_WHAT = "decide the prompts"


def file(
    connection: Connection,
    employee_id: str,
    prompts: Sequence[str],
    *,
    first: date,
    last: date | None,
    by: str,
    document: str,
    now_ms: int,
) -> int:
    """File what an employee is asked between two days; the number by which another officer approves it.

    `prompts`: two or more of PROMPTS, of which one is a turn, by which depth is seen; none where no turn is possible:
    the employee is then attested by colleagues. Refused without the grant hr for the employee's agency, for oneself
    or a superior, and without a document.
    """
    acting = grants.authority(connection, by, now_ms)
    _refuse(acting, employee_id)
    if not document:
        raise Refused("alternative prompts rest on something: name it with --document")
    if unknown := set(prompts) - set(PROMPTS):
        raise Refused(f"{sorted(unknown)[0]!r} is no prompt; there are {', '.join(PROMPTS)}")
    if prompts and (len(set(prompts)) < 2 or not set(prompts) & set(TURNS)):
        raise Refused(
            f"a set has two prompts or more, one of them {' or '.join(TURNS)}: without a turn depth is not seen. "
            "For whoever cannot turn: --prompts none, and colleagues attest"
        )
    if last is not None and last < first:
        raise Refused(f"the prompts would end on {last}, before they begin on {first}")
    number = facts.next_number(connection, PROMPT_SETS)
    row = {"prompt_set": number, "employee_id": employee_id, "prompts": " ".join(sorted(set(prompts)))}
    row |= {"status": PROPOSED, "filed_by": by}
    facts.record(
        connection, PROMPT_SETS, [row], by=by, document=document, now_ms=now_ms, valid_from=first, valid_to=last
    )
    return number


def approve(connection: Connection, number: int, *, by: str, now_ms: int) -> Mapping[str, Any]:
    """Let a set hold, and be sent to the kiosks; by another officer than who filed it."""
    row, acting = _held(connection, number, now_ms), grants.authority(connection, by, now_ms)
    if row["status"] != PROPOSED:
        raise Conflict(f"prompts {number} were {row['status']} by {row['recorded_by']} already")
    if acting.same_person(people.officer(connection, row["filed_by"])):
        raise Refused(f"prompts {number} were filed by {row['filed_by']}: another officer must approve them")
    _refuse(acting, row["employee_id"])
    _record(connection, row | {"status": APPROVED}, by=by, document=row["recorded_document"], now_ms=now_ms)
    return row


def reject(connection: Connection, number: int, *, by: str, document: str, now_ms: int) -> None:
    """Turn a set down, or take one back that holds: from then on the employee is asked like everybody."""
    row = _held(connection, number, now_ms)
    _refuse(grants.authority(connection, by, now_ms), row["employee_id"])
    if row["status"] == REJECTED:
        raise Conflict(f"prompts {number} were rejected by {row['recorded_by']} already")
    _record(connection, row | {"status": REJECTED}, by=by, document=document, now_ms=now_ms)


def listed(connection: Connection, now_ms: int) -> list[dict[str, Any]]:
    """All sets that were ever filed, as they stand now."""
    return facts.as_of(connection, PROMPT_SETS, now_ms)


def _held(connection: Connection, number: int, now_ms: int) -> dict[str, Any]:
    found = next((row for row in listed(connection, now_ms) if row["prompt_set"] == str(number)), None)
    if found is None:
        raise NotFound(f"there are no prompts {number}; see: hadir server prompts list")
    return found


def _record(connection: Connection, row: Mapping[str, Any], *, by: str, document: str, now_ms: int) -> None:
    first, last = (date.fromisoformat(row[name]) if row[name] else None for name in ("valid_from", "valid_to"))
    facts.record(
        connection, PROMPT_SETS, [row], by=by, document=document, now_ms=now_ms, valid_from=first, valid_to=last
    )


def _refuse(acting: grants.Authority, employee_id: str) -> None:
    acting.refuse_own(employee_id, _WHAT)
    acting.require_for((grants.HR,), employee_id, _WHAT)
