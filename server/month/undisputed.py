"""What is paid while something waits: the part that no answer still to come can take away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.compute import Result
from server.allowance.payments import HELD, PAYABLE

PARTIAL = "partial"
"""Status of a payment of which only the undisputed part is made now."""
PAID_NOW = (PAYABLE, PARTIAL)


def reckoned_with(
    result: Result, waiting: Mapping[str, Sequence[str]], contested: Mapping[str, Sequence[str]]
) -> Result:
    """The month with each payment that waits held, or made in part.

    Who is held only because of undecided facts gets what remains in whichever way they are decided: the least of all.
    `contested`: employee_id → objections without an answer; what they object to is paid as it stands. `waiting`:
    employee_id → why nothing can be paid.
    """
    least = {row["employee_id"]: row for row in result.least[0].to_pylist()} if result.least else {}
    rows, taken = [], set()
    for row in result.payments.to_pylist():
        who = row["employee_id"]
        reasons = [*waiting.get(who, ()), *contested.get(who, ())]
        if row["status"] == HELD or (reasons and row["status"] == PAYABLE):
            part = row if row["status"] == PAYABLE else least.get(who, row)
            if part["status"] == PAYABLE and part["net"] > 0 and who not in waiting:
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
    if result.least and taken:
        lines = _with(lines, result.least[1], taken)
        days = _with(days, result.least[2], taken)
    return replace(result, payments=payments, lines=lines, days=days, summary=summary)


def _with(table: pa.Table, least: pa.Table, taken: AbstractSet[str]) -> pa.Table:
    """`table` with the rows of those people taken from `least`, people in their order."""
    theirs = pa.array(sorted(taken), pa.string())
    kept = table.filter(pc.invert(pc.is_in(table["employee_id"], theirs)))
    both = pa.concat_tables([kept, least.filter(pc.is_in(least["employee_id"], theirs))])
    # A stable sort: the rows of one person stay in the order in which they are read.
    order = sorted(range(len(both)), key=both["employee_id"].to_pylist().__getitem__)
    return both.take(pa.array(order, pa.int64()))
