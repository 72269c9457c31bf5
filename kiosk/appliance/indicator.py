"""Lamps, buzzer and screen. Off the Pi the same code drives gpiozero's mock pins."""

from __future__ import annotations

from collections.abc import Callable

import gpiozero
from gpiozero.pins.mock import MockFactory, MockPWMPin

from kiosk.config import Pins
from kiosk.errors import ConfigError
from kiosk.values import Lamp

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


class Indicator:
    """What the person sees and hears. `screen` gets a line of text for whatever displays it."""

    def __init__(self, pins: Pins, mock: bool, screen: Callable[[str], None]) -> None:
        """Take the pins; ConfigError when the machine has none and `mock` is off."""
        factory = MockFactory(pin_class=MockPWMPin) if mock else None  # None: gpiozero finds the machine's own
        try:
            self._green = gpiozero.LED(pins.green, pin_factory=factory)
            self._amber = gpiozero.LED(pins.amber, pin_factory=factory)
            self._red = gpiozero.LED(pins.red, pin_factory=factory)
            self._buzzer = gpiozero.Buzzer(pins.buzzer, pin_factory=factory)
            self._lamp = gpiozero.PWMLED(pins.lamp, pin_factory=factory)
        except gpiozero.GPIOZeroError as error:
            raise ConfigError(
                f"the lamps' pins cannot be used ({error}): install lgpio, or set 'indicator: {{mock: true}}'"
            ) from error
        self._screen = screen
        self._shown: tuple[Lamp, str] | None = None

    @property
    def lit(self) -> str:
        """Which of the three lamps is lit now, read back from the pins: "green", "amber", "red" or ""."""
        lamps = {"green": self._green, "amber": self._amber, "red": self._red}
        return " ".join(colour for colour, lamp in lamps.items() if lamp.value)

    def show(self, lamp: Lamp, text: str = "") -> None:
        """Show a state and a line of text; repeating what is shown does nothing."""
        if (lamp, text) == self._shown:
            return
        previous, self._shown = self._shown, (lamp, text)
        if previous is None or previous[0] != lamp:
            self._drive(lamp)
        if text:
            self._screen(text)

    def light(self, level: float | None) -> None:
        """The white lamp at `level`, 0 to 1, as the light code wants it; None gives it back to what is shown."""
        if level is not None:
            self._lamp.value = level
        elif self._shown is not None:
            self._lamp.value = _SHOWS[self._shown[0]][3]

    def close(self) -> None:
        """All dark, pins given back."""
        for device in (self._green, self._amber, self._red, self._buzzer, self._lamp):
            device.close()

    def _drive(self, lamp: Lamp) -> None:
        green, amber, red, white, beeps = _SHOWS[lamp]
        self._green.value = green
        self._red.value = red
        if amber == "blink":
            self._amber.blink(0.3, 0.3)
        else:
            self._amber.value = amber == "on"
        self._lamp.value = white
        if beeps is not None:
            on_s, off_s, times = beeps
            self._buzzer.beep(on_s, off_s, times)
