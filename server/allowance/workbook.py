"""XLSX as text, one sheet of it, within bounds that are checked before anything is built of what the file holds."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.parsers import expat

from server.errors import ImportFailed, RowsRefused, ServerError

IsHeader = Callable[[list[str]], bool]
"""Whether a row's cells are the names of the columns."""

ABOVE = 50
"""Rows among which a header is looked for."""

_EXACT = 10**15
"""Excel keeps 15 digits of a number; a longer one has lost the rest."""
_UNPACKED = 100 << 20
_ROWS, _COLUMNS = 1 << 20, 1 << 14
"""What Excel itself can hold."""
_ELEMENTS = 8_000_000
_ALONE = 200_000
"""Elements of XML without a new row or text: a row of Excel cannot have as many."""
_CELLS = 5_000_000
_WAY_OUT = "save the sheet as CSV, which is read at any size"
Row = list[str | None]


def read_workbook(path: Path, is_header: IsHeader | None = None) -> tuple[list[str], list[Row], int, list[str]]:
    """(names of the columns, rows below them, row of the header, titles of filled sheets that were not read).

    The sheet is the first, or the first with a row that `is_header` takes for the header. Raises ImportFailed or
    RowsRefused naming file, row and cell; formulas are refused, for what they gave is not what was decided.
    """
    import openpyxl

    try:
        _refuse_large(path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=False)
        try:
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # what a sheet says of its size is not to be trusted
            chosen, header = _chosen(book.worksheets, is_header)
            names, rows = _table(chosen, header, path)
            others = [sheet.title for sheet in book.worksheets if sheet is not chosen and any(_beginning(sheet))]
        finally:
            book.close()
    except ServerError:
        raise
    # The library says what is wrong with a workbook by whatever error it runs into.
    except Exception as cause:
        raise ImportFailed(f"{path}: not a workbook that can be read ({cause}); save it as .xlsx or CSV") from None
    return names, rows, header, others


def _refuse_large(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _UNPACKED:
            raise ImportFailed(f"{path}: {unpacked >> 20} MB unpacked, at most {_UNPACKED >> 20} are read; {_WAY_OUT}")
        for member in archive.infolist():
            if member.filename.endswith(".xml"):
                with archive.open(member) as stream:
                    _Bounds(path).scan(stream)


class _Bounds:
    """Counts the elements of XML while it is read, keeping none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.elements = self.alone = 0
        self.counted = {"row": 0, "si": 0}

    def scan(self, stream: Any) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._element
        parser.StartDoctypeDeclHandler = self._declared
        parser.ParseFile(stream)

    def _declared(self, *_: object) -> None:
        raise ImportFailed(f"{self.path}: declares entities, which no workbook needs; save it anew as .xlsx or CSV")

    def _element(self, name: str, _: object) -> None:
        self.elements += 1
        self.alone += 1
        kind = name.rpartition(" ")[2]
        if kind in self.counted:
            self.counted[kind] += 1
            self.alone = 0
        if self.elements > _ELEMENTS or self.alone > _ALONE or max(self.counted.values()) > _ROWS:
            raise ImportFailed(f"{self.path}: has more rows or cells than are read; {_WAY_OUT}")


def _chosen(sheets: Sequence[Any], is_header: IsHeader | None) -> tuple[Any, int]:
    """The sheet and the row of its header."""
    for sheet in sheets if is_header else ():
        for number, cells in enumerate(_beginning(sheet), 1):
            if is_header and is_header([str(value or "").strip() for value in cells]):
                return sheet, number
    return sheets[0], 1


def _beginning(sheet: Any) -> Iterator[tuple[Any, ...]]:
    yield from sheet.iter_rows(max_row=ABOVE, values_only=True)


def _table(sheet: Any, header: int, path: Path) -> tuple[list[str], list[Row]]:
    rows: list[Row] = []
    wrong: list[str] = []
    seen = width = 0
    for number, cells in enumerate(sheet.iter_rows(min_row=header), header):
        seen += len(cells)
        values: Row = []
        for cell in cells:
            value, fault = _cell(cell)
            values.append(value)
            if fault:
                wrong.append(f"{path}: row {number}, cell {cell.coordinate} of '{sheet.title}': {fault}")
        while values and not values[-1]:
            values.pop()
        width = max(width, len(values))
        if number > _ROWS or seen > 4 * _CELLS or (values and (number - header) * width > _CELLS):
            raise ImportFailed(f"{path}: row {number} of '{sheet.title}': more rows or cells than are read; {_WAY_OUT}")
        if values:
            rows += [[] for _ in range(number - header - len(rows))]
            rows.append(values)
    if wrong:
        raise RowsRefused(wrong)
    if not rows:
        raise ImportFailed(f"{path}: the sheet '{sheet.title}' is empty")
    names = [(value or "").strip() for value in [*rows[0], *[None] * width][:width]]
    return names, [row + [None] * (width - len(row)) for row in rows[1:]]


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
