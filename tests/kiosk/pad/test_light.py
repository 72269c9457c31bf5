"""The light code: answered at once by a face, late by a copy, as much by a print's surroundings, hardly by a screen."""

import random
from dataclasses import replace

import numpy as np
import pytest

from kiosk.pad.answers import Measure
from kiosk.pad.light import TOO_NEAR, LightAnswer, LightCode, LightSettings
from kiosk.values import Face, Frame

SETTINGS = LightSettings()
OVAL = np.array([(160 + 25 * np.cos(a), 120 + 35 * np.sin(a), 0) for a in np.linspace(0, 6.28, 478)], np.float32)
FACE = Face(1, (135, 85, 50, 70), OVAL, 0.0, 0.0, 0.0, 0.3, 30.0)
NOISE = np.random.default_rng(1).normal(0, 1.0, (400, 320, 3)).astype(np.float32)


def played(
    depth: float,
    room: float = 0.0,
    late_s: float = 0.0,
    shadow: float = 0.0,
    fps: float = 15.0,
    noise: float = 2.0,
    gone_s: float = 1e9,
    until_s: float = 0.0,
    face: Face = FACE,
    glare: bool = False,
) -> LightAnswer:
    """A face that gives back `depth` of its brightness, `late_s` late, and takes on a shadow as it turns; from `gone_s`
    on nothing. Nobody asks before `until_s`. `glare`: on the lenses, now and then."""
    code = LightCode(SETTINGS, random.Random(3), 0.0)
    levels = [(0.0, code.level)]
    number = 0
    while number / fps < until_s or (answer := code.answer()) is None:
        number += 1
        time_s = number / fps
        level = next(level for began, level in reversed(levels) if began < time_s - late_s or began == 0.0)
        down = 0.0 if time_s >= gone_s else (1.0 - level) / (SETTINGS.levels[1] - SETTINGS.levels[0])
        yaw = 25.0 * np.sin(2.0 * time_s)
        image = np.full((240, 320, 3), 150.0 * (1 - room * down), np.float32)
        image[85:155, 135:185] = 130.0 * (1 - depth * down) * (1 + shadow * yaw / 25.0)
        if glare and number % 5 < 2:
            image[104:112, 140 + number % 7 : 150 + number % 7] = 250.0
        image += noise * NOISE[7 * number % 160 :][:240]
        frame = Frame(np.clip(image, 0, 255).astype(np.uint8), time_s, number)
        code.update(frame, face, Measure(time_s, yaw, 0.0, 90.0, 0.3))
        levels.append((time_s, code.level))
    return answer


@pytest.mark.parametrize("fps", [10.0, 15.0, 30.0])
@pytest.mark.parametrize("shadow", [0.0, 0.15])
def test_a_face_in_the_lamps_light_answers_at_any_frame_rate_and_while_it_turns(fps: float, shadow: float):
    answer = played(0.12, room=0.01, shadow=shadow, fps=fps)
    assert answer.state == "answered", answer.reasons
    assert answer.reasons[1].value == pytest.approx(0.12, rel=0.2)


def test_glare_that_comes_and_goes_on_spectacles_does_not_hide_the_answer():
    answer = played(0.06, glare=True)
    assert answer.state == "answered", answer.reasons


def test_a_screen_gives_too_little_back_however_clearly_it_is_read():
    answer = played(0.006, noise=0.0)
    assert answer.state == "weak"


def test_without_any_answer_it_is_the_correlation_that_is_short():
    answer = played(0.0)
    assert answer.state == "weak"
    assert answer.reasons[0].threshold == SETTINGS.looks[-1][1]


def test_a_copy_that_comes_late_is_told_with_its_delay():
    answer = played(0.12, late_s=0.35)
    assert answer.state == "late"
    assert answer.reasons[0].value == pytest.approx(0.35, abs=0.08)


def test_an_answer_to_the_beginning_of_a_long_code_says_nothing_of_its_end():
    assert played(0.12, gone_s=8.0, until_s=12.0).state == "weak"


def test_surroundings_that_answer_like_the_face_are_on_the_same_sheet():
    assert played(0.12, room=0.12).state == "shared"


def test_a_face_that_fills_the_view_is_no_attack_and_proves_nothing():
    near = replace(FACE, box=(20, 0, 280, 240))
    for room in (0.0, 0.12):
        answer = played(0.12, room=room, face=near)
        assert (answer.state, answer.reasons[0].name) == ("weak", TOO_NEAR)
    assert played(0.006, noise=0.0, face=near).state == "weak"


def test_the_lamp_never_flashes_more_than_three_times_a_second():
    assert 1 / (2 * SETTINGS.symbol_s) <= 3
