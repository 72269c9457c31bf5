"""Times a month of allowance at growing sizes: `hadir tpp compute` from files to files, beside the row-by-row oracle.

Each size is a process of its own, so that its wall time, processor time and peak memory hold everything: the start of
Python, reading, computing, writing with every line. The oracle reckons a part of the same people in the same run, and
the two must agree.

python -m benchmarks.allowance_month --sizes 1000 7000 50000
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.csv

from server.allowance.compute import compute, month_span
from server.allowance.inputs import INSTANT, Inputs, empty
from server.allowance.oracle import reckon
from server.allowance.regulation import load
from server.attendance.calendar import Calendar, days_between

ROOT = Path(__file__).parents[1]
REGULATION = ROOT / "regulations" / "ambon" / "2026.yaml"
MONTH = "2026-10"
TABLES = ("employees", "marks", "leave", "work", "dues")


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


@dataclass(frozen=True)
class Run:
    """One run of the command. Seconds; `peak_mb` is the resident memory at its highest."""

    employees: int
    marks: int
    wall: float
    cpu: float
    peak_mb: int


def run(inputs: Inputs, folder: Path, repeat: int) -> Run:
    """The command on the inputs as files, the best of `repeat` runs."""
    for name in TABLES:
        pyarrow.csv.write_csv(getattr(inputs, name), folder / f"{name}.csv")
    words = [sys.executable, "-P", "-m", "server.allowance", "tpp", "compute"]
    words += ["--regulation", str(REGULATION), "--month", MONTH, "--out", str(folder / "out")]
    words += [word for name in TABLES for word in (f"--{name}", str(folder / f"{name}.csv"))]
    runs = [_measured(words) for _ in range(repeat)]
    walls, cpus, peaks = zip(*runs, strict=True)
    return Run(len(inputs.employees), len(inputs.marks), min(walls), min(cpus), max(peaks))


def _measured(words: list[str]) -> tuple[float, float, int]:
    """Wall and processor seconds and peak MB of a command that must succeed; what it prints goes nowhere."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    started = time.perf_counter()
    process = os.posix_spawn(words[0], words, environment, file_actions=quiet)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"the command failed with status {status}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def oracle(employees: int, calendar: Calendar) -> float:
    """Seconds of the oracle for an employee. Stops when the SQL comes to anything else."""
    few = make_inputs(employees, calendar).checked()
    regulation = load(REGULATION)
    started = time.perf_counter()
    slow = reckon(few, regulation, MONTH)
    seconds = time.perf_counter() - started
    quick = {row["employee_id"]: row["net"] for row in compute(few, regulation, MONTH).payments.to_pylist()}
    if quick != {who: person.net for who, person in slow.items()}:
        raise SystemExit("SQL and oracle disagree")
    return seconds / employees


def plot(runs: list[Run], each: float, path: Path) -> None:
    """Draw wall time over size, the oracle's beside it."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    sizes = [run.employees for run in runs]
    pyplot.plot(sizes, [run.wall for run in runs], "o-", label="hadir tpp compute, files to files")
    pyplot.plot(sizes, [each * size for size in sizes], "--", label="oracle, row by row (from a part)")
    pyplot.xlabel("employees")
    pyplot.ylabel("seconds")
    pyplot.yscale("log")
    pyplot.legend()
    pyplot.savefig(path, dpi=120)


def main() -> int:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 7000, 20000, 50000], metavar="N")
    parser.add_argument("--oracle", type=int, default=200, metavar="N", help="employees that the oracle reckons (200)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs of each size, of which the best (3)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the times (PNG, SVG)")
    options = parser.parse_args()
    calendar = load(REGULATION).calendar
    assert calendar
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; best of {options.repeat}")
    each = oracle(options.oracle, calendar)
    print("employees     marks  wall s   CPU s  ms each  peak MB  oracle s  times")
    runs = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            one = run(make_inputs(size, calendar), Path(folder), options.repeat)
        runs.append(one)
        print(
            f"{one.employees:>9} {one.marks:>9} {one.wall:>7.2f} {one.cpu:>7.2f} {1000 * one.wall / size:>8.3f} "
            f"{one.peak_mb:>8} {each * size:>9.1f} {each * size / one.wall:>6.0f}",
            flush=True,
        )
    print(f"oracle: {1000 * each:.2f} ms an employee, measured on {options.oracle}; both agree on them to the rupiah")
    if options.plot:
        plot(runs, each, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
