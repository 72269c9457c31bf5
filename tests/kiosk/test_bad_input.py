"""A folder as an officer brings it: every file that is no usable photo gets a line that says why, the others count."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from kiosk.enrol.enrolment import enrol_from_photos
from kiosk.matcher import Templates, search
from tests.kiosk.colours import Colours

data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")


def portrait() -> np.ndarray:
    return cv2.resize(data.astronaut()[:280, 90:370], (480, 480))


def drawing() -> np.ndarray:
    """A house and a stick figure with a smiling head."""
    paper = np.full((480, 480, 3), 255, np.uint8)
    cv2.rectangle(paper, (40, 260), (200, 420), (0, 0, 0), 3)
    cv2.line(paper, (40, 260), (120, 180), (0, 0, 0), 3)
    cv2.line(paper, (120, 180), (200, 260), (0, 0, 0), 3)
    cv2.circle(paper, (350, 190), 60, (0, 0, 0), 3)
    for eye in ((328, 175), (372, 175)):
        cv2.circle(paper, eye, 6, (0, 0, 0), -1)
    cv2.ellipse(paper, (350, 200), (30, 25), 0, 20, 160, (0, 0, 0), 3)
    cv2.line(paper, (350, 250), (350, 400), (0, 0, 0), 3)
    return paper


def film(path: Path) -> None:
    writer = cv2.VideoWriter(str(path.with_suffix(".mp4")), cv2.VideoWriter_fourcc(*"mp4v"), 5, (160, 120))
    assert writer.isOpened()
    for grey in range(5):
        writer.write(np.full((120, 160, 3), 40 * grey, np.uint8))
    writer.release()
    path.with_suffix(".mp4").rename(path)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder, face = tmp_path_factory.mktemp("photos"), portrait()
    Image.fromarray(face).save(folder / "plain.png")
    Image.fromarray(face).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.uint16) * 257).save(folder / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(face, 1))).save(folder / "turned.jpg", exif=exif)
    Image.fromarray(np.full((400, 400, 3), 128, np.uint8)).save(folder / "nobody.png")
    Image.fromarray(np.concatenate([face, face], axis=1)).save(folder / "two.png")
    Image.fromarray(drawing()).save(folder / "drawing.png")
    Image.new("1", (40_000, 40_000)).save(folder / "huge.png")
    Image.fromarray(face).save(folder / "whole.jpg")
    content = (folder / "whole.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(content[: len(content) // 2])
    film(folder / "film.jpg")
    report = enrol_from_photos(sorted(folder.iterdir()), Colours()).report
    return {line.name: str(line) for line in report}


def test_an_unusual_file_of_a_good_photo_counts(lines: dict[str, str]) -> None:
    assert lines["cmyk.jpg"] == "cmyk.jpg: ok"


@pytest.mark.parametrize("name", ["plain.png", "deep.png", "turned.jpg", "whole.jpg"])
def test_the_same_photo_in_another_format_is_seen_to_be_the_same(lines: dict[str, str], name: str) -> None:
    assert lines[name] == f"{name}: copy of cmyk.jpg"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody.png", "no face"),
        ("drawing.png", "drawn"),
        ("two.png", "two faces"),
        ("huge.png", "too many"),
        ("half.jpg", "cannot be read"),
        ("film.jpg", "not a photo in a known format"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(lines: dict[str, str], name: str, words: str) -> None:
    assert words in lines[name]
    assert lines[name].startswith(f"{name}: ")


def test_a_shot_that_is_not_finite_names_nobody() -> None:
    templates = Templates(np.eye(3, dtype=np.float32), np.arange(3, dtype=np.int32), ("a", "b", "c"), "colours/3")
    assert search(templates, np.full(3, np.nan, np.float32)).outcome == "unknown"
