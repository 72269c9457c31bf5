"""Those who come before the camera: living people, and people who hold up a print or a screen.

An actor is told of prompts and lamps as a person sees them, answers after a human delay, and draws itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator

from kiosk.values import CameraEvent
from simulation.body import Body
from simulation.head import Head, Pose, draw
from simulation.lamp import Lamp
from simulation.motion import Channel, Sway
from simulation.portrait import Picture

_STANDS_M = 0.68  # how far from the camera people stop
_ENTERS_S = 1.2
LEAVES_S = 1.0
"""From turning away to being out of the picture."""
_SEES_RESULT_S = (0.5, 1.2)
"""From the lamp's answer to turning away. A lamp and a beep are answered in .2 to .3 s where the answer is known
beforehand (simple reaction time); these people must recognise what the lamp says, and then begin to turn."""


class Actor(Protocol):
    """One act of a scene. Times are the scene's, seconds."""

    def tell(self, event: CameraEvent) -> None:
        """See a prompt or a lamp."""

    def gone_s(self, time_s: float) -> float:
        """When the actor will have left the picture; infinite while that is not settled at `time_s`."""

    def distance_m(self, time_s: float) -> float:
        """How far from the camera."""

    def draw(self, image: Picture, time_s: float, focal: float, lamp: Lamp) -> None:
        """Draw oneself into `image`, in place, as lit by `lamp`; `focal` in pixels."""


class Held(Protocol):
    """What a presenter holds up. `nearer`: the factor on the usual distance at which it is held."""

    nearer: float

    def draw(self, image: Picture, pose: Pose, age_s: float, focal: float, lamp: Lamp) -> None:
        """Draw it at `pose`, `age_s` seconds after it was brought, as lit by `lamp`."""


@dataclass(frozen=True)
class Manner:
    """How somebody answers: seconds until a movement begins, degrees of a turn, the chance to turn the wrong way first
    and to correct it, and whether the eyes are off the camera once."""

    reacts_s: tuple[float, float] = (0.35, 0.9)
    turns_deg: tuple[float, float] = (23, 30)
    wrong_first: float = 0.0
    looks_away: bool = False


USUAL = Manner()
CLUMSY = Manner((0.9, 1.4), (18, 22), wrong_first=0.25, looks_away=True)
_CORRECTS_S = 0.7


class _Visitor:
    """Walks in from one side at `start_s`, stands, answers, leaves at the other side by `end_s` at the latest."""

    manner = USUAL

    def __init__(self, start_s: float, end_s: float, random: Generator, answers: bool) -> None:
        self._random = random
        self._answers = answers
        self._end = end_s
        self._arrives_s = start_s + _ENTERS_S
        self._leaving: float | None = None
        self._asked, self._seen_s = False, np.inf
        self._side = float(random.choice([-1.0, 1.0]))
        self.x = Channel(-1.15 * self._side)
        self.z = Channel(1.1)
        self.yaw, self.pitch, self.lids = Channel(25 * self._side), Channel(), Channel()
        self.x.move(start_s, _ENTERS_S, float(random.uniform(-0.04, 0.04)))
        self._home = _STANDS_M * float(random.uniform(0.94, 1.08))
        self.z.move(start_s, _ENTERS_S, self._home)
        self.yaw.move(start_s + 0.6 * _ENTERS_S, 0.5, 0.0)
        self._y = float(random.uniform(0.0, 0.06))
        self._sways = [Sway(random, size) for size in (0.006, 0.005, 0.008, 1.6, 1.2, 1.0)]
        self._looks_s = float(random.uniform(*_SEES_RESULT_S))

    def tell(self, event: CameraEvent) -> None:
        if event.event == "prompt" and event.value:
            self._asked, self._seen_s = True, np.inf
        if event.event == "prompt" and self._answers:
            reaction = float(self._random.uniform(*self.manner.reacts_s)) if event.value else 0.3
            self._answer(event.time_s + reaction, event.value)
        elif event.time_s < self._arrives_s:
            return  # a lamp that shines for the one before
        elif event.event == "lamp" and event.value in ("granted", "refused", *["wait"] * self._asked):
            self._seen_s = event.time_s + self._looks_s

    def gone_s(self, time_s: float) -> float:
        if self._leaving is None and time_s >= min(self._end - LEAVES_S, self._seen_s):
            self._leave(min(time_s, self._seen_s))
        return np.inf if self._leaving is None else self._leaving + LEAVES_S

    def distance_m(self, time_s: float) -> float:
        return self.z.at(time_s)

    def _leave(self, at: float) -> None:
        if self._leaving is not None:
            return
        self._leaving = min(at, max(self._end - LEAVES_S, 0.0))
        self.yaw.move(self._leaving, 0.4, -35 * self._side)
        self.pitch.move(self._leaving, 0.4, 0.0)
        self.x.move(self._leaving, LEAVES_S, 1.2 * self._side)
        self.z.move(self._leaving, LEAVES_S, 1.1)

    def _answer(self, at: float, prompt: str) -> None:
        if self._leaving is not None:
            return
        pace = float(self._random.uniform(0.4, 0.8))
        turn, nod = float(self._random.uniform(*self.manner.turns_deg)), float(self._random.uniform(16, 21))
        yaw = {"turn_left": turn, "turn_right": -turn}.get(prompt, 0.0)
        if yaw and self.manner.wrong_first and self._random.random() < self.manner.wrong_first:
            self.yaw.move(at, pace, -0.6 * yaw)
            self.yaw.then(at + _CORRECTS_S, pace, yaw)
        else:
            self.yaw.move(at, pace, yaw)
        self.pitch.move(at, pace, nod if prompt == "look_up" else 0.0)
        self.z.move(at, pace + 0.2, self._home / 1.45 if prompt == "come_closer" else self._home)

    def _pose(self, time_s: float) -> Pose:
        dx, dy, dz, yaw, pitch, roll = (sway.at(time_s) for sway in self._sways)
        return Pose(
            self.x.at(time_s) + dx,
            self._y + dy,
            self.z.at(time_s) + dz,
            self.yaw.at(time_s) + yaw,
            self.pitch.at(time_s) + pitch,
            roll,
            self.lids.at(time_s),
        )


class Living(_Visitor):
    """A living person: the head turns on a body that stays, the eyes blink, unasked too."""

    def __init__(
        self,
        head: Head,
        body: Body,
        start_s: float,
        end_s: float,
        random: Generator,
        answers: bool = True,
        manner: Manner = USUAL,
    ) -> None:
        super().__init__(start_s, end_s, random, answers)
        self.manner = manner
        self._head, self._body = head, body
        self._next_blink = start_s + float(random.uniform(1.5, 4.0))
        if manner.looks_away:
            away_s, aside = start_s + float(random.uniform(1.5, 4.0)), float(random.choice([-14.0, 14.0]))
            self.yaw.then(away_s, 0.3, aside)
            self.yaw.then(away_s + 0.6, 0.3, 0.0)

    def _answer(self, at: float, prompt: str) -> None:
        super()._answer(at, prompt)
        if prompt == "blink":
            self._blink(at, float(self._random.uniform(0.15, 0.25)))
            self._next_blink = at + float(self._random.uniform(2.5, 5.0))

    def draw(self, image: Picture, time_s: float, focal: float, lamp: Lamp) -> None:
        """As `Actor.draw`."""
        self._draw_at(self._pose_at(time_s), image, focal, lamp)

    def _pose_at(self, time_s: float) -> Pose:
        if time_s >= self._next_blink:
            self._blink(time_s, float(self._random.uniform(0.05, 0.1)))
            self._next_blink = time_s + float(self._random.uniform(2.5, 6.0))
        return self._pose(time_s)

    def _draw_at(self, pose: Pose, image: Picture, focal: float, lamp: Lamp) -> None:
        self._body.draw(image, pose.x, pose.y, pose.z, focal, lamp.shade(pose.z))
        draw(self._head, pose, image, focal, lamp)

    def _blink(self, at: float, closed_s: float) -> None:
        """Down in 80 ms, up in 120 ms; a voluntary blink takes about half a second in all (Kwon et al. 2013)."""
        self.lids.move(at, 0.08, 1.0)
        self.lids.then(at + 0.08 + closed_s, 0.12, 0.0)


class Presenter(_Visitor):
    """Somebody who holds a flat instrument before the face and moves it as asked, as well as a flat thing can."""

    def __init__(
        self,
        instrument: Held,
        body: Body,
        start_s: float,
        end_s: float,
        random: Generator,
        answers: bool = True,
        steady: bool = False,
    ) -> None:
        """`steady`: it stands on something, or is worn."""
        super().__init__(start_s, end_s, random, answers)
        self._instrument, self._body = instrument, body
        self._start = start_s
        self._home *= instrument.nearer
        self.z.then(start_s + _ENTERS_S, 0.4, self._home)
        if not steady:  # hands are less so than heads
            self._sways = [Sway(random, size) for size in (0.012, 0.01, 0.012, 4.0, 3.5, 2.5)]

    def draw(self, image: Picture, time_s: float, focal: float, lamp: Lamp) -> None:
        """As `Actor.draw`."""
        pose = self._pose(time_s)
        behind = max(pose.z + 0.1, _STANDS_M)
        self._body.draw(image, pose.x, pose.y, behind, focal, lamp.shade(behind))
        self._instrument.draw(image, pose, time_s - self._start, focal, lamp)


def random_for(seed: int, *parts: int) -> Generator:
    """A random stream of its own for one act of one scene."""
    return np.random.default_rng([seed, *parts])
