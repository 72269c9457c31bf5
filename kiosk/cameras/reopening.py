"""A live camera that comes back: after a stall or unplugging it is reopened, with growing pauses, and reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from kiosk.camera import Camera, open_camera
from kiosk.errors import CameraError, CameraStalled
from kiosk.values import CameraEvent, Frame

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


class ReopeningCamera:
    """Wraps any source. While the camera is away `read` raises `CameraStalled`: call it again, it mends itself.

    `report` gets one sentence for each loss and each return. Frame numbers go on over a reopening. Sources
    with a clock of their own are handed through: their end or error is final.
    """

    def __init__(
        self,
        url: str,
        report: Callable[[str], None],
        opener: Callable[[str], Camera] = open_camera,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._report, self._opener, self._clock, self._sleep = url, report, opener, clock, sleep
        self._camera: Camera | None = opener(url)
        self.kind, self.device, self.live = self._camera.kind, self._camera.device, self._camera.live
        self.start_wall_ms = self._camera.start_wall_ms
        self._number = 0
        self._pause_s = _FIRST_PAUSE_S
        self._next_try_s = 0.0

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """See `kiosk.camera.Camera.read`."""
        if self._camera is None:
            self._reopen(timeout_s)
        camera = self._camera
        if camera is None:
            raise CameraStalled(f"camera {self._url!r}: still away; it is tried again by itself")
        try:
            frame = camera.read(timeout_s)
        except CameraError as error:
            if not self.live:
                raise
            self._lose(str(error))
            raise CameraStalled(str(error)) from error
        if frame is None:
            return None
        self._pause_s = _FIRST_PAUSE_S
        self._number += 1
        return replace(frame, number=self._number - 1)

    def tell(self, event: CameraEvent) -> None:
        """Handed to the source when it is there."""
        if self._camera is not None:
            self._camera.tell(event)

    def close(self) -> None:
        """Give the device back."""
        if self._camera is not None:
            self._camera.close()

    def _lose(self, why: str) -> None:
        self._report(f"camera lost: {why}")
        if self._camera is not None:
            self._camera.close()
        self._camera = None
        self._next_try_s = self._clock() + self._pause_s

    def _reopen(self, timeout_s: float) -> None:
        wait = self._next_try_s - self._clock()
        if wait > 0:
            self._sleep(min(wait, timeout_s))
        if self._clock() < self._next_try_s:
            return
        try:
            self._camera = self._opener(self._url)
        except CameraError:
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
            self._next_try_s = self._clock() + self._pause_s
            return
        self.device = self._camera.device
        self._report(f"camera back: {self._camera.kind}:{self.device}")
