"""The room behind the people, and the sensor before it."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from simulation.lamp import GAMMA
from simulation.portrait import Picture

_SIGMA = 2.2  # grey values, of a small sensor with enough light
_ENOUGH_LUX = 250.0
_AIM = 155.0  # mean grey value at which the room is drawn
_METERED = (20, 15)  # fields across and down
_SETTLES_S = 0.3


def office(width: int, height: int, random: Generator) -> Picture:
    """An office corridor, slightly out of focus: wall, door, notice board, skirting. Has texture, has no face."""
    rows = np.linspace(1.0, 0.8, height)[:, None]
    columns = 1 - 0.15 * np.abs(np.linspace(-1, 0.6, width))[None, :]
    wall = np.array([188, 200, 204]) * random.uniform(0.9, 1.05)
    room = (rows * columns)[..., None] * wall
    clouds = cv2.resize(
        random.normal(0, 2.5, (24, 32)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    room = np.clip(room + clouds[..., None], 0, 255).astype(np.uint8)
    x = int(random.uniform(0.04, 0.1) * width)
    cv2.rectangle(room, (x, height // 8), (x + width // 5, height), (92, 116, 142), -1)
    cv2.rectangle(room, (x, height // 8), (x + width // 5, height), (70, 88, 108), max(2, width // 160))
    cv2.circle(room, (x + width // 6, height * 5 // 8), max(2, width // 90), (150, 170, 180), -1)
    left, top = int(0.7 * width), int(random.uniform(0.1, 0.18) * height)
    cv2.rectangle(room, (left, top), (left + width // 4, top + height // 3), (96, 130, 160), -1)
    for _ in range(9):
        px, py = left + int(random.uniform(0.01, 0.19) * width), top + int(random.uniform(0.02, 0.24) * height)
        paper = tuple(int(c) for c in random.uniform(170, 240, 3))
        cv2.rectangle(room, (px, py), (px + width // 20, py + height // 14), paper, -1)
    cv2.rectangle(room, (0, height - height // 14), (width, height), (110, 118, 122), -1)
    return np.asarray(cv2.GaussianBlur(room, (0, 0), max(1.0, width / 500)), dtype=np.uint8)


def noise(ambient_lux: float) -> float:
    """Its deviation in grey values: where the gain is at its end it grows, for shot noise goes with the root of the
    light."""
    return _SIGMA / float(np.sqrt(min(1.0, ambient_lux / _ENOUGH_LUX)))


def draw_window(image: Picture) -> None:
    """An overexposed window behind whoever stands before the camera, into `image`, in place."""
    height, width = image.shape[:2]
    for left in (0.26, 0.52):
        corner = (int((left + 0.22) * width), int(0.7 * height))
        cv2.rectangle(image, (int(left * width), 0), corner, (254, 252, 250), -1)


class Exposure:
    """An automatic one: metered with weight on the middle of the picture, it glides to a mean grey value, and stays
    where it is while it is `held`.

    `factor`: on the grey values of what is drawn. With less than 250 lux the shutter is open for as long as a frame
    allows and the gain is at its end, so the picture stays dark.
    """

    def __init__(self, ambient_lux: float) -> None:
        self.factor, self.held = 1.0, False
        self._most = (ambient_lux / _ENOUGH_LUX) ** (1 / GAMMA)
        across, down = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in _METERED)
        self._weights = np.outer(down, across) / (down.sum() * across.sum())

    def update(self, image: Picture, elapsed_s: float) -> None:
        """See the picture that was taken with `factor`, `elapsed_s` after the one before."""
        if not self.held:
            fields = cv2.resize(image, _METERED, interpolation=cv2.INTER_AREA).mean(axis=2)
            wanted = 1.0
            for _ in range(8):  # a window stays white where the rest grows brighter
                mean = float((self._weights * np.minimum(wanted * fields, 255)).sum())
                wanted *= _AIM / max(1.0, mean)
            self.factor = min(self.factor * wanted ** (1 - math.exp(-elapsed_s / _SETTLES_S)), self._most)


class Sensor:
    """Adds the noise of a small image sensor: for each seed and frame number another cut of one noisy picture."""

    def __init__(self, width: int, height: int, seed: int, sigma: float = _SIGMA) -> None:
        self._seed, self._size = seed, (width, height)
        self._noise = _noise(width + 64, height + 64, sigma)

    def expose(self, image: Picture, number: int) -> Picture:
        """The picture `image` as the sensor delivers it in frame `number`."""
        x, y = np.random.default_rng([self._seed, number]).integers(0, 64, 2)
        width, height = self._size
        noise = self._noise[y : y + height, x : x + width]
        return np.asarray(cv2.addWeighted(image, 1.0, noise, 1.0, -128), dtype=np.uint8)


@lru_cache(maxsize=8)
def _noise(width: int, height: int, sigma: float) -> Picture:
    noise = np.random.default_rng(77).normal(128, sigma, (height, width, 3))
    return np.clip(np.round(noise), 0, 255).astype(np.uint8)
