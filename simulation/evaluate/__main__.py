"""`hadir evaluate …`: error rates on your own photos and films, printed as one JSON object."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from kiosk.errors import KioskError

_COMMANDS = {
    "approach": ("simulation.evaluate.approach", "the perspective of coming closer: rendered people and attacks"),
    "depth": ("simulation.evaluate.depth", "turns in real clips against the same pictures on a rendered plane"),
    "embedders": (
        "simulation.evaluate.embedders",
        "dlib by 68 or 5 points, with jitter, and ONNX models: FNMR and time",
    ),
    "films": ("simulation.evaluate.films", "films to measure recordings on, rendered or as a hand films them"),
    "guess": ("simulation.evaluate.guess", "the chance that a film made beforehand passes the prompts and the light"),
    "identify": ("simulation.evaluate.identify", "open-set identification: who is named, missed, or named wrongly"),
    "liveness": (
        "simulation.evaluate.liveness",
        "recordings, or rendered attacks and living heads in closed loop: APCER, BPCER",
    ),
    "photos": ("simulation.evaluate.photos", "enrolment from photos: copies, and badges and prints, that are noticed"),
    "verify": ("simulation.evaluate.verify", "single photo against single photo: FMR, FNMR and thresholds"),
}
"""Subcommand: its module, which has a `main(arguments) -> int`, and its summary."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one measurement; 0 when it was made, 2 with one sentence on standard error when it could not be."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in _COMMANDS:
        # Imported here: each measurement loads models that the others do not need.
        command: Callable[[Sequence[str]], int] = import_module(_COMMANDS[words[0]][0]).main
        try:
            code = command(words[1:])
            sys.stdout.flush()
            return code
        except BrokenPipeError:  # nobody reads any more, nor what Python would write at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 141
        except KioskError as error:
            print(f"hadir: {error}", file=sys.stderr)
            return 2
        except OSError as error:
            print(f"hadir: {error.filename or 'the disk'}: {error.strerror or error}", file=sys.stderr)
            return 2
    parser = argparse.ArgumentParser(
        prog="hadir evaluate",
        description="Measure the product's own decisions on photos and films in a folder.",
        epilog="example:\n  hadir evaluate identify people/ --enrol 3 --shots 3 --seed 1 --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (_, summary) in _COMMANDS.items():
        commands.add_parser(name, help=summary)
    parser.parse_args(words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
