"""Reads an office's old list: CSV as spreadsheets write it, columns as the office names them, amounts as typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from protocol.settings import SettingsError, read_settings
from server.allowance.reading import read_sheet
from server.allowance.workbook import ABOVE
from server.comparison.values import ITEMS, OldList, OldRow
from server.errors import ConfigError, ImportFailed, RowsRefused

IDS = ("employee_id", "nip")
_PARTS = re.compile(r"(step|kind):\S+\Z")
_CURRENCY = re.compile(r"^rp\.?\s*|[\s'\u00a0\u202f]|,-$", re.IGNORECASE)
_WHOLE = re.compile(r"[-+]?\d+\Z")
_INDONESIAN = re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d+)?\Z|[-+]?\d+,\d{1,2}\Z")
_ENGLISH = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?\Z|[-+]?\d{4,}\.\d+\Z|[-+]?\d+\.\d{1,2}\Z")
_TOTALS = re.compile(r"\s*(grand |sub ?)?(jumlah|total)\b", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"\d[.,]\d+E\+?\d+\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Mapped:
    """A map of columns: what we call a column → what the office calls it; `ignore`: columns not to speak of."""

    columns: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in (*IDS, *ITEMS) and not _PARTS.match(name):
                known = ", ".join((*IDS, *ITEMS))
                raise ValueError(f"columns: {name!r} is none of {known}, step:ID, kind:KIND")

    def is_header(self, cells: list[str]) -> bool:
        """Whether a row names people and any amount, as the office or as we call them."""
        ids = {self.columns.get(name, name) for name in IDS}
        items = {theirs for ours, theirs in self.columns.items() if ours not in IDS} | set(ITEMS)
        return bool(ids & set(cells) and items & set(cells))


def read_map(path: Path) -> Mapped:
    """A map from YAML. ConfigError names file, line and key."""
    try:
        return read_settings(path.read_text(encoding="utf-8"), str(path), Mapped)
    except SettingsError as error:
        raise ConfigError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def read_old(path: Path, mapped: Mapped) -> OldList:
    """The old list in a CSV or XLSX file, its amounts in whole rupiah. Titles may stand above the header.

    Columns that are neither ours nor mapped are not compared, and named. ImportFailed names each row that cannot be
    used: then nothing is compared, because a person left out would seem to be missing from the list.
    """
    sheet = read_sheet(path, mapped.is_header)
    header = sheet.table.column_names
    places = _places(path, header, mapped, sheet.first_row - 1)
    ids = [name for name in IDS if name in places]
    items = tuple(name for name in places if name not in IDS)
    if not ids or not items:
        what = "employee_id or nip" if not ids else f"one of {', '.join(ITEMS)}"
        raise ImportFailed(
            f"{path}: no row within the first {ABOVE} has a column for {what}; "
            "say which with --map: columns: {nip: NIP, net: Diterima}"
        )
    notes = [f"{path.name}: {note}" for note in sheet.notes]
    columns = {name: sheet.table.column(place).to_pylist() for name, place in places.items()}
    rows: list[OldRow] = []
    problems: list[str] = []
    for number, cells in enumerate(zip(*columns.values(), strict=True), sheet.first_row):
        named = {name: cell or "" for name, cell in zip(columns, cells, strict=True)}
        if not named[ids[0]].strip():
            if any(named.values()):
                notes.append(f"{path.name}: row {number}: {ids[0]} is empty (a row of totals?); it is not compared")
            continue
        if _TOTALS.match(named[ids[0]]):
            notes.append(f"{path.name}: row {number}: '{named[ids[0]]}' is a row of totals; it is not compared")
            continue
        try:
            rows.append(_row(number, named, ids[0], items))
        except ValueError as error:
            problems.append(f"{path}: row {number}: {error}")
    problems += [f"{path}: {problem}" for problem in _twice(rows)]
    if problems:
        raise RowsRefused(problems)
    used = {header[place] for place in places.values()} | set(mapped.ignore)
    ignored = tuple(name for name in header if name and name not in used)
    return OldList(path.name, ids[0], items, tuple(rows), ignored, tuple(notes))


def amount(text: str) -> int:
    """Whole rupiah of `Rp5.033.600,00`, `5,033,600`, `(12)` or `-12`, sen rounded half up; '' is 0.

    ValueError for anything else.
    """
    plain = _CURRENCY.sub("", text.strip())
    if plain in ("", "-"):
        return 0
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1]}"
    if _WHOLE.match(plain):
        return int(plain)
    if _INDONESIAN.match(plain):
        whole, _, sen = plain.replace(".", "").partition(",")
    elif _ENGLISH.match(plain):
        whole, _, sen = plain.replace(",", "").partition(".")
    else:
        raise ValueError(f"{text!r} is not an amount of rupiah")
    if sen < "5":
        return int(whole)
    return int(whole) + (-1 if whole.startswith("-") else 1)


def _places(path: Path, header: list[str], mapped: Mapped, row: int) -> dict[str, int]:
    """Our name of a column → its place."""
    places: dict[str, int] = {}
    for ours, theirs in mapped.columns.items():
        if header.count(theirs) != 1:
            what = "is not" if theirs not in header else "is twice"
            raise ImportFailed(f"{path}: row {row}: the column {theirs!r} {what} in the header: {', '.join(header)}")
        places[ours] = header.index(theirs)
    for name in (*IDS, *ITEMS):
        if name not in places and header.count(name) == 1 and header.index(name) not in places.values():
            places[name] = header.index(name)
    return places


def _row(number: int, cells: Mapping[str, str], id_column: str, items: tuple[str, ...]) -> OldRow:
    key = cells[id_column].strip().lstrip("'")
    if id_column == "nip":
        key = re.sub(r"\s", "", key)
    if _SCIENTIFIC.match(key):
        raise ValueError(f"{id_column} {key!r} lost its digits in a spreadsheet; make the column text")
    return OldRow(number, key, {item: amount(cells[item]) for item in items})


def _twice(rows: list[OldRow]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for row in rows:
        if row.key in seen:
            yield f"row {row.row}: {row.key} stands in row {seen[row.key]} too"
        seen.setdefault(row.key, row.row)
