"""`v4l2:/dev/video0` and `rtsp://…`: cameras that OpenCV reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.cameras import v4l2
from kiosk.cameras.newest import LiveCamera
from kiosk.cameras.options import split, turned
from kiosk.errors import CameraError

_RTSP_TIMEOUT_MS = 5000


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`; its controls are `v4l2.Controls`."""

    def read(self) -> tuple[bool, NDArray[np.uint8]]: ...

    def release(self) -> None: ...


def open_v4l2(url: str) -> LiveCamera:
    """Open `v4l2:DEVICE?width=&height=&fps=&rotation=`. Raises `CameraError` when it cannot be opened.

    A device whose driver says that a program makes its pictures is of the kind `virtual`, which no manifest allows.
    """
    parts = split(url, ("width", "height", "fps", "rotation"))
    path = parts.address
    if not path.startswith("/dev/"):
        raise CameraError(f"camera {url!r}: write a device, as in v4l2:/dev/video0")
    if not Path(path).exists():
        raise CameraError(f"camera {url!r}: {path} does not exist; devices here: {v4l2.present()}; plug the camera in")
    wanted = [
        (cv2.CAP_PROP_FRAME_WIDTH, parts.integer("width", 640, 16, 8192)),
        (cv2.CAP_PROP_FRAME_HEIGHT, parts.integer("height", 480, 16, 8192)),
        (cv2.CAP_PROP_FPS, parts.integer("fps", 30, 1, 240)),
    ]
    rotation = parts.rotation()
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise CameraError(
            f"camera {url!r}: {path} cannot be opened; another program may hold it, or this user is not in the "
            "group video"
        )
    for name, value in wanted:
        capture.set(name, value)
    identity = v4l2.identity_of(path)
    kind = "virtual" if identity.virtual else "v4l2"
    return live_capture(kind, str(identity), capture, rotation, v4l2.ExposureLock(capture, path))


def open_rtsp(url: str) -> LiveCamera:
    """Open `rtsp://…` or `rtsps://…`. Raises `CameraError`, without the URL's password, when nobody answers."""
    shown = without_password(url)
    timeouts = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        _RTSP_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        _RTSP_TIMEOUT_MS,
    ]
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, timeouts)
    if not capture.isOpened():
        capture.release()
        raise CameraError(f"camera {shown!r}: no stream within {_RTSP_TIMEOUT_MS // 1000} s; check address and login")
    return live_capture("rtsp", shown.partition(":")[2], capture, 0)


def live_capture(
    kind: str, device: str, capture: Capture, rotation: int, exposure: v4l2.ExposureLock | None = None
) -> LiveCamera:
    """A live camera over an opened capture. A failed read means unplugged or gone: the camera breaks.

    `exposure`: held during light codes, by the thread that reads, between two frames.
    """
    wanted, held = [False], [False]

    def lock(holds: bool) -> None:
        wanted[0] = holds

    def grab() -> NDArray[np.uint8]:
        if exposure is not None and wanted[0] != held[0]:
            held[0] = wanted[0]
            exposure.hold() if held[0] else exposure.release()
        good, image = capture.read()
        if not good:
            raise CameraError(f"camera {kind}:{device}: delivers no more frames; is it unplugged?")
        return turned(image, rotation)

    return LiveCamera(kind, device, grab, capture.release, frozen_is_stall=True, lock=lock)


def without_password(url: str) -> str:
    """`url` with user name and password replaced by `***`."""
    return re.sub(r"//[^/@]*@", "//***@", url)
