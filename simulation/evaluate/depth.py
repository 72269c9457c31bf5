"""`hadir evaluate depth`: what turns of living people in real clips leave over, and their pictures on a rendered plane.

Thresholds are found on half of the clips and judged on the other, both ways. Three kinds of plane: a still of the
clip's look ahead that is turned, as a print is; the clip itself played on a plane that stands; and on one that a hand
holds. In the last two the face turns as the person did, and what it leaves over does not tell it from a person; but
what is held moves its surroundings with it. `together` is all of it, as the kiosk uses it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.cameras.film import Film, open_film
from kiosk.capture import geometry
from kiosk.capture.faces import FaceTracker
from kiosk.errors import KioskError
from kiosk.pad.depth import Depth, DepthSettings
from kiosk.values import Face, Frame
from simulation.actors import random_for
from simulation.evaluate.counts import clopper_pearson
from simulation.head import Pose
from simulation.instruments import Instrument
from simulation.lamp import Lamp
from simulation.motion import Sway
from simulation.portrait import Picture
from simulation.room import Sensor, office

MEASURES = ("mesh", "flow", "nose")
KINDS = {"living": "living", "still": "still turned", "clip": "clip played", "held": "clip in a hand"}
_SHIPPED = {"mesh": DepthSettings().mesh, "flow": DepthSettings().flow, "nose": DepthSettings().nose}
_TOGETHER = "together"
_FILMS = {".mp4", ".gif", ".avi", ".mov", ".mkv", ".webm"}
_LOOKS_AHEAD_DEG, _TURN_DEG, _FOLLOWED_S = 10.0, 15.0, 3.0
_SIZE, _FOV_DEG, _AT_M, _FPS = (640, 480), 53.0, 0.6, 30.0
_OUTER_EYES_M = 0.09
_HAND = (0.012, 0.01, 0.012, 4.0, 3.5, 2.5)  # m and degrees, as the laboratory's attackers


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn left over: residuals of mesh and points, relief of the nose (None: not measured), each in outer-eye
    distances. `kind`: "living", "still" on a plane that turns, or the "clip" on a plane that stands or is "held".
    `carried`: whether the surroundings moved as one thing."""

    clip: str
    kind: str
    mesh: float
    flow: float
    nose: float | None
    carried: bool = False


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate depth CLIP…`; 0 when it was measured."""
    parser = argparse.ArgumentParser(
        prog="hadir evaluate depth",
        description="Turns of 15 degrees and more in real clips, against the same pictures on a plane in 3-D.",
        epilog="example:\n  hadir evaluate depth clips/ --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP", help="films, or folders of films")
    parser.add_argument("--json", action="store_true", help="one JSON object with every turn")
    options = parser.parse_args(arguments)
    turns = [turn for path in _films(options.clips) for turn in turns_of(path)]
    found = {"source": "real clips, rendered planes", "rows": rows(turns), "turns": [asdict(turn) for turn in turns]}
    print(json.dumps(found) if options.json else as_text(found))
    return 0


def _films(paths: Sequence[Path]) -> list[Path]:
    found = []
    for path in paths:
        if not path.exists():
            raise KioskError(f"{path} does not exist: give films, or folders of films")
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [one for one in inside if one.suffix.lower() in _FILMS]
    if not found:
        raise KioskError(f"no films ({', '.join(sorted(_FILMS))}) in {', '.join(map(str, paths))}")
    return found


def turns_of(path: Path) -> list[Turn]:
    """Every turn of a clip, as it is and on both planes."""
    camera = open_film(f"file:{path.absolute()}")
    try:
        windows = list(_windows(camera))
    finally:
        camera.close()
    found = []
    for depth, frames, face in windows:
        measured = {
            "living": depth,
            "still": _on_plane([frames[0].image], face, turned_deg=45.0),
            "clip": _on_plane([frame.image for frame in frames], face),
            "held": _on_plane([frame.image for frame in frames], face, held=True),
        }
        for kind, one in measured.items():
            residuals = one.of_turn() if one is not None else None
            if one is not None and residuals is not None:
                nose = one.nose()
                relief = None if nose is None else nose.value
                found.append(Turn(path.name, kind, *residuals, relief, one.carried is not None))
    return found


def _windows(camera: Film) -> Iterator[tuple[Depth, list[Frame], Face]]:
    """From a look ahead on, up to three seconds, those in which a turn was measured."""
    tracker = FaceTracker()
    depth: Depth | None = None
    frames: list[Frame] = []
    start: Face | None = None
    try:
        while (frame := camera.read()) is not None:
            face = tracker.update(frame).served
            over = face is None or (bool(frames) and frame.time_s - frames[0].time_s > _FOLLOWED_S)
            if over and depth is not None and start is not None:
                if depth.of_turn() is not None:
                    yield depth, frames, start
                depth = None
            if face is None:
                continue
            if depth is None:
                if abs(face.yaw) <= _LOOKS_AHEAD_DEG:
                    depth, frames, start = Depth(frame, face, face.landmarks, DepthSettings()), [frame], face
                continue
            assert start is not None
            frames.append(frame)
            depth.update(frame, face, abs(face.yaw - start.yaw) >= _TURN_DEG)
        if depth is not None and start is not None and depth.of_turn() is not None:
            yield depth, frames, start
    finally:
        tracker.close()


def _on_plane(pictures: list[Picture], face: Face, turned_deg: float = 0.0, held: bool = False) -> Depth | None:
    """The pictures on a plane at arm's length, life-size, before an office; a single one is turned within a second,
    and `held` moves it as the laboratory's hands do. None where no face is seen on it."""
    height, width = pictures[0].shape[:2]
    metre = geometry.outer_eye_distance(face.landmarks) / _OUTER_EYES_M
    focal = _SIZE[1] / 2 / np.tan(np.radians(_FOV_DEG / 2))
    middle = face.landmarks[geometry.OVAL, :2].mean(axis=0)
    x, y = (np.array((width, height)) / 2 - middle) / metre
    room, sensor = office(*_SIZE, random_for(1, 1)), Sensor(*_SIZE, 1)
    hand = random_for(1, 2)
    sways = [Sway(hand, size if held else 0.0) for size in _HAND]
    plane = _Played(pictures, (width / metre, height / metre))
    tracker = FaceTracker()
    depth: Depth | None = None
    start: Face | None = None
    count = max(len(pictures), round(_FPS))
    try:
        for number in range(count):
            angle = turned_deg * number / count
            # A plane turns about the face, not about its own middle: as far as a still can be turned.
            shift = np.array((x * np.cos(np.radians(angle)), y, x * np.sin(np.radians(angle))))
            image = room.copy()
            plane.shown = number
            dx, dy, dz, yaw, pitch, roll = (sway.at(number / _FPS) for sway in sways)
            pose = Pose(shift[0] + dx, shift[1] + dy, _AT_M + shift[2] + dz, angle + yaw, pitch, roll)
            plane.draw(image, pose, 0.0, float(focal), Lamp())
            frame = Frame(sensor.expose(image, number), number / _FPS, number)
            seen = tracker.update(frame).served
            if seen is None:
                continue
            if depth is None or start is None:
                depth, start = Depth(frame, seen, seen.landmarks, DepthSettings()), seen
                continue
            turned = angle if turned_deg else abs(seen.yaw - start.yaw)
            depth.update(frame, seen, turned >= _TURN_DEG)
    finally:
        tracker.close()
    return depth


class _Played(Instrument):
    """A plane that shows the picture of number `shown`."""

    def __init__(self, pictures: list[Picture], size_m: tuple[float, float]) -> None:
        super().__init__(pictures[0], np.ones(pictures[0].shape[:2], np.float32), size_m)
        self._pictures = pictures
        self.shown = 0

    def _content(self, age_s: float) -> Picture:
        return self._pictures[min(self.shown, len(self._pictures) - 1)]


def rows(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """For each measure, and all together: the threshold found on every other clip (with fewest errors between the
    living and the stills) and the errors of the rest there, both ways, and the errors of all at the shipped bound."""
    clips = sorted({turn.clip for turn in turns})
    halves = [
        ("clips 1, 3, …", set(clips[0::2]), set(clips[1::2])),
        ("clips 2, 4, …", set(clips[1::2]), set(clips[0::2])),
    ]
    bounds = {name: _thresholds(turns, tuned) for name, tuned, _ in halves} | {"shipped": _SHIPPED}
    judged = {name: rest for name, _, rest in halves} | {"shipped": set(clips)}
    found = [
        _row(turns, {measure: bounds[name][measure]}, name, judged[name])
        for measure in MEASURES
        for name in bounds
        if measure in bounds[name]
    ]
    return found + [_row(turns, bounds[name], name, judged[name], together=True) for name in bounds]


def _thresholds(turns: Sequence[Turn], clips: set[str]) -> dict[str, float]:
    between = {m: _between(_values(turns, m, "living", clips), _values(turns, m, "still", clips)) for m in MEASURES}
    return {measure: threshold for measure, threshold in between.items() if threshold is not None}


def _values(turns: Sequence[Turn], measure: str, kind: str, clips: set[str]) -> list[float]:
    values = (getattr(turn, measure) for turn in turns if turn.kind == kind and turn.clip in clips)
    return [value for value in values if value is not None]


def _row(
    turns: Sequence[Turn], bounds: dict[str, float], tuned_on: str, judged: set[str], together: bool = False
) -> dict[str, Any]:
    """`together`: surroundings that moved refuse, too. Turns of which nothing here was measured are left out."""
    row: dict[str, Any] = {"measure": _TOGETHER if together else next(iter(bounds)), "tuned_on": tuned_on}
    row["threshold"] = None if together else round(next(iter(bounds.values())), 4)
    for kind in KINDS:
        passed = []
        for turn in turns:
            values = [(getattr(turn, measure), bound) for measure, bound in bounds.items()]
            deep = [value >= bound for value, bound in values if value is not None]
            if turn.kind == kind and turn.clip in judged and deep:
                passed.append(all(deep) and not (together and turn.carried))
        wrong = sum(one != (kind == "living") for one in passed)
        row[kind] = {"turns": len(passed), "errors": wrong}
        if passed:
            row[kind]["interval"] = [round(bound, 4) for bound in clopper_pearson(wrong, len(passed))]
    return row


def _between(living: Sequence[float], flat: Sequence[float]) -> float | None:
    """The threshold with the fewest errors, in the middle of the gap that it stands in; None without both."""
    if not living or not flat:
        return None
    ordered = np.unique([*living, *flat])
    places = (ordered[:-1] + ordered[1:]) / 2 if len(ordered) > 1 else ordered
    wrong = [np.mean(np.array(living) < at) + np.mean(np.array(flat) >= at) for at in places]
    best = np.flatnonzero(np.array(wrong) == min(wrong))
    return float(places[best[len(best) // 2]])


def as_text(found: dict[str, Any]) -> str:
    """The table for people."""
    lines = ["real clips, rendered planes; errors: living turns refused, planes that pass"]
    heads = "".join(f" {name:>15}" for name in KINDS.values())
    lines.append(f"{'measure':9} {'threshold':>9}  {'tuned on':14}{heads}")
    for row in found["rows"]:
        counts = "".join(f" {_count(row[kind]):>15}" for kind in KINDS)
        threshold = "" if row["threshold"] is None else f"{row['threshold']:.4f}"
        lines.append(f"{row['measure']:9} {threshold:>9}  {row['tuned_on']:14}{counts}")
    return "\n".join(lines)


def _count(one: dict[str, Any]) -> str:
    return f"{one['errors']} of {one['turns']}"
