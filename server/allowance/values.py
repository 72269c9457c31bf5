"""The tables of a month's facts: their columns and types, and what values cannot be, told row by row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

TEXT, DAY, RUPIAH, INSTANT = pa.string(), pa.date32(), pa.int64(), pa.timestamp("us", "UTC")
AMOUNT = "amount:"
"""Prefix of the employees' columns that override a component's amount of the class."""

LARGEST = 10**10
"""Rupiah: anything above is a slip of the keyboard. A step that multiplies it beyond 64 bits refuses the month."""

MONEY_INPUTS = ("other_gross", "bpjs_base", "ytd_gross", "ytd_tax", "ytd_pension")
"""Columns of the employees that the base of a step may name. Year to date: before this month's allowance is paid."""

COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "employees": {
        **dict.fromkeys(
            ("employee_id", "nip", "name", "employment", "agency", "unit", "site", "zone", "job_class", "golongan"),
            TEXT,
        ),
        "ptkp": TEXT,
        **dict.fromkeys(("start_date", "end_date", "appointed_date"), DAY),
        **dict.fromkeys(MONEY_INPUTS, RUPIAH),
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

TABLES = COLUMNS | {
    "posts": dict.fromkeys(("post", "title", "agency", "unit", "job_class"), TEXT),
    "postings": {"employee_id": TEXT, "post": TEXT, "capacity": TEXT, "from": DAY, "to": DAY, "document": TEXT},
}
"""COLUMNS, and what a server keeps beside them: posts, and who holds which, in which capacity, between two dates."""

REQUIRED = {
    "employees": ("employee_id",),
    "marks": ("employee_id",),
    "leave": ("employee_id", "kind", "from"),
    "orders": ("employee_id", "from"),
    "corrections": ("employee_id", "kind"),
    "work": ("employee_id", "month", "measure", "score"),
    "dues": ("employee_id", "kind", "rupiah"),
    "posts": ("post", "agency", "job_class"),
    "postings": ("employee_id", "post", "capacity", "from", "document"),
}
"""Columns that a table must have, and fill in every row; the others may be missing or empty."""

LARGEST_SCORE = 1_000_000
WITHDRAWN = "withdrawn"
"""What an import has in place of a score that is taken back; the engine knows no such score."""
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")

MOST = 1000
"""Faults of one column that are told; a file with more has one fault."""

Fault = tuple[int, str]
"""Place of a row (from 0) and what is wrong with it, beginning with its column."""


def check_values(table: pa.Table, name: str, first_row: int, *, withdrawals: bool = False) -> list[Fault]:
    """Everything that the values of a typed table cannot be, in the order of the checks.

    With `withdrawals` a score may be WITHDRAWN.
    """
    faults: list[Fault] = []
    for column in REQUIRED[name]:
        faults += [(place, f", column '{column}': empty") for place in _places(pc.is_null(table[column]))]
    for column in table.column_names:
        if table[column].type != RUPIAH:
            continue
        for place in _places(pc.or_(pc.less(table[column], 0), pc.greater(table[column], LARGEST))):
            value = table[column][place].as_py()
            faults.append((place, f", column '{column}': {value} rupiah; from 0 to {LARGEST} is possible"))
    if name == "employees":
        faults += _twice(table, ("employee_id",), first_row)
    elif name == "marks":
        faults += _undated(table)
    elif name == "work":
        faults += [*_scores(table, withdrawals), *_twice(table, ("employee_id", "month", "measure"), first_row)]
    elif name == "postings":
        for place in _places(pc.greater(table["from"], table["to"])):
            faults.append((place, ", column 'to': before from"))
    return faults


def _places(wrong: pa.ChunkedArray) -> list[int]:
    """Where a condition holds, the first MOST of them."""
    if not pc.any(wrong).as_py():
        return []
    found: list[int] = pc.indices_nonzero(pc.fill_null(wrong, False)).slice(0, MOST).to_pylist()
    return found


def _twice(table: pa.Table, keys: tuple[str, ...], first_row: int) -> Iterator[Fault]:
    if len(table.select(keys).group_by(list(keys)).aggregate([])) == len(table):
        return
    seen: dict[tuple[str | None, ...], int] = {}
    for place, key in enumerate(zip(*(table[column].to_pylist() for column in keys), strict=True)):
        if key[0] is not None and key in seen:
            shown = " ".join(str(part) for part in key)
            yield place, f", column '{keys[-1]}': {shown} stands in row {seen[key] + first_row} too"
        seen.setdefault(key, place)


def _undated(table: pa.Table) -> Iterator[Fault]:
    low, high = table["at_earliest"], table["at_latest"]
    dated = pc.or_(pc.is_valid(table["at"]), pc.and_(pc.is_valid(low), pc.is_valid(high)))
    for place in _places(pc.invert(dated)):
        yield place, ": neither at nor at_earliest with at_latest"
    for place in _places(pc.greater(low, high)):
        yield place, ", column 'at_latest': before at_earliest"
    outside = pc.or_kleene(pc.less(table["at"], low), pc.greater(table["at"], high))
    for place in _places(outside):
        yield place, ", column 'at': not between at_earliest and at_latest"


def _scores(table: pa.Table, withdrawals: bool) -> Iterator[Fault]:
    for place, text in enumerate(table["score"].to_pylist()):
        if text is None or (withdrawals and text == WITHDRAWN):
            continue
        if not _NUMBER.fullmatch(text):
            yield place, f", column 'score': '{text}' is not a number such as 87.5"
            continue
        score = Decimal(text) * 100
        if score != score.to_integral_value() or not 0 <= score <= LARGEST_SCORE * 100:
            yield place, f", column 'score': {text}: from 0 to {LARGEST_SCORE}, at most two decimals"
