"""Facts made ready for the day records: numbered people and marks, excuses from leave, orders and corrections."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from server.attendance.calendar import EPOCH, Calendar, days_between
from server.attendance.rules import COUNTED, IGNORED, DayRules, Excuses, Window, status_of

Moment = Callable[[str, int, bool], int]
"""(ISO 8601 text, seconds east of UTC, whether it ends something) → Unix seconds."""


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Paper:
    """Leave, a duty order or a correction of one employee, as the computation uses it.

    `kind`: leave, order or correction. `by_date`: `begin` and `end` are days since 1970-01-01, both included, else
    Unix seconds. `counted`: decided. `mark`: not an excuse, but a mark at `begin`.
    """

    employee_id: str
    kind: str
    by_date: bool
    begin: int
    end: int
    code: str
    document: str
    counted: bool
    mark: bool
    what: str


def day_of(text: str) -> date:
    """A date written YYYY-MM-DD. Raises ValueError, in Indonesian, for anything else."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"'{text}' bukan tanggal (seperti 2026-10-05)")


def ordinal(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def papers(
    leave: pa.Table, orders: pa.Table, corrections: pa.Table, rules: Excuses, offsets: dict[str, int], moment: Moment
) -> tuple[list[Paper], list[tuple[str, str]]]:
    """All that excuses, and (employee, reason) of what cannot be read: those are held, not guessed."""
    found: list[Paper] = []
    faults: list[tuple[str, str]] = []
    kinds = (
        ("leave", leave, lambda row: rules.leave.get(row["kind"].lower(), rules.leave.get("other"))),
        ("order", orders, lambda row: rules.orders),
        (
            "correction",
            corrections,
            lambda row: rules.corrections.get(row["kind"].lower(), rules.corrections.get("other")),
        ),
    )
    for what, table, code_of in kinds:
        for row in table.to_pylist():
            who, status = row["employee_id"], status_of(row)
            if who not in offsets or status in IGNORED:
                continue
            name = f"{what} {row.get('order_id') or row['document'] or row.get('from') or row.get('date')}"
            code = code_of(row)
            if code is None:
                faults.append((who, f"{name}: jenis '{row['kind']}' tidak ada dalam peraturan"))
                continue
            try:
                begin, end, by_date, mark = span(row, offsets[who], moment, is_correction=what == "correction")
            except ValueError as cause:
                faults.append((who, f"{name}: {cause}"))
                continue
            counted = status in COUNTED and bool(row["document"] or not rules.needs_document)
            document = row["document"] or ""
            found.append(Paper(who, what, by_date, begin, end, code, document, counted, mark, name))
    # Of two that excuse equally much, leave names the day before an order, and an order before a correction.
    places = [kind[0] for kind in kinds]
    order = sorted(found, key=lambda p: (p.employee_id, places.index(p.kind), p.code, p.document, p.begin, p.end))
    return order, faults


def span(row: dict[str, Any], offset: int, moment: Moment, is_correction: bool = True) -> tuple[int, int, bool, bool]:
    """(begin, end, by date, is a mark) of a row with from and to, or (corrections) a date alone.

    `is_correction`: an instant alone is a mark. Raises ValueError, in Indonesian: it is the reason of a payment.
    """
    begin, end = row.get("from"), row.get("to")
    if begin is None:
        if row.get("date") is None:
            raise ValueError("tanpa tanggal mulai")
        return ordinal(row["date"]), ordinal(row["date"]), True, False
    if len(begin) == 10 and (end is None or len(end) == 10):
        first, last = day_of(begin), day_of(end or begin)
        if last < first:
            raise ValueError(f"berakhir {last}, sebelum mulai {first}")
        return ordinal(first), ordinal(last), True, False
    start = moment(begin, offset, False)
    if end is None and not is_correction:
        raise ValueError("tanpa waktu selesai")
    if end is None:
        return start, start, False, True
    stop = moment(end, offset, True)
    if stop <= start:
        raise ValueError(f"berakhir {end}, tidak setelah mulai {begin}")
    return start, stop, False, False


def register_papers(con: duckdb.DuckDBPyConnection, found: list[Paper], numbers: dict[str, int]) -> None:
    """The table `excuse`."""
    rows = [paper for paper in found if not paper.mark]
    con.register(
        "excuse_in",
        pa.table(
            {
                "x": pa.array(range(len(rows)), pa.int64()),
                "emp": pa.array([numbers[p.employee_id] for p in rows], pa.int64()),
                "by_date": pa.array([int(p.by_date) for p in rows], pa.int64()),
                "a": pa.array([p.begin for p in rows], pa.int64()),
                "b": pa.array([p.end for p in rows], pa.int64()),
                "code": pa.array([p.code for p in rows], pa.string()),
                "document": pa.array([p.document for p in rows], pa.string()),
                "counted": pa.array([int(p.counted) for p in rows], pa.int64()),
            }
        ),
    )
    con.execute("CREATE TABLE excuse AS SELECT * FROM excuse_in")


def register_calendar(
    con: duckdb.DuckDBPyConnection, calendar: Calendar, rules: DayRules, first: date, last: date
) -> None:
    """The tables `month_day` (with the default shift), `shift_day` (local seconds since 1970), `duty`, `reach`.

    `duty` says who has which shift, `reach` how many days after its date a shift's windows reach, and into which
    seconds of that day.
    """
    days = days_between(first, last)
    con.register(
        "month_day_in",
        pa.table(
            {
                "day": pa.array([ordinal(day) for day in days]),
                "date_text": [day.isoformat() for day in days],
                "shift": [calendar.default_shift] * len(days),
            }
        ),
    )
    con.execute("CREATE TABLE month_day AS SELECT * FROM month_day_in")
    rows = []
    reach: dict[int, tuple[int, int]] = {}
    for name in sorted(calendar.shifts):
        for day in days:
            span = calendar.shift_on(name, day)
            if span is None:
                continue
            bounds = {"start": span[0], "end": span[1]}
            windows = [_bounds(window, bounds) for window in (rules.in_window, rules.out_window)]
            number = ordinal(day)
            base = number * 86400
            edges = [base + edge for window in windows for edge in window]
            rows.append((name, number, base + span[0], base + span[1], *edges))
            _widen(reach, windows)
    columns = ("shift", "day", "start_l", "end_l", "in_from", "in_to", "out_from", "out_to")
    types = [pa.string(), *[pa.int64()] * 7]
    table = pa.table({c: pa.array([row[n] for row in rows], types[n]) for n, c in enumerate(columns)})
    con.register("shift_day_in", table)
    con.execute("CREATE TABLE shift_day AS SELECT * FROM shift_day_in")
    seconds = {
        "k": list(reach),
        "first_second": [a for a, _ in reach.values()],
        "last_second": [b for _, b in reach.values()],
    }
    con.register("reach_in", pa.table({name: pa.array(values, pa.int64()) for name, values in seconds.items()}))
    con.execute("CREATE TABLE reach AS SELECT * FROM reach_in")
    duties = []
    for place, entry in enumerate(calendar.assignments):
        begin, end = ordinal(max(entry.first, first)), ordinal(min(entry.last, last))
        duties += [(place, entry.column, value, entry.shift, begin, end) for value in entry.values]
    names = ("place", "col", "val", "shift", "from_day", "to_day")
    kinds = (pa.int64(), pa.string(), pa.string(), pa.string(), pa.int64(), pa.int64())
    con.register("duty_in", pa.table({c: pa.array([row[n] for row in duties], kinds[n]) for n, c in enumerate(names)}))
    con.execute("CREATE TABLE duty AS SELECT * FROM duty_in")


def _widen(reach: dict[int, tuple[int, int]], windows: list[tuple[int, int]]) -> None:
    """Days after a shift's date → the seconds of that day, first and last, in which a mark may belong to the shift."""
    for first, last in windows:
        for k in range(first // 86400, last // 86400 + 1):
            a, b = max(0, first - k * 86400), min(86399, last - k * 86400)
            before = reach.get(k, (a, b))
            reach[k] = (min(a, before[0]), max(b, before[1]))


def _bounds(window: Window, bounds: dict[str, int]) -> tuple[int, int]:
    return bounds[window.from_anchor] + window.from_s, bounds[window.to_anchor] + window.to_s
