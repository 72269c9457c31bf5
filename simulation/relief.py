"""The depth of a face by a parametric model of our own, so that a detector does not read back the mesh it uses itself.

Where the features lie in the picture comes from the portrait; how far they stand out does not: an ellipsoid with brows,
eye sockets, a nose, cheek bones, lips and a chin, in the ranges of adult faces (Farkas, Anthropometry of the Head and
Face, 1994), drawn anew for each person.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from simulation.portrait import Points, Portrait

_HALF_WIDTH_M, _HALF_HEIGHT_M = 0.078, 0.15
_RIGHT_EYE, _LEFT_EYE, _NASION, _TIP, _UNDER_NOSE, _MOUTH, _CHIN = 159, 386, 168, 1, 2, (13, 14), 199
_CHEEKS, _BROWS = (50, 280), (105, 334)


def with_relief(portrait: Portrait, random: Generator) -> Portrait:
    """The portrait with the mesh's depth replaced by the model's; x and y stay."""
    metre = portrait.pixels_per_metre
    places = (portrait.mesh[:, :2] - portrait.centre) / metre
    depth = _forward(places, random)
    # The plane through the eyes' outer corners stays where it was: the joint of skull and neck hangs on it.
    depth = depth - depth[[33, 263]].mean() + portrait.mesh[[33, 263], 2].mean() / metre
    mesh = portrait.mesh.copy()
    mesh[:, 2] = depth * metre
    return replace(portrait, mesh=mesh)


def _forward(places: Points, random: Generator) -> Points:
    """Metres from the viewer at each of the mesh's n x 2 places (metres): smaller is nearer."""
    x, y = places.T

    def bump(at: Points, high_m: float, wide_m: float, tall_m: float) -> Points:
        away = ((x - at[0]) / wide_m) ** 2 + ((y - at[1]) / tall_m) ** 2
        return np.asarray(high_m * random.uniform(0.8, 1.2) * np.exp(-away / 2), np.float32)

    inside = np.maximum(1 - (x / _HALF_WIDTH_M) ** 2 - (y / _HALF_HEIGHT_M) ** 2, 0.0)
    out = random.uniform(0.08, 0.1) * np.sqrt(inside)
    out += _nose(places, random.uniform(0.016, 0.025))
    for numbers, high_m, wide_m, tall_m in (
        (_BROWS, 0.005, 0.018, 0.007),
        ((_RIGHT_EYE, _LEFT_EYE), -0.008, 0.014, 0.010),
        (_CHEEKS, 0.004, 0.018, 0.016),
        ((_CHIN,), 0.006, 0.016, 0.012),
    ):
        for number in numbers:
            out += bump(places[number], high_m, wide_m, tall_m)
    out += bump(places[list(_MOUTH)].mean(axis=0), 0.005, 0.022, 0.009)
    return np.asarray(-out, np.float32)


def _nose(places: Points, high_m: float) -> Points:
    """A ridge that rises from between the eyes to the tip, and falls steeply to the lip."""
    top, tip, under = places[_NASION], places[_TIP], places[_UNDER_NOSE]
    x, y = places.T
    along = (y - top[1]) / (tip[1] - top[1])
    below = (y - tip[1]) / max(under[1] - tip[1], 1e-4)
    height = np.where(along <= 1, 0.2 + 0.8 * np.clip(along, 0, 1) ** 1.3, np.clip(1 - 0.45 * below, 0, 1))
    height = np.where(along < 0, np.maximum(0.2 + along, 0), height)
    wide_m = 0.007 + 0.006 * np.clip(along, 0, 1)
    middle = top[0] + np.clip(along, 0, 1) * (tip[0] - top[0])
    return np.asarray(high_m * height * np.exp(-(((x - middle) / wide_m) ** 2) / 2), np.float32)
