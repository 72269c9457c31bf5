"""What `hadir tpp compare` and `hadir server compare` both take; light, so that help comes at once."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("old", type=Path, metavar="OLD", help="the office's list, CSV or XLSX")
    parser.add_argument(
        "--map",
        type=Path,
        metavar="FILE",
        help="YAML, the office's names of columns: 'columns: {nip: NIP, net: Diterima}', 'ignore: [No, Nama]'",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the comparison there as files")
    parser.add_argument("--format", default="", metavar="FORMATS", help="of pdf,xlsx,csv,html (default: all)")
    parser.add_argument("--language", choices=("id", "en"), help="of what is written")
