"""Attackers who are alive behind their instrument, or steer it live: masks of paper, a swap, a puppeteered screen, and
a screen that takes turns with a living face."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator

from kiosk.values import CameraEvent, Frame
from simulation.actors import Living, Presenter
from simulation.body import Body
from simulation.head import Head, Pose
from simulation.instruments import Display, Screen
from simulation.lamp import FACE_M, Lamp
from simulation.motion import Sway
from simulation.paper import BentPaper
from simulation.portrait import Picture

_WORN_M = 0.005  # paper before the face
_HANDS_S = 0.25  # to put a photo before the face, or take it away
_FITS, _RAISED_M = 0.88, 0.04  # how a screen is held so that its face is where, and as large as, the living one
_REACTS_S = 0.35  # the earliest answer of the one in the film, taken off a puppet's delay


class Masked(Living):
    """A living person behind a printed face, who answers everything; through eye holes their own eyes blink.

    `swaps`: the print is only held up while nothing is asked, so that the living face answers.
    """

    def __init__(
        self,
        paper: BentPaper,
        head: Head,
        body: Body,
        start_s: float,
        end_s: float,
        random: Generator,
        answers: bool = True,
        swaps: bool = False,
    ) -> None:
        super().__init__(head, body, start_s, end_s, random, answers)
        self._paper, self._swaps = paper, swaps
        self._start = start_s
        self._changes: deque[tuple[float, bool]] = deque()
        self._worn = True

    def tell(self, event: CameraEvent) -> None:
        super().tell(event)
        if self._swaps and event.event == "prompt":
            self._changes.append((event.time_s + _HANDS_S, event.value == ""))

    def draw(self, image: Picture, time_s: float, focal: float, lamp: Lamp) -> None:
        """As `Actor.draw`."""
        while self._changes and self._changes[0][0] <= time_s:
            self._worn = self._changes.popleft()[1]
        pose: Pose = self._pose_at(time_s)
        self._draw_at(pose, image, focal, lamp)
        if self._worn:
            before = replace(pose, z=pose.z - _WORN_M)
            self._paper.draw(image, before, time_s - self._start, focal, lamp)


class Film(Protocol):
    """A scene of its own that is filmed, or has been: every answer lies ready as a clip."""

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """Its next picture."""

    def tell(self, event: CameraEvent) -> None:
        """Choose the next clip."""


class Puppeteer(Presenter):
    """A screen on a stand that shows, `delay_s` after each prompt, the enrolled person doing what is asked.

    `relays`: a light sensor steers the screen's brightness by the lamp, as late as the clips.
    """

    def __init__(
        self,
        film: Film,
        display: Display,
        body: Body,
        start_s: float,
        end_s: float,
        random: Generator,
        delay_s: float,
        film_ahead_s: float,
        relays: bool = False,
    ) -> None:
        """`film_ahead_s`: seconds by which the film's clock is ahead of the scene's."""
        self._film, self._delay_s, self._ahead_s, self._relays = film, delay_s, film_ahead_s, relays
        self._copied = Lamp()
        self._seen = film.read()
        super().__init__(Screen(lambda age_s: self._shown(), display), body, start_s, end_s, random, answers=False)
        self._sways = [Sway(random, size) for size in (0.001, 0.001, 0.001, 0.3, 0.3, 0.2)]
        self._levels: deque[tuple[float, float]] = deque()

    def tell(self, event: CameraEvent) -> None:
        super().tell(event)
        if event.event == "prompt":
            at_s = event.time_s + self._ahead_s + self._delay_s - _REACTS_S
            self._film.tell(CameraEvent(at_s, "prompt", event.value))
        elif event.event == "light":
            self._levels.append((event.time_s + self._delay_s, float(event.value or 1.0)))

    def draw(self, image: Picture, time_s: float, focal: float, lamp: Lamp) -> None:
        """As `Actor.draw`."""
        while self._relays and self._levels and self._levels[0][0] < time_s:
            self._copied.level = self._levels.popleft()[1]
        self.draw_at(self._pose(time_s), image, time_s, focal, lamp)

    def draw_at(self, pose: Pose, image: Picture, time_s: float, focal: float, lamp: Lamp) -> None:
        """As `draw`, held elsewhere than on its stand."""
        self._body.draw(image, pose.x, pose.y, pose.z + 0.1, focal, lamp.shade(pose.z + 0.1))
        self._instrument.draw(image, pose, time_s - self._start, focal, lamp)

    @property
    def nearer(self) -> float:
        """The factor on the usual distance at which the screen is held."""
        return self._instrument.nearer

    def miss(self) -> None:
        """Let the film go on while nobody sees it."""
        self._next()

    def _shown(self) -> Picture:
        shade = self._copied.shade(FACE_M)
        return self._next() if shade == 1.0 else np.asarray(cv2.convertScaleAbs(self._next(), alpha=shade), np.uint8)

    def _next(self) -> Picture:
        self._seen = self._film.read() or self._seen
        assert self._seen is not None
        return self._seen.image


class Relieved(Living):
    """A living person and a steered screen, by turns at the same place in the picture.

    `first`: the person answers the lamp until `after_s` seconds after its code began, then the screen does the rest.
    Otherwise the screen is shown whenever nothing is asked, and the person answers.
    """

    def __init__(
        self,
        screen: Puppeteer,
        head: Head,
        body: Body,
        start_s: float,
        end_s: float,
        random: Generator,
        first: bool,
        after_s: float = 0.0,
    ) -> None:
        super().__init__(head, body, start_s, end_s, random)
        self._screen, self._first, self._after_s = screen, first, after_s
        self._changes: deque[tuple[float, bool]] = deque()
        self._alive, self._lit = first, False

    def tell(self, event: CameraEvent) -> None:
        super().tell(event)
        self._screen.tell(event)
        if self._first and event.event == "light" and not self._lit:
            self._lit = True
            self._changes.append((event.time_s + self._after_s, False))
        elif not self._first and event.event == "prompt":
            self._changes.append((event.time_s + _HANDS_S, event.value != ""))

    def draw(self, image: Picture, time_s: float, focal: float, lamp: Lamp) -> None:
        """As `Actor.draw`."""
        while self._changes and self._changes[0][0] <= time_s:
            self._alive = self._changes.popleft()[1]
        pose = self._pose_at(time_s)
        if self._alive:
            self._screen.miss()
            self._draw_at(pose, image, focal, lamp)
        else:
            near = _FITS * self._screen.nearer
            held = Pose(near * pose.x, near * (pose.y - _RAISED_M), near * pose.z)
            self._screen.draw_at(held, image, time_s, focal, lamp)
