"""Commands for people: officer, import, export."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from pathlib import Path

from server import facts
from server.commands.common import SHOWN, Commands, by, day, instant, opened, regulation_of, show_table
from server.enrolment import rosters
from server.enrolment import service as enrolment
from server.errors import ImportFailed
from server.people import exporting, grants, importing
from server.people import service as people
from server.people.mapping import FileMapping
from server.reports.atomic import whole_file
from server.reports.safe import clean, csv_text

_LONG = 60
"""Characters of a value above which a change is told by its column alone."""


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
    bring.add_argument("--map", type=Path, metavar="FILE", help="YAML: names of files and columns, dates, numbers")
    bring.add_argument("--dry-run", action="store_true", help="report, and record nothing")
    bring.add_argument("--decide", action="store_true", help="approve (or take back) what another brought likewise")
    bring.add_argument("--report", type=Path, metavar="FILE", help="what is said of each row, as CSV")
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
    mapping = FileMapping.load(options.map) if options.map else FileMapping()
    files, left = importing.files_of(options.files, mapping)
    regulation = regulation_of(parts)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        before = rosters.offices(connection, now_ms)
        reports = importing.import_files(
            connection,
            files,
            by=options.by,
            document=options.document,
            now_ms=now_ms,
            regulation=regulation,
            valid_from=options.valid_from,
            mapping=mapping,
            decide=options.decide,
            dry_run=options.dry_run,
        )
        wrong = sum(len(report.problems) for report in reports)
        if not options.dry_run and not wrong:
            enrolment.refresh(connection, parts.keyring.gallery, now_ms, before)
    if left:
        print(clean(f"left, for their names say nothing here: {', '.join(path.name for path in left)}"))
    if regulation is None:
        print("the configuration names no regulation: whether it knows classes, kinds and measures was not looked at")
    for report in reports:
        name = report.source.path.name
        changed = [f"{name}: changed: {_changed(change)}" for change in _others(report)]
        for lines in (report.problems, report.notes, report.decided, changed):
            for line in lines[:SHOWN]:
                print(clean(str(line)))
            if len(lines) > SHOWN:
                print(f"{name}: … and {len(lines) - SHOWN} more such; --report FILE has all of them")
    show_table(
        "nothing was recorded" if options.dry_run or wrong else "recorded",
        ("file", "rows", "new", "changed", "decided", "waiting", "wrong", "notes"),
        (
            (
                report.source.path.name,
                report.rows,
                report.recorded.new,
                len(report.recorded.changed),
                *(len(found) for found in (report.decided, report.waits, report.problems, report.notes)),
            )
            for report in reports
        ),
    )
    if options.report:
        _write_report(options.report, reports)
    if wrong:
        raise ImportFailed(f"{wrong} rows cannot be used: mend them and import again; nothing was recorded")
    if waiting := sum(len(report.waits) for report in reports):
        print(f"{waiting} rows wait: another officer decides as the files say with: hadir server import … --decide")


def _others(report: importing.FileReport) -> list[facts.Change]:
    """What changed in a file otherwise than by a decision."""
    changed = report.recorded.changed
    return [] if len(changed) == len(report.decided) else changed


def _changed(change: facts.Change) -> str:
    """Which row changed, and each column from what to what; long texts by the column's name alone."""
    told = [
        column if max(map(len, values)) > _LONG else f"{column} {values[0] or '—'} → {values[1] or '—'}"
        for column, values in change.columns.items()
    ]
    return f"{' '.join(part for part in change.key if part)}: {', '.join(told)}"


def _write_report(path: Path, reports: Sequence[importing.FileReport]) -> None:
    """All that is said of rows, a line each."""
    with whole_file(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow(("what", "file", "row", "column", "employee_id", "message"))
        for report in reports:
            for what in ("problems", "notes", "waits", "decided"):
                for one in getattr(report, what):
                    told = (one.file, one.row or "", one.column, one.employee_id, one.message)
                    writer.writerow((what, *(csv_text(str(cell)) for cell in told)))
            for change in _others(report):
                told = (report.source.path.name, "", "", "", _changed(change))
                writer.writerow(("changed", *(csv_text(cell) for cell in told)))
        text.detach()
