"""Commands for people: officer, import."""

from __future__ import annotations

import argparse

from server.commands.common import Commands, opened
from server.people import service as people


def register(commands: Commands) -> None:
    """Add the commands."""
    officer = commands.add(
        "officer", _officer, "Add somebody who acts on the server.", 'hadir server officer rina --name "Rina L."'
    )
    officer.add_argument("id")
    officer.add_argument("--name", required=True)
    officer.add_argument("--role", default="hr", help="what the officer is; shown, not yet a right (default: hr)")
    officer.add_argument("--employee", default="", help="the officer's own employee id, who never approves oneself")


def _officer(options: argparse.Namespace) -> None:
    parts = opened(options)
    officer = people.Officer(options.id, options.name, options.role, options.employee)
    with parts.database.write() as connection:
        people.add_officer(connection, officer, parts.clock.now_ms())
    print(f"added {officer.id}")
