"""Other people made from a portrait: features moved and resized, another complexion, hair, brows, a beard."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from simulation.lamp import GAMMA
from simulation.portrait import Picture, Points, Portrait, prepare

# Where features are on MediaPipe's mesh.
_EYES, _NOSE, _MOUTH, _CHIN = ((33, 133, 159, 145), (263, 362, 386, 374)), (1, 4, 5, 2), (13, 14, 61, 291), (152,)
_BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
_BEARD = (
    *(132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361),
    *(435, 410, 287, 405, 314, 17, 84, 181, 57, 186, 215),
)
_MOUSTACHE = (61, 186, 92, 165, 167, 164, 393, 391, 322, 410, 291, 269, 267, 0, 37, 39)


@dataclass(frozen=True)
class Looks:
    """How a stranger differs. Shifts and sizes are fractions of the eye distance and of the feature."""

    mirrored: bool
    eyes_apart: float
    eyes_size: float
    nose_width: float
    nose_down: float
    mouth_width: float
    mouth_down: float
    jaw_width: float
    chin_down: float
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    brows: float
    beard: float
    moustache: float


_LOOKS = (
    Looks(False, -0.08, -0.15, -0.2, 0.1, 0.0, 0.05, -0.15, 0.14, (0.8, 0.86, 0.92), (0.45, 0.4, 0.38), 0.9, 0.0, 0.9),
    Looks(True, 0.14, 0.05, 0.4, 0.12, 0.0, 0.1, 0.24, 0.14, (0.56, 0.66, 0.76), (0.3, 0.3, 0.32), 0.9, 0.45, 0.8),
    Looks(True, 0.1, -0.14, 0.55, -0.08, -0.14, 0.14, 0.26, -0.08, (0.7, 0.78, 0.86), (0.3, 0.3, 0.32), 0.8, 0.5, 0.75),
    Looks(False, 0.16, 0.3, -0.3, -0.16, -0.26, 0.16, -0.26, 0.05, (0.6, 0.7, 0.82), (0.3, 0.32, 0.4), 0.9, 0.0, 0.9),
)


def stranger(portrait: Portrait, seed: int) -> Portrait:
    """Another person of the same pose, one of a few by `seed`; the embedding is far from the portrait's."""
    looks = _LOOKS[seed % len(_LOOKS)]
    face = prepare(np.ascontiguousarray(portrait.image[:, ::-1])) if looks.mirrored else portrait
    return _reshaped(_recoloured(face, looks), looks)


def with_skin(portrait: Portrait, albedo: float) -> Portrait:
    """The same person with skin that gives back `albedo` times as much light (1: as in the portrait).

    Skin gives back about 10 to 45 % of visible light; the portrait's is fair, so .4 to 1.3 is what occurs.
    """
    if albedo == 1.0:
        return portrait
    face = _area(portrait, tuple(range(468)), hull=True, soft=0.05)[..., None]
    image = portrait.image * (1 + face * (albedo ** (1 / GAMMA) - 1))
    return replace(portrait, image=np.clip(image, 0, 255).astype(np.uint8))


def _reshaped(portrait: Portrait, looks: Looks) -> Portrait:
    """Move the features; the picture, the matte and the mesh follow the same smooth field."""
    mesh = portrait.mesh[:, :2]
    unit = float(np.linalg.norm(mesh[33] - mesh[263]))
    bumps: list[tuple[Points, float, Points, tuple[float, float]]] = []

    def bump(where: tuple[int, ...], radius: float, shift: tuple[float, float], size: tuple[float, float]) -> None:
        centre = mesh[list(where)].mean(axis=0)
        bumps.append((centre, radius * unit, np.array(shift, np.float32) * unit, size))

    for side, eye in zip((-1, 1), _EYES, strict=True):
        bump(eye, 0.36, (side * looks.eyes_apart / 2, 0), (looks.eyes_size, looks.eyes_size))
    bump(_NOSE, 0.3, (0, looks.nose_down), (looks.nose_width, 0))
    bump(_MOUTH, 0.36, (0, looks.mouth_down), (looks.mouth_width, 0.2 * looks.mouth_width))
    bump((*_CHIN, 17), 0.7, (0, looks.chin_down), (looks.jaw_width, 0))

    def displaced(points: Points) -> Points:
        moved = np.zeros_like(points)
        for centre, radius, shift, size in bumps:
            away = points - centre
            weight = np.exp(-np.sum(away**2, axis=-1, keepdims=True) / (2 * radius**2))
            moved += weight * (shift + away * np.array(size, np.float32))
        return moved

    # The field's inverse, by damped fixed point; it is smooth, so a quarter of the points will do.
    height, width = portrait.matte.shape
    coarse = np.mgrid[1.5:height:4, 1.5:width:4][::-1].transpose(1, 2, 0).astype(np.float32)
    place = coarse.copy()
    for _ in range(12):
        place = place + 0.7 * (coarse - displaced(place) - place)
    target = np.mgrid[0:height, 0:width][::-1].transpose(1, 2, 0).astype(np.float32)
    source = target + cv2.resize(place - coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    image = cv2.remap(portrait.image, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    matte = cv2.remap(portrait.matte, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    points = portrait.mesh.copy()
    points[:, :2] += displaced(portrait.mesh[:, :2])
    return replace(portrait, image=np.asarray(image, dtype=np.uint8), matte=matte, mesh=points)


def _recoloured(portrait: Portrait, looks: Looks) -> Portrait:
    image = portrait.image.astype(np.float32)
    face = _area(portrait, tuple(range(468)), hull=True, soft=0.05)
    head = portrait.matte * (np.arange(portrait.matte.shape[0]) < portrait.mesh[152, 1] + 6)[:, None]
    hair = np.clip(head - face, 0, 1)
    image *= 1 + face[..., None] * (np.array(looks.skin, np.float32) - 1)
    image *= 1 + hair[..., None] * (np.array(looks.hair, np.float32) - 1)
    for area, strength in (
        (_area(portrait, _BROWS[0]), looks.brows),
        (_area(portrait, _BROWS[1]), looks.brows),
        (_area(portrait, _BEARD), looks.beard),
        (_area(portrait, _MOUSTACHE), looks.moustache),
    ):
        stubble = np.random.default_rng(5).normal(1, 0.25, area.shape).astype(np.float32)
        cover = (strength * area * np.clip(stubble, 0.4, 1.2))[..., None]
        image += np.clip(cover, 0, 1) * (np.array([24, 26, 30], np.float32) - image)
    return replace(portrait, image=np.clip(image, 0, 255).astype(np.uint8))


def _area(portrait: Portrait, points: tuple[int, ...], hull: bool = False, soft: float = 0.03) -> NDArray[np.float32]:
    """A soft mask, 0 to 1, of the polygon through mesh points."""
    polygon = portrait.mesh[list(points), :2].astype(np.int32)
    if hull:
        polygon = cv2.convexHull(polygon)
    mask: Picture = np.zeros(portrait.matte.shape, np.uint8)
    cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA)
    unit = float(np.linalg.norm(portrait.mesh[33, :2] - portrait.mesh[263, :2]))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft * unit), dtype=np.float32) / 255
