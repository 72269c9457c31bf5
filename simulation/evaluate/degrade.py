"""Photos as kiosks get them: darkened, against the light, blurred, covered or from above, painted on the face's mesh.

They are drawn, not taken: a cloth has a colour and soft folds but no weave, glasses have rims and a glare but do not
bend the light, a turned head shows no skin that the photo did not. Each is drawn with its own random strength, which
the photo's name and the seed decide. Lengths are in units of the distance between the eyes.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry
from simulation.head import rotation

Picture = NDArray[np.uint8]
Mesh = NDArray[np.float32]
Plane = NDArray[np.float32]

_MASK_TOP = (234, 227, 123, 118, 119, 47, 196, 197, 419, 277, 348, 347, 352, 447, 454)
_MASK_ROUND = (454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234)
_LENSES = ((33, 133, 159, 145), (263, 362, 386, 374))
_CLOTHS = (
    (235, 215, 170),
    (240, 240, 240),
    (40, 38, 38),
    (150, 120, 70),
    (110, 70, 140),
    (160, 185, 205),
    (70, 90, 50),
)
"""Blue of surgical masks, white, black, and what head scarves are worn in; BGR."""


def degrade(kind: str, picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Picture:
    """The photo degraded as `kind` (a key of KINDS) says; `mesh`: 478 x 3 landmarks of its face, in its pixels."""
    return KINDS[kind](picture, mesh, rng)


def _dark(picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Picture:
    """Face at a mean of 28 to 60 of 255, with the shot and read noise of a small sensor at high gain."""
    light = _linear(picture)
    now = 255.0 * float(light[_face(picture, mesh) > 0.5].mean()) ** (1 / 2.2)
    wanted = rng.uniform(28.0, 60.0)
    light *= min((wanted / max(now, 1.0)) ** 2.2, 1.0)
    electrons = rng.uniform(1500.0, 5000.0)
    noisy = rng.poisson(light * electrons) / electrons + rng.normal(0.0, 0.0015, light.shape)
    return _linear_inverse(noisy.astype(np.float32)).round().astype(np.uint8)


def _backlight(picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Picture:
    """A window behind: what is neither head nor shoulders is blown out, the face has 15 to 40 % of its light, and
    the lens's veil lies over both."""
    person = _person(picture, mesh)[..., np.newaxis]
    light = _linear(picture)
    window = np.clip(light * rng.uniform(4.0, 8.0) + 0.5, 0.0, 1.2)
    light = person * light * rng.uniform(0.15, 0.4) + (1.0 - person) * window
    size = _eyes(mesh)
    small = cv2.resize(light, None, fx=0.1, fy=0.1, interpolation=cv2.INTER_AREA)
    veil = cv2.resize(cv2.GaussianBlur(small, (0, 0), 0.15 * size), light.shape[1::-1]) * rng.uniform(0.06, 0.15)
    return _linear_inverse((light + veil + rng.normal(0.0, 0.002, light.shape)).astype(np.float32)).astype(np.uint8)


def _blur(picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Picture:
    """Out of focus by 2 to 5 % of the eyes' distance, and moved by 5 to 20 % while the shutter was open."""
    size = _eyes(mesh)
    soft = cv2.GaussianBlur(picture, (0, 0), max(rng.uniform(0.02, 0.05) * size, 0.3))
    steps = max(round(rng.uniform(0.05, 0.2) * size), 2)
    kernel = np.zeros((2 * steps + 1, 2 * steps + 1), np.float32)
    angle = rng.uniform(0.0, np.pi)
    reach = np.array((np.cos(angle), np.sin(angle))) * steps / 2
    start, end = (tuple(np.round(steps + sign * reach).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(soft, -1, kernel / kernel.sum()), np.uint8)


def _glasses(picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Picture:
    """Rims 3 to 8 % thick round lenses that darken by up to 25 % and may carry the reflection of a lamp."""
    size = _eyes(mesh)
    rim = np.zeros(picture.shape[:2], np.float32)
    lens, glare = rim.copy(), rim.copy()
    thickness = max(round(rng.uniform(0.03, 0.08) * size), 1)
    eyes = [mesh[list(points), :2].mean(axis=0) for points in _LENSES]
    across = (eyes[1] - eyes[0]) / np.linalg.norm(eyes[1] - eyes[0])
    down = np.array((-across[1], across[0]))
    tilt = float(np.degrees(np.arctan2(across[1], across[0])))
    half = (rng.uniform(0.36, 0.43) * size, rng.uniform(0.24, 0.36) * size)
    power = rng.uniform(2.0, 4.0)
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    shape = np.stack([np.sign(f(turn)) * np.abs(f(turn)) ** (2 / power) for f in (np.cos, np.sin)], axis=1) * half
    for eye, temple in zip(eyes, (127, 356), strict=True):
        ring = (eye + 0.04 * size * down + shape @ np.stack((across, down))).round().astype(np.int32)
        cv2.fillPoly(lens, [ring], 1.0, cv2.LINE_AA)
        cv2.polylines(rim, [ring], True, 1.0, thickness, cv2.LINE_AA)
        outward = -across if temple == 127 else across
        _stroke(rim, eye + outward * half[0], mesh[temple, :2], thickness)
        if rng.random() < 0.5:
            spot = (eye + rng.uniform(-0.15, 0.15, 2) * size).round().astype(int)
            axes = (max(round(0.12 * size), 1), max(round(0.05 * size), 1))
            cv2.ellipse(glare, spot.tolist(), axes, tilt + rng.uniform(-40, 40), 0, 360, 1.0, -1, cv2.LINE_AA)
    _stroke(rim, eyes[0] + across * half[0], eyes[1] - across * half[0], thickness)
    out = picture * (1.0 - rng.uniform(0.0, 0.25) * lens[..., np.newaxis])
    out = _over(out, np.full(3, 245.0), glare * lens * rng.uniform(0.4, 0.9))
    return _over(out, rng.uniform(10, 70, 3), rim).astype(np.uint8)


def _scarf(picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Picture:
    """A jilbab: cloth over hair, ears, neck and the rim of the face, from the upper forehead to under the chin."""
    oval = mesh[geometry.OVAL, :2]
    middle, size = oval.mean(axis=0), _eyes(mesh)
    opening = middle + (oval - middle) * rng.uniform((0.86, 0.84), (0.93, 0.92))
    opening[:, 1] += 0.05 * size
    outer = middle + (oval - middle) * (1.45, 1.4) + (0.0, -0.1 * size)
    cloth = np.zeros(picture.shape[:2], np.float32)
    height = picture.shape[0]
    left, right = outer[:, 0].min(), outer[:, 0].max()
    chin = oval[:, 1].max()
    skirt = np.array(((-1.0, 1.0), (-1.6, 1.0), (1.6, 1.0), (1.0, 1.0))) * size
    foot = np.array(((left, chin), (left, height), (right, height), (right, chin))) + skirt
    drape = np.concatenate((((right, middle[1]), (left, middle[1])), foot))
    for shape in (outer, drape):
        cv2.fillPoly(cloth, [shape.round().astype(np.int32)], 1.0, cv2.LINE_AA)
    cv2.fillPoly(cloth, [opening.round().astype(np.int32)], 0.0, cv2.LINE_AA)
    # The cloth stands off the skin and throws a soft shadow on it.
    out = picture * (1.0 - 0.35 * cv2.GaussianBlur(cloth, (0, 0), 0.08 * size))[..., np.newaxis]
    return _over(out, _cloth(picture, mesh, rng), cloth).astype(np.uint8)


def _mask(picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Picture:
    """A face mask over nose and mouth, with its pleats and ear loops."""
    size = _eyes(mesh)
    middle = mesh[list(_MASK_ROUND), :2].mean(axis=0)
    edge = mesh[[*_MASK_TOP[1:-1], *_MASK_ROUND[2:-2]], :2]
    edge = middle + (edge - middle) * rng.uniform(0.95, 1.05)
    cover = np.zeros(picture.shape[:2], np.float32)
    cv2.fillPoly(cover, [edge.round().astype(np.int32)], 1.0, cv2.LINE_AA)
    loops = np.zeros_like(cover)
    for ear, cheek, jaw in ((234, 123, 172), (454, 352, 397)):
        for end in (cheek, jaw):
            _stroke(loops, mesh[ear, :2], mesh[end, :2], max(round(0.04 * size), 1))
    out = picture * (1.0 - 0.3 * cv2.GaussianBlur(cover, (0, 0), 0.06 * size))[..., np.newaxis]
    cloth = _cloth(picture, mesh, rng)
    rows = np.arange(picture.shape[0])[:, np.newaxis, np.newaxis]
    pleats = 1.0 - 0.12 * (np.sin(rows / size * 2 * np.pi / 0.28) > 0.85)
    return _over(_over(out, cloth, loops), cloth * pleats, cover).astype(np.uint8)


def _angle(picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Picture:
    """Seen from 10 to 20° below or above, up to 10° from the side: the mesh turned in 3-D, the rest carried along."""
    points = mesh.astype(np.float64)
    width = np.ptp(points[geometry.OVAL, 0])
    joint = points[geometry.OVAL].mean(axis=0) + np.array((0.0, 0.0, 0.35 * width))
    pitch = rng.uniform(10.0, 20.0) * rng.choice((-1.0, 1.0))
    turned = (points - joint) @ rotation(rng.uniform(-10.0, 10.0), pitch, 0.0).T + joint
    turned += (points - turned)[geometry.RIGID].mean(axis=0)
    height, breadth = picture.shape[:2]
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    still = joint[:2] + 1.5 * width * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    corners = np.array(((0, 0), (breadth, 0), (0, height), (breadth, height)), np.float64)
    fixed = np.concatenate((still, corners))
    targets = np.concatenate((turned[:, :2], fixed))
    offsets = np.concatenate((points[:, :2] - turned[:, :2], np.zeros_like(fixed)))
    across, down = np.meshgrid(np.linspace(0, breadth - 1, 64), np.linspace(0, height - 1, 64))
    grid = np.stack((across.ravel(), down.ravel()), axis=1)
    coarse = _thin_plate(targets, offsets, grid).reshape(64, 64, 2).astype(np.float32)
    shift = cv2.resize(coarse, (breadth, height), interpolation=cv2.INTER_CUBIC)
    ys, xs = np.mgrid[:height, :breadth].astype(np.float32)
    xs, ys = xs + shift[..., 0], ys + shift[..., 1]
    moved = cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


KINDS: dict[str, Callable[[Picture, Mesh, np.random.Generator], Picture]] = {
    "dark": _dark,
    "backlight": _backlight,
    "blur": _blur,
    "glasses": _glasses,
    "scarf": _scarf,
    "mask": _mask,
    "angle": _angle,
}


def _eyes(mesh: Mesh) -> float:
    right, left = geometry.eye_centres(mesh)
    return max(float(np.linalg.norm(left - right)), 4.0)


def _linear(picture: Picture) -> Plane:
    return ((picture.astype(np.float32) / 255.0) ** 2.2).astype(np.float32)


def _linear_inverse(light: Plane) -> Plane:
    return (255.0 * np.clip(light, 0.0, 1.0) ** (1 / 2.2)).astype(np.float32)


def _face(picture: Picture, mesh: Mesh) -> Plane:
    inside = np.zeros(picture.shape[:2], np.float32)
    cv2.fillPoly(inside, [mesh[geometry.OVAL, :2].round().astype(np.int32)], 1.0)
    return inside


def _person(picture: Picture, mesh: Mesh) -> Plane:
    """Head with hair, and shoulders, soft at the edge."""
    oval, size = mesh[geometry.OVAL, :2], _eyes(mesh)
    middle = oval.mean(axis=0)
    inside = np.zeros(picture.shape[:2], np.float32)
    head = middle + (oval - middle) * (1.3, 1.45) - (0.0, 0.15 * size)
    shoulders = np.array(((-1.0, -0.4), (-3.0, 1.2), (-3.0, 99.0), (3.0, 99.0), (3.0, 1.2), (1.0, -0.4)))
    body = np.array((middle[0], oval[:, 1].max())) + size * shoulders
    for shape in (head, body):
        cv2.fillPoly(inside, [shape.round().astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), 0.12 * size), np.float32)


def _cloth(picture: Picture, mesh: Mesh, rng: np.random.Generator) -> Plane:
    """Cloth in one colour with soft folds, as bright as the light on the face, the left as dark as its left."""
    size = _eyes(mesh)
    height, width = picture.shape[:2]
    coarse = rng.normal(0.0, 1.0, (max(round(height / size * 3), 2), max(round(width / size * 1.5), 2)))
    folds = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), 0.8 * size)
    light = np.clip(grey / 140.0, 0.35, 1.3)
    colour = np.array(_CLOTHS[rng.integers(len(_CLOTHS))], np.float32)
    if np.ptp(picture.astype(np.int16), axis=2).max() == 0:
        colour = np.full(3, colour.mean(), np.float32)
    return np.asarray(np.clip(colour * (light * (1.0 + 0.1 * folds))[..., np.newaxis], 0, 255), np.float32)


def _over(under: NDArray[np.floating], paint: NDArray[np.floating], alpha: Plane) -> NDArray[np.float64]:
    share = cv2.GaussianBlur(alpha, (0, 0), 0.8)[..., np.newaxis]
    return np.asarray(np.clip(under * (1.0 - share) + paint * share, 0, 255), np.float64)


def _thin_plate(
    places: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The smoothest surface through `values` at `places` (Duchon 1977), nearly; read at other places."""
    scale = float(np.ptp(places))

    def kernel(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        squares = (((left[:, np.newaxis] - right) / scale) ** 2).sum(axis=2)
        return np.asarray(0.5 * squares * np.log(squares + 1e-12))

    def plane(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack((np.ones(len(points)), points / scale))

    count, smoothing = len(places), 1e-4
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(places, places) + smoothing * np.eye(count)
    system[:count, count:] = plane(places)
    system[count:, :count] = plane(places).T
    weights = np.linalg.solve(system, np.concatenate((values, np.zeros((3, 2)))))
    return np.asarray(kernel(at, places) @ weights[:count] + plane(at) @ weights[count:])


def _stroke(plane: Plane, start: NDArray[np.floating], end: NDArray[np.floating], thickness: int) -> None:
    ends = [tuple(np.round(point).astype(int).tolist()) for point in (start, end)]
    cv2.line(plane, ends[0], ends[1], 1.0, thickness, cv2.LINE_AA)
