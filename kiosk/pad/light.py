"""The light code: the lamp plays a random pattern, and the face must answer it, at once and more than the room does.

A face at 70 cm takes most of a lamp's light, the wall behind it a tenth of that; a display shines by itself and
gives back little of it. What is measured is the correlation of the face's brightness with the pattern once the
head's own movement is taken out, so too little light or too much sun lowers it: the measurement knows its own noise.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry
from kiosk.pad.answers import Measure
from kiosk.pad.shading import Relief, Skin
from kiosk.values import Face, Frame, Reason

_ROUGH = 8  # every so many pixels of the room
_DIFFERENCE_S = 0.1
_LAG_STEP_S = 0.02
_LATE_S = 1.2
_FEWEST_FRAMES = 20
_TRIMMED = 0.1
_AHEAD_DEG = 8.0  # a head that is turned shows the lamp other sides
TOO_NEAR = "no room is seen beside the face: step back"

Looks = tuple[tuple[int, float], ...]
"""Symbols from which a correlation is enough, in ascending order; see LightSettings."""


@dataclass(frozen=True, slots=True)
class LightSettings:
    """Times in seconds. `levels`: low and high brightness of the lamp, 1 is full.

    `symbol_s`: how long each level stands; two and a half changes up and down a second at most (WCAG 2.3.1 allows
    three flashes). `looks`: least correlation of the changes of the face's brightness with the code's, from so many
    symbols on: a clear answer is taken early, a noisy one after more of them, and at the last the code is judged.
    `long_looks`: the same where prompts alone are easily guessed. `depth`: least relative change of the face between
    the levels; a display gives back under .01. `latest_s`: how late the face may answer; cameras and lamps take some
    of it. `shared`: the room's change over the face's.
    """

    levels: tuple[float, float] = (0.3, 1.0)
    symbol_s: float = 0.2
    looks: Looks = ((12, 0.98), (15, 0.95), (18, 0.9))
    long_looks: Looks = ((16, 0.95), (18, 0.92))
    depth: float = 0.025
    latest_s: float = 0.16
    shared: float = 0.6


@dataclass(frozen=True, slots=True)
class LightAnswer:
    """What the face made of the code. `late`: it answered later than light does. `shared`: its surroundings answered
    as much, as those of a print do. `measured`: the timely answer's correlation and size, whatever came of it."""

    state: Literal["answered", "late", "shared", "weak"]
    reasons: tuple[Reason, ...]
    measured: tuple[Reason, ...]


class _Response(NamedTuple):
    """Correlation with the code, and the relative change of face and room between its two levels; NaN for the room
    where it was not seen half of the time."""

    correlation: float
    depth: float
    room: float


class _Moves(NamedTuple):
    """What changed from one look to the next, in rows: the lamp's level, `lag_s` before, and the head's movement, of
    which no answer is read. `step`, `near`: which samples make a row."""

    step: int
    near: NDArray[np.bool_]
    levels: NDArray[np.float64]
    moved: NDArray[np.float64]

    def of(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Rows of changes of samples in rows."""
        return np.asarray((values[self.step :] - values[: -self.step])[self.near], np.float64)


class LightCode:
    """One code, from the moment it starts. `level`: what the lamp is to show now."""

    def __init__(self, settings: LightSettings, rng: random.Random, start_s: float) -> None:
        self._settings, self._rng = settings, rng
        self._changes: list[tuple[float, float]] = []
        self._samples: list[tuple[float, float, float, float, float, float]] = []
        self._skin: Skin | None = None
        self._logs: list[NDArray[np.float32]] = []
        self.level = settings.levels[1]
        self.symbols = 0
        self.looks = settings.looks
        """May be made stricter before the answer is judged."""
        self._judged, self._lag_s = 0, 0.0
        self._draw(start_s)

    def update(self, frame: Frame, face: Face, measure: Measure) -> None:
        """Read the frame, then go on in the code."""
        inside, around = _brightness(frame.image, face)
        sizes = float(np.log(measure.size))
        self._samples.append((frame.time_s, inside, around, measure.yaw, measure.pitch, sizes))
        if self._skin is None:
            self._skin = Skin(face.landmarks)
        self._logs.append(self._skin.logs(frame.image, face.landmarks))
        if frame.time_s - self._since_s >= self._settings.symbol_s - 1e-6:
            self._draw(frame.time_s)

    def answer(self) -> LightAnswer | None:
        """Judge what was seen so far; None while that is too little to tell. Each symbol is looked at once."""
        played, limits = self.symbols - 1, self._settings
        asked = [correlation for symbols, correlation in self.looks if symbols <= played]
        if not asked or played == self._judged:
            return None
        self._judged = played
        lags = np.arange(0.0, _LATE_S, _LAG_STEP_S)
        in_time = int(np.searchsorted(lags, limits.latest_s + 1e-6))
        found = [self._fit(float(lag)) for lag in lags[:in_time]]
        best = max(range(in_time), key=lambda number: found[number].correlation)
        timely, self._lag_s = found[best], float(lags[best])

        def passes(one: _Response) -> bool:
            return one.correlation >= asked[-1] and one.depth >= limits.depth

        measured = (
            Reason("light answered by the face", timely.correlation, asked[-1]),
            Reason("face's change with the light", timely.depth, limits.depth),
        )
        if passes(timely):
            shared = timely.room / timely.depth
            if np.isnan(shared):
                return LightAnswer("weak", (Reason(TOO_NEAR),), measured)
            if shared > limits.shared:
                return LightAnswer(
                    "shared", (Reason("surroundings answer the light", shared, limits.shared),), measured
                )
            return LightAnswer("answered", measured, measured)
        if len(asked) < len(self.looks):
            return None
        found += [self._fit(float(lag)) for lag in lags[in_time:]]
        best = max(range(len(lags)), key=lambda number: found[number].correlation)
        if passes(found[best]):
            late = Reason("light answered late", float(lags[best]), limits.latest_s, " s")
            return LightAnswer("late", (late,), measured)
        short = measured[:1] if timely.correlation < asked[-1] else measured[1:]
        return LightAnswer("weak", short, measured)

    def relief(self, ahead: Measure) -> Relief | None:
        """How the answer that was judged last lies on the face while it looks `ahead`; None where it cannot be
        measured."""
        start = self._begin()
        rows = np.array(self._samples[start:])
        turned = np.abs(rows[:, 3:5] - (ahead.yaw, ahead.pitch)).max(axis=1)
        moves = self._moves(rows, self._lag_s, turned <= _AHEAD_DEG)
        if self._skin is None or moves is None:
            return None
        logs = np.stack(self._logs[start:])
        seen = np.isfinite(logs).all(axis=0)
        code, *_ = _unmoved(moves.moved, moves.levels[:, np.newaxis]).T
        power = max(float(code @ code), 1e-9)
        answers, errors = np.full(len(seen), np.nan), np.full((len(code), len(seen)), np.nan)
        changes = _unmoved(moves.moved, moves.of(logs[:, seen]))
        answers[seen] = code @ changes / power
        free = max(len(code) - moves.moved.shape[1] - 1, 1)
        errors[:, seen] = (changes - np.outer(code, answers[seen])) / (free * power) ** 0.5
        low, high = self._settings.levels
        return self._skin.relief((high - low) * answers, (high - low) * errors, low / high)

    def _draw(self, now_s: float) -> None:
        self.level = self._rng.choice(self._settings.levels)
        self.symbols += 1
        self._since_s = now_s
        self._changes.append((now_s, self.level))

    def _fit(self, lag_s: float) -> _Response:
        """The answer to the code `lag_s` late."""
        rows = np.array(self._samples[self._begin() :])
        moves = self._moves(rows, lag_s, np.ones(len(rows), bool))
        if moves is None:
            return _Response(0.0, 0.0, 0.0)
        moved, columns = moves.moved, np.column_stack([moves.levels, moves.of(rows[:, 1:3])])
        seen = np.isfinite(columns[:, 2])
        code, face = _unmoved(moved, columns[:, :2]).T
        power, spread = float(code @ code), float(face @ face)
        if power < 1e-9 or spread < 1e-12:
            return _Response(0.0, 0.0, 0.0)
        span = self._settings.levels[1] - self._settings.levels[0]
        along = float(code @ face)
        shared = np.nan
        if 2 * seen.sum() >= len(seen):
            code, room = _unmoved(moved[seen], columns[seen][:, [0, 2]]).T
            shared = span * float(code @ room) / max(float(code @ code), 1e-9)
        return _Response(along / (power * spread) ** 0.5, span * along / power, shared)

    def _begin(self) -> int:
        """The first sample that counts: of a long code its end, for whoever answered its beginning may have gone."""
        began_s = self._changes[-(self.looks[-1][0] + 1) :][0][0]
        return bisect_right(self._samples, began_s, key=itemgetter(0))

    def _moves(self, rows: NDArray[np.float64], lag_s: float, used: NDArray[np.bool_]) -> _Moves | None:
        """Of the samples that are `used`; None with too few."""
        if used.sum() < _FEWEST_FRAMES:
            return None
        times, (yaw, pitch, size) = rows[:, 0], rows[:, 3:].T
        began = np.searchsorted([moment for moment, _ in self._changes], times - lag_s - 1e-6) - 1
        levels = np.array([level for _, level in self._changes])[np.maximum(began, 0)]
        step = max(1, round(_DIFFERENCE_S / max(float(np.median(np.diff(times))), 1e-3)))
        near = (times[step:] - times[:-step] <= 2.5 * _DIFFERENCE_S) & used[step:] & used[:-step]
        # A head that turns or nods takes its own shadow along: that part of the change says nothing of the lamp.
        moves = np.column_stack([levels, yaw, np.abs(yaw), pitch, size])
        changed = (moves[step:] - moves[:-step])[near]
        return _Moves(step, near, changed[:, 0], np.column_stack([np.ones(len(changed)), changed[:, 1:]]))


def _unmoved(moved: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the movement leaves of these columns."""
    fitted, *_ = np.linalg.lstsq(moved, columns, rcond=None)
    return np.asarray(columns - moved @ fitted)


def _brightness(image: NDArray[np.uint8], face: Face) -> tuple[float, float]:
    """Logarithms of the mean grey of the face's middle, without its darkest and brightest tenth, and of the room beside
    and above the head; NaN for the room where the face leaves too little of it in the picture."""
    oval = face.landmarks[geometry.OVAL, :2]
    centre = oval.mean(axis=0)
    inner = np.round(centre + 0.75 * (oval - centre)).astype(np.int32)
    height, width = image.shape[:2]
    x0, y0 = np.clip(inner.min(axis=0), 0, (width - 1, height - 1))
    x1, y1 = np.clip(inner.max(axis=0), (x0 + 1, y0 + 1), (width, height))
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(mask, inner - np.array((x0, y0), np.int32), 1)
    inside = _trimmed_mean(cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY), mask)
    x, y, w, h = face.box
    rough = image[::_ROUGH, ::_ROUGH]
    away = np.ones(rough.shape[:2], bool)
    # Shoulders and hands belong to the person, not to the room.
    away[max(y - h // 2, 0) // _ROUGH :, max(x - 3 * w // 2, 0) // _ROUGH : (x + 5 * w // 2) // _ROUGH] = False
    around = float(rough[away].mean()) if away.sum() >= 50 else np.nan
    return float(np.log(inside + 1.0)), float(np.log(around + 1.0))


def _trimmed_mean(grey: NDArray[np.uint8], mask: NDArray[np.uint8]) -> float:
    """Mean of the grey values under the mask without a tenth at either end: glare on spectacles wanders, lids move."""
    counts = cv2.calcHist([grey], [0], mask, [256], [0, 256])[:, 0].astype(np.float64)
    above = np.cumsum(counts)
    low, high = _TRIMMED * above[-1], (1.0 - _TRIMMED) * above[-1]
    kept = np.clip(np.minimum(above, high) - np.maximum(above - counts, low), 0.0, None)
    return float(kept @ np.arange(256.0) / max(kept.sum(), 1.0))
