"""Facts that nobody decided yet: what is paid is paid however they are decided, what waits depends on how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_month import CALENDAR, instant, near, random_regulation

from server.allowance.compute import Result, compute
from server.allowance.inputs import COLUMNS, Inputs
from server.allowance.oracle import Person, reckon
from server.allowance.regulation import Regulation, load
from server.allowance.undecided import Extreme
from server.allowance.ways import MARK
from server.attendance.calendar import Calendar
from server.month.undisputed import PARTIAL, reckoned_with

MONTH = "2026-10"
SHIPPED = ("ambon/2026.yaml", "tulang-bawang.yaml", "permentan-68-2012.yaml")
REGULATIONS = Path(__file__).parents[3] / "regulations"
OFFICE, NIGHT = (27000, 57600), (79200, 108000)
WIDTHS = (1, 59, 60, 61, 300, 1800, 1860, 3600, 14400, 36000, 50400)
PAPERS = ("leave", "orders", "corrections")
Rows = dict[str, list[dict[str, Any]]]
TOO_MANY = "terlalu banyak kemungkinan"


def employee(rng: Random, who: str, regulation: Regulation) -> dict[str, Any]:
    """Somebody employed for a few days of the month, so that little but the facts in question happens."""
    first = rng.choice((1, 5, 12, 26))
    return {
        "employee_id": who,
        "employment": "PNS",
        "unit": rng.choice(("kantor", "kantor", "jaga")),
        "zone": "WIT",
        "job_class": rng.choice(("7", "8")),
        "golongan": rng.choice(("II/a", "III/b", "IV/e")),
        "ptkp": rng.choice(("TK/0", "K/3")),
        "start_date": date(2026, 10, first),
        "end_date": date(2026, 10, first + rng.choice((0, 1, 4))),
        "other_gross": rng.choice((0, 5_000_000, 12_345_678)),
        "bpjs_base": rng.choice((0, 5_000_000)),
        "flags": rng.choice((None, None, None, "debt_a", "decision")),
        **{f"amount:{component.id}": rng.choice((1_234_567, 9_000_000)) for component in regulation.components},
    }


def undecided(rng: Random, people: int, regulation: Regulation) -> Inputs:
    """Each with up to four marks dated as intervals, and perhaps undecided documents."""
    rows: Rows = {name: [] for name in COLUMNS}
    for number in range(people):
        who = f"U{number:03d}"
        person = employee(rng, who, regulation)
        rows["employees"].append(person)
        if rng.random() < 0.8:
            rows["work"].append({"employee_id": who, "month": MONTH, "measure": "merit", "score": "90"})
            rows["work"].append({"employee_id": who, "month": MONTH, "measure": "productivity", "score": "90"})
        start, end = NIGHT if person["unit"] == "jaga" else OFFICE
        left = rng.randint(0, 3)
        for day in range(person["start_date"].day, person["end_date"].day + 1):
            for second in (start, end, *([rng.randint(start, end)] if rng.random() < 0.3 else [])):
                if rng.random() < 0.85:
                    at = instant(day, near(rng, second))
                    row = {"employee_id": who, "at": at, "entry": f"K01/{len(rows['marks'])}"}
                    if left and rng.random() < 0.5:
                        left -= 1
                        low = at - timedelta(seconds=rng.choice((0, 1, 60, 900, 7200)))
                        row |= {
                            "at": None,
                            "at_earliest": low,
                            "at_latest": low + timedelta(seconds=rng.choice(WIDTHS)),
                        }
                    rows["marks"].append(row)
            if rng.random() < 0.2:
                paper(rng, rows, who, day, start, end)
    tables = {}
    for name, kinds in COLUMNS.items():
        extra = {f"amount:{one.id}": pa.int64() for one in regulation.components} if name == "employees" else {}
        tables[name] = pa.table(
            {c: pa.array([row.get(c) for row in rows[name]], kind) for c, kind in {**kinds, **extra}.items()}
        )
    return Inputs(**tables, calendar=Calendar.parse(CALENDAR)).checked()


def paper(rng: Random, rows: Rows, who: str, day: int, start: int, end: int) -> None:
    name = rng.choice(PAPERS)
    document = f"D/{sum(len(rows[one]) for one in PAPERS)}"
    row = {"employee_id": who, "document": document, "status": rng.choice(("approved", "pending", "pending"))}
    row |= {"leave": {"kind": "annual"}, "orders": {"order_id": document}, "corrections": {"kind": "wfh"}}[name]
    begin = start + rng.choice((0, 0, -600, 5400, 16200))
    stop = rng.choice((end, begin + 9000, begin + 1))
    span = {"from": instant(day, begin).isoformat(), "to": instant(day, max(stop, begin + 1)).isoformat()}
    if rng.random() < 0.4:
        span = {"from": f"2026-10-{day:02d}", "to": f"2026-10-{min(31, day + rng.randint(0, 2)):02d}"}
    elif name == "corrections" and rng.random() < 0.5:
        span = {"from": instant(day, near(rng, rng.choice((start, end)))).isoformat()}
    rows[name].append(row | span)


def seconds(inputs: Inputs) -> dict[int, tuple[int, int]]:
    """Row of marks → the seconds between which it lies, of those dated as intervals."""
    return {
        place: (int(row["at_earliest"].timestamp()), int(row["at_latest"].timestamp()))
        for place, row in enumerate(inputs.marks.to_pylist())
        if row["at"] is None
    }


def decided(inputs: Inputs, dated: dict[int, int], approved: set[str]) -> Inputs:
    """The same facts with each mark at a second, and each document approved or rejected."""
    rows = inputs.marks.to_pylist()
    for place, second in dated.items():
        at = datetime.fromtimestamp(second, UTC)
        rows[place] |= {"at": at, "at_earliest": None, "at_latest": None}
    tables = {"marks": pa.Table.from_pylist(rows, schema=inputs.marks.schema)}
    for name in PAPERS:
        table = getattr(inputs, name)
        rows = table.to_pylist()
        for row in rows:
            if row["status"] == "pending":
                row["status"] = "approved" if row["document"] in approved else "rejected"
        tables[name] = pa.Table.from_pylist(rows, schema=table.schema)
    return replace(inputs, **tables)


def samples(rng: Random, inputs: Inputs, regulation: Regulation, count: int) -> Iterator[Inputs]:
    """Some of the ways in which everything may be decided, mostly with marks where something may change."""
    spans = seconds(inputs)
    rows = inputs.marks.to_pylist()
    known = [int((row["at"] or row["at_earliest"]).timestamp()) for row in rows]
    beside: dict[str, list[int]] = {}
    for row, second in zip(rows, known, strict=True):
        beside.setdefault(row["employee_id"], []).append(second)
    documents = [row["document"] for name in PAPERS for row in getattr(inputs, name).to_pylist()]
    for _ in range(count):
        dated: dict[int, int] = {}
        for place, (low, high) in spans.items():
            day = int(instant(1, 0).timestamp()) + 86400 * ((known[place] - int(instant(1, 0).timestamp())) // 86400)
            shift = day + rng.choice((*OFFICE, *NIGHT, NIGHT[1] - 86400, sum(OFFICE) // 2, sum(NIGHT) // 2))
            marks = beside[rows[place]["employee_id"]]
            moved = [dated.get(other, known[other]) for other in spans if other != place]
            choices = [low, high, rng.randint(low, high), near(rng, shift), shift + 60 * rng.randint(-100, 100)]
            repeat = rng.choice((0, regulation.day.repeat_s))
            choices.append(rng.choice([*marks, *moved]) + rng.choice((-1, 1)) * repeat + rng.choice((-1, 0, 1)))
            dated[place] = min(high, max(low, rng.choice(choices)))
        yield decided(inputs, dated, {one for one in documents if rng.random() < 0.5})


def outcome(person: Person) -> tuple[int, int, int, int, str]:
    return person.gross, person.deductions, person.dues, person.tax, person.status


def paid_out(person: Person) -> int:
    return person.net if person.status in ("payable", "forfeited") else 0


def holds(rng: Random, regulation: Regulation, people: int, count: int) -> Result:
    """The laws of this file for random people under a regulation; their month as computed."""
    inputs = undecided(rng, people, regulation)
    result = compute(inputs, regulation, MONTH)
    month = reckoned_with(result, {}, {})
    payments = {row["employee_id"]: row for row in month.payments.to_pylist()}
    standing = reckon(inputs, regulation, MONTH)
    unsettled = {who for who, row in payments.items() if TOO_MANY in row["reason"]} | result.open.keys()
    for other in samples(rng, inputs, regulation, count):
        for who, person in reckon(other, regulation, MONTH).items():
            if who not in unsettled:
                assert outcome(person) == outcome(standing[who]), (who, "is paid, though it depends")
            elif payments[who]["status"] == PARTIAL:
                assert payments[who]["net"] <= paid_out(person), (who, "is paid more in part than in the end")
            if who in result.open:
                least, _ = result.open[who]
                assert paid_out(person) >= (least.net if least.status in ("payable", "forfeited") else 0), who
    ends = [
        reckon(decided(inputs, *chosen([extremes[place] for extremes in result.open.values()])), regulation, MONTH)
        for place in (0, 1)
    ]
    for who, extremes in result.open.items():
        found = [end[who] for end in ends]
        assert outcome(found[0]) != outcome(found[1]), (who, "waits, though nothing depends on it")
        assert [(one.net, one.status) for one in found] == [(one.net, one.status) for one in extremes]
        if payments[who]["status"] == PARTIAL:
            assert payments[who]["net"] == found[0].net
    return month


def chosen(extremes: list[Extreme]) -> tuple[dict[int, int], set[str]]:
    """The marks' seconds and the approved documents of everybody's extreme."""
    facts = [(fact, value) for extreme in extremes for fact, value in extreme.facts.items()]
    dated = {fact.number: value for fact, value in facts if fact.kind == MARK}
    return dated, {fact.name.split()[-1] for fact, value in facts if fact.kind != MARK and value}


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_whatever_is_decided_changes_no_payment_and_what_waits_depends_on_it(seed: int) -> None:
    rng = Random(seed)
    with TemporaryDirectory() as folder:
        regulation = random_regulation(rng, Path(folder))
    holds(rng, regulation, people=25, count=12)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_regulations_pay_nothing_that_is_open(name: str) -> None:
    rng = Random(name)
    month = holds(rng, load(REGULATIONS / name), people=60, count=20)
    statuses = month.payments["status"].to_pylist()
    assert {"payable", PARTIAL} <= set(statuses)


def test_more_possibilities_than_are_tried_wait_whole_and_are_named() -> None:
    rng = Random(3)
    regulation = load(REGULATIONS / "permentan-68-2012.yaml")
    inputs = undecided(rng, 1, regulation)
    day = inputs.employees["start_date"][0].as_py().day
    marks = [
        {"employee_id": "U000", "entry": f"K01/{n}", "at_earliest": instant(day, 0), "at_latest": instant(day, 86399)}
        for n in range(6)
    ]
    table = pa.Table.from_pylist(marks, schema=inputs.marks.schema)
    employees = inputs.employees.set_column(
        inputs.employees.column_names.index("unit"), "unit", pa.array(["kantor"], pa.string())
    )
    calendar = Calendar.parse(CALENDAR)
    result = compute(replace(inputs, marks=table, employees=employees, calendar=calendar), regulation, MONTH)
    (row,) = reckoned_with(result, {}, {}).payments.to_pylist()
    assert row["status"] == "held"
    assert TOO_MANY in row["reason"]
    assert "K01/0, K01/1, K01/2, K01/3, K01/4, K01/5" in row["reason"]
