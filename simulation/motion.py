"""How people move: channels that glide between targets, a blink, a sway. All by the scene's own clock."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator


class Channel:
    """One movable quantity. Moves follow the minimum-jerk path of human reaching (Flash and Hogan 1985)."""

    def __init__(self, value: float = 0.0) -> None:
        self._from = self._to = value
        self._start, self._duration = 0.0, 0.0
        self._planned: list[tuple[float, float, float]] = []

    def move(self, start_s: float, duration_s: float, target: float) -> None:
        """Plan to glide to `target` from `start_s` on; plans for later moments than that are dropped."""
        self._planned = [plan for plan in self._planned if plan[0] < start_s]
        self._planned.append((start_s, duration_s, target))

    def then(self, start_s: float, duration_s: float, target: float) -> None:
        """Add a further move after those planned."""
        self._planned.append((start_s, duration_s, target))

    def at(self, time_s: float) -> float:
        """The value at `time_s`; asked with rising times."""
        while self._planned and self._planned[0][0] <= time_s:
            start, duration, target = self._planned.pop(0)
            self._from, self._to = self._value(start), target
            self._start, self._duration = start, duration
        return self._value(time_s)

    def _value(self, time_s: float) -> float:
        if self._duration <= 0 or time_s >= self._start + self._duration:
            return self._to
        t = max(0.0, (time_s - self._start) / self._duration)
        return self._from + (self._to - self._from) * t**3 * (10 - 15 * t + 6 * t * t)


class Sway:
    """Small involuntary motion: three slow sines of random phase, about `size` to each side."""

    def __init__(self, random: Generator, size: float) -> None:
        self._amplitude = random.uniform(0.2, 0.5, 3) * size
        self._frequency = np.array([0.21, 0.47, 1.1]) * random.uniform(0.8, 1.2, 3)
        self._phase = random.uniform(0, 2 * np.pi, 3)

    def at(self, time_s: float) -> float:
        """The displacement at `time_s`."""
        return float(np.sum(self._amplitude * np.sin(2 * np.pi * self._frequency * time_s + self._phase)))
