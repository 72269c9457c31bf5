"""Regulation tests that a jurist can read: YAML cases with facts and what must come out, run against a regulation.

A case says what was unusual; on every other working day its employee marks at the start and at the end of the shift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from server.allowance.compute import Result, compute, month_span
from server.allowance.inputs import AMOUNT, COLUMNS, Inputs
from server.allowance.regulation import Regulation, load
from server.attendance import document
from server.attendance.calendar import Calendar, days_between
from server.attendance.document import Document
from server.errors import ImportFailed, RegulationError

MONEY = ("gross", "deductions", "dues", "tax", "net")

_DATE = r"^\d{4}-\d{2}-\d{2}$"
_TIME = {"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2})?$"}
_MARK = {"oneOf": [_TIME, {"type": "array", "items": _TIME, "minItems": 2, "maxItems": 2}]}
_ROWS = {"type": "array", "items": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}}
_FACTS: dict[str, Any] = {
    "employee": {"type": "object", "additionalProperties": {"type": ["string", "integer", "null"]}},
    "amounts": {"type": "object", "additionalProperties": {"type": "integer"}},
    "days": {
        "type": "object",
        "patternProperties": {_DATE: {"oneOf": [{"const": "absent"}, {"type": "array", "items": _MARK}]}},
        "additionalProperties": False,
    },
    "leave": _ROWS,
    "orders": _ROWS,
    "corrections": _ROWS,
    "work": {"type": "object", "additionalProperties": {"type": ["integer", "string"]}},
    "dues": {"type": "object", "additionalProperties": {"type": "integer"}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["regulation", "month", "cases"],
    "properties": {
        "regulation": {"type": "string"},
        "calendar": {"type": "string"},
        "month": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
        "defaults": {"type": "object", "additionalProperties": False, "properties": _FACTS},
        "cases": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "expect"],
                "properties": {
                    "name": {"type": "string"},
                    "source": {"type": "string"},
                    **_FACTS,
                    "expect": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": False,
                        "properties": {
                            **{name: {"type": "integer"} for name in MONEY},
                            "status": {"enum": ["payable", "held", "ineligible", "forfeited"]},
                            "reason": {"type": "string"},
                            "days": {"type": "object", "additionalProperties": {"type": "string"}},
                            "late": {"type": "object", "additionalProperties": {"type": "integer"}},
                            "early": {"type": "object", "additionalProperties": {"type": "integer"}},
                        },
                    },
                },
            },
        },
    },
}


@dataclass(frozen=True)
class Outcome:
    """A case as it came out: where it stands, and what differs (nothing when it passes)."""

    file: str
    line: int
    name: str
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything expected came out."""
        return not self.differences


@dataclass(frozen=True)
class Casebook:
    """A file of cases, its regulation, and the inputs in which each case is one employee."""

    source: Document
    regulation: Regulation
    inputs: Inputs
    month: str


def run_tests(path: Path | str) -> list[Outcome]:
    """Run the cases of a file, or of every *.yaml of a directory. Raises RegulationError for a file that cannot run."""
    where = Path(path)
    files = sorted(where.glob("*.yaml")) if where.is_dir() else [where]
    return [outcome for file in files for outcome in run(read(file))]


def read(path: Path, regulation: Regulation | None = None) -> Casebook:
    """Read a file of cases; `regulation` replaces the one that it names."""
    source = document.read(path, RegulationError, "regulation")
    source.check(SCHEMA)
    value = source.value
    regulation = regulation or load(path.parent / value["regulation"])
    calendar = Calendar.load(path.parent / value["calendar"]) if "calendar" in value else regulation.calendar
    if calendar is None:
        raise source.refuse(("regulation",), "names no calendar; name one here")
    try:
        first, last = month_span(value["month"])
    except ValueError as cause:
        raise source.refuse(("month",), str(cause)) from None
    components = {component.id for component in regulation.components}
    within = {day.isoformat() for day in days_between(first, last)}
    told = {("defaults",): value.get("defaults", {})} | {("cases", n): case for n, case in enumerate(value["cases"])}
    for keys, facts in told.items():
        for day in facts.get("days", {}):
            if day not in within:
                raise source.refuse((*keys, "days", day), f"is no day of {value['month']}")
        for name in facts.get("amounts", {}):
            if name not in components:
                raise source.refuse((*keys, "amounts", name), f"is not one of the components of {regulation.id}")
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    for place, case in enumerate(value["cases"]):
        facts = {**value.get("defaults", {}), **case}
        for table, row in _rows(f"case {place + 1:03d}", facts, calendar, value["month"], first, last):
            rows[table].append(row)
    tables = {name: _table(source, name, rows[name]) for name in COLUMNS}
    try:
        return Casebook(source, regulation, Inputs(**tables, calendar=calendar).checked(), value["month"])
    except ImportFailed as cause:
        raise source.refuse(("cases",), str(cause)) from None


def run(book: Casebook) -> list[Outcome]:
    """Compute the month and compare each case with what it expects."""
    result = compute(book.inputs, book.regulation, book.month)
    payments = {row["employee_id"]: row for row in result.payments.to_pylist()}
    outcomes = []
    for place, case in enumerate(book.source.value["cases"]):
        who = f"case {place + 1:03d}"
        differences = tuple(_differences(case["expect"], payments[who], result, who))
        line = book.source.lines["cases", place]
        outcomes.append(Outcome(str(book.source.path), line, case["name"], differences))
    return outcomes


def _differences(expect: dict[str, Any], payment: dict[str, Any], result: Result, who: str) -> Iterator[str]:
    for key in (*MONEY, "status"):
        if key in expect and payment[key] != expect[key]:
            yield f"{key}: expected {expect[key]}, computed {payment[key]}"
    if expect.get("reason", "") not in payment["reason"]:
        yield f"reason: expected '{expect['reason']}', computed '{payment['reason']}'"
    columns = {"days": "code", "late": "late_s", "early": "early_s"}
    if not columns.keys() & expect.keys():
        return
    days = {row["date"].isoformat(): row for row in result.days.to_pylist() if row["employee_id"] == who}
    for key, column in columns.items():
        for day, wanted in expect.get(key, {}).items():
            found = days[day][column] if day in days else "no such day"
            if found != wanted:
                yield f"{day} {column}: expected {wanted}, computed {found}"


def _table(source: Document, name: str, rows: list[dict[str, Any]]) -> pa.Table:
    known = {column for row in rows for column in row}
    kinds = {**COLUMNS[name], **{column: pa.int64() for column in known if column.startswith(AMOUNT)}}
    strange = sorted(known - set(kinds))
    if strange:
        raise source.refuse(("cases",), f"{name} has no column '{strange[0]}'; it has {', '.join(COLUMNS[name])}")
    columns = {}
    for column, kind in kinds.items():
        values = [row.get(column) for row in rows]
        if not pa.types.is_timestamp(kind):
            # As in a file: what is no number or date is told when the facts are checked.
            values, kind = [None if value is None else str(value) for value in values], pa.string()
        columns[column] = pa.array(values, kind)
    return pa.table(columns)


def _rows(
    who: str, facts: dict[str, Any], calendar: Calendar, month: str, first: date, last: date
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one case's employee."""
    employee = {"employee_id": who, **facts.get("employee", {})}
    yield "employees", {**employee, **{f"{AMOUNT}{name}": rupiah for name, rupiah in facts.get("amounts", {}).items()}}
    offset = calendar.offset(employee.get("zone"), employee.get("site"))
    for day in days_between(first, last):
        span = calendar.shift_on(calendar.default_shift, day)
        usual = [] if span is None else [_clock(second) for second in span]
        marks = facts.get("days", {}).get(day.isoformat(), usual)
        for mark in [] if marks == "absent" else marks:
            low, high = (mark, mark) if isinstance(mark, str) else mark
            instants = [_instant(day, text, offset) for text in (low, high)]
            row = {"employee_id": who, "at": instants[0], "source": "kiosk"}
            if low != high:
                row = {**row, "at": None, "at_earliest": instants[0], "at_latest": instants[1]}
            yield "marks", row
    for table in ("leave", "orders", "corrections"):
        for row in facts.get(table, []):
            yield table, {"employee_id": who, **row}
    for measure, score in facts.get("work", {}).items():
        yield "work", {"employee_id": who, "month": month, "measure": measure, "score": score}
    for kind, rupiah in facts.get("dues", {}).items():
        yield "dues", {"employee_id": who, "kind": kind, "rupiah": rupiah}


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _instant(day: date, text: str, offset: int) -> datetime:
    """The UTC instant of a local time; hours from 24 on are those of the next day."""
    hour, minute, second = [int(part) for part in f"{text}:00".split(":")[:3]]
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(hours=hour, minutes=minute, seconds=second - offset)
