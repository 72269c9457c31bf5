"""The kiosk's white lamp in the scene: how much brighter or darker it makes what stands at a distance.

A 5 W panel (400 lm, Lambertian) gives about 260 lux at 70 cm; an office has 300 to 500, a desk in the sun thousands.
Pictures hold the light of the lamp at full; what a level takes away is computed in linear light and put back into the
picture's gamma. It hangs just above the lens, so it lights what faces the camera most (Lambert's law). Shadows that one
part throws on another are left out.
"""

from __future__ import annotations

import numpy as np

from simulation.portrait import Points

_LAMP_LUX, FACE_M = 260.0, 0.7
"""Its light on a face at the usual distance from it."""
_PLACE_M = np.array((0.0, -0.12, 0.0), np.float32)
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
        return float(self._factor(np.float32(_LAMP_LUX * (FACE_M / max(distance_m, 0.2)) ** 2), share))

    def on(self, points: Points, normals: Points) -> Points | float:
        """The same for each of a matte surface's n x 3 `points` (metres from the camera) by the way that it faces
        there, `normals` of length 1."""
        if self.level == 1.0:
            return self.exposure
        way = _PLACE_M - points
        far = np.linalg.norm(way, axis=1)
        faces = np.maximum((way * normals).sum(axis=1) / far, 0.0)
        return self._factor(_LAMP_LUX * faces * (FACE_M / np.maximum(far, 0.2)) ** 2, 1.0)

    def _factor(self, lit_lux: Points | np.float32, share: float) -> Points:
        linear = (self._ambient_lux + self.level * lit_lux) / (self._ambient_lux + lit_lux)
        return np.asarray(self.exposure * (1.0 + share * (linear - 1.0)) ** (1 / GAMMA), np.float32)
