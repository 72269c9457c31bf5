"""The facts of a month as tables: columns, types, and their reading from CSV with errors by file, row and column."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.reading import read_sheet
from server.allowance.values import (
    AMOUNT,
    COLUMNS,
    DAY,
    INSTANT,
    MOST,
    REQUIRED,
    RUPIAH,
    TABLES,
    TEXT,
    Fault,
    check_values,
)
from server.attendance.calendar import Calendar
from server.attendance.prepare import day_of, ordinal
from server.errors import ImportFailed, RowsRefused

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
)


@dataclass(frozen=True)
class Inputs:
    """A month's facts. Each table has exactly the columns of COLUMNS (marks' optional ones may be missing)."""

    employees: pa.Table
    marks: pa.Table
    leave: pa.Table
    orders: pa.Table
    corrections: pa.Table
    work: pa.Table
    dues: pa.Table
    calendar: Calendar
    is_checked: bool = False

    def checked(self) -> Inputs:
        """The same facts with every column present and of its type. Raises ImportFailed naming table, row, column."""
        if self.is_checked:
            return self
        tables: dict[str, Any] = {name: conform(getattr(self, name), name, name) for name in COLUMNS}
        return replace(self, **tables, is_checked=True)

    def sha256(self) -> str:
        """Hash of all facts, in whatever order their rows are, and the calendar; call on `checked()` inputs."""
        digest = hashlib.sha256()
        for name in COLUMNS:
            table = _sorted(getattr(self, name))
            digest.update(f"{name} {len(table)}".encode())
            for column in table.column_names:
                digest.update(column.encode())
                for part in _bytes(table[column]):
                    digest.update(part)
        digest.update(self.calendar.text.encode())
        return digest.hexdigest()


def _sorted(table: pa.Table) -> pa.Table:
    """The rows in an order that hangs on nothing but what they hold; numbers first, which sort soonest."""
    keys = sorted(table.column_names, key=lambda name: (table[name].type == TEXT, name))
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in keys])).select(sorted(keys))


def _bytes(column: pa.ChunkedArray) -> Iterator[memoryview | bytes]:
    """A column, the same however it lies in memory: where it is null, then lengths and letters, or numbers."""
    missing = pc.is_null(column).cast(pa.int8())
    if column.type == TEXT:
        values = pa.concat_arrays(pc.fill_null(column, "").chunks or [pa.array([], TEXT)])
        parts = [missing, pc.binary_length(values)]
        ends = values.buffers()[1]
        letters = values.buffers()[2]
        numbers = memoryview(ends).cast("i") if ends else [0]
        text = memoryview(letters)[numbers[0] : numbers[len(values)]] if letters and len(values) else b""
    else:
        kind = pa.int32() if column.type == DAY else pa.int64()
        parts, text = [missing, pc.fill_null(column.cast(kind), 0)], b""
    for part in parts:
        array = (
            pa.concat_arrays(part.chunks or [pa.array([], part.type)]) if isinstance(part, pa.ChunkedArray) else part
        )
        width = array.type.bit_width // 8
        if len(array):
            yield memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]
    yield text


def empty(name: str) -> pa.Table:
    """The table `name` without rows."""
    return pa.table({column: pa.array([], kind) for column, kind in COLUMNS[name].items()})


def read_inputs(where: Path | str | Mapping[str, Path | str], calendar: Calendar) -> Inputs:
    """Read the CSV files of a month: a directory with employees.csv, marks.csv, …, or a mapping table → path.

    Header, UTF-8, commas. Files of a directory other than employees and marks may be missing. Raises ImportFailed
    naming file, row (the header is row 1) and column.
    """
    if isinstance(where, Mapping):
        paths = {name: Path(path) for name, path in where.items()}
        unknown = sorted(set(paths) - set(COLUMNS))
        if unknown:
            raise ImportFailed(f"there is no table '{unknown[0]}'; the tables are {', '.join(COLUMNS)}")
    else:
        found = {name: Path(where) / f"{name}.csv" for name in COLUMNS}
        paths = {name: path for name, path in found.items() if path.exists() or name in ("employees", "marks")}
    tables = {name: read_csv(paths[name], name) if name in paths else empty(name) for name in COLUMNS}
    return Inputs(**tables, calendar=calendar)


def read_csv(path: Path, name: str) -> pa.Table:
    """Read one table from CSV in UTF-8 with commas. Raises ImportFailed naming file, row and column."""
    table, notes = read_table(path, name)
    if notes:
        raise ImportFailed(f"{path}: {notes[0]}; save the file as CSV UTF-8 with commas")
    return table


def read_table(path: Path, name: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Read one table from CSV or XLSX, and what had to be guessed to read it.

    Raises RowsRefused with everything that is wrong, each with file, row (the header is row 1) and column.
    """
    sheet = read_sheet(path)
    return conform(sheet.table, name, str(path), first_row=2), sheet.notes


def conform(table: pa.Table, name: str, where: str, first_row: int = 1, *, withdrawals: bool = False) -> pa.Table:
    """A table with the columns and types of `name`, missing ones null. `where` and `first_row` are for messages.

    With `withdrawals` a score may be WITHDRAWN.

    Raises RowsRefused with all of: an unknown or missing column, a value of another type, negative or absurd money, an
    empty required value, an employee or score listed twice.
    """
    kinds = dict(TABLES[name])
    wrong = []
    for column in table.column_names:
        if name == "employees" and column.startswith(AMOUNT):
            kinds[column] = RUPIAH
        elif column not in kinds:
            wrong.append(f"{where}: unknown column '{column}'; the columns are {', '.join(TABLES[name])}")
    if len(set(table.column_names)) < len(table.column_names):
        wrong.append(f"{where}: a column is written twice in the header")
    missing = [column for column in REQUIRED[name] if column not in table.column_names]
    wrong += [f"{where}: the column '{column}' is missing" for column in missing]
    if wrong:
        raise RowsRefused(wrong)
    converted = {}
    faults: list[Fault] = []
    for column, kind in kinds.items():
        values = table[column] if column in table.column_names else pa.nulls(len(table), kind)
        values, found = _typed(values, kind, column, where)
        converted[column] = values
        faults += found
    result = pa.table(converted)
    unread = {place for place, _ in faults}
    faults += [
        fault for fault in check_values(result, name, first_row, withdrawals=withdrawals) if fault[0] not in unread
    ]
    if faults:
        faults.sort(key=lambda fault: fault[0])
        raise RowsRefused([f"{where}: row {place + first_row}{text}" for place, text in faults])
    return result


def _typed(
    values: pa.ChunkedArray, kind: pa.DataType, column: str, where: str
) -> tuple[pa.ChunkedArray | pa.Array, list[Fault]]:
    """A column of the type, or nulls and what does not fit."""
    if values.type == kind:
        return values, []
    try:
        return values.cast(kind), []
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        faults: list[Fault] = []
        fitting = []
        for place, value in enumerate(values.to_pylist()):
            fits = _fits(value, kind)
            fitting.append(value if fits else None)
            if not fits and len(faults) < MOST:
                faults.append((place, f", column '{column}': '{value}' is not {_MEANING[kind]}"))
        if not faults:
            raise ImportFailed(f"{where}: column '{column}' has type {values.type}, not {kind}") from None
        return pa.array(fitting, values.type).cast(kind), faults


_MEANING = {
    TEXT: "text",
    DAY: "a date (YYYY-MM-DD)",
    RUPIAH: "a whole number of rupiah",
    INSTANT: "an instant with its offset (2026-10-01T07:31:00+09:00)",
}


def _fits(value: Any, kind: pa.DataType) -> bool:
    if value is None:
        return True
    try:
        if kind == INSTANT and datetime.fromisoformat(value).tzinfo is None:
            return False
        pa.array([value]).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, TypeError):
        return False
    return True


def moment(text: str, offset: int, end: bool) -> int:
    """Unix seconds of an ISO 8601 instant, or of a date's local begin (or, when `end`, the end of that date).

    `offset`: seconds east of UTC. Raises ValueError, in Indonesian, for anything else and for instants without offset.
    """
    if len(text) == 10:
        return (ordinal(day_of(text)) + (1 if end else 0)) * 86400 - offset
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = datetime.min
    if not _INSTANT.fullmatch(text) or instant.tzinfo is None:
        raise ValueError(f"'{text}' bukan waktu dengan offset (seperti 2026-10-01T07:31:00+09:00)")
    return int(instant.timestamp() // 1)
