"""What the tail of impostor scores says of a larger gallery than there are people to measure."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol import calibration
from simulation.evaluate.rates import draws, quantiles, rate
from simulation.evaluate.splits import Searched

METHOD = (
    "Scores of strangers against single enrolled people are taken as normal in their lower tail (quantiles .02, .05, "
    ".1 and the median); a stranger is named when the nearest of N independent people is within the threshold that "
    "the galleries' own pairs give for N. The margin, which only lowers FPIR, is left out of it and counted in FNIR. "
    "Intervals: bootstrap over people, of strangers and mates; the sensitivity takes the nearest hundredth of scores "
    "as exponential instead. People who are alike (relatives, one region) make the truth worse than this."
)
_TOO_FEW = (
    f"no gallery has {calibration.FEWEST_PAIRS} pairs of people (15 enrolled), so none has a rule of its own whose "
    "growth could be reckoned"
)
_NORMAL = NormalDist()
_AIMS = (0.3, 0.1, 0.03, 0.01, 0.003)


def extrapolate(searches: list[Searched], enrolled: int, seed: int, aim: float = calibration.FPIR) -> dict[str, Any]:
    """FPIR and FNIR with `enrolled` people at the rule that would ship for so many, were `aim` its FPIR.

    Without figures, and with the reason, where the searches cannot tell.
    """
    strangers = [one for one in searches if not one.mated]
    mates = [one for one in searches if one.mated]
    calibrations = {one.split: one.gallery.calibration for one in searches}.values()
    reckoned = [found for found in calibrations if found.basis == "pairs"]
    if not strangers or not mates or not reckoned:
        missing = "searches of strangers" if not strangers else "searches of people enrolled"
        reason = f"the splits hold no {missing}" if not strangers or not mates else _TOO_FEW
        return {"enrolled": enrolled, "fpir": None, "fnir": None, "reason": reason}
    threshold = float(np.mean([calibration.threshold_for(one, aim, enrolled) for one in reckoned]))
    margin = reckoned[0].margin
    pair_scores = [_all_scores(one) for one in strangers]
    owners = [one.person for one in strangers]
    own = np.array([one.match.distance if one.right and one.match.distance is not None else np.inf for one in mates])
    centre, spread = calibration.normal_tail(np.concatenate(pair_scores))
    names, mate_names = sorted(set(owners)), sorted({one.person for one in mates})
    grouped = [np.concatenate([s for s, who in zip(pair_scores, owners, strict=True) if who == n]) for n in names]
    by_mate = [own[[one.person == name for one in mates]] for name in mate_names]

    positives, misses = [], []
    for near, far in zip(draws(len(mate_names), seed)[:200], draws(len(names), seed + 1)[:200], strict=True):
        drawn = np.concatenate([np.tile(scores, int(n)) for scores, n in zip(grouped, far, strict=True) if n])
        law = calibration.normal_tail(drawn)
        positives.append(_named(threshold, *law, enrolled))
        taken = np.concatenate([np.tile(scores, int(n)) for scores, n in zip(by_mate, near, strict=True) if n])
        misses.append(_missed(taken, threshold, margin, law, enrolled))
    return {
        "enrolled": enrolled,
        "threshold": round(threshold, 4),
        "fpir": round(_named(threshold, centre, spread, enrolled), 6),
        "fpir_interval": quantiles(np.array(positives)),
        "fpir_if_tail_exponential": round(_exponential(np.concatenate(pair_scores), threshold, enrolled), 6),
        "fnir": round(_missed(own, threshold, margin, (centre, spread), enrolled), 6),
        "fnir_interval": quantiles(np.array(misses)),
        "impostor_scores": sum(map(len, pair_scores)),
        "strangers": len(names),
        "method": METHOD,
    }


def foretold(searches: list[Searched]) -> dict[str, float] | None:
    """FPIR found on strangers where a gallery's own pairs foretell it, without the margin; None without either."""
    strangers = [one for one in searches if not one.mated and one.gallery.calibration.basis == "pairs"]
    if not strangers:
        return None
    found = {}
    for aim in _AIMS:
        named = [
            one.match.distance is not None
            and one.match.distance <= calibration.threshold_for(one.gallery.calibration, aim, one.gallery.people)
            for one in strangers
        ]
        found[f"{aim:g}"] = round(sum(named) / len(named), 6)
    return found


def checked(small: list[Searched], large: list[Searched], seed: int) -> dict[str, Any]:
    """What the searches of a small gallery foretell of a larger one, beside what that one did at the same threshold.

    For several aims, since at the shipped one hardly anybody is named.
    """
    enrolled = int(np.median([one.gallery.people for one in large]))
    rows = []
    for aim in (*_AIMS, calibration.FPIR):
        told = extrapolate(small, enrolled, seed, aim)
        if "reason" in told:
            return told
        within = [one.match.distance is not None and one.match.distance <= told["threshold"] for one in large]
        named = np.array([near for one, near in zip(large, within, strict=True) if not one.mated], bool)
        missed = np.array(
            [
                not (near and one.right and (one.match.margin or 0.0) >= one.gallery.calibration.margin)
                for one, near in zip(large, within, strict=True)
                if one.mated
            ],
            bool,
        )
        row = {name: told[name] for name in ("threshold", "fpir", "fpir_interval", "fnir", "fnir_interval")}
        rows.append({"aim": aim, "foretold": row, "found": {"fpir": rate(named), "fnir": rate(missed)}})
    return {"enrolled": enrolled, "foretold_from": sorted({one.gallery.people for one in small}), "at": rows}


def _all_scores(one: Searched) -> NDArray[np.float32]:
    """Scores of a search against every person enrolled."""
    templates = one.gallery.templates
    starts = np.flatnonzero(np.diff(templates.owners, prepend=-1)).astype(np.intp)
    fused = calibration.People.of(templates.matrix, starts).distances(one.shots).mean(axis=0)
    cohort = calibration.Cohort.of(templates.matrix, len(templates.people))
    return fused + np.float32(cohort.correction(one.shots))


def _named(threshold: float, centre: float, spread: float, enrolled: int) -> float:
    return 1.0 - (1.0 - _NORMAL.cdf((threshold - centre) / spread)) ** enrolled


def _missed(
    own: NDArray[np.float64], threshold: float, margin: float, law: tuple[float, float], enrolled: int
) -> float:
    """Beyond the threshold, or with somebody among the others nearer than the margin allows."""
    centre, spread = law
    kept = [1.0 - _named(float(value) + margin, centre, spread, enrolled - 1) for value in own if value <= threshold]
    return 1.0 - sum(kept) / len(own)


def _exponential(scores: NDArray[np.float32], threshold: float, enrolled: int) -> float:
    """Peaks over a threshold with an exponential tail: heavier than the normal law's."""
    start = float(np.quantile(scores, 0.01))
    mean = float((start - scores[scores < start]).mean())
    chance = 0.01 * float(np.exp(-(start - threshold) / mean)) if threshold < start else 1.0
    return 1.0 - (1.0 - min(chance, 1.0)) ** enrolled
