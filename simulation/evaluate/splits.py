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
    """What the splits gave. Failures are counted once for each split in which they happened."""

    searches: list[Searched] = field(default_factory=list)
    enrolled: int = 0
    not_enrolled: list[str] = field(default_factory=list)
    refused_enrolment: list[tuple[str, ...]] = field(default_factory=list)
    search_photos: int = 0
    refused_search: list[tuple[str, ...]] = field(default_factory=list)


def run(
    people: dict[str, list[Capture]],
    *,
    enrol: int,
    shots: int,
    seed: int,
    splits: int,
    distractors: dict[str, list[Capture]] | None = None,
    embedder: Described = DlibEmbedder,
    most_enrolled: int | None = None,
) -> Run:
    """Two thirds of the people, or `most_enrolled`, enrolled with `enrol` photos each, drawn anew in each split.

    Search photos that the quality gate refuses are failures to acquire; the others are fused by `shots`. What is
    left over makes no search, unless it is all that the person has.
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
        gallery = _gallery(chosen, embedder, result)
        present = set(gallery.templates.people)
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
    return result


def _gallery(chosen: dict[str, list[Capture]], embedder: Described, result: Run) -> Gallery:
    rows: list[Vectors] = []
    names = []
    for identity, photos in chosen.items():
        result.enrolled += 1
        result.refused_enrolment += [photo.enrol.reasons for photo in photos if photo.enrol.vector is None]
        vectors = [(n, photo.enrol.vector) for n, photo in enumerate(photos) if photo.enrol.vector is not None]
        report = [ShotReport(photo.name, "ok") for photo in photos]
        kept, _ = without_outliers(vectors, report, embedder.apart)
        if len(kept):
            rows.append(kept)
            names.append(identity)
        else:
            result.not_enrolled.append(identity)
    owners = np.repeat(np.arange(len(rows), dtype=np.int32), [len(kept) for kept in rows])
    nothing = np.zeros((0, embedder.dimension), np.float32)
    templates = Templates(np.concatenate((nothing, *rows)), owners, tuple(names), embedder.identity)
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


Peer = Callable[[Searched], tuple[bool, str]]
"""Whether other software names somebody in this search, and who its nearest is."""


def compare_faces(tolerance: float, fused: bool) -> Peer:
    """face_recognition's `compare_faces` with the same embeddings and templates.

    `fused` false: its ordinary use, one picture (the first shot); true: the mean distance of all shots.
    """
    with warnings.catch_warnings():
        # Its models package announces on every import that pkg_resources is old.
        warnings.simplefilter("ignore", UserWarning)
        import face_recognition

    def answer(one: Searched) -> tuple[bool, str]:
        templates = one.gallery.templates
        if not len(templates.matrix):
            return False, ""
        known = list(templates.matrix)
        used = one.shots if fused else one.shots[:1]
        distances = np.mean([face_recognition.face_distance(known, shot) for shot in used], axis=0)
        if fused:
            named = bool((distances <= tolerance).any())
        else:
            named = any(face_recognition.compare_faces(known, used[0], tolerance))
        return named, templates.people[int(templates.owners[int(distances.argmin())])]

    return answer
