"""Camera URLs taken apart: `scheme:address?name=value&…`, each option checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.errors import CameraError

_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True)
class CameraUrl:
    """A camera URL in parts. The getters raise `CameraError` with the URL, the option and its range."""

    url: str
    address: str
    options: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str) -> str:
        """The option as written, or `default`."""
        return self.options.get(name, default)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """The option, one of `allowed`; the first is the default."""
        value = self.options.get(name, allowed[0])
        if value not in allowed:
            raise CameraError(f"camera {self.url!r}: {name}={value}: write one of {', '.join(allowed)}")
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """The option as a number within `low` to `high`."""
        written = self.options.get(name)
        if written is None:
            return default
        try:
            value = float(written)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise CameraError(f"camera {self.url!r}: {name}={written}: write a number from {low:g} to {high:g}")
        return value

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """The option as a whole number within `low` to `high`."""
        value = self.number(name, default, low, high)
        if value != int(value):
            raise CameraError(f"camera {self.url!r}: {name}={value:g}: write a whole number")
        return int(value)

    def rotation(self) -> int:
        """`rotation=`: degrees clockwise by which the picture is turned upright: 0, 90, 180 or 270."""
        return int(self.choice("rotation", ("0", "90", "180", "270")))


def split(url: str, allowed: tuple[str, ...]) -> CameraUrl:
    """Take `url` apart. Raises `CameraError` for an option that is not in `allowed`."""
    _, _, rest = url.partition(":")
    address, _, query = rest.partition("?")
    # A plus sign stays a plus sign: ISO 8601 offsets are written with it.
    pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
    for name, _ in pairs:
        if name not in allowed:
            raise CameraError(f"camera {url!r}: unknown option {name!r}; allowed: {', '.join(allowed) or 'none'}")
    return CameraUrl(url, address, dict(pairs))


def turned(image: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """`image` (height x width x 3) turned clockwise by 0, 90, 180 or 270 degrees."""
    if rotation == 0:
        return image
    return np.asarray(cv2.rotate(image, _ROTATIONS[rotation]), dtype=np.uint8)
