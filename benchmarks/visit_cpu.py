"""Processor time of a ten-second visit, every stage included, against face_recognition on the same frames: whole ones,
and as its faster webcam example takes them (every second one, at a quarter of its size).

Usage: python -m benchmarks.visit_cpu [CLIP]   (without a clip: the simulated visitor)
Prints one JSON object; times are CPU milliseconds a frame, worker included, in one run.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.queue import among_strangers
from kiosk.appliance.indicator import Indicator
from kiosk.camera import Camera, open_camera
from kiosk.capture.faces import FaceTracker, Scene
from kiosk.clock import FrameClock
from kiosk.config import Pins
from kiosk.liveness import LivenessSettings
from kiosk.matcher import Templates
from kiosk.pad.light import LightSettings
from kiosk.recognition.embedder import DlibEmbedder, EmbedderWorker, Embedding, cut
from kiosk.recognition.gallery import Site
from kiosk.station import Station, StationSettings
from kiosk.values import CameraEvent, Frame

FRAMES, FPS, SIZE = 300, 30, (640, 360)
PEER_FRAMES = 20


def film(path: Path) -> list[Frame]:
    """300 frames of a clip fitted into 640 x 360, black beside it, from its start again when it is shorter."""
    reader = cv2.VideoCapture(str(path))
    pictures: list[NDArray[np.uint8]] = []
    while len(pictures) < FRAMES:
        ok, picture = reader.read()
        if not ok:
            break
        pictures.append(_fitted(picture))
    looped = itertools.islice(itertools.cycle(pictures), FRAMES)
    return [Frame(picture, number / FPS, number) for number, picture in enumerate(looped)]


def _fitted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """In its own proportions: neither detector knows faces that are drawn out."""
    height, width = picture.shape[:2]
    scale = min(SIZE[0] / width, SIZE[1] / height)
    small = cv2.resize(picture, (round(scale * width), round(scale * height)), interpolation=cv2.INTER_AREA)
    down, across = SIZE[1] - small.shape[0], SIZE[0] - small.shape[1]
    sides = (down // 2, down - down // 2, across // 2, across - across // 2)
    return np.asarray(cv2.copyMakeBorder(small, *sides, cv2.BORDER_CONSTANT), np.uint8)


class Counted(EmbedderWorker):
    """The product's worker; `cpu_s`: what its process spent on what it answered."""

    cpu_s = 0.0
    answers = 0

    def poll(self, timeout_s: float = 0.0) -> list[Embedding]:
        """As the worker's."""
        found = super().poll(timeout_s)
        self.cpu_s += sum(embedding.cpu_s for embedding in found)
        self.answers += len(found)
        return found


class Timed(FaceTracker):
    """The product's tracker; `cpu_s`: processor time of this process in it."""

    cpu_s = 0.0

    def update(self, frame: Frame) -> Scene:
        """As the tracker's."""
        began = time.process_time()
        scene = super().update(frame)
        self.cpu_s += time.process_time() - began
        return scene


class Staying:
    """A scene in which nobody sees the lamp's answer, so that whoever came stays to the end."""

    kind, device, live, start_wall_ms = "sim", "", False, None

    def __init__(self, url: str) -> None:
        self._scene = open_camera(url)
        self.read, self.close = self._scene.read, self._scene.close

    def tell(self, event: CameraEvent) -> None:
        """Pass on all but the lamp."""
        if event.event != "lamp":
            self._scene.tell(event)


class Film:
    """Frames at hand as a camera that answers nothing."""

    kind, device, live, start_wall_ms = "file", "", False, None

    def __init__(self, frames: list[Frame]) -> None:
        self._frames = iter(frames)

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """The next frame."""
        return next(self._frames, None)

    def tell(self, event: CameraEvent) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing to release."""


def templates_of(frames: list[Frame]) -> Templates:
    """Whoever is well seen in some of the frames, among random strangers."""
    engine, tracker = DlibEmbedder(), FaceTracker()
    own = []
    for frame in frames:
        face = tracker.update(frame).served
        if face is not None and not face.quality and frame.number % 5 == 0 and len(own) < 5:
            own.append(engine.embed(*cut(frame.image, face.box)))
    tracker.close()
    return among_strangers([np.stack(own)], engine.identity)


def ours(frames: list[Frame] | None) -> tuple[list[Frame], dict[str, float], str]:
    """The station, everything included, through ten seconds; with None of a scene that answers."""
    url = f"sim:person={FRAMES // FPS + 1}?seed=4&fps={FPS}&width={SIZE[0]}&height={SIZE[1]}"
    watched = frames or list(iter(open_camera(url).read, None))
    camera: Camera = Film(frames) if frames else Staying(url)
    tracker, worker, decided = Timed(), Counted(DlibEmbedder), []
    indicator = Indicator(Pins(), True, lambda text: None)
    station = Station(
        camera,
        tracker,
        worker,
        indicator,
        FrameClock(0),
        Site(templates=templates_of(watched)),
        settings=StationSettings(liveness=LivenessSettings(light=LightSettings())),
        rng=random.Random(4),  # noqa: S311 - the same visit in every run
        on_decision=decided.append,
    )
    seen, spent_s = [], 0.0
    while len(seen) < FRAMES and (frame := camera.read()) is not None:
        began = time.process_time()
        station.step(frame)
        spent_s += time.process_time() - began
        seen.append(frame)
    for one in (camera, worker, tracker, indicator):
        one.close()
    seconds = {"faces": tracker.cpu_s, "liveness and the rest": spent_s - tracker.cpu_s, "embeddings": worker.cpu_s}
    per_frame = {name: 1e3 * value / len(seen) for name, value in seconds.items()}
    per_frame["total"] = sum(per_frame.values())
    verdict = decided[-1].decision if decided else "none"
    return seen, per_frame | {"shots": worker.answers}, verdict


def peer(frames: list[Frame], scale: float = 1.0, every: int = 1) -> tuple[float, float]:
    """face_recognition's detection and embedding at `scale`, one frame in `every`: CPU milliseconds a frame,
    measured on some of them; and in what share of those it found a face."""
    import face_recognition

    chosen = frames[:: max(len(frames) // PEER_FRAMES, 1)]
    found = 0
    began = time.process_time()
    for frame in chosen:
        picture = cv2.resize(frame.image, None, fx=scale, fy=scale)
        found += bool(face_recognition.face_encodings(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)))
    return 1e3 * (time.process_time() - began) / len(chosen) / every, found / len(chosen)


def main() -> None:
    """Measure both and print them."""
    clip = film(Path(sys.argv[1])) if len(sys.argv) > 1 else None
    frames, figures, verdict = ours(clip)
    (theirs, _), (quarter, seen) = peer(frames), peer(frames, 0.25, 2)
    rounded = {name: round(v, 2) if isinstance(v, float) else v for name, v in figures.items()}
    rounded |= {"face_recognition": round(theirs, 1), "ratio": round(theirs / figures["total"], 1)}
    rounded |= {"quarter_size": round(quarter, 1), "ratio_quarter": round(quarter / figures["total"], 1)}
    rounded |= {"quarter_size_finds_a_face": round(seen, 2)}
    print(json.dumps({"frames": len(frames), "decided": verdict, **rounded}))


if __name__ == "__main__":
    main()
