"""Which prompts are drawn, and how probable it is that a film made beforehand guesses them.

The station draws by the same rules that are counted here, so the published figure is that of the shipped pool.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from kiosk.values import Prompt

TURNS: tuple[Prompt, Prompt] = ("turn_left", "turn_right")
POOL: tuple[Prompt, ...] = (*TURNS, "look_up", "blink", "come_closer")

# What one movement of a film can answer. "Look up, then come nearer" answers either; a turn answers nothing else,
# and whoever moves otherwise when asked to blink fails or moves unasked right after.
_CLASSES: tuple[frozenset[Prompt], ...] = (
    frozenset({"turn_left"}),
    frozenset({"turn_right"}),
    frozenset({"look_up", "come_closer"}),
    frozenset({"blink"}),
)


@lru_cache(maxsize=32)
def plans(pool: tuple[Prompt, ...], count: int) -> tuple[tuple[Prompt, ...], ...]:
    """All series of `count` prompts, none twice, at least one of them a turn; each is as probable as the other."""
    drawn = itertools.permutations(pool, min(count, len(pool)))
    return tuple(plan for plan in drawn if set(plan) & set(TURNS))


def replacements(
    pool: tuple[Prompt, ...], failed: Prompt | None, planned: Sequence[Prompt], turned: bool
) -> list[Prompt]:
    """What may take a failed prompt's place, each as probable as the other.

    A missed blink is asked for again: paper answers everything else. Else one that is neither planned nor just
    failed, and a turn where none is passed (`turned`) or planned.
    """
    if failed == "blink":
        return ["blink"]
    if not turned and not set(TURNS) & set(planned):
        return [prompt for prompt in pool if prompt in TURNS]
    return [prompt for prompt in pool if prompt != failed and prompt not in planned] or list(pool)


def guess_probability(pool: tuple[Prompt, ...], count: int, retries: int, misses: int = 0) -> float:
    """The best chance of a film made beforehand to pass the prompts of one try, by enumeration.

    The film is granted more than it has: its movements begin with each prompt, and whatever it shows is read without
    error. It blinks all the while, so the blink that each visit needs costs it nothing; asked to blink it passes too,
    and its next movement comes unasked, which is a failure unless it showed none. `retries`, `misses`: failures that
    are replaced, and how many more without a wrong answer (see kiosk.liveness.LivenessSettings).
    """
    drawn = plans(pool, count)
    longest = count + 2 * retries + misses

    @cache
    def passes(film: tuple[int, ...], plan: tuple[Prompt, ...], turned: bool, left: int, missed: int) -> float:
        """Chance of a film's remaining movements against a plan, `left` failures and `missed` misses being allowed."""
        if not plan:
            return 1.0
        if not film:
            return 0.0
        asked, rest = plan[0], plan[1:]
        if asked in _CLASSES[film[0]]:
            return passes(film[1:], rest, turned or asked in TURNS, left, missed)
        if asked != "blink" and not set(TURNS) & _CLASSES[film[0]] and missed > 0:
            # No turn where something else is asked, or nothing: one prompt for the one.
            return _mean(
                passes(film[1:], (one, *rest), turned, left, missed - 1)
                for one in replacements(pool, asked, rest, turned)
            )
        if left == 0:
            return 0.0
        if asked == "blink":
            return _mean(
                passes(film[1:], (one, *rest), turned, left - 1, missed)
                for one in replacements(pool, None, rest, turned)
            )
        # A wrong movement costs two prompts for the one; no film gains by showing none.
        return _mean(
            passes(film[1:], (other, one, *rest), turned, left - 1, missed)
            for one in replacements(pool, asked, rest, turned)
            for other in replacements(pool, asked, (one, *rest), turned)
        )

    films = itertools.product(range(len(_CLASSES)), repeat=longest)
    return max(_mean(passes(film, plan, False, retries, misses) for plan in drawn) for film in films)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


@lru_cache(maxsize=8)
def light_guess_probability(looks: tuple[tuple[int, float], ...]) -> float:
    """The best chance found of a film whose brightness was chosen beforehand, in step with the lamp's, to pass for an
    answer to a code.

    `looks`: see kiosk.pad.light.LightSettings. Over all codes of as many symbols as the last of them takes, looked
    at after each symbol: the correlation of the changes from symbol to symbol must once reach its bound. The best
    film known alternates bright and dark; it is tried with 64 drawn at random.
    """
    longest = looks[-1][0]
    codes = ((np.arange(2**longest)[:, np.newaxis] >> np.arange(longest)) & 1).astype(np.float32)
    drawn = np.random.default_rng(1).integers(0, 2, (64, longest))
    films = np.vstack((np.arange(longest) % 2, drawn)).astype(np.float32)
    passed = np.zeros((len(films), len(codes)), bool)
    for played in range(looks[0][0], longest + 1):
        least = [correlation for symbols, correlation in looks if symbols <= played][-1]
        passed |= _changes(films, played) @ _changes(codes, played).T >= least
    return float(passed.mean(axis=1).max())


def _changes(patterns: NDArray[np.float32], played: int) -> NDArray[np.float32]:
    """Changes from symbol to symbol of the first `played`, of mean 0 and length 1 in each row."""
    changes = np.diff(patterns[:, :played], axis=1)
    changes -= changes.mean(axis=1, keepdims=True)
    changes /= np.maximum(np.linalg.norm(changes, axis=1, keepdims=True), 1e-6)
    return changes
