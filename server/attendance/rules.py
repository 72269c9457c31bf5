"""The rules of the day as a regulation states them: windows, which mark counts, grace; and what excuses a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COUNTED = ("approved", "confirmed")
"""Status of leave, orders and corrections that count."""

IGNORED = ("rejected", "cancelled", "withdrawn")
"""Status that is as if there were nothing. Every other one is unresolved."""


def status_of(paper: Mapping[str, Any]) -> str:
    """The status of a row of leave, orders or corrections, to compare with COUNTED and IGNORED; none is an approval."""
    return (paper["status"] or "approved").lower()


@dataclass(frozen=True)
class Window:
    """When a mark counts, seconds after the shift's `start` or `end`, both bounds included."""

    from_anchor: str
    from_s: int
    to_anchor: str
    to_s: int


@dataclass(frozen=True)
class DayRules:
    """Which marks of a day count and from when lateness counts; see `day` in regulations/schema.json.

    `repeat_s`: marks up to this many seconds apart are one visit. `lone_mark`: what one visit alone is: in, out,
    nearest (to whichever end of the required time is nearer) or none. `grace_s`, `early_grace_s`: up to this nothing
    counts. `completed`: minutes are counted when complete, else when begun. `make_up_s`: lateness up to this may be
    made up by leaving as much later.
    """

    in_window: Window
    out_window: Window
    out: str
    repeat_s: int
    lone_mark: str
    grace_s: int
    early_grace_s: int
    completed: bool
    make_up_s: int


@dataclass(frozen=True)
class Excuses:
    """Kind of leave and of correction → code of the recap (`other` for the rest); the code of a duty order."""

    leave: dict[str, str]
    corrections: dict[str, str]
    orders: str
    needs_document: bool


def day_rules(value: dict[str, Any]) -> DayRules:
    """The rules from the `day` section of a regulation that fits the schema."""

    def rule(key: str, default: Any) -> Any:
        return value[key]["value"] if key in value else default

    return DayRules(
        in_window=_window(value["in_window"]["value"]),
        out_window=_window(value["out_window"]["value"]),
        out=rule("out", "last"),
        repeat_s=rule("repeat_seconds", 0),
        lone_mark=rule("lone_mark", "nearest"),
        grace_s=rule("grace_seconds", 0),
        early_grace_s=rule("early_grace_seconds", 0),
        completed=rule("minutes", "completed") == "completed",
        make_up_s=60 * rule("make_up_minutes", 0),
    )


def excuses(value: dict[str, Any]) -> Excuses:
    """The `excuses` section of a regulation that fits the schema."""
    return Excuses(value["leave"], value["corrections"], value["orders"], value["needs_document"])


def _window(value: dict[str, Any]) -> Window:
    return Window(*value["from"], *value["to"])
