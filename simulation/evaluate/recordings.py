"""Recordings of faces and attacks: what each cue that needs no prompt says of them, and what the full protocol says."""

from __future__ import annotations

import csv
import multiprocessing
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk import geometry
from kiosk.answers import AnswerSettings
from kiosk.blinks import Blink
from kiosk.cameras.film import open_film
from kiosk.cameras.newest import Loop
from kiosk.cues import ABOVE, Model, PassiveSettings
from kiosk.depth import Depth, DepthSettings
from kiosk.embedder import DlibEmbedder
from kiosk.errors import KioskError
from kiosk.faces import FaceTracker
from kiosk.light import LightSettings
from kiosk.liveness import Liveness, LivenessSettings
from kiosk.passive import Passive, speaks
from kiosk.replay import PHOTO_SUFFIXES
from kiosk.values import Face, Frame, LivenessVerdict, Reason
from simulation.evaluate.pad import COMBINED, LIVING, Cue, Shown, Verdict, combined

_COLUMNS = ("path", "label", "species")
_STRAIGHT_DEG = 12.0
_FOLLOWED_S = 3.0  # as long as a prompt has time
_BLINKS_WITHIN_S = 12.0  # nineteen of twenty people blink at least once (Bentivoglio et al. 1997: 17 a minute at rest)
_SHOTS_EVERY_S = 1.0
_UNREADABLE = {"too_far", "out_of_picture", "too_dark", "too_bright"}
_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list. `path` is as written; relative ones start at the list's folder."""

    number: int
    path: str
    label: str
    species: str
    file: Path


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was found in one file; `error` names why nothing was."""

    path: str
    label: str
    species: str
    cues: dict[str, Cue] = field(default_factory=dict)
    full: dict[str, Any] = field(default_factory=dict)
    frames: int = 0
    error: str = ""

    @property
    def shown(self) -> Shown:
        """For the tables."""
        return Shown(self.path, self.label, self.species, self.cues)


def read_list(path: Path) -> tuple[list[Row], list[str]]:
    """The usable lines, and one sentence for each that is not. Raises `KioskError` for a list that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise KioskError(
            f"the list {path} cannot be read ({error}): give a UTF-8 CSV of {','.join(_COLUMNS)}"
        ) from error
    lines = csv.DictReader(text.splitlines())
    if not set(_COLUMNS[:2]) <= set(lines.fieldnames or ()):
        raise KioskError(f"the list {path} has no columns {','.join(_COLUMNS)}: write them in its first line")
    rows, wrong = [], []
    for line in lines:
        label = (line["label"] or "").strip()
        written, species = (line["path"] or "").strip(), (line.get("species") or "").strip()
        if not written or label not in (LIVING, "attack"):
            wrong.append(f"line {lines.line_num}: {written or 'no path'}: label {label!r}: write live or attack")
            continue
        rows.append(Row(lines.line_num, written, label, species or label, path.parent / written))
    return rows, wrong


def measure(
    rows: Sequence[Row],
    model: Model | None,
    deny: Collection[str],
    processes: int,
    on_done: Callable[[Recorded], None],
) -> list[Recorded]:
    """Every row, in `processes` processes; a file that cannot be used is one with an error. `deny`: passive cues that
    count in the combined verdict, as at a site that lets them deny."""
    work = partial(_measured, model=model, deny=deny)
    found = []
    if processes == 1 or len(rows) < 2:
        for row in rows:
            found.append(work(row))
            on_done(found[-1])
        return found
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for one in pool.imap(work, rows):
            found.append(one)
            on_done(one)
    return found


def _measured(row: Row, model: Model | None, deny: Collection[str]) -> Recorded:
    try:
        watch = _Watch(PassiveSettings(model=model), still=row.file.suffix.lower() in PHOTO_SUFFIXES)
        tracker = FaceTracker()
        camera = open_film(f"file:{row.file.absolute()}")
        try:
            while (frame := camera.read()) is not None and frame.time_s <= _LONGEST_S:
                watch.update(frame, tracker.update(frame).served)
        finally:
            camera.close()
            tracker.close()
        cues = watch.cues()
        full = watch.verdict()
    except (KioskError, cv2.error, OSError, ValueError) as error:
        return Recorded(row.path, row.label, row.species, error=f"line {row.number}: {row.path}: {error}")
    said = {"state": full.state, "reasons": [str(reason) for reason in full.reasons]}
    counted = [cue for name, cue in cues.items() if name not in ABOVE or name in deny]
    cues[COMBINED] = Cue(combined(counted))
    return Recorded(row.path, row.label, row.species, cues, said, watch.frames)


class _Watch:
    """Looks at a recording, frame by frame, with the kiosk's own measures and bounds."""

    def __init__(self, passive: PassiveSettings, still: bool) -> None:
        self.frames = 0
        self._still = still
        self._limits, self._answers = DepthSettings(), AnswerSettings()
        self._passive, self._loop = Passive(passive), Loop()
        self._looped = 0
        self._depth: Depth | None = None
        self._start: tuple[float, Face] | None = None
        self._turns: list[tuple[float, float, float | None]] = []
        self._evidence: dict[str, Reason] = {}
        self._moved = 0
        self._eyes: list[float] = []
        self._lids: Blink | None = None
        self._blinks = 0
        self._faced_s = 0.0
        self._last_s: float | None = None
        self._shots: list[NDArray[np.float32]] = []
        self._shot_s = -np.inf
        self._ahead: tuple[float, float] | None = None
        self._liveness: tuple[int, Liveness] | None = None
        self._verdict: LivenessVerdict | None = None

    def update(self, frame: Frame, face: Face | None) -> None:
        """Take the next frame in."""
        self.frames += 1
        if not self._still:
            self._looped = max(self._looped, self._loop.length(frame.image[::8, ::8]))
        self._protocol(frame, face)
        if face is None:
            self._close_turn()
            self._lids = self._last_s = None
            return
        if _UNREADABLE.isdisjoint(reason.name for reason in face.quality):
            self._passive.update(frame.image, face, frame.time_s)
            self._follow(frame, face)
        self._watch_lids(frame.time_s, face)
        ahead = (face.yaw, face.pitch)
        off = np.abs(np.subtract(ahead, self._ahead or ahead)).max()
        straight = not face.quality and off <= LivenessSettings().back_within
        if straight and frame.time_s - self._shot_s >= _SHOTS_EVERY_S and len(self._shots) < 6:
            self._shot_s, self._ahead = frame.time_s, self._ahead or ahead
            self._shots.append(_embedder().embed(frame.image, face.box))

    def cues(self) -> dict[str, Cue]:
        """What each cue says."""
        self._close_turn()
        found = {
            reason.name: Cue("attack" if speaks(reason) else "live", reason.value, reason.threshold)
            for reason in self._passive.noted
        }
        for cue in PassiveSettings().measured():
            found.setdefault(cue, Cue("undetermined"))
        found |= {"turn": self._turn(), "nose": self._nose(), "blink": self._blink(), "one_person": self._one_person()}
        for name in ("flat", "surroundings", "cut"):
            reason = self._evidence.get(name)
            silent: Verdict = "undetermined" if self._still or self._moved < 3 else "live"
            found[name] = Cue("attack", reason.value, reason.threshold) if reason is not None else Cue(silent)
        looped: Verdict = "undetermined" if self._still else "attack" if self._looped else "live"
        found["repeated_pictures"] = Cue(looped, float(self._looped))
        return found

    def verdict(self) -> LivenessVerdict:
        """The full protocol's, which is never `live`: nobody in a recording sees the prompts or the lamp."""
        if self._verdict is None:
            return LivenessVerdict("undetermined", (Reason("the recording ended before the prompts did"),))
        if self._verdict.state == "live":
            by_chance = Reason("answered by chance: a recording sees neither prompts nor lamp")
            return LivenessVerdict("undetermined", (by_chance, *self._verdict.reasons))
        return self._verdict

    def _protocol(self, frame: Frame, face: Face | None) -> None:
        if self._verdict is not None:
            return
        if face is not None and (self._liveness is None or self._liveness[0] != face.track):
            settings = LivenessSettings(light=LightSettings())
            self._liveness = face.track, Liveness(settings, random.Random(1), frame.time_s)
        if self._liveness is None:
            return
        liveness = self._liveness[1]
        liveness.update(frame, face, 0)
        if face is not None and liveness.wants_shot(face):
            liveness.add_embedding(frame.time_s, _embedder().embed(frame.image, face.box))
        self._verdict = liveness.verdict

    def _follow(self, frame: Frame, face: Face) -> None:
        """Depth and flatness from a look ahead on, for as long as a prompt would have time; then anew."""
        if self._start is not None and frame.time_s - self._start[0] > _FOLLOWED_S:
            self._close_turn()
        if self._depth is None or self._start is None:
            self._depth = Depth(frame, face, face.landmarks, self._limits)
            self._start = frame.time_s, face
            return
        self._moved += 1
        self._depth.update(frame, face, abs(face.yaw - self._start[1].yaw) >= self._answers.turn)
        for name, reason in (
            ("flat", self._depth.flat),
            # A hand-held camera moves the surroundings of the living too: without a rim, no evidence.
            ("surroundings", self._depth.carried if self._depth.dark_frame else None),
            ("cut", self._depth.cut),
        ):
            if reason is not None:
                self._evidence.setdefault(name, reason)

    def _close_turn(self) -> None:
        if self._depth is not None:
            residuals, nose = self._depth.of_turn(), self._depth.nose()
            if residuals is not None:
                self._turns.append((*residuals, None if nose is None else nose.value))
        self._depth = self._start = None

    def _turn(self) -> Cue:
        """The deepest turn that nobody asked for; as in a prompt, one that is too shallow is asked for again."""
        if not self._turns:
            return Cue("undetermined", None, self._limits.flow)
        mesh, flow, _ = max(self._turns, key=lambda turn: turn[1])
        deep = mesh >= self._limits.mesh and flow >= self._limits.flow
        return Cue("live" if deep else "attack", flow, self._limits.flow)

    def _nose(self) -> Cue:
        measured = [nose for *_, nose in self._turns if nose is not None]
        if not measured:
            return Cue("undetermined", None, self._limits.nose)
        return Cue("live" if max(measured) >= self._limits.nose else "attack", max(measured), self._limits.nose)

    def _watch_lids(self, time_s: float, face: Face) -> None:
        if self._last_s is not None:
            self._faced_s += time_s - self._last_s
        self._last_s = time_s
        eyes = max(geometry.eye_aspect_ratios(face.landmarks))
        self._eyes = [*self._eyes[-60:], eyes]
        limits = self._answers
        if abs(face.yaw) > _STRAIGHT_DEG:
            self._lids = None
        elif self._lids is None:
            bounds = limits.unasked_blink_s, limits.unasked_frames, limits.unasked_step_s
            self._lids = Blink(median(self._eyes), time_s, limits.blink_share, *bounds)
        elif self._lids.update(time_s, eyes):
            self._blinks += 1

    def _blink(self) -> Cue:
        if self._blinks:
            return Cue("live", float(self._blinks), 1.0)
        return Cue("attack" if self._faced_s >= _BLINKS_WITHIN_S else "undetermined", 0.0, 1.0)

    def _one_person(self) -> Cue:
        limit = LivenessSettings().apart
        if self._still or len(self._shots) < 2:
            return Cue("undetermined", None, limit)
        apart = max(float(np.linalg.norm(after - before)) for before, after in pairwise(self._shots))
        return Cue("attack" if apart > limit else "live", apart, limit)


@cache
def _embedder() -> DlibEmbedder:
    return DlibEmbedder()


def as_json(recorded: Recorded) -> dict[str, Any]:
    """One file of the JSON object."""
    rounded = {
        name: {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(cue).items()}
        for name, cue in recorded.cues.items()
    }
    return asdict(recorded) | {"cues": rounded}
