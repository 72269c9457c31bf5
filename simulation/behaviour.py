"""What the simulated people do on a working day: when they come and go, what they forget, where they mark."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from simulation.office import WINDOW_BEFORE_S, Shift

ROLES = (
    "absent_seven", "absent_fourteen", "absent_broken", "joined", "retired", "no_tax_data", "leave_pending",
    "leave_rejected", "order_unconfirmed", "order_no_document", "correction_approved", "correction_pending",
    "dues_unpaid", "elsewhere", "first_year", "not_appointed", "seconded", "sick_month",
)  # fmt: skip
"""Edge cases; each occurs once in every two hundred people, as far as there are so many."""

_EARLIEST_S = 45 * 60
"""Arrivals are log-normal after 45 minutes before the shift."""


def role_of(index: int) -> str:
    """The edge case that the person at place `index` plays, "" for most."""
    turn, rest = divmod(index % 200 - 4, 10)
    return ROLES[turn] if rest == 0 and 0 <= turn < len(ROLES) else ""


@dataclass(frozen=True)
class Habit:
    """A person's ways.

    `median_min` and `sigma` (log-normal) of the arrival, in minutes after 45 before the shift; the rest are
    chances a day.
    """

    median_min: float
    sigma: float
    leaves_early: float
    absent: float
    lunch_marks: float
    forgets_out: float


def draw_habit(rng: Random) -> Habit:
    """Most are on time, some early, one in ten habitually late, one in twelve gone early; a few often absent."""
    median, sigma, early = rng.choices(
        ((26.0, 0.28, 0.006), (18.0, 0.28, 0.003), (43.0, 0.35, 0.02), (27.0, 0.30, 0.22)), (70, 12, 10, 8)
    )[0]
    return Habit(
        median_min=median * rng.uniform(0.92, 1.08),
        sigma=sigma,
        leaves_early=early,
        absent=0.06 if rng.random() < 0.025 else 0.003,
        lunch_marks=0.7 if rng.random() < 0.12 else 0.0,
        forgets_out=0.04 if rng.random() < 0.1 else 0.004,
    )


@dataclass(frozen=True)
class Visit:
    """Somebody's day at the office. `marks`: seconds after midnight at which they come to a kiosk, ascending.

    `site`: where, if it is not their own.
    """

    marks: tuple[float, ...]
    note: str = ""
    site: str = ""


ABSENT = Visit(())


def visit(habit: Habit, shift: Shift, required: tuple[int, int], rain: float, rng: Random, must: str = "") -> Visit:
    """A day on which the person has to be there from `required[0]` to `required[1]`, seconds after midnight.

    `rain` stretches the way to work (1 is dry). `must` "come" excludes absence, forgetting and
    going early; "forget_out" demands that the mark at the end is missing.
    """
    if not must and rng.random() < habit.absent:
        return ABSENT
    start, end = required
    came = start - _EARLIEST_S + _way(habit, rain, rng) if start == shift.start_s else start + rng.gauss(-480, 360)
    if start != shift.start_s:
        came = max(came, start - WINDOW_BEFORE_S + 60)
    went = max(_departure(0.0 if must else habit.leaves_early, end, rng), came + 1800)
    marks = [came]
    opens = shift.start_s - WINDOW_BEFORE_S
    if came < opens and rng.random() < 0.93:
        # The kiosk says from when marks count; nearly everybody comes back for a second one.
        marks.append(opens + rng.uniform(15, 900))
    if rng.random() < 0.03:
        marks += _repeats(marks[-1], rng)
    forgets_in = not must and rng.random() < 0.002
    forgets_out = must == "forget_out" or (not must and not forgets_in and rng.random() < habit.forgets_out)
    if forgets_in:
        marks = []
    if forgets_out:
        return Visit(tuple(marks), "forgot to mark out")
    if not forgets_in and rng.random() < habit.lunch_marks and came < shift.break_start_s - 1800:
        out = shift.break_start_s + rng.uniform(10, 600)
        back = shift.break_end_s - rng.uniform(30, 700)
        marks += [moment for moment in (out, back) if moment < went - 900]
    marks.append(went)
    if rng.random() < 0.015:
        marks += _repeats(went, rng)
    return Visit(tuple(marks), "forgot to mark in" if forgets_in else "")


def visit_on_day_off(rng: Random) -> Visit:
    """Now and then somebody comes on a day off to finish something."""
    if rng.random() >= 0.006:
        return ABSENT
    came = rng.uniform(8 * 3600, 10 * 3600)
    return Visit((came, came + rng.uniform(5000, 14000)), "came to work on a day off")


def visit_on_duty_order(rng: Random) -> Visit:
    """Somebody with a whole day's order within the city may look in and mark from habit."""
    if rng.random() >= 0.1:
        return ABSENT
    return Visit((rng.uniform(13.2 * 3600, 15 * 3600),), "looked in at the office")


def _way(habit: Habit, rain: float, rng: Random) -> float:
    minutes = habit.median_min * rng.lognormvariate(0.0, habit.sigma) * rain
    if rng.random() < 0.005:
        # A missed ferry, a flat tyre, a child with fever.
        minutes += rng.uniform(25, 130)
    return min(minutes, 240.0) * 60


def _departure(early: float, end: int, rng: Random) -> float:
    if rng.random() < early:
        return end - 60 * min(rng.lognormvariate(3.2, 0.8), 150.0)
    return end + 20 + 60 * min(rng.lognormvariate(2.0, 0.75), 150.0)


def _repeats(moment: float, rng: Random) -> list[float]:
    """Marking again within five minutes, rarely more than once: the lamp was missed, or it is better to be sure."""
    again = moment + rng.uniform(20, 160)
    return [again, again + rng.uniform(12, 60)] if rng.random() < 0.15 else [again]
