"""Import of what offices keep in files: checked as a whole, reported row by row, recorded all or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server import facts
from server.allowance.inputs import read_csv
from server.allowance.models import CALENDARS, DUES, WORK
from server.attendance.calendar import Calendar
from server.errors import ConfigError, ImportFailed
from server.facts import FactKind
from server.orders.models import CORRECTIONS, LEAVE, ORDERS
from server.people import service as people
from server.people.models import EMPLOYEES

KINDS: Mapping[str, FactKind] = {
    "employees": EMPLOYEES,
    "leave": LEAVE,
    "orders": ORDERS,
    "corrections": CORRECTIONS,
    "work": WORK,
    "dues": DUES,
}
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
    known = [f"{name}.csv" for name in KINDS] + [CALENDAR]
    chosen: list[Path] = []
    for path in where:
        found = [path / name for name in known if (path / name).is_file()] if path.is_dir() else [path]
        if not found:
            raise ImportFailed(f"{path}: holds none of {', '.join(known)}")
        chosen += found
    for path in chosen:
        if path.name not in known:
            raise ImportFailed(f"{path}: the name says what a file holds; it must be one of {', '.join(known)}")
    names = Counter(path.name for path in chosen)
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
    dry_run: bool = False,
) -> list[FileReport]:
    """Record the rows of files, in the order of `files_of`; of all of them nothing when one row is a problem.

    ImportFailed names file, row and column where a file cannot be read at all.
    """
    people.officer(connection, by)
    with connection.begin_nested() as attempt:
        reports = _import(connection, files, by=by, document=document, now_ms=now_ms, valid_from=valid_from)
        if dry_run or any(report.problems for report in reports):
            attempt.rollback()
    return reports


def _import(
    connection: Connection,
    files: Sequence[Path],
    *,
    by: str,
    document: str,
    now_ms: int,
    valid_from: date | None,
) -> list[FileReport]:
    known = {row["employee_id"] for row in people.employees(connection, now_ms)}
    reports = []
    for path in files:
        report = FileReport(path)
        reports.append(report)
        if path.name == CALENDAR:
            kind, rows = CALENDARS, [{"name": CALENDAR_NAME, "text": _calendar(path)}]
        else:
            kind = KINDS[path.stem]
            rows = [_texts(row) for row in read_csv(path, path.stem).to_pylist()]
            if kind is EMPLOYEES:
                _check_employees(rows, report)
                known |= {row["employee_id"] for row in rows}
                people.add_person_keys(connection, (row["employee_id"] for row in rows))
                rows = [people.to_columns(row) for row in rows]
            else:
                _check_rows(rows, known, report)
        report.rows = len(rows)
        _check_keys(rows, kind, report)
        if not report.problems:
            report.recorded = facts.record(
                connection,
                kind,
                rows,
                by=by,
                document=document or path.name,
                now_ms=now_ms,
                valid_from=valid_from if kind is EMPLOYEES else None,
            )
    return reports


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


def _check_rows(rows: Sequence[Mapping[str, str]], known: set[str], report: FileReport) -> None:
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
