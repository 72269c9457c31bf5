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
    search_site,
    verify,
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


@pytest.mark.parametrize("factor", [50.0, 0.02])
def test_templates_scaled_to_what_their_embedder_cannot_give_are_refused(factor: float) -> None:
    plain = gallery(3)
    scaled = plain.matrix.copy()
    scaled[1] *= factor
    with pytest.raises(GalleryError, match=r"long, of dlib_\S+ they are from 0.25 to 2.5: it was scaled"):
        replace(plain, matrix=scaled)


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
    other = Templates(plain.matrix, plain.owners, plain.people, "other/128", *calibrated(replace(plain, embedder="x")))
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


def agency_and_office(people: int = 900, ours: int = 60) -> tuple[Templates, Templates]:
    """A calibrated gallery, of whose people the first `ours` are the office's. Faces differ in few dimensions."""
    dice = np.random.default_rng(3)
    centres = np.pad(dice.normal(0.0, 0.09, (people, 40)), ((0, 0), (0, 88)))
    matrix = np.repeat(centres, 3, axis=0) + dice.normal(0.0, 0.002, (3 * people, 128))
    names, owners = tuple(f"p{n}" for n in range(people)), np.repeat(np.arange(people), 3).astype(np.int32)
    whole = Templates(matrix.astype(np.float32), owners, names, DLIB)
    found = calibration_of(whole)
    agency = replace(whole, threshold=found.threshold, margin=found.margin, basis=found.basis, pairs=found.pairs)
    return agency, part_of(agency, {f"p{n}" for n in range(ours)})


AGENCY = agency_and_office()


def test_a_colleague_is_known_under_the_offices_threshold_and_a_visitor_under_the_agencys() -> None:
    agency, office = AGENCY
    reached = 0
    for n in range(40, 80):
        for distance in np.linspace(0.2, 0.5, 16):
            shots = away(agency.matrix[3 * n], float(distance))
            plain, match = search(agency, shots), search_site(agency, office, shots)
            assert search_site(agency, None, shots) == plain
            if match.outcome == "known" and plain.outcome != "known":
                reached += 1
                assert n < 60
                assert (match.person, match.visiting) == (f"p{n}", False)
                assert plain.distance is not None
                assert plain.distance > agency.threshold
            else:
                assert replace(match, visiting=False) == plain
                assert match.visiting == (plain.person is not None and n >= 60)
    assert reached > 10


@given(st.integers(0, 59), st.integers(60, 899), st.floats(0.0, 1.0), st.floats(0.0, 0.5), st.integers(0, 2**31))
@settings(max_examples=200, deadline=None)
def test_a_visitor_is_no_colleague_who_is_farther_or_hardly_nearer(
    colleague: int, visitor: int, share: float, noise: float, seed: int
) -> None:
    """A visitor who resembles a colleague of the office, and faces between the two."""
    agency, office = AGENCY
    ours = agency.matrix[3 * colleague]
    apart = agency.matrix[3 * visitor] - ours
    rows = agency.matrix.copy()
    rows[3 * visitor : 3 * visitor + 3] = ours + apart / np.linalg.norm(apart) * 0.5
    whole = replace(agency, matrix=rows)
    drawn = np.random.default_rng(seed).normal(0.0, noise / 11.3, 128)
    shots = (ours + share * (rows[3 * visitor] - ours) + drawn).astype(np.float32)
    match, plain = search_site(whole, office, shots), search(whole, shots)
    (fused,) = person_distances(whole, shots[np.newaxis])
    if match.outcome == "known" and plain.outcome != "known":
        assert match.person in office.people
        assert f"p{fused.argmin()}" == match.person
        assert np.partition(fused, 1)[1] - fused.min() >= office.margin
        assert not match.visiting
    else:
        assert replace(match, visiting=False) == plain
        assert match.visiting == (plain.person is not None and plain.person not in office.people)


def test_the_office_alone_would_take_a_visitor_for_the_colleague_whom_the_visitor_resembles() -> None:
    agency, office = AGENCY
    rows = agency.matrix.copy()
    apart = rows[3 * 500] - rows[3 * 5]
    rows[3 * 500 : 3 * 501] = rows[3 * 5] + apart / np.linalg.norm(apart) * 0.5
    shots = (rows[3 * 5] + 0.8 * (rows[3 * 500] - rows[3 * 5])).astype(np.float32)
    assert (search(office, shots).outcome, search(office, shots).person) == ("known", "p5")
    match = search_site(replace(agency, matrix=rows), office, shots)
    assert (match.outcome, match.person, match.visiting) == ("known", "p500", True)


def test_both_thresholds_together_name_few_more_strangers_than_one_and_no_visitor_for_a_colleague() -> None:
    """People who are as alike as those of one region, many of them: counts, not shares."""
    agency, office = AGENCY
    dice = np.random.default_rng(4)
    strangers = np.pad(dice.normal(0.0, 0.09, (8000, 40)), ((0, 0), (0, 88))).astype(np.float32)
    by_one = sum(search(agency, one).outcome == "known" for one in strangers)
    by_both = sum(search_site(agency, office, one).outcome == "known" for one in strangers)
    # Foretold: 4 by the whole gallery's threshold, 2 more by the office's.
    assert by_one <= 12
    assert by_one <= by_both <= by_one + 8
    own = agency.matrix[agency.owners >= 60][::3]
    visits = (own + dice.normal(0.0, 0.033, own.shape)).astype(np.float32)
    found = [search_site(agency, office, one) for one in visits]
    assert sum(match.outcome == "known" for match in found) > 100
    assert all(match.visiting for match in found if match.outcome == "known")


def test_whom_the_offices_threshold_takes_for_each_other_it_names_neither_of() -> None:
    agency, _ = AGENCY
    rows = agency.matrix.copy()
    apart = rows[3 * 5] - rows[3 * 4]
    rows[3 * 5 : 3 * 6] += rows[3 * 4] + apart / np.linalg.norm(apart) * 0.4 - rows[3 * 5]
    agency = replace(agency, matrix=rows)
    office = part_of(agency, {f"p{n}" for n in range(60)})
    assert set(office.alike) == {"p4", "p5"}
    for distance in np.linspace(0.3, 0.5, 41):
        shots = away(rows[3 * 5], float(distance))
        assert search(agency, shots) == search_site(agency, office, shots)


def test_look_alikes_of_agency_and_office_are_joined() -> None:
    agency, _ = AGENCY
    rows = agency.matrix.copy()
    apart = rows[3 * 5] - rows[3 * 4]
    rows[3 * 5 : 3 * 6] += rows[3 * 4] + apart / np.linalg.norm(apart) * 0.4 - rows[3 * 5]
    agency = replace(agency, matrix=rows, alike={"p4": ("p99",), "p99": ("p4",)})
    office = part_of(agency, {f"p{n}" for n in range(60)})
    assert office.alike == {"p4": ("p5", "p99"), "p5": ("p4",), "p99": ("p4",)}


def test_an_embedder_that_does_not_tell_people_apart_names_nobody() -> None:
    same = replace(gallery(20), matrix=np.full((60, 128), 0.08, np.float32), embedder="other/128")
    found = calibration_of(same)
    assert found.threshold == 0.0
    same = replace(same, threshold=found.threshold, margin=found.margin, basis=found.basis)
    assert search(same, same.matrix[:1]).outcome != "known"
    assert verify(same, None, same.matrix[:1], "p3").outcome == "unsure"


def test_a_person_who_is_named_otherwise_is_compared_under_the_threshold_alone() -> None:
    twins = replace(gallery(20), alike={"p3": ("p4",), "p4": ("p3",)})
    own = twins.matrix[3 * 3]
    match = verify(twins, None, away(own, 0.2), "p3")
    assert (match.outcome, match.person, match.distance) == ("known", "p3", search(twins, away(own, 0.2)).distance)
    other = verify(twins, None, own, "p4")
    assert (other.outcome, other.person) == ("unsure", "p4")
    assert other.margin is not None
    assert other.margin < 0
    assert verify(twins, None, own, "p99").outcome == "unknown"
    assert [
        verify(twins, replace(twins, people=names), own, "p3").visiting for names in (twins.people, ("q",) * 20)
    ] == [
        False,
        True,
    ]


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
