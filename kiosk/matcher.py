"""Exact 1:N search over templates: distances by one matrix product, several templates and shots fused."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import GalleryError
from kiosk.values import Match
from protocol import calibration
from protocol.calibration import Basis, Calibration, Cohort

DEFAULT_THRESHOLD, DEFAULT_MARGIN = calibration.STATED_THRESHOLD, calibration.STATED_MARGIN
UNSURE_BAND = 0.04
"""Beyond the threshold by no more than this is "unsure: again", not "unknown"."""

_LIKELY = 16
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Templates:
    """What is searched. `matrix`: n x d float32; `owners`: n int32, index into `people` (opaque ids);
    `threshold` and `margin`: of scores, see protocol.calibration; `basis` and `pairs`: where they are from.
    Rows are put in the order of their owners.

    Raises GalleryError where the parts do not fit each other or a number is not finite.
    """

    matrix: NDArray[np.float32]
    owners: NDArray[np.int32]
    people: tuple[str, ...]
    embedder: str
    threshold: float = DEFAULT_THRESHOLD
    margin: float = DEFAULT_MARGIN
    basis: Basis = "stated"
    pairs: int = 0
    _cohort: Cohort = field(init=False, repr=False, compare=False)
    _columns: NDArray[np.float32] = field(init=False, repr=False, compare=False)
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
        # Twice the rows, column after column: one shot against all of them then takes half the time.
        set_(self, "_columns", np.ascontiguousarray(2.0 * self.matrix.T))
        present, starts = np.unique(owners, return_index=True)
        set_(self, "_present", present)
        set_(self, "_starts", starts)
        set_(self, "_cohort", Cohort.of(self.matrix, len(present)))


def person_distances(templates: Templates, shots: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of each shot to each person who has templates: k x people."""
    return calibration.person_distances(templates.matrix, templates._starts, shots, templates._squares)


def search(templates: Templates, shots: NDArray[np.float32]) -> Match:
    """The nearest person over the fused shots (k x d float32) of one track.

    Distances and margins are scores (see protocol.calibration). "known": within the threshold and nearer than
    anyone else by the margin. "unsure": the margin is missing, or the threshold was missed narrowly. "unknown":
    everything else. Raises GalleryError where the shots' width is not the gallery's.
    """
    shots = np.atleast_2d(np.asarray(shots, np.float32))
    if not len(templates.matrix) or not len(shots):
        return Match("unknown", None, None, None)
    if shots.shape[1] != templates.matrix.shape[1]:
        raise GalleryError(
            f"the camera's embedder gives {shots.shape[1]} numbers, the gallery holds "
            f"{templates.matrix.shape[1]} ({templates.embedder}). Configure that embedder, or enrol again."
        )
    if not np.isfinite(shots).all():
        return Match("unknown", None, None, None)
    nearest, found = _nearest_two(templates, shots)
    correction = templates._cohort.correction(shots)
    distance = max(float(found[0]) + correction, 0.0)
    margin = float(found[1] - found[0]) if len(found) > 1 else None
    person = templates.people[int(templates._present[nearest[0]])]
    if distance > templates.threshold + UNSURE_BAND:
        return Match("unknown", None, distance, margin)
    if distance > templates.threshold or (margin is not None and margin < templates.margin):
        return Match("unsure", person, distance, margin)
    return Match("known", person, distance, margin)


def _nearest_two(templates: Templates, shots: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The two people nearest to the fused shots and their distances, as `person_distances` has them.

    Nobody's distance is below the mean over the shots of that to the nearest template. So only few people need the
    exact distance: those whose bound is not beyond the second best exact one.
    """
    # One product a shot: few shots together make BLAS pack the whole gallery anew.
    products = (shot @ templates._columns for shot in shots)
    first = np.stack([np.minimum.reduceat(templates._squares - one, templates._starts) for one in products])
    first += np.einsum("ij,ij->i", shots, shots)[:, np.newaxis]
    bound = np.sqrt(np.maximum(first, 0.0)).mean(axis=0)
    some = np.argpartition(bound, _LIKELY)[:_LIKELY] if len(bound) > _LIKELY else np.arange(len(bound))
    exact = _fused(templates, shots, some)
    second = np.partition(exact, 1)[1] if len(exact) > 1 else exact[0]
    some = np.flatnonzero(bound <= second + _ROUNDING)
    exact = _fused(templates, shots, some)
    order = np.argsort(exact)[:2]
    return some[order], exact[order]


def _fused(templates: Templates, shots: NDArray[np.float32], people: NDArray[np.intp]) -> NDArray[np.float32]:
    """Distances of the fused shots to some of the people."""
    ends = np.append(templates._starts[1:], len(templates.matrix))
    starts, sizes = templates._starts[people], ends[people] - templates._starts[people]
    places = np.append(0, np.cumsum(sizes)[:-1])
    rows = np.repeat(starts - places, sizes) + np.arange(sizes.sum())
    distances = calibration.person_distances(templates.matrix[rows], places, shots, templates._squares[rows])
    return np.asarray(distances.mean(axis=0), np.float32)


def calibration_of(templates: Templates, fpir: float = calibration.FPIR) -> Calibration:
    """What this gallery's own pairs of people say (see protocol.calibration.calibrate)."""
    counts = np.diff(np.append(templates._starts, len(templates.matrix)))
    return calibration.calibrate(templates.matrix, counts, templates.embedder, fpir)


def calibrated(templates: Templates, fpir: float = calibration.FPIR) -> tuple[float, float]:
    """Threshold and margin for this gallery."""
    found = calibration_of(templates, fpir)
    return found.threshold, found.margin
