"""The kiosk's voice: what the screen shows, spoken by espeak-ng through the loudspeaker."""

from __future__ import annotations

import shutil
import subprocess

from kiosk.appliance.messages import Language, spoken
from kiosk.errors import ConfigError


class Voice:
    """Speaks one text at a time, without waiting for its end; a newer text cuts an older one short."""

    def __init__(self, language: Language) -> None:
        """ConfigError where espeak-ng is not installed."""
        program = shutil.which("espeak-ng")
        if program is None:
            raise ConfigError(
                "espeak-ng, which speaks, is not installed: apt-get install espeak-ng, or take 'voice: true' away"
            )
        self._command = [program, "-v", language, "--"]
        self._language = language
        self.process: subprocess.Popen[bytes] | None = None
        """What speaks now, or spoke last."""

    def say(self, text: str) -> None:
        """Speak a text of the screen."""
        self.close()
        self.process = subprocess.Popen(
            [*self._command, spoken(text, self._language)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        """Be silent."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
