"""Random parts of the people enrolled, the others strangers; every search answered by the product's own matcher."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kiosk.enrol.enrolment import ShotReport, without_outliers
from kiosk.matcher import Templates, calibration_of, search
from kiosk.recognition.embedder import Described, DlibEmbedder
from kiosk.values import Match
from protocol.calibration import Calibration
from simulation.evaluate.captures import Capture

Vectors = NDArray[np.float32]
_MOST_LEFT_OUT = 50
"""So many distractors search in one split: each by a gallery of its own."""


@dataclass(frozen=True)
class Gallery:
    """One split's enrolled people; `calibration`: of its own pairs, as shipped."""

    templates: Templates
    calibration: Calibration

    @property
    def people(self) -> int:
        """How many are enrolled."""
        return len(self.templates.people)


@dataclass(frozen=True)
class Searched:
    """One search. `mated`: the person is enrolled. `shots`: k x d, fused."""

    split: int
    person: str
    mated: bool
    shots: Vectors
    match: Match
    gallery: Gallery

    @property
    def right(self) -> bool:
        """Whether the nearest person is the one who searched."""
        return self.mated and self.match.person == self.person

    @property
    def named(self) -> bool:
        """Whether the shipped rule names somebody."""
        return self.match.outcome == "known"

    @property
    def missed(self) -> bool:
        """Whether a mated search did not name its person."""
        return not (self.named and self.right)


@dataclass
class Run:
    """What the splits gave. Failures are counted once for each split in which they happened.

    `enrolments`: of people who also search. `not_enrolled`: whose failed, and the reasons against each photo.
    `others`: searches of distractors by galleries without them, one template fewer than the others had.
    """

    searches: list[Searched] = field(default_factory=list)
    others: list[Searched] = field(default_factory=list)
    enrolments: int = 0
    not_enrolled: list[tuple[str, list[tuple[str, ...]]]] = field(default_factory=list)
    search_photos: int = 0
    refused_search: list[tuple[str, ...]] = field(default_factory=list)


def run(
    people: dict[str, list[Capture]],
    *,
    enrol: int,
    shots: int,
    seed: int,
    splits: int,
    worn: int = 0,
    distractors: dict[str, list[Capture]] | None = None,
    embedder: Described = DlibEmbedder,
    most_enrolled: int | None = None,
) -> Run:
    """Two thirds of the people, or `most_enrolled`, enrolled with `enrol` photos each, `worn` of them degraded.

    They are drawn anew in each split. Search photos that the quality gate refuses are failures to acquire; the others
    are fused by `shots`. What is left over makes no search, unless it is all that the person has.
    """
    result = Run()
    extra = {f"distractor {identity}": photos for identity, photos in (distractors or {}).items()}
    for split in range(splits):
        rng = random.Random(f"{seed}/{split}")
        order = sorted(people)
        rng.shuffle(order)
        mates = order[: round(len(order) * 2 / 3)][:most_enrolled]
        shuffled = {identity: rng.sample(people[identity], len(people[identity])) for identity in order}
        chosen = {identity: shuffled[identity][:enrol] for identity in mates}
        chosen |= {identity: rng.sample(photos, min(enrol, len(photos))) for identity, photos in extra.items()}
        gallery, failed = _gallery(chosen, worn, embedder)
        present = set(gallery.templates.people)
        result.enrolments += len(mates)
        result.not_enrolled += [one for one in failed.items() if one[0] not in extra]
        for identity in order:
            if identity in chosen and identity not in present:
                continue
            rest = shuffled[identity][enrol:] if identity in chosen else shuffled[identity]
            result.search_photos += len(rest)
            result.refused_search += [photo.search.reasons for photo in rest if photo.search.vector is None]
            taken = [photo.search.vector for photo in rest if photo.search.vector is not None]
            for group in _groups(taken, shots):
                match = search(gallery.templates, group)
                result.searches.append(Searched(split, identity, identity in present, group, match, gallery))
        for identity in rng.sample(sorted(extra), min(len(extra), _MOST_LEFT_OUT)):
            without = _calibrated(_without(gallery.templates, identity))
            taken = [photo.search.vector for photo in extra[identity] if photo.search.vector is not None]
            for group in _groups(taken, shots):
                match = search(without.templates, group)
                result.others.append(Searched(split, identity, False, group, match, without))
    return result


def _gallery(
    chosen: dict[str, list[Capture]], worn: int, embedder: Described
) -> tuple[Gallery, dict[str, list[tuple[str, ...]]]]:
    """The gallery, and the reasons against every photo of those for whom none was good."""
    rows: list[Vectors] = []
    names, failed = [], {}
    for identity, photos in chosen.items():
        shots = [photo.worn if n < worn else photo.enrol for n, photo in enumerate(photos)]
        vectors = [(n, shot.vector) for n, shot in enumerate(shots) if shot.vector is not None]
        report = [ShotReport(photo.name, "ok") for photo in photos]
        kept, _ = without_outliers(vectors, report, embedder.apart)
        if len(kept):
            rows.append(kept)
            names.append(identity)
        else:
            failed[identity] = [shot.reasons for shot in shots]
    owners = np.repeat(np.arange(len(rows), dtype=np.int32), [len(kept) for kept in rows])
    nothing = np.zeros((0, embedder.dimension), np.float32)
    return _calibrated(Templates(np.concatenate((nothing, *rows)), owners, tuple(names), embedder.identity)), failed


def _without(templates: Templates, identity: str) -> Templates:
    """The gallery of everybody else."""
    if identity not in templates.people:
        return templates
    place = templates.people.index(identity)
    kept = templates.owners != place
    owners = templates.owners[kept] - (templates.owners[kept] > place).astype(np.int32)
    names = templates.people[:place] + templates.people[place + 1 :]
    return replace(templates, matrix=templates.matrix[kept], owners=owners, people=names)


def _calibrated(templates: Templates) -> Gallery:
    found = calibration_of(templates)
    templates = replace(templates, threshold=found.threshold, margin=found.margin, basis=found.basis, pairs=found.pairs)
    return Gallery(templates, found)


def _groups(vectors: Sequence[Vectors], size: int) -> Iterator[Vectors]:
    whole = len(vectors) // size
    if not whole and vectors:
        yield np.stack(vectors)
    for start in range(0, whole * size, size):
        yield np.stack(vectors[start : start + size])


def score(one: Searched) -> float:
    """The score at which the shipped rule's margin would let this search name its nearest; infinite for never, and
    for a mated search that lies nearest to somebody else."""
    match = one.match
    if match.distance is None or (one.mated and not one.right):
        return float("inf")
    near = match.margin is not None and match.margin < one.gallery.templates.margin
    return float("inf") if near else match.distance


Peer = Callable[[Searched], tuple[float, str]]
"""The distance that other software would hold against its tolerance, and who its nearest is."""


def compare_faces(fused: bool) -> Peer:
    """What face_recognition's `compare_faces` compares, with the same embeddings and templates: the nearest template.

    `fused` false: its ordinary use, one picture (the first shot); true: the mean distance of all shots.
    """
    with warnings.catch_warnings():
        # Its models package announces on every import that pkg_resources is old.
        warnings.simplefilter("ignore", UserWarning)
        import face_recognition

    def answer(one: Searched) -> tuple[float, str]:
        templates = one.gallery.templates
        if not len(templates.matrix):
            return float("inf"), ""
        used = one.shots if fused else one.shots[:1]
        distances = np.mean([face_recognition.face_distance(templates.matrix, shot) for shot in used], axis=0)
        nearest = int(distances.argmin())
        return float(distances[nearest]), templates.people[int(templates.owners[nearest])]

    return answer
