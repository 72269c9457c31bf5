"""Commands for kiosks without a network: device import, device export."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from server.commands.common import Commands, opened
from server.devices import carrying
from server.reports.safe import clean


def register(group: Commands) -> None:
    """Add the commands to those of `device`."""
    take = group.add(
        "import",
        _import,
        "Take the marks that a stick brings from kiosks; the acknowledgements go back on it.",
        "hadir server device import /mnt",
    )
    take.add_argument("source", type=Path, metavar="STICK", help="filled by 'hadir kiosk export'; or one of its files")
    give = group.add(
        "export",
        _export,
        "Put a kiosk's manifest, gallery and acknowledgement on a stick.",
        "hadir server device export K01 /mnt",
    )
    give.add_argument("name", help="the device's name")
    give.add_argument("stick", type=Path, metavar="STICK", help="the kiosk reads it with 'hadir kiosk import'")


def _import(options: argparse.Namespace) -> int:
    taken = carrying.take(opened(options), options.source)
    for name, held in taken.held.items():
        print(f"{name}: {taken.files[name]} files taken, {held} entries held")
    for problem in taken.problems:
        print(f"hadir: {clean(problem)}", file=sys.stderr)
    return 1 if taken.problems else 0


def _export(options: argparse.Namespace) -> None:
    version = carrying.give(opened(options), options.name, options.stick)
    print(f"{options.stick / options.name}: manifest {version}. At the kiosk: hadir kiosk import {options.stick}")
