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

from kiosk.camera import open_camera
from kiosk.embedder import DlibEmbedder, EmbedderWorker
from kiosk.faces import FaceTracker
from kiosk.light import LightSettings
from kiosk.liveness import Liveness, LivenessSettings
from kiosk.values import CameraEvent, Frame

FRAMES, FPS, SIZE = 300, 30, (640, 360)
PEER_FRAMES = 20


def film(path: Path) -> list[Frame]:
    """300 frames of a clip at 640 x 360, from its start again when it is shorter."""
    reader = cv2.VideoCapture(str(path))
    pictures: list[NDArray[np.uint8]] = []
    while len(pictures) < FRAMES:
        ok, picture = reader.read()
        if not ok:
            break
        pictures.append(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA))
    looped = itertools.islice(itertools.cycle(pictures), FRAMES)
    return [Frame(picture, number / FPS, number) for number, picture in enumerate(looped)]


def ours(frames: list[Frame] | None) -> tuple[list[Frame], dict[str, float], str]:
    """Faces, liveness and embeddings as the station runs them; with None on a scene that answers."""
    camera = None if frames else open_camera(f"sim:person=10?seed=4&fps={FPS}&width={SIZE[0]}&height={SIZE[1]}")
    tracker, worker = FaceTracker(), EmbedderWorker(DlibEmbedder)
    settings = LivenessSettings(light=LightSettings())  # all there is: prompts, depth, light code, passive cues
    liveness = Liveness(settings, random.Random(4), 0.0)  # noqa: S311 - the same visit in every run
    spent, seen = {"faces": 0.0, "liveness": 0.0}, []
    embed_s, shots, shown, last_shot_s = 0.0, 0, "", -1.0
    for number in range(FRAMES):
        frame = frames[number] if frames else camera.read() if camera else None
        if frame is None:
            break
        seen.append(frame)
        began = time.process_time()
        scene = tracker.update(frame)
        middle = time.process_time()
        liveness.update(frame, scene.served, scene.others)
        spent["faces"] += middle - began
        spent["liveness"] += time.process_time() - middle
        face = scene.served
        if face is not None and (
            liveness.wants_shot(face) or (shots < 3 and not face.quality and frame.time_s - last_shot_s >= 0.15)
        ):
            shots, last_shot_s = shots + 1, frame.time_s
            worker.submit((face.track, number), frame.image, face.box)
        for embedding in worker.poll(1.0 if worker.pending else 0.0):
            embed_s += embedding.cpu_s
            if embedding.vector is not None:
                liveness.add_embedding(seen[embedding.key[1]].time_s, embedding.vector)
        if camera and (liveness.prompt or "") != shown:
            shown = liveness.prompt or ""
            camera.tell(CameraEvent(frame.time_s, "prompt", shown))
        if camera and liveness.light is not None:
            camera.tell(CameraEvent(frame.time_s, "light", f"{liveness.light:.2f}"))
    worker.close()
    tracker.close()
    per_frame = {name: 1e3 * seconds / len(seen) for name, seconds in spent.items()}
    per_frame["embeddings"] = 1e3 * embed_s / len(seen)
    per_frame["total"] = sum(per_frame.values())
    verdict = liveness.verdict.state if liveness.verdict else "none"
    return seen, per_frame | {"shots": shots}, verdict


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
    print(json.dumps({"frames": len(frames), "verdict": verdict, **rounded}))


if __name__ == "__main__":
    main()
