"""How near is near enough: scores of faces against people, and the threshold that a gallery's own pairs give.

Kiosk and server reckon the same with it. Rows are templates, n x d float32, those of one person together; `starts`
says where each person's rows begin, `counts` how many there are. Distances are Euclidean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Basis = Literal["pairs", "stated", "none"]
"""Where a threshold is from: the gallery's own pairs of people; in a gallery too small for that those, and what is
stated for the embedder; or nowhere yet."""

FPIR = 5e-4
"""How often a stranger may be named, over all enrolled people at once: half of what is wanted, because people who
are alike make tails heavier than the normal law's."""
FEWEST_PAIRS = 100
STATED_THRESHOLD, STATED_MARGIN = 0.45, 0.05
"""For dlib's embedding and small galleries: no stranger of 1,845 named, .16 % missed (44 people, 3 shots)."""
STATED_TAIL = 0.783, 0.075
"""Centre and spread of the scores of different people in small galleries, for dlib's embedding: people of half *a*, 8
enrolled with 3 photos each, 200 splits (`docs/accuracy.md`)."""
LARGEST = 1e3
"""No embedder's numbers are larger; the squares of such ones would overflow, and nothing compare with them."""
_STATED_FOR = "dlib_face_recognition_resnet_model_v1/"
_DLIB_BOUNDS = (0.30, 0.50)
_MARGIN_SPREADS = 0.55
_TAIL = (0.02, 0.05, 0.1)
_LEAST_SPREAD = 0.01
_SHOTS = 3
_MOST_PROBES, _BLOCK = 300, 512
_COHORT_SHARE, _COHORT_HALF, _COHORT_LIMIT = 0.6, 10.0, 0.15


@dataclass(frozen=True, slots=True)
class Calibration:
    """`threshold`, `margin`: of scores. `pairs`: of different people, counted once; 0 without a basis.
    `centre`, `spread`: the normal law that the near half of the pairs follows."""

    threshold: float
    margin: float
    basis: Basis
    pairs: int = 0
    centre: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True)
class People:
    """Everybody's templates as one point each: `middles`, people x d, and `spreads`, half of the mean squared distance
    of a person's templates from it. `lengths`: of the middles, squared, and the spreads."""

    middles: Matrix
    spreads: Matrix
    lengths: Matrix

    @classmethod
    def of(cls, rows: Matrix, starts: NDArray[np.intp]) -> People:
        """The people of these rows."""
        sizes = np.diff(np.append(starts, len(rows))).astype(np.float32)
        middles = np.add.reduceat(rows, starts, axis=0) / sizes[:, np.newaxis] if len(starts) else rows[:0]
        apart = rows - np.repeat(middles, sizes.astype(np.intp), axis=0)
        squares = np.einsum("ij,ij->i", apart, apart)
        spreads = np.add.reduceat(squares, starts) / sizes / 2.0 if len(starts) else squares
        lengths = np.einsum("ij,ij->i", middles, middles) + spreads
        return cls(*(np.ascontiguousarray(part, np.float32) for part in (middles, spreads, lengths)))

    def distances(self, shots: Matrix) -> Matrix:
        """Distance of each shot (k x d) to each person: k x people.

        From the middle of the templates, which one lucky template does not move; lengthened by half of their spread,
        since the middle of what differs lies near to everybody. With one template it is the plain distance.
        """
        squares = self.lengths + np.einsum("ij,ij->i", shots, shots)[:, np.newaxis] - 2.0 * (shots @ self.middles.T)
        return np.sqrt(np.maximum(squares, 0.0)).astype(np.float32)


@dataclass(frozen=True)
class Cohort:
    """All templates of a gallery as one cloud: its middle, the mean squared length of a row, and people in it."""

    middle: NDArray[np.float64]
    mean_square: float
    people: int

    @classmethod
    def of(cls, rows: Matrix, people: int) -> Cohort:
        """The cloud of these rows."""
        count = max(len(rows), 1)
        middle = rows.sum(axis=0, dtype=np.float64) / count
        return cls(middle, float(np.einsum("ij,ij->", rows, rows, dtype=np.float64)) / count, people)

    def correction(self, shots: Matrix) -> float:
        """What is added to each distance of this presentation (k x d) to make it comparable with others.

        A dark or blurred face lies nearer to everybody, so nearness to one says less. Six tenths of how much nearer
        the shots lie to all rows (root of the mean square) than rows lie to each other is added: test normalisation
        (Auckenthaler et al. 2000), less in small galleries, never more than .09. Chosen on one half of the people
        (`docs/accuracy.md`).
        """
        if self.people < 2:
            return 0.0
        plain = shots.astype(np.float64)
        squares = np.einsum("ij,ij->i", plain, plain) - 2.0 * plain @ self.middle + self.mean_square
        typical = np.sqrt(max(2.0 * (self.mean_square - float(self.middle @ self.middle)), 0.0))
        nearer = typical - float(np.sqrt(np.maximum(squares, 0.0)).mean())
        share = _COHORT_SHARE * (self.people - 1) / (self.people - 1 + _COHORT_HALF)
        return float(share * min(max(nearer, -_COHORT_LIMIT), _COHORT_LIMIT))


def calibrate(rows: Matrix, counts: NDArray[np.intp], embedder: str, fpir: float = FPIR) -> Calibration:
    """Threshold and margin of a gallery; `counts`: rows of each person, at least one.

    Up to three templates of each person are searched among everybody else, as shots are. The lower tail of these
    scores is taken as normal, its centre their median, its spread from three low quantiles; the threshold is where
    a stranger, compared with everybody, is named with probability `fpir`. With fewer than 100 pairs (15 people) each
    pair counts for a hundredth, and the tail stated for the embedder for the rest; no threshold is then wider than the
    one stated. An embedder of which nothing is stated is not calibrated until then, and nobody is named; nor is
    anybody, by a threshold of 0, where all people are as far apart as all others.
    """
    people = len(counts)
    pairs = people * (people - 1) // 2
    stated, enough = embedder.startswith(_STATED_FOR), pairs >= FEWEST_PAIRS
    if not stated and not enough:
        return Calibration(0.0, 0.0, "none")
    centre, spread = normal_tail(impostor_scores(rows, counts)) if pairs else STATED_TAIL
    if not enough:
        own = pairs / FEWEST_PAIRS
        centre, spread = (
            own * here + (1 - own) * told for here, told in zip((centre, spread), STATED_TAIL, strict=True)
        )
    margin = STATED_MARGIN if stated else _MARGIN_SPREADS * spread
    found = Calibration(0.0, margin, "pairs" if enough else "stated", pairs, centre, spread)
    threshold = threshold_for(found, fpir, max(people, 1)) if spread > _LEAST_SPREAD * centre else 0.0
    if stated:
        threshold = min(max(threshold, _DLIB_BOUNDS[0]), _DLIB_BOUNDS[1] if enough else STATED_THRESHOLD)
    return replace(found, threshold=max(threshold, 0.0))


def threshold_for(found: Calibration, fpir: float, people: int) -> float:
    """Where a stranger, compared with so many people, is named at this rate."""
    return found.centre + found.spread * NormalDist().inv_cdf(fpir / people)


def impostor_scores(rows: Matrix, counts: NDArray[np.intp]) -> Matrix:
    """Scores of people against all other people, up to 300 people searching, three templates of each as shots."""
    starts = starts_of(counts)
    people, cohort = People.of(rows, starts), Cohort.of(rows, len(counts))
    found = []
    for person in range(0, len(counts), -(-len(counts) // _MOST_PROBES)):
        shots = rows[starts[person] : starts[person] + min(counts[person], _SHOTS)]
        fused = people.distances(shots).mean(axis=0)
        found.append(np.delete(fused, person) + np.float32(cohort.correction(shots)))
    return np.concatenate(found)


def alike(rows: Matrix, counts: NDArray[np.intp], threshold: float) -> list[tuple[float, int, int]]:
    """Pairs of people of whom one, with all templates for shots, scores `threshold` or less against the other.

    Each pair once, lower place first, with the lower of its two scores; nearest pairs first.
    """
    starts = starts_of(counts)
    people, cohort = People.of(rows, starts), Cohort.of(rows, len(counts))
    corrections = [cohort.correction(rows[a:b]) for a, b in zip(starts, starts + counts, strict=True)]
    found: dict[tuple[int, int], float] = {}
    for first in range(0, len(counts), _BLOCK):
        block = slice(first, first + _BLOCK)
        squares = people.distances(people.middles[block]) ** 2 + 2.0 * people.spreads[block, np.newaxis]
        scores = np.sqrt(squares) + np.array(corrections[block], np.float32)[:, np.newaxis]
        for one, other in zip(*np.nonzero(scores <= threshold), strict=True):
            person = first + int(one)
            if person != other:
                pair = min(person, int(other)), max(person, int(other))
                found[pair] = min(float(scores[one, other]), found.get(pair, np.inf))
    return sorted((score, *pair) for pair, score in found.items())


def starts_of(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where each person's rows begin."""
    return (np.cumsum(counts) - counts).astype(np.intp)


def normal_tail(values: NDArray[np.floating]) -> tuple[float, float]:
    """Centre and spread of the normal law that the lower tail of `values` follows."""
    centre, *low = np.quantile(values, (0.5, *_TAIL))
    normal = NormalDist()
    spread = np.mean([(centre - value) / -normal.inv_cdf(share) for value, share in zip(low, _TAIL, strict=True)])
    return float(centre), float(spread)
