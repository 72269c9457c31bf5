"""Commands for the month: close, report."""

from __future__ import annotations

import argparse
from pathlib import Path

from server.allowance import month
from server.commands.common import SHOWN, Commands, opened, show_table, shown_time
from server.errors import Refused
from server.reports.model import Meta, from_tables
from server.reports.safe import clean
from server.reports.write import FORMATS, write_reports


def register(commands: Commands) -> None:
    """Add the commands."""
    shut = commands.add(
        "close",
        _close,
        "Compute a month and store it; closed ones stay as they are.",
        'hadir server close 2026-10 --by rina --decree "Keputusan Wali Kota 12/2026"',
    )
    shut.add_argument("month", help="YYYY-MM")
    shut.add_argument("--agency", default="", help="only this agency (default: all)")
    shut.add_argument("--decree", default="", help="what adopts the regulation's values without a source")
    shut.add_argument("--by", default="", metavar="OFFICER", help="the officer who closes; a draft needs none")
    shut.add_argument("--draft", action="store_true", help="look at it before it has ended or is decided")
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


def _close(options: argparse.Namespace) -> None:
    parts = opened(options)
    order = month.Close(options.month, options.agency, options.decree, options.by, options.draft)
    done = month.close(parts, order)
    summary = done.result.summary
    show_table(
        f"{options.month}: run {done.run}, {done.state}",
        ("status", "employees"),
        ((status, count) for status, count in summary["status"].items()),
    )
    paid = done.result.payments.to_pylist()
    net = sum(row["net"] for row in paid if row["status"] == "payable")
    print(f"payable: Rp{net:,}".replace(",", "."))
    if done.unresolved:
        rows = [tuple(row.values()) for row in done.unresolved]
        show_table(
            f"waiting for an answer: {len(rows)}" + (f", the first {SHOWN}" if len(rows) > SHOWN else ""),
            ("employee", "what", "reason"),
            rows[:SHOWN],
        )
    for note in done.notes:
        print(clean(note))


def _report(options: argparse.Namespace) -> None:
    parts = opened(options)
    formats = options.format.split(",")
    if unknown := [name for name in formats if name not in FORMATS]:
        raise Refused(f"--format {unknown[0]!r} is none of {', '.join(FORMATS)}")
    written: list[Path] = []
    with parts.database.read() as connection:
        runs = month.latest_runs(connection, options.month, options.agency)
        tables = [
            {name: month.table_of(connection, run["run"], name) for name in ("payments", "lines", "days", "employees")}
            for run in runs
        ]
    for run, held in zip(runs, tables, strict=True):
        meta = Meta(
            month=options.month,
            regulation=run["regulation_name"],
            regulation_version=run["regulation_version"],
            engine_version=run["engine_version"],
            input_hash=run["input_hash"],
            status=run["state"],
            government=parts.config.government,
            place=parts.config.place,
            signatories={"" if agency == "all" else agency: who for agency, who in parts.config.signatories.items()},
            notes=(*month.notes_of(run), f"cutoff {shown_time(run['cutoff_ms'])}"),
        )
        reports = from_tables(held["payments"], held["lines"], held["days"], held["employees"], meta)
        if options.agency:
            reports = [report for report in reports if report.agency.id == options.agency]
        written += write_reports(reports, options.out, (options.language or parts.config.language,), formats)
    for path in written:
        print(path)
