"""What a prompt is watched for beside the answer: surroundings that move with the face, and planes that turn."""

import cv2
import numpy as np
import pytest

from kiosk.pad.depth import Depth, DepthSettings
from kiosk.values import Face, Frame
from simulation.portrait import astronaut

SIZE, CENTRE, EYE_PX = 480, 240, 60
MESH = astronaut().mesh
ROOM = np.kron(np.random.default_rng(1).integers(60, 200, (60, 60, 3), np.uint8), np.ones((8, 8, 1), np.uint8))


def landmarks() -> np.ndarray:
    """A face looking ahead in the middle of the picture."""
    eye = np.linalg.norm(MESH[33, :2] - MESH[263, :2])
    placed = (MESH - MESH.mean(axis=0)) / eye * EYE_PX
    return np.asarray(placed + np.array((CENTRE, CENTRE, 0)), np.float32)


def watched(*pictures: np.ndarray) -> Depth:
    """The pictures, a thirtieth of a second apart, with a face that the mesh finds where it was."""
    points = landmarks()
    face = Face(1, (CENTRE - 50, CENTRE - 60, 100, 120), points, 0.0, 0.0, 0.0, 0.3, EYE_PX)
    depth = Depth(Frame(pictures[0], 0.0, 0), face, points, DepthSettings())
    for number, picture in enumerate(pictures[1:], 1):
        depth.update(Frame(picture, number / 30, number), face, turned=False)
    return depth


def moved(by: int, start: int, end: int) -> np.ndarray:
    """The room whose columns from `start` to `end` are shifted by so many pixels."""
    picture = ROOM.copy()
    picture[:, start:end] = np.roll(ROOM[:, start:end], by, axis=1)
    return picture


def drift(start: int, end: int) -> list[np.ndarray]:
    return [moved(3 * number, start, end) for number in range(8)]


def test_surroundings_that_move_on_both_sides_are_carried_with_the_face() -> None:
    carried = watched(*drift(0, SIZE)).carried
    assert carried is not None
    assert carried.name == "surroundings move as one thing"


@pytest.mark.parametrize("side", [(0, CENTRE - 110), (CENTRE + 110, SIZE)])
def test_who_passes_on_one_side_before_a_plain_wall_carries_nothing(side: tuple[int, int]) -> None:
    plain = np.full_like(ROOM, 128)
    pictures = drift(*side)
    for picture in pictures:
        other = slice(CENTRE, None) if side[0] == 0 else slice(None, CENTRE)
        picture[:, other] = plain[:, other]
    assert watched(*pictures).carried is None


def test_a_plane_that_turns_away_is_flat_and_one_that_stands_is_not() -> None:
    def tilted(degrees: float) -> np.ndarray:
        squeeze = np.cos(np.radians(degrees))
        to_picture = np.array(((squeeze, 0, CENTRE * (1 - squeeze)), (0, 1, 0)))
        return cv2.warpAffine(ROOM, to_picture, (SIZE, SIZE))

    flat = watched(*(tilted(degrees) for degrees in range(0, 44, 4))).flat
    assert flat is not None
    assert flat.name == "flat in a wide movement"
    assert watched(*(tilted(0) for _ in range(6))).flat is None
