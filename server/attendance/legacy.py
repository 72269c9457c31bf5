"""Logs of old fingerprint machines: read, recorded as unsigned marks, counted only in months that an officer names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, func, select

from protocol.settings import SettingsError, read_settings
from server import facts
from server.allowance.reading import read_sheet
from server.attendance.events import COUNTS
from server.attendance.models import LEGACY_MONTHS, legacy_marks
from server.errors import ConfigError, Conflict, ImportFailed, Refused, RowsRefused
from server.people import grants
from server.people import service as people

COLUMNS = ("employee_id", "nip", "at", "date", "time", "site")
_WHO = ("employee_id", "nip")
_ZONES = {"WIB": 7, "WITA": 8, "WIT": 9}
_MINUTE_MS = 60_000
# As machines in Indonesia write it: the day first.
_FORMATS = tuple(
    f"{day} {clock}" for day in ("%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%Y") for clock in ("%H:%M:%S", "%H:%M")
)


@dataclass(frozen=True)
class LogMap:
    """How a log is written. `columns`: ours → theirs; `people`: a machine's number → employee_id or NIP; `format`: of
    the time, as Python's strptime has it; `zone`: of times without an offset; `site`: where no column says it."""

    columns: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    format: str = ""
    zone: Literal["WIB", "WITA", "WIT"] = "WIT"
    site: str = ""

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in COLUMNS:
                raise ValueError(f"columns: {name!r} is none of {', '.join(COLUMNS)}")


@dataclass(frozen=True)
class Imported:
    """What a log brought: rows in it, marks that are new, rows known before or twice, people whom nobody knows."""

    rows: int
    new: int
    known: int
    strangers: Mapping[str, int]
    months: Mapping[str, int]
    notes: tuple[str, ...]


def read_log_map(path: Path) -> LogMap:
    """A map from YAML. ConfigError names file, line and key."""
    try:
        return read_settings(path.read_text(encoding="utf-8"), str(path), LogMap)
    except SettingsError as error:
        raise ConfigError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def import_log(
    connection: Connection, path: Path, told: LogMap, *, by: str, document: str, now_ms: int, dry_run: bool = False
) -> Imported:
    """Record a log's rows as marks that do not count yet. Rows of people whom nobody knows are counted, not recorded.

    Of all rows nothing is recorded when a time in one cannot be read (RowsRefused). Refused without the grant hr;
    Conflict for new marks of a month whose marks an officer lets count already: nobody looked at these.
    """
    grants.authority(connection, by, now_ms).require((grants.HR,), "", "import old logs")
    sheet = read_sheet(path)
    columns = {name: column for name in COLUMNS if (column := told.columns.get(name, name)) in sheet.table.column_names}
    who = next((name for name in _WHO if name in columns), None)
    if who is None or not ({"at"} <= set(columns) or {"date", "time"} <= set(columns)):
        raise ImportFailed(
            f"{path}: needs employee_id or nip, and at (or date and time); "
            f"it has {', '.join(sheet.table.column_names)}: say which with --map"
        )
    digest = sha256(path.read_bytes()).hexdigest()[:16]
    staff = people.employees(connection, now_ms)
    known = {row["employee_id"]: row["employee_id"] for row in staff} | {
        row["nip"]: row["employee_id"] for row in staff if row["nip"]
    }
    cells = {name: sheet.table[column].to_pylist() for name, column in columns.items()}
    marks: dict[tuple[str, int, str], dict[str, object]] = {}
    strangers: dict[str, int] = {}
    problems: list[str] = []
    for place in range(sheet.table.num_rows):
        row = {name: (values[place] or "").strip() for name, values in cells.items()}
        if not any(row.values()):
            continue
        named = told.people.get(row[who], row[who])
        employee = known.get(named) or known.get(re.sub(r"\s", "", named))
        if employee is None:
            strangers[row[who]] = strangers.get(row[who], 0) + 1
            continue
        try:
            at, exact = _moment(row.get("at") or f"{row['date']} {row['time']}", told)
        except ValueError as error:
            problems.append(f"{path}: row {place + 2}: {error}")
            continue
        earliest_ms = int(at.timestamp()) * 1000
        if earliest_ms > now_ms:
            problems.append(f"{path}: row {place + 2}: {at.isoformat()} is still to come")
            continue
        site = row.get("site") or told.site
        marks.setdefault(
            (employee, earliest_ms, site),
            {
                "employee_id": employee,
                "earliest_ms": earliest_ms,
                "latest_ms": earliest_ms if exact else earliest_ms + _MINUTE_MS - 1,
                "month": f"{at:%Y-%m}",
                "site": site,
                "source_file": f"{path.name} {digest} row {place + 2}",
                "recorded_ms": now_ms,
                "recorded_by": by,
                "document": document or path.name,
            },
        )
    if problems:
        raise RowsRefused(problems)
    held = select(legacy_marks.c.employee_id, legacy_marks.c.earliest_ms, legacy_marks.c.site)
    before = {tuple(row) for row in connection.execute(held)}
    new = [mark for key, mark in marks.items() if key not in before]
    months = Counter(str(mark["month"]) for mark in new)
    if counting := sorted(months.keys() & _counting(connection, now_ms)):
        raise Conflict(
            f"{path}: {months[counting[0]]} new marks of {counting[0]}, whose old marks count already: first "
            f"hadir server legacy stop {counting[0]}, and let another officer count them all afterwards"
        )
    if new and not dry_run:
        connection.execute(legacy_marks.insert(), new)
    rows = sheet.table.num_rows
    return Imported(rows, len(new), rows - len(new) - sum(strangers.values()), strangers, months, sheet.notes)


def let_count(connection: Connection, month: str, counts: bool, *, by: str, document: str, now_ms: int) -> None:
    """Say whether old logs count in a month, from now on.

    Refused without the grant hr; and, for counting, without a document, or to whoever imported any of the marks.
    """
    acting = grants.authority(connection, by, now_ms)
    acting.require((grants.HR,), "", "let old logs count")
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise Refused(f"{month!r} is not a month such as 2026-10")
    if counts and not document:
        raise Refused("unsigned marks count on somebody's word: name it with --document")
    importers = select(legacy_marks.c.recorded_by).where(legacy_marks.c.month == month).distinct()
    for importer in connection.execute(importers).scalars() if counts else ():
        if acting.same_person(people.officer(connection, importer)):
            raise Refused(f"{importer} imported old marks of {month}: another officer must let them count")
    row = {"month": month, "counts": COUNTS if counts else "no"}
    facts.record(connection, LEGACY_MONTHS, [row], by=by, document=document, now_ms=now_ms)


def listed(connection: Connection, now_ms: int) -> list[tuple[str, int, int, bool]]:
    """Month, marks, people, whether they count."""
    counting = _counting(connection, now_ms)
    held = select(legacy_marks.c.month, func.count(), func.count(legacy_marks.c.employee_id.distinct())).group_by(
        legacy_marks.c.month
    )
    found = {month: (marks, who) for month, marks, who in connection.execute(held)}
    return [(month, *found.get(month, (0, 0)), month in counting) for month in sorted(found.keys() | counting)]


def _counting(connection: Connection, now_ms: int) -> set[str]:
    return {row["month"] for row in facts.as_of(connection, LEGACY_MONTHS, now_ms) if row["counts"] == COUNTS}


def _moment(text: str, told: LogMap) -> tuple[datetime, bool]:
    """A time with its offset, and whether it has seconds. ValueError for what cannot be read."""
    zone = timezone(timedelta(hours=_ZONES[told.zone]))
    formats = (told.format,) if told.format else _FORMATS
    for form in formats:
        try:
            at = datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
        return at, "%S" in form or "%T" in form
    if told.format:
        raise ValueError(f"{text!r} is not of the form {told.format}")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time such as 2026-10-05 07:21:08; say how it is with --map") from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(at.tzinfo or zone), text.count(":") >= 2
