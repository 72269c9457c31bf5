"""Measures taken on MediaPipe's face mesh: head angles, eye opening, boxes, and how far a turn is from a flat one.

Landmark numbers are those of MediaPipe's 468-point topology; "left" and "right" are the person's own.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Pairs of mirror points (right, left) on bone: outer and inner eye corners, temples, cheek bones.
_PAIRS = np.array([(33, 263), (133, 362), (127, 356), (234, 454), (116, 345), (70, 300)])
_TOP, _CHIN = 10, 152
# With a level gaze the line from hairline to chin leans this far in the mesh's own depth (median over frontal
# frames of ten living clips); pitch is counted from there.
_LEVEL_LEAN_DEG = -4.0

_RIGHT_EYE = np.array((33, 160, 158, 133, 153, 144))
_LEFT_EYE = np.array((263, 387, 385, 362, 380, 373))
_EYES = np.stack((_RIGHT_EYE, _LEFT_EYE))

RIGID = np.array(
    # Forehead, brow ridge, nose bridge and tip, nose wings, eye corners, cheek bones, temples: no jaw, lips or lids.
    (
        *(10, 338, 109, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 98, 327, 33, 133, 362, 263),
        *(127, 356, 234, 454, 116, 345, 50, 280, 118, 347, 21, 251, 54, 284, 2),
    )
)
"""34 landmarks that expressions hardly move, spread in depth from temples to the tip of the nose."""

SURFACE = 468
"""Landmarks of the face's surface; those after them are the irises'."""

LIPS = np.array((61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146))
"""The outline of the lips, in order."""

NOSE = np.array((197, 236, 198, 209, 129, 98, 97, 2, 326, 327, 358, 429, 420, 456))
"""The outline of the nose's lower half, which stands out most, in order."""

OVAL = np.array(
    (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    )
)
"""The outline of the face, in order."""


def head_angles(landmarks: NDArray[np.float32]) -> tuple[float, float, float]:
    """Yaw (positive to the person's own left), pitch (positive up), roll (clockwise in the picture), degrees.

    Read from the mesh's own depth: the axis through mirror pairs of bony points gives yaw and roll, the line
    from hairline to chin gives pitch.
    """
    across = (landmarks[_PAIRS[:, 1]] - landmarks[_PAIRS[:, 0]]).mean(axis=0)
    width = math.hypot(across[0], across[1])
    roll = math.atan2(across[1], across[0])
    yaw = math.atan2(across[2], width)
    down = landmarks[_CHIN] - landmarks[_TOP]
    height = math.hypot(down[0], down[1])
    pitch = math.atan2(-down[2], height)
    return math.degrees(yaw), math.degrees(pitch) - _LEVEL_LEAN_DEG, math.degrees(roll)


def eye_aspect_ratios(landmarks: NDArray[np.float32]) -> tuple[float, float]:
    """Lid opening over eye width of the right and left eye (Soukupová and Čech 2016), in three dimensions,
    so that a turn does not pass for a blink."""

    p = landmarks[_EYES]
    across, lid, other_lid = p[:, 0] - p[:, 3], p[:, 1] - p[:, 5], p[:, 2] - p[:, 4]
    right, left = (_length(lid) + _length(other_lid)) / (2.0 * _length(across) + 1e-6)
    return float(right), float(left)


def eye_centres(landmarks: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centres of the right and the left eye, x and y in pixels."""
    return landmarks[_RIGHT_EYE, :2].mean(axis=0), landmarks[_LEFT_EYE, :2].mean(axis=0)


def eye_widths(landmarks: NDArray[np.float32]) -> tuple[float, float]:
    """From corner to corner of the right and the left eye, pixels."""
    right, left = np.linalg.norm(landmarks[_EYES[:, 0], :2] - landmarks[_EYES[:, 3], :2], axis=1)
    return float(right), float(left)


def outer_eye_distance(landmarks: NDArray[np.float32]) -> float:
    """Distance of the outer eye corners in the mesh's three dimensions, pixels: the scale of a face that a turn
    hardly changes."""
    return float(np.linalg.norm(landmarks[33] - landmarks[263]))


def _length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    # Cheaper than numpy's own norm for the few vectors of a face, thirty times a second.
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
