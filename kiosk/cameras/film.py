"""`file:PATH`: a video, an animated GIF, a still, or a folder of pictures as a sequence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.cameras.options import CameraUrl, split, turned
from kiosk.errors import CameraError
from kiosk.values import CameraEvent, Frame

_STILLS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".ppm", ".tif", ".tiff"}
_Timed = Iterator[tuple[float, NDArray[np.uint8]]]


class Film:
    """A `kiosk.camera.Camera` over recorded pictures.

    `pace=fast`, the default: every frame is handed over and the film's own timestamps are the clock.
    `pace=real`: as if it happened now: frames come when due, and those that came due meanwhile are dropped.
    """

    kind = "file"
    start_wall_ms = None

    def __init__(
        self,
        device: str,
        frames: _Timed,
        live: bool,
        release: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.device, self.live = device, live
        self._frames, self._release, self._clock, self._sleep = frames, release, clock, sleep
        self._started: float | None = None
        self._number = 0

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """The next frame, or the one due now when paced; None after the last."""
        due = self._next()
        if due is None or not self.live:
            return due
        if self._started is None:
            self._started = self._clock() - due.time_s
        now = self._clock() - self._started
        while due.time_s < now:
            later = self._next()
            if later is None:
                return due
            due = later
        self._sleep(max(0.0, due.time_s - now))
        return due

    def tell(self, event: CameraEvent) -> None:
        """A film sees no prompts."""

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())
        self._release()

    def _next(self) -> Frame | None:
        timed = next(self._frames, None)
        if timed is None:
            return None
        self._number += 1
        return Frame(timed[1], timed[0], self._number - 1)


def open_film(url: str) -> Film:
    """Open `file:PATH?pace=fast|real&rotation=&fps=&seconds=`.

    `fps` (15) times stills and folders; `seconds` (2) is how long a single still stands. Raises `CameraError`
    for a path that is missing or holds no pictures.
    """
    parts = split(url, ("pace", "rotation", "fps", "seconds"))
    live = parts.choice("pace", ("fast", "real")) == "real"
    path = Path(parts.address).expanduser()
    if path.is_dir():
        stills = sorted(p for p in path.iterdir() if p.suffix.lower() in _STILLS)
        if not stills:
            raise CameraError(f"camera {url!r}: the folder holds no pictures ({', '.join(sorted(_STILLS))})")
        return Film(str(path), _sequence(stills, parts), live)
    if not path.is_file():
        raise CameraError(f"camera {url!r}: there is no file {str(path)!r}; check the path")
    if path.suffix.lower() in _STILLS and cv2.haveImageReader(str(path)):
        count = max(1, round(parts.number("seconds", 2, 0, 3600) * _fps(parts)))
        return Film(str(path), _sequence([path] * count, parts), live)
    # An absolute path: a name such as "concat:x" must not reach FFmpeg as a protocol.
    capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    good, first = capture.read() if capture.isOpened() else (False, None)
    if not good or first is None:
        capture.release()
        raise CameraError(f"camera {url!r}: not a video, GIF or picture that can be read; try it in a player")
    return Film(str(path), _video(capture, first, parts), live, capture.release)


def _fps(parts: CameraUrl) -> float:
    return parts.number("fps", 15, 0.1, 240)


def _sequence(paths: list[Path], parts: CameraUrl) -> _Timed:
    rotation, fps = parts.rotation(), _fps(parts)
    shown: Path | None = None
    for number, path in enumerate(paths):
        if path != shown:
            shown, picture = path, turned(_still(path, parts.url), rotation)
        yield number / fps, picture


def _still(path: Path, url: str) -> NDArray[np.uint8]:
    try:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:  # more pixels than OpenCV admits
        image = None
    if image is None:
        raise CameraError(f"camera {url!r}: {path.name!r} is not a picture that can be read; remove or convert it")
    return np.asarray(image, dtype=np.uint8)


def _video(capture: cv2.VideoCapture, first: NDArray[np.uint8], parts: CameraUrl) -> _Timed:
    """Frames with the stream's timestamps; where these do not rise, by the frame rate."""
    rotation = parts.rotation()
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    step = 1 / fps if 0.1 <= fps <= 1000 else 1 / 15
    origin = float(capture.get(cv2.CAP_PROP_POS_MSEC))
    time_s, image, good = 0.0, first, True
    while good:
        yield time_s, turned(image, rotation)
        good, image = capture.read()
        stamp = (float(capture.get(cv2.CAP_PROP_POS_MSEC)) - origin) / 1000
        time_s = stamp if stamp > time_s else time_s + step
