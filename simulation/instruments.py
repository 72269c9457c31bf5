"""Presentation attack instruments (ISO/IEC 30107-1) that are flat: a print, and a screen that may play a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simulation.head import Pose, rotation
from simulation.lamp import GLASS, Lamp
from simulation.portrait import Picture, Points, Portrait

_TEXTURE = 800  # pixels of the longer side of an instrument's texture


@dataclass(frozen=True)
class Display:
    """A display's lit area and the rim around it, metres; the pitch of its pixels; the factor on grey values at a
    brightness that suits a face in an office; `nearer` as in `Instrument`: held so that the face looks life-size."""

    wide_m: float
    tall_m: float
    rim_m: float
    pitch_m: float
    brightness: float
    nearer: float

    @property
    def film(self) -> tuple[int, int]:
        """Width and height, pixels, of what is filmed for it."""
        if self.wide_m > self.tall_m:
            return 560, 350
        return round(420 * float(np.clip(self.wide_m / self.tall_m, 9 / 16, 3 / 4))), 420


DISPLAYS = {
    "phone-6.1": Display(0.0646, 0.1398, 0.003, 25.4e-3 / 460, 1.1, 0.42),  # 2532 x 1170
    "phone-6.5": Display(0.0676, 0.1503, 0.005, 25.4e-3 / 270, 1.05, 0.43),  # 1600 x 720
    "phone-6.7": Display(0.0697, 0.1549, 0.003, 25.4e-3 / 393, 1.15, 0.44),  # 2400 x 1080
    "tablet-10.1": Display(0.1360, 0.2175, 0.012, 25.4e-3 / 149, 1.0, 0.7),  # 1280 x 800
    "tablet-10.2": Display(0.1555, 0.2073, 0.013, 25.4e-3 / 264, 1.05, 0.75),  # 2160 x 1620
    "tablet-11": Display(0.1605, 0.2297, 0.009, 25.4e-3 / 264, 1.1, 0.78),  # 2388 x 1668
    "laptop-13.3": Display(0.2865, 0.1790, 0.008, 25.4e-3 / 227, 1.05, 0.6),  # 2560 x 1600
    "laptop-14": Display(0.3099, 0.1743, 0.010, 25.4e-3 / 157, 0.95, 0.6),  # 1920 x 1080
    "laptop-15.6": Display(0.3442, 0.1935, 0.015, 25.4e-3 / 100, 0.9, 0.65),  # 1366 x 768
}
"""By device and diagonal in inches; sizes and pixels from makers' public specifications."""


class Instrument:
    """A flat thing in 3-D. `surface`: BGR; `alpha`: float32; `size_m`: width and height in metres.

    `nearer`: the factor on the usual distance at which it is held.
    """

    lit_share = 1.0
    """Share of its brightness that is light from outside."""

    def __init__(
        self, surface: Picture, alpha: NDArray[np.float32], size_m: tuple[float, float], nearer: float = 1.0
    ) -> None:
        self._surface, self._alpha, self._size = surface, alpha, size_m
        self.nearer = nearer

    def draw(self, image: Picture, pose: Pose, age_s: float, focal: float, lamp: Lamp) -> None:
        """Draw the instrument at `pose` into `image`, in place. `age_s`: seconds since it was brought; `lamp`: what
        lights it, all over as in its middle."""
        surface = self._content(age_s)
        height, width = image.shape[:2]
        across, down = self._size[0] / 2, self._size[1] / 2
        corners = np.array([[-across, -down, 0], [across, -down, 0], [across, down, 0], [-across, down, 0]])
        points = corners @ rotation(pose.yaw, pose.pitch, pose.roll).T + [pose.x, pose.y, pose.z]
        screen = (focal * points[:, :2] / points[:, 2:] + [width / 2, height / 2]).astype(np.float32)
        x0, y0 = np.maximum(np.floor(screen.min(axis=0)).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(screen.max(axis=0)).astype(int) + 1, [width, height])
        if x0 >= x1 or y0 >= y1:
            return
        rows, columns = surface.shape[:2]
        source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
        matrix = cv2.getPerspectiveTransform(source, screen - np.array([x0, y0], np.float32))
        size = (int(x1 - x0), int(y1 - y0))
        colour = cv2.warpPerspective(surface, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpPerspective(self._alpha, matrix, size, flags=cv2.INTER_LINEAR)
        colour = self._lit(colour, matrix, pose, focal, lamp.shade(pose.z, self.lit_share))
        target = image[y0:y1, x0:x1]
        target[:] = cv2.blendLinear(colour, np.ascontiguousarray(target), alpha, np.float32(1) - alpha)

    def _content(self, age_s: float) -> Picture:
        return self._surface

    def _lit(self, colour: Picture, matrix: NDArray[np.float64], pose: Pose, focal: float, shade: float) -> Picture:
        return colour if shade == 1.0 else np.asarray(cv2.convertScaleAbs(colour, alpha=shade), np.uint8)


class Screen(Instrument):
    """A lit `display` that shows what `shown(age_s)` gives, pictures of one size, black beside them."""

    lit_share = GLASS

    def __init__(self, shown: Callable[[float], Picture], display: Display) -> None:
        rows, columns = shown(0.0).shape[:2]
        metre = max(columns / display.wide_m, rows / display.tall_m)
        rim = max(2, round(display.rim_m * metre))
        wide, tall = round(display.wide_m * metre) + 2 * rim, round(display.tall_m * metre) + 2 * rim
        surface, alpha = _device(wide, tall, rim)
        super().__init__(surface, alpha, (wide / metre, tall / metre), display.nearer)
        self._shown, self._display = shown, display
        x, y = (wide - columns) // 2, (tall - rows) // 2
        self._window = surface[y : y + rows, x : x + columns]
        self._pitch = display.pitch_m * metre

    def _content(self, age_s: float) -> Picture:
        self._window[:] = self._shown(age_s)
        return self._surface

    def _lit(self, colour: Picture, matrix: NDArray[np.float64], pose: Pose, focal: float, shade: float) -> Picture:
        light = _grid(colour.shape[:2], matrix, self._pitch, pose.z / focal / self._display.pitch_m)
        light *= np.float32(self._display.brightness * shade)
        lit = cv2.multiply(colour, light, dtype=cv2.CV_8U)
        return np.asarray(cv2.add(lit, _glare(colour.shape[1::-1], pose)), np.uint8)


def player(clip: Sequence[Picture], fps: float, display: Display) -> Screen:
    """A screen that plays `clip`, frames of `fps`, from the moment it is brought, again and again."""
    if not clip:
        raise ValueError("replay: the clip has no frames; record one first")
    return Screen(lambda age_s: clip[int(max(0.0, age_s) * fps) % len(clip)], display)


def print_of(portrait: Portrait, random: Generator) -> Instrument:
    """The portrait on matte paper with a white border, between two thumbs; a little paler than life."""
    crop = _crop(portrait, 0.72)
    tall, wide = _TEXTURE, int(_TEXTURE * crop.shape[1] / crop.shape[0])
    border = int(random.uniform(0.03, 0.06) * tall)
    paper = np.full((tall, wide, 3), (232, 236, 238), np.uint8)
    inked = cv2.resize(crop, (wide - 2 * border, tall - 2 * border), interpolation=cv2.INTER_CUBIC)
    inked = np.clip(inked * 0.86 + 22, 0, 255).astype(np.uint8)  # ink neither reaches black nor white
    paper[border : tall - border, border : wide - border] = inked
    grain = random.normal(0, 2.5, paper.shape[:2])
    paper = np.clip(paper + grain[..., None], 0, 255).astype(np.uint8)
    alpha = np.ones((tall, wide), np.float32)
    height_m = float(random.uniform(0.26, 0.31))
    surface, alpha = _held(paper, alpha)
    return Instrument(surface, alpha, (height_m * surface.shape[1] / surface.shape[0], height_m), 0.95)


def screen_of(portrait: Portrait, display: Display) -> Screen:
    """The portrait on a display, as large as it fits."""
    wide, tall = display.film
    crop = _crop(portrait, wide / tall)
    return player([np.asarray(cv2.resize(crop, (tall * crop.shape[1] // crop.shape[0], tall)), np.uint8)], 1, display)


def _crop(portrait: Portrait, aspect: float) -> Picture:
    """Head and collar, width to height as `aspect`."""
    x, y = portrait.centre
    half = 0.155 * portrait.pixels_per_metre
    top, bottom = y - 1.05 * half, y + 0.95 * half
    across = half * aspect
    rows, columns = portrait.image.shape[:2]
    return portrait.image[
        max(0, int(top)) : min(rows, int(bottom)), max(0, int(x - across)) : min(columns, int(x + across))
    ]


def _device(wide: int, tall: int, rim: int) -> tuple[Picture, NDArray[np.float32]]:
    """A black device with round corners: surface and alpha."""
    surface = np.full((tall, wide, 3), (24, 22, 22), np.uint8)
    alpha = np.zeros((tall, wide), np.float32)
    cv2.rectangle(alpha, (rim, 0), (wide - rim, tall), 1.0, -1)
    cv2.rectangle(alpha, (0, rim), (wide, tall - rim), 1.0, -1)
    for x in (rim, wide - 1 - rim):
        for y in (rim, tall - 1 - rim):
            cv2.circle(alpha, (x, y), rim, 1.0, -1)
    return surface, alpha


def _grid(size: Sequence[int], matrix: NDArray[np.float64], pitch: float, finer: float) -> Points:
    """What stripes of red, green and blue, `pitch` texels apart, make of white in a camera's picture: the beat of
    both grids, and a bluish tint. `matrix`: texels to the picture's pixels; `finer`: display pixels a camera pixel.

    A sensor's square pixel leaves 1 / (pi x finer) of a grid's contrast (3.3, for light from a third of each pixel),
    and its lens about half of that.
    """
    inverse = cv2.invert(matrix)[1].astype(np.float32)
    rows, columns = np.arange(size[0], dtype=np.float32)[:, None], np.arange(size[1], dtype=np.float32)
    depth = inverse[2, 0] * columns + inverse[2, 1] * rows + inverse[2, 2]
    across = (inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]) / depth
    angle = np.float32(2 * np.pi / pitch) * across
    contrast = np.float32(min(0.5, 0.26 / finer))
    third = np.float32(2 * np.pi / 3)
    stripes = np.stack([np.cos(angle + third), np.cos(angle), np.cos(angle - third)], axis=-1)
    return np.asarray((1 + contrast * stripes) * np.array([1.08, 1.0, 0.96], np.float32), np.float32)


def _held(surface: Picture, alpha: NDArray[np.float32]) -> tuple[Picture, NDArray[np.float32]]:
    """Add a margin with a hand at each side, low, where hands hold a sheet: the fist behind it, the thumb on it."""
    rows, columns = alpha.shape
    margin = columns // 7
    wide = cv2.copyMakeBorder(surface, 0, 0, margin, margin, cv2.BORDER_CONSTANT, value=(84, 112, 160))
    cover = cv2.copyMakeBorder(alpha, 0, 0, margin, margin, cv2.BORDER_CONSTANT, value=0.0)
    y = int(rows * 0.74)
    for edge, side in ((margin, -1), (columns + margin, 1)):
        fist, thumb = (edge + side * margin // 3, y), (edge - side * margin // 5, y - margin // 4)
        outside = slice(0, margin) if side < 0 else slice(columns + margin, None)
        cv2.ellipse(cover[:, outside], (fist[0] % (columns + margin), y), (margin // 2, margin), 0, 0, 360, 1.0, -1)
        cv2.ellipse(wide, thumb, (margin // 2, margin // 4), -20 * side, 0, 360, (104, 138, 190), -1, cv2.LINE_AA)
        cv2.ellipse(wide, thumb, (margin // 2, margin // 4), -20 * side, 0, 360, (78, 104, 150), 2, cv2.LINE_AA)
        cv2.ellipse(cover, thumb, (margin // 2, margin // 4), -20 * side, 0, 360, 1.0, -1)
    return wide, cover


def _glare(size: Sequence[int], pose: Pose) -> Picture:
    """The ceiling light mirrored in the glass: a soft spot that wanders as the device tilts."""
    width, height = size
    x = width * (0.3 - 0.03 * pose.yaw)
    y = height * (0.2 + 0.03 * pose.pitch)
    rows, columns = np.ogrid[0:height, 0:width]
    away = ((columns - x) / (0.30 * width)) ** 2 + ((rows - y) / (0.16 * height)) ** 2
    spot = (70 * np.exp(-away)).astype(np.uint8)
    return np.repeat(spot[..., None], 3, axis=2)
