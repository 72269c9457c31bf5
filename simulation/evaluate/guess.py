"""`hadir evaluate guess`: the chance that a film made beforehand passes, from the prompts' own pool."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from kiosk.liveness import LivenessSettings
from kiosk.pad.light import LightSettings
from kiosk.pad.prompts import POOL, TURNS
from kiosk.pad.tries import chance


def main(arguments: Sequence[str]) -> int:
    """`hadir evaluate guess`."""
    parser = argparse.ArgumentParser(
        prog="hadir evaluate guess",
        description="The best chance of a film made beforehand, for one try and for the tries of a day.",
        epilog="example:\n  hadir evaluate guess",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--prompts", default=",".join(POOL), metavar="PROMPTS", help="drawn from these alone, as for an alternative set"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    pool = tuple(prompt for prompt in POOL if prompt in options.prompts.split(","))
    if len(pool) < 2 or len(pool) != len(options.prompts.split(",")) or not set(pool) & set(TURNS):
        parser.error(f"--prompts takes two or more of {','.join(POOL)}, one of them a turn")
    liveness = LivenessSettings(pool=pool)
    found = {"none": chance(liveness), "lamp": chance(replace(liveness, light=LightSettings()))}
    if options.json:
        print(json.dumps({light: asdict(one) for light, one in found.items()}))
        return 0
    for light, one in found.items():
        print(
            f"light {light}: prompts {one.prompts:.3g}, light code {one.light:.3g}, one try {one.one_try:.2g}, "
            f"one of {one.tries} tries a day {one.a_day:.2g}"
        )
    return 0
