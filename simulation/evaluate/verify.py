"""`hadir evaluate verify`: single photo against single photo, FMR and FNMR over all thresholds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import open_embedder
from protocol.calibration import STATED_THRESHOLD
from simulation.evaluate import rates
from simulation.evaluate.captures import Capture, add_embedder, capture, counted, half_of, natural, people_in

_PEER_TOLERANCE = 0.6
_TABLE = (0.35, 0.40, 0.45, 0.50, 0.55, 0.60)
_AT = (0.01, 0.001, 0.0001)


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate verify DIR …`."""
    options = _parser().parse_args(arguments)
    folder = people_in(options.folder)
    people = {one: photos for one, photos in folder.items() if options.half in ("all", half_of(one))}
    embedder = open_embedder(options.embedder, options.models)
    captures = capture(people, jobs=options.jobs, embedder=embedder)
    genuine, impostors = pairs_of(captures)
    report = report_of(genuine, impostors, options.seed)
    refused = [one.search.reasons for photos in captures.values() for one in photos if one.search.vector is None]
    photos = sum(map(len, captures.values()))
    report |= {
        "failure_to_acquire": round(len(refused) / photos, 6),
        "failure_to_acquire_reasons": counted(refused),
        "people": len(people),
        "photos": photos,
        "embedder": embedder.identity,
    }
    if options.plot:
        rates.draw_det(options.plot, {"hadir": rates.curve(genuine.values, impostors.values)}, ("FMR", "FNMR"))
    print(json.dumps(report) if options.json else "\n".join(_sentences(report)))
    return 0


def pairs_of(captures: dict[str, list[Capture]]) -> tuple[rates.Scores, rates.Scores]:
    """Distances of all pairs of photos of one person, and of two; EnrolmentError when one kind is missing.

    A pair of two people is counted for the first of them: intervals draw people.
    """
    held = [(who, one.search.vector) for who, photos in captures.items() for one in photos]
    rows = [(who, vector) for who, vector in held if vector is not None]
    if not rows:
        raise EnrolmentError("not one photo passed the quality gate: nothing can be compared")
    names = np.array([who for who, _ in rows])
    matrix = np.stack([vector for _, vector in rows]).astype(np.float64)
    first, second = np.triu_indices(len(rows), 1)
    squares = (matrix**2).sum(axis=1)
    products = squares[first] + squares[second] - 2.0 * (matrix @ matrix.T)[first, second]
    distances = np.sqrt(np.maximum(products, 0.0))
    same = names[first] == names[second]
    if same.all() or not same.any():
        raise EnrolmentError("pairs of one person and of two are needed: give at least two people with two photos")
    kinds = []
    for chosen in (same, ~same):
        _, owners = np.unique(names[first][chosen], return_inverse=True)
        kinds.append(rates.Scores(distances[chosen], owners.astype(np.intp)))
    return kinds[0], kinds[1]


def report_of(genuine: rates.Scores, impostors: rates.Scores, seed: int) -> dict[str, Any]:
    """FMR and FNMR at the threshold stated for small galleries, at set FMRs, and in a table."""

    def at(threshold: float) -> dict[str, Any]:
        matched, missed = impostors.values <= threshold, genuine.values > threshold
        return {
            "threshold": round(threshold, 4),
            "fmr": rates.rate(matched),
            "fmr_interval": rates.interval(matched, impostors.people, seed),
            "fnmr": rates.rate(missed),
            "fnmr_interval": rates.interval(missed, genuine.people, seed),
        }

    report = at(STATED_THRESHOLD) | {
        "genuine_pairs": len(genuine.values),
        "impostor_pairs": len(impostors.values),
        "thresholds": [at(threshold) for threshold in _TABLE],
        "peers": {"compare_faces_0.6": at(_PEER_TOLERANCE), "compare_faces_0.45": at(0.45)},
        "interval_method": "95 %, bootstrap over people; no error among n people: upper bound 3/n",
    }
    for allowed in _AT:
        name = f"fnmr_at_fmr_{allowed:g}"
        report[name], report[f"{name}_interval"] = rates.missed_at(genuine, impostors, allowed, seed)
        report[name.replace("fnmr_at", "threshold_at")] = round(rates.threshold_at(impostors.values, allowed), 4)
    return report


def _sentences(report: dict[str, Any]) -> list[str]:
    lines = [
        f"{report['genuine_pairs']} pairs of one person, {report['impostor_pairs']} of two; {report['people']} people"
    ]
    lines += [
        f"threshold {row['threshold']:.2f}: FMR {row['fmr']:.4%}, FNMR {row['fnmr']:.3%}"
        for row in report["thresholds"]
    ]
    lines += [
        f"FMR {at:g}: FNMR {report[f'fnmr_at_fmr_{at:g}']:.3%} at threshold {report[f'threshold_at_fmr_{at:g}']}"
        for at in _AT
    ]
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hadir evaluate verify",
        description="Every photo against every other one: how often two people match and one person does not.",
        epilog="example:\n  hadir evaluate verify people/ --json --plot det.svg",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds <identity>/<photos>")
    parser.add_argument("--half", choices=("all", "a", "b"), default="all", help="a: tuned on, b: held out")
    parser.add_argument("--seed", type=natural, default=1, help="of the intervals (1)")
    add_embedder(parser)
    parser.add_argument("--plot", type=rates.plot_file, metavar="FILE", help="draw the DET curve (.png, .svg or .pdf)")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    return parser
