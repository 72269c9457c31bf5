"""The close of a month: facts and events as known at a moment, computed, stored with what they were computed from."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from sqlalchemy import Connection, delete, select

from server import facts
from server.allowance import inputs as engine_inputs
from server.allowance import regulation as regulations
from server.allowance.compute import HELD, PAYABLE, Result, compute, month_span
from server.allowance.inputs import COLUMNS, Inputs
from server.allowance.models import CALENDARS, DUES, WORK, run_tables, runs
from server.allowance.regulation import Regulation
from server.attendance import events
from server.attendance.calendar import Calendar
from server.errors import ConfigError, Conflict, NotFound, Refused
from server.facts import FactKind
from server.orders.models import CORRECTIONS, LEAVE, ORDERS
from server.people import service as people
from server.people.models import EMPLOYEES
from server.services import Services
from server.transparency import service as transparency

DRAFT, CLOSED = "draft", "closed"
_WIB = timedelta(hours=7)
_DAY = timedelta(days=1)
_UNRESOLVED = ("employee_id", "what", "reason")


@dataclass(frozen=True)
class Close:
    """What to close: `agency` '' for all; `decree`: what adopts the regulation's assumed values, '' for nothing."""

    month: str
    agency: str = ""
    decree: str = ""
    by: str = ""
    draft: bool = False


@dataclass(frozen=True)
class Closed:
    """A stored run. `unresolved`: rows of `employee_id`, `what`, `reason` that wait for a person."""

    run: int
    state: str
    result: Result
    unresolved: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...]


def close(parts: Services, order: Close) -> Closed:
    """Compute a month and store it; nothing is stored when it raises.

    Refused for a month not ended or with assumed values and no decree, unless it is a draft; Conflict for one that
    is closed already; ConfigError or NotFound for what is missing.
    """
    try:
        first, last = month_span(order.month)
    except ValueError as error:
        raise Refused(str(error)) from error
    now_ms = parts.clock.now_ms()
    if parts.config.regulation is None:
        raise ConfigError("the configuration names no regulation: add regulation: FILE.yaml")
    regulation = regulations.load(parts.config.regulation)
    if not order.draft:
        _may_close(order, regulation, last, now_ms)
    with parts.database.read() as connection:
        if not order.draft:
            people.officer(connection, order.by)
            _refuse_closed(connection, order)
        transparency.check_stored(connection)
        gathered, found = _gather(connection, order, first, last, now_ms, regulation)
    result, unresolved = _hold_undated(compute(gathered, regulation, order.month), found)
    notes = _notes(parts, order, regulation, found)
    state = DRAFT if order.draft else CLOSED
    row = {
        "month": order.month,
        "agency": order.agency,
        "state": state,
        "cutoff_ms": now_ms,
        "made_by": order.by,
        "decree": order.decree,
        "server_clock": parts.clock.kind,
        "input_hash": result.summary["input_sha256"],
        "regulation_hash": regulation.sha256,
        "regulation_name": regulation.name,
        "regulation_version": f"{regulation.id}, {regulation.valid_from.isoformat()}",
        "engine_version": result.summary["engine"],
        "notes": json.dumps(notes, ensure_ascii=False),
    }
    columns = {name: pa.array([item[name] for item in unresolved], pa.string()) for name in _UNRESOLVED}
    tables = {
        "payments": result.payments,
        "lines": result.lines,
        "days": result.days,
        "employees": gathered.employees,
        "unresolved": pa.table(columns),
        "summary": pa.table({"json": [json.dumps(result.summary, ensure_ascii=False, sort_keys=True)]}),
    }
    with parts.database.write() as connection:
        if not order.draft:
            _refuse_closed(connection, order)
        _forget_drafts(connection, order)
        number = int(connection.execute(runs.insert().returning(runs.c.run), row).scalar_one())
        stored = [{"run": number, "name": name, "parquet": _parquet(table)} for name, table in tables.items()]
        connection.execute(run_tables.insert(), stored)
    return Closed(number, state, result, tuple(unresolved), tuple(notes))


def latest_runs(connection: Connection, month: str, agency: str = "") -> list[Mapping[str, Any]]:
    """The runs that speak for a month: all closed ones, or else the newest draft. NotFound when there is none."""
    query = select(runs).where(runs.c.month == month).order_by(runs.c.run)
    rows: list[Mapping[str, Any]] = [dict(row) for row in connection.execute(query).mappings()]
    if agency:
        rows = [row for row in rows if row["agency"] in ("", agency)]
    closed = [row for row in rows if row["state"] == CLOSED]
    if not rows:
        raise NotFound(f"{month} was not computed yet; run: hadir server close {month} --draft")
    return closed or rows[-1:]


def table_of(connection: Connection, run: int, name: str) -> pa.Table:
    """A table of a stored run: payments, lines, days, employees, unresolved or summary."""
    query = select(run_tables.c.parquet).where(run_tables.c.run == run, run_tables.c.name == name)
    return pyarrow.parquet.read_table(io.BytesIO(connection.execute(query).scalar_one()))


def summary_of(connection: Connection, run: int) -> dict[str, Any]:
    """The summary that the engine gave of a stored run: totals, hashes, the names of steps and gates."""
    summary: dict[str, Any] = json.loads(table_of(connection, run, "summary")["json"][0].as_py())
    return summary


def notes_of(run: Mapping[str, Any]) -> tuple[str, ...]:
    """What every report of a stored run must say."""
    return tuple(json.loads(run["notes"]))


def _may_close(order: Close, regulation: Regulation, last: date, now_ms: int) -> None:
    # In the westernmost zone, where a month ends last.
    end = datetime.combine(last + _DAY, datetime.min.time(), UTC) - _WIB
    if now_ms < end.timestamp() * 1000:
        raise Refused(f"{order.month} has not ended yet: look at it with --draft")
    if not order.by:
        raise Refused("a close names the officer who does it: --by OFFICER")
    assumed = regulation.assumed_values()
    if assumed and not order.decree:
        shown = "; ".join(f"{one.file}:{one.line} {one.key}" for one in assumed[:3])
        more = f" and {len(assumed) - 3} more" if len(assumed) > 3 else ""
        raise Refused(
            f"the regulation holds values without a source (certainty A): {shown}{more}. "
            'Name the decree that adopts them: --decree "…", or look at the month with --draft'
        )


def _refuse_closed(connection: Connection, order: Close) -> None:
    query = select(runs).where(runs.c.month == order.month, runs.c.state == CLOSED)
    for row in connection.execute(query).mappings():
        if not row["agency"] or not order.agency or row["agency"] == order.agency:
            whose = f"for agency {row['agency']}" if row["agency"] else "for all agencies"
            raise Conflict(f"{order.month} was closed {whose} by {row['made_by']} (run {row['run']})")


def _forget_drafts(connection: Connection, order: Close) -> None:
    """A draft holds until the next; only what was closed is kept."""
    old = select(runs.c.run).where(runs.c.month == order.month, runs.c.agency == order.agency, runs.c.state == DRAFT)
    numbers = list(connection.execute(old).scalars())
    connection.execute(delete(run_tables).where(run_tables.c.run.in_(numbers)))
    connection.execute(delete(runs).where(runs.c.run.in_(numbers)))


def _gather(
    connection: Connection, order: Close, first: date, last: date, now_ms: int, regulation: Regulation
) -> tuple[Inputs, events.Events]:
    """All inputs of the engine, of the chosen agency's people, as known now."""
    staff = [
        row
        for row in facts.as_of(connection, EMPLOYEES, now_ms, last)
        if (not order.agency or row["agency"] == order.agency)
        and (not row["end_date"] or row["end_date"] >= first.isoformat())
        and (not row["start_date"] or row["start_date"] <= last.isoformat())
    ]
    if not staff:
        whose = f"agency {order.agency!r}" if order.agency else "any agency"
        raise NotFound(f"there are no employees of {whose} in {order.month}; import employees.csv first")
    ids = {row["employee_id"] for row in staff}

    def of(kind: FactKind, name: str, month: str = "") -> pa.Table:
        rows = [
            row
            for row in facts.as_of(connection, kind, now_ms)
            if row["employee_id"] in ids and (not month or row["month"] == month)
        ]
        return _table(rows, name)

    span = [datetime.combine(day, datetime.min.time(), UTC).timestamp() for day in (first - _DAY, last + 2 * _DAY)]
    found = events.between(connection, int(span[0] * 1000), int(span[1] * 1000), now_ms)
    found = events.Events(
        tuple(mark for mark in found.marks if mark.employee_id in ids),
        tuple(mark for mark in found.undated if mark.employee_id in ids),
        tuple(one for one in found.uncounted if one.employee_id in ids or not one.employee_id),
    )
    gathered = Inputs(
        employees=_table([people.from_columns(row) for row in staff], "employees"),
        marks=found.table(),
        leave=of(LEAVE, "leave"),
        orders=of(ORDERS, "orders"),
        corrections=of(CORRECTIONS, "corrections"),
        work=of(WORK, "work", order.month),
        dues=of(DUES, "dues"),
        calendar=_calendar(connection, now_ms, regulation),
    )
    return gathered, found


def _table(rows: Sequence[Mapping[str, Any]], name: str) -> pa.Table:
    """Rows of text as the engine's table, '' for nothing known."""
    amounts = sorted({column for row in rows for column in row if column.startswith(engine_inputs.AMOUNT)})
    columns = [*COLUMNS[name], *amounts] if name == "employees" else list(COLUMNS[name])
    texts = {column: pa.array([row.get(column) or None for row in rows], pa.string()) for column in columns}
    return engine_inputs.conform(pa.table(texts), name, f"{name} in the database")


def _calendar(connection: Connection, now_ms: int, regulation: Regulation) -> Calendar:
    held = facts.as_of(connection, CALENDARS, now_ms)
    if held:
        return Calendar.parse(held[-1]["text"])
    if regulation.calendar is not None:
        return regulation.calendar
    raise NotFound("there is no calendar; import one: hadir server import calendar.yaml --by OFFICER")


def _hold_undated(result: Result, found: events.Events) -> tuple[Result, list[dict[str, str]]]:
    """Payments that wait are listed; those of people whose marks could not be dated wait too."""
    undated: dict[str, list[str]] = defaultdict(list)
    for mark in found.undated:
        undated[mark.employee_id].append(f"{mark.device}/{mark.seq}")
    rows = result.payments.to_pylist()
    unresolved = []
    for row in rows:
        entries = undated.get(row["employee_id"], [])
        if entries and row["status"] in (PAYABLE, HELD):
            reason = f"waktu rekaman belum pasti: {', '.join(entries)}"
            row["reason"] = "; ".join(part for part in (row["reason"], reason) if part)
            row["status"] = HELD
        if row["status"] == HELD:
            unresolved.append({"employee_id": row["employee_id"], "what": "payment", "reason": row["reason"]})
    for one in found.uncounted:
        what = f"{one.device}/{one.seq}"
        unresolved.append({"employee_id": one.employee_id, "what": what, "reason": one.reason})
    payments = pa.Table.from_pylist(rows, schema=result.payments.schema)
    return Result(payments, result.lines, result.days, result.summary), unresolved


def _notes(parts: Services, order: Close, regulation: Regulation, found: events.Events) -> list[str]:
    """What every report of the month must say."""
    notes = []
    if parts.clock.kind != "system":
        notes.append("Waktu server disimulasikan / The server's time is simulated.")
    assumed = len(regulation.assumed_values())
    if assumed and order.decree:
        notes.append(f"{assumed} nilai tanpa sumber (A) ditetapkan dengan / assumed values adopted by: {order.decree}")
    elif assumed:
        notes.append(f"{assumed} nilai tanpa sumber (A), belum ditetapkan / assumed values, not adopted.")
    if found.uncounted:
        notes.append(f"{len(found.uncounted)} rekaman tidak dihitung / presences that do not count.")
    return notes


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
