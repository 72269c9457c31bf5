"""The command line of the server: `hadir server …`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import cast

from sqlalchemy.exc import DBAPIError

from protocol.errors import ProtocolError
from server.commands import (
    attested,
    cards,
    dating,
    devices,
    enrolment,
    erasure,
    grants,
    installation,
    legacy,
    month,
    orders,
    people,
    places,
    proofs,
    report,
    watch,
    withdrawal,
    workflow,
)
from server.commands.common import Command, Commands
from server.database import Database
from server.errors import ServerError
from server.reports.safe import clean


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what it says, 2 with one sentence on standard error when it could not."""
    Database.wrote = False
    options = _parser().parse_args(arguments)
    try:
        return cast(Command, options.command)(options) or 0
    except (ServerError, ProtocolError) as error:
        problem = str(error)
    except DBAPIError as error:
        problem = f"the database refuses ({error.orig}); nothing was changed"
    except BrokenPipeError:
        return 141
    except OSError as error:
        problem = f"{error.filename or 'input or output'}: {error.strerror or error}"
    except KeyboardInterrupt:
        done = "look whether it was recorded before you repeat it" if Database.wrote else "nothing was recorded"
        print(f"hadir: interrupted; {done}", file=sys.stderr)
        return 130
    print(f"hadir: {clean(problem)}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hadir server",
        description="The central server: devices, people, months.",
        epilog="example:\n  hadir server close 2026-10 --by bkpsdm.rina",
        # Where commands are indented, argparse leaves the longest names no room for their help on the same line.
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, indent_increment=0),
    )
    commands = Commands(parser.add_subparsers(metavar="COMMAND", required=True))
    people_and_devices = (installation, devices, watch, people, erasure, grants, enrolment, withdrawal, cards, attested)
    for domain in (*people_and_devices, orders, places, legacy, dating, month, workflow, report, proofs):
        domain.register(commands)
    return parser
