"""The example renderer speaks the exec: protocol: what it draws is what the scene draws in-process."""

import shlex
import sys

import numpy as np
import pytest

from kiosk.camera import Camera, open_camera
from kiosk.errors import CameraError
from kiosk.values import CameraEvent, Frame

OPTIONS = "seed=5&fps=5&width=320&height=240"


def prompted(camera: Camera, moment: int) -> list[Frame]:
    frames = []
    while (frame := camera.read()) is not None:
        frames.append(frame)
        if frame.number == moment:
            camera.tell(CameraEvent(frame.time_s, "prompt", "turn_left"))
    camera.close()
    return frames


def command(*words: str) -> str:
    return "exec:" + shlex.join([sys.executable, "-m", "simulation.exec_head", *words])


def test_in_lock_step_the_program_draws_the_very_pixels_of_the_scene():
    outside = prompted(open_camera(command("--act", "person=3", "--options", OPTIONS, "--ticks")), 7)
    inside = prompted(open_camera(f"sim:person=3?{OPTIONS}"), 7)
    assert len(outside) == len(inside) > 15
    for one, two in zip(outside, inside, strict=True):
        assert one.time_s == two.time_s
        assert np.array_equal(one.image, two.image)


def test_without_ticks_the_person_still_turns():
    asked = prompted(open_camera(command("--act", "person=3", "--options", OPTIONS)), 4)
    alone = prompted(open_camera(f"sim:person=3?{OPTIONS}"), -1)
    assert len(asked) == len(alone)
    differ = [not np.array_equal(one.image, two.image) for one, two in zip(asked, alone, strict=True)]
    assert not any(differ[:6])
    assert any(differ)


def test_a_wrong_act_is_told_through_the_error():
    with pytest.raises(CameraError, match="nobody is called 'ghost'"):
        open_camera(command("--act", "ghost=2"))
