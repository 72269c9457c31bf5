"""Whether a lamp's light lies on a face as on a relief.

A matte surface takes light by the way it faces the lamp (Lambert's law), and how much it answers, over how bright it
is, is free of its colour. On a head the sides of the nose, the cheeks and the sockets so answer less than what faces
the camera; paper, whatever is printed on it and however it is bent about the head's upright axis, answers alike from
top to bottom.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry

_INNER = 0.95  # of the oval: at the rim a point soon lies on hair or wall
_EYE = 0.75  # of an eye's width, about its middle: lids move, spectacles glare
_NEIGHBOURS = 32
_BLUR = 0.11  # of the outer-eye distance
_BLOWN = 250.0
_FEWEST = 60
_KEPT = 0.85
_GAMMA = 2.2
_NODS_DEG = (0.0, 10.0)
"""Of the mesh, chin forward: regressors are wrong about a head's nod, and a head whose mesh hangs its chin too far back
answers by half of what it would."""


class Relief(NamedTuple):
    """`share`: how much of the mesh's own shading the answer has beyond any smooth sheet, over the face's mean answer:
    nothing on paper, about .65 on a head. `scatter`: its standard error."""

    share: float
    scatter: float


class Skin:
    """The points of a face's mesh that lie on skin, and how they face the camera; from a straight look's landmarks,
    468 or more x 3, pixels."""

    def __init__(self, landmarks: NDArray[np.float32]) -> None:
        mesh = landmarks[: geometry.SURFACE]
        self._points = np.flatnonzero(_on_skin(mesh))
        eye_distance = geometry.outer_eye_distance(mesh)
        self._blur = 2 * round(_BLUR * eye_distance / 2) + 1
        oval = mesh[geometry.OVAL, :2]
        x, y = ((mesh[self._points, :2] - oval.mean(axis=0)) / eye_distance).T
        # Whatever a bend about the upright axis, the lamp's distance, and a twist make of an even surface.
        self._sheet = np.column_stack([np.ones(len(x)), x, y, x * y, x**2, y**2, x**3, x**4])
        self._facings = _facings(mesh)[:, self._points]

    def at(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Of values for each landmark those at the points."""
        return values[self._points]

    def logs(self, image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logarithm of the grey value about each of the points in a picture of the same face; NaN where overexposed."""
        if not len(self._points):
            return np.empty(0, np.float32)
        height, width = image.shape[:2]
        places = np.clip(np.round(landmarks[self._points, :2]).astype(int), 0, (width - 1, height - 1))
        x0, y0 = np.maximum(places.min(axis=0) - self._blur, 0)
        x1, y1 = places.max(axis=0) + self._blur + 1
        grey = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_BGR2GRAY)
        x, y = (places - (x0, y0)).T
        values = cv2.blur(grey.astype(np.float32), (self._blur, self._blur))[y, x]
        return np.where(values < _BLOWN, np.log(values + 1.0), np.nan).astype(np.float32)

    def relief(self, answers: NDArray[np.float64], errors: NDArray[np.float64], low: float) -> Relief | None:
        """From how much the logarithm at each point changes from the lamp's level `low` to full; None where too few
        were seen or the whole does not answer. `errors`: moments x points; the standard error of any weighted sum of
        the answers is the norm of that sum of these, for what disturbs one point disturbs its neighbours, too. Of the
        two nods of the mesh the one that leaves more, less its error."""
        seen = np.isfinite(answers)
        if seen.sum() < _FEWEST:
            return None
        # Pictures hold the light to the power of 1 / 2.2, and a strong lamp is much of the light in a dark room: what
        # is looked for is the lamp's light over the room's.
        ratio = np.exp(_GAMMA * answers[seen])
        rest = np.maximum(1.0 - low * ratio, 0.1)
        lit = (ratio - 1.0) / rest
        mean = float(np.median(lit))
        if mean <= 0.0:
            return None
        slope = _GAMMA * (1.0 - low) * ratio / np.square(rest)
        disturbed = errors[:, seen] * slope
        found = (_share(lit, self._sheet[seen], facing[seen], disturbed) for facing in self._facings)
        share, scatter = max(found, key=lambda one: one[0] - one[1])
        return Relief(share / mean, scatter / mean)


def _share(
    lit: NDArray[np.float64], sheet: NDArray[np.float64], facing: NDArray[np.float64], errors: NDArray[np.float64]
) -> tuple[float, float]:
    """How much of what the points take of the lamp goes with the way they face, beyond any sheet, and its error."""
    columns = np.column_stack([sheet, facing])
    kept = np.ones(len(columns), bool)
    for _ in range(3):
        fitted, *_ = np.linalg.lstsq(columns[kept], lit[kept], rcond=None)
        out = np.abs(lit - columns @ fitted)
        kept = out <= np.quantile(out, _KEPT)
    own = facing[kept] - sheet[kept] @ np.linalg.lstsq(sheet[kept], facing[kept], rcond=None)[0]
    own /= max(float(own @ own), 1e-9)
    across = np.sqrt(np.square(out[kept]).mean()) * np.linalg.norm(own)
    return float(fitted[-1]), float(max(across, np.linalg.norm(errors[:, kept] @ own)))


def _on_skin(mesh: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points of the mesh lie inside the face's oval, and neither at the eyes nor on the lips."""
    places = mesh[:, :2]
    oval = places[geometry.OVAL]
    centre = oval.mean(axis=0)
    skin = _inside(places, centre + _INNER * (oval - centre)) & ~_inside(places, places[geometry.LIPS])
    for width, middle in zip(geometry.eye_widths(mesh), geometry.eye_centres(mesh), strict=True):
        skin &= np.linalg.norm(places - middle, axis=1) > _EYE * width
    return np.asarray(skin)


def _inside(places: NDArray[np.float32], polygon: NDArray[np.float32]) -> NDArray[np.bool_]:
    hull = cv2.convexHull(polygon.astype(np.float32))
    return np.array([cv2.pointPolygonTest(hull, (float(x), float(y)), False) > 0 for x, y in places])


def _facings(mesh: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each nod the cosine between the way out of the surface, of the plane through a point's neighbours, and the
    way to the camera."""
    away = np.square(mesh[:, np.newaxis] - mesh).sum(axis=2)
    around = mesh[np.argpartition(away, _NEIGHBOURS, axis=1)[:, : _NEIGHBOURS + 1]].astype(np.float64)
    around -= around.mean(axis=1, keepdims=True)
    _, ways = np.linalg.eigh(around.transpose(0, 2, 1) @ around)
    out = ways[:, :, 0] * -np.sign(ways[:, 2:, 0])
    nods = np.radians(_NODS_DEG)
    return np.abs(np.outer(np.sin(nods), out[:, 1]) - np.outer(np.cos(nods), out[:, 2]))
