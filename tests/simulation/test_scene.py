"""The camera sim: people come, answer after a human delay, and go; attackers hold flat things."""

from typing import Any

import face_recognition
import numpy as np
import pytest

from kiosk.camera import open_camera
from kiosk.errors import CameraError
from kiosk.values import CameraEvent, Frame
from simulation.body import Body
from simulation.instruments import DISPLAYS, Display, player, print_of
from simulation.motion import Sway
from simulation.portrait import astronaut
from simulation.scene import Scene, open_scene


def play(scene: Scene, events: list[CameraEvent] | None = None) -> list[Frame]:
    """All frames; each event is told after the frame of its time."""
    waiting = list(events or [])
    frames = []
    while (frame := scene.read()) is not None:
        frames.append(frame)
        while waiting and waiting[0].time_s <= frame.time_s:
            scene.tell(waiting.pop(0))
    return frames


def room(frames: list[Frame]) -> np.ndarray:
    return frames[0].image.astype(np.int16)


def occupied(frame: Frame, empty: np.ndarray) -> float:
    """Share of the picture that differs from the empty room by more than sensor noise."""
    return float((np.abs(frame.image - empty).max(axis=2) > 40).mean())


def test_the_scene_has_a_clock_of_its_own_and_drops_no_frame():
    scene = open_camera("sim:nobody=2?fps=10&width=320&height=240&start=2026-10-05T07:20:00+09:00")
    frames = play(scene)  # type: ignore[arg-type]
    assert not scene.live
    assert scene.kind == "sim"
    assert scene.start_wall_ms == 1_791_152_400_000
    assert [f.number for f in frames] == list(range(20))
    assert [f.time_s for f in frames] == [n / 10 for n in range(20)]
    assert frames[0].image.shape == (240, 320, 3)


def test_two_frames_of_an_empty_room_differ_by_the_sensors_noise():
    first, second = play(open_scene("sim:nobody=0.1?fps=20"))
    difference = np.abs(first.image.astype(int) - second.image)
    assert 0.5 < difference.mean() < 8


@pytest.mark.parametrize("script", ["takeover=6?face=stranger:0", "takeover=6?face=stranger:3&other=stranger:1"])
def test_the_other_person_does_not_resemble_the_enrolled(script: str):
    def looks(url: str) -> np.ndarray:
        frame = play(open_scene(f"sim:{url}&prompts=off&fps=5"))[12]
        return face_recognition.face_encodings(np.ascontiguousarray(frame.image[:, :, ::-1]))[0]

    enrolled = looks(f"person=6?{script.partition('?')[2]}")
    assert np.linalg.norm(looks(script) - enrolled) > 0.5


def test_the_same_script_and_events_give_the_same_pixels():
    events = [CameraEvent(1.5, "prompt", "turn_left")]
    url = "sim:person=3?seed=4&fps=5&width=320&height=240"
    for one, two in zip(play(open_scene(url), events), play(open_scene(url), events), strict=True):
        assert np.array_equal(one.image, two.image)


def test_between_acts_the_room_is_empty_for_longer_than_a_second():
    frames = play(open_scene("sim:nobody=0.3,person=3,print=3?fps=10&width=320&height=240"))
    empty = room(frames)
    there = [occupied(frame, empty) > 0.02 for frame in frames]
    first_gone = next(n for n in range(there.index(True), len(there)) if not there[n])
    assert sum(there[first_gone : first_gone + 12]) == 0
    assert any(there[first_gone + 12 :])
    assert not there[-1]


def test_in_a_queue_the_next_steps_up_while_the_one_before_leaves_and_answers_alone(monkeypatch: pytest.MonkeyPatch):
    scene = open_scene("sim:person=3,stranger=6?seed=2&fps=10&width=160&height=120&gap=-0.8")
    drawn: list[float] = []
    monkeypatch.setattr(Body, "draw", lambda self, image, x, y, z, focal, shade=1.0: drawn.append(z))
    both, told = [], False
    while (frame := scene.read()) is not None and frame.time_s < 6:
        if len(drawn) == 2:
            both.append(frame.time_s)
            assert drawn[0] >= drawn[1], "who is farther is drawn first"
            leaving, coming = scene._there
            assert scene._actor is coming
            scene.tell(CameraEvent(frame.time_s, "lamp", "granted"))  # for the one before
            scene.tell(CameraEvent(frame.time_s, "prompt", "turn_left"))
            told = True
        drawn.clear()
    assert told
    assert both[0] == pytest.approx(2.2, abs=0.11)
    assert both[-1] == pytest.approx(2.9, abs=0.11)
    assert scene._there == [coming], "the lamp was not meant for who walks in"
    assert leaving.yaw.at(6) * leaving._side < 0
    assert coming.yaw.at(6) > 15


@pytest.mark.parametrize("lamp", ["granted", "refused"])
def test_a_visitor_who_has_seen_the_lamp_leaves(lamp: str):
    url = "sim:nobody=0.3,person=30?fps=5&width=320&height=240"
    frames = play(open_scene(url), [CameraEvent(2.0, "lamp", lamp)])
    empty = room(frames)
    last = max(frame.time_s for frame in frames if occupied(frame, empty) > 0.02)
    assert 2.0 + 0.5 < last < 2.0 + 1.2 + 1.2


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sway, so that what moves was moved on purpose."""
    monkeypatch.setattr(Sway, "at", lambda self, time_s: 0.0)


def poses(url: str, event: CameraEvent, until: float) -> list[tuple[float, Any]]:
    scene = open_scene(url)
    seen: list[tuple[float, Any]] = []
    told = False
    while (frame := scene.read()) is not None and frame.time_s < until:
        seen.append((frame.time_s, scene._actor._pose(frame.time_s)))  # type: ignore[union-attr]
        if not told and frame.time_s >= event.time_s:
            scene.tell(event)
            told = True
    return seen


@pytest.mark.parametrize(
    ("prompt", "measure", "reached"),
    [
        ("turn_left", lambda p, q: q.yaw - p.yaw, 20),
        ("turn_right", lambda p, q: p.yaw - q.yaw, 20),
        ("look_up", lambda p, q: q.pitch - p.pitch, 15),
        ("come_closer", lambda p, q: p.z / q.z, 1.25),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.usefixtures("still")
def test_a_person_answers_a_prompt_after_a_human_delay(prompt: str, measure: Any, reached: float, seed: int):
    seen = poses(f"sim:person=9?seed={seed}&fps=10&width=160&height=120", CameraEvent(2.0, "prompt", prompt), 4.5)
    before = next(pose for time_s, pose in seen if time_s >= 2.0)
    still_until = [pose for time_s, pose in seen if 2.0 <= time_s <= 2.35]
    assert all((p.yaw, p.pitch, p.z) == (before.yaw, before.pitch, before.z) for p in still_until)
    assert measure(before, seen[-1][1]) >= reached
    arrived = next(time_s for time_s, pose in seen if measure(before, pose) >= reached)
    assert arrived <= 2.0 + 0.9 + 1.0


@pytest.mark.parametrize("fps", [15, 30])
def test_a_prompted_blink_stays_closed_for_a_human_time(fps: int):
    seen = poses(f"sim:person=9?seed=2&fps={fps}&width=160&height=120", CameraEvent(2.0, "prompt", "blink"), 4.0)
    closed = [time_s for time_s, pose in seen if time_s > 2.3 and pose.lids > 0.95]
    assert 0.1 <= closed[-1] - closed[0] <= 0.4


@pytest.mark.usefixtures("still")
def test_the_person_goes_back_when_the_prompt_is_over():
    scene = open_scene("sim:person=9?seed=1&fps=10&width=160&height=120")
    events = {2.0: "turn_left", 4.0: ""}
    yaws = {}
    while (frame := scene.read()) is not None and frame.time_s < 6:
        yaws[frame.time_s] = scene._actor._pose(frame.time_s).yaw  # type: ignore[union-attr]
        if frame.time_s in events:
            scene.tell(CameraEvent(frame.time_s, "prompt", events[frame.time_s]))
    assert yaws[4.0] > 20
    assert abs(yaws[5.9]) < 1


@pytest.mark.usefixtures("still")
def test_with_prompts_off_nobody_answers():
    seen = poses("sim:person=9?prompts=off&fps=10&width=160&height=120", CameraEvent(2.0, "prompt", "turn_left"), 4.5)
    assert max(abs(pose.yaw) for time_s, pose in seen if time_s > 2) < 0.01


def frontal(options: str) -> np.ndarray:
    """A picture of somebody who has arrived and answers nothing."""
    scene = open_scene(f"sim:person=4?seed=1&prompts=off&fps=10&{options}")
    scene.skip(20)
    frame = scene.read()
    assert frame is not None
    return frame.image.astype(np.int16)


FACE = slice(210, 290), slice(290, 350)


@pytest.mark.parametrize(
    ("options", "low", "high"),
    # Linear light of the face beside the usual one, back in grey: 90 of 250 lux, about a quarter, and a little less of
    # a difference than half and 1.25 of the albedo make.
    [("ambient=90", 0.55, 0.7), ("window=on", 0.45, 0.6), ("skin=0.5", 0.7, 0.85), ("skin=1.25", 1.04, 1.12)],
)
def test_low_light_a_window_and_another_skin_change_the_face_as_light_does(options: str, low: float, high: float):
    assert low < frontal(options)[FACE].mean() / frontal("")[FACE].mean() < high


def test_low_light_is_noisier_and_a_window_overexposed():
    def noise(options: str) -> float:
        first, second = play(open_scene(f"sim:nobody=0.1?fps=20&{options}"))
        return float((first.image.astype(int) - second.image).std())

    assert 1.4 < noise("ambient=90") / noise("") < 1.9
    assert (frontal("window=on")[:100, 200:260] > 240).all()


def test_the_exposure_follows_whoever_steps_up_and_is_held_while_a_light_code_plays():
    def wall(light: str) -> float:
        """How much brighter the wall beside the person grows from the second on, in which the person arrives."""
        scene = open_scene("sim:person=6?seed=1&prompts=off&fps=10&face=stranger:1")
        frames = play(scene, [CameraEvent(0.3, "light", light)])
        return float(frames[40].image[20:60, 520:600].mean() / frames[5].image[20:60, 520:600].mean())

    assert wall("") > 1.08
    assert abs(wall("1.00") - 1) < 0.01


def test_a_light_code_that_is_over_gives_the_exposure_back():
    told = [CameraEvent(0.3, "light", "1.00"), CameraEvent(3.0, "light", "")]
    frames = play(open_scene("sim:person=6?seed=1&prompts=off&fps=10&face=stranger:1"), told)
    assert frames[48].image[20:60, 520:600].mean() > 1.08 * frames[28].image[20:60, 520:600].mean()


def test_spectacles_have_dark_rims_that_stand_before_the_eyes_and_a_glare():
    change = frontal("glasses=on") - frontal("")
    assert (change.min(axis=2) < -60).sum() > 50
    assert (change.max(axis=2) > 50).sum() > 20


@pytest.mark.usefixtures("still")
def test_a_clumsy_person_is_slow_turns_little_looks_away_once_and_sometimes_the_wrong_way():
    wrong, away = 0, 0
    for seed in range(12):
        url = f"sim:person=9?seed={seed}&fps=10&width=160&height=120&manner=clumsy"
        seen = poses(url, CameraEvent(2.0, "prompt", "turn_left"), 6)
        assert 18 <= seen[-1][1].yaw <= 22
        answer = [pose.yaw for time_s, pose in seen if time_s >= 2.9]
        wrong += min(answer) < -10
        unasked = poses(url, CameraEvent(9, "prompt", ""), 6)
        away += max(abs(pose.yaw) for time_s, pose in unasked if time_s > 1.5) > 13
    assert 0 < wrong < 12
    assert away == 12


@pytest.mark.parametrize(("name", "display"), DISPLAYS.items())
def test_a_display_is_as_large_as_its_diagonal_says_and_shows_the_face_in_front(name: str, display: Display):
    inches = float(np.hypot(display.wide_m, display.tall_m)) / 0.0254
    assert inches == pytest.approx(float(name.rpartition("-")[2]), abs=0.1)
    assert (display.wide_m > display.tall_m) == name.startswith("laptop")
    frames = play(open_scene(f"sim:nobody=0.2,screen=4?fps=5&seed=1&display={name}"))
    assert occupied(frames[12], room(frames)) > 0.05


@pytest.mark.parametrize("act", ["print", "screen", "replay", "stranger"])
def test_every_actor_comes_and_goes(act: str):
    frames = play(open_scene(f"sim:nobody=0.2,{act}=3?fps=5&width=320&height=240"))
    empty = room(frames)
    assert max(occupied(frame, empty) for frame in frames) > 0.05
    assert occupied(frames[-1], empty) < 0.01


def test_a_replay_shows_another_frame_of_the_clip_each_time():
    clip = [np.full((60, 40, 3), value, np.uint8) for value in (20, 120)]
    screen = player(clip, 10, DISPLAYS["tablet-11"])
    assert screen._content(0.0).mean() < screen._content(0.1).copy().mean()


def test_a_replay_needs_a_clip():
    with pytest.raises(ValueError, match="no frames"):
        player([], 10, DISPLAYS["tablet-11"])


def test_a_print_is_paler_than_the_portrait_it_was_made_from():
    printed = print_of(astronaut(), np.random.default_rng(1))
    assert printed._surface.min() >= 10


@pytest.mark.parametrize("face", ["/nowhere/face.png", __file__])
def test_a_portrait_that_cannot_be_used_is_named(face: str):
    with pytest.raises(CameraError, match=face.rpartition("/")[2]):
        open_scene(f"sim:person=1?face={face}")
