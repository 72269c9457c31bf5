"""Answers to prompts: in time, in the right direction, at a human speed."""

import pytest

from kiosk.pad.answers import Answer, AnswerSettings, Measure, Progress
from kiosk.values import Prompt

BASE = Measure(10.0, 2.0, -3.0, 100.0, 0.28)


def watch(prompt: Prompt, moves: list[tuple[float, dict[str, float]]]) -> tuple[Progress, Answer]:
    """Play measures, given as seconds after the prompt and what differs from the straight look."""
    answer = Answer(prompt, BASE, 10.0, AnswerSettings())
    progress: Progress = "waiting"
    for after_s, changed in moves:
        values = {"yaw": BASE.yaw, "pitch": BASE.pitch, "size": BASE.size, "eyes": BASE.eyes} | changed
        progress = answer.update(Measure(10.0 + after_s, **values))
        if progress != "waiting":
            break
    return progress, answer


@pytest.mark.parametrize(
    ("prompt", "changed"),
    [
        ("turn_left", {"yaw": 22.0}),
        ("turn_right", {"yaw": -18.0}),
        ("look_up", {"pitch": 8.0}),
        ("come_closer", {"size": 126.0}),
    ],
)
def test_what_was_asked_is_an_answer(prompt: Prompt, changed: dict[str, float]) -> None:
    assert watch(prompt, [(0.5, {}), (0.9, changed)])[0] == "answered"


@pytest.mark.parametrize(
    ("prompt", "changed", "words"),
    [
        ("turn_left", {"yaw": -14.0}, "other way"),
        ("turn_right", {"yaw": 20.0}, "other way"),
        ("look_up", {"pitch": -18.0}, "looked down"),
        ("look_up", {"yaw": 30.0}, "turned instead"),
        ("blink", {"yaw": -25.0}, "turned instead"),
        ("come_closer", {"size": 80.0}, "went back"),
    ],
)
def test_a_wrong_answer_fails_at_once_with_its_reason(prompt: Prompt, changed: dict[str, float], words: str) -> None:
    progress, answer = watch(prompt, [(0.8, changed)])
    assert progress == "failed"
    assert answer.wrong
    assert words in str(answer.reason)


def test_an_answer_faster_than_people_react_fails() -> None:
    progress, answer = watch("turn_left", [(0.1, {"yaw": 25.0})])
    assert progress == "failed"
    assert answer.wrong
    assert "too early" in str(answer.reason)


@pytest.mark.parametrize("prompt", ["turn_left", "turn_right", "look_up", "blink", "come_closer"])
def test_no_answer_by_the_deadline_fails_but_is_not_wrong(prompt: Prompt) -> None:
    progress, answer = watch(prompt, [(t / 10, {}) for t in range(1, 40)])
    assert progress == "failed"
    assert not answer.wrong
    assert f"no answer to {prompt}" in str(answer.reason)


def blink(shut_from_s: float, shut_for_s: float, fps: float) -> list[tuple[float, dict[str, float]]]:
    times = [(i + 1) / fps for i in range(int(2.0 * fps))]
    return [(t, {"eyes": 0.06} if shut_from_s <= t < shut_from_s + shut_for_s else {}) for t in times]


@pytest.mark.parametrize("fps", [10.0, 15.0, 30.0])
@pytest.mark.parametrize("shut_for_s", [0.15, 0.25, 0.4])
def test_a_blink_of_human_length_is_an_answer_at_any_frame_rate(fps: float, shut_for_s: float) -> None:
    assert watch("blink", blink(0.6, shut_for_s, fps))[0] == "answered"


def test_a_blink_of_itself_right_after_the_prompt_is_neither_an_answer_nor_a_wrong_one() -> None:
    by_itself = blink(0.04, 0.1, 30.0)
    assert watch("blink", by_itself)[0] == "waiting"
    asked_for = [(t, changed) for t, changed in blink(0.7, 0.2, 30.0) if t > by_itself[12][0]]
    assert watch("blink", by_itself[:13] + asked_for)[0] == "answered"


def test_eyes_that_stay_shut_are_no_blink() -> None:
    assert watch("blink", blink(0.5, 1.2, 15.0))[0] == "waiting"


def test_a_single_dark_frame_at_full_rate_is_no_blink() -> None:
    assert watch("blink", blink(0.5, 0.02, 60.0))[0] == "waiting"
