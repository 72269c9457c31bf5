"""`picamera2:`: the camera module of a Raspberry Pi, through the picamera2 package of Raspberry Pi OS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kiosk.cameras.newest import LiveCamera
from kiosk.cameras.options import split, turned
from kiosk.errors import CameraError


def open_picamera2(url: str) -> LiveCamera:
    """Open `picamera2:[NUMBER]?width=&height=&fps=&rotation=`. Raises `CameraError` off a Pi or without camera."""
    parts = split(url, ("width", "height", "fps", "rotation"))
    width, height = parts.integer("width", 640, 64, 4608), parts.integer("height", 480, 64, 4608)
    fps, rotation = parts.number("fps", 30, 1, 120), parts.rotation()
    try:
        number = int(parts.address or 0)
    except ValueError as error:
        raise CameraError(f"camera {url!r}: write picamera2: or picamera2:NUMBER") from error
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise CameraError(
            f"camera {url!r}: picamera2 cannot be imported ({error}); on Raspberry Pi OS install "
            "python3-picamera2 and make the environment with --system-site-packages"
        ) from error
    try:
        camera = Picamera2(number)
        # What libcamera calls RGB888 lies in memory as blue, green, red.
        main = {"size": (width, height), "format": "RGB888"}
        camera.configure(camera.create_video_configuration(main=main, controls={"FrameRate": fps}))
        camera.start()
    except (RuntimeError, IndexError) as error:
        raise CameraError(
            f"camera {url!r}: the camera does not start ({error}); check the ribbon cable; "
            "rpicam-hello --list-cameras shows what is found"
        ) from error

    def grab() -> NDArray[np.uint8]:
        try:
            return turned(camera.capture_array("main"), rotation)
        except RuntimeError as error:
            raise CameraError(f"camera {url!r}: capture failed ({error}); the camera is reopened") from error

    def lock(held: bool) -> None:
        camera.set_controls({"AeEnable": not held, "AwbEnable": not held})

    def release() -> None:
        camera.stop()
        camera.close()

    model = camera.camera_properties.get("Model", "unknown model")
    return LiveCamera("picamera2", f"{number} ({model})", grab, release, frozen_is_stall=True, lock=lock)
