"""A month reckoned again as of any moment, and what differs from the stored run, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from server.allowance import month as months
from server.attendance.dating import RULE
from server.errors import Conflict
from server.month import reckoning, rules, since, staff
from server.month.lines import differences
from server.month.reckoning import Reckoned, Scope
from server.month.tables import digest
from server.people import erasing
from server.services import Services


@dataclass(frozen=True)
class Again:
    """A run reckoned again. `same`: payments, lines and days are those stored, value for value.

    `changed`: lines by which the two differ (`rupiah`: now less then); `states`: payments whose status or net differ
    as employee, then, now; `because`: why, for the month as a whole; `reasons`: employee → facts recorded since.
    """

    run: Mapping[str, Any]
    reckoned: Reckoned
    same: bool
    changed: tuple[Mapping[str, Any], ...]
    states: tuple[tuple[str, str, str], ...]
    because: tuple[str, ...]
    reasons: Mapping[str, str]


def again(parts: Services, month: str, agency: str = "", as_of_ms: int | None = None) -> list[Again]:
    """Reckon each locked run of a month again under its own rules, as of its own cutoff or of another moment.

    Conflict when the month is not locked.
    """
    with parts.database.read() as connection:
        bases = [run for run in staff.closed_runs(connection, month) if not agency or run["agency"] in ("", agency)]
        if not bases:
            raise Conflict(
                f"{month} of {agency or 'any agency'} is not locked; look at it with: hadir server close --draft"
            )
        return [_again(connection, run, run["cutoff_ms"] if as_of_ms is None else as_of_ms) for run in bases]


def _again(connection: Connection, run: Mapping[str, Any], as_of_ms: int) -> Again:
    regulation = rules.kept(connection, run["regulation_hash"])
    scope = Scope(run["month"], run["agency"], as_of_ms, before=run["run"])
    reckoned = reckoning.reckon(connection, scope, regulation)
    then = {name: months.table_of(connection, run["run"], name) for name in ("payments", "lines", "days")}
    same = digest(then.values()) == reckoned.digest
    before = {row["employee_id"]: _state(row) for row in then["payments"].to_pylist()}
    now = {row["employee_id"]: _state(row) for row in reckoned.result.payments.to_pylist()}
    states = tuple(
        (employee, before.get(employee, "—"), now.get(employee, "—"))
        for employee in sorted(before.keys() | now.keys())
        if before.get(employee) != now.get(employee)
    )
    changed = differences(then["lines"].to_pylist(), reckoned.result.lines.to_pylist())
    first, last = sorted((run["cutoff_ms"], as_of_ms))
    reasons = since.recorded(connection, [employee for employee, _, _ in states], first, last)
    because = [] if same else _because(connection, run, reckoned, first, last)
    return Again(run, reckoned, same, tuple(changed), states, tuple(because), reasons)


def _because(
    connection: Connection, run: Mapping[str, Any], reckoned: Reckoned, first_ms: int, last_ms: int
) -> list[str]:
    told = []
    engine = reckoned.result.summary["engine"]
    if engine != run["engine_version"]:
        told.append(f"engine {run['engine_version']} then, {engine} now")
    people = staff.people_of_run(connection, run["run"])
    if gone := erasing.erased(connection, people, run["cutoff_ms"]):
        told.append(f"what was stored of single days of {', '.join(gone)} was erased since")
    if (then := months.summary_of(connection, run["run"]).get("dating", 1)) != RULE:
        told.append(f"entries were dated by rule {then} then, by rule {RULE} now")
    if first_ms != last_ms:
        told += since.common(connection, first_ms, last_ms)
        told.append("other facts were known")
    elif not told and reckoned.result.summary["input_sha256"] != run["input_hash"]:
        told.append("the same moment gives other marks: a person's key was destroyed since")
    return told or ["the same facts, rules and engine: the stored run was altered, or the engine is not deterministic"]


def _state(row: Mapping[str, Any]) -> str:
    return f"{row['status']} {row['net']}"
