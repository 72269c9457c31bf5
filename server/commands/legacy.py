"""Commands for the logs of old fingerprint machines: import, count, stop, list."""

from __future__ import annotations

import argparse
from pathlib import Path

from server.attendance import legacy
from server.commands.common import SHOWN, Commands, by, opened, show_table
from server.reports.safe import clean


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.group(
        "legacy", "Old fingerprint logs: import, count, stop, list.", "ACTION", "hadir server legacy list"
    )
    bring = group.add(
        "import",
        _import,
        "Record a log as unsigned marks; they count in no month yet.",
        "hadir server legacy import october.csv --map machine.yaml --by rina --dry-run",
    )
    bring.add_argument("file", type=Path, metavar="FILE", help="CSV or XLSX")
    bring.add_argument(
        "--map", type=Path, metavar="FILE", help="YAML: 'columns: {nip: NIP, at: Waktu}', people, format, zone, site"
    )
    bring.add_argument("--document", default="", help="what it rests on (default: the file's name)")
    bring.add_argument("--dry-run", action="store_true", help="report, and record nothing")
    by(bring)
    for name, command, text, more in (
        ("count", _count, "Let them count in a month; every report will say so.", ' --document "ND 12/2026"'),
        ("stop", _stop, "Let them count no longer.", ""),
    ):
        parser = group.add(name, command, text, f"hadir server legacy {name} 2026-10{more} --by joko")
        parser.add_argument("month", help="YYYY-MM")
        parser.add_argument("--document", default="", help="who says so")
        by(parser, "to count: another officer than those who imported them")
    group.add("list", _list, "Months with such marks, and whether they count.", "hadir server legacy list")


def _import(options: argparse.Namespace) -> None:
    parts = opened(options)
    told = legacy.read_log_map(options.map) if options.map else legacy.LogMap()
    with parts.database.write() as connection:
        done = legacy.import_log(
            connection,
            options.file,
            told,
            by=options.by,
            document=options.document,
            now_ms=parts.clock.now_ms(),
            dry_run=options.dry_run,
        )
    for note in done.notes:
        print(clean(f"{options.file.name}: {note}"))
    for who, rows in sorted(done.strangers.items())[:SHOWN]:
        print(clean(f"{options.file.name}: nobody known as {who!r}: {rows} rows left out"))
    show_table(
        "nothing was recorded" if options.dry_run else "recorded, unsigned",
        ("rows", "new", "known before", "of unknown people"),
        [(done.rows, done.new, done.known, sum(done.strangers.values()))],
    )
    for month, marks in sorted(done.months.items()):
        print(f"{month}: {marks} marks; they count when another officer says: hadir server legacy count {month}")


def _count(options: argparse.Namespace) -> None:
    _let(options, True)


def _stop(options: argparse.Namespace) -> None:
    _let(options, False)


def _let(options: argparse.Namespace, counts: bool) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        legacy.let_count(connection, options.month, counts, by=options.by, document=options.document, now_ms=now_ms)
    print(f"{options.month}: old logs {'count' if counts else 'do not count'}")


def _list(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        rows = legacy.listed(connection, parts.clock.now_ms())
    shown = [(month, marks, who, "yes" if counts else "no") for month, marks, who, counts in rows]
    show_table("unsigned marks", ("month", "marks", "people", "count"), shown)
