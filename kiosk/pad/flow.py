"""Points of the picture followed from frame to frame, on the face and around it (Lucas and Kanade 1981)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry
from kiosk.values import Face

_EYE_PX = 48.0
"""The face is scaled to this outer-eye distance: the same work near and far, and coarse enough for big steps."""
_WIDE, _HIGH = 5.0, 4.5
_FACE_POINTS, _AROUND_POINTS, _FEWEST_ON_NOSE = 70, 40, 4
_WINDOW, _LEVELS = (13, 13), 3
_ON_A_SIDE = 2
_RIM_GREY = 60
_STEADY = 0.01
_RETURN_PX = 0.5
"""A point that comes back this far off, followed backwards, is lost (forward–backward error, Kalal et al. 2010)."""


class Flow:
    """Points seeded in one frame and followed since. Positions are pixels of a fixed view around the face;
    `eye_px` is the outer-eye distance there."""

    def __init__(self, image: NDArray[np.uint8], face: Face) -> None:
        eye = max(geometry.outer_eye_distance(face.landmarks), 4.0)
        centre = face.landmarks[geometry.OVAL, :2].mean(axis=0)
        self._corner = centre - (_WIDE * eye / 2, _HIGH * eye / 2)
        self._scale = _EYE_PX / eye
        self._size = round(_WIDE * _EYE_PX), round(_HIGH * _EYE_PX)
        self.eye_px = _EYE_PX
        grey = self._view(image)
        self._grey = grey
        on_face, nose, around = self._masks(face)
        seeds = _corners(grey, on_face, _FACE_POINTS, 3)
        if sum(nose[round(y), round(x)] > 0 for x, y in seeds) < _FEWEST_ON_NOSE:
            # Beside strong corners of eyes and mouth those of some noses are too faint to be taken.
            seeds = np.concatenate((seeds, _corners(grey, nose, _FEWEST_ON_NOSE, 5)))
        self._start = np.concatenate((seeds, _corners(grey, around, _AROUND_POINTS, 6)))
        self._now = self._start.copy()
        self._alive = np.ones(len(self._start), bool)
        self._of_face = np.arange(len(self._start)) < len(seeds)
        self.last_survival = 1.0
        self.dark_frame = _dark_frame(grey, self._oval(face))
        """Whether a straight dark edge stands on both sides of the head, as a screen's rim does."""

    def follow(self, image: NDArray[np.uint8]) -> None:
        """Follow the points into the next frame; those that do not come back the same way are lost."""
        grey = self._view(image)
        # A lamp that plays its code would look like movement: the face keeps the brightness that it had.
        gain = _middle(self._grey) / max(_middle(grey), 1.0)
        if abs(gain - 1.0) > _STEADY:
            grey = cv2.convertScaleAbs(grey, alpha=gain)
        chosen = np.flatnonzero(self._alive)
        if len(chosen):
            points = self._now[chosen]
            ahead, found, _ = cv2.calcOpticalFlowPyrLK(
                self._grey, grey, points, None, winSize=_WINDOW, maxLevel=_LEVELS
            )
            back, returned, _ = cv2.calcOpticalFlowPyrLK(
                grey, self._grey, ahead, None, winSize=_WINDOW, maxLevel=_LEVELS
            )
            off = np.linalg.norm(back - points, axis=1)
            inside = ((ahead >= 2) & (ahead < np.array(self._size) - 2)).all(axis=1)
            good = (found[:, 0] == 1) & (returned[:, 0] == 1) & (off <= _RETURN_PX) & inside
            on_face = self._of_face[chosen]
            if on_face.any():
                self.last_survival = float(good[on_face].mean())
            self._now[chosen] = ahead
            self._alive[chosen[~good]] = False
        self._grey = grey

    def face_points(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where the surviving points of the face were first and are now, n x 2 each."""
        kept = self._alive & self._of_face
        return self._start[kept], self._now[kept]

    def around_points(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The same for points beside and above the head."""
        kept = self._alive & ~self._of_face
        return self._start[kept], self._now[kept]

    def on_both_sides(self, points: NDArray[np.float32]) -> bool:
        """Whether of n x 2 places in the first frame two or more lie on either side of the face's middle."""
        left = int((points[:, 0] < self._size[0] / 2).sum())
        return min(left, len(points) - left) >= _ON_A_SIDE

    def _view(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        x, y = self._corner
        to_view = np.array(((self._scale, 0, -x * self._scale), (0, self._scale, -y * self._scale)))
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return cv2.warpAffine(grey, to_view, self._size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def placed(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where n x 2 pixels of the first frame are in the view."""
        return ((points - self._corner) * self._scale).astype(np.float32)

    def _oval(self, face: Face) -> NDArray[np.float32]:
        return self.placed(face.landmarks[geometry.OVAL, :2])

    def _masks(self, face: Face) -> NDArray[np.uint8]:
        """The face's oval without its rim, the nose, and what lies clearly beside and above the head."""
        oval = self._oval(face)
        on_face, nose, around = masks = np.zeros((3, self._size[1], self._size[0]), np.uint8)
        cv2.fillPoly(nose, [self.placed(face.landmarks[geometry.NOSE, :2]).astype(np.int32)], 255)
        centre = oval.mean(axis=0)
        cv2.fillConvexPoly(on_face, (centre + 0.92 * (oval - centre)).astype(np.int32), 255)
        x0, y0 = oval.min(axis=0)
        x1, y1 = oval.max(axis=0)
        around[:] = 255
        hair, chin = 0.45 * (x1 - x0), round(float(y1 - 0.1 * (y1 - y0)))
        cv2.rectangle(around, (round(x0 - hair), round(y0 - hair)), (round(x1 + hair), self._size[1]), 0, -1)
        around[max(chin, 0) :] = 0
        return masks


def _middle(view: NDArray[np.uint8]) -> float:
    """Mean grey of the middle of a view, where the face is."""
    height, width = view.shape
    return float(cv2.mean(view[height // 3 : 2 * height // 3, 2 * width // 5 : 3 * width // 5])[0])


def _dark_frame(grey: NDArray[np.uint8], oval: NDArray[np.float32]) -> bool:
    (x0, y0), (x1, y1) = oval.min(axis=0).astype(int), oval.max(axis=0).astype(int)
    width, middle = x1 - x0, (y0 + y1) // 2
    # From outside in, beside brow and eyes: hair lies behind the rim, collars below.
    sides = grey[y0:middle, max(x0 - width, 0) : x0], grey[y0:middle, x1 : x1 + width][:, ::-1]

    def has_rim(side: NDArray[np.uint8]) -> bool:
        if min(side.shape) < 8:
            return False
        dark = side < _RIM_GREY
        rows = np.flatnonzero(dark.any(axis=1))
        if len(rows) < 0.8 * len(side):
            return False
        columns = dark.argmax(axis=1)[rows]
        slope, start = np.polyfit(rows, columns, 1)
        return bool(np.median(np.abs(columns - slope * rows - start)) <= 1.0)

    return all(has_rim(side) for side in sides)


def _corners(grey: NDArray[np.uint8], mask: NDArray[np.uint8], count: int, apart_px: int) -> NDArray[np.float32]:
    found = cv2.goodFeaturesToTrack(grey, count, 0.005, apart_px, mask=mask, blockSize=5)
    return np.zeros((0, 2), np.float32) if found is None else found[:, 0]
