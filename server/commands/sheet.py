"""Command for the claim sheet: device sheet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from server.commands.common import Commands, opened
from server.devices import sheet
from server.reports.atomic import whole_file
from server.reports.language import LANGUAGES


def register(group: Commands) -> None:
    """Add the command to those of `device`."""
    add = group.add(
        "sheet",
        _sheet,
        "Print the claim sheet: a label with QR code for each device that waits for its claim.",
        "hadir server device sheet K01 K02 --out sheet.pdf",
    )
    add.add_argument("names", nargs="+", metavar="NAME", help="added before with 'device add'")
    add.add_argument("--out", type=Path, required=True, metavar="FILE", help="the PDF")
    add.add_argument("--language", choices=LANGUAGES, help="default: the configuration's")


def _sheet(options: argparse.Namespace) -> None:
    parts = opened(options)
    # The new tokens hold once the sheet is there: without it nobody would have them.
    with parts.database.write() as connection:
        labels = sheet.labels(connection, options.names, parts.keyring.root, parts.clock.now_ms())
        with whole_file(options.out) as stream:
            sheet.write(labels, options.language or parts.config.language, stream)
    print(options.out)
    print("each token is valid once; earlier tokens of these devices are void", file=sys.stderr)
