"""What the regulation has to say of imported rows: notes for a clerk, as the computation of a month makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

import pyarrow as pa
from sqlalchemy import Connection

from server.allowance.inputs import COLUMNS, Inputs, conform, empty
from server.allowance.problems import FIRST_ROW, Problem, examine
from server.allowance.regulation import Regulation
from server.allowance.tables import Rates
from server.allowance.values import WITHDRAWN
from server.attendance.calendar import ZONES, Calendar
from server.errors import ConfigError, NotFound
from server.month.reckoning import calendar_of
from server.people import service as people

USELESS = (("work", "month"),)
"""File and column of what nothing can follow from: the row is no row."""
_WHO = ("employee_id", "zone", "site")


def look(
    connection: Connection, tables: Mapping[str, pa.Table], regulation: Regulation, now_ms: int
) -> Iterator[Problem]:
    """What to look at in imported tables (by name, as `conform` gives them), beside all that is recorded already.

    Raises RowsRefused for zones and amounts of employees that no month could be reckoned with.
    """
    known = {name: tables.get(name, empty(name)) for name in COLUMNS}
    try:
        calendar = calendar_of(connection, now_ms, regulation)
    except (NotFound, ConfigError):
        calendar = None
    if calendar is not None:
        yield from _examined(connection, known, calendar, regulation, now_ms)
    yield from _rates(known["employees"], regulation)
    yield from _measures(known["work"], regulation)
    yield from _early(known["work"], f"{people.local_day(now_ms):%Y-%m}")


def _examined(
    connection: Connection, tables: Mapping[str, pa.Table], calendar: Calendar, regulation: Regulation, now_ms: int
) -> Iterator[Problem]:
    """What `examine` finds in the rows of the files; those of others only say in which zone they are."""
    imported = tables["employees"]
    there = set(imported["employee_id"].to_pylist())
    others = [row for row in people.employees(connection, now_ms) if row["employee_id"] not in there]
    rows = [{name: row[name] or None for name in _WHO} for row in others]
    for row in rows:
        row["zone"] = row["zone"] if row["zone"] in ZONES else None
    more = conform(pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in _WHO])), "employees", "")
    everybody = pa.concat_tables([imported, more], promote_options="default")
    day = people.local_day(now_ms)
    inputs = Inputs(**{**tables, "employees": everybody}, calendar=calendar, is_checked=True)
    found = examine(inputs, regulation, day, day).problems
    for problem in found:
        if problem.file in tables and (problem.row or 0) < FIRST_ROW + len(tables[problem.file]):
            yield problem


def _rates(employees: pa.Table, regulation: Regulation) -> Iterator[Problem]:
    """Values of golongan, PTKP, … for which a tax step has neither rate nor category."""
    for step in regulation.steps:
        by = step.by
        names = by.table.rates if isinstance(by.table, Rates) else by.keys.keys if by.keys else None
        if names is None or by.attribute not in employees.column_names:
            continue
        for place, row in enumerate(employees.to_pylist(), FIRST_ROW):
            if row["employment"] not in step.when.get("employment", [row["employment"]]):
                continue
            value = row[by.attribute] or ""
            if (value.split(by.until)[0] if by.until else value) not in names:
                told = (
                    f"'{value}' is not among {', '.join(names)} of {step.id}" if value else f"empty; {step.id} needs it"
                )
                yield Problem("employees", place, by.attribute, row["employee_id"], f"{told}: the payment is held")


def _measures(work: pa.Table, regulation: Regulation) -> Iterator[Problem]:
    """Scores of measures that no step counts, and those above what counts as all of it."""
    whole: dict[str, int] = {}
    for step in regulation.steps:
        if step.by.kind == "measure":
            whole[step.by.measure] = max(step.by.per, whole.get(step.by.measure, 0))
    for place, row in enumerate(work.to_pylist(), FIRST_ROW):
        if row["score"] == WITHDRAWN:
            continue
        measure = row["measure"]
        if measure not in whole:
            there = ", ".join(sorted(whole)) or "none"
            told = f"'{measure}' counts in no step of the regulation (there is: {there})"
            yield Problem("work", place, "measure", row["employee_id"], told)
        elif 1 < whole[measure] < Decimal(row["score"]):
            yield Problem(
                "work", place, "score", row["employee_id"], f"{row['score']} is above {whole[measure]}, all of it"
            )


def _early(work: pa.Table, month: str) -> Iterator[Problem]:
    """Scores of months that have not ended: who filed them may have meant the month before."""
    for told, rows in sorted(Counter(row["month"] for row in work.to_pylist() if row["score"] != WITHDRAWN).items()):
        if told >= month:
            yield Problem("work", None, "", "", f"{rows} scores are of {told}, which has not ended: is it that month?")
