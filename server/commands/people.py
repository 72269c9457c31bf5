"""Commands for people: officer, import, export."""

from __future__ import annotations

import argparse
from pathlib import Path

from server.commands.common import SHOWN, Commands, by, day, instant, opened, show_table
from server.enrolment import service as enrolment
from server.errors import ImportFailed
from server.people import exporting, grants, importing
from server.people import service as people
from server.people.mapping import ColumnMapping
from server.reports.safe import clean


def register(commands: Commands) -> None:
    """Add the commands."""
    officer = commands.add(
        "officer", _officer, "Add somebody who acts on the server.", 'hadir server officer rina --name "Rina L."'
    )
    officer.add_argument("id")
    officer.add_argument("--name", required=True)
    officer.add_argument("--role", choices=tuple(grants.ROLES), default=grants.HR, help="granted at once (default: hr)")
    officer.add_argument("--agency", default="", help="for which agency the role is (default: all)")
    officer.add_argument("--employee", default="", help="the officer's own employee id, who never approves oneself")
    officer.add_argument("--by", default=grants.CONSOLE, metavar="OFFICER", help="an admin; none while there is none")
    bring = commands.add(
        "import",
        _import,
        "Import employees, leave, orders, work, dues, calendar, …",
        "hadir server import october/ --by rina --dry-run",
    )
    bring.add_argument(
        "files", nargs="+", type=Path, metavar="PATH", help="a directory, or files named employees.csv …"
    )
    by(bring)
    bring.add_argument("--document", default="", help="what the facts rest on (default: the file's name)")
    bring.add_argument("--valid-from", type=day, metavar="DATE", help="employees as they are from this day on")
    bring.add_argument("--map", type=Path, metavar="FILE", help="YAML: what the files' columns are called here")
    bring.add_argument("--dry-run", action="store_true", help="report, and record nothing")
    out = commands.add(
        "export",
        _export,
        "Write facts in the files that an import takes.",
        "hadir server export --out facts --agency dukcapil --format xlsx --by rina",
    )
    out.add_argument("--out", type=Path, required=True, metavar="DIR")
    out.add_argument("--agency", default="", help="and those below it (default: all)")
    out.add_argument("--format", dest="form", choices=exporting.FORMATS, default="csv")
    out.add_argument("--as-of", type=instant, metavar="TIME", help="as known then, with offset (default: now)")
    by(out)


def _officer(options: argparse.Namespace) -> None:
    parts = opened(options)
    officer = people.Officer(options.id, options.name, options.role, options.employee)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        grants.may_administer(connection, options.by, now_ms, options.agency)
        people.add_officer(connection, officer, now_ms)
        grants.give(
            connection,
            officer.id,
            officer.role,
            agency=options.agency,
            valid_from=people.local_day(now_ms),
            by=options.by,
            now_ms=now_ms,
        )
    print(f"added {officer.id}, {officer.role} for {options.agency or 'all agencies'}")


def _export(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        written = exporting.export(
            connection,
            options.out,
            agency=options.agency,
            form=options.form,
            as_of_ms=now_ms if options.as_of is None else options.as_of,
            by=options.by,
            now_ms=now_ms,
        )
    for path in written:
        print(path)


def _import(options: argparse.Namespace) -> None:
    parts = opened(options)
    files = importing.files_of(options.files)
    mapping = ColumnMapping.load(options.map) if options.map else None
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        reports = importing.import_files(
            connection,
            files,
            by=options.by,
            document=options.document,
            now_ms=now_ms,
            valid_from=options.valid_from,
            columns=mapping,
            dry_run=options.dry_run,
        )
        wrong = sum(len(report.problems) for report in reports)
        if not options.dry_run and not wrong:
            enrolment.refresh(connection, parts.keyring.gallery, now_ms)
    for report in reports:
        for text in (*report.problems, *report.notes):
            print(clean(f"{report.path.name}: {text}"))
        for key in report.recorded.changed[:SHOWN]:
            print(clean(f"{report.path.name}: changed: {' '.join(part for part in key if part)}"))
    show_table(
        "nothing was recorded" if options.dry_run or wrong else "recorded",
        ("file", "rows", "new", "changed", "unchanged", "problems", "notes"),
        (
            (
                report.path.name,
                report.rows,
                report.recorded.new,
                len(report.recorded.changed),
                report.recorded.unchanged,
                len(report.problems),
                len(report.notes),
            )
            for report in reports
        ),
    )
    if wrong:
        raise ImportFailed(f"{wrong} rows cannot be used: mend them and import again; nothing was recorded")
