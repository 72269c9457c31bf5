"""`hadir evaluate liveness`: recordings under every cue that needs no prompt, or presentations in closed loop."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kiosk import __version__
from kiosk.errors import KioskError
from kiosk.liveness import LivenessSettings
from kiosk.pad.cues import ABOVE, Model
from kiosk.pad.light import LightSettings
from kiosk.pad.tries import chance
from kiosk.pad.turns import IN_LIGHT, PERSPECTIVE, RELIEF
from simulation.evaluate import recordings
from simulation.evaluate.instruments import LIVING, NOT_CLAIMED, SPECIES, identities, plan
from simulation.evaluate.pad import COMBINED, Cue, Shown, curves, draw_curves, table, total
from simulation.evaluate.pad_report import write_report
from simulation.evaluate.presentation import Outcome, Presentation, present

HIGH_IS_ATTACK = {
    **dict.fromkeys(ABOVE, True),
    "depth of followed points": False,
    "mesh depth": False,
    "nose stands out": False,
    PERSPECTIVE: False,
    "light answered by the face": False,
    "face's change with the light": False,
    RELIEF: False,
    IN_LIGHT: False,
    "identity before and after": True,
    "identity in the turn": True,
    "turn": False,
    "nose": False,
    "blink": False,
    "one_person": True,
}
"""For the cues that are numbers: whether a high one speaks of an attack."""


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate liveness …`; 0 when it was measured, whatever was found."""
    parser = _parser()
    options = parser.parse_args(arguments)
    os.environ.setdefault("GLOG_minloglevel", "3")  # mediapipe's notices, in this process and in its children
    if (options.list is None) == (options.simulate is None):
        parser.error("give a LIST.csv of recordings, or --simulate N")
    found, shown, thresholds = _recorded(options) if options.list else _simulated(options)
    found["curves"] = curves(shown, HIGH_IS_ATTACK)
    with TemporaryDirectory() as scratch:
        drawn = {}
        if options.curves or options.report:
            drawn = draw_curves(options.curves or Path(scratch), found["curves"], thresholds)
        if options.report:
            write_report(options.report, found, drawn)
    print(json.dumps(found) if options.json else as_text(found))
    return 0


def _parser() -> argparse.ArgumentParser:
    known = (LIVING, *SPECIES)
    parser = argparse.ArgumentParser(
        prog="hadir evaluate liveness",
        usage="%(prog)s LIST.csv | --simulate N [options]",
        description="Presentation attack detection: APCER a species, BPCER, 95 % intervals.",
        epilog="example:\n  hadir evaluate liveness --simulate 20 --report liveness.html",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("list", nargs="?", type=Path, metavar="LIST.csv", help="recordings: path,label,species; label: live or attack")
    add("--simulate", type=int, metavar="N", help="N presentations a species before the shipped station")
    add("--species", nargs="+", choices=known, default=known, metavar="NAME", help=", ".join(known))
    add("--attacker", metavar="exec:COMMAND", help="in place of the attackers; {seed} and {face} are filled in")
    add("--faces", type=Path, metavar="DIR", help="DIR/<identity>/<photos>: enrolled and attacked, beside the portrait")
    add(
        "--half",
        choices=("tuning", "reporting"),
        default="reporting",
        help="identities, instruments, light (reporting)",
    )
    add("--seed", type=int, default=1000, help="of the first presentation (1000)")
    add(
        "--light",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the kiosk has a lamp and plays its light code, as is shipped",
    )
    add("--fps", type=float, default=15, help="frames a second (15)")
    add("--model", type=Path, metavar="FILE", help="an ONNX model as a further cue of recordings")
    add("--sha256", default="", metavar="HASH", help="of the model")
    add(
        "--deny",
        nargs="*",
        choices=tuple(ABOVE),
        default=["moire", "specular", "model"],
        metavar="CUE",
        help="passive cues in the combined verdict (moire specular model)",
    )
    add("--curves", type=Path, metavar="DIR", help="an operating curve (PNG) a cue")
    add("--report", type=Path, metavar="FILE.html", help="a report in the terms of ISO/IEC 30107-3")
    add("--processes", type=int, choices=(1, 2), default=2, help="in parallel (2)")
    add(
        "--keep",
        type=Path,
        metavar="FILE",
        help="presentations made so far, one JSON a line; a later run goes on there",
    )
    add("--json", action="store_true", help="one JSON object with everything")
    return parser


def _recorded(options: argparse.Namespace) -> tuple[dict[str, Any], list[Shown], dict[str, float]]:
    rows, wrong = recordings.read_list(options.list)
    for sentence in wrong:
        print(f"hadir: {sentence}", file=sys.stderr)
    model = Model(options.model, options.sha256) if options.model else None

    def show(one: recordings.Recorded) -> None:
        said = one.error or f"{one.path}: {one.cues[COMBINED].verdict}; full protocol {one.full['state']}"
        print(f"hadir: {said}" if one.error else said, file=sys.stderr, flush=True)

    measured = recordings.measure(rows, model, options.deny, options.processes, show)
    used = [one for one in measured if not one.error]
    shown = [one.shown for one in used]
    found = _head("recordings", shown) | {
        "deny": options.deny,
        "errors": wrong + [one.error for one in measured if one.error],
        "full_protocol": dict(Counter(one.full["state"] for one in used)),
        "files": [recordings.as_json(one) for one in measured],
    }
    return found, shown, _thresholds(shown)


def _simulated(options: argparse.Namespace) -> tuple[dict[str, Any], list[Shown], dict[str, float]]:
    faces = identities(options.faces, options.half)
    species = [LIVING, "attacker"] if options.attacker else list(options.species)
    planned = plan(species, options.simulate, options.seed, faces, options.half, options.light, options.fps)
    if options.attacker:
        if not options.attacker.startswith("exec:"):
            raise KioskError(f"attacker {options.attacker!r}: write exec:COMMAND (docs/camera-exec.md)")
        planned = [one if one.species == LIVING else _of_command(one, options.attacker) for one in planned]
    outcomes = run(planned, options.processes, _say, options.keep)
    shown = [as_shown(outcome) for outcome in outcomes]
    found = _head("simulation", shown) | {
        "seed": options.seed,
        "half": options.half,
        "light": "lamp" if options.light else "none",
        "fps": options.fps,
        "identities": len(faces),
        "guess": asdict(chance(LivenessSettings(light=LightSettings() if options.light else None))),
        "attacks": total([one for one in shown if one.species not in NOT_CLAIMED], "attack"),
        "presentations": [asdict(outcome) for outcome in outcomes],
    }
    for row in found["species"]:
        mine = [outcome for outcome in outcomes if outcome.presentation.species == row["species"]]
        row["seconds"] = statistics.median(outcome.seconds for outcome in mine)
        decided = Counter(said for outcome in mine for said in (outcome.decisions or ("nothing decided",)))
        row["decided"] = dict(decided.most_common())
        kinds = dict.fromkeys(outcome.presentation.kind for outcome in mine if outcome.presentation.kind)
        row["by_variant"] = {
            kind: total([as_shown(outcome) for outcome in mine if outcome.presentation.kind == kind], row["label"])
            for kind in kinds
        }
        row["claimed"] = row["species"] not in NOT_CLAIMED
        row["instrument"] = SPECIES.get(row["species"], "a living head" if row["label"] == "live" else options.attacker)
    return found, shown, _thresholds(shown)


def _of_command(planned: Presentation, command: str) -> Presentation:
    return replace(planned, command=command)


def _say(outcome: Outcome) -> None:
    said = "; ".join(outcome.decisions) or "nothing decided"
    print(f"{outcome.presentation.species} {outcome.presentation.seed}: {said}", file=sys.stderr, flush=True)


def _head(source: str, shown: Sequence[Shown]) -> dict[str, Any]:
    return {
        "source": source,
        "software": __version__,
        "species": table(shown),
        "attacks": total(shown, "attack"),
        "living": total(shown, "live"),
    }


def _thresholds(shown: Sequence[Shown]) -> dict[str, float]:
    return {name: cue.threshold for one in shown for name, cue in one.cues.items() if cue.threshold is not None}


def run(
    presentations: Sequence[Presentation], processes: int, on_done: Callable[[Outcome], None], kept: Path | None = None
) -> list[Outcome]:
    """All of them, in `processes` processes (fresh ones: the vision libraries do not survive a fork).

    `kept`: what was made before is read from there and not made again; what is made is added.
    """
    known = _read_kept(kept)
    # Of one person after the other: what was prepared or filmed of a person is not made again.
    missing = sorted((shown for shown in presentations if shown not in known), key=lambda shown: shown.face)

    def keep(outcome: Outcome) -> None:
        on_done(outcome)
        if kept is not None:
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")

    if processes == 1:
        made = list(_reported(map(present, missing), keep))
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            made = list(_reported(pool.imap(present, missing), keep))
    known |= {outcome.presentation: outcome for outcome in made}
    return [known[shown] for shown in presentations]


def _read_kept(path: Path | None) -> dict[Presentation, Outcome]:
    if path is None or not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            values = json.loads(line)
            shown = Presentation(**values.pop("presentation"))
            values["decisions"] = tuple(values["decisions"])
            values["measured"] = {name: tuple(pair) for name, pair in values["measured"].items()}
            found[shown] = Outcome(shown, **values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise KioskError(f"{path}, line {number}: no presentation of this version: name another file") from error
    return found


def _reported(outcomes: Iterable[Outcome], on_done: Callable[[Outcome], None]) -> Iterator[Outcome]:
    for outcome in outcomes:
        on_done(outcome)
        yield outcome


def as_shown(outcome: Outcome) -> Shown:
    """A presentation for the tables: what the station decided, and each number that was measured on the way."""
    living = outcome.presentation.species == LIVING
    cues = {}
    for name, (value, threshold) in outcome.measured.items():
        if name in HIGH_IS_ATTACK and threshold is not None:
            speaks = value > threshold if HIGH_IS_ATTACK[name] else value < threshold
            cues[name] = Cue("attack" if speaks else "live", value, threshold)
    refused = outcome.decisions and outcome.decisions[-1].startswith("refused")
    cues[COMBINED] = Cue("live" if outcome.granted else "attack" if refused else "undetermined")
    label = "live" if living else "attack"
    return Shown(str(outcome.presentation.seed), label, outcome.presentation.species, cues)


def as_text(found: dict[str, Any]) -> str:
    """The table for people."""
    what = "recordings" if found["source"] == "recordings" else f"simulation, light {found['light']}, {found['half']}"
    lines = [f"{what}; errors: an attack that passes (APCER), a living person who does not (BPCER)"]
    lines.append(f"{'species':14} {'tried':>5} {'errors':>6} {'95 % interval':>16} {'no answer':>9}  decided")
    for row in found["species"]:
        one = row["cues"][COMBINED]
        low, high = one["interval"]
        decided = ", ".join(f"{count} {said}" for said, count in list(row.get("decided", {}).items())[:2])
        counts = f"{one['presentations']:5} {one['errors']:6} {f'{100 * low:.1f}-{100 * high:.1f} %':>16}"
        name = row["species"] + ("" if row.get("claimed", True) else " *")
        lines.append(f"{name:14} {counts} {one['non_response']:9}  {decided}")
        if row["label"] == "live":
            lines += [
                f"  {kind:18} {part['errors']} of {part['presentations']}"
                for kind, part in row.get("by_variant", {}).items()
            ]
    if not all(row.get("claimed", True) for row in found["species"]):
        lines.append("* reported, not claimed: left out of the rate over all attacks")
    if found["attacks"]:
        claimed = found["attacks"]
        lines.append(
            f"attacks that are claimed to be refused: {claimed['errors']} of {claimed['presentations']} passed"
        )
    if "full_protocol" in found:
        said = ", ".join(f"{count} {state}" for state, count in found["full_protocol"].items())
        lines.append(f"full protocol (never live: a recording cannot answer): {said}")
    if "guess" in found:
        guess = found["guess"]
        lines.append(
            f"a film made beforehand passes one try with probability {guess['one_try']:.2g}, "
            f"one of the {guess['tries']} tries of a day with {guess['a_day']:.2g}"
        )
    return "\n".join(lines)
