"""What a photo of a person shows of being no photo of a person: a copy of another one, or a picture of a picture.

Both are measured on single photos, without prompts, so they prove nothing: a copy is left out, a face that is framed
as on a card is for a person to look at (`hadir evaluate photos`).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.pad.cues import ABOVE, PassiveSettings
from kiosk.pad.passive import bezel, speaks
from kiosk.values import Face, Reason

Crop = NDArray[np.float32]

COPY = 0.992
"""Correlation of two aligned faces from which they are of one photo: .988 at most in pairs of different shots,
.99 and more in copies that were scaled, cropped, mirrored or compressed again."""
FRAMED = 0.8
"""Share of a frame's weaker sides, as of `framed`, from which a person must look."""
_SIDE, _RIM = 96, 8
_FINE, _COARSE = 1.0, 6.0  # pixels of `_SIDE`: detail between these tells shots apart, light and codecs do not
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
_FACE, _AROUND = 48, 6  # side of the face in the view in which a frame is sought, and of that view in faces
_BESIDE, _ALONG = 0.62, 0.9  # in faces from its middle: where a frame's side begins to be sought, and half its length
_LEANS = np.linspace(-0.18, 0.18, 13)


def crop_of(picture: NDArray[np.uint8], face: Face) -> Crop:
    """The face of a BGR picture, from brow to chin, in grey and at one size, to be compared by `likeness`."""
    x, y, width, height = face.box
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if (shrunk := max(width, height) / _SIDE) > 1.0:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.5 * shrunk)
    return _warped(grey, (x, y), (_SIDE / width, _SIDE / height), _SIDE).astype(np.float32)


def likeness(one: Crop, other: Crop) -> float:
    """Correlation of the detail in two faces, the second laid upon the first as well as an affine map can, or its
    mirror image if that fits better: 1 for copies (alignment: Evangelidis and Psarakis 2008)."""
    return max(_correlation(one, turned) for turned in (other, np.ascontiguousarray(other[:, ::-1])))


def _correlation(one: Crop, other: Crop) -> float:
    start = np.eye(2, 3, dtype=np.float32)
    try:
        _, found = cv2.findTransformECC(one, other, start, cv2.MOTION_AFFINE, _STEPS, None, 5)
    except cv2.error:  # nothing in common
        return 0.0
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(other, found, (_SIDE, _SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return float(np.corrcoef(_detail(one), _detail(laid))[0, 1])


def _detail(crop: Crop) -> NDArray[np.float32]:
    fine = cv2.GaussianBlur(crop, (0, 0), _FINE)
    fine = fine - cv2.GaussianBlur(fine, (0, 0), _COARSE)
    return np.asarray(fine[_RIM:-_RIM, _RIM:-_RIM], np.float32).ravel()


def of_a_picture(picture: NDArray[np.uint8], face: Face) -> tuple[Reason, ...]:
    """What speaks for a photo of a card, a print or a display: a frame on all sides, or a rim on the left and right."""
    frame, rim = framed(picture, face), bezel(picture, face, PassiveSettings())
    found = Reason("framed", frame, FRAMED), Reason("bezel", rim, ABOVE["bezel"])
    return tuple(reason for reason in found if speaks(reason))


def framed(picture: NDArray[np.uint8], face: Face) -> float:
    """How much the face is framed by four straight edges, as a picture on a card, paper with a border or a display is:
    the share of a side, nearly two faces long, along which one straight edge runs; mean of the two weakest sides."""
    x, y, width, height = face.box
    across, down, side = _FACE / width, _FACE / height, _AROUND * _FACE
    corner = x + width / 2 - side / 2 / across, y + height / 2 - side / 2 / down
    if (scale := max(across, down)) < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 / scale)
    view = cv2.GaussianBlur(_warped(picture, corner, (across, down), side), (3, 3), 0)
    there = _warped(np.ones(picture.shape[:2], np.uint8), corner, (across, down), side, outside=cv2.BORDER_CONSTANT)
    there = cv2.erode(there, np.ones((7, 7), np.uint8), borderValue=0) > 0
    sides = sorted(_edge(np.rot90(view, turn), np.rot90(there, turn)) for turn in range(4))
    return (sides[0] + sides[1]) / 2


def _edge(view: NDArray[np.uint8], there: NDArray[np.bool_]) -> float:
    """Share of the rows beside the face that the best nearly upright, straight edge on its left crosses, of one
    channel and in one direction; `there`: where the picture is."""
    middle = len(view) // 2
    rows = np.arange(middle - round(_ALONG * _FACE), middle + round(_ALONG * _FACE))[:, np.newaxis]
    columns = np.arange(middle - round(_BESIDE * _FACE))
    best = 0.0
    for channel in cv2.split(np.ascontiguousarray(view)):
        edges = cv2.Sobel(channel, cv2.CV_32F, 1, 0) / 4.0
        clear = 6.0 + 2.0 * float(np.median(np.abs(edges[rows, columns])))
        for sign in (1.0, -1.0):
            met = (cv2.dilate(sign * edges, np.ones((1, 3), np.uint8)) >= clear) & there
            for lean in _LEANS:
                along = columns + np.round(lean * (rows - middle)).astype(int)
                inside = along >= 0
                best = max(best, float((met[rows, along.clip(0)] & inside).mean(axis=0).max()))
    return best


def _warped(
    picture: NDArray[np.uint8],
    corner: tuple[float, float],
    scale: tuple[float, float],
    side: int,
    outside: int = cv2.BORDER_REPLICATE,
) -> NDArray[np.uint8]:
    """side x side pixels of the picture from `corner` on, x and y scaled."""
    matrix = np.array(((scale[0], 0, -corner[0] * scale[0]), (0, scale[1], -corner[1] * scale[1])))
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=outside))
