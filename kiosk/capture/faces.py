"""Faces in the camera's pictures: detection and mesh on every frame, tracks, and who of several is served."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from mediapipe.python.solutions import face_detection, face_mesh
from numpy.typing import NDArray

from kiosk.capture import geometry, quality
from kiosk.values import Face, Frame

Box = tuple[float, float, float, float]
Square = tuple[int, int, int]
"""x, y, side; may reach beyond the picture, which is black there."""

_VIEW = 320
"""Squares larger than this many pixels are shrunk to it: what detector and mesh take in is smaller still."""
_VIEW_FACES = 3.0
# Of left, middle and right of a wide picture (top, middle, bottom of a tall one) the middle is searched most.
_ORDER = (1, 0, 1, 2)

_LANDMARK = np.dtype(
    [("header", "V2"), ("tag_x", "V1"), ("x", "<f4"), ("tag_y", "V1"), ("y", "<f4"), ("tag_z", "V1"), ("z", "<f4")]
)
_BROWS = np.array((70, 105, 107, 336, 334, 300))


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """How faces are sought. Times in seconds."""

    detect_every_s: float = 0.2
    """While a face is tracked: how often a part of the picture is searched for others."""
    idle_detect_every_s: float = 0.1
    """The same when nobody has been there for `idle_after_s`."""
    idle_after_s: float = 2.0
    lost_after_s: float = 0.6
    """A face gone longer than this comes back as a new track."""
    too_close_to_choose: float = 0.8
    """Second person's claim over the first's from which nobody is served."""
    least_other: float = 0.5
    """Faces narrower than this share of the served one are far behind, on a wall or a badge: not counted."""
    limits: quality.QualityLimits = field(default=quality.RECOGNITION)


@dataclass(frozen=True, slots=True)
class Scene:
    """What one frame shows. `served`: the nearest and most central face, None when nobody is there or two are
    too close to choose. `others`: further faces seen, never embedded. `hint`: what to tell the person."""

    served: Face | None
    others: int
    hint: str = ""


class _InThisThread:
    """A mediapipe solution whose graph runs in the thread that asks: its own threads, one a core, hand each step of one
    picture to each other, which costs a fifth of the processor time and gains nothing."""

    def _initialize_graph_interface(self, *graph: Any) -> Any:
        config = super()._initialize_graph_interface(*graph)  # type: ignore[misc]
        del config.executor[:]
        config.executor.add(name="", type="ApplicationThreadExecutor")
        return config


class _Detector(_InThisThread, face_detection.FaceDetection):
    pass


class _Mesh(_InThisThread, face_mesh.FaceMesh):
    pass


class FaceTracker:
    """One per camera session; frames come in the order of their times.

    The detector sees squares of the picture in turn: its 128 x 128 input would lose half of its reach to the
    borders of a wide picture. The mesh sees a square around the served face only, and so follows nobody else.
    """

    def __init__(self, settings: FaceSettings = FaceSettings()) -> None:
        self._settings = settings
        # OpenCV's own threads cost more than they bring at these sizes, and the embedder needs the core.
        cv2.setNumThreads(1)
        black = np.zeros((_VIEW, _VIEW, 3), np.uint8)
        with silent_stderr():
            self._detector = _Detector(model_selection=0, min_detection_confidence=0.6)
            # The refined mesh alone closes its eyelids in a blink (measured: .05 against .17 without).
            self._mesh = _Mesh(max_num_faces=1, refine_landmarks=True)
            self._detector.process(black)
            self._mesh.process(black)
        self._mesh_spoke = False
        self._turn = 0
        self._detected_s = -np.inf
        self._seen: dict[int, tuple[float, list[Box]]] = {}
        self._view: Square | None = None
        self._tracking = False
        self._track = 0
        self._last: Box | None = None
        self._last_s = -np.inf

    def update(self, frame: Frame) -> Scene:
        """Find, track and measure the served face of `frame`."""
        self._tracking &= frame.time_s - self._last_s <= self._settings.lost_after_s
        if frame.time_s - self._detected_s >= self._detection_interval(frame.time_s):
            self._detect(frame)
        held = self._last if self._tracking else None
        others = self._others(held, frame.time_s)
        chosen, rivals, undecided = self._choose(held, others, frame.image.shape[1])
        self._tracking = False
        if undecided or chosen is None:
            return Scene(None, len(others) + (held is not None), "one_person" if undecided else "")
        landmarks = self._landmarks(frame.image, chosen)
        if landmarks is None or not _same_place(_box(landmarks), chosen):
            return Scene(None, len(rivals))
        self._tracking = True
        face = self._face(frame, landmarks)
        return Scene(face, len(rivals), quality.hint_of(face.quality))

    def close(self) -> None:
        """Release the graphs."""
        self._mesh.close()
        self._detector.close()

    def _detection_interval(self, now_s: float) -> float:
        if self._tracking:
            return self._settings.detect_every_s
        idle = now_s - self._last_s > self._settings.idle_after_s
        return self._settings.idle_detect_every_s if idle else 0.0

    def _detect(self, frame: Frame) -> None:
        """Search the next square; what was seen in it before is forgotten."""
        height, width = frame.image.shape[:2]
        squares = _squares(width, height)
        number = _ORDER[self._turn % len(_ORDER)] if len(squares) > 1 else 0
        self._turn += 1
        self._detected_s = frame.time_s
        square = squares[number]
        found = self._detector.process(_look(frame.image, square)).detections or []
        boxes = (detection.location_data.relative_bounding_box for detection in found)
        x, y, side = square
        self._seen[number] = (
            frame.time_s,
            [(x + b.xmin * side, y + b.ymin * side, b.width * side, b.height * side) for b in boxes],
        )

    def _others(self, held: Box | None, now_s: float) -> list[Box]:
        """Faces seen lately besides the held one, each once, the newest sighting of it."""
        memory_s = 5 * max(self._detection_interval(now_s), 0.04)
        kept: list[Box] = []
        for seen_s, boxes in sorted(self._seen.values(), key=lambda seen: -seen[0]):
            if now_s - seen_s <= memory_s:
                known = kept + ([] if held is None else [held])
                kept += [box for box in boxes if not any(_same_place(box, other) for other in known)]
        return kept

    def _choose(self, held: Box | None, others: list[Box], width: int) -> tuple[Box | None, list[Box], bool]:
        """The box to serve, the rest, and whether two are too close to choose between."""

        def claim(box: Box) -> float:
            off_centre = abs(box[0] + box[2] / 2 - width / 2) / (width / 2)
            return box[2] * (1.0 - 0.5 * min(off_centre, 1.0))

        everyone = sorted(([] if held is None else [held]) + others, key=claim, reverse=True)
        if not everyone:
            return None, [], False
        first = everyone[0]
        rest = [box for box in everyone[1:] if box[2] >= self._settings.least_other * first[2]]
        undecided = bool(rest) and claim(rest[0]) >= self._settings.too_close_to_choose * claim(first)
        return first, rest, undecided

    def _landmarks(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float32] | None:
        """478 x 3 landmarks in pixels of `image`, or None."""
        moved = self._view is None or not _fits(box, self._view)
        if moved or self._view is None:
            self._view = _square_around(box)
        x, y, side = self._view
        picture = _look(image, self._view)
        # Mediapipe's first face makes it write a warning about its own graph.
        with contextlib.nullcontext() if self._mesh_spoke else silent_stderr():
            found = self._mesh.process(picture).multi_face_landmarks
            if not found:
                # It first looked where the face was in the old view; now it detects.
                found = self._mesh.process(picture).multi_face_landmarks
        if not found:
            self._view = None
            return None
        self._mesh_spoke = True
        return _points(found[0]) * np.float32(side) + np.array((x, y, 0), np.float32)

    def _face(self, frame: Frame, landmarks: NDArray[np.float32]) -> Face:
        box = _box(landmarks)
        if self._last is None or not self._continues(box, frame.time_s):
            self._track += 1
        self._last, self._last_s = box, frame.time_s
        angles = geometry.head_angles(landmarks)
        right, left = geometry.eye_centres(landmarks)
        return Face(
            track=self._track,
            box=(round(box[0]), round(box[1]), round(box[2]), round(box[3])),
            landmarks=landmarks,
            yaw=angles[0],
            pitch=angles[1],
            roll=angles[2],
            eyes_open=min(geometry.eye_aspect_ratios(landmarks)),
            inter_eye_px=float(np.linalg.norm(left - right)),
            quality=quality.assess(frame.image, landmarks, angles, self._settings.limits),
        )

    def _continues(self, box: Box, now_s: float) -> bool:
        """Whether `box` can be the last face after the time that passed: who walks past does five widths of a
        face a second, and a face grows by half in one."""
        assert self._last is not None
        gone_s = now_s - self._last_s
        if gone_s > self._settings.lost_after_s:
            return False
        x, y, w, h = self._last
        moved = np.hypot(box[0] + box[2] / 2 - x - w / 2, box[1] + box[3] / 2 - y - h / 2) / w
        grown = abs(np.log(box[3] / h))
        return bool(moved <= 0.4 + 5.0 * gone_s and grown <= 0.25 + 0.5 * gone_s)


def _box(landmarks: NDArray[np.float32]) -> Box:
    """The face from brows to chin and from side to side, x, y, width, height."""
    x0, x1 = landmarks[geometry.OVAL, 0].min(), landmarks[geometry.OVAL, 0].max()
    y0, y1 = landmarks[_BROWS, 1].min(), landmarks[geometry.OVAL, 1].max()
    return float(x0), float(y0), float(max(x1 - x0, 1.0)), float(max(y1 - y0, 1.0))


def _points(landmarks: Any) -> NDArray[np.float32]:
    """A NormalizedLandmarkList as n x 3. Read from its bytes, where each landmark is the same 17 of them (two of
    a header, then a tag and a float each for x, y, z): a tenth of the time of its 1,434 attributes."""
    message = landmarks.SerializeToString()
    if len(message) != len(landmarks.landmark) * _LANDMARK.itemsize:
        return np.array([(p.x, p.y, p.z) for p in landmarks.landmark], np.float32)
    rows = np.frombuffer(message, _LANDMARK)
    return np.stack((rows["x"], rows["y"], rows["z"]), axis=1)


def _squares(width: int, height: int) -> list[Square]:
    """The squares that are searched in turn: the whole of a squarish picture, else both ends and the middle."""
    side, slack = min(width, height), abs(width - height)
    if slack <= side / 4:
        longer = max(width, height)
        return [((width - longer) // 2, (height - longer) // 2, longer)]
    steps = (0, slack // 2, slack)
    return [(at, 0, side) if width > height else (0, at, side) for at in steps]


def _square_around(box: Box) -> Square:
    side = _VIEW_FACES * max(box[2], box[3])
    return round(box[0] + (box[2] - side) / 2), round(box[1] + (box[3] - side) / 2), round(side)


def _fits(box: Box, view: Square) -> bool:
    """Whether the face is still in the middle of the view and neither small nor large in it."""
    x, y, side = view
    size = max(box[2], box[3]) / side
    off_x = abs(box[0] + box[2] / 2 - x - side / 2) / side
    off_y = abs(box[1] + box[3] / 2 - y - side / 2) / side
    return 0.2 <= size <= 0.55 and max(off_x, off_y) <= 0.2


def _look(image: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """The square of a BGR picture as RGB, at most _VIEW pixels wide, black where it leaves the picture."""
    x, y, side = square
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
    part = image[y0:y1, x0:x1]
    if (x1 - x0, y1 - y0) != (side, side):
        part = cv2.copyMakeBorder(part, y0 - y, y + side - y1, x0 - x, x + side - x1, cv2.BORDER_CONSTANT)
    if side > _VIEW:
        part = cv2.resize(part, (_VIEW, _VIEW), interpolation=cv2.INTER_LINEAR)
    return cv2.cvtColor(part, cv2.COLOR_BGR2RGB)


def _same_place(a: Box, b: Box) -> bool:
    """Whether either box's centre lies in the other box."""

    def inside(p: Box, q: Box) -> bool:
        x, y = p[0] + p[2] / 2, p[1] + p[3] / 2
        return q[0] <= x <= q[0] + q[2] and q[1] <= y <= q[1] + q[3]

    return inside(a, b) or inside(b, a)


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Mediapipe and its libraries write notices to file descriptor 2 before any log level can be set."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
