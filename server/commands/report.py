"""Commands that write what a month came to: its reports, and an old list beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from server.allowance import month
from server.commands.common import Commands, opened
from server.comparison.command import compared, options_of
from server.comparison.options import add_options
from server.comparison.ours import our_people
from server.comparison.values import OurPerson
from server.errors import Refused
from server.reports.gathered import month_reports
from server.reports.model import Agency
from server.reports.stored import meta_of
from server.reports.write import FORMATS, REPORTS, write_reports

_TABLES = ("payments", "lines", "days", "employees")


def register(commands: Commands) -> None:
    """Add the commands."""
    report = commands.add(
        "report",
        _report,
        "Write the reports of a computed month.",
        "hadir server report 2026-10 --out reports --language id --format pdf,xlsx",
    )
    report.add_argument("month", help="YYYY-MM")
    report.add_argument("--agency", default="", help="only this agency (default: all)")
    report.add_argument("--out", type=Path, required=True, metavar="DIR")
    report.add_argument("--language", choices=("id", "en"), help="default: the configuration's")
    report.add_argument("--format", default=",".join(FORMATS), help=f"of {','.join(FORMATS)} (default: all)")
    report.add_argument(
        "--only", default="", metavar="REPORTS", help=f"of {','.join(REPORTS)} (default: all there are)"
    )
    report.add_argument("--by", default="", help="read as this officer may (default: as the terminal)")
    compare = commands.add(
        "compare",
        _compare,
        "Explain each difference from an office's old list.",
        "hadir server compare 2026-10 old.csv --map names.yaml --out comparison",
    )
    compare.add_argument("month", help="YYYY-MM")
    add_options(compare)
    compare.add_argument("--agency", default="", help="only this agency (default: all)")


def _report(options: argparse.Namespace) -> None:
    parts = opened(options)
    formats = options.format.split(",")
    if unknown := [name for name in formats if name not in FORMATS]:
        raise Refused(f"--format {unknown[0]!r} is none of {', '.join(FORMATS)}")
    names = options.only.split(",") if options.only else list(REPORTS)
    if unknown := [name for name in names if name not in REPORTS]:
        raise Refused(f"--only {unknown[0]!r} is none of {', '.join(REPORTS)}")
    reports, names = month_reports(parts, options.month, names, agency=options.agency, by=options.by)
    for path in write_reports(reports, options.out, (options.language or parts.config.language,), formats, names):
        print(path)


def _compare(options: argparse.Namespace) -> int:
    parts = opened(options)
    people: list[OurPerson] = []
    summaries = []
    with parts.database.read() as connection:
        runs = month.latest_runs(connection, options.month, options.agency)
        for run in runs:
            payments, lines, days, employees = (month.table_of(connection, run["run"], name) for name in _TABLES)
            summary = month.summary_of(connection, run["run"])
            people += our_people(payments, lines, days, summary, employees)
            summaries.append(summary)
        meta = meta_of(connection, parts, runs[-1], summary)
    if options.agency:
        people = [person for person in people if person.agency == options.agency]
    agency = Agency(options.agency, options.agency) if options.agency else None
    return compared(options_of(options, parts.config.language), people, meta, agency, summaries)
