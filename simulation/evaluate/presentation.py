"""One presentation before the shipped station: a living person or an attacker comes once, answers, and goes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kiosk.camera import open_camera
from kiosk.clock import FrameClock
from kiosk.config import Pins
from kiosk.embedder import DlibEmbedder, InlineEmbedder
from kiosk.faces import FaceTracker
from kiosk.gallery import Site
from kiosk.indicator import Indicator
from kiosk.light import LightSettings
from kiosk.liveness import LivenessSettings
from kiosk.matcher import Templates
from kiosk.station import Station, StationSettings
from kiosk.values import Decision

_ENROLLED = "enrolled"
_STAYS_S = 16
_ENROLMENT_SEED = 900
_TEMPLATES = 5


@dataclass(frozen=True, slots=True)
class Presentation:
    """`species`: an act of `sim:`, "person" for the living. `face`: "" or "stranger:N", who is enrolled and shown.
    `lamp`: whether the kiosk plays its light code. `options`: further ones of `sim:`, as in "&fps=10"."""

    species: str
    seed: int
    face: str = ""
    lamp: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`granted`: whether any decision of the presentation was. `seconds`: from the first good frame to it, or to the
    last decision. `decisions`: each one, with the first reason's name."""

    presentation: Presentation
    granted: bool
    seconds: float
    decisions: tuple[str, ...]


def present(shown: Presentation) -> Outcome:
    """Let it come before a station with the shipped settings, a gallery of the one person, and no journal."""
    face = f"&face={shown.face}" if shown.face else ""
    camera = open_camera(f"sim:{shown.species}={_STAYS_S}?seed={shown.seed}{face}{shown.options}")
    decisions: list[Decision] = []
    tracker, indicator = FaceTracker(), Indicator(Pins(), True, lambda text: None)
    station = Station(
        camera,
        tracker,
        InlineEmbedder(_embedder),
        indicator,
        FrameClock(0),
        Site(templates=_enrolled(shown.face)),
        settings=StationSettings(liveness=LivenessSettings(light=LightSettings() if shown.lamp else None)),
        rng=random.Random(shown.seed),
        on_decision=decisions.append,
    )
    try:
        station.run()
    finally:
        indicator.close()
        tracker.close()
        camera.close()
    granted = [decision for decision in decisions if decision.decision == "granted"]
    ending = (granted or decisions)[-1:]
    return Outcome(
        shown,
        bool(granted),
        round(ending[0].time_s - ending[0].presented_s, 2) if ending else 0.0,
        tuple(_said(decision) for decision in decisions),
    )


def _said(decision: Decision) -> str:
    if decision.decision == "granted" or not decision.reasons:
        return decision.decision
    return f"{decision.decision}: {decision.reasons[-1].name}"


@lru_cache(maxsize=1)
def _embedder() -> DlibEmbedder:
    return DlibEmbedder()


@lru_cache(maxsize=8)
def _enrolled(face: str) -> Templates:
    """Templates from another visit of the same person, who looks ahead."""
    chosen = f"&face={face}" if face else ""
    camera = open_camera(f"sim:person=8?seed={_ENROLMENT_SEED}&prompts=off{chosen}")
    tracker = FaceTracker()
    rows: list[NDArray[np.float32]] = []
    try:
        while len(rows) < _TEMPLATES and (frame := camera.read()) is not None:
            seen = tracker.update(frame).served
            if seen is not None and not seen.quality and frame.number % 6 == 0:
                rows.append(_embedder().embed(frame.image, seen.box))
    finally:
        tracker.close()
        camera.close()
    return Templates(np.stack(rows), np.zeros(len(rows), np.int32), (_ENROLLED,), _embedder().identity)
