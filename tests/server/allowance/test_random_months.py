"""Random months under random regulations: the SQL and the oracle must agree to the second and the rupiah."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from random_month import OFFSET, random_inputs, random_regulation

from server.allowance.compute import compute
from server.allowance.inputs import COLUMNS, Inputs
from server.allowance.oracle import local, reckon


@pytest.mark.parametrize("seed", range(8))
def test_sql_and_oracle_agree_on_random_months_under_random_regulations(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    regulation = random_regulation(rng, tmp_path)
    inputs = random_inputs(rng, 30)
    result = compute(inputs, regulation, "2026-10")
    slow = reckon(inputs, regulation, "2026-10")
    days = [tuple(row.values()) for row in result.days.to_pylist()]
    assert days == [
        (who, day, d.code, local(d.first_in, OFFSET), local(d.last_out, OFFSET), d.required_s, d.late_s, d.early_s)
        for who in sorted(slow)
        for day, d in slow[who].days.items()
    ]
    payments = [tuple(row.values())[:-1] for row in result.payments.to_pylist()]
    assert payments == [
        (who, p.gross, p.deductions, p.dues, p.tax, p.net, "held" if who in result.open else p.status)
        for who, p in sorted(slow.items())
    ]
    sums: dict[str, int] = {}
    for line in result.lines.to_pylist():
        assert line["rupiah"] != 0
        if line["kind"] == "rounding":
            assert abs(line["rupiah"]) < int(line["rounding"].split()[1]) + 100
        sums[line["employee_id"]] = sums.get(line["employee_id"], 0) + line["rupiah"]
    assert sums == {who: p.net for who, p in slow.items() if who in sums}
    assert all(p.net == 0 for who, p in slow.items() if who not in sums)


def test_the_same_facts_give_the_same_bytes_in_whatever_order_they_come(tmp_path: Path) -> None:
    rng = Random(5)
    regulation = random_regulation(rng, tmp_path)
    inputs = random_inputs(rng, 30)
    shuffled = {}
    for name in COLUMNS:
        table = getattr(inputs, name)
        order = list(range(len(table)))
        rng.shuffle(order)
        shuffled[name] = table.take(pa.array(order, pa.int64()))
    first = compute(inputs, regulation, "2026-10")
    again = compute(inputs, regulation, "2026-10")
    other = compute(Inputs(**shuffled, calendar=inputs.calendar), regulation, "2026-10")
    assert again == first
    for name in ("payments", "lines", "days"):
        assert getattr(other, name).equals(getattr(first, name))
    assert first.least is not None
    assert other.least == first.least
    assert other.summary | {"input_sha256": ""} == first.summary | {"input_sha256": ""}
