"""What is paid while something waits: no decision that can still come takes any of it back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from random_month import REGULATIONS, random_inputs, random_regulation

from server.allowance.casebook import read
from server.allowance.compute import compute
from server.allowance.inputs import Inputs
from server.allowance.payments import HELD
from server.month.undisputed import PARTIAL, reckoned_with

MONTH = "2026-10"
DEARER = """
regulation: {regulation}
month: 2026-10
defaults: {{employee: {{employment: PNS, golongan: II/c}}, amounts: {{tpp: 5_000_000}}}}
cases:
  - name: absent, or very late and very early
    days: {{2026-10-05: absent}}
    corrections:
      - {{date: 2026-10-05, kind: in, from: "2026-10-05T11:00:00+07:00", document: K-1, status: pending}}
      - {{date: 2026-10-05, kind: out, from: "2026-10-05T12:00:00+07:00", document: K-2, status: pending}}
    expect: {{status: held}}
"""


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


@pytest.mark.parametrize("seed", [0, 5, 13, 15, 34])
def test_no_decision_takes_back_what_is_paid_in_part(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    regulation = random_regulation(rng, tmp_path)
    inputs = random_inputs(rng, 30)
    first = compute(inputs, regulation, MONTH)
    found = reckoned_with(first, {}, {})
    before, now = payments(first), payments(found)
    paid = {who for who, row in now.items() if row["status"] == PARTIAL}
    assert paid
    for who, row in now.items():
        assert row == before[who] or (who in paid and before[who]["status"] == HELD)
    for status in ("approved", "rejected"):
        later = payments(compute(decided(inputs, status), regulation, MONTH))
        for who in paid:
            assert later[who]["net"] >= now[who]["net"] > 0, (who, status)


def test_the_lines_and_days_of_what_is_paid_in_part_are_those_of_the_way_that_pays_it(tmp_path: Path) -> None:
    rng = Random(5)
    regulation = random_regulation(rng, tmp_path)
    found = reckoned_with(compute(random_inputs(rng, 30), regulation, MONTH), {}, {})
    sums: dict[str, int] = defaultdict(int)
    for line in found.lines.to_pylist():
        sums[line["employee_id"]] += line["rupiah"]
    assert {who: row["net"] for who, row in payments(found).items() if row["net"]} == {
        who: n for who, n in sums.items() if n
    }
    days = [(row["employee_id"], row["date"]) for row in found.days.to_pylist()]
    assert days == sorted(set(days))


def test_coming_that_costs_more_than_staying_away_is_not_taken_for_the_least(tmp_path: Path) -> None:
    # Late and early by more than 90 minutes cost 3 %, an absence 1.5 %: a correction not decided may take more.
    book = tmp_path / "dearer.yaml"
    book.write_text(DEARER.format(regulation=REGULATIONS / "tulang-bawang.yaml"), encoding="utf-8")
    case = read(book)
    (row,) = reckoned_with(compute(case.inputs, case.regulation, MONTH), {}, {}).payments.to_pylist()
    assert (row["status"], row["deductions"]) == (PARTIAL, 60_000)
    assert "jumlah bersih Rp4.940.000 sampai Rp4.970.000" in row["reason"]
