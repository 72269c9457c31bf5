"""Presentation attack instruments (ISO/IEC 30107-1) that are flat: a print, and a screen that may play a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simulation.head import Pose, rotation
from simulation.lamp import GLASS
from simulation.portrait import Picture, Portrait

_TEXTURE = 800  # pixels of the longer side of an instrument's texture


class Instrument:
    """A flat thing in 3-D. `surface`: BGR; `alpha`: float32; `size_m`: width and height in metres.

    `nearer`: the factor on the usual distance at which it is held. `own_light`: lit from inside.
    """

    def __init__(
        self,
        surface: Picture,
        alpha: NDArray[np.float32],
        size_m: tuple[float, float],
        nearer: float = 1.0,
        own_light: bool = False,
    ) -> None:
        self._surface, self._alpha, self._size = surface, alpha, size_m
        self.nearer = nearer
        self._own_light = own_light
        self.lit_share = GLASS if own_light else 1.0
        """Share of its brightness that is light from outside."""

    def draw(self, image: Picture, pose: Pose, age_s: float, focal: float, shade: float = 1.0) -> None:
        """Draw the instrument at `pose` into `image`, in place. `age_s`: seconds since it was brought; `shade`:
        factor on its grey values."""
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
        # A lit pixel grid seen through a coarser sensor beats: screens are sampled without smoothing.
        how = cv2.INTER_LINEAR if self._own_light else cv2.INTER_AREA
        colour = cv2.warpPerspective(surface, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpPerspective(self._alpha, matrix, size, flags=cv2.INTER_LINEAR)
        target = image[y0:y1, x0:x1]
        if shade != 1.0:
            colour = cv2.convertScaleAbs(colour, alpha=shade)
        if self._own_light:
            colour = cv2.add(colour, _glare(size, pose))
        target[:] = cv2.blendLinear(colour, np.ascontiguousarray(target), alpha, np.float32(1) - alpha)

    def _content(self, age_s: float) -> Picture:
        return self._surface


class Screen(Instrument):
    """A lit display that shows what `shown(age_s)` gives, pictures of one size."""

    def __init__(self, shown: Callable[[float], Picture], random: Generator) -> None:
        first = shown(0.0)
        surface, alpha, size, self._window = _device(random, first.shape[1] / first.shape[0])
        super().__init__(surface, alpha, size, 0.8, own_light=True)
        self._shown = shown
        self._light = _light(*self._window[2:])

    def _content(self, age_s: float) -> Picture:
        frame = self._shown(age_s)
        x, y, width, height = self._window
        shown = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
        self._surface[y : y + height, x : x + width] = cv2.multiply(shown, self._light, scale=1 / 128)
        return self._surface


def player(clip: Sequence[Picture], fps: float, random: Generator) -> Screen:
    """A screen that plays `clip`, frames of `fps`, from the moment it is brought, again and again."""
    if not clip:
        raise ValueError("replay: the clip has no frames; record one first")
    return Screen(lambda age_s: clip[int(max(0.0, age_s) * fps) % len(clip)], random)


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


def screen_of(portrait: Portrait, random: Generator) -> Instrument:
    """The portrait on a lit display with a bezel, its pixel grid (so moiré) and a glare."""
    crop = _crop(portrait, 0.72)
    return player([crop], 1, random)


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


def _device(
    random: Generator, aspect: float
) -> tuple[Picture, NDArray[np.float32], tuple[float, float], tuple[int, int, int, int]]:
    """A black device: surface, alpha with round corners, size in metres, and its window x, y, width, height."""
    bezel = int(random.uniform(0.025, 0.05) * _TEXTURE)
    tall, wide = (_TEXTURE, int(_TEXTURE * aspect)) if aspect <= 1 else (int(_TEXTURE / aspect), _TEXTURE)
    surface = np.full((tall, wide, 3), (24, 22, 22), np.uint8)
    alpha = np.zeros((tall, wide), np.float32)
    round_ = bezel
    cv2.rectangle(alpha, (round_, 0), (wide - round_, tall), 1.0, -1)
    cv2.rectangle(alpha, (0, round_), (wide, tall - round_), 1.0, -1)
    for x in (round_, wide - 1 - round_):
        for y in (round_, tall - 1 - round_):
            cv2.circle(alpha, (x, y), round_, 1.0, -1)
    longer = float(random.uniform(0.24, 0.27))
    window = (bezel, bezel, wide - 2 * bezel, tall - 2 * bezel)
    return surface, alpha, (longer * wide / max(tall, wide), longer * tall / max(tall, wide)), window


def _light(width: int, height: int) -> Picture:
    """What a display does to a picture, in 128ths: brighter, bluish, a grid of pixels with dark gaps."""
    grid = np.ones((height, width), np.float32)
    grid[::2] *= 0.84
    grid[:, ::2] *= 0.9
    return np.clip(grid[..., None] * (172, 158, 151), 0, 255).astype(np.uint8)


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


def _glare(size: tuple[int, int], pose: Pose) -> Picture:
    """The ceiling light mirrored in the glass: a soft spot that wanders as the device tilts."""
    width, height = size
    x = width * (0.3 - 0.03 * pose.yaw)
    y = height * (0.2 + 0.03 * pose.pitch)
    rows, columns = np.ogrid[0:height, 0:width]
    away = ((columns - x) / (0.30 * width)) ** 2 + ((rows - y) / (0.16 * height)) ** 2
    spot = (70 * np.exp(-away)).astype(np.uint8)
    return np.repeat(spot[..., None], 3, axis=2)
