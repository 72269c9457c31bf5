"""The kiosk's white lamp in the scene: how much brighter or darker it makes what stands at a distance.

A 5 W panel (400 lm, Lambertian) gives about 260 lux at 70 cm; an office has 300 to 500, a desk in the sun thousands.
Pictures hold the light of the lamp at full; what a level takes away is computed in linear light and put back into the
picture's gamma. Shadows and the angle of a surface are left out.
"""

from __future__ import annotations

_LAMP_LUX, _AT_M = 260.0, 0.7
GAMMA = 2.2
GLASS = 0.03
"""Share of a display's light that is the lamp's: a dark matt glass gives back 1 to 4 % of what falls on it, beside a
picture of the same brightness as a face in the room."""


class Lamp:
    """`level`: 0 to 1. `ambient_lux`: what the room gives. `exposure`: the camera's, as a factor on grey values."""

    def __init__(self, ambient_lux: float = 400.0, exposure: float = 1.0) -> None:
        self.level = 1.0
        self.exposure = exposure
        self._ambient_lux = ambient_lux

    def shade(self, distance_m: float, share: float = 1.0) -> float:
        """Factor on the grey values of a surface `distance_m` away, `share` of whose light comes from outside it."""
        if self.level == 1.0:
            return self.exposure
        lit_lux = _LAMP_LUX * (_AT_M / max(distance_m, 0.2)) ** 2
        linear = (self._ambient_lux + self.level * lit_lux) / (self._ambient_lux + lit_lux)
        return self.exposure * float((1.0 + share * (linear - 1.0)) ** (1 / GAMMA))
