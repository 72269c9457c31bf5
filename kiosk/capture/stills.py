"""One photo as the station would see its person: read, found, and measured against a gate of quality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import quality
from kiosk.capture.faces import FaceTracker, Scene
from kiosk.capture.photos import Packed, read_photo
from kiosk.errors import EnrolmentError
from kiosk.values import Face, Frame, Reason

_MOST_OF_ONE_GREY = 0.4
"""Share of a face within one grey level of its commonest: .27 at most in 172 photos of 53 people, .8 in drawings."""
_FRAMES, _FRAME_S, _APART_S = 5, 0.2, 10.0
_PARTS = (1, 2, 3)  # of the shorter side: the squares in which a small face is sought


@dataclass(frozen=True, slots=True)
class Still:
    """`state`: "ok", "unreadable: …", "no face" or "two faces"; picture and face are there as far as it came."""

    state: str
    picture: NDArray[np.uint8] | None = None
    face: Face | None = None


def read_still(photo: Path | Packed, number: int, tracker: FaceTracker) -> Still:
    """The photo of a file; `number` tells it from others shown to the same tracker and grows."""
    try:
        picture = read_photo(photo)
    except EnrolmentError as error:
        return Still(f"unreadable: {error}")
    return look_at(picture, number, tracker)


def look_at(picture: NDArray[np.uint8], number: int, tracker: FaceTracker) -> Still:
    """The one face of a BGR picture."""
    scenes = _scenes(picture, number, tracker)
    if max(scene.others for scene in scenes) > 0:
        return Still("two faces", picture)
    face = scenes[-1].served
    return Still("no face", picture) if face is None else Still("ok", picture, face)


def seek(picture: NDArray[np.uint8], tracker: FaceTracker) -> Face | None:
    """The face of a BGR picture that a kiosk would serve, also one too small for it: then the widest found in squares
    of the picture, larger ones first. `tracker`: a fresh one."""
    face = _scenes(picture, 0, tracker)[-1].served
    numbers = count(1)
    for part in _PARTS:
        if face is not None:
            break
        found = []
        for x, y, square in _squares(picture, part):
            seen = _scenes(square, next(numbers), tracker)[-1].served
            if seen is not None:
                box = (seen.box[0] + x, seen.box[1] + y, seen.box[2], seen.box[3])
                found.append(replace(seen, box=box, landmarks=seen.landmarks + np.array((x, y, 0), np.float32)))
        face = max(found, key=lambda one: one.box[2], default=None)
    return face


def _scenes(picture: NDArray[np.uint8], number: int, tracker: FaceTracker) -> list[Scene]:
    """The tracker is made for films: a still is shown to it as a short one, long after the last."""
    return [tracker.update(Frame(picture, _APART_S * number + _FRAME_S * i, i)) for i in range(_FRAMES)]


def _squares(picture: NDArray[np.uint8], part: int) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """x, y and pixels of squares that overlap by half, 1/part of the picture's shorter side wide."""
    height, width = picture.shape[:2]
    side = min(height, width) // part
    for y in range(0, height - side + 1, max(side // 2, 1)):
        for x in range(0, width - side + 1, max(side // 2, 1)):
            yield x, y, picture[y : y + side, x : x + side]


def against(still: Still, limits: quality.QualityLimits) -> tuple[Reason, ...]:
    """Reasons against a still that has a face, by these limits."""
    assert still.picture is not None
    assert still.face is not None
    face = still.face
    return quality.assess(still.picture, face.landmarks, (face.yaw, face.pitch, face.roll), limits)


def against_enrolling(still: Still, limits: quality.QualityLimits) -> tuple[Reason, ...]:
    """The same for a template; "drawn" too, where ink on paper or flat paint looks out of the picture."""
    assert still.picture is not None
    assert still.face is not None
    flat, reasons = share_of_one_grey(still.picture, still.face), against(still, limits)
    return (Reason("drawn", flat, _MOST_OF_ONE_GREY), *reasons) if flat > _MOST_OF_ONE_GREY else reasons


def share_of_one_grey(picture: NDArray[np.uint8], face: Face) -> float:
    """Share of the pixels in the face's box that lie within one level of the commonest grey, 0 to 1."""
    height, width = picture.shape[:2]
    x, y, w, h = face.box
    grey = cv2.cvtColor(picture[max(y, 0) : min(y + h, height), max(x, 0) : min(x + w, width)], cv2.COLOR_BGR2GRAY)
    counts = np.bincount(grey.ravel(), minlength=256)
    return float(np.convolve(counts, np.ones(3), "same").max() / max(grey.size, 1))
