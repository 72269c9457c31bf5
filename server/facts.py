"""Facts: append-only and bitemporal rows. What was once recorded stays; a change is a new row that supersedes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Index, Integer, Table, Text, func, select

from server.database import metadata


@dataclass(frozen=True)
class FactKind:
    """A table of facts. `key`: the columns that say which fact of the world a row speaks of."""

    table: Table
    key: tuple[str, ...]
    columns: tuple[str, ...]


class Change(NamedTuple):
    """A row that supersedes another: its key, and of each column that differs what it was and is."""

    key: tuple[str, ...]
    columns: dict[str, tuple[str, str]]


@dataclass
class Recorded:
    """What recording did, row by row: counts, and what changed."""

    new: int = 0
    unchanged: int = 0
    changed: list[Change] = field(default_factory=list)


def fact_kind(name: str, columns: Iterable[str], key: tuple[str, ...]) -> FactKind:
    """A kind of facts and its table. All columns of a fact are text; '' says that nothing is known.

    `valid_from`, `valid_to`: ISO dates, both included, '' for no bound; `recorded_ms`: when the server learned it;
    `recorded_by`: an officer's id; `document`: what it rests on; `supersedes`: the row that it takes the place of.
    """
    names = tuple(columns)
    table = Table(
        f"fact_{name}",
        metadata,
        Column("fact", Integer, primary_key=True),
        *(Column(column, Text, nullable=False) for column in names),
        Column("valid_from", Text, nullable=False),
        Column("valid_to", Text, nullable=False),
        Column("recorded_ms", BigInteger, nullable=False),
        Column("recorded_by", Text, nullable=False),
        Column("recorded_document", Text, nullable=False),
        Column("supersedes", ForeignKey(f"fact_{name}.fact"), unique=True),
        sqlite_autoincrement=True,
    )
    Index(f"fact_{name}_key", *(table.c[column] for column in key))
    return FactKind(table, key, names)


def next_number(connection: Connection, kind: FactKind) -> int:
    """The number of the kind's next row: never that of an earlier one, not even of one that was erased, because SQLite
    keeps the highest by itself (AUTOINCREMENT)."""
    query = "SELECT COALESCE(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = ?"
    return int(connection.exec_driver_sql(query, (kind.table.name,)).scalar_one())


def record(
    connection: Connection,
    kind: FactKind,
    rows: Iterable[Mapping[str, Any]],
    *,
    by: str,
    document: str,
    now_ms: int,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> Recorded:
    """Record rows of text columns. One equal to what holds is skipped; one that differs supersedes it."""
    result = Recorded()
    start, end = (day.isoformat() if day else "" for day in (valid_from, valid_to))
    # Where the clock stepped back, what was recorded before still comes first.
    now_ms = max(now_ms, connection.execute(select(func.max(kind.table.c.recorded_ms))).scalar() or 0)
    held = {_key(kind, row): row for row in _rows(connection, kind, now_ms) if row["valid_from"] == start}
    new: list[dict[str, Any]] = []
    for given in rows:
        row = {column: str(given.get(column) or "") for column in kind.columns} | {"valid_to": end}
        key = _key(kind, row)
        before = held.get(key)
        if before is not None and all(before[name] == value for name, value in row.items()):
            result.unchanged += 1
            continue
        if before is None:
            result.new += 1
        else:
            differ = {name: (before[name], value) for name, value in row.items() if before[name] != value}
            result.changed.append(Change(key, differ))
        new.append(
            row
            | {
                "valid_from": start,
                "recorded_ms": now_ms,
                "recorded_by": by,
                "recorded_document": document,
                "supersedes": None if before is None else before["fact"],
            }
        )
    if new:
        connection.execute(kind.table.insert(), new)
    return result


def as_of(connection: Connection, kind: FactKind, cutoff_ms: int, on: date | None = None) -> list[dict[str, Any]]:
    """The facts as the server knew them at `cutoff_ms`, in order of recording.

    With `on`, for each key only the one that holds on that day: of those begun by then, the last to begin.
    """
    rows = _rows(connection, kind, cutoff_ms)
    if on is None:
        return rows
    day = on.isoformat()
    holding: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["valid_from"]):
        if row["valid_from"] <= day:
            holding[_key(kind, row)] = row
    chosen = [row for row in holding.values() if not row["valid_to"] or day <= row["valid_to"]]
    return sorted(chosen, key=lambda row: row["fact"])


def _rows(connection: Connection, kind: FactKind, cutoff_ms: int) -> list[dict[str, Any]]:
    query = select(kind.table).where(kind.table.c.recorded_ms <= cutoff_ms).order_by(kind.table.c.fact)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    gone = {row["supersedes"] for row in rows}
    return [row for row in rows if row["fact"] not in gone]


def _key(kind: FactKind, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[column] for column in kind.key)
