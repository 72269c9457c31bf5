"""How near is near enough: scores of faces against people, and the threshold that a gallery's own pairs give.

Kiosk and server reckon the same with it. Rows are templates, n x d float32, those of one person together; `starts`
says where each person's rows begin. Distances are Euclidean.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Basis = Literal["pairs", "stated", "none"]
"""Where a threshold is from: the gallery's own pairs of people, a figure stated for the embedder, or nowhere yet."""

FPIR = 5e-4
"""How often a stranger may be named, over all enrolled people at once: half of what is wanted, because people who
are alike make tails heavier than the normal law's."""
FEWEST_PAIRS = 100
STATED_THRESHOLD, STATED_MARGIN = 0.45, 0.05
"""For dlib's embedding and small galleries: no stranger of 1,845 named, .16 % missed (44 people, 3 shots)."""
_STATED_FOR = "dlib_face_recognition_resnet_model_v1/"
_DLIB_BOUNDS = (0.30, 0.50)
_MARGIN_SPREADS = 0.55
_TAIL = (0.02, 0.05, 0.1)
_SHOTS = 3
_MOST_PROBES = 300
_COHORT_SHARE, _COHORT_HALF, _COHORT_LIMIT = 0.6, 10.0, 0.15


@dataclass(frozen=True, slots=True)
class Calibration:
    """`threshold`, `margin`: of scores. `pairs`: of different people, counted once; 0 unless they are the basis.
    `centre`, `spread`: the normal law that the near half of the pairs follows."""

    threshold: float
    margin: float
    basis: Basis
    pairs: int = 0
    centre: float = 0.0
    spread: float = 0.0


def person_distances(rows: Matrix, starts: NDArray[np.intp], shots: Matrix, squares: Matrix | None = None) -> Matrix:
    """Distance of each shot (k x d) to each person: k x people. `squares`: of the rows' lengths, where known.

    A person's distance is the mean over the two nearest templates: one lucky template names nobody.
    """
    if squares is None:
        squares = np.einsum("ij,ij->i", rows, rows)
    product = squares[:, np.newaxis] + np.einsum("ij,ij->i", shots, shots) - 2.0 * (rows @ shots.T)
    distances = np.sqrt(np.maximum(product, 0.0))
    first = np.minimum.reduceat(distances, starts, axis=0)
    sizes = np.diff(np.append(starts, len(distances)))
    # The second nearest is the nearest once the first is set aside; where two are equally near, it is as near.
    nearest = distances == np.repeat(first, sizes, axis=0)
    second = np.minimum.reduceat(np.where(nearest, np.inf, distances), starts, axis=0)
    second = np.where(np.add.reduceat(nearest, starts, axis=0, dtype=np.int32) > 1, first, second)
    return np.where(np.isfinite(second), (first + second) / 2.0, first).T.astype(np.float32)


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
    a stranger, compared with everybody, is named with probability `fpir`. With fewer than 100 pairs (15 people) the
    figures stated for the embedder hold; an embedder without any is not calibrated, and then nobody is named.
    """
    people = len(counts)
    pairs = people * (people - 1) // 2
    stated = embedder.startswith(_STATED_FOR)
    if pairs < FEWEST_PAIRS:
        return Calibration(STATED_THRESHOLD, STATED_MARGIN, "stated") if stated else Calibration(0.0, 0.0, "none")
    low = impostor_scores(rows, counts)
    centre, spread = normal_tail(low)
    threshold = centre + spread * NormalDist().inv_cdf(fpir / people)
    if stated:
        threshold = min(max(threshold, _DLIB_BOUNDS[0]), _DLIB_BOUNDS[1])
    margin = STATED_MARGIN if stated else _MARGIN_SPREADS * spread
    return Calibration(max(threshold, 0.0), margin, "pairs", pairs, centre, spread)


def impostor_scores(rows: Matrix, counts: NDArray[np.intp]) -> Matrix:
    """Scores of people against all other people, up to 300 people searching, three templates of each as shots."""
    people = len(counts)
    starts = np.append(0, np.cumsum(counts)[:-1]).astype(np.intp)
    squares, cohort = np.einsum("ij,ij->i", rows, rows), Cohort.of(rows, people)
    found = []
    for person in range(0, people, -(-people // _MOST_PROBES)):
        shots = rows[starts[person] : starts[person] + min(counts[person], _SHOTS)]
        fused = person_distances(rows, starts, shots, squares).mean(axis=0)
        found.append(np.delete(fused, person) + np.float32(cohort.correction(shots)))
    return np.concatenate(found)


def normal_tail(values: NDArray[np.floating]) -> tuple[float, float]:
    """Centre and spread of the normal law that the lower tail of `values` follows."""
    centre, *low = np.quantile(values, (0.5, *_TAIL))
    normal = NormalDist()
    spread = np.mean([(centre - value) / -normal.inv_cdf(share) for value, share in zip(low, _TAIL, strict=True)])
    return float(centre), float(spread)
