"""What a clerk should look at in a month's inputs, row by row; and whose payment waits for it.

Nothing here stops the computation: what cannot be computed at all is refused when the files are read.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.catalogue import english
from server.allowance.conditions import flags
from server.allowance.inputs import COLUMNS, Inputs, moment
from server.allowance.regulation import By, Regulation
from server.allowance.tables import Rates
from server.attendance.calendar import Calendar, days_between
from server.attendance.prepare import span
from server.attendance.rules import COUNTED, IGNORED, status_of
from server.errors import RowsRefused

NIP_DIGITS = 18
FIRST_ROW = 2
"""Of the data in a file whose row 1 is the header."""
_PAPERS = ("leave", "orders", "corrections")
Spans = dict[str, list[tuple[int, int, str, int]]]
"""Employee → begin and end, Unix seconds, with table and row of each paper that covers time."""


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
    if wrong := unusable(inputs.employees, inputs.calendar, regulation):
        raise RowsRefused(wrong)
    found = Examined()
    people = {row["employee_id"]: row for row in inputs.employees.to_pylist()}
    _employees(inputs, regulation, found)
    found.problems += _marks(inputs, first, last)
    offsets = {who: inputs.calendar.offset(row["zone"], row["site"]) for who, row in people.items()}
    spans: Spans = defaultdict(list)
    for name in _PAPERS:
        found.problems += _papers(name, getattr(inputs, name), offsets, regulation, spans)
    found.problems += _overlaps(spans)
    for name in ("work", "dues"):
        found.problems += _strangers(name, getattr(inputs, name), people)
    found.problems += [
        Problem("work", place, "month", row["employee_id"], f"'{row['month']}' is not a month such as {first:%Y-%m}")
        for place, row in enumerate(inputs.work.to_pylist(), FIRST_ROW)
        if not _is_month(row["month"])
    ]
    for look in (_shifts, _twice_assigned):
        found.problems += look(inputs.calendar, people, first, last)
    found.problems += _assigned(inputs.calendar, people)
    found.problems += [Problem("calendar", None, "holidays", "", text) for text in inputs.calendar.odd()]
    order = [*COLUMNS, "calendar"]
    found.problems.sort(key=lambda problem: (order.index(problem.file), problem.row or 0))
    return found


def waiting(inputs: Inputs, regulation: Regulation) -> Mapping[str, Sequence[str]]:
    """Employee → why the payment waits for a clerk: what `examine` holds for what the employees' table says."""
    found = Examined()
    _employees(inputs, regulation, found)
    return found.held


def unusable(employees: pa.Table, calendar: Calendar, regulation: Regulation) -> list[str]:
    """Zones and amounts of employees that no month can be reckoned with, a sentence each."""
    wrong = []
    known = {f"amount:{component.id}" for component in regulation.components}
    for column in employees.column_names:
        if column.startswith("amount:") and column not in known:
            there = ", ".join(sorted(known)) or "none"
            wrong.append(f"employees: column '{column}': the regulation has no such component (there is: {there})")
    zones = employees["zone"].to_pylist()
    for place, zone in enumerate(zones, FIRST_ROW):
        try:
            calendar.offset(zone, None)
        except KeyError:
            wrong.append(f"employees: row {place}, column 'zone': '{zone}' is not WIB, WITA or WIT")
    return wrong


def _employees(inputs: Inputs, regulation: Regulation, found: Examined) -> None:
    classes = {name for component in regulation.components for name in component.amounts}
    conditions = [*(step.when for step in regulation.steps), *(gate.when for gate in regulation.gates)]
    employments = {name for when in conditions for name in when.get("employment", [])}
    asked = {flag for when in conditions for key in ("flag", "not_flag") for flag in flags(when.get(key))} - {""}
    amounts = [name for name in inputs.employees.column_names if name.startswith("amount:")]
    nips: dict[str, tuple[int, str]] = {}
    rated = dict.fromkeys(
        (step.by.attribute, step.by.until, _rated(step.by), tuple(step.when.get("employment", ())))
        for step in regulation.steps
        if step.by.attribute
    )
    for place, row in enumerate(inputs.employees.to_pylist(), FIRST_ROW):
        who, nip = row["employee_id"], row["nip"]

        def tell(column: str, message: str, who: str = who, place: int = place) -> None:
            found.problems.append(Problem("employees", place, column, who, message))

        if odd := _odd(who):
            tell("employee_id", f"{odd}: somebody else wherever it is written otherwise")
        nip = re.sub(r"[\s.-]", "", nip or "")
        if nip and not (nip.isascii() and nip.isdigit() and len(nip) == NIP_DIGITS):
            tell("nip", f"'{row['nip']}' does not have {NIP_DIGITS} digits")
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
        for flag in sorted(set(flags(row["flags"])) - asked - {""}):
            tell("flags", f"'{flag}' is asked for by no condition of the regulation, which has {_all(asked) or 'none'}")
        if not row["start_date"] and any(
            "served_less_than_months" in when and row["employment"] in when.get("employment", [row["employment"]])
            for when in conditions
        ):
            tell("start_date", "empty, and the regulation asks for the months served: held where they matter")
        for column, until, known, whose in rated:
            value = row[column] or ""
            if (value.split(until)[0] if until else value) not in known and (not whose or row["employment"] in whose):
                shown = f"'{value}'" if value else "empty"
                tell(column, f"{shown}: the regulation has rates for {_all(known)}: held where they matter")
        if row["start_date"] and row["end_date"] and row["end_date"] < row["start_date"]:
            tell("end_date", f"{row['end_date']} is before the start, {row['start_date']}: no day is reckoned")


def _rated(by: By) -> frozenset[str]:
    """The values of the attribute that have a rate."""
    return frozenset(by.table.rates if isinstance(by.table, Rates) else by.keys.keys if by.keys else ())


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


def _papers(
    name: str, table: pa.Table, offsets: Mapping[str, int], regulation: Regulation, spans: Spans
) -> Iterator[Problem]:
    """Rows of one table, and where they overlap those in `spans`, to which they are added."""
    excuses = regulation.excuses
    kinds = {"leave": excuses.leave, "corrections": excuses.corrections}.get(name, {})
    yield from _strangers(name, table, offsets)
    for place, row in enumerate(table.to_pylist(), FIRST_ROW):
        who, status = row["employee_id"], status_of(row)
        if who not in offsets or status in IGNORED:
            continue
        if status not in COUNTED:
            yield Problem(name, place, "status", who, f"'{row['status']}' is undecided: held where it changes the pay")
        elif not row["document"] and excuses.needs_document:
            yield Problem(name, place, "document", who, "names no document: held where it changes the pay")
        kind = (row.get("kind") or "").lower()
        if kinds and kind not in kinds:
            follows = f"counts as other ({kinds['other']})" if "other" in kinds else "the payment is held"
            known = _all(set(kinds) - {"other"})
            yield Problem(name, place, "kind", who, f"'{row['kind']}' is none of {known}: {follows}")
        try:
            begin, end, by_date, mark = span(row, offsets[who], moment, is_correction=name == "corrections")
        except ValueError as cause:
            yield Problem(name, place, "from", who, f"{english(str(cause))}: the payment is held")
            continue
        day, start = row.get("date"), row.get("from")
        if day and start and start[:10] != day.isoformat():
            yield Problem(name, place, "date", who, f"{day}, but from says {start[:10]}: from counts")
        if name != "corrections" and by_date and not row["to"]:
            yield Problem(name, place, "to", who, f"empty: counts for {start} alone")
        if by_date:
            begin, end = begin * 86400 - offsets[who], (end + 1) * 86400 - offsets[who]
        if not mark:
            spans[who].append((begin, end, name, place))


def _overlaps(spans: Spans) -> Iterator[Problem]:
    for who, own in spans.items():
        own.sort()
        latest = own[0]
        for one in own[1:]:
            if one[0] < latest[1]:
                (_, _, other, row), (_, _, name, place) = sorted(
                    (latest, one), key=lambda paper: _PAPERS.index(paper[2])
                )
                where = f"row {row}" if other == name else f"{other} row {row}"
                yield Problem(name, place, "from", who, f"overlaps {where}: what both cover counts once")
            if one[1] > latest[1]:
                latest = one


def _shifts(calendar: Calendar, people: Mapping[str, Mapping[str, Any]], first: date, last: date) -> Iterator[Problem]:
    """Shifts of somebody that run into the next one, whichever that is."""
    alike: dict[tuple[int, ...], list[str]] = defaultdict(list)
    named_by = [(entry.column, frozenset(entry.values)) for entry in calendar.assignments]
    for who, row in people.items():
        alike[tuple(n for n, (column, values) in enumerate(named_by) if row[column] in values)].append(who)
    meeting: dict[str, list[str]] = defaultdict(list)
    for chosen, whose in alike.items():
        own = [calendar.assignments[n] for n in chosen]
        named = {
            day: next((one.shift for one in reversed(own) if one.first <= day <= one.last), calendar.default_shift)
            for day in days_between(first, last)
        }
        for day, after in pairwise(named):
            today, tomorrow = calendar.shift_on(named[day], day), calendar.shift_on(named[after], after)
            if today and tomorrow and today[1] > tomorrow[0] + 86400:
                meeting[f"shift {named[day]} of {day} runs into {named[after]} of {after}"] += whose
                break
    for text, whose in meeting.items():
        yield Problem("calendar", None, "shifts", whose[0], f"{_and_more(whose)}: {text}")


def _twice_assigned(
    calendar: Calendar, people: Mapping[str, Mapping[str, Any]], first: date, last: date
) -> Iterator[Problem]:
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
                yield Problem(
                    "calendar",
                    None,
                    "assignments",
                    both[0],
                    f"{_and_more(both)}: assignments {other_place + 1} ({other.shift}) and {place + 1} ({entry.shift}) "
                    f"overlap from {begin} to {end}: the later line holds",
                )


def _and_more(people: Sequence[str]) -> str:
    return people[0] + (f" and {len(people) - 1} more" if len(people) > 1 else "")


def _assigned(calendar: Calendar, people: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    for place, entry in enumerate(calendar.assignments, 1):
        known = {row[entry.column] for row in people.values()}
        for value in entry.values:
            if value not in known:
                who = value if entry.column == "employee_id" else ""
                text = f"assignment {place} ({entry.shift}): no employee has {entry.column} '{value}'"
                yield Problem("calendar", None, "assignments", who, text)


def lacking(inputs: Inputs, regulation: Regulation, first: date, last: date, today: date) -> Iterator[Problem]:
    """What concerns all: a month with days to come, without marks, or without scores that the regulation asks for."""
    month = f"{first:%Y-%m}"
    if today <= last:
        yield Problem("marks", None, "", "", f"{month} has not ended yet: days to come are reckoned as absent")
    if not len(inputs.marks):
        yield Problem("marks", None, "", "", "there are none: every working day is reckoned as absent")
    scored = {row["measure"] for row in inputs.work.to_pylist() if row["month"] == month}
    wanted = {step.by.measure: step.by for step in regulation.steps if step.by.kind == "measure"}
    for measure, by in wanted.items():
        if measure not in scored:
            held = "held" if len(inputs.work) or not by.shortfall else "paid, and what may lack is not reckoned"
            follows = {"full": "paid as of the full score", "zero": "paid as of none"}.get(by.missing, held)
            yield Problem(
                "work", None, "measure", "", f"nobody has a score for '{measure}' in {month}: everybody is {follows}"
            )
    for measure in sorted(scored - set(wanted)):
        there = _all(set(wanted)) or "none"
        yield Problem("work", None, "measure", "", f"the regulation has no measure '{measure}' (there is: {there})")


def _is_month(text: str) -> bool:
    return re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text) is not None


def _odd(name: str) -> str:
    """What makes a name another than it seems ('' for nothing): spaces around it, what is not seen, other letters."""
    if name != name.strip():
        return "has spaces around it"
    for letter in name:
        if not letter.isascii() and not unicodedata.name(letter, "").startswith("LATIN "):
            return f"has the letter U+{ord(letter):04X} ({unicodedata.name(letter, 'not to be seen').lower()})"
        if not letter.isprintable():
            return f"has the letter U+{ord(letter):04X}, which is not seen"
    return ""


def _all(names: Sequence[str] | Set[str]) -> str:
    return ", ".join(sorted(names))
