"""A plane leaves nothing over, a head does: the law that the check of depth rests on."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.pad.depth import DepthSettings
from kiosk.pad.flatness import fit, nose_relief

EYES_M = 0.09
FOCAL = 500.0


def turned(points: np.ndarray, yaw: float, pitch: float, shift: float, distance: float) -> np.ndarray:
    """Points in metres, turned by degrees and seen by a pinhole camera: n x 2 pixels."""
    y, p = np.radians((yaw, pitch))
    about_y = np.array(((np.cos(y), 0, np.sin(y)), (0, 1, 0), (-np.sin(y), 0, np.cos(y))))
    about_x = np.array(((1, 0, 0), (0, np.cos(p), -np.sin(p)), (0, np.sin(p), np.cos(p))))
    seen = points @ (about_y @ about_x).T + (shift, 0.0, distance)
    return (seen[:, :2] / seen[:, 2:] * FOCAL).astype(np.float32)


def face(depth_m: float, seed: int) -> np.ndarray:
    """Sixty points on a face 14 cm wide and 16 high, as deep as an ellipsoid of `depth_m`."""
    rng = np.random.default_rng(seed)
    across, down = rng.uniform(-0.065, 0.065, 60), rng.uniform(-0.075, 0.075, 60)
    bulge = np.sqrt(np.maximum(1 - (across / 0.08) ** 2 - (down / 0.1) ** 2, 0.0))
    return np.stack((across, down, -depth_m * bulge), axis=1)


angles = st.floats(-45, 45)


@given(angles, st.floats(-25, 25), st.floats(-0.1, 0.1), st.floats(0.4, 0.9), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_plane_leaves_nothing_over_however_it_is_moved(
    yaw: float, pitch: float, shift: float, distance: float, seed: int
) -> None:
    flat = face(0.0, seed)
    before, after = turned(flat, 0, 0, 0, 0.7), turned(flat, yaw, pitch, shift, distance)
    found = fit(before, after, EYES_M / 0.7 * FOCAL)
    assert found is not None
    assert found.residual < 1e-3


@given(st.floats(20, 35), st.sampled_from((-1, 1)), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_head_as_deep_as_people_are_leaves_more_than_the_bound(yaw: float, side: int, seed: int) -> None:
    head = face(0.07, seed)
    found = fit(turned(head, 0, 0, 0, 0.7), turned(head, side * yaw, 0, 0, 0.7), EYES_M / 0.7 * FOCAL)
    assert found is not None
    assert found.residual > DepthSettings().flow


@given(st.floats(25, 45), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_slipped_points_do_not_make_a_plane_deep(yaw: float, seed: int) -> None:
    flat, rng = face(0.0, seed), np.random.default_rng(seed)
    before, after = turned(flat, 0, 0, 0, 0.7), turned(flat, yaw, 0, 0, 0.7)
    after[:5] += rng.normal(0.0, 6.0, (5, 2)).astype(np.float32)
    found = fit(before, after, EYES_M / 0.7 * FOCAL)
    assert found is not None
    assert found.residual < DepthSettings().flow


@given(st.floats(30, 45))
@settings(max_examples=20, deadline=None)
def test_the_tilt_of_a_plane_shows_in_its_narrowing(yaw: float) -> None:
    flat = face(0.0, 1)
    found = fit(turned(flat, 0, 0, 0, 0.7), turned(flat, yaw, 0, 0, 0.7), EYES_M / 0.7 * FOCAL)
    assert found is not None
    assert abs(found.narrowing - np.cos(np.radians(yaw))) < 0.06


def test_too_few_points_say_nothing() -> None:
    few = turned(face(0.07, 1), 0, 0, 0, 0.7)[:8]
    assert fit(few, few, 60.0) is None


def bent(radius_m: float, lean: float, nose_m: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sixty points on paper bent round an axis that leans by degrees, with a nose of that height on it: metres; and
    which of them are on the nose."""
    rng = np.random.default_rng(seed)
    across, down = rng.uniform(-0.06, 0.06, 60), rng.uniform(-0.07, 0.07, 60)
    across[:8], down[:8] = rng.uniform(-0.008, 0.008, 8), rng.uniform(-0.015, 0.015, 8)
    on_nose = np.arange(60) < 8
    out = across * np.cos(np.radians(lean)) + down * np.sin(np.radians(lean))
    depth = radius_m - np.sqrt(radius_m**2 - out**2)
    return np.stack((across, down, depth - nose_m * on_nose), axis=1), on_nose


def relief(radius_m: float, lean: float, nose_m: float, yaw: float, seed: int) -> float:
    points, on_nose = bent(radius_m, lean, nose_m, seed)
    before, after = turned(points, 0, 0, 0, 0.7), turned(points, -yaw, 0, 0, 0.7)
    found = nose_relief(before, after, on_nose, yaw, EYES_M / 0.7 * FOCAL)
    assert found is not None
    return found[0]


turns = st.floats(16, 30).flatmap(lambda yaw: st.sampled_from((yaw, -yaw)))


@given(st.floats(0.12, 0.5), st.floats(-10, 10), turns, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_no_nose_stands_out_of_paper_however_it_is_bent(radius_m: float, lean: float, yaw: float, seed: int) -> None:
    assert abs(relief(radius_m, lean, 0.0, yaw, seed)) < DepthSettings().nose


@given(st.floats(0.1, 0.5), st.floats(0.012, 0.025), turns, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_nose_stands_out_by_its_height_to_whichever_side_the_head_turns(
    radius_m: float, nose_m: float, yaw: float, seed: int
) -> None:
    found = relief(radius_m, 0.0, nose_m, yaw, seed)
    assert found > DepthSettings().nose
    assert abs(found - nose_m / EYES_M) < 0.04


def test_without_points_on_the_nose_nothing_is_said_of_it() -> None:
    points, on_nose = bent(0.2, 0.0, 0.02, 1)
    seen = turned(points, 0, 0, 0, 0.7)
    assert nose_relief(seen[~on_nose], seen[~on_nose], on_nose[~on_nose], 20.0, 60.0) is None
