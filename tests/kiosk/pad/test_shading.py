"""The relief of a head in a lamp's light: shares of the mesh's own shading, nothing on paper however it is bent."""

import numpy as np
import pytest

from kiosk.pad.shading import Skin
from simulation.head import normals
from simulation.portrait import astronaut
from simulation.relief import with_relief
from simulation.topology import skin

LOW = 0.3
LAMP_OVER_ROOM = 0.6
MESH = astronaut().mesh
"""As mediapipe sees the portrait, x and y in its pixels."""
HEAD = with_relief(astronaut(), np.random.default_rng(1)).mesh
"""The same with a relief that is not mediapipe's."""


def facing(points: np.ndarray) -> np.ndarray:
    """The cosine to the camera of a surface through the points."""
    return np.maximum(-normals(points, np.array(skin(), np.int32))[:, 2], 0.0)


def answers(cosine: np.ndarray) -> np.ndarray:
    """By how much the logarithm of grey values in gamma 2.2 changes from the low level to full."""
    lit = LAMP_OVER_ROOM * cosine
    return np.asarray(np.log((1 + lit) / (1 + LOW * lit)) / 2.2)


def share(cosine: np.ndarray, noise: float = 0.0, drift: float = 0.0) -> tuple[float, float]:
    """`noise`: of each point by itself; `drift`: in each of 20 moments, of one side of the face against the other."""
    face, random = Skin(MESH), np.random.default_rng(1)
    errors = face.at(np.sign(MESH[:, 0] - MESH[1, 0])) * random.normal(0, drift, (20, 1))
    found = face.relief(face.at(answers(cosine) + random.normal(0, noise, len(cosine))), errors, LOW)
    assert found is not None
    return found.share, found.scatter


def test_a_head_has_its_own_shading() -> None:
    whole, scatter = share(facing(HEAD))
    assert whole > 0.3
    assert scatter < 0.1


@pytest.mark.parametrize("bend", [-0.3, 0.0, 0.3, 0.6])
@pytest.mark.parametrize("nearer", [-0.2, 0.0, 0.2])
def test_paper_has_none_however_it_is_bent_or_held(bend: float, nearer: float) -> None:
    middle, unit = MESH[:, :2].mean(axis=0), np.ptp(MESH[:, 0]) / 2
    x, y = (MESH[:, :2] - middle).T / unit
    paper = np.sqrt(1 - (bend * x) ** 2) * (1 + nearer * y)
    assert abs(share(paper)[0]) < 0.05


def test_noise_widens_the_error_and_moves_nothing_beyond_it() -> None:
    exact, _ = share(facing(HEAD))
    noisy, scatter = share(facing(HEAD), noise=0.02)
    assert scatter > share(facing(HEAD), noise=0.002)[1]
    assert abs(noisy - exact) < 4 * scatter


def test_what_moves_in_time_and_in_many_points_at_once_widens_the_error() -> None:
    calm, moved = share(facing(HEAD)), share(facing(HEAD), drift=0.1)
    assert moved[0] == calm[0]
    assert moved[1] > 2 * calm[1]


def test_what_does_not_answer_or_is_not_seen_says_nothing() -> None:
    face = Skin(MESH)
    calm = np.zeros((20, len(face.at(np.zeros(len(MESH))))))
    for answer in (0.0, -0.1, np.nan):
        assert face.relief(np.full(calm.shape[1], answer), calm, LOW) is None


def test_overexposed_points_are_left_out() -> None:
    face = Skin(MESH)
    image = np.full((512, 512, 3), 120, np.uint8)
    middle = round(float(MESH[:, 0].mean()))
    image[:, middle:] = 255
    logs, x = face.logs(image, MESH), face.at(MESH[:, 0])
    assert np.isnan(logs[x > middle + 15]).all()
    assert np.allclose(logs[x < middle - 15], np.log(121.0))


def test_a_face_partly_outside_the_picture_is_read_at_its_edge() -> None:
    moved = MESH - np.array([MESH[:, 0].mean(), 0, 0], np.float32)
    assert np.isfinite(Skin(MESH).logs(np.full((512, 512, 3), 90, np.uint8), moved)).all()
