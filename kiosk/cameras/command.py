"""`exec:COMMAND`: frames from another program, which is told of prompts and lamps. See docs/camera-exec.md."""

from __future__ import annotations

import shlex
import time

import numpy as np
from numpy.typing import NDArray

from kiosk.cameras.child import Child
from kiosk.cameras.header import Header, read_header
from kiosk.cameras.newest import LiveCamera
from kiosk.errors import CameraError, CameraStalled
from kiosk.values import CameraEvent, Frame

FRAME_LIMIT_S = 60.0
"""How long a program with a virtual clock may take over one frame, and any program over its first line."""


def open_command(url: str) -> CommandCamera | LiveCommandCamera:
    """Start the command and read its first line. Raises `CameraError` when it does not start or speak well."""
    command = url.partition(":")[2].strip()
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CameraError(f"camera {url!r}: the command cannot be split into words: {error}") from error
    if not words:
        raise CameraError(f"camera {url!r}: write a command, as in exec:python -m simulation.exec_head")
    child = Child(words)
    try:
        header = read_header(child, time.monotonic() + FRAME_LIMIT_S)
    except CameraError:
        child.close()
        raise
    return LiveCommandCamera(child, header) if header.clock == "real" else CommandCamera(child, header)


class CommandCamera:
    """A command with a virtual clock: frame n is at n / fps, each is waited for, none is read ahead."""

    kind = "exec"
    live = False

    def __init__(self, child: Child, header: Header) -> None:
        self.device, self.start_wall_ms = child.command, header.start_wall_ms
        self._child, self._header = child, header
        self._number = 0

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """The next frame. The program may take longer than `timeout_s`: its clock stands still meanwhile."""
        time_s = self._number / self._header.fps
        if self._header.ticks:
            self._child.send({"time_s": round(time_s, 6), "event": "frame", "value": str(self._number)})
        try:
            image = _picture(self._child, self._header, time.monotonic() + max(timeout_s, FRAME_LIMIT_S))
        except CameraStalled:
            self.close()  # a part of the frame may be read: what would follow is no frame
            raise
        if image is None:
            return None
        self._number += 1
        return Frame(image, time_s, self._number - 1)

    def tell(self, event: CameraEvent) -> None:
        """One JSON line to the command."""
        _tell(self._child, event)

    def close(self) -> None:
        """End the command and whatever it started."""
        self._child.close()


class LiveCommandCamera(LiveCamera):
    """A command with a real clock: frames are stamped on arrival, the newest wins."""

    def __init__(self, child: Child, header: Header) -> None:
        self._child = child
        super().__init__(
            "exec",
            child.command,
            lambda: _picture(child, header, None),
            lambda: None,
            start_wall_ms=header.start_wall_ms,
        )

    def tell(self, event: CameraEvent) -> None:
        """One JSON line to the command."""
        _tell(self._child, event)

    def close(self) -> None:
        """End the command and whatever it started."""
        self._child.close()
        super().close()


def _tell(child: Child, event: CameraEvent) -> None:
    child.send({"time_s": round(event.time_s, 6), "event": event.event, "value": event.value})


def _picture(child: Child, header: Header, deadline: float | None) -> NDArray[np.uint8] | None:
    raw = child.receive(header.frame_bytes, deadline)
    return None if raw is None else np.frombuffer(raw, np.uint8).reshape(header.height, header.width, 3)
