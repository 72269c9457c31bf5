"""Spectacles on a rendered head: rims and temples in 3-D, and the ceiling light mirrored in the lenses."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from simulation.portrait import Picture, Points
from simulation.topology import LOWER_LIDS, UPPER_LIDS

_LENS_M = (0.025, 0.019)  # half width, half height
_BEFORE_M = 0.012  # before the eye (vertex distance, ISO 13666)
_RIM_M = 0.0022
_COLOUR = (34, 30, 30)
_EARS = (234, 454)
_GLARE = 110


class Glasses:
    """`face`: 468 x 3 mesh points in the head's coordinates, metres."""

    def __init__(self, face: Points) -> None:
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        oval = np.column_stack([_LENS_M[0] * np.cos(angle), _LENS_M[1] * np.sin(angle), np.zeros_like(angle)])
        self._rims = []
        for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
            eye = face[[*upper, *lower]]
            middle = np.array([*eye[:, :2].mean(axis=0), eye[:, 2].min() - _BEFORE_M])
            self._rims.append((middle + oval + [0, 0.004, 0]).astype(np.float32))
        self._ears: Points = face[list(_EARS)]

    def draw(self, place: Callable[[Points], Points], yaw: float, pitch: float, image: Picture, focal: float) -> None:
        """Draw over a head in `image`, in place. `place`: head's to camera coordinates; angles in degrees."""
        middle = np.array([image.shape[1] / 2, image.shape[0] / 2])

        def seen(points: Points) -> Points:
            placed = place(points)
            return (focal * placed[:, :2] / placed[:, 2:] + middle).astype(np.float32)

        right, left = (seen(rim) for rim in self._rims)
        ears = seen(self._ears)
        for rim in (right, left):
            _glare(rim, yaw, pitch, image)
        lines = [right, left, np.array([right[0], left[16]])]
        # A temple shows on the side that is turned to the camera; the other one is behind the face.
        for rim, ear, out in ((right[16], ears[0], -1), (left[0], ears[1], 1)):
            if out * (ear[0] - rim[0]) > 0:
                lines.append(np.array([rim, ear]))
        thick = max(1, round(_RIM_M * focal / float(place(self._ears)[:, 2].mean())))
        for number, line in enumerate(lines):
            fixed = np.round(line * 16).astype(np.int32)
            cv2.polylines(image, [fixed], number < 2, _COLOUR, thick, cv2.LINE_AA, 4)


def _glare(rim: Points, yaw: float, pitch: float, image: Picture) -> None:
    """A soft spot that wanders over the lens as the head turns."""
    x0, y0 = np.maximum(np.floor(rim.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(rim.max(axis=0)).astype(int) + 1, image.shape[1::-1])
    if x0 >= x1 or y0 >= y1:
        return
    width, height = rim.max(axis=0) - rim.min(axis=0)
    x, y = rim.mean(axis=0) - [x0, y0]
    at = (round(x + width * (0.1 + yaw / 60)), round(y + height * (pitch / 40 - 0.25)))
    spot, lens = (np.zeros((y1 - y0, x1 - x0), np.uint8) for _ in range(2))
    axes = (int(0.2 * width), int(0.16 * height))
    cv2.ellipse(spot, at, axes, -20, 0, 360, _GLARE, -1)
    cv2.fillConvexPoly(lens, np.round(rim - [x0, y0]).astype(np.int32), 255)
    spot = cv2.bitwise_and(cv2.blur(spot, (3, 3)), lens)
    part = image[y0:y1, x0:x1]
    part[:] = cv2.add(part, cv2.cvtColor(spot, cv2.COLOR_GRAY2BGR))
