"""Day records in SQL: which marks count, what was required, late and early seconds, and the code of the recap.

Reads the tables emp, mark, excuse, month_day, shift_day, duty and reach; makes day_record. All times are Unix seconds
and days since 1970-01-01, so that every engine reckons alike.

An uncertain mark stands where `mark` has it; a `pending` mark and a document that is not `counted` are nothing.
"""
# ruff: noqa: S608 (the pieces of SQL are this module's own; texts from regulations pass through lit)

from __future__ import annotations

import duckdb

from server.attendance.calendar import SCOPES
from server.attendance.rules import DayRules
from server.attendance.sql import PACK, div, lit

ABSENT, OFF = "TK", "L"


def build_days(con: duckdb.DuckDBPyConnection, rules: DayRules) -> None:
    """Make `day_record` from the tables named above."""
    for statement in statements(rules):
        con.execute(statement)


def statements(rules: DayRules) -> list[str]:
    """The SQL in order; a table that is used no more goes before the next is made, so that memory stays low."""
    return [
        _roster(),
        _EMP_DAY,
        _seen(rules),
        _PIECE,
        _ISLAND,
        _EXCUSED,
        *_drop("piece"),
        _chosen(rules),
        *_drop("seen", "excused", "emp_day", "roster"),
        _record(rules),
        *_drop("island", "chosen"),
    ]


def _drop(*tables: str) -> list[str]:
    return [f"DROP TABLE {table}" for table in tables]


def _roster() -> str:
    """A person's shift on a date where an assignment fits: the last one that does."""
    fitting = [
        "SELECT e.emp, u.place, u.from_day, u.to_day FROM emp e "
        f"JOIN duty u ON u.col = {lit(column)} AND u.val = e.{column}"
        for column in SCOPES.values()
    ]
    return f"""
CREATE TABLE roster AS
SELECT r.emp, r.day, u.shift
FROM (
    SELECT f.emp, d.day, MAX(f.place) AS place
    FROM ({" UNION ALL ".join(fitting)}) f
    JOIN month_day d ON d.day BETWEEN f.from_day AND f.to_day
    GROUP BY f.emp, d.day
) r
JOIN (SELECT DISTINCT place, shift FROM duty) u ON u.place = r.place
"""


_EMP_DAY = """
CREATE TABLE emp_day AS
SELECT e.emp, d.day,
    s.start_l - e.utc_offset AS start_s, s.end_l - e.utc_offset AS end_s,
    s.in_from - e.utc_offset AS in_from, s.in_to - e.utc_offset AS in_to,
    s.out_from - e.utc_offset AS out_from, s.out_to - e.utc_offset AS out_to
FROM emp e
JOIN month_day d ON d.day BETWEEN e.first_day AND e.last_day
LEFT JOIN roster r ON r.emp = e.emp AND r.day = d.day
LEFT JOIN shift_day s ON s.shift = COALESCE(r.shift, d.shift) AND s.day = d.day
"""


_HITS = f"""
SELECT d.emp, d.day, m.mk,
    CASE WHEN m.at_s BETWEEN d.in_from AND d.in_to THEN m.at_s END AS in_at,
    CASE WHEN m.at_s BETWEEN d.out_from AND d.out_to THEN m.at_s END AS out_at
FROM (
    SELECT l.mk, l.emp, l.at_s, {div("l.local_s - l.second", 86400)} - r.k AS day
    FROM (
        SELECT a.mk, a.emp, a.at_s, a.at_s + e.utc_offset AS local_s, (a.at_s + e.utc_offset) % 86400 AS second
        FROM mark a JOIN emp e ON e.emp = a.emp
        WHERE a.pending = 0
    ) l JOIN reach r ON l.second BETWEEN r.first_second AND r.last_second
) m
JOIN emp_day d ON d.emp = m.emp AND d.day = m.day
WHERE m.at_s BETWEEN d.in_from AND d.in_to OR m.at_s BETWEEN d.out_from AND d.out_to
"""
"""Marks that fall into a window."""


def _seen(rules: DayRules) -> str:
    first = f"MIN(in_at * {PACK} + mk)"
    if rules.out == "last":
        return f"""
CREATE TABLE seen AS
SELECT emp, day, {first} AS first_key, MAX(out_at * {PACK} + mk) AS last_key
FROM ({_HITS}) hit GROUP BY emp, day
"""
    return f"""
CREATE TABLE seen AS
WITH hit AS ({_HITS})
SELECT h.emp, h.day, f.first_key, COALESCE(MIN(
    CASE WHEN f.first_key IS NULL OR h.out_at > {div("f.first_key", PACK)} + {rules.repeat_s}
    THEN h.out_at * {PACK} + h.mk END), MIN(h.out_at * {PACK} + h.mk)) AS last_key
FROM hit h JOIN (SELECT emp, day, {first} AS first_key FROM hit GROUP BY emp, day) f ON f.emp = h.emp AND f.day = h.day
GROUP BY h.emp, h.day, f.first_key
"""


_PIECE = """
CREATE TABLE piece AS
SELECT d.emp, d.day, x.x, x.code, x.document, d.start_s, d.end_s,
    CASE WHEN x.by_date = 1 THEN d.start_s ELSE GREATEST(x.a, d.start_s) END AS s,
    CASE WHEN x.by_date = 1 THEN d.end_s ELSE LEAST(x.b, d.end_s) END AS e
FROM excuse x JOIN emp_day d ON d.emp = x.emp
WHERE d.start_s IS NOT NULL AND x.counted = 1
    AND ((x.by_date = 1 AND d.day BETWEEN x.a AND x.b) OR (x.by_date = 0 AND x.a < d.end_s AND x.b > d.start_s))
"""

_ISLAND = """
CREATE TABLE island AS
SELECT emp, day, start_s, end_s, MIN(s) AS s, MAX(e) AS e
FROM (
    SELECT emp, day, start_s, end_s, s, e,
        SUM(fresh) OVER (PARTITION BY emp, day ORDER BY s, e, x ROWS UNBOUNDED PRECEDING) AS part
    FROM (
        SELECT emp, day, start_s, end_s, x, s, e,
            CASE WHEN s <= MAX(e) OVER (
                PARTITION BY emp, day ORDER BY s, e, x ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) THEN 0 ELSE 1 END AS fresh
        FROM piece
    ) marked
) numbered
GROUP BY emp, day, start_s, end_s, part
"""

_EXCUSED = """
CREATE TABLE excused AS
SELECT i.emp, i.day, i.excused_s, i.head_end, i.tail_start, c.code, c.document
FROM (
    SELECT emp, day, CAST(SUM(e - s) AS BIGINT) AS excused_s, MAX(CASE WHEN s = start_s THEN e END) AS head_end,
        MIN(CASE WHEN e = end_s THEN s END) AS tail_start
    FROM island GROUP BY emp, day
) i
JOIN (
    SELECT emp, day, code, document, ROW_NUMBER() OVER (PARTITION BY emp, day ORDER BY e - s DESC, x) AS place
    FROM piece
) c ON c.emp = i.emp AND c.day = i.day AND c.place = 1
"""


def _chosen(rules: DayRules) -> str:
    """Which visit is the mark-in, which the mark-out."""
    both = f"v.first_key IS NOT NULL AND v.last_key IS NOT NULL AND v.last_at > v.first_at + {rules.repeat_s}"
    as_in, as_out = {
        "in": ("v.first_key IS NOT NULL", "v.first_key IS NULL"),
        "out": ("v.last_key IS NULL", "v.last_key IS NOT NULL"),
        "nearest": (
            "v.first_key IS NOT NULL AND (v.last_key IS NULL OR v.first_at - v.need_from <= v.need_to - v.first_at)",
            "v.last_key IS NOT NULL AND (v.first_key IS NULL OR v.first_at - v.need_from > v.need_to - v.first_at)",
        ),
        "none": ("1 = 0", "1 = 0"),
    }[rules.lone_mark]
    return f"""
CREATE TABLE chosen AS
SELECT v.emp, v.day, v.start_s, v.end_s, v.excused_s, v.code, v.document,
    CASE WHEN v.paired = 1 OR ({as_in}) THEN v.first_at END AS in_at,
    CASE WHEN v.paired = 1 OR ({as_in}) THEN v.first_key % {PACK} END AS in_mk,
    CASE WHEN v.paired = 1 OR ({as_out}) THEN v.last_at END AS out_at,
    CASE WHEN v.paired = 1 OR ({as_out}) THEN v.last_key % {PACK} END AS out_mk
FROM (
    SELECT v.*, CASE WHEN {both} THEN 1 ELSE 0 END AS paired
    FROM (
        SELECT d.emp, d.day, d.start_s, d.end_s, s.first_key, s.last_key,
            {div("s.first_key", PACK)} AS first_at, {div("s.last_key", PACK)} AS last_at,
            COALESCE(x.excused_s, 0) AS excused_s, COALESCE(x.head_end, d.start_s) AS need_from,
            COALESCE(x.tail_start, d.end_s) AS need_to, x.code, x.document
        FROM emp_day d
        LEFT JOIN seen s ON s.emp = d.emp AND s.day = d.day
        LEFT JOIN excused x ON x.emp = d.emp AND x.day = d.day
    ) v
) v
"""


def _minutes(rules: DayRules, seconds: str) -> str:
    return div(seconds if rules.completed else f"{seconds} + 59", 60)


def _record(rules: DayRules) -> str:
    """Required seconds not covered before the first and after the last mark; then grace, making up, and the code."""
    made_up = f"d.late_raw <= {rules.make_up_s} AND d.out_at >= d.end_s + d.late_raw"
    late = f"CASE WHEN d.late_raw <= {rules.grace_s} OR ({made_up}) THEN 0 ELSE d.late_raw END"
    early = f"CASE WHEN d.early_raw <= {rules.early_grace_s} THEN 0 ELSE d.early_raw END"
    late_min, early_min = _minutes(rules, "d.late_g"), _minutes(rules, "d.early_g")
    return f"""
CREATE TABLE day_record AS
SELECT f.emp, f.day, f.start_s, f.end_s, f.required_s, f.in_at, f.in_mk, f.out_at, f.out_mk, f.document,
    f.absent, f.no_in, f.no_out, f.late_min, f.early_min,
    CASE WHEN f.no_in = 1 THEN f.required_s WHEN f.late_min > 0 THEN f.late_g ELSE 0 END AS late_s,
    CASE WHEN f.no_out = 1 THEN f.required_s WHEN f.early_min > 0 THEN f.early_g ELSE 0 END AS early_s,
    CASE WHEN f.start_s IS NULL THEN {lit(OFF)}
        WHEN f.required_s = 0 THEN f.code
        WHEN f.absent = 1 THEN {lit(ABSENT)}
        WHEN (f.no_in = 1 OR f.late_min > 0) AND (f.no_out = 1 OR f.early_min > 0) THEN 'TL+PSW'
        WHEN f.no_in = 1 OR f.late_min > 0 THEN 'TL'
        WHEN f.no_out = 1 OR f.early_min > 0 THEN 'PSW'
        ELSE 'H' END AS code,
    CASE WHEN f.start_s IS NOT NULL AND f.required_s = 0 THEN 1 ELSE 0 END AS excused
FROM (
    SELECT d.*,
        CASE WHEN d.required_s > 0 AND d.in_at IS NULL AND d.out_at IS NULL THEN 1 ELSE 0 END AS absent,
        CASE WHEN d.required_s > 0 AND d.in_at IS NULL AND d.out_at IS NOT NULL THEN 1 ELSE 0 END AS no_in,
        CASE WHEN d.required_s > 0 AND d.in_at IS NOT NULL AND d.out_at IS NULL THEN 1 ELSE 0 END AS no_out,
        CASE WHEN d.required_s > 0 AND d.in_at IS NOT NULL THEN {late_min} ELSE 0 END AS late_min,
        CASE WHEN d.required_s > 0 AND d.out_at IS NOT NULL THEN {early_min} ELSE 0 END AS early_min
    FROM (
        SELECT d.*, {late} AS late_g, {early} AS early_g
        FROM (
            SELECT c.*, COALESCE(c.end_s - c.start_s - c.excused_s, 0) AS required_s,
                GREATEST(0, LEAST(c.in_at, c.end_s) - c.start_s) - COALESCE(o.before_s, 0) AS late_raw,
                GREATEST(0, c.end_s - GREATEST(c.out_at, c.start_s)) - COALESCE(o.after_s, 0) AS early_raw
            FROM chosen c
            LEFT JOIN (
                SELECT i.emp, i.day, CAST(SUM(GREATEST(0, LEAST(i.e, c.in_at) - i.s)) AS BIGINT) AS before_s,
                    CAST(SUM(GREATEST(0, i.e - GREATEST(i.s, c.out_at))) AS BIGINT) AS after_s
                FROM island i JOIN chosen c ON c.emp = i.emp AND c.day = i.day
                GROUP BY i.emp, i.day
            ) o ON o.emp = c.emp AND o.day = c.day
        ) d
    ) d
) f
"""
