"""What a clerk should look at in a month's inputs, row by row; and whose payment waits for it.

Nothing here stops the computation: what cannot be computed at all is refused when the files are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.catalogue import english
from server.allowance.inputs import COLUMNS, Inputs, moment
from server.allowance.regulation import Regulation
from server.attendance.calendar import Calendar, days_between
from server.attendance.prepare import span
from server.attendance.rules import COUNTED, IGNORED
from server.errors import RowsRefused

NIP_DIGITS = 18
FIRST_ROW = 2
"""Of the data in a file whose row 1 is the header."""
_PAPERS = ("leave", "orders", "corrections")


@dataclass(frozen=True)
class Problem:
    """One thing to look at: table, row (the header is row 1; None for all of it), column and employee, '' for none."""

    file: str
    row: int | None
    column: str
    employee_id: str
    message: str

    def row_of_report(self) -> dict[str, Any]:
        """The problem as a row of problems.csv."""
        return asdict(self)

    def __str__(self) -> str:
        place = f": row {self.row}" if self.row else ""
        column = f", column '{self.column}'" if self.column else ""
        who = f" ({self.employee_id})" if self.employee_id else ""
        return f"{self.file}{place}{column}{who}: {self.message}"


@dataclass
class Examined:
    """All problems in the order of files and rows, and why payments of people wait: employee_id → reasons."""

    problems: list[Problem] = field(default_factory=list)
    held: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def examine(inputs: Inputs, regulation: Regulation, first: date, last: date) -> Examined:
    """Look at checked inputs of a month. Raises RowsRefused for zones and amounts that cannot be computed with."""
    _refuse_unusable(inputs, regulation)
    found = Examined()
    people = {row["employee_id"]: row for row in inputs.employees.to_pylist()}
    _employees(inputs, regulation, found)
    found.problems += _marks(inputs, first, last)
    offsets = {who: inputs.calendar.offset(row["zone"], row["site"]) for who, row in people.items()}
    for name in _PAPERS:
        found.problems += _papers(name, getattr(inputs, name), offsets, regulation)
    for name in ("work", "dues"):
        found.problems += _strangers(name, getattr(inputs, name), people)
    found.problems += [
        Problem("work", place, "month", row["employee_id"], f"'{row['month']}' is not a month such as {first:%Y-%m}")
        for place, row in enumerate(inputs.work.to_pylist(), FIRST_ROW)
        if not _is_month(row["month"])
    ]
    found.problems += _shifts(inputs.calendar, people, first, last)
    order = [*COLUMNS, "calendar"]
    found.problems.sort(key=lambda problem: (order.index(problem.file), problem.row or 0))
    return found


def waiting(inputs: Inputs, regulation: Regulation) -> Mapping[str, Sequence[str]]:
    """Employee → why the payment waits for a clerk: what `examine` holds for what the employees' table says."""
    found = Examined()
    _employees(inputs, regulation, found)
    return found.held


def _refuse_unusable(inputs: Inputs, regulation: Regulation) -> None:
    wrong = []
    known = {f"amount:{component.id}" for component in regulation.components}
    for column in inputs.employees.column_names:
        if column.startswith("amount:") and column not in known:
            there = ", ".join(sorted(known)) or "none"
            wrong.append(f"employees: column '{column}': the regulation has no such component (there is: {there})")
    zones = inputs.employees["zone"].to_pylist()
    for place, zone in enumerate(zones, FIRST_ROW):
        try:
            inputs.calendar.offset(zone, None)
        except KeyError:
            wrong.append(f"employees: row {place}, column 'zone': '{zone}' is not WIB, WITA or WIT")
    if wrong:
        raise RowsRefused(wrong)


def _employees(inputs: Inputs, regulation: Regulation, found: Examined) -> None:
    classes = {name for component in regulation.components for name in component.amounts}
    conditions = [*(step.when for step in regulation.steps), *(gate.when for gate in regulation.gates)]
    employments = {name for when in conditions for name in when.get("employment", [])}
    amounts = [name for name in inputs.employees.column_names if name.startswith("amount:")]
    nips: dict[str, tuple[int, str]] = {}
    for place, row in enumerate(inputs.employees.to_pylist(), FIRST_ROW):
        who, nip = row["employee_id"], row["nip"]

        def tell(column: str, message: str, who: str = who, place: int = place) -> None:
            found.problems.append(Problem("employees", place, column, who, message))

        if nip and not (nip.isascii() and nip.isdigit() and len(nip) == NIP_DIGITS):
            tell("nip", f"'{nip}' does not have {NIP_DIGITS} digits")
        if nip and nip in nips:
            other_place, other = nips[nip]
            tell("nip", f"{nip} stands in row {other_place} ({other}) too: the payments of both are held")
            found.held[who].append(f"NIP {nip} juga dipakai {other}")
            found.held[other].append(f"NIP {nip} juga dipakai {who}")
        elif nip:
            nips[nip] = (place, who)
        if regulation.components and row["job_class"] not in classes and all(row[name] is None for name in amounts):
            shown = f"'{row['job_class']}' is no class of the regulation" if row["job_class"] else "empty"
            tell("job_class", f"{shown}, and no amount is given: the payment is held")
        if employments and row["employment"] not in employments:
            shown = f"'{row['employment']}'" if row["employment"] else "empty"
            tell("employment", f"{shown} is not among {_all(employments)} of the regulation: the payment is held")
            found.held[who].append(f"hubungan kerja {row['employment'] or 'kosong'} tidak disebut dalam peraturan")
        if row["start_date"] and row["end_date"] and row["end_date"] < row["start_date"]:
            tell("end_date", f"{row['end_date']} is before the start, {row['start_date']}: no day is reckoned")


def _marks(inputs: Inputs, first: date, last: date) -> Iterator[Problem]:
    """Marks of unknown people, before the appointment and outside the month: one line a person, with the first row."""
    marks, employees = inputs.marks, inputs.employees
    places = pc.index_in(marks["employee_id"], employees["employee_id"].combine_chunks())
    at = pc.coalesce(marks["at"], marks["at_latest"])
    yield from _each(marks, pc.is_null(places), "marks of nobody in employees: not counted")
    since = pc.coalesce(employees["start_date"], employees["appointed_date"]).combine_chunks()
    # The beginning of that day in the easternmost zone: an earlier mark was before it everywhere.
    begin = pc.subtract(since.cast(pa.timestamp("us")), pa.scalar(timedelta(hours=9))).cast(pa.int64())
    early = pc.less(at.cast(pa.int64()), begin.take(places))
    yield from _each(marks, early, "marks before the appointment: not counted")
    low, high = (
        pa.scalar(int((datetime(day.year, day.month, day.day) - datetime(1970, 1, 1)).total_seconds()) * 1_000_000)
        for day in (first - timedelta(2), last + timedelta(3))
    )
    away = pc.fill_null(pc.or_(pc.less(at.cast(pa.int64()), low), pc.greater(at.cast(pa.int64()), high)), False)
    count = pc.sum(away).as_py() or 0
    if count:
        row = pc.index(away, True).as_py() + FIRST_ROW
        yield Problem("marks", row, "at", "", f"{count} marks outside {first:%Y-%m}, this one first: not counted")


def _each(marks: pa.Table, wrong: pa.ChunkedArray, message: str) -> Iterator[Problem]:
    if not pc.any(wrong).as_py():
        return
    found: dict[str, list[int]] = defaultdict(list)
    who = marks["employee_id"]
    for place in pc.indices_nonzero(pc.fill_null(wrong, False)).to_pylist():
        found[who[place].as_py()].append(place)
    for employee, places in found.items():
        yield Problem("marks", places[0] + FIRST_ROW, "at", employee, f"{len(places)} {message}")


def _strangers(name: str, table: pa.Table, people: Mapping[str, Any]) -> Iterator[Problem]:
    for place, who in enumerate(table["employee_id"].to_pylist(), FIRST_ROW):
        if who not in people:
            yield Problem(name, place, "employee_id", who, "nobody in employees: not counted")


def _papers(name: str, table: pa.Table, offsets: Mapping[str, int], regulation: Regulation) -> Iterator[Problem]:
    spans: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    yield from _strangers(name, table, offsets)
    for place, row in enumerate(table.to_pylist(), FIRST_ROW):
        who, status = row["employee_id"], (row["status"] or "approved").lower()
        if who not in offsets or status in IGNORED:
            continue
        if status not in COUNTED:
            yield Problem(name, place, "status", who, f"'{row['status']}' is undecided: held where it changes the pay")
        elif not row["document"] and regulation.excuses.needs_document:
            yield Problem(name, place, "document", who, "names no document: held where it changes the pay")
        try:
            begin, end, by_date, mark = span(row, offsets[who], moment)
        except ValueError as cause:
            yield Problem(name, place, "from", who, f"{english(str(cause))}: the payment is held")
            continue
        if by_date:
            begin, end = begin * 86400 - offsets[who], (end + 1) * 86400 - offsets[who]
        if not mark:
            spans[who].append((begin, end, place))
    for who, own in spans.items():
        own.sort()
        latest, holder = own[0][1], own[0][2]
        for begin, end, place in own[1:]:
            if begin < latest:
                yield Problem(name, place, "from", who, f"overlaps row {holder}: what both cover counts once")
            if end > latest:
                latest, holder = end, place


def _shifts(calendar: Calendar, people: Mapping[str, Mapping[str, Any]], first: date, last: date) -> Iterator[Problem]:
    days = days_between(first, last)
    for name in sorted(calendar.shifts):
        for day, after in pairwise(days):
            today, tomorrow = calendar.shift_on(name, day), calendar.shift_on(name, after)
            if today and tomorrow and today[1] > tomorrow[0] + 86400:
                yield Problem("calendar", None, "shifts", "", f"shift {name} of {day} runs into that of {after}")
                break
    for place, entry in enumerate(calendar.assignments):
        for other_place, other in enumerate(calendar.assignments[:place]):
            begin, end = max(entry.first, other.first, first), min(entry.last, other.last, last)
            if begin > end or entry.shift == other.shift:
                continue
            both = [
                who
                for who, row in people.items()
                if row[entry.column] in entry.values and row[other.column] in other.values
            ]
            if both:
                more = f" and {len(both) - 1} more" if len(both) > 1 else ""
                yield Problem(
                    "calendar",
                    None,
                    "assignments",
                    both[0],
                    f"{both[0]}{more}: assignments {other_place + 1} ({other.shift}) and {place + 1} ({entry.shift}) "
                    f"overlap from {begin} to {end}: the later line holds",
                )


def _is_month(text: str) -> bool:
    return len(text) == 7 and text[4] == "-" and text[:4].isdigit() and text[5:].isdigit() and 1 <= int(text[5:]) <= 12


def _all(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names))
