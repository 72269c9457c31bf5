"""One person at two sites in less time than anybody needs from one to the other. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import asin, cos, radians, sin, sqrt

from server.attendance.dating import LATENCY_MS, Dating
from server.attendance.events import Mark

EARTH_KM = 6371.0
"""Mean radius (IUGG)."""
GROUND_KMH, AIR_KMH, AIR_EXTRA_S = 120, 900, 90 * 60
"""Faster than these nobody is: on roads or water, and in the air after what a flight takes beside the flying."""
HORIZON_MS = 24 * 3_600_000
"""No two places on earth are further apart than this; marks further apart in time are not compared."""
NARROW_MS = 10 * 60_000
"""A mark dated less closely says nothing of how fast somebody was."""
COMPARED = 100
"""Marks of a person before each that it is compared with: many more than anybody makes in a day."""

Place = tuple[float, float]
"""Latitude and longitude, degrees."""


@dataclass(frozen=True)
class Distances:
    """What is known of the ways between sites: stated seconds by pair in alphabetical order, places, and a default."""

    default_s: int
    stated_s: Mapping[tuple[str, str], int] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)

    def least_ms(self, one: str, other: str) -> int:
        """The least time in which anybody gets from one site to the other; 0 for the same site."""
        if one == other:
            return 0
        stated = self.stated_s.get((min(one, other), max(one, other)))
        if stated is not None:
            return stated * 1000
        if one in self.places and other in self.places:
            return least_ms(kilometres(self.places[one], self.places[other]))
        return self.default_s * 1000


@dataclass(frozen=True)
class TooFast:
    """Two marks of one person, the earlier first. `at_once`: their times overlap; `certain`: whatever they were, the
    time between them is less than `least_ms`."""

    earlier: Mark
    later: Mark
    least_ms: int
    at_once: bool
    certain: bool


def kilometres(one: Place, other: Place) -> float:
    """The great-circle distance (haversine)."""
    (north, east), (other_north, other_east) = ([radians(degree) for degree in place] for place in (one, other))
    root = sin((other_north - north) / 2) ** 2 + cos(north) * cos(other_north) * sin((other_east - east) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(root)))


def least_ms(distance_km: float) -> int:
    """The least time for a distance; more distance never takes less."""
    return int(1000 * min(distance_km * 3600 / GROUND_KMH, AIR_EXTRA_S + distance_km * 3600 / AIR_KMH))


def is_narrow(dating: Dating) -> bool:
    """Whether a mark is dated closely enough to be compared."""
    return dating.latest_ms - dating.earliest_ms <= NARROW_MS


def too_fast(marks: Iterable[Mark], distances: Distances) -> list[TooFast]:
    """The pairs of marks of one person at different sites, in order, between which nobody could have travelled."""
    narrow = [mark for mark in marks if is_narrow(mark.dating)]
    order = sorted(narrow, key=lambda mark: (mark.dating.earliest_ms, mark.dating.latest_ms, mark.device, mark.seq))
    found = []
    for place, later in enumerate(order):
        for earlier in order[max(0, place - COMPARED) : place]:
            pair = _judge(earlier, later, distances)
            if pair is not None:
                found.append(pair)
    return found


def _judge(earlier: Mark, later: Mark, distances: Distances) -> TooFast | None:
    if later.site == earlier.site:
        return None
    first, second = earlier.dating, later.dating
    between_ms = second.earliest_ms - first.latest_ms
    if between_ms > HORIZON_MS:
        return None
    # A clock that agrees with the server's agrees within LATENCY_MS, and each mark has its own.
    longest_ms = max(second.latest_ms - first.earliest_ms, first.latest_ms - second.earliest_ms) + 2 * LATENCY_MS
    shortest_ms = max(0, between_ms)
    needed_ms = distances.least_ms(earlier.site, later.site)
    if shortest_ms >= needed_ms:
        return None
    return TooFast(earlier, later, needed_ms, between_ms <= 2 * LATENCY_MS, longest_ms < needed_ms)


def by_person(marks: Iterable[Mark]) -> dict[str, Sequence[Mark]]:
    """Employee to marks."""
    found: dict[str, list[Mark]] = {}
    for mark in marks:
        found.setdefault(mark.employee_id, []).append(mark)
    return dict(found)
