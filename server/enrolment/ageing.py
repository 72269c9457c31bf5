"""Whose templates have aged: proposals to enrol people anew. Nothing replaces a template but another enrolment."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from sqlalchemy import Connection, func, select

from protocol import entry
from server.devices.models import entries
from server.enrolment.models import enrolments
from server.people import service as people

YEARS = 3.0
SPAN_MS = 60 * 86_400_000
FEWEST_MARKS = 20
WORSE_E4 = 500
"""How much the median score must have risen: as much as a second person must be farther than the first."""
_YEAR_MS = 365.25 * 86_400_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """Somebody to enrol anew. `then_e4`, `now_e4`: median scores of marks in the first and in the last sixty days,
    10⁻⁴, where there are enough of both; `reason` in words."""

    employee_id: str
    enrolment: int
    approved_ms: int
    reason: str
    then_e4: int | None = None
    now_e4: int | None = None


def proposals(connection: Connection, now_ms: int, years: float = YEARS) -> list[Proposal]:
    """Who serves and has templates older than `years`, or is matched worse than at first; by employee.

    Marks are put in time by when the server received them.
    """
    newest = select(func.max(enrolments.c.enrolment)).where(enrolments.c.state == "approved")
    columns = (enrolments.c.employee, enrolments.c.enrolment, enrolments.c.decided_ms)
    query = select(*columns).where(enrolments.c.enrolment.in_(newest.group_by(enrolments.c.employee)))
    approved = {row["employee"]: row for row in connection.execute(query).mappings()}
    serving = {row["employee_id"] for row in people.employees(connection, now_ms) if people.active(row, now_ms)}
    since = {name: int(row["decided_ms"]) for name, row in approved.items() if name in serving}
    early, late = _scores(connection, since, now_ms)
    found = []
    for employee, approved_ms in sorted(since.items()):
        then, now = _median(early.get(employee, [])), _median(late.get(employee, []))
        reasons = []
        if then is not None and now is not None and now - then >= WORSE_E4:
            reasons.append(f"marks score {now / 1e4:.2f}, at first {then / 1e4:.2f}")
        if (age := (now_ms - approved_ms) / _YEAR_MS) >= years:
            reasons.append(f"templates are {age:.1f} years old")
        if reasons:
            number = int(approved[employee]["enrolment"])
            found.append(Proposal(employee, number, approved_ms, "; ".join(reasons), then, now))
    return found


def _scores(
    connection: Connection, since: dict[str, int], now_ms: int
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Scores of the marks of each employee in the first and in the last days of their newest templates."""
    early: dict[str, list[int]] = {}
    late: dict[str, list[int]] = {}
    if not since:
        return early, late
    employees = {pseudonym: name for name, pseudonym in people.pseudonyms(connection).items() if name in since}
    query = select(entries.c.bytes, entries.c.received_ms).where(
        entries.c.kind == "presence", entries.c.quarantined == "", entries.c.received_ms >= min(since.values())
    )
    for data, received_ms in connection.execute(query.execution_options(yield_per=5000)):
        body = entry.decode(data).body
        employee = employees.get(body["person"])
        if employee is None or received_ms < since[employee]:
            continue
        if received_ms < since[employee] + SPAN_MS:
            early.setdefault(employee, []).append(body["distance_e4"])
        if received_ms >= max(now_ms - SPAN_MS, since[employee] + SPAN_MS):
            late.setdefault(employee, []).append(body["distance_e4"])
    return early, late


def _median(values: list[int]) -> int | None:
    return round(median(values)) if len(values) >= FEWEST_MARKS else None
