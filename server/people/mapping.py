"""Column mappings: how an office's own columns are called here, so that its files are imported as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from server.allowance.values import AMOUNT, TABLES
from server.attendance import document
from server.errors import ConfigError, ImportFailed

_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["format"],
    "properties": {
        "format": {"const": 1},
        **{
            name: {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
            for name in TABLES
            if name != "marks"
        },
    },
}


@dataclass(frozen=True)
class ColumnMapping:
    """Table → the office's column → ours, or None for one that is left out. Case and outer spaces do not matter."""

    tables: Mapping[str, Mapping[str, str | None]]

    @classmethod
    def load(cls, path: Path) -> ColumnMapping:
        """Read a mapping. ConfigError names file, line and key."""
        source = document.read(path, ConfigError)
        source.check(_SCHEMA)
        tables = {name: columns for name, columns in source.value.items() if name != "format"}
        for name, columns in tables.items():
            for theirs, ours in columns.items():
                if ours is not None and not _known(name, ours):
                    raise source.refuse((name, theirs), f"there is no column '{ours}'; there are {_all(TABLES[name])}")
            if twice := _twice(ours for ours in columns.values() if ours is not None):
                raise source.refuse((name,), f"two columns are mapped to '{twice}'")
        return cls(tables)

    def apply(self, table: pa.Table, name: str, path: Path) -> pa.Table:
        """A table as read from the file, with our columns. ImportFailed when two columns would be one."""
        columns = {_plain(theirs): ours for theirs, ours in self.tables.get(name, {}).items()}
        names = [columns.get(_plain(theirs), theirs) for theirs in table.column_names]
        kept = [place for place, ours in enumerate(names) if ours is not None]
        if twice := _twice(names[place] or "" for place in kept):
            raise ImportFailed(f"{path}: two columns are '{twice}' after the mapping")
        return pa.table([table.column(place) for place in kept], names=[names[place] for place in kept])


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
