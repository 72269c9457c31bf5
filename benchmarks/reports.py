"""Times and sizes of a month's reports, format by format, for an agency of any size.

python -P benchmarks/reports.py --employees 200 7000
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from server.allowance.catalogue import Words
from server.allowance.compute import compute
from server.allowance.regulation import load
from server.reports.model import Meta, MonthReport, from_tables
from server.reports.write import FORMATS, write_reports

HERE = Path(__file__).parent
MEASURED = ("payments", "recap", "slips", "held")


def month_of(employees: int) -> MonthReport:
    """A computed month of one agency: the people of the allowance's benchmark, with names and numbers."""
    spec = importlib.util.spec_from_file_location("allowance_month", HERE / "allowance_month.py")
    assert spec
    assert spec.loader
    allowance = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = allowance  # its dataclasses look there
    spec.loader.exec_module(allowance)
    regulation = load(allowance.REGULATION)
    inputs = allowance.make_inputs(employees, regulation.calendar).checked()
    numbers = range(employees)
    named = {
        "nip": [f"19{70 + n % 30}{1 + n % 12:02d}12201001{1 + n % 2}{n % 10_000:03d}"[:18] for n in numbers],
        "name": [f"Pegawai Nomor {n}, S.Sos." for n in numbers],
        "account": [f"0102{n:08d}" for n in numbers],
        "npwp": [f"09.{n % 1000:03d}.456.7-941.000" for n in numbers],
        "agency": ["dinas"] * employees,
    }
    staff = inputs.employees
    for name, values in named.items():
        staff = staff.set_column(staff.column_names.index(name), name, pa.array(values))
    result = compute(inputs, regulation, allowance.MONTH)
    meta = Meta(allowance.MONTH, regulation.name, regulation.id, result.summary["engine"], "0" * 64, "closed")
    (report,) = from_tables(result.payments, result.lines, result.days, staff, meta, Words.of(result.summary))
    return report


def main() -> int:
    """Print a line for each size, format and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--employees", type=int, nargs="+", default=[200, 7000])
    parser.add_argument("--format", nargs="+", default=list(FORMATS))
    options = parser.parse_args()
    for employees in options.employees:
        started = time.process_time()
        report = month_of(employees)
        lines = sum(len(person.lines) for person in report.employees)
        print(f"{employees} employees, {lines} lines of rupiah: computed and read in {_since(started)}")
        for form in options.format:
            names = [[name] for name in MEASURED] if form != "html" else [list(MEASURED)]
            for chosen in names:
                _time(report, form, chosen)
    print(f"peak of memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    return 0


def _time(report: MonthReport, form: str, names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        started = time.process_time()
        written = write_reports([report], Path(directory), formats=[form], names=names)
        size = sum(path.stat().st_size for path in written)
        what = names[0] if len(names) == 1 else "all"
        print(f"  {form:5} {what:10} {_since(started):>10} {size / 1e6:8.2f} MB in {len(written)} files")


def _since(started: float) -> str:
    return f"CPU {time.process_time() - started:.2f} s"


if __name__ == "__main__":
    sys.exit(main())
