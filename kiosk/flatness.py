"""How far a movement is from that of a flat thing: what the best homography between two frames leaves over.

A plane seen by a pinhole camera moves by a homography, whatever it does; a head does not (Hartley and Zisserman,
Multiple View Geometry, 2.3). Residuals are divided by the outer-eye distance, so they are free of size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk import geometry

_FEWEST = 12
_KEPT = 0.85
_BEND_STEP_DEG = 30


@dataclass(frozen=True, slots=True)
class Fit:
    """`residual`: root mean square over the best 85 % of points, both ways, in outer-eye distances.
    `narrowing`: smaller over larger stretch of the movement (1: none; cos of the tilt of a plane).
    `moved`: mean way of the points in outer-eye distances. `points`: how many were there.
    `homography`: 3 x 3, from the first frame to the second."""

    residual: float
    narrowing: float
    moved: float
    points: int
    homography: NDArray[np.float64]


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
    moved = float(np.linalg.norm(after - before, axis=1).mean())
    return Fit(
        residual / eye_distance,
        float(stretch[1] / max(stretch[0], 1e-9)),
        moved / eye_distance,
        len(before),
        forth,
    )


def bend_residual(before: NDArray[np.float32], after: NDArray[np.float32], eye_distance: float) -> float:
    """What the best piece of bent paper leaves over in a turn, in outer-eye distances: root mean square over the best
    85 % of n x 2 points (12 at least), along the direction in which depth shows; comparable with `Fit.residual`.

    Paper bends one way only (it is developable): along its axis the depth of a cylinder or cone does not change, where
    a face has brows, a nose and lips. So the shift beside an affine one may be any polynomial of fourth degree in the
    place across some axis, and the perspective's own term.
    """
    places, shifts = (before - before.mean(axis=0)) / eye_distance, (after - before) / eye_distance
    affine = np.column_stack([np.ones(len(places)), places])
    left_over = shifts - affine @ np.linalg.lstsq(affine, shifts, rcond=None)[0]
    depth = shifts @ np.linalg.svd(left_over, full_matrices=False)[2][0]
    best = np.inf
    for angle in np.radians(np.arange(0, 180, _BEND_STEP_DEG)):
        across = places @ np.array((np.cos(angle), np.sin(angle)))
        columns = np.column_stack([affine, places[:, 0] * places[:, 1], across**2, across**3, across**4])
        kept = np.ones(len(places), bool)
        for _ in range(2):
            errors = np.abs(depth - columns @ np.linalg.lstsq(columns[kept], depth[kept], rcond=None)[0])
            kept = errors <= np.quantile(errors, _KEPT)
        best = min(best, float(np.sqrt(np.square(errors[kept]).mean())))
    # Each fit swallows a part of any residual, most where points are few: the sheet's seven parameters for one
    # coordinate, the homography's eight for two.
    count = _KEPT * len(places)
    return best * float(np.sqrt(count / (count - 7) * (2 * count - 8) / (2 * count)))


def mesh_residual(frontal: NDArray[np.float32], turned: NDArray[np.float32]) -> float | None:
    """Residual over the rigid landmarks of two meshes (n x 3, pixels)."""
    scale = geometry.outer_eye_distance(frontal)
    found = fit(frontal[geometry.RIGID, :2], turned[geometry.RIGID, :2], scale)
    return None if found is None else found.residual


def through(homography: NDArray[np.float64], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """n x 2 points moved by a homography."""
    return cv2.perspectiveTransform(points[:, np.newaxis].astype(np.float32), homography)[:, 0]


def _errors(
    homography: NDArray[np.float64], source: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.linalg.norm(through(homography, source) - target, axis=1)


def _jacobian(homography: NDArray[np.float64], at: NDArray[np.float32]) -> NDArray[np.float64]:
    """The homography's linear part at a point."""
    x, y, w = homography @ np.array((at[0], at[1], 1.0))
    top, bottom = homography[:2, :2], homography[2, :2]
    return (top * w - np.outer((x, y), bottom)) / (w * w)
