"""The attack laboratory: its statistics, and one presentation of the living and of an attack, in closed loop."""

import pytest

from simulation.evaluate.counts import clopper_pearson
from simulation.evaluate.liveness import LIVING, plan, report, table
from simulation.evaluate.presentation import Outcome, Presentation, present

pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")


@pytest.mark.parametrize(
    ("errors", "tried", "low", "high"),
    # Tabulated exact limits: none of 10, 1 of 10, half of 20, all of 5.
    [(0, 10, 0.0, 0.3085), (1, 10, 0.0025, 0.4450), (10, 20, 0.2720, 0.7280), (5, 5, 0.4782, 1.0)],
)
def test_intervals_are_those_of_the_tables(errors: int, tried: int, low: float, high: float):
    assert clopper_pearson(errors, tried) == pytest.approx((low, high), abs=2e-4)


def test_a_count_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="4 of 3"):
        clopper_pearson(4, 3)


def outcome(species: str, granted: bool) -> Outcome:
    return Outcome(Presentation(species, 1), granted, 4.0, ("granted" if granted else "refused: flat",))


def test_a_granted_attack_and_a_living_person_sent_away_are_the_errors():
    rows = table([outcome(LIVING, True), outcome(LIVING, False), outcome("print", False), outcome("puppet:3", True)])
    assert [(row.species, row.errors, row.tried) for row in rows] == [
        (LIVING, 1, 2),
        ("puppet:3", 1, 1),
        ("print", 0, 1),
    ]


def test_the_report_says_that_it_is_simulated_and_what_guessing_is_worth():
    found = report([outcome(LIVING, True)], 1, True, "")
    assert found["source"] == "simulation"
    assert found["guess"]["a_day"] < 1e-3


def test_presentations_take_the_faces_in_turn():
    planned = plan(["print", LIVING], 6, 10, False, "")
    assert [shown.seed for shown in planned] == [*range(10, 16)] * 2
    assert len({shown.face for shown in planned}) == 5


def test_with_a_lamp_the_living_are_granted_and_a_steered_screen_is_not():
    assert present(Presentation(LIVING, 5, lamp=True)).granted
    steered = present(Presentation("puppet:3", 5, lamp=True))
    assert not steered.granted
    assert any("light" in said for said in steered.decisions)
