"""Perspective in coming closer: a head's parts grow by their distance, a plane's alike, however it is held."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.liveness import LivenessSettings
from kiosk.pad.approach import perspective
from simulation.evaluate.approach import perspective_of
from simulation.evaluate.presentation import Presentation
from simulation.portrait import astronaut
from simulation.relief import with_relief

EYE_CM, AWAY_CM, GROWTH = 9.0, 70.0, 1.25
MESH = astronaut().mesh
HEAD = with_relief(astronaut(), np.random.default_rng(1)).mesh
"""The same with a relief that is not mediapipe's."""


def seen(points: np.ndarray, away_cm: float, tilt_deg: float = 0.0) -> np.ndarray:
    """Points in cm through a pinhole at `away_cm`, first turned about a level axis; in outer-eye distances at 70 cm."""
    cos, sin = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    x, y, z = points.T
    depth = away_cm + sin * y + cos * z
    return AWAY_CM / EYE_CM * np.stack((x, cos * y - sin * z), axis=1) / depth[:, np.newaxis]


def cm(mesh: np.ndarray) -> np.ndarray:
    eye = np.linalg.norm(MESH[33, :2] - MESH[263, :2])
    return np.asarray((mesh[:468] - mesh[:468].mean(axis=0)) / eye * EYE_CM, np.float64)


HEIGHTS = -cm(MESH)[:, 2] / EYE_CM


def found(points: np.ndarray, tilt_deg: float = 0.0, noise: float = 0.0) -> float:
    near = seen(points, AWAY_CM / GROWTH, tilt_deg) / GROWTH
    near += np.random.default_rng(2).normal(0, noise, near.shape)
    return perspective(seen(points, AWAY_CM), near, HEIGHTS) / (GROWTH - 1.0)


def test_a_head_leaves_its_size_over_its_distance() -> None:
    assert found(cm(MESH)) == pytest.approx(EYE_CM / AWAY_CM, rel=0.15)
    assert found(cm(HEAD), noise=0.001) > 0.05


@given(st.floats(-12, 12))
@settings(max_examples=20, deadline=None)
def test_a_plane_leaves_nothing_even_when_it_is_tilted_meanwhile(tilt_deg: float) -> None:
    flat = cm(MESH) * (1, 1, 0)
    assert abs(found(flat, tilt_deg, noise=0.001)) < 0.02


def test_a_rendered_head_comes_out_of_its_plane_and_a_print_does_not() -> None:
    bound = LivenessSettings().depth.perspective
    head, paper = (perspective_of(Presentation(species, 3, options="&fps=15")) for species in ("person", "print"))
    assert head is not None
    assert paper is not None
    assert paper < bound < head
