"""The conditions of gates and steps (`when`) as SQL over the table `person`."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from server.attendance.prepare import ordinal
from server.attendance.sql import lit, one_of

_ASKED = {
    "employment": "employment",
    "golongan": "golongan",
    "job_class": "job_class",
    "served_less_than_months": "start_date",
}
"""Condition → the column that it asks for. No flag and no date of appointment say that there is none."""


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier; the month's last day where it has no such day (29 February)."""
    place = day.year * 12 + day.month - 1 - months
    year, month = divmod(place, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise ValueError(f"{day} has no day {months} months earlier")


def condition(when: dict[str, Any], first: date) -> str:
    """Every key of `when` must hold, for the month that begins on `first`.

    SQL's NULL where the others hold and one asks for something of which the person's row says nothing.
    """
    parts = ["1 = 1"]
    for key, value in when.items():
        if key in ("employment", "golongan", "job_class"):
            parts.append(one_of(f"p.{key}", [str(item) for item in value]))
        elif key == "flag":
            parts.append(f"p.flags LIKE {_flag(value)} ESCAPE '!'")
        elif key == "not_flag":
            parts.append(f"p.flags NOT LIKE {_flag(value)} ESCAPE '!'")
        elif key == "appointed":
            parts.append(
                f"(p.appointed_day IS NOT NULL AND p.appointed_day <= {ordinal(first)}) = {str(value).upper()}"
            )
        elif key == "served_less_than_months":
            parts.append(f"p.start_day > {ordinal(months_before(first, value))}")
        elif key == "absent_days_at_least":
            parts.append(f"p.absent_days >= {value}")
        elif key == "absent_run_at_least":
            parts.append(f"p.absent_run >= {value}")
        elif key == "months":
            parts.append("1 = 1" if first.month in value else "1 = 0")
    return " AND ".join(parts)


def unknown(when: dict[str, Any], first: date) -> list[tuple[str, str]]:
    """What a condition may lack: column of the employees, and the SQL of lacking it where all else holds."""
    lacking = f"({condition(when, first)}) IS NULL"
    return [
        (column, f"{lacking} AND p.{'start_day' if column == 'start_date' else column} IS NULL")
        for key, column in _ASKED.items()
        if key in when
    ]


def flags(text: str | None) -> list[str]:
    """The flags of an employee: between spaces of any kind, commas, semicolons or bars; capitals do not matter."""
    return re.split(r"[\s,;|]+", (text or "").strip().casefold())


def _flag(text: str) -> str:
    escaped = text.strip().casefold().replace("!", "!!").replace("_", "!_").replace("%", "!%")
    return lit(f"% {escaped} %")
