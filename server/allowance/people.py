"""Numbers people and marks for the computation: the tables emp, mark, work and due from a month's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.conditions import flags
from server.allowance.inputs import AMOUNT, Inputs
from server.allowance.regulation import Component, Regulation
from server.allowance.steps import SCORE
from server.allowance.values import MONEY_INPUTS
from server.attendance.prepare import Paper, ordinal
from server.errors import ImportFailed

ATTRIBUTES = ("employment", "job_class", "golongan", "ptkp")
"""What conditions and tables of rates ask of a person, compared without the spaces around it."""


@dataclass(frozen=True)
class People:
    """Number and zone of each employee: `numbers` and `offsets` (seconds east of UTC) by employee_id."""

    numbers: dict[str, int]
    offsets: dict[str, int]


def register_people(
    con: duckdb.DuckDBPyConnection, inputs: Inputs, regulation: Regulation, first: date, last: date
) -> People:
    """The table `emp`, numbered in order of employee_id. Raises ImportFailed for a zone that does not exist."""
    table = inputs.employees.take(pc.sort_indices(inputs.employees, [("employee_id", "ascending")]))
    for name in ATTRIBUTES:
        text = pc.utf8_trim_whitespace(table[name])
        text = pc.if_else(pc.equal(text, ""), None, text)
        table = table.set_column(table.column_names.index(name), name, text)
    ids = table["employee_id"].to_pylist()
    offsets = []
    for who, zone, site in zip(ids, table["zone"].to_pylist(), table["site"].to_pylist(), strict=True):
        try:
            offsets.append(inputs.calendar.offset(zone, site))
        except KeyError:
            raise ImportFailed(f"employees: {who}, column 'zone': '{zone}' is not WIB, WITA or WIT") from None
    start = _days(table["start_date"])
    columns = {
        "emp": pa.array(range(len(ids)), pa.int64()),
        "utc_offset": pa.array(offsets, pa.int64()),
        "zone_text": pa.array([f"+{offset // 3600:02d}:00" for offset in offsets], pa.string()),
        "first_day": pc.max_element_wise(start, pa.scalar(ordinal(first))),
        "last_day": pc.min_element_wise(_days(table["end_date"]), pa.scalar(ordinal(last))),
        "start_day": start,
        "appointed_day": _days(table["appointed_date"]),
    }
    for name in ("employee_id", "agency", "unit", "site", *ATTRIBUTES):
        columns[name] = table[name]
    for name in MONEY_INPUTS:
        columns[name] = table[name]
    columns["flags"] = pa.array([f" {' '.join(flags(text))} " for text in table["flags"].to_pylist()], pa.string())
    columns.update(_amounts(table, regulation.components))
    con.register("emp_in", pa.table(columns))
    con.execute("CREATE TABLE emp AS SELECT * FROM emp_in")
    return People(dict(zip(ids, range(len(ids)), strict=True)), dict(zip(ids, offsets, strict=True)))


def _days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int32()).cast(pa.int64())


def _amounts(table: pa.Table, components: tuple[Component, ...]) -> dict[str, pa.Array]:
    """c_<component>: the employee's own amount, else that of the class; has_amount: whether anything is known."""
    known = {f"{AMOUNT}{component.id}" for component in components}
    strange = [name for name in table.column_names if name.startswith(AMOUNT) and name not in known]
    if strange:
        raise ImportFailed(f"employees: column '{strange[0]}': the regulation has no such component")
    columns: dict[str, pa.Array] = {}
    anything = pa.array([not components] * len(table), pa.bool_())
    for component in components:
        classes = pa.array(list(component.amounts), pa.string())
        amounts = pa.array(list(component.amounts.values()), pa.int64())
        of_class = amounts.take(pc.index_in(table["job_class"], classes))
        name = f"{AMOUNT}{component.id}"
        amount = pc.coalesce(table[name], of_class) if name in table.column_names else of_class
        columns[f"c_{component.id}"] = amount
        anything = pc.or_(anything, pc.is_valid(amount))
    columns["has_amount"] = anything
    return columns


def register_marks(con: duckdb.DuckDBPyConnection, marks: pa.Table, found: list[Paper], people: People) -> None:
    """The table `mark` (whole seconds) from marks and from corrections that stand for one."""
    at, low, high = (_seconds(marks[name]) for name in ("at", "at_earliest", "at_latest"))
    extra = [paper for paper in found if paper.mark]
    own = [paper.begin for paper in extra]
    columns = {
        "mk": pa.array(range(len(marks) + len(extra)), pa.int64()),
        "employee_id": _joined(marks["employee_id"], [paper.employee_id for paper in extra], pa.string()),
        "at_s": _joined(pc.coalesce(at, low), own, pa.int64()),
        "lo_s": _joined(pc.coalesce(low, at), own, pa.int64()),
        "hi_s": _joined(pc.coalesce(high, at), own, pa.int64()),
        "pending": _joined(pa.nulls(len(marks), pa.int64()), [int(not p.counted) for p in extra], pa.int64()),
        "ref": _joined(marks["entry"], [f"{p.what} {p.document}".strip() for p in extra], pa.string()),
        "site": _joined(marks["site"], [None] * len(extra), pa.string()),
    }
    con.register("mark_in", pa.table(columns))
    con.execute(
        "CREATE TABLE mark AS SELECT m.mk, e.emp, m.at_s, m.lo_s, m.hi_s, COALESCE(m.pending, 0) AS pending, "
        "CASE WHEN m.lo_s < m.hi_s THEN 1 ELSE 0 END AS uncertain "
        "FROM mark_in m JOIN emp e ON e.employee_id = m.employee_id"
    )


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Instants as whole Unix seconds, fractions dropped."""
    return pc.divide(column.cast(pa.int64()), 1_000_000)


def _joined(column: pa.ChunkedArray | pa.Array, more: Sequence[object], kind: pa.DataType) -> pa.ChunkedArray:
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return pa.chunked_array([*chunks, pa.array(more, kind)], kind)


def register_scores(con: duckdb.DuckDBPyConnection, inputs: Inputs, month: str, people: People) -> frozenset[str]:
    """The tables `work` (scores of the month in hundredths) and `due`; the measures that occur."""
    rows = {
        (people.numbers[row["employee_id"]], row["measure"]): int(Decimal(row["score"]) * SCORE)
        for row in inputs.work.to_pylist()
        if row["month"] == month and row["employee_id"] in people.numbers
    }
    con.register(
        "work_in",
        pa.table(
            {
                "emp": pa.array([key[0] for key in rows], pa.int64()),
                "measure": pa.array([key[1] for key in rows], pa.string()),
                "score": pa.array(list(rows.values()), pa.int64()),
            }
        ),
    )
    con.execute("CREATE TABLE work AS SELECT * FROM work_in")
    con.register("due_in", inputs.dues)
    con.execute(
        "CREATE TABLE due AS SELECT e.emp, d.kind, CAST(SUM(d.rupiah) AS BIGINT) AS rupiah FROM due_in d "
        "JOIN emp e ON e.employee_id = d.employee_id WHERE d.rupiah > 0 GROUP BY e.emp, d.kind"
    )
    return frozenset(measure for _, measure in rows)
