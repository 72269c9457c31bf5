"""Later payments for a locked month: its own rules, facts as known now, plus and minus, taxed when they are paid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from server import facts
from server.allowance import month as months
from server.allowance.models import runs
from server.allowance.payments import FORFEITED, HELD, PAYABLE
from server.allowance.regulation import Regulation
from server.allowance.values import MONEY_INPUTS
from server.errors import Conflict, Refused
from server.month import reckoning, rules, since, staff, steps
from server.month.lines import differences
from server.month.models import month_steps, susulan
from server.month.reckoning import CLOSED, SUSULAN, Reckoned, Scope
from server.month.taxing import tax_on
from server.month.undisputed import PAID_NOW
from server.people import erasing, grants
from server.people import service as people
from server.people.models import EMPLOYEES
from server.services import Services

TAX = "tax"
_PAID = (*PAID_NOW, FORFEITED)


@dataclass(frozen=True)
class Later:
    """A stored susulan: its run, the locked run that it adds to, payments of those for whom something differs."""

    run: int
    base: int
    payments: tuple[Mapping[str, Any], ...]
    lines: tuple[Mapping[str, Any], ...]
    waiting: tuple[Mapping[str, str], ...]
    left_out: tuple[str, ...]


def susulan_of(parts: Services, month: str, agency: str, *, by: str) -> list[Later]:
    """Reckon each locked run of the month (of the agency, or all) again, and store what differs as a run of its own.

    Refused without the grant hr; differences of one's own or one's superior's are left to another officer. Conflict
    when the month is not locked, or nothing differs.
    """
    now_ms = parts.clock.now_ms()
    current = rules.configured(parts)
    paid_in = people.local_day(now_ms).replace(day=1)
    if not current.holds_on(paid_in):
        raise Refused(
            f"{current.id} does not hold in {paid_in:%Y-%m}, in which this is paid: configure the one that does"
        )
    with parts.database.read() as connection:
        acting = grants.authority(connection, by, now_ms)
        acting.require((grants.HR,), agency, f"make a susulan of {month}")
        bases = [run for run in staff.closed_runs(connection, month) if not agency or run["agency"] == agency]
        if not bases:
            raise Conflict(f"{month} of {agency or 'any agency'} is not locked: there is nothing to add to")
        prepared = [_prepare(connection, run, current, paid_in, acting, now_ms) for run in bases]
    if not any(one.rows for one in prepared):
        waiting = sum(len(one.waiting) for one in prepared)
        left = sorted({employee for one in prepared for employee in one.left_out})
        told = [f"{waiting} payments still wait"] if waiting else []
        told += [f"{', '.join(left)}: another officer must"] if left else []
        raise Conflict(f"nothing differs in {month}" + "".join(f"; {part}" for part in told))
    done = []
    with parts.database.write() as connection:
        for one in prepared:
            if one.rows:
                done.append(_store(connection, parts, one, by=by, paid_in=paid_in, now_ms=now_ms))
    return done


@dataclass(frozen=True)
class _Prepared:
    base: Mapping[str, Any]
    regulation: Regulation
    reckoned: Reckoned
    rows: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    waiting: tuple[Mapping[str, str], ...]
    left_out: tuple[str, ...]
    last: int


def _prepare(
    connection: Connection,
    base: Mapping[str, Any],
    current: Regulation,
    paid_in: date,
    acting: grants.Authority,
    now_ms: int,
) -> _Prepared:
    regulation = rules.kept(connection, base["regulation_hash"])
    month = base["month"]
    others = later_runs(connection, base["run"])
    people_then = _people(connection, base, now_ms)
    scope = Scope(month, base["agency"], now_ms, only=frozenset(people_then))
    reckoned = reckoning.reckon(connection, scope, regulation)
    before = defaultdict(list)
    for run in (base["run"], *others):
        paid = {
            row["employee_id"]
            for row in months.table_of(connection, run, "payments").to_pylist()
            if row["status"] in _PAID
        }
        for line in months.table_of(connection, run, "lines").to_pylist():
            if line["employee_id"] in paid and line["account"] != TAX:
                before[line["employee_id"]].append(line)
    now = defaultdict(list)
    for line in reckoned.result.lines.to_pylist():
        if line["account"] != TAX:
            now[line["employee_id"]].append(line)
    reasons = since.recorded(connection, people_then, base["cutoff_ms"], now_ms)
    for_all = "; ".join(since.common(connection, base["cutoff_ms"], now_ms))
    staff_now = _employees(connection, now_ms)
    already = _already_paid(connection, paid_in)
    rows: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    left_out = []
    held = {row["employee_id"] for row in reckoned.result.payments.to_pylist() if row["status"] == HELD}
    # Of whom nothing is known any more, nothing can be said to differ.
    gone = erasing.erased(connection, people_then | before.keys(), base["cutoff_ms"])
    # Whoever was paid and now is not in the month at all gives everything back.
    for employee_id in sorted((people_then | before.keys()) - held - set(gone)):
        changed = differences(before[employee_id], now[employee_id])
        if not changed:
            continue
        if acting.is_own_or_superiors(employee_id):
            left_out.append(employee_id)
            continue
        row, all_lines = _payment(
            employee_id, changed, current, paid_in, staff_now[employee_id], already.get(employee_id, 0)
        )
        row["reason"] = "; ".join(part for part in (row["reason"], reasons.get(employee_id, for_all)) if part)
        rows.append(row)
        lines += all_lines
    waiting = tuple(row for row in reckoned.unresolved if row["what"] == "payment")
    last = max((base["run"], *others))
    return _Prepared(base, regulation, reckoned, rows, lines, waiting, tuple(left_out), last)


def _payment(
    employee_id: str,
    changed: Sequence[dict[str, Any]],
    current: Regulation,
    paid_in: date,
    employee: Mapping[str, Any],
    already: int,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A payment and all its lines, tax included; they sum to the net."""
    sums: dict[str, int] = defaultdict(int)
    for line in changed:
        sums[line["account"]] += line["rupiah"]
    taxable = sums["gross"] + sums["deduction"]
    taxes, wait = tax_on(current, paid_in, employee, already, taxable)
    lines = list(changed)
    for tax in taxes:
        if tax.rupiah:
            lines.append(
                {
                    "employee_id": employee_id,
                    "date": None,
                    "step": tax.step.id,
                    "kind": "amount",
                    "fact": None,
                    "article": tax.step.article,
                    "certainty": tax.step.certainty,
                    "account": TAX,
                    "base": tax.base,
                    "numerator": tax.rate.numerator,
                    "denominator": tax.rate.denominator,
                    "rounding": f"{tax.step.rounding.mode} {tax.step.rounding.unit}",
                    "rupiah": tax.rupiah,
                    "text": f"{tax.step.name['id']} atas susulan, dibayar {paid_in:%Y-%m}",
                }
            )
            sums[TAX] += tax.rupiah
    row = {
        "employee_id": employee_id,
        "gross": sums["gross"],
        "deductions": -sums["deduction"],
        "dues": -sums["dues"],
        "tax": -sums[TAX],
        "net": sum(sums.values()),
        "status": HELD if wait else PAYABLE,
        "reason": wait,
    }
    return row, lines


def _store(connection: Connection, parts: Services, one: _Prepared, *, by: str, paid_in: date, now_ms: int) -> Later:
    base = one.base["run"]
    if max((base, *later_runs(connection, base))) != one.last:
        raise Conflict(f"another susulan of run {base} was made meanwhile; run it again")
    result = one.reckoned.result
    payments = pa.Table.from_pylist(one.rows, schema=result.payments.schema)
    lines = pa.Table.from_pylist(one.lines, schema=result.lines.schema)
    summary = result.summary | {
        "susulan_of": base,
        "paid_in": f"{paid_in:%Y-%m}",
        "employees": len(one.rows),
        "status": {state: sum(row["status"] == state for row in one.rows) for state in result.summary["status"]},
        "totals": {name: sum(row[name] for row in one.rows) for name in result.summary["totals"]},
        "payable_net": sum(row["net"] for row in one.rows if row["status"] == PAYABLE),
    }
    held = tuple(
        {"employee_id": row["employee_id"], "what": "payment", "reason": row["reason"]}
        for row in one.rows
        if row["status"] == HELD
    )
    changed = replace(
        one.reckoned,
        result=replace(result, payments=payments, lines=lines, summary=summary),
        unresolved=one.waiting + held,
    )
    notes = [
        {
            "id": f"Susulan {one.base['month']}, dibayar {paid_in:%Y-%m}, atas perhitungan {base}.",
            "en": f"Later payment of {one.base['month']}, paid in {paid_in:%Y-%m}, beside run {base}.",
        }
    ]
    number = reckoning.store(
        connection,
        changed,
        one.regulation,
        state=SUSULAN,
        by=by,
        decree=one.base["decree"],
        server_clock=parts.clock.kind,
        notes=notes,
    )
    connection.execute(susulan.insert(), {"run": number, "base": base, "paid_in": f"{paid_in:%Y-%m}"})
    run = {"month": one.base["month"], "agency": one.base["agency"], "cutoff_ms": now_ms, "run": number}
    why = f"{len(one.rows)} people differ from run {base}"
    steps.add_for_run(connection, run, state=steps.SUSULAN, by=by, why=why, now_ms=now_ms)
    return Later(number, base, tuple(one.rows), tuple(one.lines), changed.unresolved, one.left_out)


def later_runs(connection: Connection, base: int) -> list[int]:
    """The susulan of a locked run, oldest first."""
    return list(
        connection.execute(select(susulan.c.run).where(susulan.c.base == base).order_by(susulan.c.run)).scalars()
    )


def _people(connection: Connection, base: Mapping[str, Any], now_ms: int) -> set[str]:
    """Those whose month belongs to the locked run, and those of its agency whose month belongs to none."""
    first, last = reckoning.span_of(base["month"])
    owners = staff.owners(connection, base["month"])
    agencies = {base["agency"]} if base["agency"] else None
    now = {row["employee_id"] for row in staff.of_month(connection, first, last, now_ms, agencies, None).rows}
    return {employee_id for employee_id, run in owners.items() if run == base["run"]} | (now - owners.keys())


def _employees(connection: Connection, now_ms: int) -> dict[str, Mapping[str, Any]]:
    """Employees as they are on the day of payment, money as numbers; of those who left, what was known last."""
    rows = {row["employee_id"]: row for row in facts.as_of(connection, EMPLOYEES, now_ms)}
    rows |= {row["employee_id"]: row for row in people.employees(connection, now_ms)}
    told = {employee_id: people.from_columns(row) for employee_id, row in rows.items()}
    return {
        employee_id: row | {name: int(text) if (text := told[employee_id].get(name)) else None for name in MONEY_INPUTS}
        for employee_id, row in rows.items()
    }


def _already_paid(connection: Connection, paid_in: date) -> dict[str, int]:
    """Employee → allowance before tax paid in the month until now or locked to be paid, susulan included."""
    chosen = set(connection.execute(select(susulan.c.run).where(susulan.c.paid_in == f"{paid_in:%Y-%m}")).scalars())
    paid = select(month_steps.c.run, month_steps.c.at_ms).where(month_steps.c.state == steps.PAID)
    paid_at = {run: people.local_day(at_ms).replace(day=1) for run, at_ms in connection.execute(paid)}
    states = {row["run"]: row["state"] for row in connection.execute(select(runs.c.run, runs.c.state)).mappings()}
    chosen |= {run for run, month in paid_at.items() if month == paid_in}
    # What is locked and not paid yet will be paid in this month at the earliest.
    chosen |= {run for run, state in states.items() if state == CLOSED and run not in paid_at}
    found: dict[str, int] = defaultdict(int)
    for run in sorted(chosen):
        if states.get(run) not in (CLOSED, SUSULAN):
            continue
        for row in months.table_of(connection, run, "payments").to_pylist():
            if row["status"] in PAID_NOW:
                found[row["employee_id"]] += row["gross"] - row["deductions"]
    return found
