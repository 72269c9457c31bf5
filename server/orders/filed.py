"""What files say of leave, orders and corrections: what needs a decision waits, until another brings the same file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from server import facts
from server.attendance.rules import COUNTED, IGNORED
from server.facts import FactKind
from server.orders.models import CORRECTIONS, LEAVE, ORDERS
from server.orders.papers import APPROVED, DECIDED, REQUESTED, WITHDRAWING, why_not
from server.orders.service import ACCEPTED, ISSUED, REPORTED
from server.people import grants

_WAITS: Mapping[str, tuple[str, FactKind, str]] = {
    "leave": ("leave", LEAVE, REQUESTED),
    "orders": ("order", ORDERS, REPORTED),
    "corrections": ("correction", CORRECTIONS, REQUESTED),
}
"""File → what a row of it is, its facts, and the state of one that waits for another officer."""
STATES: Mapping[str, tuple[str, ...]] = {
    "leave": (REQUESTED, WITHDRAWING, *DECIDED),
    "orders": (ISSUED, ACCEPTED, REPORTED, WITHDRAWING, *DECIDED),
    "corrections": (REQUESTED, WITHDRAWING, *DECIDED),
}
"""File → the states that a row may have; a row without one is approved."""


@dataclass(frozen=True)
class Outcome:
    """What became of the state that a row (`place` from 0) claims, where it needed a decision.

    `decided`: recorded as the file says, on the word of two officers; else it waits, or stays, for the reason told.
    """

    place: int
    decided: bool
    told: str


def state_of(row: Mapping[str, Any]) -> str:
    """The state that a row claims; where it names none, it counts."""
    return (row["status"] or APPROVED).strip().lower()


def settle(
    connection: Connection,
    name: str,
    rows: Sequence[dict[str, Any]],
    acting: grants.Authority,
    *,
    decide: bool,
    now_ms: int,
) -> Iterator[Outcome]:
    """Give each row of file `name` the state with which it is recorded, and say where that needed a decision.

    What a file approves, or takes back of what was approved, waits. With `decide` it is recorded where another
    officer brought the same row, and this one may decide it. What was decided here is not undone by an older file.
    The rows are changed as the outcomes are taken; their values are text.
    """
    what, kind, waits = _WAITS[name]
    held = {tuple(row[column] for column in kind.key): row for row in facts.as_of(connection, kind, now_ms)}
    for place, row in enumerate(rows):
        told = state_of(row)
        before = held.get(tuple(row[column] for column in kind.key), {})
        now, who = before.get("status", ""), before.get("recorded_by", "")
        taken_back = told in IGNORED and now in (*COUNTED, WITHDRAWING)
        if taken_back:  # what is taken back is what was approved, whatever else the file says of it
            row |= {column: before[column] for column in kind.columns}
        same = bool(before) and all(row[column] == before[column] for column in kind.columns if column != "status")
        if told not in DECIDED:
            row["status"] = now if same else told
        elif told in IGNORED and not taken_back:
            row["status"] = told
        elif told in COUNTED and same and now in DECIDED:
            row["status"] = now
            if now in IGNORED:
                yield Outcome(place, False, f"was {now} by {who}, and stays so")
        elif decide and same and now not in DECIDED:
            refusal = why_not(connection, acting, what, before)
            row["status"] = now if refusal else told
            yield Outcome(place, not refusal, refusal or f"{told}; {now} by {who}")
        else:
            row["status"] = WITHDRAWING if taken_back else now if same else waits
            was = f"; {now} by {who} with other details" if now in COUNTED and not taken_back else ""
            yield Outcome(place, False, f"{told}: waits for another officer{was}")
