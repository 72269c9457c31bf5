"""The close of a month in one step, and the reading of months as they were stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from server.allowance.compute import Result
from server.allowance.models import run_tables, runs
from server.allowance.regulation import Regulation
from server.attendance.events import LEGACY
from server.errors import Conflict, NotFound, Refused
from server.month import reckoning, rules, staff, steps
from server.month.reckoning import CLOSED, DRAFT, Reckoned, Scope
from server.month.tables import from_parquet
from server.people import grants
from server.services import Services

_WIB = timedelta(hours=7)
_DAY = timedelta(days=1)


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
    """Compute a month and store it, without review; nothing is stored when it raises.

    Refused for a month not ended or with assumed values and no decree, unless it is a draft, and without the grant
    hr; Conflict for one that is closed already or under review; ConfigError or NotFound for what is missing.
    """
    _, last = reckoning.span_of(order.month)
    now_ms = parts.clock.now_ms()
    regulation = rules.configured(parts)
    if order.draft:
        with parts.database.read() as connection:
            steps.refuse_under_review(connection, order.month, order.agency)
    else:
        refuse_unended(order.month, last, now_ms)
        if not order.by:
            raise Refused("a close names the officer who does it: --by OFFICER")
        refuse_assumed(regulation, order.decree)
    with parts.database.read() as connection:
        if not order.draft:
            _refuse_close(connection, order, now_ms)
        reckoned = reckoning.reckon(connection, Scope(order.month, order.agency, now_ms), regulation)
    state = DRAFT if order.draft else CLOSED
    with parts.database.write() as connection:
        if not order.draft:
            _refuse_close(connection, order, now_ms)
            refuse_owned(connection, reckoned)
        number, notes = keep(connection, parts, reckoned, regulation, state=state, by=order.by, decree=order.decree)
        if not order.draft:
            why = f"in one step, without review{f'; {order.decree}' if order.decree else ''}"
            steps.add(connection, reckoned, state=steps.LOCKED, by=order.by, why=why, now_ms=now_ms, run=number)
    return Closed(number, state, reckoned.result, reckoned.unresolved, notes)


def keep(
    connection: Connection,
    parts: Services,
    reckoned: Reckoned,
    regulation: Regulation,
    *,
    state: str,
    by: str,
    decree: str,
) -> tuple[int, tuple[str, ...]]:
    """Store a reckoned month as a run; its number, and what every report of it must say."""
    notes = _notes(parts, decree, regulation, reckoned)
    number = reckoning.store(
        connection,
        reckoned,
        regulation,
        state=state,
        by=by,
        decree=decree,
        server_clock=parts.clock.kind,
        notes=notes,
    )
    return number, tuple(note["en"] for note in notes)


def latest_runs(connection: Connection, month: str, agency: str = "") -> list[Mapping[str, Any]]:
    """The runs that speak for a month: all closed ones, or else the newest draft. NotFound when there is none."""
    query = select(runs).where(runs.c.month == month, runs.c.state.in_((DRAFT, CLOSED))).order_by(runs.c.run)
    rows: list[Mapping[str, Any]] = [dict(row) for row in connection.execute(query).mappings()]
    if agency:
        rows = [row for row in rows if row["agency"] in ("", agency)]
    closed = [row for row in rows if row["state"] == CLOSED]
    if not rows:
        raise NotFound(f"{month} was not computed yet; run: hadir server close {month} --draft")
    return closed or rows[-1:]


def table_of(connection: Connection, run: int, name: str) -> pa.Table:
    """A table of a stored run: payments, lines, days, employees, unresolved, summary, unsigned or attested."""
    query = select(run_tables.c.parquet).where(run_tables.c.run == run, run_tables.c.name == name)
    return from_parquet(connection.execute(query).scalar_one())


def summary_of(connection: Connection, run: int) -> dict[str, Any]:
    """The summary that the engine gave of a stored run: totals, hashes, the names of steps and gates."""
    summary: dict[str, Any] = json.loads(table_of(connection, run, "summary")["json"][0].as_py())
    return summary


def notes_of(run: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """What every report of a stored run must say, each in `id` and `en`."""
    notes = json.loads(run["notes"])
    return tuple({"id": note, "en": note} if isinstance(note, str) else note for note in notes)


def refuse_unended(month: str, last: date, now_ms: int) -> None:
    """Refused while the month goes on anywhere in Indonesia."""
    # In the westernmost zone, where a month ends last.
    end = datetime.combine(last + _DAY, datetime.min.time(), UTC) - _WIB
    if now_ms < end.timestamp() * 1000:
        raise Refused(f"{month} has not ended yet: look at it with --draft")


def refuse_assumed(regulation: Regulation, decree: str) -> None:
    """Refused when the regulation holds values without a source and no decree adopts them."""
    assumed = regulation.assumed_values()
    if assumed and not decree:
        shown = "; ".join(f"{one.file}:{one.line} {one.key}" for one in assumed[:3])
        more = f" and {len(assumed) - 3} more" if len(assumed) > 3 else ""
        raise Refused(
            f"the regulation holds values without a source (certainty A): {shown}{more}. "
            'Name the decree that adopts them: --decree "…", or look at the month with --draft'
        )


def refuse_closed(connection: Connection, month: str, agency: str) -> None:
    """Conflict when the month is locked for the agency, or for any that '' would include."""
    query = select(runs).where(runs.c.month == month, runs.c.state == CLOSED)
    for row in connection.execute(query).mappings():
        if not row["agency"] or not agency or row["agency"] == agency:
            whose = f"for agency {row['agency']}" if row["agency"] else "for all agencies"
            raise Conflict(f"{month} was closed {whose} by {row['made_by']} (run {row['run']})")


def refuse_owned(connection: Connection, reckoned: Reckoned) -> None:
    """Conflict when somebody's month was locked elsewhere since it was reckoned: nobody is paid twice."""
    owners = staff.owners(connection, reckoned.scope.month)
    both = sorted(owners.keys() & set(reckoned.result.payments["employee_id"].to_pylist()))
    if both:
        more = f" and {len(both) - 1} more" if len(both) > 1 else ""
        raise Conflict(
            f"{both[0]}{more}: {reckoned.scope.month} was locked for them meanwhile (run {owners[both[0]]}); "
            "reckon it again"
        )


def _refuse_close(connection: Connection, order: Close, now_ms: int) -> None:
    grants.authority(connection, order.by, now_ms).require((grants.HR,), order.agency, f"close {order.month}")
    refuse_closed(connection, order.month, order.agency)
    steps.refuse_reviewed(connection, order.month, order.agency)


def _notes(parts: Services, decree: str, regulation: Regulation, reckoned: Reckoned) -> list[dict[str, str]]:
    """What every report of the month must say, in `id` and `en`."""
    notes = []
    if parts.clock.kind != "system":
        notes.append(("Waktu server disimulasikan.", "The server's time is simulated."))
    assumed = len(regulation.assumed_values())
    if assumed and decree:
        indonesian, english = (
            f"nilai tanpa sumber (A) ditetapkan dengan {decree}",
            f"assumed values adopted by: {decree}",
        )
        notes.append((f"{_dotted(assumed)} {indonesian}.", f"{assumed:,} {english}."))
    elif assumed:
        notes.append(
            (
                f"{_dotted(assumed)} nilai tanpa sumber (A), belum ditetapkan.",
                f"{assumed:,} assumed values, not adopted.",
            )
        )
    unsigned = pc.sum(pc.equal(reckoned.inputs.marks["source"], LEGACY)).as_py()
    if unsigned:
        notes.append(
            (
                f"{_dotted(unsigned)} rekaman mesin lama, tanpa tanda tangan, dihitung (legacy).",
                f"{unsigned:,} unsigned marks of old machines count (legacy).",
            )
        )
    if reckoned.attested:
        notes.append(
            (
                f"{_dotted(len(reckoned.attested))} rekaman disaksikan rekan dan atasan.",
                f"{len(reckoned.attested):,} marks are attested by a colleague and a supervisor.",
            )
        )
    if reckoned.uncounted:
        notes.append(
            (
                f"{_dotted(reckoned.uncounted)} rekaman tidak dihitung.",
                f"{reckoned.uncounted:,} presences do not count.",
            )
        )
    return [{"id": indonesian, "en": english} for indonesian, english in notes]


def _dotted(count: int) -> str:
    return f"{count:,}".replace(",", ".")
