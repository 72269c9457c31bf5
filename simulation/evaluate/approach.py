"""`hadir evaluate approach`: the perspective of coming closer, of rendered people and of what is flat or bent."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from kiosk.camera import open_camera
from kiosk.capture import geometry
from kiosk.capture.faces import FaceTracker
from kiosk.liveness import LivenessSettings
from kiosk.pad.approach import Approach
from kiosk.values import CameraEvent
from simulation.evaluate.captures import positive
from simulation.evaluate.instruments import LIVING, identities, plan
from simulation.evaluate.presentation import Presentation

_SPECIES = (LIVING, "print", "phone", "tablet", "laptop", "bent", "cutout")
_ASKED_S, _GIVEN_UP_S, _AHEAD_DEG, _FPS = 2.5, 9.0, 8.0, 15.0


def main(arguments: Sequence[str]) -> int:
    """Print what coming closer left of each kind, against the shipped bound."""
    parser = argparse.ArgumentParser(
        prog="hadir evaluate approach",
        description="Rendered people and attacks are asked to come closer: their perspective, as a kiosk measures it.",
        epilog="example:\n  hadir evaluate approach --each 14 --faces people/",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--each", type=positive, default=14, metavar="N", help="presentations a species (14)")
    parser.add_argument("--faces", type=Path, metavar="DIR", help="DIR/<identity>/<photos>: shown beside the portrait")
    parser.add_argument("--half", choices=("tuning", "reporting"), default="reporting", help="of faces and instruments")
    parser.add_argument("--seed", type=int, default=7000, help="of the first presentation (7000)")
    parser.add_argument("--json", action="store_true", help="one JSON object with every value")
    options = parser.parse_args(arguments)
    faces = identities(options.faces, options.half)
    planned = plan(_SPECIES, options.each, options.seed, faces, options.half, False, _FPS)
    bound = LivenessSettings().depth.perspective
    found = {
        kind: [perspective_of(shown) for shown in group]
        for kind, group in groupby(sorted(planned, key=_kind), key=_kind)
    }
    if options.json:
        print(json.dumps({"half": options.half, "seed": options.seed, "bound": bound, "perspective": found}))
        return 0
    print(f"simulation, {options.half}; perspective of coming closer, at least {bound} to pass")
    print(f"{'':28} {'tried':>5} {'not measured':>12} {'pass':>5}  least, median, most")
    for kind, values in found.items():
        measured = [value for value in values if value is not None]
        passed = sum(value >= bound for value in measured)
        spread = ", ".join(f"{value:.3f}" for value in np.quantile(measured, (0.0, 0.5, 1.0))) if measured else "-"
        print(f"{kind:28} {len(values):5} {len(values) - len(measured):12} {passed:5}  {spread}")
    return 0


def perspective_of(shown: Presentation) -> float | None:
    """What the kiosk would measure where this one is asked to come closer; None where it cannot be."""
    limits = LivenessSettings()
    camera, tracker = open_camera(shown.camera), FaceTracker()
    approach: Approach | None = None
    size, since_s = 0.0, np.inf
    while (frame := camera.read()) is not None and frame.time_s < _GIVEN_UP_S:
        face = tracker.update(frame).served
        if face is None or frame.time_s - since_s >= limits.hold_s:
            continue
        wide = geometry.outer_eye_distance(face.landmarks)
        if approach is None:
            if frame.time_s > _ASKED_S and abs(face.yaw) <= _AHEAD_DEG:
                approach, size = Approach(frame, face), wide
                camera.tell(CameraEvent(frame.time_s, "prompt", "come_closer"))
        elif since_s < np.inf or wide >= limits.answers.growth * size:
            since_s = min(since_s, frame.time_s)
            approach.update(frame, face)
    tracker.close()
    camera.close()
    return None if approach is None else approach.perspective


def _kind(shown: Presentation) -> str:
    return f"{shown.species} {shown.kind}".strip() if shown.species == LIVING else shown.species
