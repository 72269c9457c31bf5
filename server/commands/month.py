"""Commands for the month: close."""

from __future__ import annotations

import argparse

from server.allowance import month
from server.commands.common import Commands, opened, rupiah, show_table, show_unresolved
from server.reports.safe import clean


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
    print(f"payable: {rupiah(summary['payable_net'])}")
    show_unresolved(done.unresolved)
    for note in done.notes:
        print(clean(note))
