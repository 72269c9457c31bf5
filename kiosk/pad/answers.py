"""Whether a person does what a prompt asks: in time, in the right direction, at a human speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from kiosk.capture import geometry
from kiosk.pad.blinks import Blink
from kiosk.pad.prompts import TURNS
from kiosk.values import Face, Prompt, Reason

Progress = Literal["waiting", "answered", "failed"]


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Bounds of an answer. Angles in degrees from the person's own straight look, times in seconds.

    `earliest_s`: faster than a person reacts to a picture (simple visual reaction is .2 s and more; the
    movement comes on top). `growth`: of the outer-eye distance. `blink_share`: of the person's own eye opening,
    below which eyes are shut; `blink_s`: how long they may be so (Kwon et al. 2013; asked for, longer).
    `unasked_blink_s`: the same for a blink that nobody asked for, which must show in `unasked_frames` frames at least,
    none farther apart than `unasked_step_s`: the mesh may slip for one frame.
    `stray_turn`, `stray_growth`: a movement beside the one asked for. They keep the answers apart, so that no single
    movement of a film answers two kinds of prompt.
    """

    turn: float = 16.0
    wrong_turn: float = 14.0
    look_up: float = 9.0
    wrong_pitch: float = 12.0
    stray_turn: float = 15.0
    stray_growth: float = 1.2
    growth: float = 1.2
    shrink: float = 0.83
    blink_share: float = 0.55
    blink_s: tuple[float, float] = (0.06, 0.6)
    unasked_blink_s: tuple[float, float] = (0.06, 0.5)
    unasked_frames: int = 2
    unasked_step_s: float = 0.07
    earliest_s: float = 0.25
    latest_s: float = 3.2


@dataclass(frozen=True, slots=True)
class Measure:
    """What an answer is read from, of one frame. Degrees, pixels, eye aspect ratio of the more open eye; `x`: where the
    face's middle is across the picture, pixels."""

    time_s: float
    yaw: float
    pitch: float
    size: float
    eyes: float
    x: float = 0.0

    @classmethod
    def of(cls, time_s: float, face: Face) -> Measure:
        """The measures of a face."""
        size = geometry.outer_eye_distance(face.landmarks)
        eyes = max(geometry.eye_aspect_ratios(face.landmarks))
        return cls(time_s, face.yaw, face.pitch, size, eyes, face.box[0] + face.box[2] / 2)


def straight(measures: Sequence[Measure]) -> Measure:
    """The person's own straight look: medians, and the eyes as open as half of the frames have them."""
    return Measure(
        measures[-1].time_s,
        median(m.yaw for m in measures),
        median(m.pitch for m in measures),
        median(m.size for m in measures),
        median(m.eyes for m in measures),
    )


class Answer:
    """Watches one prompt from the moment it is shown."""

    def __init__(self, prompt: Prompt, base: Measure, shown_s: float, settings: AnswerSettings) -> None:
        self.prompt = prompt
        self.base = base
        self.shown_s = shown_s
        self.reason: Reason | None = None
        """Why it failed."""
        self.wrong = False
        """It failed by an answer that was given, not for want of one."""
        self.answered_s: float | None = None
        self._settings = settings
        self._blink = Blink(base.eyes, shown_s, settings.blink_share, settings.blink_s)

    def update(self, measure: Measure) -> Progress:
        """Take the next frame's measures in."""
        after_s = measure.time_s - self.shown_s
        wrong = self._wrong(measure)
        if wrong is not None:
            self.reason, self.wrong = wrong, True
            return "failed"
        # Everybody blinks now and then: one right after the prompt is no answer to it, and no wrong one.
        if self._done(measure) and not (self.prompt == "blink" and after_s < self._settings.earliest_s):
            self.answered_s = measure.time_s
            if after_s < self._settings.earliest_s:
                self.reason = Reason(f"{self.prompt} answered too early", after_s, self._settings.earliest_s, " s")
                self.wrong = True
                return "failed"
            return "answered"
        if after_s < self._settings.latest_s:
            return "waiting"
        self.reason = Reason(f"no answer to {self.prompt}", after_s, self._settings.latest_s, " s")
        return "failed"

    def turned(self, measure: Measure) -> float:
        """Degrees turned into the direction asked for, negative against it."""
        return (measure.yaw - self.base.yaw) * (1.0 if self.prompt == "turn_left" else -1.0)

    def _wrong(self, measure: Measure) -> Reason | None:
        limits = self._settings
        raised = measure.pitch - self.base.pitch
        if self.prompt in TURNS:
            if self.turned(measure) <= -limits.wrong_turn:
                return Reason(f"{self.prompt}: turned the other way", -self.turned(measure), limits.wrong_turn, "°")
            return None
        strayed = abs(measure.yaw - self.base.yaw)
        if strayed >= limits.stray_turn:
            return Reason(f"{self.prompt}: turned instead", strayed, limits.stray_turn, "°")
        grown = measure.size / self.base.size
        if self.prompt == "come_closer":
            if grown <= limits.shrink:
                return Reason("come_closer: went back", grown, limits.shrink)
            if raised >= limits.wrong_pitch:
                return Reason("come_closer: looked up instead", raised, limits.wrong_pitch, "°")
            return None
        if grown >= limits.stray_growth:
            return Reason(f"{self.prompt}: came closer instead", grown, limits.stray_growth)
        if self.prompt == "look_up" and raised <= -limits.wrong_pitch:
            return Reason("look_up: looked down", -raised, limits.wrong_pitch, "°")
        if self.prompt == "blink" and raised >= limits.look_up:
            return Reason("blink: looked up instead", raised, limits.look_up, "°")
        return None

    def _done(self, measure: Measure) -> bool:
        limits = self._settings
        if self.prompt in TURNS:
            return self.turned(measure) >= limits.turn
        if self.prompt == "look_up":
            return measure.pitch - self.base.pitch >= limits.look_up
        if self.prompt == "come_closer":
            return measure.size / self.base.size >= limits.growth
        return self._blink.update(measure.time_s, measure.eyes)
