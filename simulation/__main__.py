"""`hadir simulate …`: believable inputs, made without the engine that is measured with them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from simulation import month


def main(arguments: Sequence[str] | None = None) -> int:
    """`hadir simulate month …`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["month"]:
        return month.main(words[1:])
    parser = argparse.ArgumentParser(
        prog="hadir simulate",
        description="Write believable inputs of any size, with the truth beside them.",
        epilog="example:\n  hadir simulate month --employees 200 --seed 1 --out month",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("month", help="a month of a city administration")
    parser.parse_args(words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
