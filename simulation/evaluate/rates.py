"""Error rates with what a sample of so many people can say: intervals by bootstrap over people, DET curves."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_DRAWS = 1000
_CONFIDENCE = 0.95
_PLOTS = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class Scores:
    """One score for each search, infinite where the rule names nobody at any threshold; and whose search it was."""

    values: Floats
    people: NDArray[np.intp]

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, str]]) -> Scores:
        """From (score, person) of each search."""
        number: dict[str, int] = {}
        owners = [number.setdefault(person, len(number)) for _, person in pairs]
        return cls(np.array([value for value, _ in pairs], float), np.array(owners, np.intp))

    @property
    def count(self) -> int:
        """How many people searched."""
        return int(self.people.max()) + 1 if len(self.people) else 0


def rate(errors: NDArray[np.bool_]) -> float | None:
    """Share of errors; None of no tries."""
    return round(float(errors.mean()), 6) if len(errors) else None


def interval(errors: NDArray[np.bool_], people: NDArray[np.intp], seed: int) -> list[float] | None:
    """95 % interval of the rate, people drawn with replacement (their searches are not independent).

    No error among n people bounds the rate by 3/n ("rule of three"), however many searches they made.
    """
    if not len(errors):
        return None
    count = int(people.max()) + 1
    if not errors.any():
        return [0.0, round(min(3.0 / count, 1.0), 6)]
    wrong = np.bincount(people, errors, count)
    tries = np.bincount(people, minlength=count)
    weights = draws(count, seed)
    rates = (weights @ wrong) / np.maximum(weights @ tries, 1)
    return quantiles(rates)


def draws(count: int, seed: int) -> Floats:
    """How often each of `count` people is drawn, in each of a thousand draws."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), _DRAWS).astype(float)


def quantiles(values: Floats) -> list[float]:
    """The middle 95 % of bootstrapped values."""
    edge = (1.0 - _CONFIDENCE) / 2.0
    low, high = np.quantile(values, (edge, 1.0 - edge))
    return [round(float(low), 6), round(float(high), 6)]


def threshold_at(impostors: Floats, allowed: float) -> float:
    """The largest threshold at which the share of impostors at or below it is at most `allowed`."""
    ordered = np.sort(impostors)
    place = int(allowed * len(ordered) + 1e-9)
    return float(np.nextafter(ordered[place], -np.inf)) if place < len(ordered) else float(np.inf)


def missed_at(genuine: Scores, impostors: Scores, allowed: float, seed: int) -> tuple[float | None, list[float] | None]:
    """FNIR (or FNMR) at the threshold where FPIR (or FMR) is at most `allowed`, and its interval.

    In each draw both groups are drawn anew and the threshold is sought anew.
    """
    if not len(genuine.values) or not len(impostors.values):
        return None, None
    missed = genuine.values > threshold_at(impostors.values, allowed)
    if not missed.any():
        return 0.0, interval(missed, genuine.people, seed)
    order = np.argsort(impostors.values)
    ordered, owners = impostors.values[order], impostors.people[order]
    found = []
    for near, far in zip(draws(genuine.count, seed), draws(impostors.count, seed + 1), strict=True):
        cumulated = np.cumsum(far[owners])
        place = int(np.searchsorted(cumulated, allowed * cumulated[-1] + 1e-9, side="right"))
        threshold = np.nextafter(ordered[place], -np.inf) if place < len(ordered) else np.inf
        weight = near[genuine.people]
        found.append(float((weight * (genuine.values > threshold)).sum() / max(weight.sum(), 1.0)))
    return rate(missed), quantiles(np.array(found))


def curve(genuine: Floats, impostors: Floats) -> tuple[Floats, Floats]:
    """False positives and misses at every threshold that changes one of them."""
    finite = np.concatenate((genuine, impostors))
    thresholds = np.unique(finite[np.isfinite(finite)])
    positives = np.searchsorted(np.sort(impostors), thresholds, side="right") / max(len(impostors), 1)
    misses = 1.0 - np.searchsorted(np.sort(genuine), thresholds, side="right") / max(len(genuine), 1)
    return positives, misses


def plot_file(text: str) -> Path:
    """Where a plot can be written, as an option's type."""
    path = Path(text)
    if path.suffix.lower() not in _PLOTS:
        raise argparse.ArgumentTypeError(f"{text} is no plot: end the name in {', '.join(_PLOTS)}")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written: name a file in a folder that is there")
    return path


def draw_det(path: Path, curves: dict[str, tuple[Floats, Floats]], axes: tuple[str, str]) -> None:
    """A DET plot (ISO/IEC 19795-1, log scales); the file's suffix decides its format."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, plane = pyplot.subplots(figsize=(6, 5))
    for name, (positives, misses) in curves.items():
        plane.step(np.maximum(positives, 1e-5), np.maximum(misses, 1e-5), where="post", label=name)
    plane.set(xscale="log", yscale="log", xlabel=axes[0], ylabel=axes[1], xlim=(1e-5, 1), ylim=(1e-5, 1))
    plane.grid(True, which="both", alpha=0.3)
    plane.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
