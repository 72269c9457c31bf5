"""A month computed: day records, then the regulation's steps, to payments with a line for every rupiah."""
# ruff: noqa: S608 (the pieces of SQL are this module's own; texts from regulations pass through lit)

from __future__ import annotations

import calendar as months
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import gcd
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from server.allowance import wording
from server.allowance.conditions import condition, unknown
from server.allowance.inputs import Inputs, moment
from server.allowance.parts import Part, governing, parts_of
from server.allowance.people import register_marks, register_people, register_scores
from server.allowance.regulation import WORKING, Regulation, Step
from server.allowance.steps import NAMED, Month, day_total, event_costs, quantity_denominator, run_step
from server.allowance.tables import Events
from server.attendance.calendar import EPOCH
from server.attendance.days import DOCUMENTS, build_days
from server.attendance.prepare import Paper, ordinal, papers, register_calendar, register_papers
from server.attendance.sql import lit
from server.errors import RegulationError

ENGINE_VERSION = "3"
"""Rises with every change that can change a figure or a byte of the result."""

PAYABLE, HELD, INELIGIBLE, FORFEITED = "payable", "held", "ineligible", "forfeited"


@dataclass(frozen=True)
class Result:
    """A computed month; see docs/allowance.md for the columns. Lines of an employee sum to the net exactly.

    `dearest`: (employee_id, day) of each day whose cost an undecided fact would change → its variant that costs most.
    """

    payments: pa.Table
    lines: pa.Table
    days: pa.Table
    summary: dict[str, Any]
    dearest: Mapping[tuple[str, date], int] = field(default_factory=dict)


def compute(
    inputs: Inputs,
    regulations: Regulation | Sequence[Regulation],
    month: str,
    held: Mapping[str, Sequence[str]] | None = None,
    settled: Mapping[tuple[str, date], int] | None = None,
) -> Result:
    """Compute `month` ("2026-10") under the regulation in force, or those that follow one another in it.

    Each day is judged by the rules and costs of its day; the steps are those of the regulation of the last day.

    `held`: employee_id → reasons, known outside the regulation, for which a payment waits. `settled`: a result's
    `dearest`, to reckon each of these days so and no day as undecided.
    Raises RegulationError for a day under none or several, ImportFailed for inputs that cannot be.
    """
    first, last = month_span(month)
    parts = parts_of([regulations] if isinstance(regulations, Regulation) else regulations, first, last)
    inputs = inputs.checked()
    with duckdb.connect(":memory:", config=_CONFIG) as con:
        con.execute("SET enable_progress_bar = false")
        return _compute(con, inputs, parts, month, held or {}, settled)


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
    settled: Mapping[tuple[str, date], int] | None,
) -> Result:
    regulation, first, last = governing(parts), parts[0].first, parts[-1].last
    people = register_people(con, inputs, regulation, first, last)
    found, faults = papers(inputs.leave, inputs.orders, inputs.corrections, regulation.excuses, people.offsets, moment)
    register_papers(con, found, people.numbers)
    register_marks(con, inputs.marks, found, people)
    _days(con, inputs, parts)
    if settled is not None:
        _settle(con, {(people.numbers[who], ordinal(day)): variant for (who, day), variant in settled.items()})
    measures = register_scores(con, inputs, month, people)
    period = Month(first, last, scored=len(inputs.work) > 0)
    con.execute(_EVENT)
    _person(con, regulation, first, last)
    con.execute(_LINE)
    con.execute("CREATE TABLE missing (emp BIGINT, reason VARCHAR)")
    asking = [(one.when, one.name["id"]) for one in regulation.gates]
    asking += [(one.when, one.name["id"]) for one in regulation.steps]
    for when, name in asking:
        for column, lacks in unknown(when, first):
            reason = lit(f"{NAMED.get(column, column)} belum ada: {name}")
            con.execute(f"INSERT INTO missing SELECT p.emp, {reason} FROM person p WHERE p.eligible = 1 AND {lacks}")
    made: dict[str, tuple[int, int]] = {}
    for number, step in enumerate(regulation.steps, 1):
        try:
            run_step(con, step, number, made, period)
        except duckdb.OutOfRangeException:
            raise RegulationError(
                f"{regulation.path.name}: step {step.id} comes to more than can be reckoned; look at its fraction, and "
                "at amounts and scores with digits too many"
            ) from None
    disputed = _disputed(con, regulation, period)
    reasons = _held(con, regulation, period, people.numbers, found, faults, disputed)
    for who, texts in held.items():
        if who in people.numbers:
            reasons[people.numbers[who]] += texts
    wording.register(con, regulation, first, last)
    lines = _lines(con)
    payments = _payments(con, regulation, first, reasons)
    days = con.sql(_DAYS).to_arrow_table()
    summary = _summary(inputs, regulation, month, payments, measures) | _following(parts)
    names = {number: who for who, number in people.numbers.items()}
    dearest = {(names[one.emp], EPOCH + timedelta(one.day)): one.dearest for one in disputed}
    return Result(payments, lines, days, summary, dearest)


def _days(con: duckdb.DuckDBPyConnection, inputs: Inputs, parts: Sequence[Part]) -> None:
    """The calendar's tables and `day_record`, each day by the rules of its part."""
    for place, part in enumerate(parts):
        if place:
            _forget(con, ("month_day", "shift_day", "duty", "reach", "who", "day_record"))
        register_calendar(con, inputs.calendar, part.regulation.day, part.first, part.last)
        build_days(con, part.regulation.day)
        if len(parts) > 1:
            con.execute(f"CREATE TABLE day_record_{place} AS SELECT * FROM day_record")
    if len(parts) > 1:
        _forget(con, ("month_day", "shift_day", "duty", "reach", "day_record"))
        register_calendar(con, inputs.calendar, parts[-1].regulation.day, parts[0].first, parts[-1].last)
        all_days = " UNION ALL ".join(f"SELECT * FROM day_record_{place}" for place in range(len(parts)))
        con.execute(f"CREATE TABLE day_record AS {all_days}")


def _settle(con: duckdb.DuckDBPyConnection, settled: Mapping[tuple[int, int], int]) -> None:
    """Leave of `day_record` one record a day: that of the variant named for (employee, day), else as things stand."""
    columns = {
        "emp": [emp for emp, _ in settled],
        "day": [day for _, day in settled],
        "variant": list(settled.values()),
    }
    con.register("settled", pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()}))
    con.execute("""
CREATE TABLE settled_record AS
SELECT r.emp * 8 AS who, r.emp, 0 AS variant, r.day, r.required_s, r.in_at, r.in_mk, r.out_at, r.out_mk, r.document,
    r.absent, r.no_in, r.no_out, r.late_min, r.early_min, r.late_s, r.early_s, r.code, r.excused
FROM day_record r LEFT JOIN settled s ON s.emp = r.emp AND s.day = r.day
WHERE r.variant = COALESCE(s.variant, 0)
""")
    _forget(con, ("day_record",))
    con.execute("ALTER TABLE settled_record RENAME TO day_record")


def _forget(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    for name in names:
        con.execute(f"DROP TABLE {name}")


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


_EVENT = """
CREATE TABLE event AS
SELECT who, emp, variant, day, 'late' AS kind, late_min AS minutes, in_mk AS mk, '' AS ref
FROM day_record WHERE late_min > 0
UNION ALL SELECT who, emp, variant, day, 'early', early_min, out_mk, '' FROM day_record WHERE early_min > 0
UNION ALL SELECT who, emp, variant, day, 'no_in', 0, out_mk, '' FROM day_record WHERE no_in = 1
UNION ALL SELECT who, emp, variant, day, 'no_out', 0, in_mk, '' FROM day_record WHERE no_out = 1
UNION ALL SELECT who, emp, variant, day, 'absent', 0, NULL, '' FROM day_record WHERE absent = 1
UNION ALL SELECT who, emp, variant, day, 'code:' || code, 0, NULL, document FROM day_record WHERE excused = 1
"""

_LINE = """
CREATE TABLE line (
    step BIGINT, sub BIGINT, emp BIGINT, day BIGINT, kind VARCHAR, minutes BIGINT, mk BIGINT, ref VARCHAR,
    base BIGINT, numerator BIGINT, denominator BIGINT, rupiah BIGINT
)
"""


def _person(con: duckdb.DuckDBPyConnection, regulation: Regulation, first: date, last: date) -> None:
    """`person`: the people with their counts of absence, days outside the employment, and whether they are eligible."""
    con.execute("""
CREATE TABLE absence AS
SELECT c.emp, CAST(SUM(c.days) AS BIGINT) AS absent_days, MAX(c.days) AS absent_run
FROM (
    SELECT emp, part, CAST(SUM(absent) AS BIGINT) AS days
    FROM (
        SELECT emp, absent, SUM(1 - absent) OVER (PARTITION BY emp ORDER BY day ROWS UNBOUNDED PRECEDING) AS part
        FROM day_record WHERE variant = 0 AND code <> 'L'
    ) runs
    WHERE absent = 1
    GROUP BY emp, part
) c
GROUP BY c.emp
""")
    days = (last - first).days + 1
    con.execute(f"""
CREATE TABLE counted_person AS
SELECT e.*, COALESCE(a.absent_days, 0) AS absent_days, COALESCE(a.absent_run, 0) AS absent_run,
    {days} - GREATEST(0, e.last_day - e.first_day + 1) AS days_out
FROM emp e LEFT JOIN absence a ON a.emp = e.emp
""")
    shut = [condition(gate.when, first) for gate in regulation.gates if gate.effect == INELIGIBLE]
    refused = " OR ".join(f"({part})" for part in [*shut, f"p.days_out = {days}"])
    con.execute(
        f"CREATE TABLE person AS SELECT p.*, CASE WHEN {refused} THEN 0 ELSE 1 END AS eligible FROM counted_person p"
    )


def _held(
    con: duckdb.DuckDBPyConnection,
    regulation: Regulation,
    month: Month,
    numbers: dict[str, int],
    found: list[Paper],
    faults: list[tuple[str, str]],
    disputed: Sequence[_Disputed],
) -> dict[int, list[str]]:
    """Employee number → why the payment is held, in a fixed order."""
    reasons: dict[int, list[str]] = defaultdict(list)
    for gate in regulation.gates:
        if gate.effect == "hold":
            rows = con.execute(f"SELECT p.emp FROM person p WHERE {condition(gate.when, month.first)}").fetchall()
            for (emp,) in rows:
                reasons[emp].append(gate.name["id"])
    for (emp,) in con.execute("SELECT emp FROM emp WHERE NOT has_amount").fetchall():
        reasons[emp].append("tidak ada besaran TPP untuk kelas jabatan")
    for emp, reason in con.execute("SELECT DISTINCT emp, reason FROM missing ORDER BY emp, reason").fetchall():
        reasons[emp].append(reason)
    unresolved = defaultdict(list)
    for paper in found:
        if not paper.counted:
            unresolved[numbers[paper.employee_id]].append(paper)
    for one in disputed:
        text = (EPOCH + timedelta(one.day)).isoformat()
        if one.dating:
            reasons[one.emp].append(f"{text}: waktu rekaman belum pasti")
        if one.document:
            names = [paper.what for paper in unresolved[one.emp] if _touches(paper, one.day)]
            reasons[one.emp].append(f"{text}: belum diputuskan: {', '.join(names)}")
    for who, fault in faults:
        reasons[numbers[who]].append(fault)
    for (emp,) in con.execute("SELECT emp FROM line GROUP BY emp HAVING SUM(rupiah) < 0 ORDER BY emp").fetchall():
        reasons[emp].append("jumlah yang diterima kurang dari nol")
    return reasons


def _touches(paper: Paper, day: int) -> bool:
    if paper.by_date:
        return paper.begin <= day <= paper.end
    return (day - 1) * 86400 < paper.end and paper.begin < (day + 2) * 86400


@dataclass(frozen=True)
class _Disputed:
    """A day whose cost an undecided `dating` or `document` would change, and the variant that costs most."""

    emp: int
    day: int
    dating: bool
    document: bool
    dearest: int


def _disputed(con: duckdb.DuckDBPyConnection, regulation: Regulation, month: Month) -> list[_Disputed]:
    compared = []
    for number, step in enumerate(regulation.steps, 1):
        if step.by.kind == "events":
            total = day_total(step, quantity_denominator(step, month))
            compared.append(f"""
    SELECT who, day, {total} AS kept
    FROM (
        SELECT e.who, e.day, c.n FROM event e JOIN cost_{number} c ON c.kind = e.kind
            AND e.minutes BETWEEN c.first_minute AND c.last_minute AND e.day BETWEEN c.first_day AND c.last_day
    ) x GROUP BY who, day""")
    if regulation.counts_absence:
        compared.append("SELECT who, day, absent AS kept FROM day_record")
    costs: dict[tuple[int, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * len(compared)))
    for place, cost in enumerate(compared):
        for emp, day, variant, kept in con.execute(f"""
WITH cost AS ({cost}), priced AS (
    SELECT r.emp, r.variant, r.day, COALESCE(c.kept, 0) AS kept
    FROM day_record r LEFT JOIN cost c ON c.who = r.who AND c.day = r.day
    WHERE r.emp IN (SELECT emp FROM day_record WHERE variant > 0)
)
SELECT p.emp, p.day, p.variant, p.kept
FROM priced p JOIN (SELECT emp, day FROM priced GROUP BY emp, day HAVING MIN(kept) <> MAX(kept)) d
    ON d.emp = p.emp AND d.day = p.day
""").fetchall():
            costs[emp, day][variant][place] = kept
    found = []
    for (emp, day), by_variant in sorted(costs.items()):
        differing = {variant for variant, kept in by_variant.items() if kept != by_variant[0]}
        dearest = max(sorted(by_variant), key=lambda variant: by_variant[variant])
        found.append(_Disputed(emp, day, bool(differing - {DOCUMENTS}), DOCUMENTS in differing, dearest))
    return found


def _lines(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """The table of lines in the order in which a person reads them."""
    pairs = con.execute(
        "SELECT DISTINCT numerator, denominator FROM line WHERE rupiah <> 0 OR kind = 'working'"
    ).fetchall()
    shared = [(n, d, n // gcd(n, d), d // gcd(n, d)) for n, d in pairs]
    names = ("n", "d", "numerator", "denominator")
    columns = {name: pa.array([row[place] for row in shared], pa.int64()) for place, name in enumerate(names)}
    con.register("reduced", pa.table(columns))
    return con.sql(wording.LINES).to_arrow_table()


def _payments(
    con: duckdb.DuckDBPyConnection, regulation: Regulation, first: date, reasons: dict[int, list[str]]
) -> pa.Table:
    sums = {
        account: "COALESCE(SUM(CASE WHEN "
        + (f"l.step IN ({', '.join(map(str, numbers))})" if numbers else "1 = 0")
        + " THEN l.rupiah END), 0)"
        for account, numbers in _accounts(regulation).items()
    }
    rows = con.execute(f"""
SELECT p.emp, p.employee_id, p.eligible, p.days_out, CAST({sums["gross"]} AS BIGINT) AS gross,
    CAST(-{sums["deduction"]} AS BIGINT), CAST(-{sums["dues"]} AS BIGINT), CAST(-{sums["tax"]} AS BIGINT),
    CAST(COALESCE(SUM(l.rupiah), 0) AS BIGINT) AS net
FROM person p LEFT JOIN line l ON l.emp = p.emp
GROUP BY p.emp, p.employee_id, p.eligible, p.days_out ORDER BY p.employee_id
""").fetchall()
    shut = _gate_reasons(con, regulation, first)
    forfeited = _forfeits(con, regulation)
    status, reason = [], []
    for emp, _, eligible, *_ in rows:
        if not eligible:
            status.append(INELIGIBLE)
            reason.append("; ".join(shut.get(emp, ["di luar masa kerja sepanjang bulan"])))
        elif reasons.get(emp):
            status.append(HELD)
            reason.append("; ".join(reasons[emp]))
        elif emp in forfeited:
            status.append(FORFEITED)
            reason.append("; ".join(forfeited[emp]))
        else:
            status.append(PAYABLE)
            reason.append("")
    numbers = {
        name: pa.array([row[place] for row in rows], pa.int64())
        for place, name in enumerate(("gross", "deductions", "dues", "tax", "net"), 4)
    }
    ids = pa.array([row[1] for row in rows], pa.string())
    return pa.table({"employee_id": ids, **numbers, "status": status, "reason": reason} if rows else _no_payments())


def _no_payments() -> dict[str, pa.Array]:
    texts = {name: pa.array([], pa.string()) for name in ("employee_id", "status", "reason")}
    money = {name: pa.array([], pa.int64()) for name in ("gross", "deductions", "dues", "tax", "net")}
    return {"employee_id": texts["employee_id"], **money, "status": texts["status"], "reason": texts["reason"]}


def _accounts(regulation: Regulation) -> dict[str, list[int]]:
    accounts: dict[str, list[int]] = {"gross": [], "deduction": [], "dues": [], "tax": []}
    for number, step in enumerate(regulation.steps, 1):
        if step.account != WORKING:
            accounts[step.account].append(number)
    return accounts


def _gate_reasons(con: duckdb.DuckDBPyConnection, regulation: Regulation, first: date) -> dict[int, list[str]]:
    reasons: dict[int, list[str]] = defaultdict(list)
    for gate in regulation.gates:
        if gate.effect == INELIGIBLE:
            for (emp,) in con.execute(f"SELECT p.emp FROM person p WHERE {condition(gate.when, first)}").fetchall():
                reasons[emp].append(gate.name["id"])
    return reasons


def _forfeits(con: duckdb.DuckDBPyConnection, regulation: Regulation) -> dict[int, list[str]]:
    reasons: dict[int, list[str]] = defaultdict(list)
    for number, step in enumerate(regulation.steps, 1):
        if step.effect == "forfeit":
            for (emp,) in con.execute(f"SELECT emp FROM base_{number} ORDER BY emp").fetchall():
                reasons[emp].append(step.name["id"])
    return reasons


_DAYS = f"""
SELECT e.employee_id, CAST(m.date_text AS DATE) AS date, r.code,
    {wording.instant("r.in_at", "fd", "fc", "e")} AS first_in,
    {wording.instant("r.out_at", "ld", "lc", "e")} AS last_out,
    CAST(r.required_s AS BIGINT) AS required_s, CAST(r.late_s AS BIGINT) AS late_s,
    CAST(r.early_s AS BIGINT) AS early_s
FROM day_record r
JOIN emp e ON e.emp = r.emp
JOIN month_day m ON m.day = r.day
{wording.joins("r.in_at", "fd", "fc", "e")}
{wording.joins("r.out_at", "ld", "lc", "e")}
WHERE r.variant = 0
ORDER BY r.emp, r.day
"""


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
