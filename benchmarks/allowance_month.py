"""Times a month of allowance: marks to payments with every line, beside the row-by-row oracle on a part of it.

python -P benchmarks/allowance_month.py --employees 7000 --oracle 200
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from datetime import date
from pathlib import Path
from random import Random

import pyarrow as pa

from server.allowance.compute import compute, month_span
from server.allowance.inputs import INSTANT, Inputs, empty
from server.allowance.oracle import reckon
from server.allowance.regulation import load
from server.attendance.calendar import Calendar, days_between

REGULATION = Path(__file__).parents[1] / "regulations" / "ambon" / "2026.yaml"
MONTH = "2026-10"


def make_inputs(employees: int, calendar: Calendar, seed: int = 1) -> Inputs:
    """A plain month: habits of lateness and early leave, absences, leave, scores and dues."""
    rng = Random(seed)  # noqa: S311 (invents people, keeps no secret)
    ids = [f"E{n:06d}" for n in range(employees)]
    first, last = month_span(MONTH)
    who, at = [], []
    leave: dict[str, list[str]] = {"employee_id": [], "kind": [], "from": [], "to": [], "document": [], "status": []}
    for employee in ids:
        habit = rng.gauss(-900, 700)
        for day in days_between(first, last):
            shift = calendar.shift_on("office", day)
            chance = rng.random()
            if shift is None or chance < 0.01:
                continue
            if chance < 0.04:
                row = (employee, "annual", day.isoformat(), day.isoformat(), "SC", "approved")
                for column, value in zip(leave, row, strict=True):
                    leave[column].append(value)
                continue
            midnight = (day - date(1970, 1, 1)).days * 86400 - 9 * 3600
            for second in (shift[0] + rng.gauss(habit, 500), shift[1] + rng.gauss(500, 400)):
                who.append(employee)
                at.append(int(midnight + second) * 1_000_000)
    people = {
        "employee_id": ids,
        "employment": [rng.choice(("PNS", "PNS", "PPPK")) for _ in ids],
        "job_class": [str(rng.randint(3, 12)) for _ in ids],
        "golongan": [rng.choice(("II/c", "III/b", "IV/a")) for _ in ids],
        "ptkp": [rng.choice(("TK/0", "K/1", "K/3")) for _ in ids],
        "other_gross": pa.array([rng.randint(3_000_000, 9_000_000) for _ in ids], pa.int64()),
        "bpjs_base": pa.array([rng.randint(3_000_000, 9_000_000) for _ in ids], pa.int64()),
    }
    scores = [str(rng.randint(70, 100)) for _ in ids]
    work = {"employee_id": ids, "month": [MONTH] * employees, "measure": ["productivity"] * employees, "score": scores}
    dues = {"employee_id": ids, "kind": ["korpri"] * employees, "rupiah": pa.array([10_000] * employees, pa.int64())}
    return Inputs(
        employees=pa.table(people),
        marks=pa.table({"employee_id": who, "at": pa.array(at, INSTANT)}),
        leave=pa.table(leave),
        orders=empty("orders"),
        corrections=empty("corrections"),
        work=pa.table(work),
        dues=pa.table(dues),
        calendar=calendar,
    )


def main() -> int:
    """Print the times, the ratio and the peak of memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--employees", type=int, default=7000)
    parser.add_argument("--oracle", type=int, default=200, help="employees that the oracle reckons too")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    regulation = load(REGULATION)
    assert regulation.calendar
    inputs = make_inputs(options.employees, regulation.calendar)
    before = _peak_mb()
    best, cpu = 1e9, 1e9
    for _ in range(options.repeat):
        started, burnt = time.perf_counter(), time.process_time()
        result = compute(inputs, regulation, MONTH)
        best, cpu = min(best, time.perf_counter() - started), min(cpu, time.process_time() - burnt)
    print(f"{options.employees} employees, {len(inputs.marks)} marks, {len(result.lines)} lines of rupiah")
    print(f"SQL: {best:.2f} s (CPU {cpu:.2f} s), best of {options.repeat}; peak {_peak_mb()} MB, {before} MB before")
    part = min(options.oracle, options.employees)
    few = make_inputs(part, regulation.calendar).checked()
    started = time.perf_counter()
    slow = reckon(few, regulation, MONTH)
    seconds = time.perf_counter() - started
    quick = {row["employee_id"]: row["net"] for row in compute(few, regulation, MONTH).payments.to_pylist()}
    assert quick == {who: person.net for who, person in slow.items()}, "SQL and oracle disagree"
    whole = seconds * options.employees / part
    print(f"oracle: {seconds:.2f} s for {part} employees, so {whole:.0f} s for all: {whole / best:.0f} times as long")
    return 0


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
