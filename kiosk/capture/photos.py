"""Photos from files that nobody vouches for: read within bounds of size and memory, upright, 8 bits, BGR."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from kiosk.errors import EnrolmentError

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF")
_MOST_BYTES = 40_000_000
_MOST_PIXELS = 60_000_000
_STRIP = 10  # times as long as wide
_SHORT_SIDE, _LONG_SIDE = 320, 1600


@dataclass(frozen=True, slots=True)
class Packed:
    """A photo that is no file of its own. `read(n)`: its first n bytes; OSError where they cannot be had."""

    name: str
    read: Callable[[int], bytes]


def read_photo(photo: Path | Packed, least: int = _SHORT_SIDE) -> NDArray[np.uint8]:
    """The photo as height x width x 3 BGR, turned as its EXIF says, its sides between `least` and 1600 pixels.

    Raises EnrolmentError, naming the file, for what is no photo, truncated, a strip, or larger than 60 megapixels.
    """
    name = photo.name
    try:
        content = _content(photo)
        if len(content) > _MOST_BYTES:
            raise EnrolmentError(f"{name}: larger than {_MOST_BYTES // 10**6} MB. Save it smaller.")
        with warnings.catch_warnings():
            # Pillow's own warning about large pictures: the bound below decides.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=_FORMATS) as opened:
                return _decoded(name, opened, least)
    except UnidentifiedImageError as error:
        raise EnrolmentError(f"{name}: not a photo in a known format. Save it as JPEG or PNG.") from error
    except Image.DecompressionBombError as error:
        raise EnrolmentError(f"{name}: too many pixels. Save it smaller.") from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, EnrolmentError):
            raise
        raise EnrolmentError(f"{name}: cannot be read ({error}). Copy it again.") from error


def _content(photo: Path | Packed) -> bytes:
    """All of it, or one byte more than is allowed."""
    if isinstance(photo, Packed):
        return photo.read(_MOST_BYTES + 1)
    if photo.exists() and not photo.is_file():
        raise OSError("it is no file")  # a pipe would be waited for
    with photo.open("rb") as handle:
        return handle.read(_MOST_BYTES + 1)


def _decoded(name: str, photo: Image.Image, least: int) -> NDArray[np.uint8]:
    width, height = photo.size
    if width * height > _MOST_PIXELS:
        raise EnrolmentError(f"{name}: {width} x {height} pixels are too many. Save it smaller.")
    if max(width, height) > _STRIP * min(width, height):
        raise EnrolmentError(f"{name}: {width} x {height} pixels are a strip, no photo. Crop it to the person.")
    # face_recognition, once imported, makes Pillow take half a picture for a whole one.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    photo.draft("RGB", (_LONG_SIDE, _LONG_SIDE))
    upright = ImageOps.exif_transpose(photo)
    if upright.mode.startswith("I"):
        # Pillow clips 16 bits to 8 instead of scaling them.
        deep = np.asarray(upright, np.float32)
        grey = (deep / max(float(deep.max()), 255.0) * 255.0).astype(np.uint8)
        picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    else:
        picture = cv2.cvtColor(np.asarray(upright.convert("RGB")), cv2.COLOR_RGB2BGR)
    short, long = min(picture.shape[:2]), max(picture.shape[:2])
    scale = min(max(least / short, 1.0), _LONG_SIDE / long)
    if scale == 1.0:
        return picture
    smaller = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=smaller)
