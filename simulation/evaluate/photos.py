"""`hadir evaluate photos`: how many copies and pictures of pictures enrolment from photos notices, and in vain."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, count
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.capture import quality
from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import Still, against_enrolling, look_at, read_still
from kiosk.enrol.copies import COPY, FRAMED, crop_of, framed, likeness, of_a_picture
from kiosk.errors import EnrolmentError
from kiosk.pad.cues import ABOVE, PassiveSettings
from kiosk.pad.passive import MEASURES
from simulation.evaluate.captures import half_of, people_in
from simulation.evaluate.pictures import copies_of, pictures_of

_CUES = tuple(cue for cue in ABOVE if cue != "model")
Usable = list[tuple[str, str, Still]]
"""Identity, file name and what was seen, of each photo that enrolment takes."""


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate photos DIR …`."""
    options = _parser().parse_args(arguments)
    people = {who: paths[: options.most] for who, paths in people_in(options.folder).items()}
    tracker, numbers = FaceTracker(), count()
    try:
        stills = [
            (who, path.name, read_still(path, next(numbers), tracker))
            for who, paths in people.items()
            for path in paths
        ]
        usable = [one for one in stills if _is_usable(one[2])]
        if not usable:
            raise EnrolmentError(f"not one photo of {options.folder} can be enrolled: nothing is measured")
        report = {"photos": len(usable), "people": len({who for who, *_ in usable})}
        report |= _real(usable) | _drawn(usable, options.drawn, options.seed, tracker, numbers)
    finally:
        tracker.close()
    print(json.dumps(report) if options.json else "\n".join(_sentences(report)))
    return 0


def _is_usable(still: Still) -> bool:
    return still.face is not None and not against_enrolling(still, quality.ENROLMENT)


def _real(usable: Usable) -> dict[str, Any]:
    """Photos of people taken for pictures of pictures, by half; and for copies: pairs, and how like the others are."""
    noticed: dict[str, dict[str, list[bool]]] = {half: defaultdict(list) for half in "ab"}
    for who, _, still in usable:
        for cue, beyond in _beyond(still).items():
            noticed[half_of(who)][cue].append(beyond)
    crops = defaultdict(list)
    for who, name, still in usable:
        assert still.picture is not None
        assert still.face is not None
        crops[who].append((name, crop_of(still.picture, still.face)))
    pairs = [
        (likeness(one, other), f"{who}/{name}", f"{who}/{second}")
        for who, own in crops.items()
        for (name, one), (second, other) in combinations(own, 2)
    ]
    copies = sorted((pair for pair in pairs if pair[0] >= COPY), reverse=True)
    return {
        "noticed_of_real": {half: _shares(found) for half, found in noticed.items() if found},
        "pairs": len(pairs),
        "copies_among_real": [[round(value, 4), *names] for value, *names in copies],
        "likest_of_others": round(max((value for value, *_ in pairs if value < COPY), default=0.0), 4),
    }


def _drawn(usable: Usable, most: int, seed: int, tracker: FaceTracker, numbers: count[int]) -> dict[str, Any]:
    """Pictures of pictures, and copies, drawn from up to `most` of the photos: which share is noticed. What enrolment
    refuses for another reason is counted apart."""
    random = np.random.default_rng(seed)
    noticed: dict[str, dict[str, list[bool]]] = {}
    copies: dict[str, list[bool]] = {}
    refused: dict[str, int] = defaultdict(int)
    for place in random.choice(len(usable), min(most, len(usable)), replace=False):
        still = usable[place][2]
        assert still.picture is not None
        assert still.face is not None
        own = crop_of(still.picture, still.face)
        for kind, picture in pictures_of(still.picture, still.face, random):
            found = noticed.setdefault(kind, defaultdict(list))
            seen = look_at(picture, next(numbers), tracker)
            if not _is_usable(seen):
                refused[kind] += 1
                continue
            for cue, beyond in _beyond(seen).items():
                found[cue].append(beyond)
        for kind, picture in copies_of(still.picture):
            seen = look_at(picture, next(numbers), tracker)
            if _is_usable(seen):
                assert seen.picture is not None
                assert seen.face is not None
                copies.setdefault(kind, []).append(likeness(own, crop_of(seen.picture, seen.face)) >= COPY)
            else:
                refused[kind] += 1
    return {
        "noticed_of_drawn": {kind: _shares(found) for kind, found in noticed.items()},
        "copies_found": {kind: round(float(np.mean(found)), 4) for kind, found in copies.items()},
        "refused_anyway": dict(refused),
    }


def _beyond(still: Still) -> dict[str, bool]:
    """Whether enrolment has a person look; and whether the frame, and each of the kiosk's passive cues, says why."""
    assert still.picture is not None
    assert still.face is not None
    found = {
        "to be looked at": bool(of_a_picture(still.picture, still.face)),
        "framed": framed(still.picture, still.face) > FRAMED,
    }
    for cue in _CUES:
        value = MEASURES[cue](still.picture, still.face, PassiveSettings())
        found[cue] = value is not None and value > ABOVE[cue]
    return found


def _shares(found: dict[str, list[bool]]) -> dict[str, float]:
    return {cue: round(float(np.mean(values)), 4) for cue, values in found.items()}


def _sentences(report: dict[str, Any]) -> list[str]:
    lines = [f"{report['photos']} photos of {report['people']} people that enrolment takes"]
    for what, rows in (("half", report["noticed_of_real"]), ("drawn", report["noticed_of_drawn"])):
        for name, shares in rows.items():
            lines.append(f"{what} {name}: " + ", ".join(f"{cue} {share:.1%}" for cue, share in shares.items()))
    lines.append(
        f"copies among {report['pairs']} pairs of one person: {len(report['copies_among_real'])}; "
        f"the likest of the others {report['likest_of_others']:.3f}, a copy from {COPY} on"
    )
    lines += [f"copies, {kind}: {share:.1%} found" for kind, share in report["copies_found"].items()]
    return [*lines, f"refused anyway: {report['refused_anyway'] or 'none'}"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hadir evaluate photos",
        description="Enrolment from photos: copies and pictures of badges, prints and displays, noticed and in vain.",
        epilog="example:\n  hadir evaluate photos people/ --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds <identity>/<photos>")
    parser.add_argument("--most", type=int, metavar="M", help="take only the first M photos of each person")
    parser.add_argument("--drawn", type=int, default=80, metavar="N", help="photos that others are drawn from (80)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (1)")
    parser.add_argument("--json", action="store_true", help="as one JSON object, with the copies' names")
    return parser
