"""Sheets as offices save them: CSV in UTF-8 or Windows-1252, with commas, semicolons or tabs, and XLSX; all as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from server.allowance.workbook import ABOVE, IsHeader, read_workbook
from server.errors import ImportFailed, RowsRefused
from server.reports.safe import unguarded

_SEPARATORS = {",": "','", ";": "';'", "\t": "tabs"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HEAD = 1 << 16
"""Characters in which a header must stand."""
_MOST = 1000
"""Uneven rows that are told."""


@dataclass(frozen=True)
class Sheet:
    """A table of text with null for empty cells, and what had to be guessed to read it (one sentence each).

    `first_row`: the number of the table's first row in the file, that of the header being one less.
    """

    table: pa.Table
    notes: tuple[str, ...] = ()
    first_row: int = 2


def read_sheet(path: Path, is_header: IsHeader | None = None) -> Sheet:
    """Read a CSV or XLSX file. The header is the first row that `is_header` takes for it, without it row 1.

    The apostrophe that keeps a spreadsheet from running a text of CSV is no part of it.
    Of a workbook the first sheet is read, or the first with such a header. Raises RowsRefused or ImportFailed naming
    file, row and column.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise ImportFailed(f"{path}: cannot be read ({cause.strerror})") from None
    if content.startswith(b"PK\x03\x04"):
        return _workbook(path, is_header)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise ImportFailed(f"{path}: an old Excel file (.xls); save it as .xlsx or CSV")
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        raise ImportFailed(
            f"{path}: its name says workbook, but it is none; name it .csv if it is text, or save it anew"
        )
    if content.startswith(_UTF16) or b"\0" in content:
        raise ImportFailed(f"{path}: neither UTF-8 nor Windows-1252; save the file as CSV UTF-8")
    return _csv(content.removeprefix(b"\xef\xbb\xbf"), path, is_header)


def _csv(content: bytes, path: Path, is_header: IsHeader | None) -> Sheet:
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
    header = _header(text, is_header)
    if not any(header.names):
        raise ImportFailed(f"{path}: row {header.row}: empty; the names of the columns belong here")
    if header.separator != ",":
        notes.append(f"row {header.row}: columns are separated by {_SEPARATORS[header.separator]}, not by ','")
    return Sheet(_parsed(content, text, header, path), tuple(notes), header.row + 1)


@dataclass(frozen=True)
class _Header:
    """Where the names of the columns stand: the row, from 1, the lines of the file up to its end, and the names."""

    row: int
    lines: int
    names: list[str]
    separator: str


def _header(text: str, is_header: IsHeader | None) -> _Header:
    head = text[:_HEAD]
    first = next(io.StringIO(head, newline=""), "")
    usual = max(_SEPARATORS, key=first.count) if any(map(first.count, _SEPARATORS)) else ","
    found: _Header | None = None
    for separator in dict.fromkeys((usual, *_SEPARATORS)):
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=separator)
        for row, cells in enumerate(islice(reader, ABOVE), 1):
            here = _Header(row, reader.line_num, [name.strip() for name in cells], separator)
            if is_header is None or is_header(here.names):
                return here
            found = found or here
    return found or _Header(1, 0, [], ",")


def _parsed(content: bytes, text: str, header: _Header, path: Path) -> pa.Table:
    """The text columns of CSV in UTF-8. All rows that have too many or too few cells are told at once."""
    names = [str(place) for place in range(len(header.names))]
    # A copy that is Arrow's own: a reading thread that let go of Python's memory at the end of the program would
    # need an interpreter that is gone, and abort the program.
    stream = pa.BufferOutputStream()
    stream.write(content.rstrip(b"\r\n"))
    stream.write(b"\n")
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(stream.getvalue()),
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=header.lines),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=header.separator, newlines_in_values=b'"' in content, ignore_empty_lines=False
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as cause:
        if wrong := list(islice(_uneven(text, header, path), _MOST)):
            raise RowsRefused(wrong) from None
        if len(content.splitlines()) <= header.lines:
            return pa.table([pa.array([], pa.string()) for _ in names], header.names)
        raise ImportFailed(f"{path}: {cause}") from None
    if b"'" in content:
        table = pa.table([_unguarded(column) for column in table.columns], names)
    return table.rename_columns(header.names)


def _unguarded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pc.any(pc.starts_with(column, "'")).as_py():
        return column
    return pa.chunked_array([[text and unguarded(text) for text in column.to_pylist()]], pa.string())


def _uneven(text: str, header: _Header, path: Path) -> Iterator[str]:
    reader = csv.reader(io.StringIO(text.rstrip("\r\n"), newline=""), delimiter=header.separator)
    try:
        for row, cells in enumerate(reader, 1):
            if row > header.row and cells and len(cells) != len(header.names):
                yield f"{path}: row {row}: {len(cells)} cells, the header has {len(header.names)}"
    except csv.Error as cause:
        yield f"{path}: line {reader.line_num}: {cause}"


def _workbook(path: Path, is_header: IsHeader | None) -> Sheet:
    names, rows, header, others = read_workbook(path, is_header)
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(len(names))]
    notes = (f"only one sheet is read; not read: {', '.join(others)}",) if others else ()
    return Sheet(pa.Table.from_arrays(columns, names), notes, header + 1)
