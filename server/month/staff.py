"""Whom a month is reckoned for, and which agency pays: that of the last day in the month on which they serve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, select

from server import facts
from server.allowance.models import run_tables, runs
from server.month.models import susulan
from server.month.tables import from_parquet
from server.people import posts
from server.people.models import EMPLOYEES

CLOSED = "closed"


@dataclass(frozen=True)
class Staff:
    """Employees of a month as facts, one row each, and what must be said of those who moved or are left out."""

    rows: tuple[Mapping[str, Any], ...]
    notes: tuple[Mapping[str, str], ...]


def of_month(
    connection: Connection, first: date, last: date, cutoff_ms: int, agencies: Set[str] | None, only: Set[str] | None
) -> Staff:
    """The people of the agencies (None: all) in a month, as known at the cutoff.

    Each counts as of the last day on which a fact holds and they serve: that day's agency pays the whole month.
    `only`: just these employees, whatever their agency.
    """
    versions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in facts.as_of(connection, EMPLOYEES, cutoff_ms):
        versions[row["employee_id"]].append(row)
    held_posts = posts.known(connection, cutoff_ms)
    rows, notes = [], []
    for employee_id, known in versions.items():
        held = _last_of(known, first, last)
        if held is None or (only is not None and employee_id not in only):
            continue
        if only is None and agencies is not None and held["agency"] not in agencies:
            continue
        rows.append(held)
        if note := _move(known, held, first, last):
            notes.append({"employee_id": employee_id, "what": "move", "reason": note})
        held["job_class"], told = held_posts.class_of(employee_id, held, first, last)
        notes += [{"employee_id": employee_id, "what": "post", "reason": reason} for reason in told]
    rows.sort(key=lambda row: row["fact"])
    return Staff(tuple(rows), tuple(notes))


def closed_runs(connection: Connection, month: str, before: int | None = None) -> list[Mapping[str, Any]]:
    """The locked runs of a month, oldest first; `before`: only those stored before this run."""
    query = select(runs).where(runs.c.month == month, runs.c.state == CLOSED).order_by(runs.c.run)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return [row for row in rows if before is None or row["run"] < before]


def people_of_run(connection: Connection, run: int) -> set[str]:
    """Whose month a stored run reckons."""
    query = select(run_tables.c.parquet).where(run_tables.c.run == run, run_tables.c.name == "payments")
    return set(from_parquet(connection.execute(query).scalar_one())["employee_id"].to_pylist())


def owners(connection: Connection, month: str, before: int | None = None) -> dict[str, int]:
    """Employee → the locked run that their month belongs to, because they are in it or in a susulan of it.

    `before`: looking only at the runs stored before this one.
    """
    found: dict[str, int] = {}
    closed = [run["run"] for run in closed_runs(connection, month, before)]
    later = connection.execute(
        select(susulan.c.run, susulan.c.base).where(susulan.c.base.in_(closed)).order_by(susulan.c.run)
    )
    for run, base in [*((run, run) for run in closed), *later]:
        if before is None or run < before:
            for employee_id in people_of_run(connection, run):
                found.setdefault(employee_id, base)
    return found


def _last_of(known: Sequence[Mapping[str, Any]], first: date, last: date) -> dict[str, Any] | None:
    """The row that holds on the last day of the month on which the person serves; None when there is no such day.

    Where the facts themselves end before the month does, so does the service.
    """
    best: tuple[str, Mapping[str, Any]] | None = None
    ordered = sorted(known, key=lambda row: (row["valid_from"], row["fact"]))
    for place, row in enumerate(ordered):
        begin = max(row["valid_from"], row["start_date"], first.isoformat())
        ends = [day for day in (row["valid_to"], row["end_date"]) if day]
        ends += [_day_before(later["valid_from"]) for later in ordered[place + 1 : place + 2]]
        end = min([last.isoformat(), *ends])
        if begin <= end and (best is None or end >= best[0]):
            best = (end, row)
    if best is None:
        return None
    end, row = best[0], dict(best[1])
    if end < last.isoformat():
        row["end_date"] = end
    return row


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def _move(known: Sequence[Mapping[str, Any]], row: Mapping[str, Any], first: date, last: date) -> str:
    """What changed within the month in what decides the pay, '' when nothing did."""
    if not first.isoformat() < row["valid_from"] <= last.isoformat():
        return ""
    before = [one for one in known if one["valid_from"] < row["valid_from"]]
    if not before:
        return ""
    old = max(before, key=lambda one: one["valid_from"])
    changed = [name for name in ("agency", "job_class", "golongan", "amounts") if old[name] != row[name]]
    if not changed:
        return ""
    told = ", ".join(f"{name} {old[name] or '—'} → {row[name] or '—'}" for name in changed)
    return f"berubah sejak {row['valid_from']}: {told}; sebulan penuh menurut keadaan terakhir, dibayar {row['agency']}"
