"""Closings of the eyes, and whether one was as long as a person's."""

from __future__ import annotations

import math


class Blink:
    """Watches the lids of one person from `since_s` on.

    `open_eyes`: the person's own opening (eye aspect ratio); below `share` of it the eyes are shut. `bounds_s`:
    shortest and longest closing. At low frame rates its length is known between two bounds, both must allow it.
    `fewest`: frames that must show the eyes shut; `widest_step_s`: longest step between frames meanwhile.
    """

    def __init__(
        self,
        open_eyes: float,
        since_s: float,
        share: float,
        bounds_s: tuple[float, float],
        fewest: int = 1,
        widest_step_s: float = math.inf,
    ) -> None:
        self._limit = share * open_eyes
        self._bounds_s = bounds_s
        self._fewest, self._widest_step_s = fewest, widest_step_s
        self._open_s = self._last_s = since_s
        self._first_shut_s: float | None = None
        self._frames = 0
        self._step_s = 0.0

    def update(self, time_s: float, eyes: float) -> bool:
        """Take the next frame's eye opening in; True on the frame in which a human closing has ended."""
        step_s, previous_s = time_s - self._last_s, self._last_s
        self._last_s = time_s
        if eyes < self._limit:
            if self._first_shut_s is None:
                self._first_shut_s, self._open_s = time_s, previous_s
                self._frames, self._step_s = 0, 0.0
            self._frames += 1
            self._step_s = max(self._step_s, step_s)
            return False
        first_s, self._first_shut_s = self._first_shut_s, None
        if first_s is None:
            return False
        shortest, longest = previous_s - first_s, time_s - self._open_s
        seen_well = self._frames >= self._fewest and max(self._step_s, step_s) <= self._widest_step_s
        return seen_well and longest >= self._bounds_s[0] and shortest <= self._bounds_s[1]
