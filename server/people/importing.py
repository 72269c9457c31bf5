"""Import of what offices keep in files: checked as a whole, reported row by row, recorded all or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from server import facts
from server.allowance.catalogue import english
from server.allowance.inputs import COLUMNS, conform, moment
from server.allowance.models import CALENDARS, DUES, WORK
from server.allowance.problems import FIRST_ROW, Problem
from server.allowance.reading import read_sheet
from server.allowance.regulation import Regulation
from server.allowance.values import WITHDRAWN
from server.attendance.calendar import Calendar
from server.attendance.prepare import span
from server.errors import ConfigError, ImportFailed, RowsRefused
from server.facts import FactKind
from server.orders import filed
from server.orders.models import CORRECTIONS, LEAVE, ORDERS
from server.people import checking, grants, posts
from server.people import service as people
from server.people.mapping import FileMapping
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
CALENDAR_NAME = "calendar"
CALENDAR = f"{CALENDAR_NAME}.yaml"
_ROW = re.compile(r"row (\d+)(?:, column '([^']*)')?: (.*)", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """A file to import, and what it holds: a key of KINDS, or CALENDAR_NAME."""

    path: Path
    name: str


@dataclass
class FileReport:
    """What one file brought, by row. `problems` prevent the whole import; the others do not.

    `waits`: what another officer has to decide; `decided`: what this import decided.
    """

    source: Source
    rows: int = 0
    recorded: facts.Recorded = field(default_factory=facts.Recorded)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    waits: list[Problem] = field(default_factory=list)
    decided: list[Problem] = field(default_factory=list)

    def tell(self, where: list[Problem], place: int, column: str, row: Mapping[str, Any], message: str) -> None:
        """Add to one of the lists what is to be said of the row at `place`, from 0."""
        where.append(Problem(self.source.path.name, place + FIRST_ROW, column, row.get("employee_id") or "", message))


def files_of(where: Sequence[Path], mapping: FileMapping) -> tuple[list[Source], list[Path]]:
    """The files that an import takes, employees first, and those of directories that it leaves.

    A file's name says what it holds, or the mapping does. ImportFailed for a name that says nothing, or is not there,
    or a directory with nothing to import.
    """
    chosen: list[Source] = []
    left: list[Path] = []
    for path in where:
        if not path.exists():
            raise ImportFailed(f"{path}: there is no such file or folder")
        inside = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
        found = [Source(one, name) for one in inside if (name := _name_of(one, mapping))]
        if not found:
            problem = "holds nothing to import: the name" if path.is_dir() else "the name"
            known = f"{', '.join(KINDS)} (.csv or .xlsx) and {CALENDAR}"
            raise ImportFailed(
                f"{path}: {problem} says what a file holds; it must be one of {known}, or stand under files: in --map"
            )
        chosen += found
        left += [one for one in inside if not _name_of(one, mapping)]
    names = Counter(source.name for source in chosen)
    if twice := [name for name, count in names.items() if count > 1]:
        raise ImportFailed(f"{twice[0]} is given twice")
    order = [*KINDS, CALENDAR_NAME]
    return sorted(chosen, key=lambda source: order.index(source.name)), left


def _name_of(path: Path, mapping: FileMapping) -> str:
    if name := mapping.name_of(path):
        return name
    plain = Path(path.name.casefold())
    if plain.name == CALENDAR:
        return CALENDAR_NAME
    return plain.stem if plain.stem in KINDS and plain.suffix in _SUFFIXES else ""


def import_files(
    connection: Connection,
    files: Sequence[Source],
    *,
    by: str,
    document: str,
    now_ms: int,
    regulation: Regulation | None = None,
    valid_from: date | None = None,
    mapping: FileMapping | None = None,
    decide: bool = False,
    dry_run: bool = False,
) -> list[FileReport]:
    """Record the rows of files, in the order of `files_of`; of all of them nothing when one row is a problem.

    What a file calls approved, and what it takes back of what was approved, waits for another officer; with `decide`
    what another one brought likewise is decided. The `regulation` adds notes on what it cannot count. ImportFailed
    names the file where it cannot be read at all; Refused the grant hr that is missing for an agency of the rows.
    """
    attempt = _Import(connection, grants.authority(connection, by, now_ms), mapping or FileMapping(), now_ms, decide)
    with connection.begin_nested() as savepoint:
        for source in files:
            attempt.bring(source, document or source.path.name, valid_from)
        if regulation is not None:
            attempt.look(regulation)
        if dry_run or any(report.problems for report in attempt.reports):
            savepoint.rollback()
    return attempt.reports


class _Import:
    """Files on their way into the database."""

    def __init__(
        self, connection: Connection, acting: grants.Authority, mapping: FileMapping, now_ms: int, decide: bool
    ) -> None:
        self.reports: list[FileReport] = []
        self._connection, self._acting, self._mapping = connection, acting, mapping
        self._now_ms, self._decide = now_ms, decide
        self._agencies = dict(acting.agencies)
        self._tables: dict[str, pa.Table] = {}

    def bring(self, source: Source, document: str, valid_from: date | None) -> None:
        """Record one file's rows, unless one of them is a problem."""
        report = FileReport(source)
        self.reports.append(report)
        if source.name == CALENDAR_NAME:
            self._acting.require((grants.HR,), "", "import a calendar")
            kind, rows = CALENDARS, [{"name": CALENDAR_NAME, "text": _calendar(source.path)}]
        else:
            kind = KINDS[source.name]
            rows = self._checked(report, kind)
        report.rows = len(rows)
        _check_keys(rows, kind, report)
        if report.problems:
            self._tables.pop(source.name, None)
            return
        if source.name in filed.STATES:
            self._settle(rows, report)
        report.recorded = facts.record(
            self._connection,
            kind,
            rows,
            by=self._acting.officer.id,
            document=document,
            now_ms=self._now_ms,
            valid_from=valid_from if kind is EMPLOYEES else None,
        )
        if kind is POSTINGS:
            report.problems += [
                Problem(source.path.name, None, "", "", text)
                for text in posts.contradictions(self._connection, self._now_ms)
            ]

    def look(self, regulation: Regulation) -> None:
        """Add what the regulation has to say of the rows."""
        reports = {report.source.name: report for report in self.reports}
        try:
            found = list(checking.look(self._connection, self._tables, regulation, self._now_ms))
        except RowsRefused as refused:
            report = reports["employees"]
            report.problems += [_of_row(report.source.path, text, "employees: ") for text in refused.problems]
            return
        for problem in found:
            report = reports[problem.file]
            where = report.problems if (problem.file, problem.column) in checking.USELESS else report.notes
            where.append(replace(problem, file=report.source.path.name))

    def _checked(self, report: FileReport, kind: FactKind) -> list[dict[str, Any]]:
        """The rows of a file, its agencies allowed and its rows looked at, as the columns of the fact."""
        path = report.source.path
        table = self._read(report)
        rows = [_texts(row) for row in table.to_pylist()] if table is not None else []
        if table is not None and report.source.name in COLUMNS:
            self._tables[report.source.name] = table
        agencies = self._agencies
        if kind is EMPLOYEES:
            _check_employees(rows, report)
            moved = {agencies[row["employee_id"]] for row in rows if row["employee_id"] in agencies}
            agencies |= {row["employee_id"]: row["agency"] for row in rows}
            self._require(moved | {row["agency"] for row in rows}, path)
            people.add_person_keys(self._connection, (row["employee_id"] for row in rows))
            return [people.to_columns(row) for row in rows]
        if kind is POSTS:
            moved = posts.agencies_of(self._connection, {row["post"] for row in rows}, self._now_ms)
            self._require(moved | {row["agency"] for row in rows}, path)
            return rows
        for place, row in enumerate(rows):
            if row["employee_id"] not in agencies:
                report.tell(report.problems, place, "employee_id", {}, f"there is no employee {row['employee_id']!r}")
        self._require({agencies[row["employee_id"]] for row in rows if row["employee_id"] in agencies}, path)
        if table is not None and report.source.name in filed.STATES:
            _check_papers(table.to_pylist(), report)
        if kind is WORK:
            self._check_withdrawals(rows, report)
        return rows

    def _read(self, report: FileReport) -> pa.Table | None:
        """A file's table, None when rows of it are problems."""
        path, name = report.source.path, report.source.name
        sheet = read_sheet(path)
        report.notes += [Problem(path.name, None, "", "", note) for note in sheet.notes]
        try:
            table = self._mapping.apply(sheet.table, name, path)
            return conform(table, name, str(path), first_row=FIRST_ROW, withdrawals=True)
        except RowsRefused as refused:
            told = [_of_row(path, text, f"{path}: ") for text in refused.problems]
            if len(told) == 1 and told[0].row is None:
                raise
            report.problems += told
            return None

    def _require(self, agencies: Collection[str], path: Path) -> None:
        for agency in sorted(agencies):
            self._acting.require((grants.HR,), agency, f"import {path.name}")

    def _check_withdrawals(self, rows: Sequence[Mapping[str, str]], report: FileReport) -> None:
        """Scores taken back that nobody filed: a slip of the month or the measure."""
        held = {tuple(row[name] for name in WORK.key) for row in facts.as_of(self._connection, WORK, self._now_ms)}
        for place, row in enumerate(rows):
            if row["score"] == WITHDRAWN and tuple(row[name] for name in WORK.key) not in held:
                told = f"there is no score for '{row['measure']}' in {row['month']} to take back"
                report.tell(report.problems, place, "score", row, told)

    def _settle(self, rows: list[dict[str, Any]], report: FileReport) -> None:
        name, acting = report.source.name, self._acting
        for one in filed.settle(self._connection, name, rows, acting, decide=self._decide, now_ms=self._now_ms):
            report.tell(report.decided if one.decided else report.waits, one.place, "status", rows[one.place], one.told)


def _of_row(path: Path, text: str, prefix: str) -> Problem:
    """What the reading of a file says of a row, taken apart again."""
    plain = text.removeprefix(prefix)
    found = _ROW.fullmatch(plain)
    if found is None:
        return Problem(path.name, None, "", "", plain)
    return Problem(path.name, int(found[1]), found[2] or "", "", found[3])


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
    for place, row in enumerate(rows):
        nip = row["nip"]
        if nip and nip in nips:
            told = f"NIP {nip} stands in row {nips[nip] + FIRST_ROW} too"
            report.tell(report.problems, place, "nip", row, told)
        nips.setdefault(nip, place)
        if row["start_date"] and row["end_date"] and row["end_date"] < row["start_date"]:
            told = f"ends on {row['end_date']}, before it starts on {row['start_date']}"
            report.tell(report.problems, place, "end_date", row, told)


def _check_papers(rows: Sequence[dict[str, Any]], report: FileReport) -> None:
    """States and intervals of leave, orders and corrections that mean nothing."""
    states = filed.STATES[report.source.name]
    for place, row in enumerate(rows):
        if filed.state_of(row) not in states:
            told = f"'{row['status']}' is none of {', '.join(states)}"
            report.tell(report.problems, place, "status", row, told)
        try:
            span(row, 0, moment, is_correction=report.source.name == "corrections")
        except ValueError as cause:
            told = f"{english(str(cause))} (dates are as 2026-10-05; others need dates: DMY in --map)"
            report.tell(report.problems, place, "from", row, told)


def _check_keys(rows: Sequence[Mapping[str, Any]], kind: FactKind, report: FileReport) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for place, row in enumerate(rows):
        key = tuple(str(row.get(column) or "") for column in kind.key)
        if key in seen:
            told = f"{', '.join(kind.key)} are those of row {seen[key] + FIRST_ROW} again"
            report.tell(report.problems, place, "", row, told)
        seen.setdefault(key, place)
