"""Stills of people who stand far away: the face is sought closer by."""

import cv2
import numpy as np
import pytest

from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import look_at, seek

astronaut = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed").astronaut


@pytest.fixture
def tracker():
    tracker = FaceTracker()
    yield tracker
    tracker.close()


def test_a_face_too_small_for_a_kiosk_is_found_where_it_is(tracker: FaceTracker):
    portrait = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
    wall = np.full((1200, 900, 3), 150, np.uint8)
    wall[150:350, 600:800] = cv2.resize(portrait, (200, 200), interpolation=cv2.INTER_AREA)
    assert look_at(wall, 0, tracker).state == "no face"
    face = seek(wall, tracker)
    assert face is not None
    x, y, w, h = face.box
    assert 600 < x < x + w < 800
    assert 150 < y < y + h < 350
    assert 600 < face.landmarks[:, 0].mean() < 800


def test_where_nobody_is_nobody_is_found(tracker: FaceTracker):
    assert seek(np.full((240, 320, 3), 150, np.uint8), tracker) is None
