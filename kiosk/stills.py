"""One photo as the station would see its person: read, found, and measured against a gate of quality."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk import quality
from kiosk.errors import EnrolmentError
from kiosk.faces import FaceTracker
from kiosk.photos import Packed, read_photo
from kiosk.values import Face, Frame, Reason

_MOST_OF_ONE_GREY = 0.4
"""Share of a face within one grey level of its commonest: .27 at most in 172 photos of 53 people, .8 in drawings."""
_FRAMES, _FRAME_S, _APART_S = 5, 0.2, 10.0


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
    # The tracker is made for films: a still is shown to it as a short one, long after the last.
    scenes = [tracker.update(Frame(picture, _APART_S * number + _FRAME_S * i, i)) for i in range(_FRAMES)]
    if max(scene.others for scene in scenes) > 0:
        return Still("two faces", picture)
    face = scenes[-1].served
    return Still("no face", picture) if face is None else Still("ok", picture, face)


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
