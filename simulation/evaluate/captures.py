"""Photos of people in folders, each seen once as an officer's enrolment and once as a kiosk's shot would see it."""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kiosk.appliance.replay import PHOTO_SUFFIXES
from kiosk.capture import quality
from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import Still, against, against_enrolling, look_at, read_still
from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import DlibEmbedder, Embedder, cut
from kiosk.values import Reason
from simulation.evaluate.degrade import degrade

Vector = NDArray[np.float32]
Judge = Callable[[Still, quality.QualityLimits], tuple[Reason, ...]]
_INLINE = 30


@dataclass(frozen=True, slots=True)
class Shot:
    """`vector`: None where the photo was refused, and then `reasons` names why."""

    vector: Vector | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capture:
    """One photo. `enrol`: under the limits of enrolment, not degraded; `search`: under those of recognition, degraded;
    `worn`: degraded, under the limits of enrolment, as of somebody enrolled with spectacles or a scarf."""

    identity: str
    name: str
    enrol: Shot
    search: Shot
    worn: Shot


def people_in(folder: Path) -> dict[str, list[Path]]:
    """Photos by identity of `folder`/<identity>/<photos>; EnrolmentError names a folder that holds none."""
    if not folder.is_dir():
        raise EnrolmentError(f"{folder} is no folder: give one that holds <identity>/<photos>")
    found = {
        place.name: sorted(path for path in place.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
        for place in sorted(folder.iterdir())
        if place.is_dir()
    }
    people = {identity: photos for identity, photos in found.items() if photos}
    if not people:
        raise EnrolmentError(f"{folder} holds no photos: give a folder of <identity>/<photos>")
    return people


def add_embedder(parser: argparse.ArgumentParser) -> None:
    """The options that choose an embedder, as in a kiosk's configuration."""
    parser.add_argument("--embedder", default="dlib", metavar="NAME", help="dlib, or onnx:NAME of models.yaml (dlib)")
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="DIR", help="files of ONNX models")
    parser.add_argument("--jobs", type=positive, default=2, help="processes that embed (2)")


def positive(text: str) -> int:
    """A whole number above 0, as an option's type."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


def natural(text: str) -> int:
    """A whole number from 0, as an option's type."""
    return 0 if text == "0" else positive(text)


def half_of(identity: str) -> str:
    """The half that an identity belongs to, for ever: "a" for tuning, "b" for reporting."""
    return "ab"[sha256(identity.encode()).digest()[0] % 2]


def capture(
    people: dict[str, list[Path]],
    kind: str = "none",
    seed: int = 0,
    jobs: int = 2,
    embedder: Callable[[], Embedder] = DlibEmbedder,
) -> dict[str, list[Capture]]:
    """Every photo seen and embedded by the product's own code, in up to `jobs` processes; by identity."""
    photos = [(identity, path) for identity, paths in people.items() for path in paths]
    if jobs < 2 or len(photos) <= _INLINE:
        made = _capture_some(photos, kind, seed, embedder)
    else:
        parts = [photos[start::jobs] for start in range(jobs)]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context) as pool:
            work = partial(_capture_some, kind=kind, seed=seed, embedder=embedder)
            made = [one for part in pool.map(work, parts) for one in part]
    result: dict[str, list[Capture]] = {identity: [] for identity in people}
    for one in sorted(made, key=lambda one: (one.identity, one.name)):
        result[one.identity].append(one)
    return result


def _capture_some(
    photos: Iterable[tuple[str, Path]], kind: str, seed: int, embedder: Callable[[], Embedder]
) -> list[Capture]:
    tracker, engine, numbers = FaceTracker(), embedder(), count()
    try:
        return [_capture_one(identity, path, kind, seed, tracker, engine, numbers) for identity, path in photos]
    finally:
        tracker.close()


def _capture_one(
    identity: str, path: Path, kind: str, seed: int, tracker: FaceTracker, engine: Embedder, numbers: count[int]
) -> Capture:
    still = read_still(path, next(numbers), tracker)
    enrol, search = _shots(still, engine)
    worn = enrol
    if kind != "none" and still.picture is not None and still.face is not None:
        digest = sha256(f"{seed}/{identity}/{path.name}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        worse = look_at(degrade(kind, still.picture, still.face.landmarks, rng), next(numbers), tracker)
        worn, search = _shots(worse, engine)
    return Capture(identity, path.name, enrol, search, worn)


def _shots(still: Still, engine: Embedder) -> tuple[Shot, Shot]:
    """The same picture under the limits of enrolment and under those of recognition."""
    reasons = _reasons(still, quality.ENROLMENT, against_enrolling), _reasons(still, quality.RECOGNITION, against)
    vector = None if all(reasons) else _embed(still, engine)
    enrol, search = (Shot(None if why else vector, why) for why in reasons)
    return enrol, search


def _reasons(still: Still, limits: quality.QualityLimits, judge: Judge) -> tuple[str, ...]:
    if still.face is None:
        return (still.state.partition(":")[0].replace(" ", "_"),)
    return tuple(reason.name for reason in judge(still, limits))


def _embed(still: Still, engine: Embedder) -> Vector:
    assert still.picture is not None
    assert still.face is not None
    return engine.embed(*cut(still.picture, still.face.box))


def counted(reasons: Iterable[Sequence[str]]) -> dict[str, int]:
    """How often each reason stood first, most frequent first: the one that the person is told."""
    found: dict[str, int] = {}
    for names in reasons:
        if names:
            found[names[0]] = found.get(names[0], 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
