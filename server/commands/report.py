"""Commands that write what a month came to: its reports, and an old list beside it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server.allowance import month
from server.allowance.catalogue import Words
from server.commands.common import WIT, Commands, opened
from server.commands.lists import beside
from server.comparison.command import compared, options_of
from server.comparison.options import add_options
from server.comparison.ours import our_people
from server.comparison.values import OurPerson
from server.errors import Refused
from server.month import steps
from server.reports.model import Agency, Assumed, Meta, MonthReport, Note, from_tables
from server.reports.write import FORMATS, REPORTS, write_reports
from server.services import Services

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
    with parts.database.read() as connection:
        reports = _reports(connection, parts, options.month, options.agency)
    reports = beside(parts, reports, names)
    for path in write_reports(reports, options.out, (options.language or parts.config.language,), formats, names):
        print(path)


def _reports(connection: Connection, parts: Services, which: str, agency: str) -> list[MonthReport]:
    """A month of each agency, or of one, as it was stored."""
    reports: list[MonthReport] = []
    for run in month.latest_runs(connection, which, agency):
        payments, lines, days, employees = (month.table_of(connection, run["run"], name) for name in _TABLES)
        summary = month.summary_of(connection, run["run"])
        meta = _meta(connection, parts, run, summary)
        reports += from_tables(payments, lines, days, employees, meta, Words.of(summary))
    return [report for report in reports if not agency or report.agency.id == agency]


def _meta(connection: Connection, parts: Services, run: Mapping[str, Any], summary: Mapping[str, Any]) -> Meta:
    state = next(
        (row["state"] for row in reversed(steps.history(connection, run["month"])) if row["run"] == run["run"]),
        run["state"],
    )
    return Meta(
        month=run["month"],
        regulation=run["regulation_name"],
        regulation_version=run["regulation_version"],
        engine_version=run["engine_version"],
        input_hash=run["input_hash"],
        status=state,
        government=parts.config.government,
        place=parts.config.place,
        signatories={"" if agency == "all" else agency: who for agency, who in parts.config.signatories.items()},
        notes=tuple(Note(note["id"], note["en"]) for note in month.notes_of(run)),
        known_at=datetime.fromtimestamp(run["cutoff_ms"] / 1000, WIT),
        decree=run["decree"],
        assumed=tuple(Assumed(**value) for value in summary.get("assumed", ())),
    )


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
        meta = _meta(connection, parts, runs[-1], summary)
    if options.agency:
        people = [person for person in people if person.agency == options.agency]
    agency = Agency(options.agency, options.agency) if options.agency else None
    return compared(options_of(options, parts.config.language), people, meta, agency, summaries)
