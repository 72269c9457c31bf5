"""How far a movement is from that of a flat thing: what the best homography between two frames leaves over.

A plane seen by a pinhole camera moves by a homography, whatever it does; a head does not (Hartley and Zisserman,
Multiple View Geometry, 2.3). Residuals are divided by the outer-eye distance, so they are free of size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry

_FEWEST = 12
_KEPT = 0.85


@dataclass(frozen=True, slots=True)
class Fit:
    """`residual`: root mean square over the best 85 % of points, both ways, in outer-eye distances.
    `narrowing`: smaller over larger stretch of the movement (1: none; cos of the tilt of a plane)."""

    residual: float
    narrowing: float


def fit(before: NDArray[np.float32], after: NDArray[np.float32], eye_distance: float) -> Fit | None:
    """Best homography between n x 2 points of two frames; None with fewer than 12 or a degenerate set."""
    if len(before) < _FEWEST:
        return None
    kept = np.ones(len(before), bool)
    # Two rounds: the worst of the first, slipped points of the flow, would make a plane look deep.
    for _ in range(2):
        forth, _ = cv2.findHomography(before[kept], after[kept], 0)
        if forth is None or abs(np.linalg.det(forth)) < 1e-9:
            return None
        errors = _errors(forth, before, after)
        kept = errors <= np.quantile(errors, _KEPT)
    back = _errors(np.linalg.inv(forth), after, before)
    residual = float(np.sqrt((np.square(errors[kept]).mean() + np.square(back[kept]).mean()) / 2.0))
    centre = before.mean(axis=0)
    stretch = np.linalg.svd(_jacobian(forth, centre), compute_uv=False)
    return Fit(residual / eye_distance, float(stretch[1] / max(stretch[0], 1e-9)))


def way(before: NDArray[np.float32], after: NDArray[np.float32], eye_distance: float) -> float:
    """Mean way of n x 2 points in outer-eye distances."""
    return float(np.linalg.norm(after - before, axis=1).mean()) / eye_distance


def nose_relief(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    on_nose: NDArray[np.bool_],
    turned_deg: float,
    eye_distance: float,
) -> tuple[float, float] | None:
    """How far the nose stands out of the smooth sheet through the rest of the face, in outer-eye distances, and how far
    that rest is scattered about the sheet (standard deviation), which tells how good the measurement is; None with
    fewer than two of the n x 2 points on it or twelve beside it. `turned_deg`: yaw between the frames, with its sign.

    What stands out by h moves h sin(yaw) farther in a turn. Paper bends one way only (it is developable), so whatever
    bend it is given about a head's upright axis, a nose does not stand out of it: the sheet may be any polynomial of
    fourth degree across the face, and twisted. (Bent about a level axis, a picture shows no turn to begin with.)
    Half of what is returned is the median of the points on the nose, half its tip, the farthest of them: corners are
    found on the sides of some noses more than on the tip.
    """
    beside = ~on_nose
    if on_nose.sum() < 2 or beside.sum() < _FEWEST:
        return None
    x, y = ((before - before.mean(axis=0)) / eye_distance).T
    along = (after - before)[:, 0] / eye_distance * np.sign(turned_deg)
    sheet = np.column_stack([np.ones(len(x)), x, y, x * y, x**2, x**3, x**4])
    kept = beside.copy()
    for _ in range(3):
        out = along - sheet @ np.linalg.lstsq(sheet[kept], along[kept], rcond=None)[0]
        kept = beside & (np.abs(out) <= np.quantile(np.abs(out[beside]), _KEPT))
    stands_out = (np.median(out[on_nose]) + out[on_nose].max()) / 2.0
    per_height = float(np.sin(np.radians(abs(turned_deg))))
    return float(stands_out) / per_height, float(out[kept].std()) / per_height


def mesh_residual(frontal: NDArray[np.float32], turned: NDArray[np.float32]) -> float | None:
    """Residual over the rigid landmarks of two meshes (n x 3, pixels)."""
    scale = geometry.outer_eye_distance(frontal)
    found = fit(frontal[geometry.RIGID, :2], turned[geometry.RIGID, :2], scale)
    return None if found is None else found.residual


def _errors(
    homography: NDArray[np.float64], source: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float32]:
    moved = cv2.perspectiveTransform(source[:, np.newaxis].astype(np.float32), homography)[:, 0]
    return np.asarray(np.linalg.norm(moved - target, axis=1))


def _jacobian(homography: NDArray[np.float64], at: NDArray[np.float32]) -> NDArray[np.float64]:
    """The homography's linear part at a point."""
    x, y, w = homography @ np.array((at[0], at[1], 1.0))
    top, bottom = homography[:2, :2], homography[2, :2]
    return (top * w - np.outer((x, y), bottom)) / (w * w)
