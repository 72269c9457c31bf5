"""The threshold of a gallery: from its own pairs, and where these are few, from what is stated as well."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.calibration import FEWEST_PAIRS, STATED_MARGIN, STATED_THRESHOLD, calibrate

DLIB = "dlib_face_recognition_resnet_model_v1/128/68pt"


def rows_of(people: int, apart: float = 0.055, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    centres = dice.normal(0.0, apart, (people, 128))
    rows = np.repeat(centres, 3, axis=0) + dice.normal(0.0, 0.01, (3 * people, 128))
    return rows.astype(np.float32), np.full(people, 3, np.intp)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 14), st.floats(0.01, 0.09))
def test_a_small_gallery_counts_its_pairs_and_is_never_wider_than_what_is_stated(people: int, apart: float) -> None:
    found = calibrate(*rows_of(people, apart), DLIB)
    assert (found.basis, found.pairs, found.margin) == ("stated", people * (people - 1) // 2, STATED_MARGIN)
    assert 0.3 <= found.threshold <= STATED_THRESHOLD


def test_people_more_alike_than_those_measured_make_a_small_gallery_stricter_and_the_more_so_the_more_pairs() -> None:
    few, more = (calibrate(*rows_of(people, 0.025), DLIB).threshold for people in (9, 13))
    assert more < few < STATED_THRESHOLD
    assert calibrate(*rows_of(12, 0.055), DLIB).threshold == pytest.approx(STATED_THRESHOLD, abs=0.02)


def test_the_fifteenth_person_takes_over_from_what_is_stated_without_a_leap() -> None:
    rows, counts = rows_of(15, 0.04)
    before, after = calibrate(rows[:-3], counts[:-1], DLIB), calibrate(rows, counts, DLIB)
    assert before.pairs < FEWEST_PAIRS <= after.pairs
    assert (before.basis, after.basis) == ("stated", "pairs")
    assert after.centre == pytest.approx(before.centre, abs=0.05)
    assert after.spread == pytest.approx(before.spread, abs=0.02)


def test_of_an_embedder_without_a_stated_tail_a_small_gallery_is_not_calibrated() -> None:
    assert calibrate(*rows_of(14), "other/128").basis == "none"
    assert calibrate(*rows_of(15), "other/128").basis == "pairs"
