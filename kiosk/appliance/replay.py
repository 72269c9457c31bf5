"""`hadir kiosk replay`: the ordinary loop on any camera, its decisions printed and none saved."""

from __future__ import annotations

import json
import random
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from kiosk.appliance.indicator import Indicator
from kiosk.appliance.running import clock_of
from kiosk.camera import Camera, open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.config import Pins
from kiosk.enrol.enrolment import enrol_from_photos
from kiosk.errors import EnrolmentError, GalleryError
from kiosk.liveness import LivenessSettings
from kiosk.matcher import Templates, calibrated
from kiosk.pad.light import LightSettings
from kiosk.recognition.embedder import DlibEmbedder, Embedder, InlineEmbedder
from kiosk.recognition.gallery import Site
from kiosk.station import Station, StationSettings
from kiosk.values import Decision

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".ppm", ".webp", ".tif", ".tiff"}
_FIRST_SHOTS = 8
_FIRST_SHOT_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """`gallery`: DIR/<identity>/photos; `first_s`: seconds of the clip that enrol the identity `first` instead."""

    camera: str
    gallery: Path | None
    first_s: float | None = None
    challenge: bool = True
    as_json: bool = False
    seed: int | None = None
    light: bool = False


def replay(options: ReplayOptions, out: TextIO, notes: TextIO) -> None:
    """Run the loop to the stream's end; decisions to `out`, what enrolment had to say to `notes`."""
    embedder = DlibEmbedder()
    enrolled: dict[str, NDArray[np.float32]] = {}
    if options.gallery is not None:
        enrolled = _enrol_folder(options.gallery, embedder, notes)
    camera = open_camera(options.camera)
    try:
        if options.first_s is not None:
            enrolled["first"] = _enrol_first(camera, embedder, options.first_s)
        _serve(camera, _templates(enrolled, embedder), embedder, options, out)
    finally:
        camera.close()


def _serve(camera: Camera, templates: Templates, embedder: Embedder, options: ReplayOptions, out: TextIO) -> None:
    started_s, cpu_s = time.perf_counter(), time.process_time()

    def show(decision: Decision) -> None:
        print(json.dumps(_line(decision)) if options.as_json else _sentence(decision), file=out, flush=True)

    def say_screen(text: str) -> None:
        if not options.as_json:
            print(f"         {text}", file=out, flush=True)

    tracker = FaceTracker()
    indicator = Indicator(Pins(), True, say_screen)
    clock = clock_of(camera)
    station = Station(
        camera,
        tracker,
        InlineEmbedder(lambda: embedder),
        indicator,
        clock,
        Site(templates=templates),
        settings=StationSettings(
            language="en",
            challenge=options.challenge,
            liveness=LivenessSettings(light=LightSettings() if options.light else None),
        ),
        rng=None if options.seed is None else random.Random(options.seed),  # noqa: S311  # only to repeat a run
        on_decision=show,
    )
    try:
        station.run()
    finally:
        indicator.close()
        tracker.close()
    seconds = time.perf_counter() - started_s
    cpu_s = time.process_time() - cpu_s
    frames = max(1, station.frames)
    summary = {
        "frames": station.frames,
        "seconds": round(seconds, 3),
        "fps": round(station.frames / seconds, 1),
        "cpu_s": round(cpu_s, 3),
        "cpu_ms_per_frame": round(1e3 * cpu_s / frames, 3),
        "embeddings": station.embeddings,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    if options.as_json:
        print(json.dumps({"summary": summary}), file=out, flush=True)
    else:
        print(", ".join(f"{name} {value}" for name, value in summary.items()), file=out, flush=True)


def _line(decision: Decision) -> dict[str, Any]:
    match = decision.match
    named = match is not None and match.outcome == "known"
    return {
        "time_s": round(decision.time_s, 3),
        "track": decision.track,
        "decision": decision.decision,
        "employee": match.person if match is not None and named else None,
        "distance": _rounded(match.distance) if match else None,
        "margin": _rounded(match.margin) if match else None,
        "liveness": decision.liveness.state,
        "reasons": [str(reason) for reason in decision.reasons or decision.liveness.reasons],
        "noted": [str(reason) for reason in decision.liveness.noted],
        "compute_ms": {name: round(ms, 2) for name, ms in decision.compute_ms.items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _sentence(decision: Decision) -> str:
    line = _line(decision)
    who = f" {line['employee']}" if line["employee"] else ""
    near = "" if line["distance"] is None else f", distance {line['distance']}"
    why = "".join(f"\n         - {reason}" for reason in line["reasons"])
    return f"{line['time_s']:7.2f}  {line['decision']}{who} (liveness {line['liveness']}{near}){why}"


def _enrol_folder(folder: Path, embedder: Embedder, notes: TextIO) -> dict[str, NDArray[np.float32]]:
    """Every identity that has at least one usable photo; each photo that was not usable is reported."""
    if not folder.is_dir():
        raise GalleryError(f"the gallery {folder} is no folder: give one that holds <identity>/<photos>")
    enrolled = {}
    for identity in sorted(path for path in folder.iterdir() if path.is_dir()):
        photos = sorted(path for path in identity.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
        try:
            enrolment = enrol_from_photos(photos, embedder)
        except EnrolmentError as error:
            print(f"{identity.name}: not enrolled: {error}", file=notes)
            continue
        for shot in enrolment.report:
            if shot.state != "ok":
                print(f"{identity.name}: {shot}", file=notes)
        enrolled[identity.name] = enrolment.templates
    if not enrolled:
        raise GalleryError(f"the gallery {folder} has nobody in it: give a folder that holds <identity>/<photos>")
    return enrolled


def _enrol_first(camera: Camera, embedder: Embedder, seconds: float) -> NDArray[np.float32]:
    """Templates of whoever is served in the clip's first seconds: the best frames that come."""
    tracker = FaceTracker()
    good: list[NDArray[np.float32]] = []
    poor: list[NDArray[np.float32]] = []
    try:
        for frame in _frames(camera, seconds):
            face = tracker.update(frame).served
            if face is None:
                continue
            shots = poor if face.quality else good
            if len(shots) < _FIRST_SHOTS:
                shots.append(embedder.embed(frame.image, face.box))
    finally:
        tracker.close()
    if not (good or poor):
        raise EnrolmentError(f"nobody is seen in the first {seconds:g} seconds of {camera.device}")
    return np.stack(good or poor)


def _frames(camera: Camera, seconds: float) -> Iterator[Any]:
    last_s = -_FIRST_SHOT_EVERY_S
    while (frame := camera.read()) is not None and frame.time_s < seconds:
        if frame.time_s - last_s >= _FIRST_SHOT_EVERY_S:
            last_s = frame.time_s
            yield frame


def _templates(enrolled: dict[str, NDArray[np.float32]], embedder: Embedder) -> Templates:
    counts = [len(rows) for rows in enrolled.values()]
    matrix = np.concatenate(list(enrolled.values())).astype(np.float32)
    owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    templates = Templates(matrix, owners, tuple(enrolled), embedder.identity)
    threshold, margin = calibrated(templates)
    return Templates(matrix, owners, tuple(enrolled), embedder.identity, threshold, margin)
