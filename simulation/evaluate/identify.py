"""`hadir evaluate identify`: how often strangers are named and enrolled people missed, on your own photos."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import open_embedder
from protocol.calibration import impostor_scores, normal_tail
from simulation.evaluate import rates
from simulation.evaluate.captures import add_embedder, capture, counted, half_of, people_in
from simulation.evaluate.degrade import KINDS
from simulation.evaluate.extrapolate import extrapolate, foretold
from simulation.evaluate.splits import Peer, Run, Searched, compare_faces, run, score

_AT = (0.01, 0.001)
_LARGE = 500
_FEWEST_PEOPLE = 3


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate identify DIR …`."""
    options = _parser().parse_args(arguments)
    folder = people_in(options.folder)
    people = {one: photos[: options.most] for one, photos in folder.items() if options.half in ("all", half_of(one))}
    if len(people) < _FEWEST_PEOPLE:
        raise EnrolmentError(f"{options.folder} holds {len(people)} people to measure: at least three are needed")
    embedder = open_embedder(options.embedder, options.models)
    captures = capture(people, options.degrade, options.seed, options.jobs, embedder)
    others = people_in(options.distractors) if options.distractors else {}
    extra = capture(others, "none", options.seed, options.jobs, embedder)
    done = run(
        captures,
        enrol=options.enrol,
        shots=options.shots,
        seed=options.seed,
        splits=options.splits,
        distractors=extra,
        embedder=embedder,
        most_enrolled=options.most_enrolled,
    )
    report = report_of(done, options.seed)
    setting = {
        name: getattr(options, name)
        for name in ("enrol", "shots", "seed", "splits", "degrade", "half", "most", "most_enrolled")
    }
    report = report | {"people": len(people), "photos": sum(map(len, people.values())), "settings": setting}
    report |= {"distractors": len(extra), "embedder": embedder.identity}
    if options.plot:
        curves = {"hadir": rates.curve(*(_scores(done.searches, mated).values for mated in (True, False)))}
        rates.draw_det(options.plot, curves, ("FPIR", "FNIR"))
    print(json.dumps(report) if options.json else "\n".join(_sentences(report)))
    return 0


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
    failed = len(done.not_enrolled) / max(done.enrolled, 1)
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
        "failure_to_enrol_reasons": counted(done.refused_enrolment),
        "failure_to_enrol_people": sorted(set(done.not_enrolled)),
        "failure_to_acquire": round(refused, 6),
        "failure_to_acquire_reasons": counted(done.refused_search),
        "fnir_with_failures": _with_failures(failed, refused, report["fnir"]),
        "wrong_person": sum(one.named and not one.right for one in mated),
        "searches": {"mated": len(mated), "non_mated": len(strangers), "photos": done.search_photos},
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
    peers: dict[str, Peer] = {}
    for tolerance in (0.6, 0.45):
        peers[f"compare_faces_{tolerance}"] = compare_faces(tolerance, fused=False)
        peers[f"compare_faces_{tolerance}_shots_averaged"] = compare_faces(tolerance, fused=True)
    result = {}
    for name, peer in peers.items():
        answers = [(one, *peer(one)) for one in searches]
        named = np.array([found for one, found, _ in answers if not one.mated], bool)
        missed = np.array([not found or who != one.person for one, found, who in answers if one.mated], bool)
        result[name] = {
            "fpir": rates.rate(named),
            "fpir_interval": rates.interval(named, impostors.people, seed),
            "fnir": rates.rate(missed),
            "fnir_interval": rates.interval(missed, genuine.people, seed),
        }
    return result


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
    if large := report["extrapolation"]:
        lines.append(
            f"reckoned for {large['enrolled']} enrolled: FPIR {large['fpir']:.3%}, FNIR {large['fnir']:.3%}; "
            "--json says how, and how uncertain it is"
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
    parser.add_argument("--enrol", type=_positive, default=3, metavar="N", help="photos enrolled a person (3)")
    parser.add_argument("--shots", type=_positive, default=3, metavar="K", help="photos fused in a search (3)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the splits and the degradations (1)")
    parser.add_argument("--splits", type=_positive, default=20, help="how often people are drawn anew (20)")
    parser.add_argument("--degrade", choices=("none", *KINDS), default="none", help="search photos only")
    parser.add_argument("--distractors", type=Path, metavar="DIR2", help="further people, enrolled and never searching")
    parser.add_argument("--half", choices=("all", "a", "b"), default="all", help="a: tuned on, b: held out")
    parser.add_argument("--most", type=_positive, metavar="M", help="take only the first M photos of each person")
    parser.add_argument("--most-enrolled", type=_positive, metavar="N", help="as in a small office (two thirds)")
    add_embedder(parser)
    parser.add_argument("--jobs", type=_positive, default=2, help="processes that embed (2)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the DET curve (.png, .svg or .pdf)")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)
