"""The search names who is near, says when it is not sure, and refuses what cannot be compared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.errors import GalleryError
from kiosk.matcher import (
    DEFAULT_MARGIN,
    DEFAULT_THRESHOLD,
    UNSURE_BAND,
    Templates,
    calibrated,
    calibration_of,
    part_of,
    person_distances,
    search,
)
from protocol.calibration import Cohort, alike

DLIB = "dlib_face_recognition_resnet_model_v1/128/68pt"


def gallery(people: int, each: int = 3, seed: int = 0, spread: float = 0.02, scale: float = 0.06) -> Templates:
    """People as random points about .7 to 1 apart, each with templates close around."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0.0, scale, (people, 128))
    matrix = np.repeat(centres, each, axis=0) + rng.normal(0.0, spread / 11.3, (people * each, 128))
    owners = np.repeat(np.arange(people), each)
    names = tuple(f"p{i}" for i in range(people))
    return Templates(matrix.astype(np.float32), owners.astype(np.int32), names, DLIB)


def away(point: np.ndarray, distance: float) -> np.ndarray:
    direction = np.random.default_rng(9).normal(size=point.shape)
    return (point + distance * direction / np.linalg.norm(direction)).astype(np.float32)


def test_an_enrolled_person_is_known_by_name() -> None:
    templates = gallery(20)
    match = search(templates, away(templates.matrix[3 * 7], 0.3))
    assert (match.outcome, match.person) == ("known", "p7")
    assert match.distance == pytest.approx(0.3, abs=0.05)
    assert match.margin is not None
    assert match.margin > 0.1


@pytest.mark.parametrize(
    ("distance", "outcome"),
    [
        (DEFAULT_THRESHOLD - 0.03, "known"),
        (DEFAULT_THRESHOLD + UNSURE_BAND * DEFAULT_MARGIN / 2, "unsure"),
        (DEFAULT_THRESHOLD + UNSURE_BAND * DEFAULT_MARGIN + 0.03, "unknown"),
    ],
)
def test_the_threshold_parts_known_unsure_and_unknown(distance: float, outcome: str) -> None:
    one = gallery(1, spread=0.0)
    assert search(one, away(one.matrix[0], distance)).outcome == outcome


def test_two_people_equally_near_are_unsure() -> None:
    centre = np.zeros(128, np.float32)
    matrix = np.stack([away(centre, 0.3), away(centre, 0.31)])
    twins = Templates(matrix, np.array([0, 1], np.int32), ("anna", "anni"), "test")
    match = search(twins, centre)
    assert match.outcome == "unsure"
    assert match.margin == pytest.approx(0.01, abs=1e-3)


def test_an_empty_gallery_knows_nobody() -> None:
    empty = Templates(np.zeros((0, 128), np.float32), np.zeros(0, np.int32), (), "test")
    assert search(empty, np.zeros(128, np.float32)).outcome == "unknown"


def test_one_lucky_template_does_not_name_a_person() -> None:
    far, near = np.full(128, 0.09, np.float32), np.zeros(128, np.float32)
    two = Templates(np.stack([near, far]), np.zeros(2, np.int32), ("p",), "test")
    assert search(two, near).outcome != "known"


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_distances_are_those_of_the_plain_definition(people: int, each: int, shots: int, seed: int) -> None:
    templates = gallery(people, each, seed)
    probes = np.random.default_rng(seed + 1).normal(0.0, 0.06, (shots, 128)).astype(np.float32)
    own = [templates.matrix[templates.owners == p].astype(np.float64) for p in range(people)]
    squares = [
        [((s - rows.mean(axis=0)) ** 2).sum() + rows.var(axis=0).sum() / 2 for rows in own]
        for s in probes.astype(np.float64)
    ]
    plain = np.sqrt(squares)
    np.testing.assert_allclose(person_distances(templates, probes), plain, atol=2e-4)


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_the_search_finds_the_two_nearest_of_the_plain_definition(people: int, each: int, k: int, seed: int) -> None:
    templates = replace(gallery(people, each, seed, spread=0.5), threshold=9.0, margin=0.0)
    probes = np.random.default_rng(seed + 1).normal(0.0, 0.05, (k, 128)).astype(np.float32)
    plain = person_distances(templates, probes).mean(axis=0)
    match = search(templates, probes)
    assert match.person == f"p{plain.argmin()}"
    if people > 1:
        assert match.margin == pytest.approx(np.partition(plain, 1)[1] - plain.min(), abs=1e-4)


@given(st.permutations(range(24)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    sorted_rows = gallery(8, 3)
    shuffled = Templates(sorted_rows.matrix[order], sorted_rows.owners[order], sorted_rows.people, "test")
    probe = away(sorted_rows.matrix[5], 0.2)
    expected, found = search(sorted_rows, probe), search(shuffled, probe)
    assert expected.person == found.person
    assert expected.distance == pytest.approx(found.distance, abs=1e-4)


@pytest.mark.parametrize(
    ("matrix", "owners", "words"),
    [
        (np.full((2, 128), np.nan, np.float32), [0, 0], "not finite"),
        (np.full((2, 128), 1e30, np.float32), [0, 0], "too large"),
        (np.zeros((2, 128), np.float64), [0, 0], "float32"),
        (np.zeros(128, np.float32), [0], "expected"),
        (np.zeros((2, 128), np.float32), [0, 5], "nobody"),
        (np.zeros((2, 128), np.float32), [0], "owners"),
    ],
)
def test_a_broken_gallery_is_refused_with_its_reason(matrix: np.ndarray, owners: list[int], words: str) -> None:
    with pytest.raises(GalleryError, match=words):
        Templates(matrix, np.array(owners, np.int32), ("p",), "test")


def test_shots_of_another_width_are_refused() -> None:
    with pytest.raises(GalleryError, match="512"):
        search(gallery(3), np.zeros(512, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_shots_with_numbers_that_compare_with_nothing_are_nobodys(value: float) -> None:
    shots = np.stack([gallery(3).matrix[0], np.full(128, value, np.float32)])
    assert search(gallery(3), shots).outcome == "unknown"


def test_a_larger_gallery_gets_a_stricter_threshold_and_a_tiny_one_the_default() -> None:
    small, large = calibration_of(gallery(30, scale=0.03)), calibration_of(gallery(600, scale=0.03))
    assert large.threshold < small.threshold
    assert (small.basis, small.pairs) == ("pairs", 435)
    tiny = calibration_of(gallery(5))
    assert (tiny.threshold, tiny.basis) == (DEFAULT_THRESHOLD, "stated")


def test_a_small_gallery_of_an_embedder_without_stated_figures_names_nobody() -> None:
    plain = gallery(5)
    other = Templates(plain.matrix, plain.owners, plain.people, "onnx/128", *calibrated(replace(plain, embedder="x")))
    assert search(other, away(other.matrix[0], 0.1)).outcome != "known"


def test_a_face_near_to_everybody_must_be_nearer_to_be_known() -> None:
    templates = gallery(30)
    centre, own = templates.matrix.mean(axis=0), templates.matrix[0]
    towards = (own + 0.35 * (centre - own) / np.linalg.norm(centre - own)).astype(np.float32)
    plain, drawn = search(templates, away(own, 0.35)), search(templates, towards)
    assert drawn.person == plain.person == "p0"
    assert drawn.distance is not None
    assert plain.distance is not None
    assert drawn.distance > plain.distance + 0.05


def test_a_listed_look_alike_is_never_known_by_the_face_alone_and_is_told_from_who_is_merely_unsure() -> None:
    listed = replace(gallery(20), alike={"p3": ("p4",), "p4": ("p3",)})
    own = listed.matrix[3 * 3]
    match = search(listed, away(own, 0.2))
    assert (match.outcome, match.person, match.alike) == ("unsure", "p3", ("p4",))
    assert search(listed, away(listed.matrix[3 * 7], 0.2)).outcome == "known"
    assert search(listed, away(own, 0.9)).outcome == "unknown"
    alone = replace(gallery(1, spread=0.0), alike={"p0": ("elsewhere",)})
    far = search(alone, away(alone.matrix[0], DEFAULT_THRESHOLD + UNSURE_BAND * DEFAULT_MARGIN / 2))
    assert (far.outcome, far.person, far.alike) == ("unsure", "p0", ())


def test_pairs_that_the_threshold_would_take_for_each_other_are_found_whoever_searches() -> None:
    plain = gallery(600, each=2)
    rows = plain.matrix.copy()
    rows[2 * 599 : 2 * 600] = rows[2 * 5 : 2 * 6] + np.float32(0.01)
    ((score, one, other),) = alike(rows, plain.counts, 0.3)
    assert (one, other) == (5, 599)
    twins = Templates(rows, plain.owners, plain.people, DLIB)
    searched = person_distances(twins, rows[10:12]).mean(axis=0)
    assert score == pytest.approx(searched[599] + Cohort.of(rows, 600).correction(rows[10:12]), abs=0.02)


def test_an_office_is_searched_with_a_wider_threshold_and_a_visitor_is_found_in_the_agency_alone() -> None:
    whole = gallery(600, scale=0.04)
    found = calibration_of(whole)
    agency = replace(whole, threshold=found.threshold, margin=found.margin, basis=found.basis, pairs=found.pairs)
    office = part_of(agency, {f"p{n}" for n in range(100, 140)})
    assert office.people == tuple(f"p{n}" for n in range(100, 140))
    assert (office.basis, office.pairs) == ("pairs", 40 * 39 // 2)
    assert office.threshold > agency.threshold
    ours, visitor = agency.matrix[3 * 120], agency.matrix[3 * 7]
    for probe, people in ((ours, ("p120", "p120")), (visitor, (None, "p7"))):
        shots = away(probe, 0.15)
        assert (search(office, shots).person, search(agency, shots).person) == people


@given(st.sets(st.integers(0, 11)), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_a_part_of_a_gallery_holds_its_people_and_their_templates_alone(places: set[int], seed: int) -> None:
    whole = gallery(12, 2, seed)
    part = part_of(whole, {f"p{n}" for n in places})
    assert part.people == tuple(f"p{n}" for n in sorted(places))
    for place, person in enumerate(part.people):
        own = whole.matrix[whole.owners == int(person[1:])]
        np.testing.assert_array_equal(part.matrix[part.owners == place], own)


def test_nobody_is_like_anybody_in_a_gallery_that_was_emptied() -> None:
    assert alike(np.zeros((0, 128), np.float32), np.zeros(0, np.intp), 0.5) == []
