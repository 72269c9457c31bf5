"""A photo handed in twice is one photo, and a photo of a card is for a person to look at."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import look_at
from kiosk.enrol.copies import COPY, FRAMED, crop_of, framed, likeness
from kiosk.enrol.enrolment import OK_BUT_A_PICTURE, enrol_from_photos
from simulation.evaluate.pictures import copies_of, pictures_of
from tests.kiosk.colours import Colours

data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")


def portrait():
    return cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (480, 480))


def face_of(picture):
    tracker = FaceTracker()
    try:
        return look_at(picture, 0, tracker).face
    finally:
        tracker.close()


@pytest.fixture(scope="module")
def drawn():
    return dict(pictures_of(portrait(), face_of(portrait()), np.random.default_rng(1)))


def test_copies_of_a_photo_are_found_however_they_were_made():
    own = crop_of(portrait(), face_of(portrait()))
    for kind, picture in copies_of(portrait()):
        if kind != "brighter":  # burnt out in part: not always
            assert likeness(own, crop_of(picture, face_of(picture))) >= COPY, kind


def test_another_look_of_the_same_face_is_no_copy_and_neither_is_a_face_of_nothing():
    picture = portrait()
    own = crop_of(picture, face_of(picture))
    face = face_of(picture)
    x, y, width, height = face.box
    lower = picture[y + height * 2 // 3 : y + height * 11 // 12, x + width // 4 : x + width * 3 // 4]
    lower[:] = cv2.GaussianBlur(np.roll(lower, 5, axis=0), (0, 0), 1.0)
    assert likeness(own, crop_of(picture, face)) < COPY
    assert likeness(own, np.zeros_like(own)) == 0.0


@pytest.mark.parametrize("kind", ["badge", "upright badge", "print", "display"])
def test_a_face_on_a_card_is_framed(drawn, kind):
    assert framed(drawn[kind], face_of(drawn[kind])) > FRAMED


def test_a_face_in_a_room_is_not_framed_nor_one_that_fills_its_picture():
    picture = portrait()
    assert framed(picture, face_of(picture)) < FRAMED
    x, y, width, height = face_of(picture).box
    near = np.ascontiguousarray(picture[max(y - 20, 0) : y + height + 20, max(x - 20, 0) : x + width + 20])
    assert framed(near, face_of(cv2.resize(near, None, fx=2, fy=2))) < FRAMED


def test_a_framed_photo_counts_once_a_person_has_looked_and_copies_of_it_do_not(tmp_path: Path, drawn):
    for name, picture in {"a.png": drawn["badge"], "b.png": cv2.flip(drawn["badge"], 1)}.items():
        assert cv2.imwrite(str(tmp_path / name), picture)
    found = enrol_from_photos(sorted(tmp_path.iterdir()), Colours())
    assert [line.state for line in found.report] == [OK_BUT_A_PICTURE, "copy of a.png"]
    assert "a second person must look (framed " in str(found.report[0])
    assert len(found.templates) == 1
