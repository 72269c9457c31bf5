"""One presentation before the shipped station: a living person or an attacker comes once, answers, and goes."""

from __future__ import annotations

import random
import shlex
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kiosk.appliance.indicator import Indicator
from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.clock import FrameClock
from kiosk.config import Pins
from kiosk.liveness import LivenessSettings
from kiosk.matcher import Templates
from kiosk.pad.light import LightSettings
from kiosk.recognition.embedder import DlibEmbedder, InlineEmbedder
from kiosk.recognition.gallery import Site
from kiosk.station import Station, StationSettings
from kiosk.values import Decision

STILL_ON = ("phone", "tablet", "laptop")
_ACTS = dict.fromkeys(STILL_ON, "screen") | {"copy": "relay"}
"""Species by the name that `sim:` has for them, where that is another."""
_ENROLLED = "enrolled"
_STAYS_S = 16
_ENROLMENT_SEED = 900
_TEMPLATES = 5
_GLASSES = "&glasses=on"


@dataclass(frozen=True, slots=True)
class Presentation:
    """`species`: of `instruments.SPECIES`, or "person" for the living, and its `variant` (0: its own default). `face`:
    "", "stranger:N" or a portrait's path, who is enrolled and shown, with `skin` as in `sim:`. `lamp`: whether the
    kiosk plays its light code. `options`: further ones of `sim:`, as in "&fps=10". `kind`: what they stand for in
    tables. `command`: an `exec:` URL that takes the scene's place; {seed} and {face} in it are filled in."""

    species: str
    seed: int
    face: str = ""
    lamp: bool = False
    options: str = ""
    variant: int = 0
    command: str = ""
    skin: float = 1.0
    kind: str = ""

    @property
    def camera(self) -> str:
        """The URL of what is shown."""
        if self.command:
            return self.command.replace("{seed}", str(self.seed)).replace("{face}", shlex.quote(self.face))
        act = _ACTS.get(self.species, self.species)
        act += f":{self.variant}" if self.variant else ""
        return f"sim:{act}={_STAYS_S}?seed={self.seed}{_who(self.face, self.skin)}{self.options}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`granted`: whether any decision of the presentation was. `seconds`: from the first good frame to it, or to the
    last decision. `decisions`: each one, with the last reason's name. `state`: of liveness in the granting or last
    decision, "" when nothing was decided. `measured`: there, each number against its threshold."""

    presentation: Presentation
    granted: bool
    seconds: float
    decisions: tuple[str, ...]
    state: str = ""
    measured: dict[str, tuple[float, float | None]] = field(default_factory=dict)


def present(shown: Presentation) -> Outcome:
    """Let it come before a station with the shipped settings, a gallery of the one person, and no journal."""
    camera = open_camera(shown.camera)
    decisions: list[Decision] = []

    def decide(decision: Decision) -> None:
        decisions.append(decision)
        station.stopping = decision.decision == "granted"  # what comes after is farewell

    tracker, indicator = FaceTracker(), Indicator(Pins(), True, lambda text: None)
    station = Station(
        camera,
        tracker,
        InlineEmbedder(_embedder),
        indicator,
        FrameClock(0),
        Site(templates=_enrolled(shown.face, shown.skin, _GLASSES if _GLASSES in shown.options else "")),
        settings=StationSettings(liveness=LivenessSettings(light=LightSettings() if shown.lamp else None)),
        rng=random.Random(shown.seed),
        on_decision=decide,
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
        ending[0].liveness.state if ending else "",
        _measured(ending[0]) if ending else {},
    )


def _measured(decision: Decision) -> dict[str, tuple[float, float | None]]:
    reasons = (*decision.liveness.noted, *decision.liveness.reasons)
    return {reason.name: (reason.value, reason.threshold) for reason in reasons if reason.value is not None}


def _said(decision: Decision) -> str:
    if decision.decision == "granted" or not decision.reasons:
        return decision.decision
    return f"{decision.decision}: {decision.reasons[-1].name}"


@lru_cache(maxsize=1)
def _embedder() -> DlibEmbedder:
    return DlibEmbedder()


def _who(face: str, skin: float) -> str:
    return (f"&face={face}" if face else "") + (f"&skin={skin:g}" if skin != 1.0 else "")


@lru_cache(maxsize=32)
def _enrolled(face: str, skin: float, worn: str) -> Templates:
    """Templates from another visit of the same person, who looks ahead in good light, with the spectacles that are
    `worn` every day."""
    camera = open_camera(f"sim:person=8?seed={_ENROLMENT_SEED}&prompts=off{_who(face, skin)}{worn}")
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
