"""The conditions of gates and steps (`when`) as SQL over the table `person`."""

from __future__ import annotations

from datetime import date
from typing import Any

from server.attendance.prepare import ordinal
from server.attendance.sql import lit, one_of


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
    """Every key of `when` must hold, for the month that begins on `first`."""
    parts = ["1 = 1"]
    for key, value in when.items():
        if key in ("employment", "golongan", "job_class"):
            parts.append(one_of(f"p.{key}", [str(item) for item in value]))
        elif key == "flag":
            parts.append(f"p.flags LIKE {lit(f'% {_escaped(value)} %')} ESCAPE '!'")
        elif key == "not_flag":
            parts.append(f"p.flags NOT LIKE {lit(f'% {_escaped(value)} %')} ESCAPE '!'")
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


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("_", "!_").replace("%", "!%")
