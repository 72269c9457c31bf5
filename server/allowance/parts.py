"""A month under regulations that follow one another: which one holds on which days, and which one's steps are taken.

Each day is judged by the rules and the costs in force on it. The steps of the month (grants, caps, rounding, gates,
tax) are those of the regulation in force on its last day.
"""
# ruff: noqa: S608 (the pieces of SQL are this module's own)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb

from server.allowance.regulation import Regulation
from server.allowance.tables import DatedEvents, Events
from server.attendance.calendar import Calendar
from server.attendance.days import build_days
from server.attendance.prepare import register_calendar
from server.errors import RegulationError


@dataclass(frozen=True)
class Part:
    """The days, both included, on which a regulation holds."""

    regulation: Regulation
    first: date
    last: date


def parts_of(regulations: Sequence[Regulation], first: date, last: date) -> list[Part]:
    """The parts of a month in order. Raises RegulationError for a day under two regulations, or under none."""
    touching = sorted(
        (r for r in regulations if r.valid_from <= last and (r.valid_to is None or first <= r.valid_to)),
        key=lambda r: r.valid_from,
    )
    parts: list[Part] = []
    day = first
    for regulation in touching:
        if regulation.valid_from > day:
            break
        if parts and max(regulation.valid_from, first) < day:
            names = " and ".join(r.path.name for r in (parts[-1].regulation, regulation))
            begin = max(regulation.valid_from, first)
            raise RegulationError(f"two regulations for {begin}: {names}; end one before the other begins")
        parts.append(Part(regulation, day, min(regulation.valid_to or last, last)))
        day = parts[-1].last + timedelta(1)
    if day <= last:
        named = f"{', '.join(r.path.name for r in touching)} holds for a part only" if touching else "none is in force"
        raise RegulationError(
            f"no regulation for all of {first:%Y-%m}: {named}, and none holds on {day}; give the one that held then"
        )
    return parts


def governing(parts: Sequence[Part]) -> Regulation:
    """The regulation of the last day, its tables of costs dated by what held before.

    Raises RegulationError where the parts differ in what cannot change within a month.
    """
    last = parts[-1].regulation
    if len(parts) == 1:
        return last
    for part in parts[:-1]:
        for what, ours, theirs in (
            ("what excuses a day (excuses)", part.regulation.excuses, last.excuses),
            ("the components", _names(part.regulation), _names(last)),
        ):
            if ours != theirs:
                raise RegulationError(
                    f"{part.regulation.path.name} and {last.path.name} differ in {what}: "
                    "that cannot change within a month; let the new one begin on the first of a month"
                )
    steps = []
    for step in last.steps:
        if step.by.kind == "events":
            dated = tuple(DatedEvents(_events(part, step.id, last), part.first, part.last) for part in parts)
            step = replace(step, by=replace(step.by, dated=dated))
        steps.append(step)
    return replace(last, steps=tuple(steps))


def _names(regulation: Regulation) -> list[str]:
    return [component.id for component in regulation.components]


def _events(part: Part, step: str, last: Regulation) -> Events:
    """What the days of a part cost in a step of the governing regulation."""
    for own in part.regulation.steps:
        if own.id == step and isinstance(own.by.table, Events):
            return own.by.table
    raise RegulationError(
        f"{last.path.name}: step {step} counts the days' events, and {part.regulation.path.name} has no such step for "
        f"{part.first} to {part.last}; name it alike or begin on the first of a month"
    )


def day_records(con: duckdb.DuckDBPyConnection, calendar: Calendar, parts: Sequence[Part]) -> None:
    """The calendar's tables and `day_record`, each day by the rules of its part, from emp, mark and excuse."""
    for place, part in enumerate(parts):
        if place:
            _forget(con, ("month_day", "shift_day", "duty", "reach", "day_record"))
        register_calendar(con, calendar, part.regulation.day, part.first, part.last)
        build_days(con, part.regulation.day)
        if len(parts) > 1:
            con.execute(f"CREATE TABLE day_record_{place} AS SELECT * FROM day_record")
    if len(parts) > 1:
        _forget(con, ("month_day", "shift_day", "duty", "reach", "day_record"))
        register_calendar(con, calendar, parts[-1].regulation.day, parts[0].first, parts[-1].last)
        all_days = " UNION ALL ".join(f"SELECT * FROM day_record_{place}" for place in range(len(parts)))
        con.execute(f"CREATE TABLE day_record AS {all_days}")


def _forget(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    for name in names:
        con.execute(f"DROP TABLE {name}")
