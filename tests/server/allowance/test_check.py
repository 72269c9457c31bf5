"""What `check` says of regulations that load."""

from __future__ import annotations

from pathlib import Path

from server.allowance.check import warnings
from server.allowance.regulation import load

REGULATIONS = Path(__file__).parents[3] / "regulations"


def test_it_warns_where_coming_costs_more_than_staying_away() -> None:
    found = warnings(load(REGULATIONS / "tulang-bawang.yaml"))
    assert any("very late and very early costs 3 % of the base, an absent day 1.5 %" in text for text in found)


def test_it_is_silent_where_absence_costs_as_much() -> None:
    found = warnings(load(REGULATIONS / "permentan-68-2012.yaml"))
    assert not any("staying away" in text for text in found)


def test_it_counts_the_assumed_values() -> None:
    regulation = load(REGULATIONS / "ambon/2026.yaml")
    assert f"{len(regulation.assumed_values())} values are assumed (A)" in warnings(regulation)[-1]


def test_it_warns_of_bands_that_fall_and_of_a_missing_cap(tmp_path: Path) -> None:
    text = (REGULATIONS / "permentan-68-2012.yaml").read_text(encoding="utf-8")
    text = text.replace("national/", f"{REGULATIONS}/national/").replace('    cap: {month: "100 %"}\n', "")
    path = tmp_path / "falling.yaml"
    path.write_text(text.replace('to: 60, cost: "1 %"', 'to: 60, cost: "0.1 %"', 1), encoding="utf-8")
    found = warnings(load(path))
    assert any("more minutes late cost less than fewer" in line for line in found)
    assert any("no cap for the month" in line for line in found)
