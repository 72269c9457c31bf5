"""The simulated head is a face to mediapipe, a person to dlib, and solid."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from simulation.body import Body
from simulation.head import Head, Pose, draw
from simulation.lamp import Lamp
from simulation.portrait import Picture, Portrait, astronaut, bleed, prepare
from simulation.strangers import stranger
from simulation.topology import skin

face_recognition = pytest.importorskip("face_recognition")
FOCAL = 481.0


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return astronaut()


@pytest.fixture(scope="module")
def mesher() -> Iterator[Any]:
    import mediapipe

    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesher:
        yield mesher


def picture(portrait: Portrait, pose: Pose) -> Picture:
    image = np.full((480, 640, 3), (170, 180, 185), np.uint8)
    Body(portrait).draw(image, pose.x, pose.y, pose.z, FOCAL)
    draw(Head(portrait), pose, image, FOCAL, Lamp())
    return image


def landmarks(mesher: Any, image: Picture) -> np.ndarray:
    found = mesher.process(np.ascontiguousarray(image[:, :, ::-1])).multi_face_landmarks
    assert found, "mediapipe sees no face"
    size = np.array([image.shape[1], image.shape[0], image.shape[1]])
    return np.array([(p.x, p.y, p.z) for p in found[0].landmark]) * size


def mesh_yaw(points: np.ndarray) -> float:
    across = points[263] - points[33]
    return float(np.degrees(np.arctan2(across[2], across[0])))


def eyes_open(points: np.ndarray) -> float:
    def far(a: int, b: int) -> float:
        return float(np.linalg.norm(points[a, :2] - points[b, :2]))

    right = (far(160, 144) + far(158, 153)) / 2 / far(33, 133)
    left = (far(385, 380) + far(387, 373)) / 2 / far(362, 263)
    return min(right, left)


def embedding(image: Picture) -> np.ndarray:
    rgb = np.ascontiguousarray(image[90:370, 200:440, ::-1])
    places = face_recognition.face_locations(rgb)
    assert places, "dlib sees no face"
    return face_recognition.face_encodings(rgb, places[:1])[0]


@pytest.mark.parametrize("yaw", [-28.0, 0.0, 28.0])
def test_the_mesh_sees_the_head_turn_as_far_as_it_turns(portrait: Portrait, mesher: Any, yaw: float):
    assert mesh_yaw(landmarks(mesher, picture(portrait, Pose(yaw=yaw)))) == pytest.approx(yaw, abs=6)


def test_turning_left_moves_the_nose_to_the_right_edge_of_the_picture(portrait: Portrait, mesher: Any):
    points = landmarks(mesher, picture(portrait, Pose(yaw=25)))
    assert points[1, 0] > points[[33, 263], 0].mean() + 5


def test_looking_up_raises_the_nose_between_eyes_and_chin(portrait: Portrait, mesher: Any):
    def nose(pitch: float) -> float:
        points = landmarks(mesher, picture(portrait, Pose(pitch=pitch)))
        return float((points[1, 1] - points[168, 1]) / (points[152, 1] - points[168, 1]))

    assert nose(18) < nose(0) - 0.04


def test_closed_lids_read_as_closed_eyes(portrait: Portrait, mesher: Any):
    assert eyes_open(landmarks(mesher, picture(portrait, Pose(lids=0)))) > 0.25
    assert eyes_open(landmarks(mesher, picture(portrait, Pose(lids=1)))) < 0.12


def test_coming_closer_enlarges_what_is_near_more_than_what_is_far(portrait: Portrait):
    head = Head(portrait)

    def widths(z: float) -> tuple[float, float]:
        points = head.vertices(Pose(z=z))
        screen = FOCAL * points[:, :2] / points[:, 2:]
        nostrils = np.linalg.norm(screen[98] - screen[327])
        return float(nostrils), float(np.linalg.norm(screen[234] - screen[454]))

    (near_nose, near_face), (far_nose, far_face) = widths(0.47), widths(0.7)
    assert near_face / far_face > 1.25
    assert near_nose / far_nose > near_face / far_face + 0.05


@pytest.mark.parametrize(("yaw", "limit"), [(0.0, 0.30), (20.0, 0.40), (-28.0, 0.45)])
def test_dlib_knows_the_turned_head(portrait: Portrait, yaw: float, limit: float):
    known = face_recognition.face_encodings(portrait.image[:, :, ::-1].copy(), [(76, 265, 166, 175)])[0]
    assert np.linalg.norm(embedding(picture(portrait, Pose(yaw=yaw))) - known) < limit


@pytest.fixture(scope="module")
def rendered(portrait: Portrait) -> np.ndarray:
    """The template that the rendered portrait gives."""
    return embedding(picture(portrait, Pose()))


@pytest.mark.parametrize("seed", range(4))
def test_a_stranger_is_somebody_else_to_dlib_and_still_a_face(
    portrait: Portrait, mesher: Any, rendered: np.ndarray, seed: int
):
    image = picture(stranger(portrait, seed), Pose())
    landmarks(mesher, image)
    assert np.linalg.norm(embedding(image) - rendered) > 0.6


@pytest.mark.parametrize("pose", [Pose(), Pose(yaw=30), Pose(yaw=-30), Pose(pitch=20), Pose(lids=1, z=0.4)])
def test_the_head_has_no_holes(portrait: Portrait, pose: Pose):
    magenta = np.full((480, 640, 3), (255, 0, 255), np.uint8)
    draw(Head(portrait), pose, magenta, FOCAL, Lamp())
    drawn = (magenta != (255, 0, 255)).any(axis=2).astype(np.uint8)
    outlines, _ = cv2.findContours(drawn, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    assert len(outlines) == 1


def test_what_lies_behind_the_head_does_not_move_with_it(portrait: Portrait):
    room = np.random.default_rng(1).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    turned = room.copy()
    draw(Head(portrait), Pose(yaw=25), turned, FOCAL, Lamp())
    assert np.array_equal(turned[:, :200], room[:, :200])
    assert not np.array_equal(turned, room)


def test_a_head_outside_the_picture_or_behind_the_lens_is_not_drawn(portrait: Portrait):
    image = np.zeros((120, 160, 3), np.uint8)
    for pose in (Pose(x=5.0), Pose(z=-1.0), Pose(z=0.05)):
        draw(Head(portrait), pose, image, 120.0, Lamp())
    assert not image.any()


def test_the_face_is_one_surface_of_triangles_that_all_turn_alike():
    edges = [edge for a, b, c in skin() for edge in ((a, b), (b, c), (c, a))]
    assert len(skin()) == 852
    assert len(set(edges)) == len(edges)


def test_a_picture_without_a_face_makes_no_portrait():
    with pytest.raises(ValueError, match="no face"):
        prepare(np.full((200, 200, 3), 128, np.uint8))


def test_bleeding_carries_the_rim_outwards_and_leaves_the_inside():
    image = np.zeros((20, 20, 3), np.uint8)
    inside = np.zeros((20, 20), bool)
    inside[5:15, 5:15] = True
    image[inside] = 90
    spread = bleed(image, inside)
    assert np.array_equal(spread[inside], image[inside])
    assert (spread >= 85).all()


def test_the_lamp_lights_what_faces_it_more(portrait: Portrait):
    head, lamp = Head(portrait), Lamp()
    shown = []
    for lamp.level in (0.3, 1.0):
        image = np.full((480, 640, 3), 170, np.uint8)
        draw(head, Pose(), image, FOCAL, lamp)
        shown.append(cv2.blur(image, (5, 5)).mean(axis=2))
    answer = np.log(shown[1] / shown[0])
    x, y = np.round(FOCAL * head.vertices(Pose())[[1, 123, 352], :2].T / 0.7).astype(int)
    tip, right, left = answer[y + 240, x + 320]
    assert tip > 1.2 * max(right, left), "cheeks face aside"


def test_a_portrait_may_end_right_under_the_chin(portrait: Portrait):
    rows = int(portrait.mesh[152, 1]) + 2
    short = replace(portrait, image=portrait.image[:rows], matte=portrait.matte[:rows])
    image = np.zeros((480, 640, 3), np.uint8)
    Body(short).draw(image, 0.0, 0.0, 0.7, FOCAL)
    assert image[330:].any()
