"""Faces in pictures: who is served, which way a head turned, and what speaks against a shot."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.capture.faces import FaceTracker, Scene
from kiosk.capture.quality import RECOGNITION, assess
from kiosk.values import Face, Frame

data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")
CLIPS = Path(__file__).parents[3].parent / "shared" / "faces" / "clips"


def portrait(width: int = 240) -> np.ndarray:
    """The portrait's head and shoulders, BGR, `width` x `width`."""
    return cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (width, width))


def scene(*people: tuple[int, int, int]) -> np.ndarray:
    """640 x 360 with a portrait of `width` at each x, y."""
    picture = np.full((360, 640, 3), 90, np.uint8)
    for x, y, width in people:
        picture[y : y + width, x : x + width] = portrait(width)
    return picture


@pytest.fixture
def tracker() -> Iterator[FaceTracker]:
    made = FaceTracker()
    yield made
    made.close()


def watch(tracker: FaceTracker, picture: np.ndarray, start_s: float = 0.0, frames: int = 8) -> Scene:
    for i in range(frames):
        seen = tracker.update(Frame(picture, start_s + i / 30, i))
    return seen


def served(found: Scene) -> Face:
    assert found.served is not None
    return found.served


def test_nobody_is_served_in_an_empty_room(tracker: FaceTracker) -> None:
    assert watch(tracker, scene()) == Scene(None, 0, "")


def test_one_person_is_served_with_a_box_from_brow_to_chin(tracker: FaceTracker) -> None:
    found = watch(tracker, scene((200, 60, 240)))
    face = served(found)
    assert found.others == 0
    assert face.landmarks.shape == (478, 3)
    assert abs(face.yaw) < 12
    assert face.quality == ()
    x, y, width, height = face.box
    assert 50 < width < 130
    assert (x, y) < tuple(face.landmarks[1, :2]) < (x + width, y + height)


def test_the_nearer_of_two_is_served_and_the_other_counted(tracker: FaceTracker) -> None:
    found = watch(tracker, scene((20, 100, 170), (280, 40, 300)))
    assert served(found).box[0] > 300
    assert found.others == 1


def test_of_two_equally_near_nobody_is_served(tracker: FaceTracker) -> None:
    found = watch(tracker, scene((60, 60, 240), (340, 60, 240)))
    assert (found.served, found.others, found.hint) == (None, 2, "one_person")


def test_a_face_that_stays_keeps_its_track_and_one_gone_for_long_gets_another(tracker: FaceTracker) -> None:
    first = served(watch(tracker, scene((200, 60, 240)))).track
    watch(tracker, scene(), start_s=0.3, frames=10)
    assert served(watch(tracker, scene((200, 60, 240)), start_s=0.65)).track == first
    watch(tracker, scene(), start_s=1.0, frames=30)
    assert served(watch(tracker, scene((200, 60, 240)), start_s=2.1)).track == first + 1


def test_a_face_that_jumps_is_another_track(tracker: FaceTracker) -> None:
    first = served(watch(tracker, scene((40, 60, 240)))).track
    assert served(watch(tracker, scene((380, 60, 240)), start_s=0.3)).track == first + 1


def test_landmarks_of_a_large_picture_come_in_its_own_pixels(tracker: FaceTracker) -> None:
    small = served(watch(tracker, scene((200, 60, 240))))
    large = served(watch(tracker, cv2.resize(scene((200, 60, 240)), (1280, 720)), start_s=5.0))
    assert large.inter_eye_px == pytest.approx(2 * small.inter_eye_px, rel=0.05)


def test_a_turn_to_the_own_left_moves_the_nose_to_the_right_edge(tracker: FaceTracker) -> None:
    clip = CLIPS / "d3.mp4"
    if not clip.exists():
        pytest.skip("../shared/faces/clips is absent")
    reader = cv2.VideoCapture(str(clip))
    turns, noses = [], []
    for i in range(120):
        ok, image = reader.read()
        assert ok
        face = tracker.update(Frame(image, i / 30, i)).served
        if face is not None:
            eyes = (face.landmarks[33, 0] + face.landmarks[263, 0]) / 2
            turns.append(face.yaw)
            noses.append((face.landmarks[1, 0] - eyes) / face.inter_eye_px)
    assert max(turns) - min(turns) > 15
    assert np.corrcoef(turns, noses)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda p: (p * 0.15).astype(np.uint8), "too_dark"),
        (lambda p: cv2.GaussianBlur(p, (0, 0), 9), "blurred"),
        (lambda p: np.full_like(p, 250), "too_bright"),
    ],
)
def test_a_spoilt_picture_is_refused_with_its_reason(tracker: FaceTracker, spoil, name: str) -> None:
    picture = scene((200, 60, 240))
    face = served(watch(tracker, picture))
    reasons = assess(spoil(picture), face.landmarks, (face.yaw, face.pitch, face.roll), RECOGNITION)
    assert name in [r.name for r in reasons]
    assert all(r.value is not None and r.threshold is not None for r in reasons)


def test_a_small_face_is_told_to_come_closer(tracker: FaceTracker) -> None:
    assert watch(tracker, scene((260, 120, 112))).hint == "come_closer"


def test_a_mask_is_told_to_be_lowered(tracker: FaceTracker) -> None:
    picture = scene((200, 60, 240))
    face = served(watch(tracker, picture))
    mask = face.landmarks[[234, 116, 6, 345, 454, 365, 152, 136], :2].astype(np.int32)
    cv2.fillPoly(picture, [mask], (190, 140, 60))
    reasons = assess(picture, face.landmarks, (face.yaw, face.pitch, face.roll), RECOGNITION)
    assert "mouth_covered" in [r.name for r in reasons]
