"""Perspective in coming closer: what is nearer grows more, so a nose moves out over the cheeks; a plane only grows."""

from __future__ import annotations

from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry
from kiosk.values import Face, Frame

_EYE_PX = 96.0
_SIZE = round(2.6 * _EYE_PX), round(3.0 * _EYE_PX)
_POINTS, _APART_PX, _FEWEST = 200, 5, 30
_INNER = 0.9  # of the oval: at the rim a point soon lies on hair or wall
_NEIGHBOURS = 6
_WINDOW, _LEVELS, _RETURN_PX = (21, 21), 2, 0.4
_KEPT = 0.8


class Approach:
    """From the moment that coming closer is asked for.

    Each later picture is laid upon the first by the mesh's rigid points, so that points need not be followed through
    the frames between, in which they drift by more than is looked for.
    """

    def __init__(self, frame: Frame, face: Face) -> None:
        mesh = face.landmarks[: geometry.SURFACE]
        self._eye = geometry.outer_eye_distance(mesh)
        scale = _EYE_PX / self._eye
        self._first = (scale * (mesh[:, :2] - mesh[geometry.OVAL, :2].mean(axis=0)) + np.array(_SIZE) / 2).astype(
            np.float32
        )
        self._view = self._laid(frame, face)
        oval = self._first[geometry.OVAL]
        mask = np.zeros(self._view.shape, np.uint8)
        cv2.fillConvexPoly(mask, (oval.mean(axis=0) + _INNER * (oval - oval.mean(axis=0))).astype(np.int32), 255)
        found = cv2.goodFeaturesToTrack(self._view, _POINTS, 0.005, _APART_PX, mask=mask, blockSize=5)
        self._points = np.zeros((0, 2), np.float32) if found is None else found[:, 0]
        near = np.linalg.norm(self._points[:, np.newaxis] - self._first, axis=2).argsort(axis=1)[:, :_NEIGHBOURS]
        self._heights = -mesh[near, 2].mean(axis=1) / self._eye
        self._measured: list[float] = []

    def update(self, frame: Frame, face: Face) -> None:
        """Measure a picture in which the face is larger."""
        grown = geometry.outer_eye_distance(face.landmarks) / self._eye
        view = self._laid(frame, face)
        if grown <= 1.0 or len(self._points) < _FEWEST:
            return
        view = cv2.convertScaleAbs(view, alpha=float(self._view.mean()) / max(float(view.mean()), 1.0))
        ahead, found, _ = cv2.calcOpticalFlowPyrLK(
            self._view, view, self._points, None, winSize=_WINDOW, maxLevel=_LEVELS
        )
        back, returned, _ = cv2.calcOpticalFlowPyrLK(view, self._view, ahead, None, winSize=_WINDOW, maxLevel=_LEVELS)
        off = np.linalg.norm(back - self._points, axis=1)
        good = (found[:, 0] == 1) & (returned[:, 0] == 1) & (off < _RETURN_PX)
        if good.sum() >= _FEWEST:
            standing = perspective(self._points[good] / _EYE_PX, ahead[good] / _EYE_PX, self._heights[good])
            self._measured.append(standing / (grown - 1.0))

    @property
    def perspective(self) -> float | None:
        """The median over the pictures, a head's outer-eye distance over its distance from the camera: about .13 at
        70 cm, nothing on a plane. None where too few points were found again."""
        return median(self._measured) if self._measured else None

    def _laid(self, frame: Frame, face: Face) -> NDArray[np.uint8]:
        """The face in grey, upon where it was first."""
        rigid = geometry.RIGID
        move, _ = cv2.estimateAffinePartial2D(face.landmarks[rigid, :2], self._first[rigid], method=cv2.LMEDS)
        if move is None:
            return np.zeros(_SIZE[::-1], np.uint8)
        view = cv2.warpAffine(frame.image, move, _SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return cv2.cvtColor(view, cv2.COLOR_BGR2GRAY)


def perspective(before: NDArray[np.float32], after: NDArray[np.float32], heights: NDArray[np.floating]) -> float:
    """By which share of its way from the middle a point moves for each outer-eye distance that it stands out, beyond
    any homography of small movement (eight numbers); points n x 2 and `heights` in outer-eye distances."""
    x, y = (before - before.mean(axis=0)).T
    one, none = np.ones_like(x), np.zeros_like(x)
    across = np.column_stack([one, x, y, none, none, none, x * x, x * y, heights * x])
    down = np.column_stack([none, none, none, one, x, y, x * y, y * y, heights * y])
    moved, kept = after - before, np.ones(len(x), bool)
    for _ in range(3):
        columns = np.concatenate((across[kept], down[kept]))
        fitted, *_ = np.linalg.lstsq(columns, moved[kept].T.ravel(), rcond=None)
        out = np.hypot(moved[:, 0] - across @ fitted, moved[:, 1] - down @ fitted)
        kept = out <= np.quantile(out, _KEPT)
    return float(fitted[-1])
