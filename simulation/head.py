"""A portrait as a living head in 3-D: it turns, nods, closes its eyes and has a back.

The face is MediaPipe's mesh of the portrait; rings of points carry it on over the hair and round the back of
the skull, so that the outline keeps its width when the head turns. Lengths are metres; x to the right of the
picture, y down, z away from the camera; the origin is the joint of skull and neck.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simulation.eyelids import Eyelids
from simulation.glasses import Glasses
from simulation.lamp import Lamp
from simulation.portrait import Picture, Points, Portrait, bleed
from simulation.topology import LOWER_LIDS, OVAL, UPPER_LIDS, Triangle, mouth, skin, strip

_JAW = range(9, 28)  # of the oval: here the face itself is the outline
JOINT_M = (0.0, 0.045, 0.08)
"""From the middle of the face to the joint of skull and neck: below, and behind."""


@dataclass(frozen=True)
class Pose:
    """Where the head is. Metres from the camera; degrees, yaw to the person's own left, pitch up, roll clockwise.

    `lids`: 0 open to 1 closed.
    """

    x: float = 0.0
    y: float = 0.0
    z: float = 0.7
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    lids: float = 0.0


class Head:
    """Geometry and texture of one person's head; `vertices` poses it."""

    def __init__(self, portrait: Portrait, glasses: bool = False) -> None:
        points, uv, triangles = _closed_mesh(portrait)
        self._lids = Eyelids(portrait.mesh, bleed(portrait.image, _surely_head(portrait)))
        self.texture: Picture = self._lids.paint
        self.uv: Points = np.concatenate([uv, self._lids.uv])
        lids = self._lids.triangles(len(points))
        self.triangles = np.array([*triangles, *lids], np.int32)
        # Closing lids lie over the skin round the eyes: drawn as if that much nearer.
        self.nearer: NDArray[np.float32] = np.zeros(len(self.triangles), np.float32)
        self.nearer[len(triangles) :] = 0.012
        joint = np.array([*portrait.centre, 0.0], np.float32)
        self._rest: Points = ((points - joint) / portrait.pixels_per_metre - np.array(JOINT_M)).astype(np.float32)
        self.glasses = Glasses(self._rest[:468]) if glasses else None

    def vertices(self, pose: Pose) -> Points:
        """The mesh in camera coordinates, n x 3 float32, metres."""
        points = np.concatenate([self._rest, self._lids.points(self._rest, pose.lids)])
        return placed(points, pose)


def placed(points: Points, pose: Pose) -> Points:
    """A posed head's n x 3 points, from its own coordinates to the camera's, metres."""
    place = np.array([pose.x, pose.y, pose.z]) + np.array(JOINT_M)
    return (points @ rotation(pose.yaw, pose.pitch, pose.roll).T + place).astype(np.float32)


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """The 3 x 3 matrix of a turn, degrees; the signs are those of `kiosk.values.Face`."""
    a, b, c = np.radians([-yaw, pitch, roll])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    tilt = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(tilt @ turn @ nod)


def _surely_head(portrait: Portrait) -> NDArray[np.bool_]:
    """Pixels that are skin or hair for certain: the matte is generous, most of all below the ears."""
    solid = (portrait.matte > 0.9).astype(np.uint8)
    face = np.zeros(solid.shape, np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(np.round(portrait.mesh[:, :2]).astype(np.int32)), 1)
    face = cv2.erode(face, np.ones((7, 7), np.uint8))
    inside = cv2.erode(solid, np.ones((7, 7), np.uint8))
    ears = int(portrait.mesh[[234, 454], 1].min())
    inside[ears:] = cv2.erode(solid, np.ones((15, 15), np.uint8))[ears:] | (face & solid)[ears:]
    return inside > 0


def _closed_mesh(portrait: Portrait) -> tuple[Points, Points, list[Triangle]]:
    """Points (pixels of the portrait, x y z), their place in the texture, and triangles facing the viewer."""
    face = portrait.mesh
    points, uv = [face], [face[:, :2]]
    triangles: list[Triangle] = [*skin(), *mouth()]
    count = len(face)
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        eyeball, inner = _eyeball(face, upper, lower)
        points.append(eyeball)
        uv.append(eyeball[:, :2])
        triangles += [(count + a, count + b, count + c) for a, b, c in inner]
        count += len(eyeball)
    previous = list(OVAL)
    for ring, where in _rings(portrait):
        current = list(range(count, count + len(OVAL)))
        for i in range(len(OVAL)):
            j = (i + 1) % len(OVAL)
            triangles += [(previous[i], current[i], current[j]), (previous[i], current[j], previous[j])]
        points.append(ring)
        uv.append(where)
        previous, count = current, count + len(OVAL)
    return np.concatenate(points), np.concatenate(uv), triangles


def _eyeball(face: Points, upper: tuple[int, ...], lower: tuple[int, ...]) -> tuple[Points, list[Triangle]]:
    """What lies in an eye's opening: points of its own, which stay when the lids move, and their triangles.

    It reaches a little under the lids on all sides, so that no gap opens when the head turns.
    """
    points = face[[*upper, *lower]]
    middle = points.mean(axis=0)
    points = (middle + 1.15 * (points - middle)).astype(np.float32)
    points[:, 2] = face[[*upper, *lower], 2] + 0.1 * np.linalg.norm(face[upper[0]] - face[upper[-1]])
    n = len(upper)
    inner = strip(tuple(range(n)), (0, *range(n + 1, 2 * n - 1), n - 1))
    if face[upper[0], 0] > face[upper[-1], 0]:
        inner = tuple((a, c, b) for a, b, c in inner)
    return points, list(inner)


def _rings(portrait: Portrait) -> list[tuple[Points, Points]]:
    """Rings of points from the face's oval over the hair to the outline, then round the back."""
    oval = portrait.mesh[list(OVAL)]
    centre = portrait.centre
    metre = portrait.pixels_per_metre
    rim = outline(portrait)
    # Where there is no hair to show, the side of the head wears the cheek, mirrored at the face's edge.
    inward = oval[:, :2] + 0.22 * (centre - oval[:, :2])
    bare = np.linalg.norm(rim - oval[:, :2], axis=1) < 0.12 * np.linalg.norm(oval[:, :2] - centre, axis=1)
    far = np.where(bare[:, None], inward, rim)
    side = np.full(len(oval), JOINT_M[2] * metre, np.float32)  # depth at which a skull is widest
    rings: list[tuple[Points, Points]] = []
    for t in (0.35, 0.7, 0.9, 1.0):
        place = oval[:, :2] + t * (rim - oval[:, :2])
        depth = side - (side - oval[:, 2]) * np.sqrt(1 - t * t)
        where = oval[:, :2] + t * (far - oval[:, :2])
        rings.append((np.column_stack([place, depth]).astype(np.float32), where.astype(np.float32)))
    for shrink, behind in ((0.95, 0.03), (0.75, 0.065), (0.3, 0.09)):
        place = centre + shrink * (rim - centre)
        depth = side + behind * metre
        # The back of the head is not in the picture: it wears what is at the rim, mirrored.
        where = far + (1 - shrink) * 0.5 * (oval[:, :2] - far)
        rings.append((np.column_stack([place, depth]).astype(np.float32), where.astype(np.float32)))
    return rings


def outline(portrait: Portrait) -> Points:
    """The head's outline in the portrait, 36 x 2 pixels, in the order of the face's oval."""
    rim = []
    for number, point in enumerate(portrait.mesh[list(OVAL), :2]):
        ray = point - portrait.centre
        reach = 1.02 if number in _JAW else _reach(portrait.matte, portrait.centre, ray)
        rim.append(portrait.centre + reach * ray)
    return np.array(rim, np.float32)


def _reach(matte: NDArray[np.float32], centre: Points, ray: Points) -> float:
    """How many times `ray` fits from `centre` to the person's edge, a little inside it; at least 1.02."""
    last = 1.02
    for factor in np.arange(1.02, 2.4, 0.01):
        x, y = np.round(centre + factor * ray).astype(int)
        if not (0 <= y < matte.shape[0] and 0 <= x < matte.shape[1]) or matte[y, x] < 0.5:
            break
        last = float(factor)
    return max(1.02, last - 0.02)


def draw(head: Head, pose: Pose, image: Picture, focal: float, lamp: Lamp) -> None:
    """Draw the posed head into `image` (in place), lit by `lamp`, seen by a pinhole camera of `focal` pixels at its
    middle."""
    draw_mesh(head.vertices(pose), head.triangles, head.nearer, head.uv, head.texture, image, focal, lamp)
    if head.glasses is not None:
        head.glasses.draw(lambda points: placed(points, pose), pose.yaw, pose.pitch, image, focal)


def draw_mesh(
    points: Points,
    triangles: NDArray[np.int32],
    nearer: NDArray[np.float32],
    uv: Points,
    texture: Picture,
    image: Picture,
    focal: float,
    lamp: Lamp,
) -> None:
    """Texture `triangles` over `image`, nearest last.

    `points`: n x 3 metres; `nearer`: metres by which a triangle comes forward in the order of drawing; `uv`:
    n x 2 texture pixels; `lamp`: what lights it.
    """
    height, width = image.shape[:2]
    if float(points[:, 2].min()) < 0.05:
        return  # behind the lens
    screen = focal * points[:, :2] / points[:, 2:] + np.array([width / 2, height / 2], np.float32)
    x0, y0 = np.maximum(np.floor(screen.min(axis=0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(screen.max(axis=0)).astype(int) + 3, [width, height])
    if x0 >= x1 or y0 >= y1:
        return
    screen = (screen - np.array([x0, y0])).astype(np.float32)
    corners = screen[triangles]
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    spread = uv[triangles]
    span1, span2 = spread[:, 1] - spread[:, 0], spread[:, 2] - spread[:, 0]
    # Seen nearly edge on, a triangle would smear its texture over the pixels at its rim.
    visible = np.flatnonzero(area > 0.02 + 0.03 * np.abs(span1[:, 0] * span2[:, 1] - span1[:, 1] * span2[:, 0]))
    order = visible[np.argsort(nearer[visible] - points[triangles[visible], 2].mean(axis=1))]

    which = np.zeros((y1 - y0, x1 - x0), np.uint16)
    fixed = np.round(corners * 16).astype(np.int32)
    for triangle, corner in zip(order.tolist(), fixed[order], strict=True):
        cv2.fillConvexPoly(which, corner, triangle + 1, cv2.LINE_8, 4)
    shade = lamp.on(points, normals(points, triangles))
    values = uv if isinstance(shade, float) else np.column_stack([uv, shade])
    map_x, map_y, *shades = _maps(which, corners, edge1, edge2, area, values[triangles])
    colour = cv2.remap(texture, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)

    if shades:
        colour = cv2.multiply(colour, cv2.merge(shades * 3), dtype=cv2.CV_8U)
    elif shade != 1.0:
        colour = cv2.convertScaleAbs(colour, alpha=float(shade))
    cover = cv2.erode((which > 0).astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
    alpha = cv2.blur(cover, (3, 3)).astype(np.float32) / np.float32(255)
    target = image[y0:y1, x0:x1]
    target[:] = cv2.blendLinear(colour, np.ascontiguousarray(target), alpha, np.float32(1) - alpha)


def normals(points: Points, triangles: NDArray[np.int32]) -> Points:
    """At each of the n x 3 points the way out of the surface, of length 1: the mean over its triangles by area."""
    a, b, c = (points[corner] for corner in triangles.T)
    out = np.cross(c - a, b - a)
    around = triangles.T.ravel()
    summed = np.column_stack([np.bincount(around, np.tile(part, 3), len(points)) for part in out.T])
    return (summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _maps(
    which: NDArray[np.uint16], corners: Points, edge1: Points, edge2: Points, area: Points, values: Points
) -> list[Points]:
    """For each pixel the corners' `values`, triangles x 3 x k, of which each is an affine function of x and y within a
    triangle: the place in the texture, and how it is lit."""
    safe = np.where(np.abs(area) > 1e-3, area, 1)
    span1, span2 = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    by_x = (span1 * edge2[:, 1:] - span2 * edge1[:, 1:]) / safe[:, None]
    by_y = (span2 * edge1[:, :1] - span1 * edge2[:, :1]) / safe[:, None]
    start = values[:, 0] - by_x * corners[:, 0, :1] - by_y * corners[:, 0, 1:]
    table = np.zeros((3, values.shape[2], len(values) + 1), np.float32)
    table[:, :, 1:] = by_x.T, by_y.T, start.T
    rows = np.arange(which.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(which.shape[1], dtype=np.float32)
    return [
        np.take(across, which) * columns + np.take(down, which) * rows + np.take(at, which)
        for across, down, at in table.transpose(1, 0, 2)
    ]
