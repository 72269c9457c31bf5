"""Exact 1:N search over templates: distances by one matrix product, several templates and shots fused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import GalleryError
from kiosk.values import Match

DEFAULT_THRESHOLD = 0.45
"""For dlib's embedding and small galleries: no stranger of 1,845 named, .16 % missed (44 people, 3 shots)."""
DEFAULT_MARGIN = 0.05
UNSURE_BAND = 0.04
"""Beyond the threshold by no more than this is "unsure: again", not "unknown"."""
_FEWEST_PAIRS = 200
_STRICTEST = 0.33


@dataclass(frozen=True)
class Templates:
    """What is searched. `matrix`: n x d float32; `owners`: n int32, index into `people` (opaque ids);
    `threshold` and `margin`: Euclidean distances. Rows are put in the order of their owners.

    Raises GalleryError where the parts do not fit each other or a number is not finite.
    """

    matrix: NDArray[np.float32]
    owners: NDArray[np.int32]
    people: tuple[str, ...]
    embedder: str
    threshold: float = DEFAULT_THRESHOLD
    margin: float = DEFAULT_MARGIN
    _squares: NDArray[np.float32] = field(init=False, repr=False, compare=False)
    _starts: NDArray[np.intp] = field(init=False, repr=False, compare=False)
    _present: NDArray[np.int32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix)
        owners = np.asarray(self.owners, np.int32)
        if matrix.ndim != 2 or matrix.dtype != np.float32 or owners.shape != (len(matrix),):
            raise GalleryError(
                f"templates are {matrix.shape} {matrix.dtype} with {owners.shape} owners; expected "
                "n x d float32 with n owners. Fetch the gallery again."
            )
        if len(owners) and (owners.min() < 0 or owners.max() >= len(self.people)):
            raise GalleryError("a template belongs to nobody in the gallery. Fetch the gallery again.")
        if not np.isfinite(matrix).all():
            raise GalleryError("a template holds a number that is not finite. Enrol that person again.")
        order = np.argsort(owners, kind="stable")
        owners = owners[order]
        set_ = object.__setattr__
        set_(self, "matrix", np.ascontiguousarray(matrix[order]))
        set_(self, "owners", owners)
        set_(self, "_squares", np.einsum("ij,ij->i", self.matrix, self.matrix))
        present, starts = np.unique(owners, return_index=True)
        set_(self, "_present", present)
        set_(self, "_starts", starts)


def person_distances(templates: Templates, shots: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of each shot to each person who has templates: k x people.

    A person's distance is the mean over the two nearest templates: one lucky template names nobody.
    """
    product = templates.matrix @ shots.T
    squares = templates._squares[:, np.newaxis] + np.einsum("ij,ij->i", shots, shots) - 2.0 * product
    distances = np.sqrt(np.maximum(squares, 0.0))
    starts = templates._starts
    first = np.minimum.reduceat(distances, starts, axis=0)
    sizes = np.diff(np.append(starts, len(distances)))
    # The second nearest is the nearest once the first is set aside; where two are equally near, it is as near.
    nearest = distances == np.repeat(first, sizes, axis=0)
    second = np.minimum.reduceat(np.where(nearest, np.inf, distances), starts, axis=0)
    second = np.where(np.add.reduceat(nearest, starts, axis=0, dtype=np.int32) > 1, first, second)
    return np.where(np.isfinite(second), (first + second) / 2.0, first).T.astype(np.float32)


def search(templates: Templates, shots: NDArray[np.float32]) -> Match:
    """The nearest person over the fused shots (k x d float32) of one track.

    "known": within the threshold and nearer than anyone else by the margin. "unsure": the margin is missing,
    or the threshold was missed narrowly. "unknown": everything else. Raises GalleryError where the shots' width
    is not the gallery's.
    """
    shots = np.atleast_2d(np.asarray(shots, np.float32))
    if not len(templates.matrix) or not len(shots):
        return Match("unknown", None, None, None)
    if shots.shape[1] != templates.matrix.shape[1]:
        raise GalleryError(
            f"the camera's embedder gives {shots.shape[1]} numbers, the gallery holds "
            f"{templates.matrix.shape[1]} ({templates.embedder}). Configure that embedder, or enrol again."
        )
    scores = person_distances(templates, shots).mean(axis=0)
    order = np.argsort(scores)[:2]
    distance = float(scores[order[0]])
    margin = float(scores[order[1]]) - distance if len(order) > 1 else None
    person = templates.people[int(templates._present[order[0]])]
    if not math.isfinite(distance) or distance > templates.threshold + UNSURE_BAND:
        return Match("unknown", None, distance, margin)
    if distance > templates.threshold or (margin is not None and margin < templates.margin):
        return Match("unsure", person, distance, margin)
    return Match("known", person, distance, margin)


def calibrated(templates: Templates, fpir: float = 1e-3) -> tuple[float, float]:
    """Threshold and margin for this gallery, from its own impostor pairs.

    Distances between different people (their median, and the spread of those below it) are taken as normal in
    their lower tail; the threshold is where a stranger, compared with everybody enrolled, is named with
    probability `fpir`. It is never looser than DEFAULT_THRESHOLD, and is that where fewer than 200 pairs of
    people exist.
    """
    people = len(templates._present)
    if people * (people - 1) // 2 < _FEWEST_PAIRS:
        return DEFAULT_THRESHOLD, DEFAULT_MARGIN
    # One template a person, at most 500 of them, keeps this to a quarter of a million pairs.
    chosen = templates._starts[:: max(people // 500, 1)]
    rows = templates.matrix[chosen]
    pairs = person_distances(templates, rows)
    own = np.searchsorted(templates._present, templates.owners[chosen])
    pairs[np.arange(len(rows)), own] = np.nan
    normal, tail = NormalDist(), (0.02, 0.05, 0.1)
    median, *low = np.nanquantile(pairs, (0.5, *tail))
    spread = np.mean([(median - value) / -normal.inv_cdf(share) for value, share in zip(low, tail, strict=True)])
    threshold = float(median + spread * normal.inv_cdf(fpir / people))
    return min(max(threshold, _STRICTEST), DEFAULT_THRESHOLD), DEFAULT_MARGIN
