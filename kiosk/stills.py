"""One photo as the station would see its person: read, found, and measured against a gate of quality."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kiosk import quality
from kiosk.errors import EnrolmentError
from kiosk.faces import FaceTracker
from kiosk.photos import read_photo
from kiosk.values import Face, Frame, Reason

_FRAMES, _FRAME_S, _APART_S = 5, 0.2, 10.0


@dataclass(frozen=True, slots=True)
class Still:
    """`state`: "ok", "unreadable: …", "no face" or "two faces"; picture and face are there as far as it came."""

    state: str
    picture: NDArray[np.uint8] | None = None
    face: Face | None = None


def read_still(path: Path, number: int, tracker: FaceTracker) -> Still:
    """The photo of a file; `number` tells it from others shown to the same tracker and grows."""
    try:
        picture = read_photo(path)
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
