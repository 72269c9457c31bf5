"""Enrolment: templates of one person, from guided poses before a camera or from photos in files."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kiosk.capture import quality
from kiosk.capture.faces import FaceTracker
from kiosk.capture.photos import Packed
from kiosk.capture.stills import against_enrolling, read_still
from kiosk.enrol.copies import COPY, Crop, crop_of, likeness, of_a_picture
from kiosk.errors import EnrolmentError
from kiosk.liveness import Liveness, LivenessSettings
from kiosk.pad.answers import TURNS, Measure
from kiosk.recognition.embedder import Embedder, continuity, cut
from kiosk.values import CameraEvent, Face, Frame, Prompt, Reason
from protocol.enrolment import LOOK

_POSES: tuple[Prompt | None, ...] = (None, "turn_left", "turn_right", "look_up", "come_closer", None)


class Camera(Protocol):
    """What enrolment needs of a camera (see kiosk.camera)."""

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """The next frame, None at the end."""

    def tell(self, event: CameraEvent) -> None:
        """Say which prompt is shown."""


@dataclass(frozen=True, slots=True)
class EnrolmentSettings:
    """Angles in degrees, times in seconds. Turned poses are small: at 30° a template is .4 from the frontal one."""

    least_templates: int = 5
    straight: float = 7.0
    turned: tuple[float, float] = (9.0, 26.0)
    raised: tuple[float, float] = (5.0, 22.0)
    nearer: float = 1.15
    pose_within_s: float = 10.0
    limits: quality.QualityLimits = field(default=quality.ENROLMENT)
    liveness: LivenessSettings = field(default_factory=LivenessSettings)


OK_BUT_A_PICTURE = f"ok, but it looks like a picture of a card, a print or a display: {LOOK}"


@dataclass(frozen=True, slots=True)
class ShotReport:
    """One line for each pose or file. `state`: "ok", OK_BUT_A_PICTURE or why not; `reasons`: measured grounds."""

    name: str
    state: str
    reasons: tuple[Reason, ...] = ()

    def __str__(self) -> str:
        grounds = ", ".join(str(reason) for reason in self.reasons)
        return f"{self.name}: {self.state}" + (f" ({grounds})" if grounds else "")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """`templates`: n x d float32, for `embedder` only; `report`: one line for each pose or file."""

    templates: NDArray[np.float32]
    embedder: str
    report: tuple[ShotReport, ...]


def enrol_from_camera(
    camera: Camera,
    tracker: FaceTracker,
    embedder: Embedder,
    show: Callable[[str], None],
    rng: random.Random | None = None,
    settings: EnrolmentSettings | None = None,
) -> Enrolment:
    """Lead one living person through frontal, turned, raised and nearer poses; at least five templates.

    `show` gets what the screen should say: a prompt, a hint (see `quality.hint_of`), "look_here" or "".
    Raises EnrolmentError when liveness is not shown, the person changes or leaves, or a pose does not come.
    """
    return _Guide(camera, tracker, embedder, show, settings or EnrolmentSettings()).run(rng or random.SystemRandom())


def enrol_from_photos(photos: Iterable[Path | Packed], embedder: Embedder) -> Enrolment:
    """Templates from photos of one person, with a report line for each file.

    Raises EnrolmentError when not one photo can be used; its message holds the lines.
    """
    found = templates_of(photos, embedder)
    if not len(found.templates):
        lines = "; ".join(str(line) for line in found.report) or "no files were given"
        raise EnrolmentError(f"nobody can be enrolled from these photos: {lines}. Take a frontal photo in good light.")
    return found


def templates_of(photos: Iterable[Path | Packed], embedder: Embedder) -> Enrolment:
    """The same where there may be no templates."""
    report: list[ShotReport] = []
    vectors: list[tuple[int, NDArray[np.float32]]] = []
    taken: dict[str, Crop] = {}
    tracker = FaceTracker()
    try:
        for number, photo in enumerate(photos):
            line, vector = _photo(photo, number, tracker, embedder, taken)
            report.append(line)
            if vector is not None:
                vectors.append((number, vector))
    finally:
        tracker.close()
    kept, report = without_outliers(vectors, report, embedder.apart)
    return Enrolment(kept, embedder.identity, tuple(report))


def _photo(
    photo: Path | Packed, number: int, tracker: FaceTracker, embedder: Embedder, taken: dict[str, Crop]
) -> tuple[ShotReport, NDArray[np.float32] | None]:
    """`taken`: the faces of the photos before, by name; this one's is added unless it is a copy."""
    still = read_still(photo, number, tracker)
    if still.picture is None or still.face is None:
        return ShotReport(photo.name, still.state), None
    reasons = against_enrolling(still, quality.ENROLMENT)
    if reasons:
        return ShotReport(photo.name, "quality", reasons), None
    crop = crop_of(still.picture, still.face)
    for name, before in taken.items():
        if likeness(before, crop) >= COPY:
            return ShotReport(photo.name, f"copy of {name}"), None
    taken[photo.name] = crop
    vector = embedder.embed(*cut(still.picture, still.face.box))
    seen = of_a_picture(still.picture, still.face)
    return ShotReport(photo.name, OK_BUT_A_PICTURE if seen else "ok", seen), vector


def without_outliers(
    vectors: list[tuple[int, NDArray[np.float32]]], report: list[ShotReport], apart: float
) -> tuple[NDArray[np.float32], list[ShotReport]]:
    """Templates within `apart` of the middle one; the lines of the others say how far off they are."""
    if not vectors:
        return np.zeros((0, 0), np.float32), report
    rows = np.stack([vector for _, vector in vectors])
    distances = np.linalg.norm(rows[:, np.newaxis] - rows, axis=2)
    off = distances[int(np.median(distances, axis=1).argmin())]
    report = list(report)
    for (number, _), distance in zip(vectors, off, strict=True):
        if distance > apart:
            far = Reason("distance from the other shots", float(distance), apart)
            report[number] = ShotReport(report[number].name, "outlier", (far,))
    return np.ascontiguousarray(rows[off <= apart]), report


class _Guide:
    """One guided enrolment."""

    def __init__(
        self,
        camera: Camera,
        tracker: FaceTracker,
        embedder: Embedder,
        show: Callable[[str], None],
        settings: EnrolmentSettings,
    ) -> None:
        self._camera, self._tracker, self._embedder = camera, tracker, embedder
        self._show, self._settings = show, settings
        self._track: int | None = None
        self._asked = False
        self._shown: str | None = None

    def run(self, rng: random.Random) -> Enrolment:
        """Liveness first, then the poses."""
        base = self._prove_living(rng)
        report: list[ShotReport] = []
        vectors: list[tuple[int, NDArray[np.float32]]] = []
        for number, pose in enumerate(_POSES):
            frame, face = self._wait_for(pose, base)
            report.append(ShotReport(pose or "frontal", "ok"))
            vectors.append((number, self._embed(frame, face)))
        self._say("", self._now_s)
        kept, report = without_outliers(vectors, report, self._embedder.apart)
        if len(kept) < self._settings.least_templates:
            lines = "; ".join(str(line) for line in report)
            raise EnrolmentError(f"too few shots agree on one person: {lines}. Start again with one person alone.")
        return Enrolment(kept, self._embedder.identity, tuple(report))

    def _prove_living(self, rng: random.Random) -> Measure:
        """The straight look of a person shown to be alive."""
        liveness, identified = None, False
        asking = replace(self._settings.liveness, **continuity(self._embedder))
        while liveness is None or liveness.verdict is None:
            frame, face, others = self._next()
            if face is not None and (liveness is None or face.track != self._track):
                # Nothing was asked yet (see _next): somebody walked in, or past.
                liveness, identified, self._track = (
                    Liveness(asking, rng, frame.time_s),
                    False,
                    face.track,
                )
            if liveness is None:
                continue
            liveness.update(frame, face, others)
            self._asked |= liveness.prompt is not None
            self._say(liveness.prompt or "look_here", frame.time_s, liveness.prompt or "")
            if face is None:
                continue
            if liveness.wants_shot(face) or (not identified and not face.quality):
                identified = True
                liveness.add_embedding(frame.time_s, self._embed(frame, face))
        if liveness.verdict.state != "live":
            reasons = ", ".join(str(reason) for reason in liveness.verdict.reasons)
            raise EnrolmentError(f"not shown to be a living person ({reasons}). Try again, answering each prompt.")
        assert liveness.base is not None
        return liveness.base

    def _wait_for(self, pose: Prompt | None, base: Measure) -> tuple[Frame, Face]:
        """The first good frame in a pose."""
        began_s: float | None = None
        against: tuple[Reason, ...] = ()
        while True:
            frame, face, _ = self._next()
            began_s = frame.time_s if began_s is None else began_s
            hint = quality.hint_of(against) if pose is None else ""
            self._say(pose or hint or "look_here", frame.time_s, pose or "")
            if face is not None and self._is_in(pose, Measure.of(frame.time_s, face), base):
                angles = face.yaw, face.pitch, face.roll
                against = quality.assess(frame.image, face.landmarks, angles, self._settings.limits)
                if not against:
                    return frame, face
            if frame.time_s - began_s > self._settings.pose_within_s:
                grounds = ", ".join(str(reason) for reason in against) or "not taken up"
                raise EnrolmentError(f"pose {pose or 'frontal'} did not come ({grounds}). Start again.")

    def _is_in(self, pose: Prompt | None, now: Measure, base: Measure) -> bool:
        limits = self._settings
        turned, raised = now.yaw - base.yaw, now.pitch - base.pitch
        if pose in TURNS:
            into = turned if pose == "turn_left" else -turned
            return limits.turned[0] <= into <= limits.turned[1]
        if pose == "look_up":
            return limits.raised[0] <= raised <= limits.raised[1]
        ahead = abs(turned) <= limits.straight and abs(raised) <= limits.straight
        return ahead and (pose is None or now.size >= limits.nearer * base.size)

    def _next(self) -> tuple[Frame, Face | None, int]:
        frame = self._camera.read()
        if frame is None:
            raise EnrolmentError("the camera ended before enrolment did. Check the camera and start again.")
        self._now_s = frame.time_s
        scene = self._tracker.update(frame)
        if self._asked and scene.served is not None and scene.served.track != self._track:
            raise EnrolmentError("the person left or another came. Start again with one person alone.")
        return frame, scene.served, scene.others

    def _say(self, text: str, now_s: float, prompt: str = "") -> None:
        if text != self._shown:
            self._shown = text
            self._show(text)
            self._camera.tell(CameraEvent(now_s, "prompt", prompt))

    def _embed(self, frame: Frame, face: Face) -> NDArray[np.float32]:
        return self._embedder.embed(*cut(frame.image, face.box))
