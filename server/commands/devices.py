"""Commands for devices and auditors: device add, devices, revoke, auditor."""

from __future__ import annotations

import argparse
import sys

from server.commands import carrying, sheet
from server.commands.common import Commands, opened, shown_time, since
from server.devices import service as devices
from server.transparency import service as transparency


def register(commands: Commands) -> None:
    """Add the commands."""
    example = 'hadir server device add K01 --site "Kantor A" --zone WIT --source picamera2'
    group = commands.group(
        "device", "Add a device; carry marks from it and galleries to it by hand.", "COMMAND", example
    )
    carrying.register(group)
    sheet.register(group)
    add = group.add("add", _add, "Print a one-time token for a new device.", example)
    add.add_argument("name", help="letters, digits and '-', at most 32")
    add.add_argument("--site", required=True, help="where it hangs")
    add.add_argument("--zone", required=True, choices=devices.ZONES)
    add.add_argument(
        "--source",
        action="append",
        required=True,
        choices=devices.SOURCES,
        metavar="KIND",
        help=f"kind of camera whose marks count, of {', '.join(devices.SOURCES)}; repeatable",
    )
    revoke = commands.add(
        "revoke", _revoke, "A device is lost: stop hearing it.", "hadir server revoke K01 --reason stolen --since 2h"
    )
    revoke.add_argument("name")
    revoke.add_argument("--reason", required=True)
    revoke.add_argument(
        "--since",
        default="0h",
        help="when it was lost: 30m, 2h or 3d ago (default: now), or as in 2026-10-06T14:00:00+09:00",
    )
    auditor = commands.add("auditor", _auditor, "Print a token to read the logs with.", "hadir server auditor kpk")
    auditor.add_argument("name")


def _add(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        token = devices.add(
            connection,
            options.name,
            site=options.site,
            zone=options.zone,
            sources=tuple(options.source),
            root=parts.keyring.root,
            now_ms=now_ms,
        )
    print(token)
    until = shown_time(now_ms + devices.TOKEN_MS)
    print(f"valid once, until {until}; an earlier token of {options.name} is void", file=sys.stderr)


def _revoke(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    lost_ms = since(options.since, now_ms)
    with parts.database.write() as connection:
        devices.revoke(connection, options.name, lost_ms=lost_ms, reason=options.reason, now_ms=now_ms)
    print(f"{options.name} is not heard any more; what it recorded after {shown_time(lost_ms)} does not count")


def _auditor(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        print(transparency.add_auditor(connection, options.name, parts.clock.now_ms()))
