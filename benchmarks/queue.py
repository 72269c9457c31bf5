"""A morning's queue before one kiosk, green lamp to green lamp: python -m benchmarks.queue [PEOPLE [MACHINE]]   (200 by
default, and all machines).

Rendered people, five faces in turn, step up one behind the other as the one before turns away, answer with a person's
delays, look at the lamp and leave; every fortieth answers nothing for nine seconds and goes, as often as a kiosk
at its goal of 3 % refuses somebody living. The station, its liveness and its
embeddings are the product's; time is the camera's. An embedding is there once the machine named would have it, frames
come as fast as it would take them: processor time measured here, times the machine's factor.
"""

from __future__ import annotations

import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kiosk.appliance.indicator import Indicator
from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import look_at
from kiosk.clock import FrameClock
from kiosk.config import Pins
from kiosk.liveness import LivenessSettings
from kiosk.matcher import Templates
from kiosk.pad.light import LightSettings
from kiosk.recognition.embedder import Box, DlibEmbedder, Embedding, Key, cut
from kiosk.recognition.gallery import Site
from kiosk.station import Station, StationSettings
from kiosk.values import CameraEvent, Decision, Frame

MACHINES = {"this machine": 1.0, "Pi 5 (estimate)": 2.0, "Pi 4 (estimate)": 4.6}
"""Times slower than a core here, taken from published figures of other machines: a Pi 5 at half of a server's x86 core,
and at 2.3 times a Pi 4 (sysbench, one thread, 1,847 against 812 events/s)."""
FPS, FAILS_EVERY = 30.0, 40
FACES = ("person", *(f"stranger:{number}" for number in range(4)))
STRANGERS = 500


class Watched:
    """The scene as a live camera: nothing waits for the embedder. Notes when something was first asked of a person."""

    kind, live, start_wall_ms = "sim", True, None

    def __init__(self, url: str) -> None:
        self._scene = open_camera(url)
        self.device = self._scene.device
        self.now_s = 0.0
        self.asked_s: float | None = None

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """The next frame."""
        frame = self._scene.read()
        self.now_s = self.now_s if frame is None else frame.time_s
        return frame

    def tell(self, event: CameraEvent) -> None:
        """Pass it on to the scene."""
        if event.event == "prompt" and event.value and self.asked_s is None:
            self.asked_s = event.time_s
        self._scene.tell(event)

    def close(self) -> None:
        """End the scene."""
        self._scene.close()


class Delayed:
    """An embedder whose answers come when a machine would have them, one after the other."""

    identity = DlibEmbedder.identity

    def __init__(self, engine: DlibEmbedder, camera: Watched, each_s: float) -> None:
        self._engine, self._camera, self._each_s = engine, camera, each_s
        self._free_s = 0.0
        self.spent_s = 0.0
        self._coming: deque[tuple[float, Embedding]] = deque()

    @property
    def pending(self) -> int:
        """Answers to come."""
        return len(self._coming)

    def submit(self, key: Key, image: NDArray[np.uint8], box: Box) -> None:
        """Embed; the answer is due once what was submitted before is done."""
        began = time.process_time()
        vector = self._engine.embed(*cut(image, box))
        self.spent_s += time.process_time() - began
        self._free_s = max(self._free_s, self._camera.now_s) + self._each_s
        self._coming.append((self._free_s, Embedding(key, vector, 1e3 * self._each_s, self._each_s)))

    def poll(self, timeout_s: float = 0.0) -> list[Embedding]:
        """Answers that are due."""
        due = []
        while self._coming and self._coming[0][0] <= self._camera.now_s:
            due.append(self._coming.popleft()[1])
        return due

    def close(self) -> None:
        """Nothing to release."""


@dataclass
class Morning:
    """Seconds between greens, and of their parts: from the last green until the next person is seen well, until
    something is asked of that person, until the lamp is green. `others`: visits without a green lamp."""

    cycles: list[float] = field(default_factory=list)
    walk_up: list[float] = field(default_factory=list)
    recognised: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    others: int = 0


def morning(
    people: int, each_s: float, fps: float, engine: DlibEmbedder, templates: Templates
) -> tuple[Morning, float]:
    """One queue; and processor seconds that a frame took without rendering and embedding."""
    faces = (f"{FACES[n % len(FACES)]}=20" for n in range(people))
    acts = ",".join("still=9" if n % FAILS_EVERY == FAILS_EVERY - 1 else face for n, face in enumerate(faces))
    camera = Watched(f"sim:{acts}?seed=7&fps={fps:.3f}&gap=-1&width=640&height=480")
    found, last_s = Morning(), None

    def decided(decision: Decision) -> None:
        nonlocal last_s
        if decision.decision != "granted":
            found.others += 1
            camera.asked_s = None
            return
        if last_s is not None:
            asked_s = decision.time_s if camera.asked_s is None else camera.asked_s
            found.cycles.append(decision.time_s - last_s)
            found.walk_up.append(decision.presented_s - last_s)
            found.recognised.append(asked_s - decision.presented_s)
            found.answered.append(decision.time_s - asked_s)
        last_s, camera.asked_s = decision.time_s, None

    embedder = Delayed(engine, camera, each_s)
    tracker, indicator = FaceTracker(), Indicator(Pins(), True, lambda text: None)
    station = Station(
        camera,
        tracker,
        embedder,  # type: ignore[arg-type]
        indicator,
        FrameClock(0),
        Site(templates=templates),
        settings=StationSettings(language="en", liveness=LivenessSettings(light=LightSettings())),
        rng=random.Random(7),  # noqa: S311  # only to repeat a run
        on_decision=decided,
    )
    frames, spent_s = 0, 0.0
    try:
        while (frame := camera.read()) is not None:
            began = time.process_time()
            station.step(frame)
            spent_s += time.process_time() - began
            frames += 1
    finally:
        camera.close()
        indicator.close()
        tracker.close()
    return found, (spent_s - embedder.spent_s) / max(frames, 1)


def enrolled(engine: DlibEmbedder) -> Templates:
    """The rendered people, as frames show them, among random strangers."""
    tracker, own = FaceTracker(), []
    for act in FACES:
        camera = open_camera(f"sim:{act}=4?seed=3&fps=5")
        frames = [frame for frame in iter(camera.read, None) if 2.0 < frame.time_s < 3.0]
        stills = [look_at(frame.image, number, tracker) for number, frame in enumerate(frames)]
        seen = [(one.picture, one.face.box) for one in stills if one.face and one.picture is not None]
        own.append(np.stack([engine.embed(*cut(picture, box)) for picture, box in seen]))
        camera.close()
    tracker.close()
    return among_strangers(own, engine.identity)


def among_strangers(own: Sequence[NDArray[np.float32]], embedder: str) -> Templates:
    """The templates of some people, n x d each, among those of random strangers."""
    others = own[0][0] + np.random.default_rng(1).normal(0.0, 0.08, (STRANGERS, own[0].shape[1])).astype(np.float32)
    owners = [number for number, rows in enumerate(own) for _ in rows]
    owners += range(len(own), len(own) + STRANGERS)
    names = tuple(f"{n:032x}" for n in range(len(own) + STRANGERS))
    return Templates(np.concatenate((*own, others)), np.array(owners, np.int32), names, embedder)


def main(people: int, chosen: str = "") -> None:
    """Print median and 95th percentile for each machine."""
    engine = DlibEmbedder()
    templates = enrolled(engine)
    picture = (np.random.default_rng(2).random((420, 420, 3)) * 255).astype(np.uint8)
    began = time.process_time()
    for _ in range(5):
        engine.embed(picture, (100, 100, 220, 220))
    embed_s = (time.process_time() - began) / 5
    _, frame_s = morning(2, 0.0, FPS, engine, templates)
    print(f"one embedding {1e3 * embed_s:.0f} ms, one frame {1e3 * frame_s:.0f} ms of processor time here")
    for name, factor in MACHINES.items():
        if not name.startswith(chosen):
            continue
        fps = min(FPS, 1.0 / (factor * frame_s))
        found, _ = morning(people, factor * embed_s, fps, engine, templates)
        parts = {
            "walking up": found.walk_up,
            "recognised": found.recognised,
            "answering": found.answered,
        }
        split = ", ".join(f"{part} {np.median(values):.1f}" for part, values in parts.items())
        median, late = np.quantile(found.cycles, (0.5, 0.95))
        print(
            f"{name}: {len(found.cycles) + 1} green of {people}, {found.others} other answers; green to green median "
            f"{median:.1f} s, p95 {late:.1f} s ({split} s in the median); embedding {1e3 * factor * embed_s:.0f} ms, "
            f"{fps:.0f} frames/s"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, *sys.argv[2:3])
