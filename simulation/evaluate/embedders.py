"""`hadir evaluate embedders`: dlib by 68 points, by 5, with jitter, and ONNX models, on the same photos."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.capture import quality
from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import against, read_still
from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import Factory, cut, open_embedder
from simulation.evaluate import rates
from simulation.evaluate.captures import Capture, Shot, half_of, people_in
from simulation.evaluate.verify import pairs_of

_DEFAULT = ("dlib", "dlib:5pt", "dlib:jitter10")
_AT = (0.001, 0.0001)


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate embedders DIR …`."""
    options = _parser().parse_args(arguments)
    names = options.embedder or _DEFAULT
    factories = {name: open_embedder(name, options.models) for name in names}
    people = {
        one: photos[: options.most]
        for one, photos in people_in(options.folder).items()
        if options.half in ("all", half_of(one))
    }
    crops = _crops(people)
    if not crops:
        raise EnrolmentError("not one photo passed the quality gate: nothing can be compared")
    rows = [{"embedder": name} | _measure(factory, crops, options.seed) for name, factory in factories.items()]
    found = {"photos": len(crops), "people": len({who for who, *_ in crops}), "embedders": rows}
    print(json.dumps(found) if options.json else "\n".join(_sentences(found)))
    return 0


Crop = tuple[str, str, np.ndarray, tuple[int, int, int, int]]
"""Identity, file name, and the face as an embedder gets it."""


def _crops(people: dict[str, list[Path]]) -> list[Crop]:
    tracker, crops = FaceTracker(), []
    try:
        places = ((who, path) for who, paths in people.items() for path in paths)
        for number, (who, path) in enumerate(places):
            still = read_still(path, number, tracker)
            if still.picture is not None and still.face is not None and not against(still, quality.RECOGNITION):
                crops.append((who, path.name, *cut(still.picture, still.face.box)))
    finally:
        tracker.close()
    return crops


def _measure(factory: Factory, crops: list[Crop], seed: int) -> dict[str, Any]:
    """FNMR at set FMRs with intervals by bootstrap over people, and processor time of one embedding."""
    embedder = factory()
    embedder.embed(*crops[0][2:])  # the first call prepares what all others use
    captures: dict[str, list[Capture]] = {}
    began = time.process_time()
    for who, name, image, box in crops:
        shot = Shot(embedder.embed(image, box))
        captures.setdefault(who, []).append(Capture(who, name, shot, shot, shot))
    ms = 1e3 * (time.process_time() - began) / len(crops)
    genuine, impostors = pairs_of(captures)
    result: dict[str, Any] = {"identity": factory.identity, "ms": round(ms, 1)}
    for allowed in _AT:
        name = f"fnmr_at_fmr_{allowed:g}"
        result[name], result[f"{name}_interval"] = rates.missed_at(genuine, impostors, allowed, seed)
    return result | {"genuine_pairs": len(genuine.values), "impostor_pairs": len(impostors.values)}


def _sentences(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['photos']} photos of {found['people']} people, the same for each embedder"]
    for row in found["embedders"]:
        rates_of = "; ".join(
            f"FNMR {row[f'fnmr_at_fmr_{at:g}']:.2%} at FMR {at:.2%} "
            f"(95 %: {row[f'fnmr_at_fmr_{at:g}_interval'][0]:.2%} to {row[f'fnmr_at_fmr_{at:g}_interval'][1]:.2%})"
            for at in _AT
        )
        lines.append(f"{row['embedder']}: {rates_of}; {row['ms']:.0f} ms of processor time each")
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hadir evaluate embedders",
        description="Single photo against single photo, for each embedder: errors and processor time.",
        epilog="example:\n  hadir evaluate embedders people/ --embedder dlib --embedder dlib:5pt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds <identity>/<photos>")
    parser.add_argument(
        "--embedder",
        action="append",
        metavar="NAME",
        help=f"dlib, dlib:5pt, dlib:jitter10, or onnx:NAME of models.yaml; several ({', '.join(_DEFAULT)})",
    )
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="DIR", help="files of ONNX models")
    parser.add_argument("--half", choices=("all", "a", "b"), default="all", help="a: tuned on, b: held out")
    parser.add_argument("--most", type=int, metavar="M", help="take only the first M photos of each person")
    parser.add_argument("--seed", type=int, default=1, help="of the intervals (1)")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    return parser
