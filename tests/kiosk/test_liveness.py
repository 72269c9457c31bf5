"""The whole challenge, closed over the simulated camera: a living person passes, what is flat or late does not."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.liveness import Liveness, LivenessSettings
from kiosk.pad.answers import AnswerSettings
from kiosk.pad.depth import DepthSettings
from kiosk.pad.light import LightSettings
from kiosk.pad.prompts import TURNS
from kiosk.pad.turns import IN_LIGHT, RELIEF
from kiosk.values import CameraEvent, LivenessVerdict, Prompt

pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")

LIT = LivenessSettings(light=LightSettings())
Embed = Callable[[float], np.ndarray | None]


def one_identity(time_s: float) -> np.ndarray | None:
    return np.zeros(128, np.float32)


def present(
    url: str,
    embed: Embed = one_identity,
    settings: LivenessSettings | None = None,
    seed: int = 1,
    lamp: bool = False,
    returns: bool = True,
) -> tuple[LivenessVerdict | None, list[Prompt]]:
    """Let the scene of `url` come before a kiosk; the verdict on the last track, None when it left without one.
    `returns`: the person looks ahead again after each prompt."""
    camera, tracker = open_camera(url), FaceTracker()
    liveness: Liveness | None = None
    track, shown = -1, ""
    prompts: list[Prompt] = []
    while (frame := camera.read()) is not None:
        scene = tracker.update(frame)
        if scene.served is not None and scene.served.track != track:
            track = scene.served.track
            liveness = Liveness(settings or LivenessSettings(), random.Random(seed), frame.time_s)
        if liveness is None:
            continue
        liveness.update(frame, scene.served, scene.others)
        if scene.served is not None and liveness.wants_shot(scene.served):
            vector = embed(frame.time_s)
            if vector is not None:
                liveness.add_embedding(frame.time_s, vector)
        if (liveness.prompt or "") != shown:
            shown = liveness.prompt or ""
            prompts += [liveness.prompt] if liveness.prompt else []
            if shown or returns:
                camera.tell(CameraEvent(frame.time_s, "prompt", shown))
        assert liveness.light is None or liveness.base is not None, "the code is for whom the shots are of"
        if lamp and liveness.light is not None:
            camera.tell(CameraEvent(frame.time_s, "light", f"{liveness.light:.2f}"))
        if liveness.verdict is not None:
            break
    camera.close()
    tracker.close()
    return (None if liveness is None else liveness.verdict), prompts


def verdict(url: str, **how: object) -> LivenessVerdict:
    found, _ = present(url, **how)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(("seed", "fps"), [(4, 30), (6, 12)])
def test_a_living_person_who_answers_is_live(seed: int, fps: int) -> None:
    found, prompts = present(f"sim:person=14?seed={seed}&fps={fps}", seed=seed)
    assert found is not None
    assert found.state == "live", [str(reason) for reason in found.reasons]
    assert found.prompts == tuple(prompts)
    assert {"turn_left", "turn_right"} & set(prompts)
    assert all(r.value is not None and r.threshold is not None for r in found.reasons)


@pytest.mark.parametrize("seed", [3])
@pytest.mark.parametrize("instrument", ["print", "screen"])
def test_what_is_flat_is_not_live(instrument: str, seed: int) -> None:
    found = verdict(f"sim:{instrument}=16?seed={seed}&fps=15", seed=seed)
    assert found.state in ("attack", "undetermined")
    assert found.reasons


def test_a_film_of_somebody_who_turns_at_its_own_time_is_not_live() -> None:
    assert verdict("sim:replay=18?seed=2&fps=15", seed=2).state in ("attack", "undetermined")


def test_paper_over_another_persons_face_is_not_live_for_it_cannot_blink() -> None:
    turns_only = LivenessSettings(
        pool=TURNS,
        prompts=1,
        answers=AnswerSettings(turn=10.0),
        depth=DepthSettings(mesh=0.0, flow=0.0, nose=-1.0, clear_nose=-1.0, paper=-1.0),
    )
    found = verdict("sim:mask=18?seed=1&fps=15", settings=turns_only, seed=1)
    assert found.state == "undetermined"
    assert [reason.name for reason in found.reasons] == ["no answer to blink"] * 2
    assert found.prompts[1:] == ("blink", "blink"), "nothing that paper can answer takes its place"


def test_with_a_lamp_the_face_must_answer_its_light() -> None:
    settings = LivenessSettings(light=LightSettings())
    assert verdict("sim:person=14?seed=4&fps=15", settings=settings, seed=4, lamp=True).state == "live"
    dark = verdict("sim:person=14?seed=4&fps=15", settings=settings, seed=4)
    assert dark.state == "undetermined"
    assert "light" in dark.reasons[0].name


def test_beside_the_light_one_turn_is_enough_unless_the_relief_leaves_doubt() -> None:
    settings = LivenessSettings(light=LightSettings())
    usual = verdict("sim:person=14?seed=4&fps=15", settings=settings, seed=4, lamp=True)
    assert len(usual.prompts) == 1
    doubting = replace(settings, depth=DepthSettings(clear_relief=9.0))
    doubted = verdict("sim:person=20?seed=4&fps=15", settings=doubting, seed=4, lamp=True)
    assert doubted.state == "live"
    assert set(doubted.prompts[:2]) == set(TURNS)


def test_paper_is_told_by_the_light_where_nothing_else_would_tell_it() -> None:
    lenient = LivenessSettings(
        light=LightSettings(),
        blink=False,
        answers=AnswerSettings(turn=10.0),
        depth=DepthSettings(mesh=0.0, flow=0.0, flat=0.0, paper=-1.0),
        apart_turned=2.0,
    )
    for instrument in ("mask", "cutout"):
        found = verdict(f"sim:{instrument}=24?seed=1&fps=15", settings=lenient, seed=1, lamp=True)
        assert (found.state, found.species) == ("attack", "print")
        assert [reason.name for reason in found.reasons] == [RELIEF]


def test_a_display_that_copies_the_lamp_at_once_shines_alike_all_over() -> None:
    found = verdict("sim:relay=24?seed=1&fps=15&display=tablet-10.2", settings=LIT, seed=1, lamp=True)
    assert (found.state, found.species) == ("attack", "screen")
    assert [reason.name for reason in found.reasons] == [IN_LIGHT]


def test_who_does_not_answer_is_undetermined_with_the_deadline() -> None:
    found = verdict("sim:person=16?seed=5&fps=15&prompts=off")
    assert found.state == "undetermined"
    assert "no answer to" in str(found.reasons[0])
    assert found.reasons[0].threshold == LivenessSettings().answers.latest_s


@pytest.mark.parametrize("prompts", [LIT.pool, LIT.pool[:3]])
def test_beside_the_light_a_prompt_more_may_stay_unanswered_unless_there_are_few(prompts: tuple[Prompt, ...]) -> None:
    settings = replace(LIT, pool=prompts)
    found = verdict("sim:person=24?seed=5&fps=15&prompts=off", settings=settings, lamp=True)
    assert found.state == "undetermined"
    assert len(found.prompts) == 1 + settings.retries + (prompts == LIT.pool)
    assert replace(settings, light=None).misses == 0


def test_a_wrong_answer_is_no_miss() -> None:
    settings = replace(LIT, answers=AnswerSettings(earliest_s=3.0))
    found = verdict("sim:person=20?seed=4&fps=15", settings=settings, seed=4, lamp=True)
    assert found.state == "attack"
    assert len(found.reasons) == 1 + settings.retries


def test_who_rests_in_another_pose_after_the_last_prompt_is_measured_there() -> None:
    url = "sim:person=14?seed=4&fps=15&manner=clumsy"
    assert verdict(url, settings=LIT, seed=4, lamp=True, returns=False).state == "live"


@pytest.mark.parametrize(("strange", "state"), [({2}, "live"), ({2, 4}, "attack")])
def test_a_turned_look_that_leaves_doubt_is_asked_for_from_the_other_side(strange: set[int], state: str) -> None:
    times: list[float] = []

    def doubtful(time_s: float) -> np.ndarray:
        times.append(time_s)
        return np.full(128, 0.55 / 128**0.5 if len(times) in strange else 0.0, np.float32)

    found = verdict("sim:person=14?seed=4&fps=15", embed=doubtful, settings=LIT, seed=4, lamp=True)
    assert found.state == state
    assert set(found.prompts) >= set(TURNS)


def test_another_face_after_the_first_look_is_an_attack() -> None:
    times: list[float] = []

    def swapped(time_s: float) -> np.ndarray:
        times.append(time_s)
        return np.full(128, 0.0 if len(times) == 1 else 0.06, np.float32)

    found = verdict("sim:person=14?seed=4&fps=15", embed=swapped)
    assert (found.state, found.species) == ("attack", "swap")
    assert found.reasons[0].value > found.reasons[0].threshold


def test_without_embeddings_nobody_is_live() -> None:
    found = verdict("sim:person=20?seed=4&fps=15", embed=lambda time_s: None)
    assert found.state == "undetermined"
    assert "was not measured" in str(found.reasons[0])


def test_a_lost_embedding_is_asked_for_again() -> None:
    times: list[float] = []

    def all_but_one(time_s: float) -> np.ndarray | None:
        times.append(time_s)
        return None if len(times) == 3 else np.zeros(128, np.float32)

    found = verdict("sim:person=20?seed=4&fps=15", embed=all_but_one)
    assert found.state == "live"
    assert len(times) > 3


def test_identity_is_read_only_from_a_straight_look_at_rest() -> None:
    camera, tracker = open_camera("sim:person=6?seed=0&fps=15"), FaceTracker()
    liveness = Liveness(LivenessSettings(), random.Random(1), 0.0)
    assert not liveness.looks_ahead
    yaws = []
    while (frame := camera.read()) is not None and len(yaws) < 5:
        face = tracker.update(frame).served
        liveness.update(frame, face, 0)
        if face is not None and liveness.looks_ahead:
            yaws.append(face.yaw)
    tracker.close()
    assert len(yaws) == 5
    assert max(yaws) - min(yaws) < 10


def test_prompts_cannot_be_foreseen() -> None:
    plans = {tuple(Liveness(LivenessSettings(), random.Random(seed), 0.0)._plan) for seed in range(200)}
    assert len(plans) > 12
    assert all(set(plan) & {"turn_left", "turn_right"} and len(set(plan)) == len(plan) for plan in plans)
