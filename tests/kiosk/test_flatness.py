"""A plane leaves nothing over, a head does: the law that the check of depth rests on."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.depth import DepthSettings
from kiosk.flatness import bend_residual, fit

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


def sheet(bump: float) -> tuple[np.ndarray, np.ndarray]:
    """60 points on a sheet bent round an upright axis, with brows, nose and lips of that depth down its middle, before
    and after a turn of 20°; pixels at 48 between the eyes."""
    places = np.random.default_rng(3).uniform((-0.7, -0.8), (0.7, 0.8), (60, 2))
    depth = (
        0.8
        - np.sqrt(0.8**2 - places[:, 0] ** 2)
        - bump * np.cos(6 * places[:, 1]) * np.exp(-((places[:, 0] / 0.5) ** 2))
    )
    turn = np.radians(20)
    turned = np.column_stack([places[:, 0] * np.cos(turn) - depth * np.sin(turn), places[:, 1]])
    return 48 * places.astype(np.float32), 48 * turned.astype(np.float32)


def test_bent_paper_leaves_little_over_where_a_nose_leaves_much():
    shares = []
    for bump in (0.0, 0.15):
        before, after = sheet(bump)
        found = fit(before, after, 48.0)
        assert found is not None
        assert found.residual > 0.01, "no plane in either case"
        shares.append(bend_residual(before, after, 48.0) / found.residual)
    assert shares[0] < 0.1
    assert shares[1] > 0.33
