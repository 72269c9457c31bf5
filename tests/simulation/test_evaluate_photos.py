"""What enrolment from photos notices is counted with the product's own measures."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.errors import EnrolmentError
from simulation.evaluate.photos import main

data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")


def test_copies_and_cards_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (480, 480))
    (tmp_path / "one").mkdir()
    cv2.imwrite(str(tmp_path / "one" / "1.png"), good)
    cv2.imwrite(str(tmp_path / "one" / "2.png"), cv2.flip(good, 1))
    cv2.imwrite(str(tmp_path / "one" / "dark.png"), (good * 0.12).astype(np.uint8))
    assert main([str(tmp_path), "--drawn", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["photos"], found["people"], found["pairs"]) == (2, 1, 1)
    assert [names for _, *names in found["copies_among_real"]] == [["one/1.png", "one/2.png"]]
    assert [shares["to be looked at"] for shares in found["noticed_of_real"].values()] == [0.0]
    assert found["noticed_of_drawn"]["badge"]["framed"] == found["noticed_of_drawn"]["print"]["framed"] == 1.0
    assert found["copies_found"]["mirrored"] == 1.0
    assert main([str(tmp_path), "--drawn", "1", "--most", "1"]) == 0
    assert "drawn badge: to be looked at 100.0%, framed 100.0%" in capsys.readouterr().out


def test_a_folder_without_a_usable_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    cv2.imwrite(str(tmp_path / "one" / "1.png"), np.full((400, 400, 3), 128, np.uint8))
    with pytest.raises(EnrolmentError, match="not one photo of"):
        main([str(tmp_path)])
