"""Further people for a larger gallery: folders of their own, or whoever is in photos of groups and in films."""

from __future__ import annotations

import warnings
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.appliance.replay import PHOTO_SUFFIXES
from kiosk.capture import quality
from kiosk.capture.faces import FaceTracker
from kiosk.capture.photos import read_photo
from kiosk.capture.stills import against, look_at
from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import Embedder, Factory, cut
from simulation.evaluate.captures import Capture, Shot, capture, counted, people_in

Captures = dict[str, list[Capture]]
_FILMS = {".mp4", ".mov", ".avi", ".mkv", ".webm"}
_PICTURES = PHOTO_SUFFIXES | _FILMS | {".gif"}
_AROUND = 0.5
"""Left around a face, in its widths: enough to find it again, little of its neighbours."""


def distractors(folders: list[Path], people: Captures, jobs: int, embedder: Factory) -> tuple[Captures, dict[str, Any]]:
    """Captures of everybody in `folders` who is none of `people`; and what became of the faces, for the report.

    A folder holds <identity>/<photos>, which are believed, or photos and films (their first picture) of which every
    face is somebody. Such faces pass the gate of a kiosk's shots. Those that the embedder takes for one person,
    directly or over others, are kept once, the widest; those that it takes for one of `people` are dropped. So
    strangers who look alike are dropped too, and what is left errs no more often than the whole.
    """
    found: Captures = {}
    faces: list[tuple[int, Capture]] = []
    for folder in folders:
        files = sorted(path for path in folder.glob("*") if path.is_file() and path.suffix.lower() in _PICTURES)
        if files and not any(path.is_dir() for path in folder.iterdir()):
            faces += _faces(files, embedder())
        else:
            found |= capture(people_in(folder), jobs=jobs, embedder=embedder)
    widest_first = [one for _, one in sorted(faces, key=lambda face: -face[0])]
    good = [one for one in widest_first if one.search.vector is not None]
    known = [shot.vector for photos in people.values() for one in photos for shot in (one.enrol, one.search)]
    kept = _apart(good, [vector for vector in known if vector is not None], embedder.apart)
    found |= {one.identity: [one] for one in kept}
    if not found:
        raise EnrolmentError(f"no face in {', '.join(map(str, folders))} can be enrolled: give photos of other people")
    return found, {
        "people": len(found),
        "faces": len(faces),
        "faces_refused": counted(one.search.reasons for one in widest_first),
        "faces_of_people_there_already": len(good) - len(kept),
    }


def _faces(files: list[Path], engine: Embedder) -> list[tuple[int, Capture]]:
    """Every face that dlib's detector finds, with its width in pixels."""
    with warnings.catch_warnings():
        # Its models package announces on every import that pkg_resources is old.
        warnings.simplefilter("ignore", UserWarning)
        import face_recognition

    tracker, numbers, found = FaceTracker(), count(), []
    for path in files:
        try:
            picture = _picture(path)
        except EnrolmentError:
            shot = Shot(None, ("unreadable",))
            found.append((0, Capture(path.name, path.name, shot, shot, shot)))
            continue
        places = face_recognition.face_locations(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        for number, (top, right, bottom, left) in enumerate(places, 1):
            around = round(_AROUND * (right - left))
            part = picture[max(top - around, 0) : bottom + around, max(left - around, 0) : right + around]
            still = look_at(np.ascontiguousarray(part), next(numbers), tracker)
            if still.face is None:
                shot = Shot(None, (still.state.replace(" ", "_"),))
            else:
                why = tuple(reason.name for reason in against(still, quality.RECOGNITION))
                shot = Shot(None if why else engine.embed(*cut(part, still.face.box)), why)
            found.append((right - left, Capture(f"{path.name} {number}", path.name, shot, shot, shot)))
    tracker.close()
    return found


def _picture(path: Path) -> NDArray[np.uint8]:
    """A photo, or the first picture of a film."""
    if path.suffix.lower() not in _FILMS:
        return read_photo(path)
    there, picture = cv2.VideoCapture(str(path)).read()
    if not there:
        raise EnrolmentError(f"{path} is no film that can be read")
    return np.asarray(picture, np.uint8)


def _apart(faces: list[Capture], known: list[NDArray[np.float32]], limit: float) -> list[Capture]:
    """The first face of each person: of all that are within `limit` of each other, directly or over others."""
    if not faces:
        return []
    rows = np.stack([one.search.vector for one in faces if one.search.vector is not None])
    near = np.linalg.norm(rows[:, np.newaxis] - rows, axis=2) <= limit
    taken = np.array([any(np.linalg.norm(row - other) <= limit for other in known) for row in rows])
    seen, kept = np.zeros(len(faces), bool), []
    for first, face in enumerate(faces):
        if seen[first]:
            continue
        group = near[first]
        while (more := near[group].any(axis=0) & ~group).any():
            group = group | more
        seen |= group
        if not taken[group].any():
            kept.append(face)
    return kept
