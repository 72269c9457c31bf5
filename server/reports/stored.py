"""The stored runs that speak for a month, as reports are written from them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from server.allowance import month as months
from server.allowance.catalogue import Words
from server.allowance.models import run_tables
from server.errors import NotFound
from server.month import steps
from server.people import service as people
from server.reports.lists import AttestedMark
from server.reports.model import Assumed, Meta, MonthReport, Note, from_tables
from server.services import Services

_TABLES = ("payments", "lines", "days", "employees")
_WIT = dt.timezone(dt.timedelta(hours=9))


def stored(connection: Connection, parts: Services, month: str, agency: str = "") -> list[MonthReport]:
    """The reports of a month as stored, an agency each, or of one. NotFound where there is no such month or agency."""
    reports: list[MonthReport] = []
    for run in months.latest_runs(connection, month, agency):
        summary = months.summary_of(connection, run["run"])
        payments, lines, days, employees = (months.table_of(connection, run["run"], name) for name in _TABLES)
        meta = meta_of(connection, parts, run, summary)
        unsigned = frozenset((row["employee_id"], row["date"]) for row in _kept(connection, run["run"], "unsigned"))
        found = _attested(connection, run, employees)
        reports += from_tables(payments, lines, days, employees, meta, Words.of(summary), unsigned, found)
    chosen = [report for report in reports if not agency or report.agency.id == agency]
    if not chosen:
        raise NotFound(f"{month} has no agency {agency!r}; there are {', '.join(_agencies(connection, month))}")
    return chosen


def _agencies(connection: Connection, month: str) -> list[str]:
    """The agencies of whom a run of the month speaks."""
    found: set[str] = set()
    for run in months.latest_runs(connection, month):
        found.update(months.table_of(connection, run["run"], "employees")["agency"].to_pylist())
    return sorted(found)


def meta_of(connection: Connection, parts: Services, run: Mapping[str, Any], summary: Mapping[str, Any]) -> Meta:
    """What every report of a stored run says; its status is where its month came to, by the last step with this run."""
    history = [row["state"] for row in steps.history(connection, run["month"]) if row["run"] == run["run"]]
    return Meta(
        month=run["month"],
        regulation=run["regulation_name"],
        regulation_version=run["regulation_version"],
        engine_version=run["engine_version"],
        input_hash=run["input_hash"],
        status=history[-1] if history else run["state"],
        government=parts.config.government,
        place=parts.config.place,
        signatories={"" if agency == "all" else agency: who for agency, who in parts.config.signatories.items()},
        notes=tuple(Note(note["id"], note["en"]) for note in months.notes_of(run)),
        known_at=dt.datetime.fromtimestamp(run["cutoff_ms"] / 1000, _WIT),
        decree=run["decree"],
        assumed=tuple(Assumed(**value) for value in summary.get("assumed", ())),
    )


def _kept(connection: Connection, run: int, name: str) -> list[dict[str, Any]]:
    """The rows of a stored run's table; none of runs that did not keep it."""
    query = select(run_tables.c.name).where(run_tables.c.run == run, run_tables.c.name == name)
    return [] if connection.execute(query).first() is None else months.table_of(connection, run, name).to_pylist()


def _attested(
    connection: Connection, run: Mapping[str, Any], employees: pa.Table
) -> Mapping[str, tuple[AttestedMark, ...]]:
    """Employee → the attested marks on which days rest, those who stand for them by the names of the cutoff."""
    rows = _kept(connection, run["run"], "attested")
    if not rows:
        return {}
    whole = people.employees(connection, run["cutoff_ms"])
    names = {row["employee_id"]: row["name"] for row in whole}
    paid = {row["employee_id"]: row for row in employees.to_pylist()}
    found: dict[str, list[AttestedMark]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["at"]):
        own = paid[row["employee_id"]]
        colleague, supervisor = (names.get(row[who], row[who]) for who in ("colleague", "supervisor"))
        mark = AttestedMark(
            own["nip"] or own["employee_id"],
            own["name"],
            row["date"],
            f"{dt.datetime.fromisoformat(row['at']):%H:%M}",
            row["entry"],
            colleague,
            supervisor,
            row["allowed"],
        )
        found[row["employee_id"]].append(mark)
    return {who: tuple(marks) for who, marks in found.items()}
