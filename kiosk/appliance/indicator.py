"""Lamps, buzzer, screen and voice. Off the Pi the same code drives gpiozero's mock pins."""

from __future__ import annotations

from collections.abc import Callable

import gpiozero
from gpiozero.pins.mock import MockFactory, MockPWMPin

from kiosk.config import Pins
from kiosk.errors import ConfigError
from kiosk.values import Lamp, Prompt

# What each state shows: green, amber, red, white lamp, and beeps (seconds on, off, times). The places of the lamps
# and the number of beeps differ, so that nobody needs to tell colours or to hear.
_SHOWS: dict[Lamp, tuple[bool, str, bool, float, tuple[float, float, int] | None]] = {
    "idle": (False, "off", False, 0.1, None),
    "prompt": (False, "off", False, 1.0, None),
    "wait": (False, "blink", False, 1.0, None),
    "granted": (True, "off", False, 0.4, (0.15, 0.05, 1)),
    "refused": (False, "off", True, 0.4, (0.1, 0.1, 3)),
    "fault": (False, "on", False, 0.1, (0.6, 0.2, 1)),
}
_ARROWS: dict[Prompt, tuple[str, str, str]] = {
    "turn_left": ("on", "off", "off"),
    "turn_right": ("off", "on", "off"),
    "look_up": ("off", "off", "on"),
    "blink": ("blink", "blink", "blink"),
    "come_closer": ("on", "on", "on"),
}
"""The white arrows left, right and up while a prompt is shown."""
_SPOKEN: tuple[Lamp, ...] = ("granted", "refused", "wait")
"""What is spoken beside the prompts; hints on where to stand change too fast."""


class Indicator:
    """What the person sees and hears. `screen` gets a line of text for whatever displays it, `voice` those of prompts
    and results."""

    def __init__(
        self, pins: Pins, mock: bool, screen: Callable[[str], None], voice: Callable[[str], None] | None = None
    ) -> None:
        """Take the pins; ConfigError when the machine has none and `mock` is off."""
        factory = MockFactory(pin_class=MockPWMPin) if mock else None  # None: gpiozero finds the machine's own
        try:
            self._green = gpiozero.LED(pins.green, pin_factory=factory)
            self._amber = gpiozero.LED(pins.amber, pin_factory=factory)
            self._red = gpiozero.LED(pins.red, pin_factory=factory)
            self._buzzer = gpiozero.Buzzer(pins.buzzer, pin_factory=factory)
            self._lamp = gpiozero.PWMLED(pins.lamp, pin_factory=factory)
            self._arrows = [gpiozero.LED(pin, pin_factory=factory) for pin in (pins.left, pins.right, pins.up)]
        except gpiozero.GPIOZeroError as error:
            raise ConfigError(
                f"the lamps' pins cannot be used ({error}): install lgpio, or set 'indicator: {{mock: true}}'"
            ) from error
        self._screen, self._voice = screen, voice
        self._shown: tuple[Lamp, str, Prompt | None] | None = None

    @property
    def lit(self) -> str:
        """What is lit now, read back from the pins: "green", "amber", "red", arrows "left", "right", "up", or ""."""
        lamps = {"green": self._green, "amber": self._amber, "red": self._red}
        lamps |= dict(zip(("left", "right", "up"), self._arrows, strict=True))
        return " ".join(name for name, lamp in lamps.items() if lamp.value)

    def show(self, lamp: Lamp, text: str = "", prompt: Prompt | None = None) -> None:
        """Show a state, a line of text, and what is asked; repeating what is shown does nothing."""
        if (lamp, text, prompt) == self._shown:
            return
        previous, self._shown = self._shown, (lamp, text, prompt)
        if previous is None or previous[0] != lamp:
            self._drive(lamp)
        if previous is None or previous[2] != prompt:
            self._point(prompt)
        if text:
            self._screen(text)
            if self._voice is not None and (prompt is not None or lamp in _SPOKEN):
                self._voice(text)

    def light(self, level: float | None) -> None:
        """The white lamp at `level`, 0 to 1, as the light code wants it; None gives it back to what is shown."""
        if level is not None:
            self._lamp.value = level
        elif self._shown is not None:
            self._lamp.value = _SHOWS[self._shown[0]][3]

    def close(self) -> None:
        """All dark, pins given back."""
        for device in (self._green, self._amber, self._red, self._buzzer, self._lamp, *self._arrows):
            device.close()

    def _drive(self, lamp: Lamp) -> None:
        green, amber, red, white, beeps = _SHOWS[lamp]
        self._green.value = green
        self._red.value = red
        _light(self._amber, amber)
        self._lamp.value = white
        if beeps is not None:
            on_s, off_s, times = beeps
            self._buzzer.beep(on_s, off_s, times)

    def _point(self, prompt: Prompt | None) -> None:
        for arrow, state in zip(self._arrows, ("off",) * 3 if prompt is None else _ARROWS[prompt], strict=True):
            _light(arrow, state)


def _light(lamp: gpiozero.LED, state: str) -> None:
    if state == "blink":
        lamp.blink(0.3, 0.3)
    else:
        lamp.value = state == "on"
