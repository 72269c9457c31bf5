"""The person below the head: shoulders and neck, cut from the portrait, on a plane behind the face."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simulation.head import outline
from simulation.portrait import Picture, Portrait, bleed

_BEHIND_M = 0.06  # shoulders stand this much behind the face
_NECK_M = 0.049  # half the width of the neck
_BELOW = 160  # rows of clothes carried on below the portrait
_CHEEKS = (50, 205, 280, 425)


class Body:
    """The portrait with the head taken out and a neck put in.

    `order`: the portrait's colour channels in another order give other clothes.
    """

    def __init__(self, portrait: Portrait, order: tuple[int, int, int] = (0, 1, 2)) -> None:
        self._metre = portrait.pixels_per_metre
        self._centre = portrait.centre
        head = _head_area(portrait)
        clothes = cv2.erode((portrait.matte > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        # What the head covers becomes more of what surrounds it: a turning chin uncovers the collar's inside.
        picture = np.ascontiguousarray(bleed(portrait.image, clothes & ~head)[..., list(order)])
        alpha = portrait.matte.copy()
        jaw = int(portrait.mesh[152, 1] - 0.035 * self._metre)
        alpha[:jaw][head[:jaw]] = 0
        alpha[: int(self._centre[1] + 0.02 * self._metre)] = 0
        picture, alpha = _with_neck(picture, alpha, portrait)
        hem = cv2.blur(picture[-3:], (81, 3))[-1:]
        self._picture: Picture = np.concatenate([picture, np.repeat(hem, _BELOW, axis=0)])
        self._alpha: NDArray[np.float32] = np.concatenate([alpha, np.repeat(alpha[-2:-1], _BELOW, axis=0)])
        clothed = np.flatnonzero(self._alpha.max(axis=0))
        self._columns = np.array([clothed[0] - 1, clothed[-1] + 2])

    def draw(self, image: Picture, x: float, y: float, z: float, focal: float, shade: float = 1.0) -> None:
        """Draw into `image` under a face at `x`, `y`, `z` metres, seen by a pinhole camera of `focal` pixels.

        `shade`: factor on its grey values.
        """
        height, width = image.shape[:2]
        scale = focal / (z + _BEHIND_M) / self._metre
        shift = np.array([width / 2 + focal * x / z, height / 2 + focal * y / z]) - scale * self._centre
        top = max(0, int(shift[1] + scale * (self._centre[1] - 0.05 * self._metre)))
        if top >= height:
            return
        left, right = np.clip(shift[0] + scale * self._columns, 0, width).astype(int)
        if left >= right:
            return
        matrix = np.array([[scale, 0, shift[0] - left], [0, scale, shift[1] - top]], np.float32)
        size = (int(right - left), height - top)
        colour = cv2.warpAffine(self._picture, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        if shade != 1.0:
            colour = cv2.convertScaleAbs(colour, alpha=shade)
        alpha = cv2.warpAffine(self._alpha, matrix, size, borderMode=cv2.BORDER_CONSTANT)
        target = image[top:, left:right]
        target[:] = cv2.blendLinear(colour, np.ascontiguousarray(target), alpha, np.float32(1) - alpha)


def _head_area(portrait: Portrait) -> NDArray[np.bool_]:
    """Pixels inside the head's outline or close to it."""
    hull = cv2.convexHull(np.round(outline(portrait)).astype(np.int32))
    head = np.zeros(portrait.matte.shape, np.uint8)
    cv2.fillConvexPoly(head, hull, 1)
    return cv2.dilate(head, np.ones((9, 9), np.uint8)) > 0


def _with_neck(picture: Picture, alpha: NDArray[np.float32], portrait: Portrait) -> tuple[Picture, NDArray[np.float32]]:
    """Paint a neck in the shadow of the chin, from the middle of the face to where the portrait's own begins."""
    chin_x, chin_y = portrait.mesh[152, :2]
    half = _NECK_M * portrait.pixels_per_metre
    # A portrait may end right under the chin.
    top, bottom = int(portrait.centre[1]), min(int(chin_y + 0.022 * portrait.pixels_per_metre), len(picture))
    left, right = int(chin_x - half), int(chin_x + half)
    places = np.round(portrait.mesh[list(_CHEEKS), :2]).astype(int)
    skin = np.median(portrait.image[places[:, 1], places[:, 0]], axis=0)
    across = np.linspace(-1, 1, right - left)
    shade = (0.62 - 0.22 * across**2)[None, :, None]
    soft = np.clip((1 - np.abs(across)) * half / 2, 0, 1).astype(np.float32)
    patch = np.repeat(skin * shade, bottom - top, axis=0)
    # Fades out below, along the round of the collar.
    collar = bottom - 0.02 * portrait.pixels_per_metre * across**2
    rows = np.arange(top, bottom)[:, None]
    fade = np.clip((collar - rows) / (0.006 * portrait.pixels_per_metre), 0, 1)[..., None]
    own = picture[top:bottom, left:right]
    picture[top:bottom, left:right] = np.clip(own + fade * (patch - own), 0, 255).astype(np.uint8)
    alpha[top:bottom, left:right] = np.maximum(alpha[top:bottom, left:right], soft)
    return picture, alpha
