"""The facts of a month as tables: columns, types, and their reading from CSV with errors by file, row and column."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from server.attendance.calendar import Calendar
from server.errors import ImportFailed

TEXT, DAY, RUPIAH, INSTANT = pa.string(), pa.date32(), pa.int64(), pa.timestamp("us", "UTC")
AMOUNT = "amount:"
"""Prefix of the employees' columns that override a component's amount of the class."""

LARGEST = 10**10
"""Rupiah: anything above is a slip of the keyboard, and within it no product of a step can overflow."""

COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "employees": {
        **dict.fromkeys(
            ("employee_id", "nip", "name", "employment", "agency", "unit", "site", "zone", "job_class", "golongan"),
            TEXT,
        ),
        "ptkp": TEXT,
        **dict.fromkeys(("start_date", "end_date", "appointed_date"), DAY),
        **dict.fromkeys(("other_gross", "bpjs_base", "ytd_gross"), RUPIAH),
        **dict.fromkeys(("account", "npwp", "flags"), TEXT),
    },
    "marks": {
        "employee_id": TEXT,
        "at": INSTANT,
        "site": TEXT,
        "source": TEXT,
        "at_earliest": INSTANT,
        "at_latest": INSTANT,
        "entry": TEXT,
    },
    "leave": dict.fromkeys(("employee_id", "kind", "from", "to", "document", "status"), TEXT),
    "orders": dict.fromkeys(("order_id", "employee_id", "from", "to", "place", "document", "status"), TEXT),
    "corrections": {
        "employee_id": TEXT,
        "date": DAY,
        **dict.fromkeys(("kind", "from", "to", "reason", "document", "status"), TEXT),
    },
    "work": dict.fromkeys(("employee_id", "month", "measure", "score"), TEXT),
    "dues": {"employee_id": TEXT, "kind": TEXT, "rupiah": RUPIAH},
}
"""Table → column → type. `from` and `to` are ISO 8601 instants with offset, or dates; `score` a decimal number."""

REQUIRED = {
    "employees": ("employee_id",),
    "marks": ("employee_id",),
    "leave": ("employee_id", "kind", "from"),
    "orders": ("employee_id", "from"),
    "corrections": ("employee_id", "kind"),
    "work": ("employee_id", "month", "measure", "score"),
    "dues": ("employee_id", "kind", "rupiah"),
}
"""Columns that a table must have, and fill in every row; the others may be missing or empty."""


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

    def checked(self) -> Inputs:
        """The same facts with every column present and of its type. Raises ImportFailed naming table, row, column."""
        tables: dict[str, Any] = {name: conform(getattr(self, name), name, name) for name in COLUMNS}
        return replace(self, **tables)

    def sha256(self) -> str:
        """Hash of all facts and the calendar; call on `checked()` inputs."""
        digest = hashlib.sha256()
        for name in COLUMNS:
            table = getattr(self, name)
            digest.update(f"{name} {len(table)}".encode())
            for column in table.column_names:
                digest.update(column.encode())
                for part in _bytes(table[column]):
                    digest.update(part)
        digest.update(self.calendar.text.encode())
        return digest.hexdigest()


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
    """Read one table. Raises ImportFailed naming file, row and column."""
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise ImportFailed(f"{path}: cannot be read ({cause.strerror})") from None
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        header = content.split(b"\n", 1)[0].decode("utf-8")
        content.decode("utf-8")
    except UnicodeDecodeError as cause:
        row = content.count(b"\n", 0, cause.start) + 1
        raise ImportFailed(f"{path}: row {row} is not UTF-8 (Windows-1252?); save the file as UTF-8") from None
    if ";" in header and "," not in header:
        raise ImportFailed(f"{path}: row 1: columns are separated by ';'; save the file with commas")
    columns = [column.strip().strip('"') for column in header.rstrip("\r").split(",")]
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(columns, TEXT),
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=True,
    )
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=options,
        )
    except pa.ArrowInvalid as cause:
        raise ImportFailed(f"{path}: {cause}") from None
    return conform(table, name, str(path), first_row=2)


def conform(table: pa.Table, name: str, where: str, first_row: int = 1) -> pa.Table:
    """A table with the columns and types of `name`, missing ones null. `where` and `first_row` are for messages.

    Raises ImportFailed for an unknown or missing column, a value of another type, negative or absurd money, an
    empty required value, an employee listed twice.
    """
    kinds = dict(COLUMNS[name])
    for column in table.column_names:
        if name == "employees" and column.startswith(AMOUNT):
            kinds[column] = RUPIAH
        elif column not in kinds:
            raise ImportFailed(f"{where}: unknown column '{column}'; the columns are {', '.join(COLUMNS[name])}")
    if len(set(table.column_names)) < len(table.column_names):
        raise ImportFailed(f"{where}: a column is written twice in the header")
    for column in REQUIRED[name]:
        if column not in table.column_names:
            raise ImportFailed(f"{where}: the column '{column}' is missing")
    converted = {}
    for column, kind in kinds.items():
        if column not in table.column_names:
            converted[column] = pa.nulls(len(table), kind)
            continue
        converted[column] = _typed(table[column], kind, f"{where}: ", column, first_row)
    result = pa.table(converted)
    _check_values(result, name, where, first_row)
    return result


def _typed(values: pa.ChunkedArray, kind: pa.DataType, where: str, column: str, first_row: int) -> pa.ChunkedArray:
    if values.type == kind:
        return values
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        for place, value in enumerate(values.to_pylist()):
            if not _fits(value, kind):
                raise ImportFailed(
                    f"{where}row {place + first_row}, column '{column}': '{value}' is not {_MEANING[kind]}"
                ) from None
        raise ImportFailed(f"{where}column '{column}' has type {values.type}, not {kind}") from None


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


def _check_values(table: pa.Table, name: str, where: str, first_row: int) -> None:
    for column in REQUIRED[name]:
        if table[column].null_count:
            row = pc.index(pc.is_null(table[column]), True).as_py() + first_row
            raise ImportFailed(f"{where}: row {row}, column '{column}': empty")
    for column in table.column_names:
        if table[column].type != RUPIAH:
            continue
        wrong = pc.or_(pc.less(table[column], 0), pc.greater(table[column], LARGEST))
        place = pc.index(wrong, True).as_py()
        if place >= 0:
            value = table[column][place].as_py()
            raise ImportFailed(
                f"{where}: row {place + first_row}, column '{column}': {value} rupiah; from 0 to {LARGEST} is possible"
            )
    if name == "employees" and pc.count_distinct(table["employee_id"]).as_py() < len(table):
        seen: dict[str, int] = {}
        for place, value in enumerate(table["employee_id"].to_pylist()):
            if value in seen:
                row, before = place + first_row, seen[value] + first_row
                raise ImportFailed(f"{where}: row {row}, column 'employee_id': {value} stands in row {before} too")
            seen[value] = place
    if name == "marks":
        dated = pc.or_(
            pc.is_valid(table["at"]), pc.and_(pc.is_valid(table["at_earliest"]), pc.is_valid(table["at_latest"]))
        )
        place = pc.index(dated, False).as_py()
        if place >= 0:
            raise ImportFailed(f"{where}: row {place + first_row}: neither at nor at_earliest with at_latest")


def moment(text: str, offset: int, end: bool) -> int:
    """Unix seconds of an ISO 8601 instant, or of a date's local begin (or, when `end`, the end of that date).

    `offset`: seconds east of UTC. Raises ValueError for anything else, an instant without offset included.
    """
    if len(text) == 10:
        day = (date.fromisoformat(text) - date(1970, 1, 1)).days
        return (day + (1 if end else 0)) * 86400 - offset
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return int(instant.timestamp() // 1)
