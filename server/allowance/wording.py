"""The words of lines and days: texts of steps and events, references to marks, instants as local ISO 8601."""
# ruff: noqa: S608 (the pieces of SQL are this module's own; texts from regulations pass through lit)

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.regulation import Regulation
from server.attendance.calendar import EPOCH
from server.attendance.prepare import ordinal
from server.attendance.sql import div

KINDS: dict[str, tuple[str, str]] = {
    "amount": ("", ""),
    "working": ("", ""),
    "late": ("terlambat", "late"),
    "early": ("pulang sebelum waktunya", "left early"),
    "no_in": ("tidak merekam masuk", "no mark in"),
    "no_out": ("tidak merekam pulang", "no mark out"),
    "absent": ("tidak masuk tanpa keterangan", "absent without notice"),
    "cap_day": ("batas sehari", "cap for the day"),
    "cap_month": ("batas sebulan", "cap for the month"),
    "ceiling": ("batas dasar pengenaan", "ceiling of the base"),
    "rounding": ("pembulatan", "rounding"),
    "cap_left": ("tidak melebihi sisa tunjangan", "not more than the allowance left"),
}
"""Kind of a line → Indonesian, English. Kinds of dues and of excused days (`code:S`) stand for themselves."""


def register(con: duckdb.DuckDBPyConnection, regulation: Regulation, first: date, last: date) -> None:
    """The tables `label` (a step's words), `kind_label`, and `clock` and `any_day` for instants."""
    steps = regulation.steps
    con.register(
        "label",
        pa.table(
            {
                "step": pa.array(range(1, len(steps) + 1), pa.int64()),
                "step_id": pa.array([step.id for step in steps], pa.string()),
                "name": pa.array([step.name["id"] for step in steps], pa.string()),
                "article": pa.array([step.article for step in steps], pa.string()),
                "certainty": pa.array([step.certainty for step in steps], pa.string()),
                "account": pa.array([step.account for step in steps], pa.string()),
                "rounding": pa.array([f"{step.rounding.mode} {step.rounding.unit}" for step in steps], pa.string()),
            }
        ),
    )
    con.register("kind_label", pa.table({"kind": list(KINDS), "words": [words[0] for words in KINDS.values()]}))
    con.register("clock_in", _clock())
    con.execute("CREATE TABLE clock AS SELECT * FROM clock_in")
    days = [ordinal(first - timedelta(3)) + n for n in range((last - first).days + 7)]
    texts = [(EPOCH + timedelta(day)).isoformat() for day in days]
    con.register("any_day_in", pa.table({"day": pa.array(days, pa.int64()), "date_text": texts}))
    con.execute("CREATE TABLE any_day AS SELECT * FROM any_day_in")


@lru_cache(maxsize=1)
def _clock() -> pa.Table:
    """Each second of a day with its text."""
    seconds = pa.array(range(86400), pa.int64())
    two = pa.array([f"{n:02d}" for n in range(60)])
    hours = pc.binary_join_element_wise("T", two.take(pc.divide(seconds, 3600)), "")
    minutes, rest = (
        pc.subtract(part, pc.multiply(pc.divide(part, 60), 60)) for part in (pc.divide(seconds, 60), seconds)
    )
    texts = pc.binary_join_element_wise(hours, two.take(minutes), two.take(rest), ":")
    return pa.table({"second": seconds, "clock_text": texts})


def joins(seconds: str, day: str, clock: str, employee: str) -> str:
    """The joins that `instant` needs."""
    local = f"{seconds} + {employee}.utc_offset"
    return (
        f"LEFT JOIN any_day {day} ON {day}.day = {div(local, 86400)} "
        f"LEFT JOIN clock {clock} ON {clock}.second = ({local}) % 86400"
    )


def instant(seconds: str, day: str, clock: str, employee: str) -> str:
    """SQL of Unix seconds as local ISO 8601 with offset, NULL for NULL."""
    return f"{day}.date_text || {clock}.clock_text || {employee}.zone_text"


LINES = f"""
SELECT e.employee_id, CAST(d.date_text AS DATE) AS date, b.step_id AS step,
    CASE WHEN l.kind = '' THEN 'amount' ELSE l.kind END AS kind,
    CASE WHEN l.mk IS NOT NULL THEN COALESCE(m.ref, {instant("m.at_s", "fd", "fc", "e")} || COALESCE(' ' || m.site, ''))
        ELSE l.ref END AS fact,
    b.article, b.certainty, b.account, l.base, f.numerator, f.denominator, b.rounding, l.rupiah,
    b.name || CASE WHEN l.kind IN ('', 'working') THEN '' ELSE ': ' || COALESCE(k.words, l.kind) END
        || CASE WHEN l.minutes > 0 THEN ' ' || CAST(l.minutes AS VARCHAR) || ' menit' ELSE '' END AS text
FROM line l
JOIN emp e ON e.emp = l.emp
JOIN label b ON b.step = l.step
JOIN reduced f ON f.n = l.numerator AND f.d = l.denominator
LEFT JOIN kind_label k ON k.kind = l.kind
LEFT JOIN month_day d ON d.day = l.day
LEFT JOIN mark_in m ON m.mk = l.mk
{joins("m.at_s", "fd", "fc", "e")}
WHERE l.rupiah <> 0 OR l.kind = 'working'
ORDER BY l.emp, l.step, COALESCE(l.day, 99999999), l.sub, l.kind, l.minutes, fact, l.rupiah
"""
