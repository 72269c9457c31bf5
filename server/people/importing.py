"""Import of what offices keep in files: checked as a whole, reported row by row, recorded all or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server import facts
from server.allowance.inputs import conform
from server.allowance.models import CALENDARS, DUES, WORK
from server.allowance.reading import read_sheet
from server.attendance.calendar import Calendar
from server.errors import ConfigError, ImportFailed, RowsRefused
from server.facts import FactKind
from server.orders.models import CORRECTIONS, LEAVE, ORDERS
from server.orders.papers import REQUESTED
from server.people import grants, posts
from server.people import service as people
from server.people.mapping import ColumnMapping
from server.people.models import EMPLOYEES, POSTINGS, POSTS

KINDS: Mapping[str, FactKind] = {
    "employees": EMPLOYEES,
    "posts": POSTS,
    "postings": POSTINGS,
    "leave": LEAVE,
    "orders": ORDERS,
    "corrections": CORRECTIONS,
    "work": WORK,
    "dues": DUES,
}
_SUFFIXES = (".csv", ".xlsx")
CALENDAR = "calendar.yaml"
CALENDAR_NAME = "calendar"
_NIP_DIGITS = 18


@dataclass
class FileReport:
    """What one file brought. `problems` prevent the whole import; `notes` do not."""

    path: Path
    rows: int = 0
    recorded: facts.Recorded = field(default_factory=facts.Recorded)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def files_of(where: Sequence[Path]) -> list[Path]:
    """The files that an import takes, employees first; of a directory those that have a known name.

    ImportFailed for a name that says nothing, or a directory with nothing to import.
    """
    known = [f"{name}{suffix}" for name in KINDS for suffix in _SUFFIXES] + [CALENDAR]
    chosen: list[Path] = []
    for path in where:
        found = [path / name for name in known if (path / name).is_file()] if path.is_dir() else [path]
        if not found:
            raise ImportFailed(f"{path}: holds none of {', '.join(known)}")
        chosen += found
    for path in chosen:
        if path.name not in known:
            raise ImportFailed(f"{path}: the name says what a file holds; it must be one of {', '.join(known)}")
    names = Counter(path.stem for path in chosen)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ImportFailed(f"{twice[0]} is given twice")
    return sorted(chosen, key=lambda path: known.index(path.name))


def import_files(
    connection: Connection,
    files: Sequence[Path],
    *,
    by: str,
    document: str,
    now_ms: int,
    valid_from: date | None = None,
    columns: ColumnMapping | None = None,
    dry_run: bool = False,
) -> list[FileReport]:
    """Record the rows of files, in the order of `files_of`; of all of them nothing when one row is a problem.

    ImportFailed names file, row and column where a file cannot be read at all; Refused the grant hr that is missing
    for an agency of the rows. What a file calls approved of the officer or a superior is recorded as requested.
    """
    acting = grants.authority(connection, by, now_ms)
    with connection.begin_nested() as attempt:
        reports = _import(
            connection,
            files,
            acting,
            columns or ColumnMapping({}),
            document=document,
            now_ms=now_ms,
            valid_from=valid_from,
        )
        if dry_run or any(report.problems for report in reports):
            attempt.rollback()
    return reports


def _import(
    connection: Connection,
    files: Sequence[Path],
    acting: grants.Authority,
    columns: ColumnMapping,
    *,
    document: str,
    now_ms: int,
    valid_from: date | None,
) -> list[FileReport]:
    agencies = dict(acting.agencies)
    reports = []
    for path in files:
        report = FileReport(path)
        reports.append(report)
        if path.name == CALENDAR:
            acting.require((grants.HR,), "", "import a calendar")
            kind, rows = CALENDARS, [{"name": CALENDAR_NAME, "text": _calendar(path)}]
        else:
            kind = KINDS[path.stem]
            rows = _read(path, columns, report)
            if kind is EMPLOYEES:
                _check_employees(rows, report)
                moved = {agencies[row["employee_id"]] for row in rows if row["employee_id"] in agencies}
                agencies |= {row["employee_id"]: row["agency"] for row in rows}
                _require(acting, moved | {row["agency"] for row in rows}, path)
                people.add_person_keys(connection, (row["employee_id"] for row in rows))
                rows = [people.to_columns(row) for row in rows]
            elif kind is POSTS:
                moved = posts.agencies_of(connection, {row["post"] for row in rows}, now_ms)
                _require(acting, moved | {row["agency"] for row in rows}, path)
            else:
                _check_rows(rows, agencies.keys(), report)
                _require(acting, {agencies[row["employee_id"]] for row in rows if row["employee_id"] in agencies}, path)
                if kind in (LEAVE, ORDERS, CORRECTIONS):
                    _wait_for_another(connection, kind, rows, acting, report, now_ms)
        report.rows = len(rows)
        _check_keys(rows, kind, report)
        if not report.problems:
            report.recorded = facts.record(
                connection,
                kind,
                rows,
                by=acting.officer.id,
                document=document or path.name,
                now_ms=now_ms,
                valid_from=valid_from if kind is EMPLOYEES else None,
            )
            if kind is POSTINGS:
                report.problems += posts.contradictions(connection, now_ms)
    return reports


def _read(path: Path, columns: ColumnMapping, report: FileReport) -> list[dict[str, Any]]:
    """A file's rows as text; problems go to the report where the file itself can be read."""
    sheet = read_sheet(path)
    report.notes += sheet.notes
    try:
        table = conform(columns.apply(sheet.table, path.stem, path), path.stem, str(path), first_row=2)
    except RowsRefused as refused:
        if len(refused.problems) == 1:
            raise
        report.problems += [problem.removeprefix(f"{path}: ") for problem in refused.problems]
        return []
    return [_texts(row) for row in table.to_pylist()]


def _require(acting: grants.Authority, agencies: Collection[str], path: Path) -> None:
    for agency in sorted(agencies):
        acting.require((grants.HR,), agency, f"import {path.name}")


def _wait_for_another(
    connection: Connection,
    kind: FactKind,
    rows: Sequence[dict[str, Any]],
    acting: grants.Authority,
    report: FileReport,
    now_ms: int,
) -> None:
    """Nobody approves for oneself or a superior, by importing neither: such rows wait, unless they are held already."""
    held = {tuple(row[name] for name in kind.key): row for row in facts.as_of(connection, kind, now_ms)}
    for number, row in enumerate(rows, start=2):
        if row["status"] not in ("approved", "confirmed") or not acting.is_own_or_superiors(row["employee_id"]):
            continue
        before = held.get(tuple(row[name] for name in kind.key))
        if before is None or before["status"] != row["status"]:
            row["status"] = before["status"] if before else REQUESTED
            report.notes.append(f"row {number}: is for another officer to approve; recorded as {row['status']}")


def _calendar(path: Path) -> str:
    try:
        return Calendar.load(path).text
    except ConfigError as error:
        raise ImportFailed(str(error)) from error


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Each value as the file would write it; '' where there is none."""
    return {
        name: "" if value is None else value.isoformat() if isinstance(value, date | datetime) else str(value)
        for name, value in row.items()
    }


def _check_employees(rows: Sequence[Mapping[str, str]], report: FileReport) -> None:
    nips: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        nip = row["nip"]
        if nip and not (nip.isascii() and nip.isdigit() and len(nip) == _NIP_DIGITS):
            report.notes.append(f"row {number}: NIP {nip!r} does not have {_NIP_DIGITS} digits")
        if nip and nip in nips:
            report.problems.append(f"row {number}: NIP {nip} stands in row {nips[nip]} too")
        nips.setdefault(nip, number)
        if row["start_date"] and row["end_date"] and row["end_date"] < row["start_date"]:
            report.problems.append(f"row {number}: ends on {row['end_date']}, before it starts on {row['start_date']}")


def _check_rows(rows: Sequence[Mapping[str, str]], known: Collection[str], report: FileReport) -> None:
    for number, row in enumerate(rows, start=2):
        if row["employee_id"] not in known:
            report.problems.append(f"row {number}: there is no employee {row['employee_id']!r}")
        if "document" in row and not row["document"]:
            report.notes.append(f"row {number}: names no document; it will wait for one")


def _check_keys(rows: Sequence[Mapping[str, Any]], kind: FactKind, report: FileReport) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows, start=2):
        key = tuple(str(row.get(column) or "") for column in kind.key)
        if key in seen:
            report.problems.append(f"row {number}: {', '.join(kind.key)} are those of row {seen[key]} again")
        seen.setdefault(key, number)
