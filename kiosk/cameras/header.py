"""The first line of an `exec:` command: the form of its frames and whose clock counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from kiosk.cameras.child import Child

_LINE_BYTES = 4096
_FRAME_BYTES = 64 * 1024 * 1024
_KEYS = {"width", "height", "fps", "clock", "start_wall_ms", "ticks"}


@dataclass(frozen=True)
class Header:
    """Frames are `height` x `width` x 3 bytes, BGR. `start_wall_ms`: Unix milliseconds at time 0, or None.

    `ticks`: the command wants a line before each frame.
    """

    width: int
    height: int
    fps: float
    clock: Literal["virtual", "real"]
    start_wall_ms: int | None = None
    ticks: bool = False

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.width * self.height * 3


def read_header(child: Child, deadline: float) -> Header:
    """Read and check the first line of `child`. Raises `CameraError` naming what is wrong with it."""
    line = child.receive_line(_LINE_BYTES, deadline)
    try:
        return parse_header(line)
    except ValueError as error:
        raise child.failed(f"its first line is wrong: {error}") from error


def parse_header(line: bytes) -> Header:
    """The header in `line`, one JSON object. Raises `ValueError` naming the key and what may stand there."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON object: {line[:60]!r}") from error
    if not isinstance(values, dict) or not {"width", "height", "fps", "clock"} <= values.keys() <= _KEYS:
        raise ValueError(f"width, height, fps and clock are needed, of {', '.join(sorted(_KEYS))}: {line[:60]!r}")
    width, height = _whole(values, "width", 16, 16384), _whole(values, "height", 16, 16384)
    if width * height * 3 > _FRAME_BYTES:
        raise ValueError(f"{width}x{height}: a frame is over {_FRAME_BYTES // 2**20} MB")
    fps = values["fps"]
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0.1 <= fps <= 1000:
        raise ValueError(f"fps {fps!r}: a number from 0.1 to 1000")
    clock = values["clock"]
    if clock not in ("virtual", "real"):
        raise ValueError(f'clock {clock!r}: "virtual" or "real"')
    start = _whole(values, "start_wall_ms", 0, 2**53) if values.get("start_wall_ms") is not None else None
    ticks = values.get("ticks", False)
    if not isinstance(ticks, bool) or (ticks and clock == "real"):
        raise ValueError(f"ticks {ticks!r}: true or false, and true only with a virtual clock")
    return Header(width, height, float(fps), clock, start, ticks)


def _whole(values: dict[str, object], key: str, low: int, high: int) -> int:
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{key} {value!r}: a whole number from {low} to {high}")
    return value
