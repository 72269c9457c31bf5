"""Sheets as offices save them: CSV in UTF-8 or Windows-1252, with commas, semicolons or tabs, and XLSX; all as text."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from server.errors import ImportFailed, RowsRefused

_SEPARATORS = {",": "','", ";": "';'", "\t": "tabs"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_EXACT = 10**15
"""Excel keeps 15 digits of a number; a longer one has lost the rest."""


@dataclass(frozen=True)
class Sheet:
    """A table of text with null for empty cells, and what had to be guessed to read it (one sentence each)."""

    table: pa.Table
    notes: tuple[str, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """Read a CSV or XLSX file; row 1 is the header. Raises RowsRefused or ImportFailed naming file, row and column."""
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise ImportFailed(f"{path}: cannot be read ({cause.strerror})") from None
    if content.startswith(b"PK\x03\x04"):
        return Sheet(_xlsx(path))
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ImportFailed(f"{path}: an old Excel file (.xls); save it as .xlsx or CSV")
    if content.startswith(_UTF16) or b"\0" in content[:4096]:
        raise ImportFailed(f"{path}: neither UTF-8 nor Windows-1252; save the file as CSV UTF-8")
    return _csv(content.removeprefix(b"\xef\xbb\xbf"), path)


def _csv(content: bytes, path: Path) -> Sheet:
    notes = []
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        row = content.count(b"\n", 0, wrong.start) + 1
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError as cause:
            row = content.count(b"\n", 0, cause.start) + 1
            raise ImportFailed(
                f"{path}: row {row} is neither UTF-8 nor Windows-1252; save the file as CSV UTF-8"
            ) from None
        notes.append(f"row {row} is not UTF-8; the file was read as Windows-1252")
        content = text.encode("utf-8")
    header = text.partition("\n")[0].rstrip("\r")
    if not header.strip():
        raise ImportFailed(f"{path}: row 1: empty; the names of the columns belong here")
    separator = max(_SEPARATORS, key=header.count) if any(map(header.count, _SEPARATORS)) else ","
    if separator != ",":
        notes.append(f"row 1: columns are separated by {_SEPARATORS[separator]}, not by ','")
    names = next(csv.reader(io.StringIO(text), delimiter=separator))
    return Sheet(_parsed(content, names, separator, path), tuple(notes))


def _parsed(content: bytes, names: list[str], separator: str, path: Path) -> pa.Table:
    """The text columns of CSV in UTF-8. All rows that have too many or too few cells are told at once."""
    wrong: list[str] = []

    def heard(row: Any) -> str:
        wrong.append(f"{path}: row {row.number}: {row.actual_columns} cells, the header has {row.expected_columns}")
        return "skip"

    def parse(threads: bool) -> pa.Table:
        return pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(use_threads=threads),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=separator, newlines_in_values=b'"' in content, invalid_row_handler=heard
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )

    try:
        table = parse(threads=True)
        if wrong:
            # Only one thread knows the numbers of the rows.
            wrong.clear()
            parse(threads=False)
    except pa.ArrowInvalid as cause:
        raise ImportFailed(f"{path}: {cause}") from None
    if wrong:
        raise RowsRefused(wrong)
    return table.rename_columns([name.strip() for name in table.column_names])


def _xlsx(path: Path) -> pa.Table:
    """The first sheet. Formulas are refused: what they gave is not what was decided."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as cause:
        raise ImportFailed(f"{path}: not a workbook that can be read ({cause}); save it as .xlsx or CSV") from None
    try:
        sheet = book.worksheets[0]
        rows: list[list[str | None]] = []
        wrong: list[str] = []
        for number, cells in enumerate(sheet.iter_rows(), 1):
            values = []
            for cell in cells:
                value, fault = _cell(cell)
                values.append(value)
                if fault:
                    wrong.append(f"{path}: row {number}, cell {cell.coordinate} of '{sheet.title}': {fault}")
            rows.append(values)
    finally:
        book.close()
    if wrong:
        raise RowsRefused(wrong)
    while rows and not any(rows[-1]):
        rows.pop()
    if not rows:
        raise ImportFailed(f"{path}: the first sheet is empty")
    width = max(place for row in rows for place, value in enumerate(row, 1) if value)
    names = [(value or "").strip() for value in [*rows[0], *[None] * width][:width]]
    columns = [pa.array([row[n] if n < len(row) else None for row in rows[1:]], pa.string()) for n in range(width)]
    return pa.Table.from_arrays(columns, names)


def _cell(cell: Any) -> tuple[str | None, str]:
    """A cell as the text that a CSV file would hold, and what is wrong with it ('' for nothing)."""
    value = cell.value
    if value is None or value == "":
        return None, ""
    if cell.data_type == "f":
        return None, "a formula; put its value in its place (copy, paste values)"
    if cell.data_type == "e":
        return None, f"an error ({value})"
    if isinstance(value, bool | time):
        return str(value), ""
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat(), ""
    if isinstance(value, date):
        return value.isoformat(), ""
    if isinstance(value, int | float):
        if abs(value) >= _EXACT:
            return None, f"a number of more than 15 digits ({value:.0f}), whose last ones Excel loses; make it text"
        return (str(int(value)) if value == int(value) else repr(value)), ""
    return str(value), ""
