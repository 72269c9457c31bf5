"""What the kiosk knows of time: boot id, boottime, wall clock, and whether anything keeps the wall clock right."""

from __future__ import annotations

import ctypes
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ZONES = {"WIB": 7, "WITA": 8, "WIT": 9}
"""Indonesia's time zones, in hours ahead of UTC."""
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_YEAR_2026_MS = 1_767_225_600_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the clock: `boot` 32 hex digits, times in milliseconds, `state` as in `docs/formats.md`."""

    boot: str
    boottime_ms: int
    wall_ms: int
    state: str


class Clock(Protocol):
    """Where the journal takes its times from."""

    def read(self) -> Reading:
        """The clock now."""
        ...

    def at(self, time_s: float) -> int:
        """Boottime in milliseconds of a moment on the camera's clock."""
        ...


class SystemClock:
    """The machine's clock. The camera's clock is CLOCK_MONOTONIC, as OpenCV's and picamera2's readers use it."""

    def __init__(self) -> None:
        self._boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
        self._libc = ctypes.CDLL(None, use_errno=True)

    def read(self) -> Reading:
        wall_ms = time.time_ns() // 1_000_000
        return Reading(self._boot, _boottime_ms(), wall_ms, self._state(wall_ms))

    def at(self, time_s: float) -> int:
        return _boottime_ms() - round((time.monotonic() - time_s) * 1000)

    def _state(self, wall_ms: int) -> str:
        if wall_ms < _YEAR_2026_MS:
            return "unset"
        # struct timex of a 64-bit Linux has 208 bytes; modes = 0 reads only. timesyncd and chrony both keep it.
        kernel_state = self._libc.adjtimex(ctypes.create_string_buffer(256))
        return "free" if kernel_state in (-1, _TIME_ERROR) else "synchronised"


def look_at_rtc(recorded_ms: int, folder: Path = Path("/sys/class/rtc")) -> tuple[str, str]:
    """How the machine's battery-kept clock is, and what it said: to be asked at boot, before the network corrects it.

    `kept`; `missing`: there is none; `unset`: it forgot the time (before 2026, or it cannot be read, which is how some
    say that their battery failed); `behind`: it shows a time before `recorded_ms`, when something was recorded here.
    """
    found = sorted(folder.glob("rtc*"))
    if not found:
        return "missing", "the machine has no clock that goes on without power"
    try:
        now_ms = int((found[0] / "since_epoch").read_text()) * 1000
    except (OSError, ValueError) as error:
        return "unset", f"{found[0].name} cannot be read: {getattr(error, 'strerror', error)}"
    if now_ms < _YEAR_2026_MS:
        return "unset", f"{found[0].name} shows {now_ms // 1000} s since 1970"
    if now_ms < recorded_ms - StepDetector.TOLERANCE_MS:
        return "behind", f"{found[0].name} is {(recorded_ms - now_ms) // 1000} s before the last entry"
    return "kept", ""


class FrameClock:
    """A simulated clock that goes with the frames of a camera that brings its own time."""

    def __init__(self, start_wall_ms: int) -> None:
        self._boot = secrets.token_hex(16)
        self._start_wall_ms = start_wall_ms
        self._now_s = 0.0

    def advance(self, time_s: float) -> None:
        """Move to the time of a frame, seconds since the stream's start."""
        self._now_s = max(self._now_s, time_s)

    def read(self) -> Reading:
        boottime_ms = self.at(self._now_s)
        return Reading(self._boot, boottime_ms, self._start_wall_ms + boottime_ms, "simulated")

    def at(self, time_s: float) -> int:
        return max(0, round(time_s * 1000))


class StepDetector:
    """Notices that the wall clock jumped against boottime."""

    TOLERANCE_MS = 2_000

    def __init__(self) -> None:
        self._offset_ms: int | None = None

    def update(self, reading: Reading) -> int:
        """Milliseconds of the step since the last reading, 0 when there was none worth a record.

        Slow drift is followed, so that only a jump counts.
        """
        offset_ms = reading.wall_ms - reading.boottime_ms
        previous, self._offset_ms = self._offset_ms, offset_ms
        if previous is None or abs(offset_ms - previous) < self.TOLERANCE_MS:
            return 0
        return offset_ms - previous


def _boottime_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
