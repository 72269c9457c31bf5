"""What is paid while something waits: no decision on a document that can still come takes any of it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from random_month import random_inputs, random_regulation

from server.allowance.compute import HELD, PAYABLE, compute
from server.allowance.inputs import Inputs
from server.month.undisputed import PARTIAL, reckoned_with

MONTH = "2026-10"


def decided(inputs: Inputs, status: str) -> Inputs:
    """The same facts with every undecided document decided in one way."""
    tables = {}
    for name in ("leave", "orders", "corrections"):
        table = getattr(inputs, name)
        rows = [
            row if row["status"] != "pending" and row["document"] else row | {"status": status, "document": "D/9"}
            for row in table.to_pylist()
        ]
        tables[name] = table.from_pylist(rows, schema=table.schema)
    return replace(inputs, **tables).checked()


def payments(result) -> dict[str, dict]:
    return {row["employee_id"]: row for row in result.payments.to_pylist()}


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 5])
def test_no_decision_takes_back_what_is_paid_in_part(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    regulation = random_regulation(rng, tmp_path)
    inputs = random_inputs(rng, 30)
    first = compute(inputs, regulation, MONTH)
    found = reckoned_with(first, inputs, regulation, {}, {}, {})
    before, now = payments(first), payments(found)
    paid = {who for who, row in now.items() if row["status"] == PARTIAL}
    assert paid
    for who, row in now.items():
        assert row == before[who] or (who in paid and before[who]["status"] == HELD)
    for status in ("approved", "rejected"):
        later = payments(compute(decided(inputs, status), regulation, MONTH))
        for who in paid:
            if later[who]["status"] == PAYABLE:
                # Before tax: a rate that rises with the income may take more of a larger payment.
                kept = [row["gross"] - row["deductions"] for row in (later[who], now[who])]
                assert kept[0] >= kept[1], (who, status)
