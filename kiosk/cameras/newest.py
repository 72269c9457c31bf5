"""Live sources: a thread reads the device, the newest frame wins, and a stall is told from a slow moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import CameraError, CameraStalled
from kiosk.values import CameraEvent, Frame

Grab = Callable[[], NDArray[np.uint8] | None]
"""Waits for one picture, height x width x 3 BGR; None at the end; raises `CameraError` when the source broke."""

_FROZEN_S = 3.0
_JOIN_S = 2.0


class LiveCamera:
    """A `kiosk.camera.Camera` over a blocking `grab`. Frames carry the monotonic clock at their arrival.

    `frozen_is_stall`: a real sensor never delivers the same bytes twice, so a picture that stays identical
    for three seconds counts as a stall (a black one does not: a dark office is no fault). `lock`: holds exposure and
    white balance while it is True, so that they do not undo what the lamp does.
    """

    live = True

    def __init__(
        self,
        kind: str,
        device: str,
        grab: Grab,
        release: Callable[[], None],
        frozen_is_stall: bool = False,
        start_wall_ms: int | None = None,
        lock: Callable[[bool], None] | None = None,
    ) -> None:
        self.kind, self.device, self.start_wall_ms = kind, device, start_wall_ms
        self._lock, self._locked = lock, False
        self._grab, self._release, self._frozen_is_stall = grab, release, frozen_is_stall
        self._news = threading.Condition()
        self._newest: Frame | None = None
        self._handed = -1
        self._ended = False
        self._broken: CameraError | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"camera {kind}", daemon=True)
        self._thread.start()

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """The newest frame not yet handed out; see `kiosk.camera.Camera.read`."""
        with self._news:
            self._news.wait_for(lambda: self._unread() or self._ended, timeout_s)
            if self._unread() and self._newest is not None:
                self._handed = self._newest.number
                return self._newest
            if self._broken is not None:
                raise self._broken
            if self._ended:
                return None
        raise CameraStalled(
            f"camera {self.kind}:{self.device}: no new frame for {timeout_s:g} s; check the cable and that nothing "
            "else uses the camera"
        )

    def tell(self, event: CameraEvent) -> None:
        """Real cameras see no prompts; a light code holds their exposure."""
        playing = event.event == "light" and event.value != ""
        if self._lock is not None and event.event == "light" and playing != self._locked:
            self._locked = playing
            self._lock(playing)

    def close(self) -> None:
        """Stop reading and give the device back."""
        self._closing = True
        if self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)

    def _unread(self) -> bool:
        return self._newest is not None and self._newest.number > self._handed

    def _run(self) -> None:
        number, changed_s = 0, time.monotonic()
        before: NDArray[np.uint8] | None = None
        try:
            while not self._closing:
                image = self._grab()
                now = time.monotonic()
                if image is None:
                    break
                if self._frozen_is_stall:
                    sample = image[::8, ::8]
                    if before is None or not np.array_equal(sample, before) or float(sample.std()) < 2:
                        before, changed_s = sample.copy(), now
                    elif now - changed_s > _FROZEN_S:
                        continue  # withheld, so that the reader sees the stall
                with self._news:
                    self._newest = Frame(image, now, number)
                    self._news.notify_all()
                number += 1
        except CameraError as error:
            self._broken = error
        finally:
            self._release()
            with self._news:
                self._ended = True
                self._news.notify_all()
