"""Live sources: a thread reads the device, the newest frame wins, and a stall is told from a slow moment."""

from __future__ import annotations

import hashlib
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
_REMEMBERED = 1800  # pictures: a minute at 30 a second
_LOOPED = 5  # pictures in a row that came again
_JOIN_S = 2.0


class Loop:
    """Notices pictures that come again in their order. A sensor's noise never repeats: what does was recorded.

    A driver may hand over one picture twice, and a dark or a white one says nothing.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._last = b""
        self._number = self._distance = self._run = 0

    def length(self, sample: NDArray[np.uint8]) -> int:
        """After how many pictures the last ones came again; 0 while they are new."""
        digest = hashlib.blake2b(sample.tobytes(), digest_size=16).digest()
        if digest == self._last or float(sample.std()) < 2:
            return 0
        self._last = digest
        self._number += 1
        before = self._known.pop(digest, self._number)
        distance = self._number - before
        self._run = self._run + 1 if distance and distance == self._distance else int(distance > 0)
        self._distance = distance
        self._known[digest] = self._number  # last in the order of the dictionary
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return distance if self._run >= _LOOPED else 0


class LiveCamera:
    """A `kiosk.camera.Camera` over a blocking `grab`. Frames carry the monotonic clock at their arrival.

    `frozen_is_stall`: a real sensor never delivers the same bytes twice, so a picture that stays identical
    for three seconds counts as a stall (a black one does not: a dark office is no fault), and pictures that come again
    break the camera, with the reason. `lock`: holds exposure and
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
        loop = Loop()
        try:
            while not self._closing:
                image = self._grab()
                now = time.monotonic()
                if image is None:
                    break
                if self._frozen_is_stall:
                    sample = image[::8, ::8]
                    again = loop.length(sample)
                    if again:
                        raise CameraError(
                            f"camera {self.kind}:{self.device}: its last {again} pictures come again: a recording is "
                            "played into it; look at its cable and who can reach it"
                        )
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
