"""Commands for the month: close, report."""

from __future__ import annotations

from server.commands.common import Commands


def register(commands: Commands) -> None:
    """Add the commands."""
