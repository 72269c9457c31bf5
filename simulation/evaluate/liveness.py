"""`hadir evaluate liveness`: species by seeds in closed loop, and the table of what was granted."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kiosk import __version__
from kiosk.light import LightSettings
from kiosk.liveness import LivenessSettings
from kiosk.tries import chance
from simulation.evaluate.counts import clopper_pearson
from simulation.evaluate.presentation import Outcome, Presentation, present

LIVING = "person"
FACES = ("", "stranger:0", "stranger:1", "stranger:2", "stranger:3")
SPECIES: dict[str, str] = {
    "print": "flat paper held up",
    "bent": "paper cut along the head, bent to a radius of 7 cm",
    "mask": "printed face bent to 7 cm over another person's head, no holes",
    "cutout": "the same with eye holes: the other person's eyes blink",
    "swap": "print held up before and after each prompt, another person answers",
    "screen": "still picture on a display",
    "replay": "film of the living person, who turns and blinks at its own time",
    "puppet:0": "display on a stand, the right clip at once",
    "puppet:3": "display on a stand, the right clip 0.3 s late",
    "puppet:8": "display on a stand, the right clip 0.8 s late",
    "relay:3": "puppet:3 whose brightness follows the lamp, as late",
    "relay:0": "display that shows the right clip and follows the lamp at once",
}


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate liveness …`; 0 when it was measured, whatever was found."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("GLOG_minloglevel", "3")  # mediapipe's notices, in this process and in its children
    extra = f"&fps={options.fps:g}&ambient={options.ambient:g}"
    planned = plan(options.species, options.each, options.seed, options.light, extra)

    def show(outcome: Outcome) -> None:
        shown = outcome.presentation
        said = "; ".join(outcome.decisions) or "nothing decided"
        print(f"{shown.species} {shown.seed} {shown.face or 'portrait'}: {said}", file=sys.stderr, flush=True)

    found = report(run(planned, options.processes, show), options.seed, options.light, extra)
    print(json.dumps(found) if options.json else as_text(found))
    return 0


def _parser() -> argparse.ArgumentParser:
    known = (LIVING, *SPECIES)
    parser = argparse.ArgumentParser(
        prog="hadir evaluate liveness",
        description="Rendered attacks and living heads before the shipped station: APCER, BPCER, 95 % intervals.",
        epilog="example:\n  hadir evaluate liveness --each 10 --light --json > liveness.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--species", nargs="+", choices=known, default=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--each", type=int, default=5, metavar="N", help="presentations a species (5)")
    parser.add_argument("--seed", type=int, default=1000, help="of the first presentation (1000)")
    parser.add_argument("--light", action="store_true", help="the kiosk has a lamp and plays its light code")
    parser.add_argument("--fps", type=float, default=15, help="frames a second (15)")
    parser.add_argument("--ambient", type=float, default=400, metavar="LUX", help="light in the room (400)")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=2, help="in parallel (2)")
    parser.add_argument("--json", action="store_true", help="one JSON object with every presentation")
    return parser


@dataclass(frozen=True, slots=True)
class Row:
    """Of one species: how many were tried, how many of the errors (granted attacks, living not granted), the error
    rate's 95 % interval, median seconds to the decision, and what was decided how often."""

    species: str
    tried: int
    errors: int
    rate: float
    interval: tuple[float, float]
    seconds: float
    decided: dict[str, int]


def plan(species: Sequence[str], each: int, seed: int, lamp: bool, options: str) -> list[Presentation]:
    """`each` presentations a species, the enrolled faces in turn, seeds from `seed` on."""
    return [
        Presentation(name, seed + number, FACES[number % len(FACES)], lamp, options)
        for name in species
        for number in range(each)
    ]


def run(presentations: Sequence[Presentation], processes: int, on_done: Callable[[Outcome], None]) -> list[Outcome]:
    """All of them, in `processes` processes (fresh ones: the vision libraries do not survive a fork)."""
    if processes == 1:
        return list(_reported(map(present, presentations), on_done))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return list(_reported(pool.imap(present, presentations), on_done))


def _reported(outcomes: Iterable[Outcome], on_done: Callable[[Outcome], None]) -> Iterator[Outcome]:
    for outcome in outcomes:
        on_done(outcome)
        yield outcome


def table(outcomes: Sequence[Outcome]) -> list[Row]:
    """One row a species, the living first, then the attacks, most often granted first."""
    rows = []
    for species in dict.fromkeys(outcome.presentation.species for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.presentation.species == species]
        errors = sum(outcome.granted != (species == LIVING) for outcome in mine)
        decided = Counter(said for outcome in mine for said in (outcome.decisions or ("nothing decided",)))
        rows.append(
            Row(
                species,
                len(mine),
                errors,
                errors / len(mine),
                clopper_pearson(errors, len(mine)),
                statistics.median(outcome.seconds for outcome in mine),
                dict(decided.most_common()),
            )
        )
    return sorted(rows, key=lambda row: (row.species != LIVING, -row.rate))


def report(outcomes: Sequence[Outcome], seed: int, lamp: bool, options: str) -> dict[str, Any]:
    """Everything as one JSON object: figures are of rendered heads and instruments, not of people."""
    return {
        "source": "simulation",
        "software": __version__,
        "seed": seed,
        "light": "lamp" if lamp else "none",
        "options": options,
        "guess": asdict(chance(LivenessSettings(), LightSettings() if lamp else None)),
        "rows": [asdict(row) for row in table(outcomes)],
        "presentations": [asdict(outcome) for outcome in outcomes],
    }


def as_text(found: dict[str, Any]) -> str:
    """The table for people."""
    lines = [f"simulation, light {found['light']}, seed {found['seed']}; error: attack granted, living not granted"]
    lines.append(f"{'species':10} {'tried':>5} {'errors':>6} {'95 % interval':>16} {'seconds':>8}  decided")
    for row in found["rows"]:
        low, high = row["interval"]
        decided = ", ".join(f"{count} {said}" for said, count in list(row["decided"].items())[:2])
        bounds = f"{100 * low:.1f}-{100 * high:.1f} %"
        lines.append(
            f"{row['species']:10} {row['tried']:5} {row['errors']:6} {bounds:>16} {row['seconds']:8.1f}  {decided}"
        )
    guess = found["guess"]
    lines.append(
        f"a film made beforehand passes one try with probability {guess['one_try']:.2g}, "
        f"one of the {guess['tries']} tries of a day with {guess['a_day']:.2g}"
    )
    return "\n".join(lines)
