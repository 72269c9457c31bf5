"""The states that a month went through for an agency: rows that are only added, the last one tells where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from server.errors import Conflict
from server.month.models import month_steps
from server.month.reckoning import Reckoned

DRAFT, REVIEW, HEAD, APPROVED, LOCKED, PAID, SUSULAN = (
    "draft",
    "review",
    "head",
    "approved",
    "locked",
    "paid",
    "susulan",
)
UNDER_REVIEW = (REVIEW, HEAD, APPROVED)


def add(
    connection: Connection,
    reckoned: Reckoned,
    *,
    state: str,
    by: str,
    why: str,
    now_ms: int,
    run: int | None,
    objections_until_ms: int = 0,
    head_until_ms: int = 0,
) -> None:
    """Add a step that speaks of a reckoned month."""
    row = {
        "month": reckoned.scope.month,
        "agency": reckoned.scope.agency,
        "state": state,
        "at_ms": now_ms,
        "made_by": by,
        "why": why,
        "cutoff_ms": reckoned.scope.cutoff_ms,
        "digest": reckoned.digest,
        "run": run,
        "objections_until_ms": objections_until_ms,
        "head_until_ms": head_until_ms,
    }
    connection.execute(month_steps.insert(), row)


def follow(connection: Connection, before: Mapping[str, Any], *, state: str, by: str, why: str, now_ms: int) -> None:
    """Add a step that speaks of the same run as the step before."""
    row = {name: value for name, value in before.items() if name != "step"}
    connection.execute(month_steps.insert(), row | {"state": state, "at_ms": now_ms, "made_by": by, "why": why})


def add_for_run(connection: Connection, run: Mapping[str, Any], *, state: str, by: str, why: str, now_ms: int) -> None:
    """Add a step that speaks of a stored run (a row of `runs`)."""
    row = {
        "month": run["month"],
        "agency": run["agency"],
        "state": state,
        "at_ms": now_ms,
        "made_by": by,
        "why": why,
        "cutoff_ms": run["cutoff_ms"],
        "digest": "",
        "run": run["run"],
        "objections_until_ms": 0,
        "head_until_ms": 0,
    }
    connection.execute(month_steps.insert(), row)


def history(connection: Connection, month: str, agency: str | None = None) -> list[Mapping[str, Any]]:
    """All steps of a month (of one agency), oldest first."""
    query = select(month_steps).where(month_steps.c.month == month).order_by(month_steps.c.step)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return [row for row in rows if agency is None or row["agency"] == agency]


def standing(connection: Connection, month: str, agency: str) -> Mapping[str, Any] | None:
    """The last step of a month for exactly this agency ('': all at once); None before the first."""
    rows = history(connection, month, agency)
    return rows[-1] if rows else None


def refuse_reviewed(connection: Connection, month: str, agency: str) -> None:
    """Conflict when the month was ever put under review for the agency: it does not leave it by another door."""
    for row in history(connection, month):
        if row["state"] == REVIEW and (not agency or row["agency"] in ("", agency)):
            raise Conflict(
                f"{month} was put under review on its way: take it on with: hadir server month status {month}"
            )


def refuse_under_review(connection: Connection, month: str, agency: str, *, but: str | None = None) -> None:
    """Conflict while a review that concerns the agency goes on, be it for more or fewer agencies than this one.

    `but`: the agency whose own review does not count.
    """
    last = {row["agency"]: row for row in history(connection, month)}
    for row in last.values():
        if row["agency"] == but:
            continue
        if row["state"] in UNDER_REVIEW and (not agency or row["agency"] in ("", agency)):
            whose = f"agency {row['agency']}" if row["agency"] else "all agencies"
            raise Conflict(
                f"{month} is under review for {whose} ({row['state']}); see: hadir server month status {month}"
            )
