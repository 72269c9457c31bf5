"""What Linux says of a video device, and its exposure held still: V4L2 beneath OpenCV."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

_QUERYCAP = 0x80685600  # _IOR('V', 0, struct v4l2_capability), 104 bytes
_CAPABILITY_BYTES = 104
_VIRTUAL = ("v4l2 loopback", "v4l2loopback", "vivid", "akvcam")
_MANUAL, _OFF = 1.0, 0.0  # V4L2_EXPOSURE_MANUAL; white balance not automatic
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Names that a driver gives: its own, the camera's, and the place where it is plugged in. Empty: not told."""

    path: str
    driver: str = ""
    card: str = ""
    bus: str = ""

    @property
    def virtual(self) -> bool:
        """Whether a program, not a sensor, makes the pictures. A driver of another name is not seen through."""
        return self.driver.lower() in _VIRTUAL or "loopback" in self.bus.lower()

    def __str__(self) -> str:
        names = ", ".join(name for name in (self.card, self.driver, self.bus) if name)
        return f"{'virtual ' if self.virtual else ''}{self.path}" + (f" ({names})" if names else "")


def identity_of(path: str, query: Callable[[str], bytes] | None = None) -> Identity:
    """Ask the driver (VIDIOC_QUERYCAP); only the path where it does not answer. `query`: for tests."""
    try:
        raw = (query or _query)(path)
    except OSError:
        return Identity(path)
    driver, card, bus = (_text(raw[start:end]) for start, end in ((0, 16), (16, 48), (48, 80)))
    return Identity(path, driver, card, bus)


class Controls(Protocol):
    """What is used of `cv2.VideoCapture` to hold the exposure."""

    def get(self, name: int) -> float: ...

    def set(self, name: int, value: float) -> bool: ...


class ExposureLock:
    """Holds exposure, gain and white balance as they are, and gives them back to the camera afterwards.

    Each automatic that cannot be switched off is logged once: then a light code is read less well, and a code read too
    weakly is `undetermined`.
    """

    def __init__(self, controls: Controls, device: str) -> None:
        self._controls, self._device = controls, device
        self._before: dict[int, float] = {}
        self._told: set[str] = set()

    def hold(self) -> None:
        """Keep what the automatics have arrived at."""
        automatics = (
            ("exposure", cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL, cv2.CAP_PROP_EXPOSURE),
            ("white balance", cv2.CAP_PROP_AUTO_WB, _OFF, cv2.CAP_PROP_WB_TEMPERATURE),
        )
        for name, automatic, held, value in automatics:
            was, reached = self._controls.get(automatic), self._controls.get(value)
            if was == held:
                continue
            if not self._controls.set(automatic, held):
                if name not in self._told:
                    self._told.add(name)
                    _log.warning("camera %s: its automatic %s cannot be held during the light code", self._device, name)
                continue
            self._before[automatic] = was
            # Some drivers fall back to a default when the automatic ends.
            self._controls.set(value, reached)

    def release(self) -> None:
        """Let the automatics go on."""
        while self._before:
            automatic, was = self._before.popitem()
            self._controls.set(automatic, was)


def _query(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        return bytes(fcntl.ioctl(descriptor, _QUERYCAP, bytes(_CAPABILITY_BYTES)))
    finally:
        os.close(descriptor)


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def present() -> str:
    """The video devices of this machine, for a message."""
    return ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
