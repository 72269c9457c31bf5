"""Attested marks: what an entry must show for two colleagues' word to count, and how many a supervisor may attest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, select

from protocol import entry
from protocol.errors import ProtocolError
from server import facts
from server.attendance.models import ATTEST_LIMITS
from server.devices.models import entries
from server.errors import Refused
from server.facts import FactKind
from server.people import grants
from server.people import service as people
from server.people.models import GRANTS, HEADS, officers

TOGETHER_MS = 60_000
"""Both own marks of those who attest lie this near before the entry, as kiosks have it."""
WITHIN_MS = 660_000
"""So long after the first try somebody may be attested, as kiosks have it: ten minutes, and one for the witnesses."""
KIND = "attested"
LIMIT = 20
"""Marks that a supervisor attests in a month, where nobody stated another number; further ones do not count."""


@dataclass(frozen=True)
class Word:
    """Whose word an attested mark rests on (employees), or `reason`: why it counts for nothing."""

    colleague: str = ""
    supervisor: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Attestors:
    """Who may attest as a supervisor, from day to day, and how many marks a month, as known at a moment."""

    spans: Mapping[str, Sequence[tuple[str, str]]]
    limits: Mapping[str, int]
    agencies: Mapping[str, str]
    parents: Mapping[str, str]

    @classmethod
    def known(cls, connection: Connection, cutoff_ms: int) -> Attestors:
        """As the server knew it at `cutoff_ms`."""
        spans: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for employee, first, last in supervisors(connection, cutoff_ms):
            spans[employee].append((first, last))
        return cls(
            spans,
            {row["agency"]: int(row["marks"]) for row in facts.as_of(connection, ATTEST_LIMITS, cutoff_ms)},
            {row["employee_id"]: row["agency"] for row in people.employees(connection, cutoff_ms)},
            grants.parents_of(connection, cutoff_ms),
        )

    def supervises(self, employee_id: str, day: str) -> bool:
        """Whether somebody was a supervisor on an ISO date."""
        return any(first <= day and (not last or day <= last) for first, last in self.spans.get(employee_id, ()))

    def limit_of(self, supervisor: str) -> int:
        """How many marks a month count: as stated for the supervisor's agency, one above it, or all."""
        above = [*grants.above_of(self.parents, self.agencies.get(supervisor, "")), ""]
        return next((self.limits[agency] for agency in above if agency in self.limits), LIMIT)


def supervisors(connection: Connection, cutoff_ms: int) -> Iterator[tuple[str, str, str]]:
    """Employee, first and last day ('' for none) of each grant `supervisor` and of each office of a head."""
    own = dict(connection.execute(select(officers.c.officer, officers.c.employee)).all())
    for row, first, last in _spans(connection, GRANTS, cutoff_ms):
        if row["role"] == grants.SUPERVISOR and own.get(row["officer"]):
            yield own[row["officer"]], first, last
    for row, first, last in _spans(connection, HEADS, cutoff_ms):
        yield row["employee_id"], first, last


def _spans(connection: Connection, kind: FactKind, cutoff_ms: int) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    """Facts with the days on which they hold: until their end, or the day before the next of their key begins."""
    held: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in facts.as_of(connection, kind, cutoff_ms):
        held[tuple(row[column] for column in kind.key)].append(row)
    for rows in held.values():
        rows.sort(key=lambda row: row["valid_from"])
        for row, after in zip(rows, [*rows[1:], None], strict=True):
            ends = [row["valid_to"]] if row["valid_to"] else []
            if after is not None:
                ends.append((date.fromisoformat(after["valid_from"]) - timedelta(days=1)).isoformat())
            yield row, row["valid_from"], min(ends, default="")


def word_of(
    connection: Connection, said: entry.Entry, employees: Mapping[str, str], known: Attestors, day: str
) -> Word:
    """On whom an attested entry of this day rests; `employees`: pseudonym to employee.

    The entries that it names are read from the same log: the first try that left the person undecided, and the own
    live marks of a colleague and of a supervisor, of the same boot.
    """
    body = said.body
    found = (named(connection, said, body[name]) for name in ("first_try", "colleague", "supervisor"))
    first, *own = (one if one and one.boot == said.boot else None for one in found)
    if first is None or first.kind != "refusal" or first.body["person"] != body["person"]:
        return Word(reason=f"entry {body['first_try']} is no try of this person")
    # A look-alike without a card was live and stays undecided all the same.
    undecided = first.body["liveness"] == "live" and first.body["decision"] == "undetermined"
    if first.body["liveness"] != "undetermined" and not undecided:
        return Word(reason=f"entry {first.seq} was not undetermined but {first.body['liveness']}")
    presented = first.body["presented_boottime_ms"]
    if presented != body["presented_boottime_ms"] or said.boottime_ms - first.boottime_ms > WITHIN_MS:
        return Word(reason=f"its times are not those of the try {first.seq}")
    for what, mark in zip(("colleague", "supervisor"), own, strict=True):
        if mark is None or mark.kind != "presence" or mark.body["liveness"] != "live":
            return Word(reason=f"entry {body[what]} is no live mark of a {what}")
        if mark.body["source"] != body["source"]:
            return Word(reason=f"the mark of the {what} is of another camera")
        if said.boottime_ms - mark.boottime_ms > TOGETHER_MS:
            return Word(reason=f"the mark of the {what} is more than a minute older")
    witnesses = [mark.body["person"] for mark in own if mark is not None]
    colleague, supervisor = (employees.get(person, "") for person in witnesses)
    if len({body["person"], *witnesses}) < 3 or "" in (colleague, supervisor):
        return Word(reason="person, colleague and supervisor are not three employees")
    if not known.supervises(supervisor, day):
        return Word(reason=f"{supervisor} was no supervisor on {day}")
    return Word(colleague, supervisor)


def named(connection: Connection, said: entry.Entry, seq: int) -> entry.Entry | None:
    """An entry of the same log, by its bytes alone; None where there is none that counts."""
    query = select(entries.c.bytes).where(entries.c.device == said.device, entries.c.seq == seq)
    data = connection.execute(query).scalar()
    try:
        found = None if data is None else entry.decode(data)
    except ProtocolError:
        return None
    return found if found and (found.device, found.seq) == (said.device, seq) else None


def state_limit(connection: Connection, marks: int, *, agency: str = "", by: str, document: str, now_ms: int) -> None:
    """State how many marks a supervisor of an agency and those below it attests in a month. Refused without the grant
    hr or head for the agency, and without a document."""
    acting = grants.authority(connection, by, now_ms)
    acting.require((grants.HR, grants.HEAD), agency, "state how many marks a supervisor attests")
    if marks < 0 or not document:
        raise Refused("state a number from 0, and with --document what it rests on")
    row = {"agency": agency, "marks": str(marks)}
    facts.record(connection, ATTEST_LIMITS, [row], by=by, document=document, now_ms=now_ms)
