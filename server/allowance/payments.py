"""From day records to payments: the regulation's steps taken, who waits and why, payments, lines and days as tables.

Reads the tables emp, work, due and day_record; lines and days also mark_in and month_day.
"""
# ruff: noqa: S608 (the pieces of SQL are this module's own; texts from regulations pass through lit)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date
from math import gcd

import duckdb
import pyarrow as pa

from server.allowance import wording
from server.allowance.conditions import condition, unknown
from server.allowance.regulation import WORKING, Regulation
from server.allowance.steps import EVENT, NAMED, Month, run_step
from server.attendance.sql import lit
from server.errors import RegulationError

PAYABLE, HELD, INELIGIBLE, FORFEITED = "payable", "held", "ineligible", "forfeited"

_LINE = """
CREATE TABLE line (
    step BIGINT, sub BIGINT, emp BIGINT, day BIGINT, kind VARCHAR, minutes BIGINT, mk BIGINT, ref VARCHAR,
    base BIGINT, numerator BIGINT, denominator BIGINT, rupiah BIGINT
)
"""


@dataclass(frozen=True)
class Payment:
    """What is paid to a person, rupiah. `emp`: the number in the table emp; the rest are the columns of payments."""

    emp: int
    employee_id: str
    gross: int
    deductions: int
    dues: int
    tax: int
    net: int
    status: str
    reason: str


def reckon(con: duckdb.DuckDBPyConnection, regulation: Regulation, month: Month) -> None:
    """Take the regulation's steps. Raises RegulationError where a step comes to more than can be reckoned."""
    con.execute(EVENT)
    _person(con, regulation, month.first, month.last)
    con.execute(_LINE)
    con.execute("CREATE TABLE missing (emp BIGINT, reason VARCHAR)")
    asking = [(one.when, one.name["id"]) for one in regulation.gates]
    asking += [(one.when, one.name["id"]) for one in regulation.steps]
    for when, name in asking:
        for column, lacks in unknown(when, month.first):
            reason = lit(f"{NAMED.get(column, column)} belum ada: {name}")
            con.execute(f"INSERT INTO missing SELECT p.emp, {reason} FROM person p WHERE p.eligible = 1 AND {lacks}")
    made: dict[str, tuple[int, int]] = {}
    for number, step in enumerate(regulation.steps, 1):
        try:
            run_step(con, step, number, made, month)
        except duckdb.OutOfRangeException:
            raise RegulationError(
                f"{regulation.path.name}: step {step.id} comes to more than can be reckoned; look at its fraction, and "
                "at amounts and scores with digits too many"
            ) from None


def _person(con: duckdb.DuckDBPyConnection, regulation: Regulation, first: date, last: date) -> None:
    """`person`: the people with their counts of absence, days outside the employment, and whether they are eligible."""
    con.execute("""
CREATE TABLE absence AS
SELECT c.emp, CAST(SUM(c.days) AS BIGINT) AS absent_days, MAX(c.days) AS absent_run
FROM (
    SELECT emp, part, CAST(SUM(absent) AS BIGINT) AS days
    FROM (
        SELECT emp, absent, SUM(1 - absent) OVER (PARTITION BY emp ORDER BY day ROWS UNBOUNDED PRECEDING) AS part
        FROM day_record WHERE code <> 'L'
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


def waiting(con: duckdb.DuckDBPyConnection, regulation: Regulation, month: Month) -> dict[int, list[str]]:
    """Employee number → why the payment is held whatever is undecided, in a fixed order."""
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
    for (emp,) in con.execute("SELECT emp FROM line GROUP BY emp HAVING SUM(rupiah) < 0 ORDER BY emp").fetchall():
        reasons[emp].append("jumlah yang diterima kurang dari nol")
    return reasons


def payments(
    con: duckdb.DuckDBPyConnection, regulation: Regulation, first: date, reasons: Mapping[int, Sequence[str]]
) -> list[Payment]:
    """Everybody's payment, in order of employee_id; held where there are `reasons`."""
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
GROUP BY p.emp, p.employee_id, p.eligible, p.days_out ORDER BY p.employee_id, p.emp
""").fetchall()
    shut = _gate_reasons(con, regulation, first)
    forfeited = _forfeits(con, regulation)
    found = []
    for emp, who, eligible, _, gross, deductions, dues, tax, net in rows:
        if not eligible:
            status, texts = INELIGIBLE, shut.get(emp, ["di luar masa kerja sepanjang bulan"])
        elif reasons.get(emp):
            status, texts = HELD, list(reasons[emp])
        elif emp in forfeited:
            status, texts = FORFEITED, forfeited[emp]
        else:
            status, texts = PAYABLE, []
        found.append(Payment(emp, who, gross, deductions, dues, tax, net, status, "; ".join(texts)))
    return found


def table_of(found: Sequence[Payment]) -> pa.Table:
    """Payments as a table."""
    names = [column.name for column in fields(Payment)][1:]
    kinds = [pa.int64() if column.type == "int" else pa.string() for column in fields(Payment)][1:]
    columns = list(zip(*(astuple(one)[1:] for one in found), strict=True)) or [()] * len(names)
    return pa.table({name: pa.array(columns[place], kinds[place]) for place, name in enumerate(names)})


def lines_and_days(con: duckdb.DuckDBPyConnection, regulation: Regulation, month: Month) -> tuple[pa.Table, pa.Table]:
    """The tables of lines, in the order in which a person reads them, and of days."""
    wording.register(con, regulation, month.first, month.last)
    pairs = con.execute(
        "SELECT DISTINCT numerator, denominator FROM line WHERE rupiah <> 0 OR kind = 'working'"
    ).fetchall()
    shared = [(n, d, n // gcd(n, d), d // gcd(n, d)) for n, d in pairs]
    names = ("n", "d", "numerator", "denominator")
    columns = {name: pa.array([row[place] for row in shared], pa.int64()) for place, name in enumerate(names)}
    con.register("reduced", pa.table(columns))
    return con.sql(wording.LINES).to_arrow_table(), con.sql(_DAYS).to_arrow_table()


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
ORDER BY r.emp, r.day
"""
