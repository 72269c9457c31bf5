"""A person can look at a scene as a sheet or a film."""

from pathlib import Path

import cv2
import pytest

from kiosk.camera import open_camera
from simulation.preview import main

URL = "sim:nobody=1?fps=5&width=160&height=120"


def test_a_sheet_shows_twenty_moments(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([URL, "--out", str(tmp_path / "sheet.png")]) == 0
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (4 * 60, 5 * 80, 3)
    assert "5 frames" in capsys.readouterr().out


def test_a_film_can_be_played_as_a_camera(tmp_path: Path):
    assert main([URL, "--out", str(tmp_path / "film.mp4")]) == 0
    film = open_camera(f"file:{tmp_path / 'film.mp4'}")
    times = []
    while (frame := film.read()) is not None:
        times.append(frame.time_s)
    assert times == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


@pytest.mark.parametrize(
    ("url", "out", "said"),
    [(URL, "x.txt", ".mp4 or .png"), (URL, "none/x.png", "folder"), ("sim:ghost=1", "x.png", "ghost")],
)
def test_what_cannot_be_written_or_played_is_said(
    tmp_path: Path, url: str, out: str, said: str, capsys: pytest.CaptureFixture[str]
):
    assert main([url, "--out", str(tmp_path / out)]) == 1
    assert said in capsys.readouterr().err
