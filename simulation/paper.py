"""A portrait printed on paper that is bent round a cylinder: a cut-out of the head, or of the face, with eye holes."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from simulation.head import JOINT_M, Pose, draw_mesh, outline, rotation
from simulation.lamp import Lamp
from simulation.portrait import Picture, Points, Portrait
from simulation.topology import LOWER_LIDS, OVAL, UPPER_LIDS

_HALF_M = (0.115, 0.15)
_CELLS = 56
_HOLE = 1.35  # of the printed eye's size: scissors leave a rim


class BentPaper:
    """An `Instrument` that is a piece of a cylinder of `radius_m`, its axis upright.

    `cut`: along the outline of the "head" (hair and all), or along the "face"'s oval. `eye_holes`: what is behind
    looks through. Matte: it takes the light as skin does, by the way that it faces.
    """

    nearer = 1.0

    def __init__(
        self, portrait: Portrait, radius_m: float, cut: Literal["head", "face"] = "head", eye_holes: bool = False
    ) -> None:
        scale, centre = portrait.pixels_per_metre, portrait.centre
        across = np.linspace(-_HALF_M[0], _HALF_M[0], _CELLS + 1)
        down = np.linspace(-_HALF_M[1], _HALF_M[1], _CELLS + 1)
        flat = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
        self._uv: Points = (centre + scale * flat).astype(np.float32)
        angle = flat[:, 0] / radius_m
        self._points = np.column_stack([radius_m * np.sin(angle), flat[:, 1], radius_m * (1 - np.cos(angle))])
        rim = outline(portrait) if cut == "head" else portrait.mesh[list(OVAL), :2]
        holes = [_eye(portrait, *lids) for lids in zip(UPPER_LIDS, LOWER_LIDS, strict=True)] if eye_holes else []
        self._triangles = _grid(self._uv, cv2.convexHull(rim.astype(np.float32)), holes)
        self._nearer = np.zeros(len(self._triangles), np.float32)
        grain = np.random.default_rng(0).normal(0, 2.5, portrait.image.shape[:2])[..., None]
        # Ink neither reaches black nor white.
        self._texture: Picture = np.clip(portrait.image * 0.86 + 22 + grain, 0, 255).astype(np.uint8)

    def draw(self, image: Picture, pose: Pose, age_s: float, focal: float, lamp: Lamp) -> None:
        """Draw into `image`, in place; the middle of the paper is where a head at `pose` has its face."""
        joint = np.array(JOINT_M)
        points = (self._points - joint) @ rotation(pose.yaw, pose.pitch, pose.roll).T
        points += joint + np.array([pose.x, pose.y, pose.z])
        draw_mesh(points.astype(np.float32), self._triangles, self._nearer, self._uv, self._texture, image, focal, lamp)


def _eye(portrait: Portrait, upper: tuple[int, ...], lower: tuple[int, ...]) -> Points:
    rim = portrait.mesh[[*upper, *lower], :2]
    middle = rim.mean(axis=0)
    return cv2.convexHull((middle + _HOLE * (rim - middle)).astype(np.float32))


def _grid(places: Points, rim: Points, holes: list[Points]) -> NDArray[np.int32]:
    """Two triangles for each cell whose middle is inside the rim and outside the holes."""
    corners = np.arange((_CELLS + 1) ** 2).reshape(_CELLS + 1, _CELLS + 1)
    a, b, c, d = (part.ravel() for part in (corners[:-1, :-1], corners[:-1, 1:], corners[1:, :-1], corners[1:, 1:]))
    middles = (places[a] + places[d]) / 2

    def inside(polygon: Points) -> NDArray[np.bool_]:
        return np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0 for x, y in middles])

    kept = inside(rim)
    for hole in holes:
        kept &= ~inside(hole)
    return np.concatenate([np.stack([a, b, d], axis=1)[kept], np.stack([a, d, c], axis=1)[kept]]).astype(np.int32)
