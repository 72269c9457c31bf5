"""A month computed: day records, then the regulation's steps, to payments with a line for every rupiah."""

from __future__ import annotations

import calendar as months
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.inputs import Inputs, moment
from server.allowance.parts import Part, day_records, governing, parts_of
from server.allowance.payments import (
    FORFEITED,
    HELD,
    INELIGIBLE,
    PAYABLE,
    lines_and_days,
    payments,
    reckon,
    table_of,
    waiting,
)
from server.allowance.people import register_marks, register_people, register_scores
from server.allowance.regulation import Regulation, Step
from server.allowance.steps import Month, event_costs
from server.allowance.tables import Events
from server.allowance.undecided import Extreme, Undecided
from server.allowance.ways import Search
from server.attendance.prepare import papers, register_papers

ENGINE_VERSION = "4"
"""Rises with every change that can change a figure or a byte of the result."""


@dataclass(frozen=True)
class Result:
    """A computed month; see docs/allowance.md for the columns. Lines of an employee sum to the net exactly.

    `open`: employee_id → the ways that pay least and most, where undecided facts change the payment. `least`: payments,
    lines and days of those who are held for nothing else, in the way that pays them least, where that pays something.
    """

    payments: pa.Table
    lines: pa.Table
    days: pa.Table
    summary: dict[str, Any]
    open: Mapping[str, tuple[Extreme, Extreme]] = field(default_factory=dict)
    least: tuple[pa.Table, pa.Table, pa.Table] | None = None


def compute(
    inputs: Inputs,
    regulations: Regulation | Sequence[Regulation],
    month: str,
    held: Mapping[str, Sequence[str]] | None = None,
) -> Result:
    """Compute `month` ("2026-10") under the regulation in force, or those that follow one another in it.

    Each day is judged by the rules and costs of its day; the steps are those of the regulation of the last day.

    `held`: employee_id → reasons, known outside the regulation, for which a payment waits.
    Raises RegulationError for a day under none or several, ImportFailed for inputs that cannot be.
    """
    first, last = month_span(month)
    parts = parts_of([regulations] if isinstance(regulations, Regulation) else regulations, first, last)
    inputs = inputs.checked()
    with _database() as con:
        return _compute(con, inputs, parts, month, held or {})


def _database() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(":memory:", config=_CONFIG)
    con.execute("SET enable_progress_bar = false")
    return con


# Nothing is fetched at run time: an extension that is missing is an error, never a download.
_CONFIG: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "preserve_insertion_order": False,
    # Each thread has buffers of its own; more of them than this make a month of one city no quicker.
    "threads": min(4, os.cpu_count() or 1),
}


def month_span(month: str) -> tuple[date, date]:
    """First and last day of "2026-10". Raises ValueError for anything else, and outside the years 1970 to 2199."""
    if not re.fullmatch(r"(19[7-9]|20[0-9]|21[0-9])[0-9]-(0[1-9]|1[0-2])", month):
        raise ValueError(f"'{month}' is not a month such as 2026-10")
    first = date.fromisoformat(f"{month}-01")
    return first, first.replace(day=months.monthrange(first.year, first.month)[1])


def _compute(
    con: duckdb.DuckDBPyConnection,
    inputs: Inputs,
    parts: Sequence[Part],
    month: str,
    held: Mapping[str, Sequence[str]],
) -> Result:
    regulation, first, last = governing(parts), parts[0].first, parts[-1].last
    people = register_people(con, inputs, regulation, first, last)
    found, faults = papers(inputs.leave, inputs.orders, inputs.corrections, regulation.excuses, people.offsets, moment)
    register_papers(con, found, people.numbers)
    register_marks(con, inputs.marks, found, people)
    day_records(con, inputs.calendar, parts)
    measures = register_scores(con, inputs, month, people)
    period = Month(first, last, scored=len(inputs.work) > 0)
    reckon(con, regulation, period)
    reasons = waiting(con, regulation, period)
    outside: dict[int, list[str]] = defaultdict(list)
    for who, fault in faults:
        outside[people.numbers[who]].append(fault)
    for who, texts in held.items():
        if who in people.numbers:
            outside[people.numbers[who]] += texts
    search = Search(regulation, parts, inputs.calendar, period)
    undecided = Undecided(con, _database, search, found, list(people.offsets.values()))
    for emp in {*outside, *undecided.reasons}:
        reasons[emp] += [*undecided.reasons.get(emp, ()), *outside.get(emp, ())]
    paid = payments(con, regulation, first, reasons)
    lines, days = lines_and_days(con, regulation, period)
    table = table_of(paid)
    summary = _summary(inputs, regulation, month, table, measures) | _following(parts)
    names = {one.emp: one.employee_id for one in paid}
    opened = {names[emp]: extremes for emp, extremes in undecided.extremes.items()}
    return Result(table, lines, days, summary, opened, undecided.least(outside))


def _following(parts: Sequence[Part]) -> dict[str, Any]:
    """What the summary says of regulations that follow one another; nothing where one holds all month."""
    if len(parts) == 1:
        return {}
    rows = [
        {
            "regulation": part.regulation.id,
            "sha256": part.regulation.sha256,
            "from": part.first.isoformat(),
            "to": part.last.isoformat(),
        }
        for part in parts
    ]
    return {"parts": rows, "governs": parts[-1].regulation.id}


def _summary(
    inputs: Inputs, regulation: Regulation, month: str, payments: pa.Table, measures: frozenset[str]
) -> dict[str, Any]:
    status = payments["status"].to_pylist()
    wanted = {step.by.measure for step in regulation.steps if step.by.kind == "measure" and step.by.shortfall}
    return {
        "month": month,
        "engine": ENGINE_VERSION,
        "regulation": regulation.id,
        "regulation_name": regulation.name,
        "regulation_sha256": regulation.sha256,
        "input_sha256": inputs.sha256(),
        "regulation_source": regulation.source,
        "steps": {
            step.id: {**step.name, "share": str(step.base_fraction), **_costs(step)} for step in regulation.steps
        },
        "gates": {gate.id: gate.name for gate in regulation.gates}
        | {step.id: step.name for step in regulation.steps if step.effect},
        "employees": len(status),
        "status": {name: status.count(name) for name in (PAYABLE, HELD, INELIGIBLE, FORFEITED)},
        "totals": {name: sum(payments[name].to_pylist()) for name in ("gross", "deductions", "dues", "tax", "net")},
        "payable_net": sum(
            net for net, state in zip(payments["net"].to_pylist(), status, strict=True) if state == PAYABLE
        ),
        "marks_of_unknown_people": _strangers(inputs),
        "measures_without_scores": sorted(wanted - measures),
        "assumed": [
            {"file": a.file, "line": a.line, "key": a.key, "article": a.article} for a in regulation.assumed_values()
        ],
    }


def _costs(step: Step) -> dict[str, Any]:
    """What each kind of event costs in a step that counts them, as shares of its base; nothing for other steps."""
    if step.by.kind != "events":
        return {}
    tables = [step.by.table, *(dated.table for dated in step.by.dated)]
    costs: dict[str, set[Fraction]] = defaultdict(set)
    for table in tables:
        for kind, _, _, cost in event_costs(table) if isinstance(table, Events) else ():
            costs[kind].add(cost * step.base_fraction * step.fraction)
    return {"costs": {kind: [str(share) for share in sorted(shares - {0})] for kind, shares in costs.items()}}


def _strangers(inputs: Inputs) -> int:
    known = pc.is_in(inputs.marks["employee_id"], inputs.employees["employee_id"].combine_chunks())
    return len(inputs.marks) - int(pc.sum(known).as_py() or 0)
