"""Passive cues: what they see in drawn pictures, and that they decide nothing until they are told to."""

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.config import load_config
from kiosk.errors import ConfigError
from kiosk.pad.cues import ABOVE, Model, PassiveSettings
from kiosk.pad.passive import Passive, bezel, colour_texture, model, moire, specular
from kiosk.values import Face

MODELS = Path(__file__).parents[3].parent / "shared" / "faces" / "models"
MINIFASNET = "4eed38f0bde33c9b805942a5f25e42ce1161e2bda545254be622be957727794e"
ROUND = np.array([(320 + 60 * np.cos(a), 240 + 80 * np.sin(a), 0) for a in np.linspace(0, 6.28, 478)], np.float32)
FACE = Face(1, (260, 160, 120, 160), ROUND, 0.0, 0.0, 0.0, 0.3, 60.0)
SETTINGS = PassiveSettings()
Picture = NDArray[np.uint8]


def scene(seed: int = 1) -> Picture:
    """A face-coloured oval before a wall, softly shaded, with a sensor's noise."""
    rows, columns = np.mgrid[0:480, 0:640]
    picture = np.full((480, 640, 3), (180, 185, 188), np.float32)
    cv2.ellipse(picture, (320, 240), (62, 84), 0, 0, 360, (110, 140, 190), -1)
    picture *= (0.85 + 0.15 * np.sin(rows / 60) * np.cos(columns / 50))[..., np.newaxis]
    picture += np.random.default_rng(seed).normal(0, 2.2, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_a_pixel_grid_stands_out_of_the_spectrum_and_noise_does_not():
    plain = scene()
    grid = plain.astype(np.float32)
    grid[::3] *= 0.9
    grid[:, ::3] *= 0.93
    assert moire(plain, FACE, SETTINGS) < ABOVE["moire"] < moire(grid.astype(np.uint8), FACE, SETTINGS)


@pytest.mark.parametrize("enlarged", [1, 1.5, 2, 3])
def test_neither_enlarging_nor_coarse_jpeg_looks_like_a_pixel_grid(enlarged: float):
    picture = cv2.resize(scene(), None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
    face = replace(FACE, landmarks=FACE.landmarks * np.float32(enlarged))
    coarse = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 25])[1], cv2.IMREAD_COLOR)
    assert max(moire(one, face, SETTINGS) for one in (picture, coarse)) < ABOVE["moire"]


@pytest.mark.parametrize("lean", [-14, 0, 12])
def test_a_frame_around_the_face_is_a_bezel_and_one_edge_beside_it_is_not(lean: int):
    framed, beside = scene(), scene()
    for picture, sides in ((framed, (-105, 105)), (beside, (105,))):
        for side in sides:
            cv2.line(picture, (320 + side - lean, 120), (320 + side + lean, 360), (20, 20, 20), 8)
    found = [bezel(picture, FACE, SETTINGS) for picture in (framed, beside, scene())]
    assert found[0] > ABOVE["bezel"]
    assert max(found[1:]) < ABOVE["bezel"]


def test_a_mirrored_lamp_covers_a_share_of_the_face():
    glass = scene()
    cv2.circle(glass, (320, 220), 22, (255, 255, 255), -1)
    assert specular(scene(), FACE, SETTINGS) == 0.0
    assert specular(glass, FACE, SETTINGS) > ABOVE["specular"]
    assert specular(cv2.convertScaleAbs(glass, alpha=2.2), FACE, SETTINGS) is None, "all of it is overexposed"


def test_coloured_dots_are_detail_of_the_chroma():
    dots = scene().astype(np.int16)
    dots += np.random.default_rng(2).integers(-40, 40, (480, 640, 3)) * np.array([1, 0, -1])
    drawn = np.clip(dots, 0, 255).astype(np.uint8)
    assert colour_texture(drawn, FACE, SETTINGS) > 1.4 * colour_texture(scene(), FACE, SETTINGS)


def test_a_face_too_small_to_tell_says_nothing():
    tiny = Face(1, (320, 240, 8, 10), 320 + (ROUND - 320) * 0.08, 0.0, 0.0, 0.0, 0.3, 4.0)
    assert moire(scene(), tiny, SETTINGS) is None
    assert bezel(scene(), tiny, SETTINGS) is None


def framed_watch(settings: PassiveSettings) -> Passive:
    picture, watch = scene(), Passive(settings)
    for side in (-105, 105):
        cv2.line(picture, (320 + side, 120), (320 + side, 360), (20, 20, 20), 8)
    for number in range(30):
        watch.update(picture, FACE, number / 15)
    return watch


def test_cues_are_noted_and_deny_nothing_by_themselves():
    watch = framed_watch(PassiveSettings())
    assert {reason.name for reason in watch.noted} == set(ABOVE) - {"model"}
    assert watch.denied() == ()
    assert [reason.name for reason in watch.denied(also=("bezel", "moire"))] == ["bezel"]


def test_a_calibrated_cue_denies_and_one_that_is_off_is_not_measured():
    watch = framed_watch(PassiveSettings(use={"bezel": "deny", "moire": "off", "specular": "off", "model": "off"}))
    assert [reason.name for reason in watch.denied()] == ["bezel"]
    assert {reason.name for reason in watch.noted} == {"bezel", "colour_texture"}


def test_a_model_is_believed_by_its_hash_alone(tmp_path: Path):
    file = tmp_path / "model.onnx"
    with pytest.raises(ConfigError, match="cannot be read"):
        model(scene(), FACE, PassiveSettings(model=Model(file, "0" * 64)))
    file.write_bytes(b"something else")
    with pytest.raises(ConfigError, match=hashlib.sha256(b"something else").hexdigest()):
        model(scene(), FACE, PassiveSettings(model=Model(file, "0" * 64)))


@pytest.mark.skipif(not MODELS.exists(), reason="../shared/faces is absent")
def test_an_onnx_model_gives_a_probability():
    settings = PassiveSettings(model=Model(MODELS / "MiniFASNetV2.onnx", MINIFASNET))
    assert 0.0 <= model(scene(), FACE, settings) <= 1.0
    assert "model" in settings.measured()
    assert model(np.repeat(scene()[..., :1], 3, axis=2), FACE, settings) is None, "nothing of a grey picture"
    tight = replace(FACE, landmarks=FACE.landmarks - np.float32((240, 140, 0)))
    assert model(scene()[140:340, 240:400], tight, settings) is None, "nor of one with nothing around the face"


def test_an_office_says_in_its_configuration_which_cues_may_deny(tmp_path: Path):
    file = tmp_path / "kiosk.yaml"
    head = f"state_dir: {tmp_path}\ncamera: sim:person\nserver: https://x\n"
    file.write_text(head + "passive:\n  use: {moire: deny, bezel: off}\n  above: {moire: 0.9}\n")
    passive = load_config(file).passive
    assert passive.limit("moire") == 0.9
    assert passive.limit("specular") == ABOVE["specular"]
    assert passive.measured() == ("moire", "specular", "colour_texture")
    file.write_text(head + "passive:\n  use: {moiree: deny}\n")
    with pytest.raises(ConfigError, match=r"kiosk.yaml:5.*no cue is called moiree"):
        load_config(file)
