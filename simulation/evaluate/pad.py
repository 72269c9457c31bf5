"""Presentation attack detection in figures: error rates a species with bounds, and what a cue's values can tell apart.

Terms of ISO/IEC 30107-3: APCER, the share of a species' presentations that pass; BPCER, the share of living ones that
do not; non-response, the share about which nothing was said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from simulation.evaluate.counts import clopper_pearson

Verdict = Literal["live", "attack", "undetermined"]
LIVING = "live"
COMBINED = "combined"


@dataclass(frozen=True, slots=True)
class Cue:
    """What one cue said of one presentation. `value` against `threshold`, where it is a number."""

    verdict: Verdict
    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One presentation: `name` (a file, or a seed), `label` ("live" or "attack"), `species`, its cues."""

    name: str
    label: str
    species: str
    cues: dict[str, Cue]


def combined(cues: Iterable[Cue]) -> Verdict:
    """An attack when any cue says so; undetermined when none says anything."""
    said = {cue.verdict for cue in cues}
    return "attack" if "attack" in said else "live" if "live" in said else "undetermined"


def rate(verdicts: Sequence[Verdict], living: bool, fail_closed: bool) -> dict[str, Any]:
    """Errors of presentations of one kind, with the 95 % interval, and how many got no answer.

    `fail_closed`: a living presentation without an answer is an error, as it is at a kiosk; a single cue may well have
    nothing to say. An attack without an answer did not pass.
    """
    counts = Counter(verdicts)
    silent = counts["undetermined"]
    errors = counts["attack"] + (silent if fail_closed else 0) if living else counts["live"]
    return {
        "presentations": len(verdicts),
        "errors": errors,
        "rate": round(errors / len(verdicts), 4),
        "interval": [round(bound, 4) for bound in clopper_pearson(errors, len(verdicts))],
        "non_response": silent,
    }


def table(shown: Sequence[Shown]) -> list[dict[str, Any]]:
    """One row a species: the living first, then the attacks by their combined APCER, worst first."""
    rows = []
    for label, species in dict.fromkeys((one.label, one.species) for one in shown):
        mine = [one for one in shown if (one.label, one.species) == (label, species)]
        living = label == LIVING
        cues = {
            cue: rate([one.cues[cue].verdict for one in mine if cue in one.cues], living, cue == COMBINED)
            for cue in dict.fromkeys(cue for one in mine for cue in one.cues)
        }
        rows.append(
            {"species": species or label, "label": label, "error": "BPCER" if living else "APCER", "cues": cues}
        )
    return sorted(rows, key=lambda row: (row["label"] != LIVING, -row["cues"].get(COMBINED, {"rate": 0})["rate"]))


def total(shown: Sequence[Shown], label: str) -> dict[str, Any] | None:
    """The combined rate over all presentations of a label; None of none."""
    verdicts = [one.cues[COMBINED].verdict for one in shown if one.label == label and COMBINED in one.cues]
    return rate(verdicts, label == LIVING, True) if verdicts else None


def curves(shown: Sequence[Shown], high_is_attack: dict[str, bool]) -> dict[str, dict[str, list[float]]]:
    """For each cue that has numbers of living and attacks: BPCER and APCER at every threshold."""
    found = {}
    for cue, high in high_is_attack.items():
        sides: dict[bool, list[float]] = {True: [], False: []}
        for one in shown:
            value = one.cues[cue].value if cue in one.cues else None
            if value is not None:
                sides[one.label == LIVING].append(value if high else -value)
        if not (sides[True] and sides[False]):
            continue
        living, attacks = np.sort(sides[True]), np.sort(sides[False])
        at = np.unique(np.concatenate((living, attacks)))
        refused = 1.0 - np.searchsorted(living, at, side="right") / len(living)
        passed = np.searchsorted(attacks, at, side="right") / len(attacks)
        found[cue] = {
            "threshold": [round(float(value if high else -value), 4) for value in at],
            "bpcer": [round(float(value), 4) for value in refused],
            "apcer": [round(float(value), 4) for value in passed],
        }
    return found


def draw_curves(
    folder: Path, found: dict[str, dict[str, list[float]]], thresholds: dict[str, float]
) -> dict[str, Path]:
    """One PNG a cue: both error rates over the threshold, and where it stands."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for cue, curve in found.items():
        figure, plane = pyplot.subplots(figsize=(5, 3.2))
        plane.step(curve["threshold"], curve["apcer"], where="post", label="APCER")
        plane.step(curve["threshold"], curve["bpcer"], where="post", label="BPCER")
        if cue in thresholds:
            plane.axvline(thresholds[cue], color="0.5", linestyle=":", label="threshold")
        plane.set(xlabel=cue.replace("_", " "), ylabel="share of presentations", ylim=(-0.02, 1.02))
        plane.grid(True, alpha=0.3)
        plane.legend()
        figure.tight_layout()
        written[cue] = folder / f"{cue.replace(' ', '_')}.png"
        figure.savefig(written[cue], dpi=110)
        pyplot.close(figure)
    return written
