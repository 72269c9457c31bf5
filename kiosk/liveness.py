"""Liveness by challenge and response: unforeseen prompts, answered in time, by something deep, by one person.

Fail-closed: `live` needs every prompt answered, depth measured in a turn, a blink, one identity before, during and
after, and where there is a lamp its light code read back from the face. What is positively flat or somebody else is an
`attack`; everything else is `undetermined`.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kiosk.pad.answers import Answer, AnswerSettings, Measure, straight
from kiosk.pad.approach import Approach
from kiosk.pad.blinks import Blink
from kiosk.pad.cues import PassiveSettings
from kiosk.pad.depth import Depth, DepthSettings
from kiosk.pad.light import LightAnswer, LightCode, LightSettings
from kiosk.pad.passive import Passive
from kiosk.pad.prompts import POOL, TURNS, plans, replacements
from kiosk.pad.shading import Relief
from kiosk.pad.turns import IN_LIGHT, Turns, lacking
from kiosk.values import Face, Frame, LivenessVerdict, Prompt, Reason

# Poses that speak against a shot, but not against measuring where the person is.
_BEARABLE = {"eyes_closed", "blurred", "uneven_light"}


@dataclass(frozen=True, slots=True)
class LivenessSettings:
    """Times in seconds, angles in degrees, `apart` in the embedder's Euclidean distance.

    `calm`: degrees, and `stands`, outer-eye distances across the picture, by which a head at rest may move within
    `settle_s`: of somebody who is still walking the mesh lags behind, and shots are of no use (.6 from the next).

    `apart`: any two straight looks of one visit; `apart_turned`: a turned one and the nearest straight one.
    Different people are .51 and more apart (583 photos of 53 people, dlib), the same face turned by 20° about .3, but
    to one side now and then .6: up to `doubted_turned` a turn to the other side is asked for, and the mean of the
    turned ones decides.
    `prompts`: asked of everybody where no lamp is lit; `prompts_lit`: beside its light code, in an ordinary morning.
    `blink`: whether a blink must be seen, asked for where none comes by itself; not in an ordinary morning, in which
    the one turn leaves no doubt. `light`: None where no lamp is lit.
    `retries`: failed prompts that are replaced; `misses_lit`: how many more where the light code is played and every
    prompt may be drawn, of those to which nothing wrong was answered: none, too late, or too small a turn.
    `without_light`: passive cues that make it undetermined there, though they only log elsewhere: nothing else tells a
    display that is steered live from a person.
    """

    prompts: int = 2
    prompts_lit: int = 1
    retries: int = 1
    misses_lit: int = 1
    settle_s: float = 0.2
    settle_frames: int = 3
    calm: float = 5.0
    stands: float = 0.3
    settle_within_s: float = 8.0
    pause_s: tuple[float, float] = (0.05, 0.35)
    back_within: float = 8.0
    back_within_s: float = 4.0
    rest_s: float = 1.2
    hold_s: float = 0.2
    gap_s: float = 0.35
    embed_within_s: float = 4.0
    ask_again_s: float = 1.2
    apart: float = 0.45
    apart_turned: float = 0.42
    doubted_turned: float = 0.65
    during: tuple[float, float] = (9.0, 26.0)
    pool: tuple[Prompt, ...] = POOL
    blink: bool = True
    light: LightSettings | None = None
    without_light: tuple[str, ...] = ("moire", "bezel")
    passive: PassiveSettings = field(default_factory=PassiveSettings)
    answers: AnswerSettings = field(default_factory=AnswerSettings)
    depth: DepthSettings = field(default_factory=DepthSettings)

    @property
    def asked(self) -> int:
        """Prompts that everybody is asked."""
        return self.prompts if self.light is None else self.prompts_lit

    @property
    def misses(self) -> int:
        """Failures without a wrong answer that are replaced beside `retries`: with fewer prompts to draw from, or
        without a code, they would make guessing too easy."""
        return self.misses_lit if self.light is not None and set(POOL) <= set(self.pool) else 0


Phase = Literal["settle", "pause", "prompt", "hold", "after", "done"]


class Liveness:
    """One per track. `prompt`: what to show now. `verdict`: set once it is decided.

    `held`: nothing is asked while it is set, as before it is known whose tries are at stake.
    """

    def __init__(self, settings: LivenessSettings, rng: random.Random, start_s: float) -> None:
        self.prompt: Prompt | None = None
        self.verdict: LivenessVerdict | None = None
        self.held = False
        self._settings = settings
        self._rng = rng
        self._phase: Phase = "settle"
        self._since_s = start_s
        self._pause_s = 0.0
        self._plan: list[Prompt] = list(rng.choice(plans(settings.pool, settings.asked)))
        self._asked: list[Prompt] = []
        self._passed: list[Prompt] = []
        self._failures: list[Reason] = []
        self._missed = 0
        self._turns = Turns(settings.depth, settings.light is not None)
        self._measured: list[Reason] = []
        self._recent: deque[Measure] = deque()
        self._straight_frames = 0
        self._answer: Answer | None = None
        self._depth: Depth | None = None
        self._approach: Approach | None = None
        self._seen_s: float | None = None
        self._blinked = False
        self._blink: Blink | None = None
        self._blink_seen = not settings.blink
        self._light: LightCode | None = None
        self._passive = Passive(settings.passive)
        self._wanted: dict[str, float] = {}
        self._turned_of: dict[float, float] = {}
        self.base: Measure | None = None
        """The person's own straight look, once it was seen."""
        self._asked_s = np.inf
        self._identities: list[tuple[float, float, NDArray[np.float32]]] = []
        self._turned_again = False

    def update(self, frame: Frame, face: Face | None, others: int) -> None:
        """Take a frame in: the track's face, or None while it is not seen; `others`: further faces, which may
        stand by but never answer."""
        if self.verdict is not None:
            return
        now_s = frame.time_s
        if face is None:
            self._blink = None
            self._unseen(now_s)
            return
        self._seen_s = now_s
        measure = Measure.of(now_s, face)
        if self._light is not None:
            self._light.update(frame, face, measure)
        self._watch_lids(measure)
        if self._phase in ("settle", "pause") and not face.quality:
            self._passive.update(frame.image, face, now_s)
        self._turned_of[now_s] = abs(measure.yaw - (0.0 if self.base is None else self.base.yaw))
        if self._phase == "settle":
            self._settle(face, measure)
        elif self._phase == "pause":
            self._wait_straight(frame, face, measure)
        elif self._phase in ("prompt", "hold"):
            self._watch(frame, face, measure)
        elif self._phase == "after":
            self._conclude(face, measure)

    def ask_more(self, prompts: int) -> None:
        """Ask `prompts` more than the settings say, as after failed tries; before anything was asked."""
        if not self._asked:
            count = min(self._settings.asked + prompts, len(self._settings.pool))
            self._plan = list(self._rng.choice(plans(self._settings.pool, count)))

    def ask_only(self, pool: tuple[Prompt, ...]) -> None:
        """Draw from `pool` alone, which has a turn in it; without a blink in it none must be seen. Before anything was
        asked."""
        if not self._asked:
            self._settings = replace(self._settings, pool=pool, blink="blink" in pool)
            self._blink_seen = self._blink_seen or not self._settings.blink
            self._plan = list(self._rng.choice(plans(pool, self._settings.asked)))
            self._lengthen_code()

    def _lengthen_code(self) -> None:
        """With one turn in the pool nobody need guess which."""
        light = self._settings.light
        if self._light is not None and light is not None and len(set(self._settings.pool) & set(TURNS)) < len(TURNS):
            self._light.looks = light.long_looks

    @property
    def light(self) -> float | None:
        """How bright the lamp is to be now, 0 to 1; None while no code plays."""
        return None if self._light is None or self.verdict is not None else self._light.level

    @property
    def looks_ahead(self) -> bool:
        """Whether the last frame showed the person's own straight look, at rest: what identity is read from.

        Somebody walking in turns fast and is seen from the side: a shot of that can be .7 from the next.
        """
        if self.base is None or self._seen_s is None:
            return False
        return self._turned_of[self._seen_s] <= self._settings.back_within

    def wants_shot(self, face: Face) -> bool:
        """Whether this frame's face should be embedded for the continuity of identity; asked again only when no
        embedding came."""
        need = self._need(face)
        if need is None or self._seen_s is None:
            return False
        if self._seen_s - self._wanted.get(need, -np.inf) < self._settings.ask_again_s:
            return False
        self._wanted[need] = self._seen_s
        return True

    def add_embedding(self, time_s: float, vector: NDArray[np.float32]) -> None:
        """The embedding of the frame of `time_s`."""
        turned = self._turned_of.get(time_s, 0.0)
        self._identities.append((time_s, turned, np.asarray(vector, np.float32)))

    # -- phases ------------------------------------------------------------------------------------------------

    def _settle(self, face: Face, measure: Measure) -> None:
        """Wait for a calm straight look: the measure of everything after."""
        against = [reason for reason in face.quality if reason.name not in _BEARABLE]
        waited_s, limit = measure.time_s - self._since_s, self._settings.settle_within_s
        if waited_s > limit:
            self._end("undetermined", against[:1] or [Reason("did not hold still", waited_s, limit, " s")])
            return
        if against:
            self._recent.clear()
            return
        self._recent.append(measure)
        if self._is_calm():
            self._take_base(measure.time_s)
            self._begin_pause(measure.time_s)

    def _take_base(self, now_s: float) -> None:
        """From here on it is known who looks ahead, and shots are taken: so the light code begins here, and anew where
        the look ahead is another one. Whoever answered it before may be somebody else."""
        self.base = straight(self._recent)
        if self._settings.light is not None and not self._asked:
            self._light = LightCode(self._settings.light, self._rng, now_s)
            self._lengthen_code()

    def _is_calm(self) -> bool:
        """Whether the last frames show a head at rest: somebody who walks in turns and tilts all the while."""
        latest = self._recent[-1].time_s
        while latest - self._recent[0].time_s > 2 * self._settings.settle_s and len(self._recent) > 2:
            self._recent.popleft()
        long_enough = latest - self._recent[0].time_s >= self._settings.settle_s
        if len(self._recent) < self._settings.settle_frames or not long_enough:
            return False
        turns, nods, places = zip(*((m.yaw, m.pitch, m.x) for m in self._recent), strict=True)
        moved = max(max(turns) - min(turns), max(nods) - min(nods))
        walked = (max(places) - min(places)) / self._recent[-1].size
        return moved <= self._settings.calm and walked <= self._settings.stands

    def _begin_pause(self, now_s: float) -> None:
        self.prompt = None
        self._phase, self._since_s = "pause", now_s
        self._pause_s = self._rng.uniform(*self._settings.pause_s)
        self._recent.clear()
        self._straight_frames = 0

    def _wait_straight(self, frame: Frame, face: Face, measure: Measure) -> None:
        """Between prompts: until the person looks ahead again, and a moment that cannot be foreseen."""
        waited_s = measure.time_s - self._since_s
        if not self._is_straight(measure):
            if self._unasked(measure):
                return
            self._recent.append(measure)
            if not self._rests_anew(face, measure.time_s) and waited_s > self._settings.back_within_s:
                limit = self._settings.back_within_s
                late = Reason("did not look ahead again", waited_s, limit, " s")
                self._end("undetermined", [*self._failures, late])
            return
        self._recent.append(measure)
        self._straight_frames += 1
        if self.held and waited_s > self._settings.settle_within_s:
            limit = self._settings.settle_within_s
            self._end("undetermined", [Reason("who this is was not told", waited_s, limit, " s")])
        elif self._straight_frames >= 2 and waited_s >= self._pause_s and not self.held:
            self._ask(frame, face, measure)

    def _rests_anew(self, face: Face, now_s: float) -> bool:
        """Who rests in another pose than at first looks ahead there: the measure is taken anew."""
        waited = not self._asked or now_s - self._since_s > self._settings.rest_s
        rests = self._is_calm() and not {reason.name for reason in face.quality} - _BEARABLE
        if rests and waited:
            self._take_base(now_s)
        return rests and waited

    def _unasked(self, measure: Measure) -> bool:
        """A turn that nobody asked for, by somebody who looked ahead: films do that. Counts as a failure."""
        assert self.base is not None
        turned, limit = abs(measure.yaw - self.base.yaw), self._settings.answers.turn
        if not self._asked or self._straight_frames < 2 or turned < limit:
            return False
        self._straight_frames = 0
        self._fail(measure.time_s, Reason("turned unasked", turned, limit, "°"), wary=True)
        return True

    def _ask(self, frame: Frame, face: Face, measure: Measure) -> None:
        assert self.base is not None
        prompt = self._plan[0]
        latest = straight(list(self._recent)[-3:])
        # Size is of this moment: after coming closer, people stay closer. The look ahead and the open eyes are not:
        # a slow drift of them would move the goal.
        base = Measure(measure.time_s, self.base.yaw, self.base.pitch, latest.size, self.base.eyes)
        self.prompt = prompt
        self._asked.append(prompt)
        self._asked_s = min(self._asked_s, measure.time_s)
        self._answer = Answer(prompt, base, measure.time_s, self._settings.answers)
        self._depth = Depth(frame, face, face.landmarks, self._settings.depth)
        self._approach = Approach(frame, face) if prompt == "come_closer" else None
        self._phase, self._since_s = "prompt", measure.time_s

    def _watch(self, frame: Frame, face: Face, measure: Measure) -> None:
        assert self._answer is not None
        assert self._depth is not None
        answer, depth = self._answer, self._depth
        turns = answer.prompt in TURNS
        self._blinked |= measure.eyes < self._settings.answers.blink_share * answer.base.eyes
        depth.update(frame, face, turns and answer.turned(measure) >= self._settings.answers.turn)
        evidence = depth.flat or depth.carried
        if evidence is not None:
            # A hand-held camera moves the surroundings of the living too: without a rim or flatness, no proof.
            proven = depth.flat is not None or depth.dark_frame
            # A print cannot close its eyes, nor does its mesh turn.
            species = "screen" if self._blinked or self._turns.any_deep or depth.dark_frame else "print"
            self._end("attack" if proven else "undetermined", [evidence, *self._failures], species if proven else "")
            return
        if depth.cut is not None:
            self._fail(measure.time_s, depth.cut)
        elif self._phase == "hold":
            if self._approach is not None:
                self._approach.update(frame, face)
            if measure.time_s - self._since_s >= self._settings.hold_s:
                self._accept(measure.time_s)
        else:
            progress = answer.update(measure)
            if progress == "failed":
                assert answer.reason is not None
                self._fail(measure.time_s, answer.reason, wary=answer.wrong, missed=not answer.wrong)
            elif progress == "answered" and (turns or self._approach is not None):
                self._phase, self._since_s = "hold", measure.time_s
            elif progress == "answered":
                self._accept(measure.time_s)

    def _accept(self, now_s: float) -> None:
        """A prompt was answered; a turn, and coming closer, count only with their depth measured."""
        assert self._answer is not None
        assert self._depth is not None
        prompt = self._answer.prompt
        doubt = self._turns.add(prompt, self._depth) if prompt in TURNS else None
        if self._approach is not None:
            doubt = self._turns.approached(self._approach.perspective)
        if doubt is not None:
            if doubt.flat:
                self._end("attack", [doubt.reason], "screen")
            else:
                self._fail(now_s, doubt.reason, wary=doubt.wary, missed=doubt.missed)
            return
        self._blink_seen |= prompt == "blink"
        self._passed.append(prompt)
        self._plan.pop(0)
        self._next(now_s)

    def _fail(self, now_s: float, reason: Reason, wary: bool = False, missed: bool = False) -> None:
        """One failed prompt is replaced by a fresh one, as long as retries last. `wary`: something answered, but
        wrongly: one prompt more is to be passed. `missed`: nothing wrong was answered, but too little or nothing."""
        self._failures.append(reason)
        self._missed += missed and self._missed < self._settings.misses
        if len(self._failures) - self._missed > self._settings.retries:
            early = all("too early" in failure.name or "unasked" in failure.name for failure in self._failures)
            cut = all("lost in one frame" in failure.name for failure in self._failures)
            bent = all("bent like paper" in failure.name for failure in self._failures)
            species = "replay" if early else "swap" if cut else "print" if bent else ""
            self._end("attack" if species else "undetermined", self._failures, species)
            return
        failed = self._plan.pop(0) if self.prompt is not None else None
        for _ in range((failed is not None) + wary):
            turned = bool(set(TURNS) & set(self._passed))
            fresh = replacements(self._settings.pool, failed, self._plan, turned)
            self._plan.insert(0, self._rng.choice(fresh))
        self._next(now_s)

    def _next(self, now_s: float) -> None:
        self._answer = self._depth = None
        self._straight_frames = 0
        if not self._plan and not self._turns.suffice:
            self._plan.append(self._rng.choice([turn for turn in self._settings.pool if turn in TURNS]))
        ordinary = self._light is not None and len(self._asked) == 1
        if not self._plan and not self._blink_seen and not ordinary:
            self._plan.append("blink")
        if self._plan:
            self._begin_pause(now_s)
        else:
            self.prompt = None
            self._phase, self._since_s = "after", now_s
            self._wanted.pop("after", None)

    def _conclude(self, face: Face, measure: Measure) -> None:
        """Wait for the last look ahead and its embedding, then compare the identities."""
        self._recent.append(measure)
        if self._is_straight(measure):
            self._straight_frames += 1
        elif self._unasked(measure):
            return
        else:
            self._rests_anew(face, measure.time_s)
        missing = self._unmeasured()
        if missing:
            if measure.time_s - self._since_s > self._settings.embed_within_s:
                self._end("undetermined", [Reason(f"identity {missing[0]} the prompts was not measured")])
            return
        lit = None if self._light is None else self._light.answer()
        if self._light is not None and lit is None:
            return
        shading = None
        if self._light is not None and self.base is not None and lit is not None and lit.state == "answered":
            shading = self._light.relief(self.base)
            if measure.time_s - self._since_s <= self._settings.embed_within_s and not self._turns.is_read(shading):
                return  # until the look ahead was lit for long enough
        self._measured += [] if lit is None else lit.measured
        if lit is not None and lit.state in ("late", "shared"):
            self._end("attack", list(lit.reasons), "screen" if lit.state == "late" else "print")
        else:
            self._judge_identity(lit, shading, measure.time_s)

    def _judge_identity(self, lit: LightAnswer | None, shading: Relief | None, now_s: float) -> None:
        frontal = [v for _, turned, v in self._identities if turned <= self._settings.back_within]
        turned = [v for _, angle, v in self._identities if angle > self._settings.back_within]
        looks = np.stack(frontal)
        # Every two straight looks, so that one of each of two people cannot meet in the middle.
        apart = float(np.linalg.norm(looks[:, np.newaxis] - looks, axis=2).max())
        limits = self._settings
        aside = [float(np.linalg.norm(looks - v, axis=1).min()) for v in turned]
        # After a doubt the mean of both sides decides.
        in_turn = Reason("identity in the turn", mean(aside) if self._turned_again else max(aside), limits.apart_turned)
        measured = [Reason("identity before and after", apart, limits.apart), in_turn]
        other = [turn for turn in limits.pool if turn in TURNS and turn != self._last_turn() and not self._turned_again]
        answered = lit is not None and lit.state == "answered"
        reliefs = self._turns.relief(shading, last=not other)
        flat = lacking(reliefs) if answered else []
        doubted = bool(flat) or (not self._turned_again and limits.apart_turned < max(aside) <= limits.doubted_turned)
        self._measured += [*measured, *reliefs] if answered else measured
        if apart <= limits.apart and doubted and other:
            self._turned_again = True
            self._plan += other
            self._begin_pause(now_s)
            return
        if any((reason.value or 0.0) > (reason.threshold or 0.0) for reason in measured):
            self._end("attack", [r for r in measured if (r.value or 0.0) > (r.threshold or 0.0)], "swap")
            return
        if lit is not None:
            if lit.state != "answered":
                self._end("undetermined", list(lit.reasons))
                return
            if flat:
                species = "" if flat[0].value is None else "screen" if flat[0].name == IN_LIGHT else "print"
                self._end("attack" if species else "undetermined", flat[:1], species)
                return
            measured += [*lit.reasons, *reliefs]
        denied = self._passive.denied()
        if denied:
            self._end("attack", list(denied), "screen" if denied[0].name == "moire" else "")
            return
        unproven = () if lit is not None else self._passive.denied(limits.without_light)
        if unproven:
            self._end("undetermined", list(unproven))
            return
        self._end("live", [*measured, *self._turns.least_deep()])

    # -- helpers -----------------------------------------------------------------------------------------------

    def _watch_lids(self, measure: Measure) -> None:
        """A blink by itself counts too, seen from the front: the far eye of a turned mesh is a guess."""
        if self._blink_seen or self.base is None or not self._is_straight(measure):
            self._blink = None
            return
        if self._blink is None:
            limits = self._settings.answers
            self._blink = Blink(
                self.base.eyes,
                measure.time_s,
                limits.blink_share,
                limits.unasked_blink_s,
                limits.unasked_frames,
                limits.unasked_step_s,
            )
        self._blink_seen = self._blink.update(measure.time_s, measure.eyes)

    def _last_turn(self) -> Prompt:
        return [prompt for prompt in self._asked if prompt in TURNS][-1]

    def _is_straight(self, measure: Measure) -> bool:
        assert self.base is not None
        near = self._settings.back_within
        return abs(measure.yaw - self.base.yaw) <= near and abs(measure.pitch - self.base.pitch) <= near

    def _unseen(self, now_s: float) -> None:
        """The face is away. In the middle of a prompt that is a failure; for long, the end."""
        away_s = now_s - (self._seen_s if self._seen_s is not None else self._since_s)
        limit = self._settings.gap_s
        if self._phase in ("prompt", "hold") and away_s > limit:
            self._seen_s = now_s
            self._fail(now_s, Reason("face lost during a prompt", away_s, limit, " s"))
        elif away_s > self._settings.settle_within_s:
            self._end(
                "undetermined", [*self._failures, Reason("no face", away_s, self._settings.settle_within_s, " s")]
            )

    def _unmeasured(self) -> list[str]:
        """Of before, during and after the prompts: where no embedding has come from yet."""
        near = self._settings.back_within
        straight_s = [time_s for time_s, turned, _ in self._identities if turned <= near]
        measured = {
            "before": any(time_s < self._asked_s for time_s in straight_s),
            "during": any(turned > near and time_s >= self._asked_s for time_s, turned, _ in self._identities),
            "after": any(time_s >= self._since_s for time_s in straight_s),
        }
        return [need for need, there in measured.items() if not there]

    def _need(self, face: Face) -> str | None:
        """Which of before, during and after this frame would serve."""
        if self._seen_s is None or self.base is None or self.verdict is not None:
            return None
        turned = self._turned_of.get(self._seen_s, 0.0)
        if self._phase in ("prompt", "hold") and self._answer is not None and self._answer.prompt in TURNS:
            low, high = self._settings.during
            return "during" if low <= turned <= high else None
        if turned > self._settings.back_within or face.quality:
            return None
        if self._phase == "pause" and not self._asked and "before" in self._unmeasured():
            return "before"
        return "after" if self._phase == "after" else None

    def _end(self, state: Literal["live", "attack", "undetermined"], reasons: list[Reason], species: str = "") -> None:
        self.prompt = None
        self._phase = "done"
        noted = {reason.name: reason for reason in (*self._passive.noted, *self._turns.measured, *self._measured)}
        for reason in reasons:
            noted.pop(reason.name, None)
        self.verdict = LivenessVerdict(state, tuple(reasons), species, tuple(self._asked), tuple(noted.values()))
