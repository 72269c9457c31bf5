"""Error rates with their bounds: a count of errors among presentations, and what it allows to say."""

from __future__ import annotations

import math
from collections.abc import Callable


def clopper_pearson(errors: int, tried: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a proportion (Clopper and Pearson 1934), by bisection on the binomial's tails."""
    if not 0 <= errors <= tried or tried < 1:
        raise ValueError(f"{errors} of {tried} is no count of errors")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if errors == 0 else _solve(lambda p: 1.0 - _at_most(errors - 1, tried, p), tail)
    high = 1.0 if errors == tried else _solve(lambda p: 1.0 - _at_most(errors, tried, p), 1.0 - tail)
    return low, high


def _at_most(errors: int, tried: int, p: float) -> float:
    """Probability of `errors` or fewer among `tried`."""
    return sum(math.comb(tried, k) * p**k * (1.0 - p) ** (tried - k) for k in range(errors + 1))


def _solve(rising: Callable[[float], float], target: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2.0
