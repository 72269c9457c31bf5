"""Exact 1:N search over people: distances by one matrix product, several templates and shots fused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import GalleryError
from kiosk.values import Match
from protocol import calibration
from protocol.calibration import Basis, Calibration, Cohort, People
from protocol.enrolment import lengths_of

DEFAULT_THRESHOLD, DEFAULT_MARGIN = calibration.STATED_THRESHOLD, calibration.STATED_MARGIN
UNSURE_BAND = 0.8
"""Beyond the threshold by no more than this share of the margin is "unsure: again", not "unknown"."""


@dataclass(frozen=True)
class Templates:
    """What is searched. `matrix`: n x d float32; `owners`: n int32, index into `people` (opaque ids);
    `threshold` and `margin`: of scores, see protocol.calibration; `basis` and `pairs`: where they are from.
    `alike`: for each person who is listed, those hard to tell apart.
    Rows are put in the order of their owners; `counts`: rows of each person who has any.

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
    alike: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _cohort: Cohort = field(init=False, repr=False, compare=False)
    _people: People = field(init=False, repr=False, compare=False)
    counts: NDArray[np.intp] = field(init=False, repr=False, compare=False)
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
        if not (np.abs(matrix) <= calibration.LARGEST).all():
            raise GalleryError("a template holds a number that is not finite, or too large. Enrol that person again.")
        lengths, (least, most) = np.linalg.norm(matrix, axis=1), lengths_of(self.embedder)
        if ((lengths < least) | (lengths > most)).any():
            far = lengths[int(np.abs(np.log(np.maximum(lengths, 1e-9))).argmax())]
            raise GalleryError(
                f"a template is {far:.3g} long, of {self.embedder} they are from {least:g} to {most:g}: it was scaled, "
                "or is of another embedder. Enrol that person again."
            )
        order = np.argsort(owners, kind="stable")
        owners = owners[order]
        set_ = object.__setattr__
        set_(self, "matrix", np.ascontiguousarray(matrix[order]))
        set_(self, "owners", owners)
        present, starts, counts = np.unique(owners, return_index=True, return_counts=True)
        set_(self, "_present", present)
        set_(self, "counts", counts)
        set_(self, "_people", People.of(self.matrix, starts))
        set_(self, "_cohort", Cohort.of(self.matrix, len(present)))


def person_distances(templates: Templates, shots: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of each shot to each person who has templates: k x people."""
    return templates._people.distances(shots)


def search(templates: Templates, shots: NDArray[np.float32]) -> Match:
    """The nearest person over the fused shots (k x d float32) of one track.

    Distances and margins are scores (see protocol.calibration). "known": within the threshold and nearer than
    anyone else by the margin. "unsure": the margin is missing, the threshold was missed narrowly or is 0, as of an
    embedder that does not tell people apart, or the person is listed as hard to tell from others. "unknown":
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
    if not (np.abs(shots) <= calibration.LARGEST).all():
        return Match("unknown", None, None, None)
    fused = templates._people.distances(shots).mean(axis=0)
    nearest = int(fused.argmin())
    distance = max(float(fused[nearest]) + templates._cohort.correction(shots), 0.0)
    margin = float(np.partition(fused, 1)[1] - fused[nearest]) if len(fused) > 1 else None
    person = templates.people[int(templates._present[nearest])]
    if distance > templates.threshold + UNSURE_BAND * templates.margin:
        return Match("unknown", None, distance, margin)
    if distance <= templates.threshold and person in templates.alike:
        return Match("unsure", person, distance, margin, templates.alike[person])
    near = margin is not None and margin < templates.margin
    if distance > templates.threshold or near or templates.threshold <= 0.0:
        return Match("unsure", person, distance, margin)
    return Match("known", person, distance, margin)


def search_site(templates: Templates, office: Templates | None, shots: NDArray[np.float32]) -> Match:
    """`search` at a kiosk whose own `office` is part of the gallery (as of `part_of`; None where that is not known).

    The office's wider threshold names only who is the nearest of the whole gallery, by the office's margin: a visitor
    is never taken for a colleague of the office who is farther, or hardly nearer. Whoever it does not name, the whole
    gallery's rule does, or nobody.
    """
    match = search(templates, shots)
    if office is None:
        return match
    if match.outcome != "known":
        near = search(office, shots)
        if near.outcome == "known":
            fused = templates._people.distances(np.atleast_2d(shots)).mean(axis=0)
            nearest = templates.people[int(templates._present[fused.argmin()])]
            margin = float(np.partition(fused, 1)[1] - fused.min()) if len(fused) > 1 else None
            if nearest == near.person and (margin is None or margin >= office.margin):
                return replace(near, margin=margin)
    return replace(match, visiting=_visits(match.person, office))


def verify(templates: Templates, office: Templates | None, shots: NDArray[np.float32], person: str) -> Match:
    """The fused shots (k x d float32) against one person whom something else than the face names, as a card does.

    "known" within the threshold, "unsure" beyond it, "unknown" where the gallery does not hold the person; `margin`:
    how much farther the nearest other person is, negative where that one is nearer.
    """
    shots = np.atleast_2d(np.asarray(shots, np.float32))
    present = [templates.people[owner] for owner in templates._present]
    if person not in present:
        return Match("unknown", None, None, None)
    fused, place = templates._people.distances(shots).mean(axis=0), present.index(person)
    distance = max(float(fused[place]) + templates._cohort.correction(shots), 0.0)
    margin = float(np.delete(fused, place).min() - fused[place]) if len(fused) > 1 else None
    outcome: Literal["known", "unsure"] = "known" if distance <= templates.threshold > 0.0 else "unsure"
    return Match(outcome, person, distance, margin, visiting=_visits(person, office))


def _visits(person: str | None, office: Templates | None) -> bool:
    return office is not None and person is not None and person not in office.people


def part_of(templates: Templates, people: Collection[str]) -> Templates:
    """The gallery of these people alone, as of one office, with the threshold that its own pairs give.

    Fewer people are compared with, so the threshold is wider. It may name strangers half as often as the whole
    gallery's, so that both together do one and a half times as often as one, at most. Whom it would take for each other
    is listed as alike too.
    """
    places = [place for place, person in enumerate(templates.people) if person in people]
    chosen = np.isin(templates.owners, places)
    owners = np.searchsorted(places, templates.owners[chosen]).astype(np.int32)
    names = tuple(templates.people[place] for place in places)
    part = replace(templates, matrix=templates.matrix[chosen], owners=owners, people=names)
    found = calibration_of(part, calibration.FPIR / 2)
    present = [names[owner] for owner in part._present]
    near = {
        (present[one], present[other]) for _, one, other in calibration.alike(part.matrix, part.counts, found.threshold)
    }
    near |= {(person, other) for person, others in templates.alike.items() for other in others}
    return replace(
        part,
        threshold=found.threshold,
        margin=found.margin,
        basis=found.basis,
        pairs=found.pairs,
        alike=alike_of(near),
    )


def alike_of(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Look-alikes of each person who is in any of the pairs, whichever way round."""
    found: dict[str, set[str]] = {}
    for pair in pairs:
        for person, other in (pair, pair[::-1]):
            found.setdefault(person, set()).add(other)
    return {person: tuple(sorted(others)) for person, others in sorted(found.items())}


def calibration_of(templates: Templates, fpir: float = calibration.FPIR) -> Calibration:
    """What this gallery's own pairs of people say (see protocol.calibration.calibrate)."""
    return calibration.calibrate(templates.matrix, templates.counts, templates.embedder, fpir)


def calibrated(templates: Templates, fpir: float = calibration.FPIR) -> tuple[float, float]:
    """Threshold and margin for this gallery."""
    found = calibration_of(templates, fpir)
    return found.threshold, found.margin
