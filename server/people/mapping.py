"""Mappings: what an office's own files and columns are called here, and how it writes dates and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from server.allowance.values import AMOUNT, DAY, RUPIAH, TABLES
from server.attendance import document
from server.errors import ConfigError, ImportFailed, RowsRefused

_NAMES = [name for name in TABLES if name != "marks"]
_DATES, _NUMBERS = ("from", "to"), ("score",)
"""Columns of text that hold dates, and numbers."""
_DMY = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})\Z")
_INDONESIAN = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?\Z")
_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["format"],
    "properties": {
        "format": {"const": 1},
        "files": {"type": "object", "additionalProperties": {"enum": _NAMES}},
        "dates": {"const": "DMY"},
        "numbers": {"const": "id"},
        **{name: {"type": "object", "additionalProperties": {"type": ["string", "null"]}} for name in _NAMES},
    },
}


@dataclass(frozen=True)
class FileMapping:
    """How an office writes its files. Case and outer spaces of names do not matter.

    `tables`: table → the office's column → ours, or None for one that is left out. `files`: an office's file → table.
    `dates`: "DMY" where 05/10/2026 and 5-10-2026 are dates too, else they are as 2026-10-05 alone. `numbers`: "id"
    where the numbers of CSV files are as 1.234.500,50 and not as 1234500.50 (a workbook's numbers are none of text).
    """

    tables: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    dates: str = ""
    numbers: str = ""

    @classmethod
    def load(cls, path: Path) -> FileMapping:
        """Read a mapping. ConfigError names file, line and key."""
        source = document.read(path, ConfigError)
        source.check(_SCHEMA)
        tables = {name: columns for name, columns in source.value.items() if name in _NAMES}
        for name, columns in tables.items():
            for theirs, ours in columns.items():
                if ours is not None and not _known(name, ours):
                    raise source.refuse((name, theirs), f"there is no column '{ours}'; there are {_all(TABLES[name])}")
            if twice := _twice(ours for ours in columns.values() if ours is not None):
                raise source.refuse((name,), f"two columns are mapped to '{twice}'")
        files = {_plain(name): table for name, table in source.value.get("files", {}).items()}
        return cls(tables, files, source.value.get("dates", ""), source.value.get("numbers", ""))

    def name_of(self, path: Path) -> str:
        """The table that a file holds by this mapping, '' when it says nothing of the file."""
        return self.files.get(_plain(path.name), "")

    def apply(self, table: pa.Table, name: str, path: Path) -> pa.Table:
        """A table as read from the file, with our columns and forms of dates and numbers.

        ImportFailed when two columns would be one; RowsRefused for numbers that are not as `numbers` says.
        """
        columns: dict[str, str | None] = {column: column for column in TABLES[name]}
        columns |= {_plain(theirs): ours for theirs, ours in self.tables.get(name, {}).items()}
        names = [columns.get(_plain(theirs), theirs) for theirs in table.column_names]
        kept = [place for place, ours in enumerate(names) if ours is not None]
        if twice := _twice(names[place] or "" for place in kept):
            raise ImportFailed(f"{path}: two columns are '{twice}' after the mapping")
        wrong: list[str] = []
        read = [self._read(table.column(place), name, names[place] or "", path, wrong) for place in kept]
        if wrong:
            raise RowsRefused(wrong)
        return pa.table(read, names=[names[place] for place in kept])

    def _read(self, cells: pa.ChunkedArray, name: str, column: str, path: Path, wrong: list[str]) -> pa.ChunkedArray:
        """The cells of a column in our form of dates and numbers; what cannot be a number is added to `wrong`."""
        kind = TABLES[name].get(column)
        if self.dates and (kind == DAY or column in _DATES):
            return pa.chunked_array([[_date(cell) for cell in cells.to_pylist()]], pa.string())
        is_number = kind == RUPIAH or column in _NUMBERS or column.startswith(AMOUNT)
        if not self.numbers or not is_number or path.suffix.casefold() != ".csv":
            return cells
        found = []
        for row, cell in enumerate(cells.to_pylist(), 2):
            if cell is not None and not _INDONESIAN.match(cell):
                wrong.append(f"{path}: row {row}, column '{column}': '{cell}' is not a number such as 1.234.500,50")
            whole, _, rest = (cell or "").replace(".", "").partition(",")
            found.append(None if cell is None else f"{whole}.{rest}" if rest.strip("0") else whole)
        return pa.chunked_array([found], pa.string())


def _date(cell: str | None) -> str | None:
    found = _DMY.match(cell or "")
    return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found else cell


def _known(name: str, column: str) -> bool:
    return column in TABLES[name] or (name == "employees" and column.startswith(AMOUNT))


def _twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _all(names: Iterable[str]) -> str:
    return ", ".join(names)
