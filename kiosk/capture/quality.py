"""Quality gate of a face as a shot: size, pose, sharpness, exposure, open eyes, covered mouth.

Components follow ISO/IEC 29794-5 in name and meaning; each refusal is a Reason with its value, limit and unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry
from kiosk.values import Reason

_SIDE = 64
_SHARE_INSIDE = 0.93
# Skin that a mask leaves free (between and above the brows, under the lids), and what lies where it would be.
_UPPER = np.array((151, 9, 8, 168, 108, 337, 110, 339))
_LOWER = np.array((164, 18, 200, 199, 175, 201, 421, 208))
_UPPER_AND_LOWER = np.concatenate((_UPPER, _LOWER))


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Limits of a usable shot. Angles in degrees, `inter_eye_px` in pixels of the camera's picture.

    At 16 pixels dlib still told 49 photos apart from those of others (same face .47 at most, others .53 and more).
    `sharpness`: variance of the Laplacian over the variance of the face scaled to 64 x 64, dimensionless.
    `dark`, `bright`: mean grey of the face, 0 to 255. `uneven`: |left − right| over their mean.
    `eyes_open`: eye aspect ratio. `mouth_hue`: distance in CIELAB's a, b between lower and upper face.
    """

    inter_eye_px: float = 18.0
    yaw: float = 22.0
    pitch: float = 22.0
    roll: float = 30.0
    sharpness: float = 0.02
    dark: float = 35.0
    bright: float = 232.0
    uneven: float = 1.1
    eyes_open: float = 0.1
    mouth_hue: float = 18.0


RECOGNITION = QualityLimits()
ENROLMENT = QualityLimits(inter_eye_px=32.0, yaw=32.0, pitch=28.0, sharpness=0.03, dark=45.0, uneven=0.9)


def assess(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    angles: tuple[float, float, float],
    limits: QualityLimits = RECOGNITION,
) -> tuple[Reason, ...]:
    """Reasons against this face as a shot; empty when it is good.

    `image`: height x width x 3, uint8, BGR; `landmarks` in its pixels; `angles`: yaw, pitch, roll in degrees.
    """
    yaw, pitch, roll = angles
    reasons = []
    right, left = geometry.eye_centres(landmarks)
    inter_eye = float(np.linalg.norm(left - right)) / max(float(np.cos(np.radians(yaw))), 0.5)
    if inter_eye < limits.inter_eye_px:
        reasons.append(Reason("too_far", inter_eye, limits.inter_eye_px, " px"))
    for name, value, limit in (
        ("yaw", yaw, limits.yaw),
        ("pitch", pitch, limits.pitch),
        ("roll", roll, limits.roll),
    ):
        if abs(value) > limit:
            reasons.append(Reason(name, abs(value), limit, "°"))
    eyes = min(geometry.eye_aspect_ratios(landmarks))
    if eyes < limits.eyes_open:
        reasons.append(Reason("eyes_closed", eyes, limits.eyes_open))
    reasons.extend(_light_and_focus(image, landmarks, limits))
    hue = mouth_hue_distance(image, landmarks)
    if hue > limits.mouth_hue:
        reasons.append(Reason("mouth_covered", hue, limits.mouth_hue, " ab"))
    return tuple(reasons)


def light_and_focus(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> tuple[float, float, float] | None:
    """Mean grey (0–255), left–right unevenness and sharpness of the face; None where it leaves the picture."""
    height, width = image.shape[:2]
    oval = landmarks[geometry.OVAL, :2]
    if ((landmarks[:, :2] >= 0) & (landmarks[:, :2] < (width, height))).all(axis=1).mean() < _SHARE_INSIDE:
        return None
    x0, y0 = np.maximum(oval.min(axis=0), 0).astype(int)
    x1, y1 = np.minimum(oval.max(axis=0), (width, height)).astype(int)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    # The middle four fifths leave hair and background out.
    dx, dy = (x1 - x0) // 10, (y1 - y0) // 10
    crop = cv2.cvtColor(image[y0 + dy : y1 - dy, x0 + dx : x1 - dx], cv2.COLOR_BGR2GRAY)
    shrinking = cv2.INTER_AREA if crop.shape[1] > _SIDE else cv2.INTER_LINEAR
    grey = cv2.resize(crop, (_SIDE, _SIDE), interpolation=shrinking)
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    halves = cv2.mean(grey[:, : _SIDE // 2])[0], cv2.mean(grey[:, _SIDE // 2 :])[0]
    uneven = abs(halves[0] - halves[1]) / max(mean, 1.0)
    edges = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0])
    sharpness = edges**2 / max(deviation**2, 25.0)
    return mean, uneven, sharpness


def mouth_hue_distance(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> float:
    """How differently coloured the lower face is from cheeks and brow: distance of medians in CIELAB's a, b.

    A cloth of the skin's own hue, or a grey picture, gives no distance: this notices ordinary masks only.
    """
    height, width = image.shape[:2]

    xy = landmarks[_UPPER_AND_LOWER, :2].astype(int)
    xs, ys = xy[:, 0].clip(0, width - 1), xy[:, 1].clip(0, height - 1)
    hues = cv2.cvtColor(image[ys, xs][np.newaxis], cv2.COLOR_BGR2LAB)[0, :, 1:].astype(np.float32)
    hues = np.sort(hues.reshape(2, -1, 2), axis=1)
    upper, lower = hues[:, hues.shape[1] // 2]
    return float(np.hypot(*(lower - upper)))


def _light_and_focus(image: NDArray[np.uint8], landmarks: NDArray[np.float32], limits: QualityLimits) -> list[Reason]:
    measured = light_and_focus(image, landmarks)
    if measured is None:
        return [Reason("out_of_picture")]
    mean, uneven, sharpness = measured
    reasons = []
    if mean < limits.dark:
        reasons.append(Reason("too_dark", mean, limits.dark))
    if mean > limits.bright:
        reasons.append(Reason("too_bright", mean, limits.bright))
    if uneven > limits.uneven:
        reasons.append(Reason("uneven_light", uneven, limits.uneven))
    if sharpness < limits.sharpness:
        reasons.append(Reason("blurred", sharpness, limits.sharpness))
    return reasons


_HINTS = {
    "too_far": "come_closer",
    "too_dark": "too_dark",
    "too_bright": "too_bright",
    "mouth_covered": "lower_mask",
    "out_of_picture": "look_here",
    "yaw": "look_here",
    "pitch": "look_here",
    "roll": "look_here",
    "eyes_closed": "open_eyes",
    "blurred": "hold_still",
    "uneven_light": "uneven_light",
}


def hint_of(reasons: tuple[Reason, ...]) -> str:
    """What to tell the person about the first reason that a person can mend; empty when there is none."""
    return next((_HINTS[reason.name] for reason in reasons if reason.name in _HINTS), "")
