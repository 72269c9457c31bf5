"""`hadir evaluate identify`: how often strangers are named and enrolled people missed, on your own photos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import open_embedder
from protocol.calibration import impostor_scores, normal_tail
from simulation.evaluate import rates
from simulation.evaluate.captures import add_embedder, capture, counted, half_of, natural, people_in, positive
from simulation.evaluate.degrade import KINDS
from simulation.evaluate.distractors import distractors
from simulation.evaluate.extrapolate import checked, extrapolate, foretold
from simulation.evaluate.splits import Run, Searched, compare_faces, run, score

_AT = (0.01, 0.001)
_LARGE = 500
_FEWEST_PEOPLE = 3
_TOLERANCES = (0.6, 0.45)
_SETTINGS = ("enrol", "enrol_degraded", "shots", "seed", "splits", "degrade", "half", "most", "most_enrolled")


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate identify DIR …`."""
    options = _parser().parse_args(arguments)
    folder = people_in(options.folder)
    people = {one: photos[: options.most] for one, photos in folder.items() if options.half in ("all", half_of(one))}
    if len(people) < _FEWEST_PEOPLE:
        raise EnrolmentError(f"{options.folder} holds {len(people)} people to measure: at least three are needed")
    _check(options, max(map(len, people.values())))
    embedder = open_embedder(options.embedder, options.models)
    captures = capture(people, options.degrade, options.seed, options.jobs, embedder)
    splits = partial(
        run,
        captures,
        enrol=options.enrol,
        worn=options.enrol_degraded,
        shots=options.shots,
        seed=options.seed,
        splits=options.splits,
        embedder=embedder,
        most_enrolled=options.most_enrolled,
    )
    extra, told = (
        distractors(options.distractors, captures, options.jobs, embedder) if options.distractors else ({}, {})
    )
    done = splits(distractors=extra)
    report = report_of(done, options.seed)
    report |= {
        "people": len(people),
        "people_with_no_photo_to_search": sum(len(photos) <= options.enrol for photos in people.values()),
        "photos": sum(map(len, people.values())),
        "settings": {name: getattr(options, name) for name in _SETTINGS},
        "embedder": embedder.identity,
    }
    if extra:
        report["distractors"] = told | _left_out(done.others, options.seed)
        report["extrapolation_checked"] = checked(splits().searches, done.searches, options.seed)
    if options.plot:
        rates.draw_det(options.plot, _curves(done.searches), ("FPIR", "FNIR"))
    print(json.dumps(report) if options.json else "\n".join(_sentences(report)))
    return 0


def _check(options: argparse.Namespace, most: int) -> None:
    """Refuse what could only give empty figures, before the photos are seen."""
    if most <= options.enrol:
        raise EnrolmentError(
            f"nobody has a photo left to search with when {options.enrol} are enrolled: the most that anybody has is "
            f"{most}. Give --enrol {most - 1}, or less" + (", or a larger --most" if options.most else "")
            if most > 1
            else f"nobody in {options.folder} has two photos: one is enrolled, another searches"
        )
    if options.enrol_degraded > options.enrol or (options.enrol_degraded and options.degrade == "none"):
        raise EnrolmentError("--enrol-degraded is a part of --enrol, and needs a --degrade other than none")
    for folder in options.distractors:
        if folder.resolve() == options.folder.resolve():
            raise EnrolmentError(f"{folder} holds the people who search: give distractors of other people")


def report_of(done: Run, seed: int) -> dict[str, Any]:
    """The figures of a run; every interval is 95 %, by bootstrap over people."""
    mated = [one for one in done.searches if one.mated]
    strangers = [one for one in done.searches if not one.mated]
    genuine, impostors = _scores(done.searches, True), _scores(done.searches, False)
    missed = np.array([one.missed for one in mated], bool)
    named = np.array([one.named for one in strangers], bool)
    intervals = {
        "fpir": rates.interval(named, impostors.people, seed),
        "fnir": rates.interval(missed, genuine.people, seed),
    }
    report: dict[str, Any] = {"fpir": rates.rate(named), "fnir": rates.rate(missed)}
    for allowed in _AT:
        name = f"fnir_at_fpir_{allowed:g}"
        report[name], intervals[name] = rates.missed_at(genuine, impostors, allowed, seed)
    failed = len(done.not_enrolled) / max(done.enrolments, 1)
    refused = len(done.refused_search) / max(done.search_photos, 1)
    galleries = [one.gallery for one in {one.split: one for one in done.searches}.values()]
    thresholds = [gallery.calibration.threshold for gallery in galleries]
    low = [
        impostor_scores(gallery.templates.matrix, gallery.templates.counts)
        for gallery in galleries
        if len(gallery.templates.counts) > 1
    ]
    return report | {
        "failure_to_enrol": round(failed, 6),
        "failure_to_enrol_reasons": counted(why[0] for _, why in done.not_enrolled),
        "failure_to_enrol_people": sorted({who for who, _ in done.not_enrolled}),
        "enrolments": {"tried": done.enrolments, "failed": len(done.not_enrolled)},
        "failure_to_acquire": round(refused, 6),
        "failure_to_acquire_reasons": counted(done.refused_search),
        "fnir_with_failures": _with_failures(failed, refused, report["fnir"]),
        "wrong_person": sum(one.named and not one.right for one in mated),
        "counts_are": "of all splits; reasons: of each failed enrolment (its first photo), of each refused photo",
        "searches": {
            "mated": len(mated),
            "non_mated": len(strangers),
            "photos": done.search_photos,
            "photos_refused": len(done.refused_search),
        },
        "people_searching": {"mated": genuine.count, "non_mated": impostors.count},
        "enrolled": sorted({len(one.gallery.templates.people) for one in done.searches}),
        "rule": {
            "threshold": _span(thresholds),
            "margin": _span([one.gallery.calibration.margin for one in done.searches]),
            "basis": sorted({one.gallery.calibration.basis for one in done.searches}),
        },
        "tail_of_galleries": [round(value, 4) for value in normal_tail(np.concatenate(low))] if low else None,
        "intervals": intervals,
        "interval_method": "95 %, bootstrap over people; no error among n people: upper bound 3/n",
        "peers": _peers(done.searches, genuine, impostors, seed),
        "fpir_found_where_foretold": foretold(done.searches),
        "extrapolation": extrapolate(done.searches, _LARGE, seed),
    }


def _scores(searches: list[Searched], mated: bool) -> rates.Scores:
    return rates.Scores.of([(score(one), one.person) for one in searches if one.mated == mated])


def _with_failures(failed: float, refused: float, missed: float | None) -> float | None:
    """Generalised FNIR of one try with one photo a shot (ISO/IEC 19795-1): failures counted as misses."""
    return None if missed is None else round(failed + (1.0 - failed) * (refused + (1.0 - refused) * missed), 6)


def _span(values: Sequence[float]) -> list[float]:
    return [round(min(values), 4), round(max(values), 4)] if values else []


def _peers(searches: list[Searched], genuine: rates.Scores, impostors: rates.Scores, seed: int) -> dict[str, Any]:
    """face_recognition on the same embeddings, templates and searches."""
    result = {}
    for name, (near, far) in _peer_scores(searches).items():
        for tolerance in _TOLERANCES:
            missed, named = near > tolerance, far <= tolerance
            result[f"compare_faces_{tolerance}{name}"] = {
                "fpir": rates.rate(named),
                "fpir_interval": rates.interval(named, impostors.people, seed),
                "fnir": rates.rate(missed),
                "fnir_interval": rates.interval(missed, genuine.people, seed),
            }
    return result


def _peer_scores(searches: list[Searched]) -> dict[str, tuple[rates.Floats, rates.Floats]]:
    """Distances of mated and of other searches, by the ending of the peer's name; infinite for the wrong person."""
    result = {}
    for name, fused in (("", False), ("_shots_averaged", True)):
        peer = compare_faces(fused)
        answers = [(one, *peer(one)) for one in searches]
        mated = [distance if who == one.person else np.inf for one, distance, who in answers if one.mated]
        others = [distance for one, distance, _ in answers if not one.mated]
        result[name] = np.array(mated, float), np.array(others, float)
    return result


def _curves(searches: list[Searched]) -> dict[str, tuple[rates.Floats, rates.Floats]]:
    """The DET curves of the product and its peers."""
    curves = {"hadir": rates.curve(*(_scores(searches, mated).values for mated in (True, False)))}
    for name, scores in _peer_scores(searches).items():
        curves["face_recognition" + (", shots averaged" if name else ", first shot")] = rates.curve(*scores)
    return curves


def _left_out(others: list[Searched], seed: int) -> dict[str, Any]:
    """How often a distractor was named by the gallery of everybody else."""
    named = np.array([one.named for one in others], bool)
    people = rates.Scores.of([(0.0, one.person) for one in others]).people
    return {
        "searches": len(others),
        "named": int(named.sum()),
        "fpir": rates.rate(named),
        "fpir_interval": rates.interval(named, people, seed),
    }


def _sentences(report: dict[str, Any]) -> list[str]:
    def share(name: str) -> str:
        bounds = report["intervals"].get(name)
        value = report[name]
        if value is None:
            return "not measured"
        return f"{value:.3%}" + (f" (95 %: {bounds[0]:.3%} to {bounds[1]:.3%})" if bounds else "")

    searches, searching = report["searches"], report["people_searching"]
    lines = [
        f"strangers named (FPIR): {share('fpir')}, {searches['non_mated']} searches of {searching['non_mated']} people",
        f"enrolled people missed (FNIR): {share('fnir')}, {searches['mated']} searches of {searching['mated']} people",
        f"FNIR at FPIR 1 %: {share('fnir_at_fpir_0.01')}; at .1 %: {share('fnir_at_fpir_0.001')}",
        f"could not be enrolled: {report['failure_to_enrol']:.3%} {report['failure_to_enrol_reasons']}",
        f"photos refused as shots: {report['failure_to_acquire']:.3%} {report['failure_to_acquire_reasons']}",
    ]
    lines += [
        f"face_recognition {name}: FPIR {peer['fpir']:.3%}, FNIR {peer['fnir']:.3%}"
        for name, peer in report["peers"].items()
        if peer["fpir"] is not None and peer["fnir"] is not None
    ]
    large = report["extrapolation"]
    lines.append(
        f"not reckoned for {large['enrolled']} enrolled: {large['reason']}"
        if "reason" in large
        else f"reckoned for {large['enrolled']} enrolled: FPIR {large['fpir']:.3%}, FNIR {large['fnir']:.3%}; "
        "--json says how, and how uncertain it is"
    )
    if others := report.get("distractors"):
        lines.append(
            f"{others['people']} further people enrolled; named by a gallery without them in "
            f"{others['named']} of {others['searches']} searches"
        )
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hadir evaluate identify",
        description="Open-set identification: two thirds of the people enrolled, the rest strangers, many times over.",
        epilog="example:\n  hadir evaluate identify people/ --enrol 3 --shots 3 --seed 1 --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds <identity>/<photos>")
    parser.add_argument("--enrol", type=positive, default=3, metavar="N", help="photos enrolled a person (3)")
    parser.add_argument(
        "--enrol-degraded", type=natural, default=0, metavar="M", help="so many of them as --degrade says (0)"
    )
    parser.add_argument("--shots", type=positive, default=3, metavar="K", help="photos fused in a search (3)")
    parser.add_argument("--seed", type=natural, default=1, metavar="S", help="of the splits and the degradations (1)")
    parser.add_argument("--splits", type=positive, default=20, help="how often people are drawn anew (20)")
    parser.add_argument("--degrade", choices=("none", *KINDS), default="none", help="what search photos are like")
    parser.add_argument(
        "--distractors",
        type=Path,
        action="append",
        default=[],
        metavar="DIR2",
        help="further people to enrol: <identity>/<photos>, or photos of groups and films; may be repeated",
    )
    parser.add_argument("--half", choices=("all", "a", "b"), default="all", help="a: tuned on, b: held out")
    parser.add_argument("--most", type=positive, metavar="M", help="take only the first M photos of each person")
    parser.add_argument("--most-enrolled", type=positive, metavar="N", help="as in a small office (two thirds)")
    add_embedder(parser)
    parser.add_argument("--plot", type=rates.plot_file, metavar="FILE", help="draw the DET curve (.png, .svg or .pdf)")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    return parser
