"""What commands share: their registration, the configuration, tables and times on the terminal."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from textwrap import fill
from typing import Any

from rich.console import Console
from rich.table import Table

from server import config
from server.allowance import regulation as regulations
from server.allowance.catalogue import indonesian
from server.allowance.regulation import Regulation
from server.errors import Refused
from server.reports.language import Language
from server.reports.safe import clean
from server.services import Services, open_services

Command = Callable[[argparse.Namespace], int | None]
SHOWN = 20
"""Rows that a list shows where more would scroll away."""
_FOLDED = 20
"""Characters of a table's cell below which folding makes it unreadable."""
WIT = timezone(timedelta(hours=9), "WIT")
_DEFAULT = Path(os.environ.get("HADIR_SERVER_CONFIG", "/etc/hadir/server.yaml"))


class Commands:
    """Adds commands, each with a summary, an example and `--config`."""

    def __init__(self, parsers: Any) -> None:
        self._parsers = parsers

    def add(self, name: str, command: Command, summary: str, example: str) -> argparse.ArgumentParser:
        """A command of this name; what else it takes is added to the parser returned."""
        parser: argparse.ArgumentParser = self._parsers.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.set_defaults(command=command)
        parser.add_argument("--config", type=Path, default=_DEFAULT, metavar="FILE", help=f"default: {_DEFAULT}")
        return parser

    def group(self, name: str, summary: str, metavar: str, example: str) -> Commands:
        """A command that has commands of its own."""
        parser = self._parsers.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        return Commands(parser.add_subparsers(metavar=metavar, required=True))


def by(parser: argparse.ArgumentParser, what: str = "the officer who does this") -> None:
    """Add `--by OFFICER`."""
    parser.add_argument("--by", required=True, metavar="OFFICER", help=what)


def day(text: str) -> date:
    """A date of the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-10-01") from error


def instant(text: str) -> int:
    """A time of the command line, with its offset, in Unix milliseconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-05T12:00:00+09:00") from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no offset such as +09:00")
    return int(moment.timestamp() * 1000)


def since(text: str, now_ms: int) -> int:
    """A time before `now_ms`: how long ago, or a moment as of `instant`. Refused for what is neither, or to come."""
    found = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if found:
        return now_ms - int(found[1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[found[2]]
    try:
        time_ms = instant(text)
    except argparse.ArgumentTypeError as error:
        raise Refused(f"--since {text!r} is neither such as 30m, 2h or 3d, nor a moment: {error}") from error
    if time_ms > now_ms:
        raise Refused(f"--since {text!r} has not come yet")
    return time_ms


def opened(options: argparse.Namespace) -> Services:
    """The services of the configuration that the options name."""
    return open_services(config.load(options.config))


def regulation_of(parts: Services) -> Regulation | None:
    """The regulation of the configuration, None where it names none; RegulationError for one that cannot be read."""
    return regulations.load(parts.config.regulation) if parts.config.regulation else None


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, or, where the terminal is too narrow for it, each row as a paragraph of what is known.

    Text from outside cannot steer the terminal.
    """
    console = Console(markup=False, highlight=False)
    shown = [[clean(str(cell)) for cell in row] for row in rows]
    needed = sum(3 + min(_FOLDED, max(map(len, cells))) for cells in zip(columns, *shown, strict=True)) + 1
    if shown and needed > console.width:
        console.print(title, style="bold")
        for row in shown:
            known = [f"{name} {cell}" for name, cell in zip(columns, row, strict=True) if cell not in ("", "—")]
            console.out(fill(" · ".join(known), console.width, subsequent_indent="    "))
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in shown:
        table.add_row(*row)
    console.print(table)


def show_unresolved(rows: Sequence[Mapping[str, str]]) -> None:
    """Print what of a month waits for an answer, where anything does: the first of it."""
    if not rows:
        return
    show_table(
        f"waiting for an answer: {len(rows)}" + (f", the first {SHOWN}" if len(rows) > SHOWN else ""),
        ("employee", "what", "reason"),
        [(row["employee_id"], row["what"], indonesian(row["reason"])) for row in rows[:SHOWN]],
    )


def rupiah(value: int) -> str:
    """An amount as Indonesians write it."""
    return Language("id").rupiah(value)


def shown_time(time_ms: int | None) -> str:
    """A time as read in eastern Indonesia, or a dash."""
    return "—" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, WIT).strftime("%Y-%m-%d %H:%M:%S WIT")
