"""Random months under random regulations, for laws that must hold of all."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from server.allowance.inputs import COLUMNS, Inputs
from server.allowance.regulation import Regulation, load
from server.attendance.calendar import Calendar

REGULATIONS = Path(__file__).parents[2] / "regulations"
OFFSET = 9 * 3600
CALENDAR = """
format: 1
zone: WIT
holidays: [{date: 2026-10-06}]
shifts:
  office:
    hours:
      - {days: [mon, tue, wed, thu], start: "07:30", end: "16:00"}
      - {days: [fri], start: "07:30", end: "16:30"}
  night:
    holidays: false
    hours: [{days: [mon, wed, fri, sat], start: "22:00", end: "06:00", ends_next_day: true}]
default_shift: office
assignments:
  - {shift: night, units: [jaga]}
  - {shift: office, employees: [P003], from: 2026-10-10, to: 2026-10-20}
"""
RULES = """
format: 1
id: random
name: Random
source: made for the tests
from: 2026-01-01
uses: {tax: national/tax-final-2010.yaml, ter: national/tax-ter-2024.yaml, bpjs: national/bpjs.yaml}
day:
  in_window: {value: {from: [start, -1800], to: [end, IN_TO]}, certainty: A}
  out_window: {value: {from: [start, OUT_FROM], to: [end, 14400]}, certainty: A}
  out: {value: OUT, certainty: A}
  repeat_seconds: {value: REPEAT, certainty: A}
  lone_mark: {value: LONE, certainty: A}
  grace_seconds: {value: GRACE, certainty: A}
  early_grace_seconds: {value: EARLY_GRACE, certainty: A}
  minutes: {value: MINUTES, certainty: A}
  make_up_minutes: {value: MAKE_UP, certainty: A}
excuses:
  leave: {annual: C, sick: S}
  corrections: {wfh: WFH, other: H}
  orders: DL
  needs_document: true
  certainty: A
components: {a: {certainty: A}, b: {certainty: A}}
classes:
  - {class: 7, amounts: {a: 3_333_333, b: 777_777}, certainty: A}
  - {class: 8, amounts: {a: 4_000_001}, certainty: A}
tables:
  events:
    kind: events
    late: [{from: 1, to: 30, cost: "0.5 %"}, {from: 31, to: 60, cost: "1/70"}, {from: 61, cost: "2 %"}]
    early: [{from: 1, to: 45, cost: "1/300"}, {from: 46, cost: "2.25 %"}]
    no_in: "1.5 %"
    no_out: "2 %"
    absent: "3 %"
    codes: {S: "0.75 %"}
    late_and_early: TOGETHER
    certainty: A
  score:
    kind: bands
    bands: [{from: 0, rate: "50 %"}, {from: 60, rate: "85 %"}, {from: 90, rate: "100 %"}]
    certainty: A
groups:
  kept: [grant, outside, cut, merit_cut, banded_cut, gone, reduced]
  taxable: [kept]
  insured: [kept]
gates:
  - id: young
    effect: ineligible
    when: {employment: [PPPK], served_less_than_months: 12}
    name: {id: muda, en: young}
    certainty: A
  - id: cpns
    effect: ineligible
    when: {employment: [CPNS], appointed: false}
    name: {id: cpns, en: cpns}
    certainty: A
  - {id: debt, effect: hold, when: {flag: debt_a, not_flag: debt_b}, name: {id: utang, en: debt}, certainty: A}
  - {id: gone, effect: forfeit, when: {absent_run_at_least: 3}, name: {id: hangus, en: gone}, certainty: A}
  - id: reduced
    effect: reduce
    when: {flag: decision}
    fraction: "1/4"
    rounding: {mode: half_even, unit: 1}
    name: {id: potong, en: cut}
    certainty: A
steps:
  - id: grant
    name: {id: TPP, en: TPP}
    account: gross
    base: [a, b]
    each: true
    operation: add
    fraction: "9/7"
    rounding: {mode: MODE, unit: 10}
    certainty: A
  - id: outside
    name: {id: luar, en: outside}
    account: gross
    base: grant
    operation: subtract
    by: {not_employed: calendar_days}
    rounding: {mode: MODE, unit: 1}
    certainty: A
  - id: cut
    name: {id: potongan, en: cut}
    account: deduction
    base: {of: [grant, outside], fraction: "40 %"}
    operation: subtract
    by: {events: events}
    cap: CAP
    rounding: {mode: MODE, unit: UNIT}
    certainty: A
  - id: merit_cut
    name: {id: kinerja, en: merit}
    account: deduction
    base: a
    operation: subtract
    fraction: "60 %"
    by: {measure: merit, per: 100, shortfall: true, missing: MISSING}
    rounding: {mode: MODE, unit: 1}
    certainty: A
  - id: banded_cut
    name: {id: pita, en: bands}
    account: deduction
    base: b
    operation: subtract
    by: {measure: merit, bands: score, shortfall: true, missing: full}
    rounding: {mode: half_up, unit: 100}
    certainty: A
  - gate: gone
  - gate: reduced
  - use: bpjs
  - use: tax
  - use: ter
  - id: dues
    name: {id: iuran, en: dues}
    account: dues
    base: {rupiah: 1}
    operation: subtract
    by: {dues: DUES}
    cap: {amount: running}
    rounding: {mode: down, unit: 1}
    certainty: A
"""
CHOICES: dict[str, tuple[str, ...]] = {
    "IN_TO": ("0", "7200", "-14400"),
    "OUT_FROM": ("0", "-1800", "14400"),
    "OUT": ("first", "last", "last"),
    "REPEAT": ("0", "300", "1800"),
    "LONE": ("in", "out", "nearest", "none"),
    "EARLY_GRACE": ("0", "59"),
    "GRACE": ("0", "59", "900"),
    "MINUTES": ("completed", "started"),
    "MAKE_UP": ("0", "60"),
    "TOGETHER": ("sum", "larger"),
    "MODE": ("down", "up", "half_up", "half_even"),
    "CAP": ('{month: "100 %"}', '{day: "2 %", month: "5 %"}', '{day: "1/60"}', '{month: "7/100"}'),
    "UNIT": ("1", "100", "1000"),
    "MISSING": ("hold", "full", "zero"),
    "DUES": ("all", "[koperasi]"),
}


def random_regulation(rng: Random, folder: Path) -> Regulation:
    text = RULES
    for name in sorted(CHOICES, key=len, reverse=True):
        text = text.replace(name, rng.choice(CHOICES[name]))
    shutil.copytree(REGULATIONS / "national", folder / "national")
    path = folder / "random.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def instant(day: int, second: int) -> datetime:
    return datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=day - 1, seconds=second - OFFSET)


def near(rng: Random, second: int) -> int:
    """A second of the day near another one: often at a border, sometimes far away."""
    spread = rng.choice((0, 0, 59, 60, 61, 300, 301, 900, 1800, 1801, 1860, 3600, 5400, 20000))
    return second + rng.choice((-1, 1)) * rng.randint(0, spread) if rng.random() < 0.5 else second + spread


def random_inputs(rng: Random, people: int) -> Inputs:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    for number in range(people):
        who = f"P{number:03d}"
        night = rng.random() < 0.2
        rows["employees"].append(
            {
                "employee_id": who,
                "employment": rng.choice(("PNS", "PNS", "PPPK", "CPNS")),
                "unit": "jaga" if night else "kantor",
                "zone": "WIT",
                "job_class": rng.choice(("7", "8", "8", "9")),
                "golongan": rng.choice(("II/a", "III/b", "IV/e", None)),
                "ptkp": rng.choice(("TK/0", "K/3", "K/2", None)),
                "start_date": rng.choice((None, date(2020, 1, 1), date(2025, 10, 2), date(2026, 10, 12))),
                "end_date": rng.choice((None, None, None, date(2026, 10, 20))),
                "appointed_date": rng.choice((None, date(2026, 10, 1), date(2026, 10, 2))),
                "other_gross": rng.choice((0, 5_000_000, 12_345_678, None)),
                "bpjs_base": rng.choice((0, 5_000_000, 11_999_999, 13_000_000)),
                "flags": rng.choice((None, None, "debt_a", "debt_a,debt_b", "decision;other")),
                "amount:b": rng.choice((None, None, 1_234_567)),
            }
        )
        if rng.random() < 0.9:
            score = rng.choice(("100", "87.5", "90", "59.99", "0"))
            rows["work"].append({"employee_id": who, "month": "2026-10", "measure": "merit", "score": score})
        for kind in ("koperasi", "zakat"):
            if rng.random() < 0.3:
                rows["dues"].append({"employee_id": who, "kind": kind, "rupiah": rng.randint(1, 3_000_000)})
        start, end = (79200, 108000) if night else (27000, 57600)
        for day in range(1, 32):
            random_day(rng, rows, who, day, start, end)
    tables = {}
    for name, kinds in COLUMNS.items():
        extra = {"amount:b": pa.int64()} if name == "employees" else {}
        tables[name] = pa.table(
            {c: pa.array([row.get(c) for row in rows[name]], kind) for c, kind in {**kinds, **extra}.items()}
        )
    return Inputs(**tables, calendar=Calendar.parse(CALENDAR)).checked()


def random_day(rng: Random, rows: dict[str, list[dict[str, Any]]], who: str, day: int, start: int, end: int) -> None:
    if rng.random() < 0.05:
        random_paper(rng, rows, who, day, start, end)
    if rng.random() < 0.07:
        return
    marks = [near(rng, start)] if rng.random() < 0.95 else []
    marks += [near(rng, end)] if rng.random() < 0.95 else []
    marks += [rng.randint(0, 86399)] if rng.random() < 0.05 else []
    for second in marks:
        at = instant(day, second)
        row = {"employee_id": who, "at": at, "source": "kiosk", "entry": f"K01#{len(rows['marks'])}"}
        rows["marks"].append(row)
    if marks and rng.random() < 0.015:
        low = rows["marks"][-1]["at"]
        rows["marks"][-1] |= {
            "at": None,
            "at_earliest": low,
            "at_latest": low + timedelta(minutes=rng.choice((1, 5, 40, 600))),
        }


def random_paper(rng: Random, rows: dict[str, list[dict[str, Any]]], who: str, day: int, start: int, end: int) -> None:
    status = rng.choice(("approved", "approved", "approved", "rejected", "pending"))
    paper = {"employee_id": who, "document": rng.choice(("D/1", "D/2", None)), "status": status}
    if rng.random() < 0.5:
        last = min(31, day + rng.randint(0, 2))
        span = {"from": f"2026-10-{day:02d}", "to": f"2026-10-{last:02d}"}
    else:
        begin = start + rng.choice((0, 0, -600, 5400, 16200))
        stop = rng.choice((end, end, begin + 9000, begin + 1))
        span = {"from": instant(day, begin).isoformat(), "to": instant(day, max(stop, begin + 1)).isoformat()}
    table = rng.choice(("leave", "orders", "corrections"))
    if table == "corrections" and rng.random() < 0.4:
        span = {"from": instant(day, rng.choice((start, end))).isoformat()}
    kind = {"leave": ("annual", "sick", "unheard"), "orders": (None,), "corrections": ("wfh", "lupa")}[table]
    extra = {"kind": rng.choice(kind)} if kind[0] else {"order_id": "SPT"}
    rows[table].append({**paper, **span, **extra})
