"""Drawn pictures of pictures: somebody's photo on a badge, a print or a display that lies on a desk; and copies."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from kiosk.values import Face
from simulation.portrait import Picture

_CARD = 1011, 638
"""Pixels of an ID-1 card (85.60 x 53.98 mm, ISO/IEC 7810) at 300 a inch."""
_PHOTO = 900, 1200  # rows and columns of what is photographed
_PAPER, _DEVICE = (236, 238, 236), (25, 24, 24)
_LINES = ("NAMA LENGKAP", "NIP 19850312 201001 2 014", "Dinas Kependudukan", "Golongan III/b")
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def pictures_of(picture: Picture, face: Face, random: Generator) -> Iterator[tuple[str, Picture]]:
    """Kind and BGR picture of each way to photograph a picture of this face."""
    yield "badge", _photographed(_badge(picture, face, random, upright=False), random, (0.6, 0.95))
    yield "upright badge", _photographed(_badge(picture, face, random, upright=True), random, (0.6, 0.95))
    yield "scan of a badge", _coded(_badge(picture, face, random, upright=bool(random.integers(2))), 85)
    yield "print", _photographed(_print(picture, face, random), random, (0.55, 0.9))
    yield "print, cut off", _photographed(_print(picture, face, random), random, (0.98, 1.05))
    yield "display", _photographed(_display(picture, face, random), random, (0.55, 0.9))


def copies_of(picture: Picture) -> Iterator[tuple[str, Picture]]:
    """Kind and picture of each way to hand in the same photo again."""
    rows, columns = picture.shape[:2]
    yield "compressed", _coded(picture, 40)
    yield "half the size", _coded(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 80)
    yield "cropped", picture[int(0.04 * rows) : int(0.97 * rows), int(0.05 * columns) : int(0.98 * columns)]
    yield "mirrored", _coded(np.asarray(cv2.flip(picture, 1), np.uint8), 85)
    yield "brighter", _coded(np.asarray(cv2.convertScaleAbs(picture, alpha=1.15, beta=10), np.uint8), 80)
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), 3, 1.05)
    turned = cv2.warpAffine(picture, turn, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
    yield "turned by 3 degrees", _coded(np.asarray(turned, np.uint8), 80)


def _head(picture: Picture, face: Face, aspect: float) -> Picture:
    """Head and collar, as on a badge: two faces wide, width to height as `aspect`, as far as the picture goes."""
    x, y, width, height = face.box
    half, tall = width, 2 * width / aspect
    left, top = x + width / 2 - half, y + height / 2 - 0.52 * tall
    return picture[max(int(top), 0) : int(top + tall), max(int(left), 0) : int(left + 2 * half)]


def _badge(picture: Picture, face: Face, random: Generator, *, upright: bool) -> Picture:
    """A card: a coloured band with the office's name, the photo, four lines of text."""
    wide, tall = _CARD[::-1] if upright else _CARD
    card = np.full((tall, wide, 3), random.uniform(225, 252, 3), np.uint8)
    band = int((0.16 if upright else 0.2) * tall)
    card[:band] = random.uniform(20, 200, 3)
    cv2.putText(card, "PEMERINTAH KOTA", (30, band // 2), _FONT, 0.9, (255, 255, 255), 2, cv2.LINE_AA)
    head = _head(picture, face, 0.75)
    columns = int((0.5 if upright else 0.27) * wide)
    rows = min(int(columns * head.shape[0] / head.shape[1]), int((0.5 if upright else 0.68) * tall))
    x, y = (wide - columns) // 2 if upright else int(0.06 * wide), band + int(0.05 * tall)
    card[y : y + rows, x : x + columns] = cv2.resize(head, (columns, rows), interpolation=cv2.INTER_AREA)
    first, step = (y + rows + 0.07 * tall, 0.06 * tall) if upright else (0.36 * tall, 0.13 * tall)
    for number, line in enumerate(_LINES):
        place = int((0.12 if upright else 0.4) * wide), int(first + number * step)
        cv2.putText(card, line, place, _FONT, 0.9, (40, 30, 30), 2, cv2.LINE_AA)
    return card


def _print(picture: Picture, face: Face, random: Generator) -> Picture:
    """On paper with a white border; ink reaches neither black nor white."""
    head = np.asarray(cv2.convertScaleAbs(_head(picture, face, 0.72), alpha=0.86, beta=22), np.uint8)
    border = int(random.uniform(0.04, 0.08) * len(head))
    return _bordered(head, border, border, _PAPER)


def _display(picture: Picture, face: Face, random: Generator) -> Picture:
    """On a display with a dark rim, with or without black bars above and below."""
    head = np.asarray(
        cv2.convertScaleAbs(_head(picture, face, float(random.choice((9 / 16, 0.7)))), alpha=1.1), np.uint8
    )
    bar, rim = int(random.uniform(0, 0.2) * len(head)), int(0.05 * head.shape[1])
    return _bordered(_bordered(head, bar, 0, (5, 5, 5)), rim, rim, _DEVICE)


def _bordered(picture: Picture, above: int, beside: int, colour: tuple[int, int, int]) -> Picture:
    """The picture with that many pixels of one colour above and below, and on either side."""
    wider = cv2.copyMakeBorder(picture, above, above, beside, beside, cv2.BORDER_CONSTANT, value=colour)
    return np.asarray(wider, np.uint8)


def _photographed(thing: Picture, random: Generator, filling: tuple[float, float]) -> Picture:
    """A flat thing on a desk, turned by up to 7 degrees and seen a little from the side, with shadow, uneven light,
    a lens's blur, noise and compression. `filling`: how much of the picture it takes, from and to."""
    rows, columns = thing.shape[:2]
    tall, wide = _PHOTO
    scale = random.uniform(*filling) * min(tall / rows, wide / columns)
    corners = np.array(((0, 0), (columns, 0), (columns, rows), (0, rows)), np.float32)
    angle = np.radians(random.uniform(-7, 7))
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    seen = (corners - (columns / 2, rows / 2)) @ turn.T * scale
    seen = seen * (1 + random.uniform(-0.04, 0.04, (4, 1))) + (wide / 2, tall / 2)
    matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    soft = cv2.GaussianBlur(thing, (0, 0), max(0.4 / scale, 0.3))
    laid = cv2.warpPerspective(soft, matrix, (wide, tall)).astype(np.float32)
    alpha = cv2.warpPerspective(np.ones((rows, columns), np.float32), matrix, (wide, tall))[..., np.newaxis]
    shadow = cv2.GaussianBlur(np.roll(alpha[..., 0], (6, 5), (0, 1)), (0, 0), 6)[..., np.newaxis]
    scene = _desk(random) * (1 - 0.35 * shadow) * (1 - alpha) + laid * alpha
    above, below = random.uniform(0.75, 1.05, 2)
    scene *= np.linspace(above, below, tall)[:, np.newaxis, np.newaxis]
    scene = cv2.GaussianBlur(scene, (0, 0), random.uniform(0.5, 1.2)) + random.normal(0, 2.5, (tall, wide, 1))
    return _coded(scene.clip(0, 255).astype(np.uint8), 85)


def _desk(random: Generator) -> NDArray[np.float32]:
    """Patches of colour, and a grain along one direction as of wood."""
    tall, wide = _PHOTO
    patches = random.normal(0, 12, (tall // 40 + 2, wide // 40 + 2, 3)).astype(np.float32)
    grain = cv2.GaussianBlur(random.normal(0, 1, (tall, wide)).astype(np.float32), (0, 0), sigmaX=40, sigmaY=1.2)
    patches = cv2.resize(patches, (wide, tall), interpolation=cv2.INTER_CUBIC)
    return np.asarray(random.uniform(60, 200, 3) + patches + (8 / grain.std() * grain)[..., np.newaxis], np.float32)


def _coded(picture: Picture, quality: int) -> Picture:
    """As JPEG of this quality."""
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
