"""Recordings of faces and attacks: what each cue that needs no prompt says of them, and what the full protocol says."""

from __future__ import annotations

import csv
import io
import multiprocessing
import random
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from kiosk.cameras.film import open_film
from kiosk.cameras.newest import Loop
from kiosk.capture import geometry
from kiosk.capture.faces import FaceTracker
from kiosk.capture.photos import read_photo
from kiosk.capture.stills import seek
from kiosk.errors import KioskError
from kiosk.liveness import Liveness, LivenessSettings
from kiosk.pad.answers import AnswerSettings
from kiosk.pad.blinks import Blink
from kiosk.pad.cues import ABOVE, Model, PassiveSettings
from kiosk.pad.depth import Depth, DepthSettings
from kiosk.pad.light import LightSettings
from kiosk.pad.passive import Passive, speaks
from kiosk.recognition.embedder import DlibEmbedder
from kiosk.values import Face, Frame, LivenessVerdict, Reason
from simulation.evaluate.pad import COMBINED, LIVING, Cue, Shown, Verdict, combined

_COLUMNS = ("path", "label", "species")
_LABELS = (LIVING, "attack")
_STRAIGHT_DEG = 12.0
_FOLLOWED_S = 3.0  # as long as a prompt has time
_BLINKS_WITHIN_S = 30.0  # 17 blinks a minute at rest, 4.5 while reading (Bentivoglio et al. 1997)
_SHOTS_EVERY_S, _SHOTS = 0.5, 24
# Two pictures on either side of a cut correlate by .3 at most; so do those of who walks in, but not all at once.
_CUT, _CALM = 0.4, 0.8
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
    try:
        first = next(csv.reader(io.StringIO(text, newline="")), [])
        headed = set(_COLUMNS[:2]) <= set(first)
        if not headed and not (len(first) > 1 and first[1].strip() in _LABELS):
            raise KioskError(f"the list {path} has no columns {','.join(_COLUMNS)}: write them in its first line")
        lines = csv.DictReader(io.StringIO(text, newline=""), None if headed else _COLUMNS)
        rows, wrong = [], []
        for line in lines:
            written, label, species = ((line.get(name) or "").strip() for name in _COLUMNS)
            if not written or label not in _LABELS:
                wrong.append(f"line {lines.line_num}: {written or 'no path'}: label {label!r}: write live or attack")
                continue
            rows.append(Row(lines.line_num, written, label, species or label, path.parent / written))
    except csv.Error as error:
        raise KioskError(f"the list {path} is no CSV of {','.join(_COLUMNS)}: {error}") from error
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
    passive = PassiveSettings(model=model)
    try:
        found, full, frames = _of_still(row.file, passive) if _is_still(row.file) else _of_film(row.file, passive)
    except (KioskError, cv2.error, OSError, ValueError) as error:
        return Recorded(row.path, row.label, row.species, error=f"line {row.number}: {row.path}: {error}")
    said = {"state": full.state, "reasons": [str(reason) for reason in full.reasons]}
    # A hand that holds the camera moves the surroundings, too.
    counted = [cue for name, cue in found.items() if name in deny or name not in {*ABOVE, "surroundings"}]
    found[COMBINED] = Cue(combined(counted))
    return Recorded(row.path, row.label, row.species, found, said, frames)


def _is_still(file: Path) -> bool:
    """By what it holds, whatever it is called. Raises `KioskError` for a folder and what is missing."""
    if file.is_dir():
        raise KioskError("this is a folder: give its films and stills, one a line")
    if not file.is_file():
        raise KioskError("there is no such file: relative paths start at the list's folder")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                return not getattr(opened, "is_animated", False)
    except UnidentifiedImageError:
        return False
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return True  # and cannot be read: the reader of photos says why


def _of_still(file: Path, passive: PassiveSettings) -> tuple[dict[str, Cue], LivenessVerdict, int]:
    picture = read_photo(file, least=1)  # as it is: what an enlargement adds looks like a display's pixels
    tracker = FaceTracker()
    try:
        face = seek(picture, tracker)
    finally:
        tracker.close()
    track = _Track(passive)
    if face is not None:
        track.look(Frame(picture, 0.0, 0), face)
    said = "a still answers no prompt" if face is not None else "no face"
    found = _worst([track], passive) | {"cuts": Cue("undetermined"), "repeated_pictures": Cue("undetermined")}
    return found, LivenessVerdict("undetermined", (Reason(said),)), 1


def _of_film(file: Path, passive: PassiveSettings) -> tuple[dict[str, Cue], LivenessVerdict, int]:
    protocol, loop, looped, frames, cuts = _Protocol(), Loop(), 0, 0, 0
    tracks: list[_Track] = []
    number: int | None = None
    before: NDArray[np.float64] | None = None
    alike = 1.0
    tracker = FaceTracker()
    camera = open_film(f"file:{file.absolute()}")
    try:
        while (frame := camera.read()) is not None and frame.time_s <= _LONGEST_S:
            frames += 1
            looped = max(looped, loop.length(frame.image[::8, ::8]))
            face = tracker.update(frame).served
            protocol.update(frame, face)
            now = _overview(frame)
            if before is not None:
                was_alike, alike = alike, float((now * before).mean())
                if alike < _CUT and was_alike > _CALM:
                    cuts += 1
                    number = None
            before = now
            if face is not None and face.track != number:
                tracks.append(_Track(passive))
                number = face.track
            if tracks:
                tracks[-1].update(frame, face)
    finally:
        camera.close()
        tracker.close()
    found = _worst(tracks, passive)
    found["cuts"] = Cue("undetermined", float(cuts))
    found["repeated_pictures"] = Cue("attack" if looped else "live" if tracks else "undetermined", float(looped))
    return found, protocol.verdict(), frames


def _overview(frame: Frame) -> NDArray[np.float64]:
    """The picture in 16 x 16 greys of mean 0 and deviation 1: two of one shot agree, whatever a hand does."""
    grey = cv2.cvtColor(cv2.resize(frame.image, (16, 16), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return np.asarray((grey - grey.mean()) / max(float(grey.std()), 1e-6))


def _worst(tracks: Sequence[_Track], passive: PassiveSettings) -> dict[str, Cue]:
    """Of each cue what the worst track says: an attack before life, life before nothing; of several the first."""
    severity = {"attack": 0, "live": 1, "undetermined": 2}
    all_cues = [track.cues() for track in tracks] or [_Track(passive).cues()]
    return {name: min((cues[name] for cues in all_cues), key=lambda cue: severity[cue.verdict]) for name in all_cues[0]}


class _Protocol:
    """What the station would have said, had the recording stood before it; nobody in it sees prompts or lamp."""

    def __init__(self) -> None:
        self._liveness: tuple[int, Liveness] | None = None
        self._verdict: LivenessVerdict | None = None

    def update(self, frame: Frame, face: Face | None) -> None:
        """Take the next frame in, until it is decided."""
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

    def verdict(self) -> LivenessVerdict:
        """Never `live`."""
        if self._verdict is None:
            return LivenessVerdict("undetermined", (Reason("the recording ended before the prompts did"),))
        if self._verdict.state == "live":
            by_chance = Reason("answered by chance: a recording sees neither prompts nor lamp")
            return LivenessVerdict("undetermined", (by_chance, *self._verdict.reasons))
        return self._verdict


class _Track:
    """Looks at one unbroken track of a recording, frame by frame, with the kiosk's own measures and bounds."""

    def __init__(self, passive: PassiveSettings) -> None:
        self._limits, self._answers = DepthSettings(), AnswerSettings()
        self._measured = passive.measured()
        self._passive = Passive(passive)
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

    def update(self, frame: Frame, face: Face | None) -> None:
        """Take the next frame in."""
        if face is None:
            self._close_turn()
            self._lids = self._last_s = None
            return
        if self.look(frame, face):
            self._follow(frame, face)
        self._watch_lids(frame.time_s, face)
        ahead = (face.yaw, face.pitch)
        off = np.abs(np.subtract(ahead, self._ahead or ahead)).max()
        straight = not face.quality and off <= LivenessSettings().back_within
        if straight and frame.time_s - self._shot_s >= _SHOTS_EVERY_S and len(self._shots) < _SHOTS:
            self._shot_s, self._ahead = frame.time_s, self._ahead or ahead
            self._shots.append(_embedder().embed(frame.image, face.box))

    def look(self, frame: Frame, face: Face) -> bool:
        """Take the passive cues of a picture; whether there is enough of the face in it to measure anything."""
        readable = _UNREADABLE.isdisjoint(reason.name for reason in face.quality)
        if readable:
            self._passive.update(frame.image, face, frame.time_s)
        return readable

    def cues(self) -> dict[str, Cue]:
        """What each cue says."""
        self._close_turn()
        found = {
            reason.name: Cue("attack" if speaks(reason) else "live", reason.value, reason.threshold)
            for reason in self._passive.noted
        }
        for cue in self._measured:
            found.setdefault(cue, Cue("undetermined"))
        found |= {"turn": self._turn(), "nose": self._nose(), "blink": self._blink(), "one_person": self._one_person()}
        for name in ("flat", "surroundings"):
            reason = self._evidence.get(name)
            silent: Verdict = "undetermined" if self._moved < 3 else "live"
            found[name] = Cue("attack", reason.value, reason.threshold) if reason is not None else Cue(silent)
        return found

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
        """The deepest turn that nobody asked for; what the kiosk would have asked for again says nothing."""
        limits = self._limits
        if not self._turns:
            return Cue("undetermined", None, limits.flow)
        mesh, flow, _ = max(self._turns, key=lambda turn: turn[1])
        flat = mesh < limits.mesh and flow <= limits.flat
        deep = mesh >= limits.mesh and flow >= limits.flow
        return Cue("attack" if flat else "live" if deep else "undetermined", flow, limits.flow)

    def _nose(self) -> Cue:
        """The nose that stood out most; as at the kiosk, one turn without is not enough to call it paper."""
        measured, limit = [nose for *_, nose in self._turns if nose is not None], self._limits.nose
        if not measured:
            return Cue("undetermined", None, limit)
        silent: Verdict = "attack" if len(measured) > LivenessSettings().retries else "undetermined"
        return Cue("live" if max(measured) >= limit else silent, max(measured), limit)

    def _watch_lids(self, time_s: float, face: Face) -> None:
        straight = abs(face.yaw) <= _STRAIGHT_DEG
        # Only where a blink would have been seen.
        if straight and self._last_s is not None and time_s - self._last_s <= self._answers.unasked_step_s:
            self._faced_s += time_s - self._last_s
        self._last_s = time_s
        eyes = max(geometry.eye_aspect_ratios(face.landmarks))
        self._eyes = [*self._eyes[-60:], eyes]
        limits = self._answers
        if not straight:
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
        apart = gap(np.array(self._shots), limit) if len(self._shots) > 1 else None
        if apart is None:
            return Cue("undetermined", None, limit)
        return Cue("attack" if apart > limit else "live", apart, limit)


def gap(shots: NDArray[np.float32], limit: float) -> float | None:
    """How far the shots (n x 128) of a track fall apart into two groups: the distance between the nearest two of
    different groups, for the groups farthest apart. Who grimaces is far from the first look, but not from every look;
    another person is. A shot that is more than `limit` from every other is of nobody (a hand, a blur), and left out;
    None where fewer than two are left."""
    apart = np.linalg.norm(shots[:, np.newaxis] - shots, axis=2)
    usable = np.where(np.eye(len(shots), dtype=bool), np.inf, apart).min(axis=1) <= limit
    apart = apart[np.ix_(usable, usable)]
    if len(apart) < 2:
        return None
    reach, joined, widest = apart[0], np.arange(len(apart)) == 0, 0.0
    while not joined.all():
        nearest = int(np.where(joined, np.inf, reach).argmin())
        widest = max(widest, float(reach[nearest]))
        joined[nearest] = True
        reach = np.minimum(reach, apart[nearest])
    return widest


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
