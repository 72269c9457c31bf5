"""The queue before a site's kiosks: who stands where when, if each visit takes a few seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple


class Coming(NamedTuple):
    """Somebody who walks up to a site's kiosks at `second` after midnight; `who` is handed through."""

    second: float
    who: int


class Standing(NamedTuple):
    """The same, standing before one kiosk at `ms` milliseconds after midnight."""

    ms: int
    who: int
    kiosk: str


def serve(coming: Iterable[Coming], kiosks: Sequence[str], rng: Random) -> list[Standing]:
    """First come, first served; a free kiosk is chosen at random, else the one that is free soonest.

    A visit holds a kiosk for 3.5 to 7 s. The milliseconds stay between .2 and .8 s, so that a dating that is right
    to 200 ms gives the same second.
    """
    free_at = [0.0] * len(kiosks)
    standing: list[Standing] = []
    for second, who in sorted(coming):
        open_now = [n for n, moment in enumerate(free_at) if moment <= second]
        chosen = rng.choice(open_now) if open_now else min(range(len(kiosks)), key=free_at.__getitem__)
        start = max(second, free_at[chosen])
        free_at[chosen] = start + rng.uniform(3.5, 7.0)
        ms = int(start) * 1000 + 200 + int(start % 1 * 600)
        standing.append(Standing(ms, who, kiosks[chosen]))
    return standing
