"""Closings of the eyes: as long as a person's, seen well enough not to be a slip of the mesh."""

from pathlib import Path

import pytest

from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.pad.answers import AnswerSettings, Measure, straight
from kiosk.pad.blinks import Blink

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


@pytest.mark.parametrize(("clip", "least"), [("d5.mp4", 2), ("d7.mp4", 3), ("d20.mp4", 0)])
def test_blinks_of_real_people_are_seen_and_open_eyes_show_none(clip: str, least: int):
    path = Path(__file__).parents[3].parent / "shared" / "faces" / "clips" / clip
    if not path.exists():
        pytest.skip("the real clips (../shared/faces) are not here")
    camera, tracker = open_camera(f"file:{path}?pace=fast"), FaceTracker()
    seen = [(frame.time_s, tracker.update(frame).served) for frame in iter(camera.read, None)]
    tracker.close()
    measures = [Measure.of(time_s, face) for time_s, face in seen if face is not None]
    limits = AnswerSettings()
    usual = straight(measures[:30]).eyes
    blink = Blink(usual, measures[0].time_s, limits.blink_share, limits.unasked_blink_s, 2, limits.unasked_step_s)
    count = sum(blink.update(measure.time_s, measure.eyes) for measure in measures)
    assert count >= least if least else count == 0
