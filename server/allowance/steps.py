"""The steps of a regulation as SQL: for each, its base, what it counts, caps and rounding, and a line for each rupiah.

A step's lines: one for each thing counted (truncated to whole rupiah), then what the caps give back, what the ceiling
takes off, the rounding, and what exceeds the allowance that is left. They sum to the step's result exactly.
"""
# ruff: noqa: S608 (the pieces of SQL are this module's own; texts from regulations pass through lit)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import lcm

import duckdb
import pyarrow as pa

from server.allowance.conditions import condition
from server.allowance.regulation import WORKING, Step
from server.allowance.tables import Brackets, DatedEvents, Events, Rates, ScoreBands, denominator
from server.attendance.prepare import ordinal
from server.attendance.sql import div, lit, rounded

SCORE = 100
"""Scores are counted in hundredths."""

LAST_MINUTE = 10**6
"""Stands for a band without end."""

MAIN, CAP_DAY, CAP_MONTH, CEILING, ROUNDING, CAP_LEFT = range(6)
"""The kinds of a step's lines, in order; they become `sub` of the table line."""

NAMED = {
    "other_gross": "penghasilan bruto lain",
    "bpjs_base": "dasar BPJS",
    "ytd_gross": "penghasilan bruto tahun berjalan",
    "ytd_tax": "PPh 21 yang telah dipotong tahun berjalan",
    "ytd_pension": "iuran pensiun dan hari tua tahun berjalan",
    "ptkp": "PTKP",
    "job_class": "kelas jabatan",
    "employment": "hubungan kerja",
    "start_date": "tanggal mulai bekerja (start_date)",
}
"""Column of the employees → what a reason calls it."""


EVENT = """
CREATE TABLE event AS
SELECT emp, day, 'late' AS kind, late_min AS minutes, in_mk AS mk, '' AS ref FROM day_record WHERE late_min > 0
UNION ALL SELECT emp, day, 'early', early_min, out_mk, '' FROM day_record WHERE early_min > 0
UNION ALL SELECT emp, day, 'no_in', 0, out_mk, '' FROM day_record WHERE no_in = 1
UNION ALL SELECT emp, day, 'no_out', 0, in_mk, '' FROM day_record WHERE no_out = 1
UNION ALL SELECT emp, day, 'absent', 0, NULL, '' FROM day_record WHERE absent = 1
UNION ALL SELECT emp, day, 'code:' || code, 0, NULL, document FROM day_record WHERE excused = 1
"""
"""What the days hold that a step may count."""


@dataclass(frozen=True)
class Month:
    """The month's first and last day, and whether the inputs have any scores, of whatever month and measure."""

    first: date
    last: date
    scored: bool

    @property
    def days(self) -> int:
        """Calendar days of the month."""
        return (self.last - self.first).days + 1


def events_of(step: Step, month: Month) -> tuple[DatedEvents, ...]:
    """The tables of what the days' events cost in a step, empty where it counts none."""
    table = step.by.table
    return step.by.dated or ((DatedEvents(table, month.first, month.last),) if isinstance(table, Events) else ())


def quantity_denominator(step: Step, month: Month) -> int:
    """What the integers that a step counts are parts of, with its caps whole numbers of the same."""
    by = step.by
    own = lcm(denominator(by.table), *(denominator(dated.table) for dated in by.dated))
    if by.kind == "measure" and by.table is None:
        own = by.per * SCORE
    if by.kind == "not_employed":
        own = month.days
    caps = [cap.denominator for cap in (step.cap_day, step.cap_month) if cap is not None]
    return lcm(own, *caps)


def run_step(
    con: duckdb.DuckDBPyConnection, step: Step, number: int, made: dict[str, tuple[int, int]], month: Month
) -> None:
    """Compute step `number` (from 1): its rows in `line` and `missing`, and `result_<number>`.

    `made`: the earlier steps that came to anything: `step:id` → (number, sign); this step adds itself.
    """
    parts = quantity_denominator(step, month)
    share = step.base_fraction * step.fraction
    numerator, whole = share.numerator, share.denominator * parts
    con.execute(_base(step, number, made, month))
    for statement in _counted(con, step, number, parts, month):
        con.execute(statement)
    if con.execute(f"SELECT 1 FROM base_{number} WHERE base > 0 LIMIT 1").fetchone():
        if _by_day(step):
            con.execute(_days(step, number, parts))
        con.execute(_result(step, number, parts, numerator, whole))
        if step.account == WORKING:
            if step.by.kind != "constant" or not step.base[0].startswith("rupiah:"):
                con.execute(_worked_out(number))
        else:
            con.execute(_lines(step, number, numerator, whole))
            con.execute(_rounding(step, number, numerator, whole))
        made[f"step:{step.id}"] = (number, step.sign)


def _base(step: Step, number: int, made: dict[str, tuple[int, int]], month: Month) -> str:
    def column(term: str) -> str:
        if term in made:
            return f"{made[term][1]} * COALESCE(r_{made[term][0]}.final, 0)"
        kind, _, name = term.partition(":")
        return {
            "component": f"COALESCE(p.c_{name}, 0)",
            "input": f"COALESCE(p.{name}, 0)",
            "rupiah": name,
            "running": "COALESCE(s.running, 0)",
            # A step of which nobody had a base came to nothing.
            "step": "0",
        }[kind]

    total = " + ".join(column(term) for term in step.base)
    numbers = [made[term][0] for term in step.base if term in made]
    joins = [f"LEFT JOIN result_{n} r_{n} ON r_{n}.emp = p.emp" for n in numbers]
    running = "running" in step.base or step.cap_running
    if running:
        sums = "SELECT emp, CAST(SUM(rupiah) AS BIGINT) AS running FROM line GROUP BY emp"
        joins.append(f"LEFT JOIN ({sums}) s ON s.emp = p.emp")
    ceiling = "g.base"
    if step.ceiling:
        used = f"COALESCE(g.{step.ceiling.less}, 0)" if step.ceiling.less else "0"
        ceiling = f"LEAST(g.base, GREATEST(0, {step.ceiling.rupiah} - {used}))"
    return f"""
CREATE TABLE base_{number} AS
SELECT g.emp, g.base, {ceiling} AS counted, GREATEST(0, g.running) AS left_over
FROM (
    SELECT p.*, {"COALESCE(s.running, 0)" if running else "0"} AS running, GREATEST(0, {total}) AS base
    FROM person p {" ".join(joins)}
    WHERE p.eligible = 1 AND {condition(step.when, month.first)}
) g
"""


def _register(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, pa.Array]) -> None:
    con.register(f"{name}_in", pa.table(columns))
    con.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_in")


def in_parts(share: Fraction, parts: int) -> int:
    """A share as so many of `parts`."""
    return int(share * parts)


def _counted(con: duckdb.DuckDBPyConnection, step: Step, number: int, parts: int, month: Month) -> list[str]:
    """`quantity_<number>`: what the step counts, in parts of `parts`; and who lacks an input (`missing`)."""
    by = step.by
    statements = []
    inputs = [term.removeprefix("input:") for term in step.base if term.startswith("input:")]
    inputs += [step.ceiling.less] if step.ceiling and step.ceiling.less else []
    for name in inputs:
        statements.append(_missing(number, f"{NAMED[name]} belum ada", f"p.{name} IS NULL"))
    head = f"CREATE TABLE quantity_{number} AS"
    single = "CAST(NULL AS BIGINT) AS day, '' AS kind, 0 AS minutes, CAST(NULL AS BIGINT) AS mk, '' AS ref"
    if by.kind == "events":
        register_costs(con, events_of(step, month), number, parts)
        return [
            *statements,
            f"{head} SELECT e.emp, e.day, e.kind, e.minutes, e.mk, e.ref, c.n FROM event e "
            f"JOIN base_{number} b ON b.emp = e.emp JOIN cost_{number} c ON c.kind = e.kind "
            "AND e.minutes BETWEEN c.first_minute AND c.last_minute AND e.day BETWEEN c.first_day AND c.last_day "
            "WHERE c.n > 0",
        ]
    if by.kind == "measure":
        return [*statements, *_measured(con, step, number, parts, month, f"{head} SELECT b.emp, {single}")]
    if by.kind == "rates" and isinstance(by.table, Rates):
        rates = by.table.rates
        _register(
            con,
            f"rate_{number}",
            {"k": pa.array(list(rates), pa.string()), "n": pa.array([in_parts(r, parts) for r in rates.values()])},
        )
        key = f"split_part(p.{by.attribute}, {lit(by.until)}, 1)" if by.until else f"p.{by.attribute}"
        found = f"EXISTS (SELECT 1 FROM rate_{number} r WHERE r.k = {key})"
        return [
            *statements,
            _missing(
                number,
                f"tidak ada tarif untuk {NAMED.get(by.attribute, by.attribute)}",
                f"p.{by.attribute} IS NULL OR NOT {found}",
            ),
            f"{head} SELECT b.emp, {single}, r.n FROM base_{number} b JOIN person p ON p.emp = b.emp "
            f"JOIN rate_{number} r ON r.k = {key}",
        ]
    if by.kind == "brackets" and isinstance(by.table, Brackets) and by.keys:
        _register_brackets(con, by.table, by.keys.keys, number, parts)
        found = f"EXISTS (SELECT 1 FROM category_{number} c WHERE c.k = p.{by.attribute})"
        return [
            *statements,
            _missing(
                number,
                f"{NAMED.get(by.attribute, by.attribute)} belum ada atau tidak dikenal",
                f"p.{by.attribute} IS NULL OR NOT {found}",
            ),
            f"{head} SELECT b.emp, {single}, r.n FROM base_{number} b JOIN person p ON p.emp = b.emp "
            f"JOIN category_{number} c ON c.k = p.{by.attribute} JOIN bracket_{number} r ON r.category = c.category "
            "AND b.counted > r.above AND b.counted <= r.up_to",
        ]
    if by.kind == "dues":
        chosen = f" WHERE d.kind IN ({', '.join(lit(kind) for kind in by.dues)})" if by.dues else ""
        return [
            *statements,
            f"{head} SELECT b.emp, CAST(NULL AS BIGINT) AS day, d.kind, 0 AS minutes, CAST(NULL AS BIGINT) AS mk, "
            f"'' AS ref, d.rupiah * {parts} AS n FROM base_{number} b JOIN due d ON d.emp = b.emp{chosen}",
        ]
    if by.kind == "not_employed":
        return [
            *statements,
            f"{head} SELECT b.emp, {single}, p.days_out * {parts // month.days} AS n FROM base_{number} b "
            "JOIN person p ON p.emp = b.emp "
            "WHERE p.days_out > 0",
        ]
    return [*statements, f"{head} SELECT b.emp, {single}, {parts} AS n FROM base_{number} b"]


def _missing(number: int, reason: str, lacks: str) -> str:
    return (
        f"INSERT INTO missing SELECT p.emp, {lit(reason)} FROM person p JOIN base_{number} b ON b.emp = p.emp "
        f"WHERE {lacks}"
    )


def register_costs(con: duckdb.DuckDBPyConnection, dated: Sequence[DatedEvents], number: int, parts: int) -> None:
    """`cost_<number>`: kind of event, from and to minutes, cost in parts of `parts`, and from and to which day."""
    rows = [(*row, ordinal(part.first), ordinal(part.last)) for part in dated for row in event_costs(part.table)]
    _register(
        con,
        f"cost_{number}",
        {
            "kind": pa.array([row[0] for row in rows]),
            "first_minute": pa.array([row[1] for row in rows], pa.int64()),
            "last_minute": pa.array([row[2] for row in rows], pa.int64()),
            "n": pa.array([in_parts(row[3], parts) for row in rows], pa.int64()),
            "first_day": pa.array([row[4] for row in rows], pa.int64()),
            "last_day": pa.array([row[5] for row in rows], pa.int64()),
        },
    )


def event_costs(table: Events) -> list[tuple[str, int, int, Fraction]]:
    """Kind of event, from and to minutes, cost."""
    rows = [("late", band.first, band.last or LAST_MINUTE, band.cost) for band in table.late]
    rows += [("early", band.first, band.last or LAST_MINUTE, band.cost) for band in table.early]
    rows += [("no_in", 0, 0, table.no_in), ("no_out", 0, 0, table.no_out), ("absent", 0, 0, table.absent)]
    return rows + [(f"code:{code}", 0, 0, cost) for code, cost in table.codes.items()]


def _register_brackets(
    con: duckdb.DuckDBPyConnection, table: Brackets, keys: dict[str, str], number: int, parts: int
) -> None:
    rows = []
    for category, brackets in table.brackets.items():
        above = -1
        for up_to, rate in brackets:
            rows.append((category, above, up_to if up_to is not None else 10**12, in_parts(rate, parts)))
            above = up_to if up_to is not None else above
    _register(
        con,
        f"bracket_{number}",
        {
            "category": pa.array([row[0] for row in rows]),
            **{
                name: pa.array([row[place] for row in rows], pa.int64())
                for place, name in enumerate(("above", "up_to", "n"), 1)
            },
        },
    )
    _register(con, f"category_{number}", {"k": pa.array(list(keys)), "category": pa.array(list(keys.values()))})


def _measured(
    con: duckdb.DuckDBPyConnection, step: Step, number: int, parts: int, month: Month, head: str
) -> list[str]:
    by = step.by
    score = f"(SELECT emp, score FROM work WHERE measure = {lit(by.measure)})"
    if isinstance(by.table, ScoreBands):
        bands = by.table.bands
        ends = [int(first * SCORE) for first, _ in bands[1:]] + [10**12]
        _register(
            con,
            f"band_{number}",
            {
                "low": pa.array([int(first * SCORE) for first, _ in bands], pa.int64()),
                "below": pa.array(ends, pa.int64()),
                "n": pa.array([in_parts(rate, parts) for _, rate in bands], pa.int64()),
            },
        )
        source = (
            f"(SELECT w.emp, g.n AS achieved FROM {score} w JOIN band_{number} g ON w.score >= g.low "
            "AND w.score < g.below)"
        )
    else:
        source = f"(SELECT emp, score * {parts // (by.per * SCORE)} AS achieved FROM {score} w)"
    unknown = {"full": parts, "zero": 0, "hold": parts if by.shortfall else 0}[by.missing]
    achieved = f"COALESCE(w.achieved, {unknown})"
    n = f"GREATEST(0, {parts} - {achieved})" if by.shortfall else achieved
    statements = [f"{head}, {n} AS n FROM base_{number} b LEFT JOIN {source} w ON w.emp = b.emp"]
    # Without scores at all no shortfall is reckoned (the summary says so); otherwise who lacks is held.
    if by.missing == "hold" and (month.scored or not by.shortfall):
        lacks = f"NOT EXISTS (SELECT 1 FROM work w WHERE w.emp = p.emp AND w.measure = {lit(by.measure)})"
        statements.append(_missing(number, f"nilai {by.measure} belum ada", lacks))
    return statements


def day_total(step: Step, parts: int) -> str:
    """SQL of what a day's events cost together, after the day's cap."""
    events = step.by.table
    larger = isinstance(events, Events) and events.late_and_early == "larger"
    total = "MAX(n)" if larger else "CAST(SUM(n) AS BIGINT)"
    return f"LEAST({total}, {in_parts(step.cap_day, parts)})" if step.cap_day is not None else total


def _by_day(step: Step) -> bool:
    """Whether what a day's events cost together is not the sum of what each costs."""
    return step.cap_day is not None or (isinstance(step.by.table, Events) and step.by.table.late_and_early == "larger")


def _days(step: Step, number: int, parts: int) -> str:
    return f"""
CREATE TABLE per_day_{number} AS
SELECT emp, day, CAST(SUM(n) AS BIGINT) AS n, {day_total(step, parts)} AS kept
FROM quantity_{number} GROUP BY emp, day
"""


def _result(step: Step, number: int, parts: int, numerator: int, whole: int) -> str:
    source = f"per_day_{number}" if _by_day(step) else f"quantity_{number}"
    counted = f"CAST(SUM({'kept' if _by_day(step) else 'n'}) AS BIGINT)"
    kept = f"LEAST({counted}, {in_parts(step.cap_month, parts)})" if step.cap_month is not None else counted
    result = rounded(f"t.counted * t.kept * {numerator}", whole, step.rounding.mode, step.rounding.unit)
    final = "LEAST(r.rounded, r.left_over)" if step.cap_running else "r.rounded"
    return f"""
CREATE TABLE result_{number} AS
SELECT r.*, {final} AS final
FROM (
    SELECT t.*, {result} AS rounded
    FROM (
        SELECT b.emp, b.base, b.counted, b.left_over, m.n, m.kept
        FROM base_{number} b
        JOIN (SELECT emp, {counted} AS n, {kept} AS kept FROM {source} GROUP BY emp) m ON m.emp = b.emp
    ) t
) r
"""


def _lines(step: Step, number: int, numerator: int, whole: int) -> str:
    """All lines but the rounding; the step's sign turns what it takes into minus rupiah."""

    def amount(base: str, n: str) -> str:
        return div(f"{base} * {n} * {numerator}", whole)

    def rows(sub: int, columns: str, n: str, rupiah: str, source: str) -> str:
        return (
            f"SELECT {number} AS step, {sub} AS sub, r.emp, {columns}, r.base, {n} * {numerator} AS numerator, "
            f"{whole} AS denominator, {step.sign} * ({rupiah}) AS rupiah FROM result_{number} r {source}"
        )

    main = "q.day, q.kind, q.minutes, q.mk, q.ref"
    found = [rows(MAIN, main, "q.n", amount("r.base", "q.n"), f"JOIN quantity_{number} q ON q.emp = r.emp")]
    if _by_day(step):
        over = "(d.n - d.kept)"
        source = f"JOIN per_day_{number} d ON d.emp = r.emp WHERE d.n > d.kept"
        found.append(rows(CAP_DAY, _alone("cap_day", "d.day"), over, f"-{amount('r.base', over)}", source))
    if step.cap_month is not None:
        over = "(r.n - r.kept)"
        found.append(rows(CAP_MONTH, _alone("cap_month"), over, f"-{amount('r.base', over)}", "WHERE r.n > r.kept"))
    if step.ceiling is not None:
        less = f"{amount('r.counted', 'r.kept')} - {amount('r.base', 'r.kept')}"
        found.append(rows(CEILING, _alone("ceiling"), "r.kept", less, "WHERE r.counted < r.base"))
    if step.cap_running:
        found.append(rows(CAP_LEFT, _alone("cap_left"), "0", "r.final - r.rounded", "WHERE r.final <> r.rounded"))
    return f"INSERT INTO line {' UNION ALL '.join(found)}"


def _worked_out(number: int) -> str:
    """The line of a step that pays and takes nothing: what it came to stands as its base."""
    return f"""
INSERT INTO line
SELECT {number}, {MAIN}, r.emp, {_alone("working")}, r.final, 1, 1, 0 FROM result_{number} r
"""


def _rounding(step: Step, number: int, numerator: int, whole: int) -> str:
    """What lacks to the rounded result, after the lines that lead to it."""
    return f"""
INSERT INTO line
SELECT {number}, {ROUNDING}, r.emp, {_alone("rounding")}, r.base, r.kept * {numerator}, {whole},
    {step.sign} * (r.rounded - l.rupiah)
FROM result_{number} r
JOIN (
    SELECT emp, CAST(SUM(rupiah) AS BIGINT) * {step.sign} AS rupiah
    FROM line WHERE step = {number} AND sub < {ROUNDING} GROUP BY emp
) l ON l.emp = r.emp
WHERE r.rounded <> l.rupiah
"""


def _alone(kind: str, day: str = "CAST(NULL AS BIGINT)") -> str:
    """The columns of a line that no single fact stands behind."""
    return f"{day} AS day, {lit(kind)} AS kind, 0 AS minutes, CAST(NULL AS BIGINT) AS mk, '' AS ref"
