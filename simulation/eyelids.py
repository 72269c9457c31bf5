"""Eyelids that close: patches of skin with a lash line, drawn over the eyes as far as they are down."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simulation.portrait import Picture, Points
from simulation.topology import LOWER_LIDS, UPPER_LIDS, Triangle, strip

_ROWS, _COLUMNS = 24, 72
_RIM = 6  # pixels of a patch's edge carried outwards, for what is sampled just beside it
_LASH = 0.16  # part of the patch's height, at its lower edge
_POINTS = len(UPPER_LIDS[0])


class Eyelids:
    """Both upper lids: points, texture places and triangles to append to a face's.

    `points(face, down)`: 36 x 3; `paint`: the texture with the lids' patches below it; `uv`: 36 x 2 in that.
    """

    def __init__(self, face: Points, texture: Picture) -> None:
        self._leftwards = [bool(face[upper[0], 0] > face[upper[-1], 0]) for upper in UPPER_LIDS]
        closed = self.points(face, 1.0)[:, :2].reshape(2, 2, _POINTS, 2)
        patches = [_patch(texture, top, bottom) for top, bottom in closed]
        self.paint, corners = _below(texture, patches)
        across = np.linspace(0, _COLUMNS - 1, _POINTS, dtype=np.float32) + _RIM
        rows = np.array([0, _ROWS - 1], np.float32) + _RIM
        uv = [np.column_stack([across + x, np.full(_POINTS, y + row)]) for x, y in corners for row in rows]
        self.uv: Points = np.concatenate(uv).astype(np.float32)

    def triangles(self, first: int) -> list[Triangle]:
        """Triangles for points that begin at number `first`."""
        found: list[Triangle] = []
        for eye, leftwards in enumerate(self._leftwards):
            start = first + 2 * _POINTS * eye
            top, bottom = range(start, start + _POINTS), range(start + _POINTS, start + 2 * _POINTS)
            lid = strip(tuple(top), tuple(bottom))
            found += [(a, c, b) for a, b, c in lid] if leftwards else list(lid)
        return found

    def points(self, face: Points, down: float) -> Points:
        """The lids on `face` (468 x 3, any unit), `down` from 0 (open, nothing to see) to 1 (closed)."""
        rows = []
        for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
            top, bottom = face[list(upper)], face[list(lower)]
            opening = np.linalg.norm(bottom - top, axis=1).max()
            bow = 0.4 + 0.6 * np.sin(np.linspace(0, np.pi, _POINTS))[:, None]
            rows.append(top + np.float32(down) * (np.array([0, -0.75, 0]) * opening * bow))
            closed = bottom + np.array([0, 0.12, 0]) * opening
            rows.append(top + np.float32(down) * (closed - top))
        return np.concatenate(rows).astype(np.float32)


def _patch(texture: Picture, top: Points, bottom: Points) -> Picture:
    """Skin from the colours along the line `top` to those along `bottom`, and dark lashes at the lower edge."""
    ends = []
    for line in (top, bottom):
        row = np.array([_skin_at(texture, place) for place in line], np.float32)[None]
        ends.append(cv2.resize(cv2.blur(row, (3, 1)), (_COLUMNS, 1), interpolation=cv2.INTER_LINEAR))
    down = np.linspace(0, 1, _ROWS)[:, None, None]
    # The middle of the lid is clean skin: the corners' lashes do not run across it.
    clean = np.percentile(np.concatenate(ends, axis=1), 65, axis=1, keepdims=True)
    patch = ends[0] * (1 - down) + ends[1] * down
    patch += 0.7 * np.sin(np.pi * down) * (clean - patch)
    lash = np.clip((down - (1 - _LASH)) / (_LASH / 2), 0, 1)
    patch *= 1 - lash * np.array([0.74, 0.72, 0.66])
    flat = np.clip(patch, 0, 255).astype(np.uint8)
    return cv2.copyMakeBorder(flat, _RIM, _RIM, _RIM, _RIM, cv2.BORDER_REPLICATE)


def _skin_at(texture: Picture, place: Points) -> NDArray[np.float32]:
    x, y = np.round(place).astype(int)
    return np.asarray(texture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(axis=0), dtype=np.float32)


def _below(texture: Picture, patches: list[Picture]) -> tuple[Picture, list[tuple[int, int]]]:
    """The texture with the patches in added rows below it, and the patches' upper left corners."""
    height, width = texture.shape[:2]
    rows, columns = patches[0].shape[:2]
    paint = np.zeros((height + rows, max(width, len(patches) * columns), 3), np.uint8)
    paint[:height, :width] = texture
    corners = [(i * columns, height) for i in range(len(patches))]
    for patch, (x, y) in zip(patches, corners, strict=True):
        paint[y:, x : x + columns] = patch
    return paint, corners
