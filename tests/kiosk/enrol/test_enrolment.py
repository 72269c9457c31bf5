"""Enrolment: a living person becomes templates; photos and prints get a reason each."""

import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.enrol.enrolment import Enrolment, enrol_from_camera, enrol_from_photos
from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import DlibEmbedder

data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")


class Colours:
    """A quick embedder: the mean colour of the upper and lower face."""

    identity = "colours/6"
    dimension = 6
    apart = 0.5

    def embed(self, image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        x, y, width, height = box
        face = image[y : y + height, x : x + width].astype(np.float32) / 255.0
        halves = face[: height // 2], face[height // 2 :]
        return np.concatenate([half.mean(axis=(0, 1)) for half in halves]).astype(np.float32)


def portrait() -> np.ndarray:
    return cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (480, 480))


def enrol(url: str, embedder: object, said: list[str] | None = None) -> Enrolment:
    tracker, camera = FaceTracker(), open_camera(url)
    try:
        return enrol_from_camera(camera, tracker, embedder, ([] if said is None else said).append, random.Random(3))
    finally:
        tracker.close()
        camera.close()


def test_a_living_person_is_led_through_the_poses_to_six_templates() -> None:
    said: list[str] = []
    enrolment = enrol("sim:person=60?seed=3&fps=15", DlibEmbedder(), said)
    assert enrolment.templates.shape == (6, 128)
    assert enrolment.templates.dtype == np.float32
    assert [shot.state for shot in enrolment.report] == ["ok"] * 6
    assert said[-1] == ""
    assert {"turn_left", "turn_right", "look_up", "come_closer"} <= set(said)
    distances = np.linalg.norm(enrolment.templates - enrolment.templates[0], axis=1)
    assert distances.max() < 0.45


def test_a_print_cannot_be_enrolled() -> None:
    with pytest.raises(EnrolmentError, match="living person"):
        enrol("sim:print=60?seed=3&fps=15", Colours())


def test_a_camera_that_ends_is_named() -> None:
    with pytest.raises(EnrolmentError, match="camera ended"):
        enrol("sim:person=2?seed=3&fps=15", Colours())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    good = portrait()
    two = np.concatenate([good, good], axis=1)
    for name, picture in {
        "a_good.png": good,
        "b_empty.png": np.full((400, 400, 3), 128, np.uint8),
        "c_two.png": two,
        "d_dark.png": (good * 0.12).astype(np.uint8),
        "f_again.png": cv2.flip(good, 1),
    }.items():
        assert cv2.imwrite(str(tmp_path / name), picture)
    (tmp_path / "e_text.jpg").write_text("no photo")
    return tmp_path


def test_each_photo_gets_a_line_with_its_reason(folder: Path) -> None:
    enrolment = enrol_from_photos(sorted(folder.iterdir()), Colours())
    states = {shot.name: shot.state.partition(":")[0] for shot in enrolment.report}
    assert states == {
        "a_good.png": "ok",
        "b_empty.png": "no face",
        "c_two.png": "two faces",
        "d_dark.png": "quality",
        "e_text.jpg": "unreadable",
        "f_again.png": "copy of a_good.png",
    }
    assert enrolment.templates.shape == (1, 6)
    assert enrolment.embedder == "colours/6"
    assert "too_dark" in str(enrolment.report[3])


def test_a_photo_far_from_the_others_is_an_outlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.enrol.enrolment.likeness", lambda one, other: 0.0)
    good = portrait()
    pictures = [good, cv2.flip(good, 1), good[5:-5], np.clip(good * np.array([2.2, 0.6, 0.3]), 0, 255).astype(np.uint8)]
    for number, picture in enumerate(pictures):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    enrolment = enrol_from_photos(sorted(tmp_path.iterdir()), Colours())
    assert [shot.state for shot in enrolment.report] == ["ok", "ok", "ok", "outlier"]
    assert len(enrolment.templates) == 3


def test_no_usable_photo_is_an_error_that_names_each_file(folder: Path) -> None:
    (folder / "a_good.png").unlink()
    (folder / "f_again.png").unlink()
    with pytest.raises(EnrolmentError, match=r"b_empty.*no face.*c_two.*two faces.*e_text"):
        enrol_from_photos(sorted(folder.iterdir()), Colours())
