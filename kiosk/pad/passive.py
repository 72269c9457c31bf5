"""Passive cues: what single pictures show of a print or a display. They never prove life: they deny or are noted.

Thresholds are starting points, from pictures of other cameras than yours: until a cue was calibrated on site it is
noted in the journal beside the verdict (`log`) and denies nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry
from kiosk.errors import ConfigError
from kiosk.pad.cues import PassiveSettings
from kiosk.values import Face, Reason

_SIDE = 128
_FACE = 48  # width of the face in the picture in which a bezel is sought
_LEANS = np.linspace(-0.18, 0.18, 13)
_STRIP = range(2, 8)  # its width there
_PEAK, _AROUND_PEAK = 5, 11  # bins of the spectrum
_OVEREXPOSED = 180
_MODEL_SIDE = 80
_LEAST_AROUND, _LEAST_COLOUR = 1.6, 0.5  # widths of the face in the picture; deviation between its channels, in greys


class Passive:
    """Measures one track's pictures now and then; `noted`: each cue's median so far."""

    def __init__(self, settings: PassiveSettings) -> None:
        self._settings = settings
        self._found: dict[str, list[float]] = {cue: [] for cue in settings.measured()}
        self._last_s = -np.inf

    def update(self, image: NDArray[np.uint8], face: Face, time_s: float) -> None:
        """Take the picture in when the last one was long enough ago; `face` looks ahead in it."""
        if time_s - self._last_s < self._settings.every_s:
            return
        self._last_s = time_s
        for cue, values in self._found.items():
            if len(values) < self._settings.most:
                value = MEASURES[cue](image, face, self._settings)
                if value is not None:
                    values.append(value)

    @property
    def noted(self) -> tuple[Reason, ...]:
        """What was measured, against its threshold."""
        limit = self._settings.limit
        return tuple(Reason(cue, median(values), limit(cue)) for cue, values in self._found.items() if values)

    def denied(self, also: tuple[str, ...] = ()) -> tuple[Reason, ...]:
        """What is beyond its threshold and may deny; cues in `also` may, unless they are off."""
        return tuple(
            r for r in self.noted if speaks(r) and (self._settings.use.get(r.name) == "deny" or r.name in also)
        )


def speaks(reason: Reason) -> bool:
    """Whether a cue is beyond its threshold."""
    return reason.value is not None and reason.threshold is not None and reason.value > reason.threshold


def moire(image: NDArray[np.uint8], face: Face, settings: PassiveSettings) -> float | None:
    """Decades by which the strongest peak of the fine spectrum stands out of its surroundings there: a pixel grid or a
    printing screen seen by another grid (Garcia and de Queiroz 2015). At the picture's own resolution."""
    crop = _inner(image, face)
    if crop is None or min(crop.shape[:2]) < _SIDE // 4:
        return None
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
    side = min(*grey.shape, _SIDE)
    y, x = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    grey = grey[y : y + side, x : x + side]
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 2.0)
    window, chosen = _spectrum_of(side)
    power = np.log10(np.abs(np.fft.fftshift(np.fft.fft2(fine * window))) + 0.25 * side)
    # Enlarged pictures end somewhere within the spectrum, and in other directions elsewhere: so what is near counts.
    wide, close = (cv2.boxFilter(power, -1, (n, n), normalize=False) for n in (_AROUND_PEAK, _PEAK))
    usual = (wide - close) / (_AROUND_PEAK**2 - _PEAK**2)
    return float((power - usual)[chosen].max())


def bezel(image: NDArray[np.uint8], face: Face, settings: PassiveSettings) -> float | None:
    """Share of the rows from brow to chin that one straight, nearly upright strip with two clear edges crosses, on the
    weaker side: the rim of a display, or the border of a sheet. Door frames on both sides of a head are such, too."""
    x, y, w, h = face.box
    if w < 12:
        return None
    scale = _FACE / w
    high, wide = round(0.9 * h * scale), 3 * _FACE
    corner = x - w, y
    to_view = np.array(((scale, 0, -corner[0] * scale), (0, scale, -corner[1] * scale)))
    view = cv2.warpAffine(image, to_view, (wide, high), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    grey = cv2.GaussianBlur(cv2.cvtColor(view, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    edges = cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 4.0
    # Clear of the cheeks and hair, whose outline is round anyway.
    margin = round(0.55 * _FACE)
    sides = edges[:, : _FACE + _FACE // 2 - margin], edges[:, _FACE + _FACE // 2 + margin :]
    return min(_straightest_strip(side) for side in sides)


def specular(image: NDArray[np.uint8], face: Face, settings: PassiveSettings) -> float | None:
    """Share of the face that is as white as the picture gets: glass mirrors a lamp in one large patch. Nothing of a
    face most of which is nearly white: then it is the exposure."""
    crop = _inner(image, face)
    whites = None if crop is None else crop.min(axis=2)
    return None if whites is None or np.median(whites) > _OVEREXPOSED else float((whites >= 250).mean())


def colour_texture(image: NDArray[np.uint8], face: Face, settings: PassiveSettings) -> float | None:
    """Fine detail of the chroma over that of the luma: displays and inks mix their colours from dots (after the colour
    textures of Boulkenafet et al. 2016, reduced to one number that needs no training)."""
    crop = _inner(image, face)
    if crop is None:
        return None
    small = cv2.resize(crop, (_SIDE // 2, _SIDE // 2), interpolation=cv2.INTER_AREA)
    detail = [cv2.meanStdDev(cv2.Laplacian(c, cv2.CV_32F))[1][0, 0] for c in cv2.split(_ycrcb(small))]
    return float((detail[1] + detail[2]) / (2.0 * max(detail[0], 0.5)))


def model(image: NDArray[np.uint8], face: Face, settings: PassiveSettings) -> float | None:
    """1 less the probability of a living face that the configured ONNX model gives; nothing of a picture without
    colour, or with too little in it around the face: both were living people's on half of the people, and it refused
    nearly all of them."""
    if settings.model is None:
        return None
    # The square that it was trained on: of the face with its forehead, moved into the picture, and no wider than that.
    height, width = image.shape[:2]
    oval = face.landmarks[geometry.OVAL, :2]
    (x0, y0), (x1, y1) = oval.min(axis=0), oval.max(axis=0)
    scale = min((width - 1) / (x1 - x0), (height - 1) / (y1 - y0), settings.model.scale)
    if scale < _LEAST_AROUND or float(image[::4, ::4].std(axis=2).mean()) < _LEAST_COLOUR:
        return None
    half = scale * (x1 - x0) / 2, scale * (y1 - y0) / 2
    x, y = (
        min(max(middle, reach), most - 1 - reach)
        for middle, reach, most in zip(((x0 + x1) / 2, (y0 + y1) / 2), half, (width, height), strict=True)
    )
    part = image[int(y - half[1]) : int(y + half[1]) + 1, int(x - half[0]) : int(x + half[0]) + 1]
    view = cv2.resize(part, (_MODEL_SIDE, _MODEL_SIDE))
    network = _network(settings.model.path, settings.model.sha256)
    network.setInput(cv2.dnn.blobFromImage(view))
    scores = network.forward()[0].astype(float)
    shares = np.exp(scores - scores.max())
    return float(1.0 - shares[settings.model.living] / shares.sum())


MEASURES: dict[str, Callable[[NDArray[np.uint8], Face, PassiveSettings], float | None]] = {
    "moire": moire,
    "bezel": bezel,
    "specular": specular,
    "colour_texture": colour_texture,
    "model": model,
}
"""What measures each cue; None where it cannot."""


@cache
def _network(path: Path, sha256: str) -> cv2.dnn.Net:
    """Raises `ConfigError` for a file that is not the one named."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the model {path} cannot be read ({error.strerror}): correct its path, or leave it out"
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ConfigError(f"the model {path} is not the one named: its sha256 is {hashlib.sha256(data).hexdigest()}")
    return cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))


def _inner(image: NDArray[np.uint8], face: Face) -> NDArray[np.uint8] | None:
    """The middle of the face: cheeks, nose and brows, without hair or background."""
    oval = face.landmarks[geometry.OVAL, :2]
    (x0, y0), (x1, y1) = oval.min(axis=0), oval.max(axis=0)
    dx, dy = 0.15 * (x1 - x0), 0.15 * (y1 - y0)
    height, width = image.shape[:2]
    left, right = int(max(x0 + dx, 0)), int(min(x1 - dx, width))
    top, bottom = int(max(y0 + dy, 0)), int(min(y1 - dy, height))
    return image[top:bottom, left:right] if right - left >= 16 and bottom - top >= 16 else None


def _ycrcb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb), np.uint8)


@cache
def _spectrum_of(side: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A window, and which frequencies count: none that faces have, too, nor those of a codec's blocks of 8."""
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    across = np.fft.fftshift(np.fft.fftfreq(side))
    of_blocks = np.abs(8 * across - np.round(8 * across)) <= 4.8 / side
    inside = np.abs(across) <= 0.45
    coarse = np.hypot(*np.meshgrid(across, across)) < 0.15
    return window, np.outer(inside, inside) & ~np.outer(of_blocks, of_blocks) & ~coarse


def _straightest_strip(edges: NDArray[np.float32]) -> float:
    """Share of the rows in which both edges of one straight strip, up to about 10 degrees from upright and a sixth of a
    face wide, are clear: the weaker edge's."""
    high, wide = edges.shape
    clear = 6.0 + 2.0 * float(np.median(np.abs(edges)))
    rise, fall = (cv2.dilate(sign * edges, np.ones((1, 3), np.uint8)) >= clear for sign in (1.0, -1.0))
    rows = np.arange(high)[:, np.newaxis]
    best = 0.0
    for lean in _LEANS:
        columns = np.arange(wide) + np.round(lean * (rows - high / 2)).astype(int)
        inside, columns = (columns >= 0) & (columns < wide), columns.clip(0, wide - 1)
        up, down = ((met[rows, columns] & inside).mean(axis=0) for met in (rise, fall))
        for gap in _STRIP:
            there = np.maximum(np.minimum(up[:-gap], down[gap:]), np.minimum(down[:-gap], up[gap:]))
            best = max(best, float(there.max()))
    return best
