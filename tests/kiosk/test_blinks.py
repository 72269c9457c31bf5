"""Closings of the eyes: as long as a person's, seen well enough not to be a slip of the mesh."""

import pytest

from kiosk.blinks import Blink

OPEN, SHUT = 0.3, 0.08


def closing(shut_s: float, fps: float, fewest: int = 2, widest_step_s: float = 0.07) -> bool:
    blink = Blink(OPEN, 0.0, 0.55, (0.06, 0.5), fewest, widest_step_s)
    times = [(number + 1) / fps for number in range(int(2 * fps))]
    return any(blink.update(t, SHUT if 0.5 <= t < 0.5 + shut_s else OPEN) for t in times)


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
@pytest.mark.parametrize("shut_s", [0.15, 0.3, 0.45])
def test_a_blink_that_nobody_asked_for_is_seen_at_full_frame_rate(shut_s: float, fps: float):
    assert closing(shut_s, fps)


@pytest.mark.parametrize(("shut_s", "fps"), [(0.02, 60.0), (0.06, 15.0), (0.8, 30.0), (0.25, 10.0)])
def test_a_slip_a_sleeper_and_a_slow_camera_show_no_blink(shut_s: float, fps: float):
    assert not closing(shut_s, fps)


def test_eyes_that_never_open_again_do_not_blink():
    blink = Blink(OPEN, 0.0, 0.55, (0.06, 0.5))
    assert not any(blink.update(number / 30, SHUT) for number in range(1, 60))
