"""What is paid while something waits: the part that no answer still to come can take away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.compute import HELD, PAYABLE, Result, compute
from server.allowance.inputs import Inputs
from server.allowance.regulation import Regulation

PARTIAL = "partial"
"""Status of a payment of which only the undisputed part is made now."""
PAID_NOW = (PAYABLE, PARTIAL)


def reckoned_with(
    result: Result,
    inputs: Inputs,
    regulation: Regulation,
    held: Mapping[str, Sequence[str]],
    waiting: Mapping[str, Sequence[str]],
    contested: Mapping[str, Sequence[str]],
) -> Result:
    """The month with each payment that waits held, or made in part.

    `held`: as for `compute`. Who is held only because of undecided days gets what remains if each of them comes out as
    dear as it can.
    `contested`: employee_id → objections without an answer; what they object to is paid as it stands. `waiting`:
    employee_id → why nothing can be paid.
    """
    settled = None
    if result.dearest:
        settled = compute(inputs, regulation, result.summary["month"], held, settled=result.dearest)
    least = {row["employee_id"]: row for row in settled.payments.to_pylist()} if settled else {}
    rows, taken = [], set()
    for row in result.payments.to_pylist():
        who = row["employee_id"]
        reasons = [*waiting.get(who, ()), *contested.get(who, ())]
        if row["status"] == HELD or (reasons and row["status"] == PAYABLE):
            part = row if row["status"] == PAYABLE else least.get(who, row)
            if part["status"] == PAYABLE and 0 < part["net"] <= row["net"] and who not in waiting:
                taken |= {who} if part is not row else set()
                row = part | {"status": PARTIAL, "reason": row["reason"]}
            else:
                row["status"] = HELD
            row["reason"] = "; ".join(text for text in (row["reason"], *reasons) if text)
        rows.append(row)
    payments = pa.Table.from_pylist(rows, schema=result.payments.schema)
    statuses = [row["status"] for row in rows]
    summary = result.summary | {
        "status": {name: statuses.count(name) for name in (*result.summary["status"], PARTIAL)},
        "totals": {name: sum(row[name] for row in rows) for name in result.summary["totals"]},
        "payable_net": sum(row["net"] for row in rows if row["status"] in PAID_NOW),
    }
    lines, days = result.lines, result.days
    if settled and taken:
        lines = _with(lines, settled.lines, taken)
        days = _with(days, settled.days, taken)
    return replace(result, payments=payments, lines=lines, days=days, summary=summary)


def _with(table: pa.Table, settled: pa.Table, taken: AbstractSet[str]) -> pa.Table:
    """`table` with the rows of those people taken from `settled`, people in their order."""
    theirs = pa.array(sorted(taken), pa.string())
    kept = table.filter(pc.invert(pc.is_in(table["employee_id"], theirs)))
    both = pa.concat_tables([kept, settled.filter(pc.is_in(settled["employee_id"], theirs))])
    # A stable sort: the rows of one person stay in the order in which they are read.
    order = sorted(range(len(both)), key=both["employee_id"].to_pylist().__getitem__)
    return both.take(pa.array(order, pa.int64()))
