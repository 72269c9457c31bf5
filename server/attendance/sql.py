"""Pieces of SQL that DuckDB, PostgreSQL and Spark read alike: literals, exact integer division, rounding."""

from __future__ import annotations

PACK = 2**32
"""A mark's second × PACK + its number orders marks by time in one integer (until the year 2106)."""


def lit(text: str) -> str:
    """A text literal."""
    return "'" + text.replace("'", "''") + "'"


def one_of(column: str, values: list[str]) -> str:
    """The condition that a column is one of some texts."""
    return f"{column} IN ({', '.join(lit(value) for value in values)})"


def div(dividend: str, divisor: str | int) -> str:
    """Integer division of a non-negative dividend, exact below 2**53 times the divisor.

    What remains is taken away first, so that `/` gives a whole number whether the engine divides integers or floats.
    """
    return f"CAST(ROUND((({dividend}) - ({dividend}) % {divisor}) / {divisor}) AS BIGINT)"


def rounded(dividend: str, divisor: int, mode: str, unit: int) -> str:
    """dividend / divisor rounded to a multiple of unit: down, up, half_up or half_even; never negative."""
    by = divisor * unit
    if mode == "down":
        whole = div(dividend, by)
    elif mode == "up":
        whole = div(f"{dividend} + {by - 1}", by)
    elif mode == "half_up":
        whole = div(f"2 * ({dividend}) + {by}", 2 * by)
    else:
        floor = div(dividend, by)
        rest = f"2 * (({dividend}) % {by})"
        whole = f"({floor} + CASE WHEN {rest} > {by} OR ({rest} = {by} AND {floor} % 2 = 1) THEN 1 ELSE 0 END)"
    return whole if unit == 1 else f"({whole} * {unit})"
