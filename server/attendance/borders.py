"""Where what a day costs can change: instants that a mark may pass, and distances between two marks.

A day's windows, bands, grace and midpoint ask of a mark whether it is at or after an instant; one visit or two, and
lateness made up, ask of two marks whether they are at least so far apart. Nothing else about a mark matters. So of all
datings that come to the same, the earliest has each mark at the beginning of its interval, at such an instant, or at
such a distance from another mark: trying these tries everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from server.attendance.rules import DayRules, Window

Interval = tuple[int, int]


@dataclass(frozen=True)
class Costing:
    """The rules of a day, and from how many seconds of lateness, and of early leave, on it costs something else."""

    rules: DayRules
    late: tuple[int, ...]
    early: tuple[int, ...]


def costing(rules: DayRules, late: Iterable[int], early: Iterable[int]) -> Costing:
    """`late`, `early`: the first minutes of the bands, of every table that counts."""

    def seconds(minutes: Iterable[int], *more: int) -> tuple[int, ...]:
        first = {60 * minute if rules.completed else 60 * minute - 59 for minute in minutes}
        return tuple(sorted(first.union(more)))

    made_up = [rules.make_up_s + 1] if rules.make_up_s else []
    return Costing(rules, seconds(late, rules.grace_s + 1, *made_up), seconds(early, rules.early_grace_s + 1))


def reach(rules: DayRules, start: int, end: int) -> Interval:
    """The first and the last second in which a mark belongs to the shift."""
    edges = [edge for window in (rules.in_window, rules.out_window) for edge in _edges(window, start, end)]
    return min(edges), max(edges)


def required(start: int, end: int, free: Iterable[Interval]) -> list[Interval]:
    """What of a shift is left to be present in, in order; `free` need not be."""
    left, at = [], start
    for begin, stop in sorted(free):
        if begin > at:
            left.append((at, min(begin, end)))
        at = max(at, stop)
    return [*left, (at, end)] if at < end else left


def instants(costs: Costing, start: int, end: int, pieces: Sequence[Interval]) -> set[int]:
    """Instants from which on a mark means something else than a second before; `pieces`: as `required` gives them."""
    rules = costs.rules
    found = set()
    for window in (rules.in_window, rules.out_window):
        first, last = _edges(window, start, end)
        found |= {first, last + 1}
    if not pieces:
        return found
    found |= {begin + rest for begin, rest in _reached(pieces, costs.late)}
    found |= {-(begin + rest) + 1 for begin, rest in _reached([(-b, -a) for a, b in reversed(pieces)], costs.early)}
    if rules.lone_mark == "nearest":
        found.add((pieces[0][0] + pieces[-1][1]) // 2 + 1)
    if rules.make_up_s:
        passed = 0
        for begin, stop in pieces:
            found |= {begin, stop, end + passed}
            passed += stop - begin
        found.add(end + passed)
    return found


def distances(costs: Costing, end: int, pieces: Sequence[Interval]) -> set[int]:
    """Seconds from one mark to another (negative: before it) from which on the two mean something else."""
    found = {costs.rules.repeat_s + 1, -costs.rules.repeat_s}
    if costs.rules.make_up_s:
        passed = 0
        for begin, stop in pieces:
            later = end + passed - begin
            found |= {later, 1 - later}
            passed += stop - begin
    return found


def _reached(pieces: Sequence[Interval], amounts: Iterable[int]) -> Iterator[tuple[int, int]]:
    """For each amount of seconds that the pieces hold: the begin of the piece in which it is full, and what is left."""
    for amount in amounts:
        rest = amount
        for begin, stop in pieces:
            if rest <= stop - begin:
                yield begin, rest
                break
            rest -= stop - begin


def _edges(window: Window, start: int, end: int) -> Interval:
    bounds = {"start": start, "end": end}
    return bounds[window.from_anchor] + window.from_s, bounds[window.to_anchor] + window.to_s
