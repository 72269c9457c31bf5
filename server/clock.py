"""The server's clock: the system's, or one that a simulation sets through a file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.config import ServerConfig
from server.errors import ConfigError

_FILE = "simulated-clock"


class Clock(Protocol):
    """`kind` is shown in the status and in reports."""

    @property
    def kind(self) -> str:
        """`system` or `simulated`."""

    def now_ms(self) -> int:
        """Unix milliseconds."""


@dataclass(frozen=True)
class SystemClock:
    """The time of the machine."""

    kind: str = "system"

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class SimulatedClock:
    """The time that stands, in Unix milliseconds, in a file; read again for each question."""

    path: Path
    kind: str = "simulated"

    def now_ms(self) -> int:
        """Unix milliseconds; ConfigError when the file does not hold them."""
        try:
            return int(self.path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{self.path}: holds no time; write Unix milliseconds into it, or set clock: system"
            ) from error


def of(config: ServerConfig) -> Clock:
    """The clock that the configuration names."""
    return SimulatedClock(config.state_dir / _FILE) if config.clock == "simulated" else SystemClock()
