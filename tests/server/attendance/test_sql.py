"""The pieces of SQL that every engine must reckon alike, against fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import duckdb
import pytest

from server.attendance.sql import div, lit, rounded

EXPECTED = {
    "down": floor,
    "up": ceil,
    "half_up": lambda exact: floor(exact + Fraction(1, 2)),
    "half_even": round,
}


@pytest.mark.parametrize("mode", EXPECTED)
@pytest.mark.parametrize(("divisor", "unit"), [(1, 1), (2, 1), (3, 1), (4, 5), (7, 100)])
def test_rounding_is_exact_on_every_side_of_every_border(mode: str, divisor: int, unit: int) -> None:
    dividends = [*range(0, 6 * divisor * unit, max(1, divisor * unit // 12)), 9 * 10**15, 9 * 10**15 + 1]
    values = ", ".join(f"(CAST({n} AS BIGINT))" for n in dividends)
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT v, {rounded('v', divisor, mode, unit)} FROM (VALUES {values}) t (v)").fetchall()
    for dividend, found in rows:
        assert found == EXPECTED[mode](Fraction(dividend, divisor * unit)) * unit


def test_division_keeps_every_digit_of_a_large_product() -> None:
    with duckdb.connect() as con:
        (found,) = con.execute(f"SELECT {div('CAST(9123456789012345678 AS BIGINT)', 10_000_000)}").fetchall()[0]
    assert found == 9123456789012345678 // 10_000_000


def test_a_quote_in_a_text_stays_in_it() -> None:
    text = "Jum'at'; DROP TABLE emp"
    with duckdb.connect() as con:
        assert con.execute(f"SELECT {lit(text)}").fetchall() == [(text,)]
