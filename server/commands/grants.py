"""Commands for rights and offices: grant, grants, agency."""

from __future__ import annotations

import argparse

from sqlalchemy import Connection

from server import facts
from server.attendance import attested
from server.commands.common import Commands, by, day, opened, show_table
from server.devices import manifests
from server.devices import service as devices
from server.people import grants
from server.people import service as people
from server.people.models import HEADS
from server.services import Services


def register(commands: Commands) -> None:
    """Add the commands."""
    grant = commands.add(
        "grant",
        _grant,
        "Give an officer a role for an agency and all below it.",
        "hadir server grant rina hr --agency dukcapil --from 2026-10-01 --to 2026-12-31",
    )
    grant.add_argument("officer")
    grant.add_argument("role", choices=tuple(grants.ROLES))
    grant.add_argument("--agency", default="", help="default: all")
    _dates(grant)
    grant.add_argument("--document", default="", help="what it rests on")
    grant.add_argument("--by", default=grants.CONSOLE, metavar="OFFICER", help="an admin; none while there is none")
    commands.add("grants", _grants, "List who may do what, and who heads what.", "hadir server grants")
    group = commands.group(
        "agency",
        "Agencies: place one below another, say who heads it.",
        "ACTION",
        "hadir server agency place bagum --parent setda --by rina",
    )
    agency = group.add(
        "place", _agency, "Place an agency below another.", "hadir server agency place bagum --parent setda --by rina"
    )
    agency.add_argument("agency")
    agency.add_argument("--name", default="")
    agency.add_argument("--parent", default="", help="default: none, it stands at the top")
    by(agency)
    head = group.add(
        "head",
        _head,
        "Say who heads an agency: definitive, Plt or Plh.",
        "hadir server agency head dukcapil E00031 --as plh --from 2026-10-05 --to 2026-10-09 --document 82 --by rina",
    )
    head.add_argument("agency")
    head.add_argument("employee")
    head.add_argument("--as", dest="capacity", choices=grants.CAPACITIES, default="definitive")
    _dates(head)
    head.add_argument("--document", default="", help="number of the letter")
    by(head)


def _dates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", type=day, metavar="DATE", help="first day (default: today)")
    parser.add_argument("--to", dest="last", type=day, metavar="DATE", help="last day (default: none)")


def _grant(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    first = options.first or people.local_day(now_ms)
    with parts.database.write() as connection:
        grants.give(
            connection,
            options.officer,
            options.role,
            agency=options.agency,
            valid_from=first,
            valid_to=options.last,
            by=options.by,
            document=options.document,
            now_ms=now_ms,
        )
        if options.role == grants.SUPERVISOR:
            _tell_kiosks(connection, parts, now_ms)
    print(f"{options.officer} is {options.role} for {options.agency or 'all agencies'} from {first}")


def _grants(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        rows = grants.holders(connection, now_ms)
        heads = facts.as_of(connection, HEADS, now_ms)
    show_table(
        f"{len(rows)} grants",
        ("officer", "role", "agency", "from", "to", "by"),
        (
            (
                row["officer"],
                row["role"],
                row["agency"] or "all",
                row["valid_from"] or "—",
                row["valid_to"] or "—",
                row["recorded_by"] or "console",
            )
            for row in rows
        ),
    )
    show_table(
        f"{len(heads)} heads",
        ("agency", "employee", "as", "from", "to", "document"),
        (
            (
                row["agency"],
                row["employee_id"],
                row["capacity"],
                row["valid_from"],
                row["valid_to"] or "—",
                row["recorded_document"] or "—",
            )
            for row in heads
        ),
    )


def _agency(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        grants.add_agency(
            connection, options.agency, options.name, options.parent, by=options.by, now_ms=parts.clock.now_ms()
        )
    print(f"{options.agency} stands {f'below {options.parent}' if options.parent else 'at the top'}")


def _head(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        grants.appoint(
            connection,
            options.agency,
            options.employee,
            options.capacity,
            valid_from=options.first or people.local_day(now_ms),
            valid_to=options.last,
            by=options.by,
            document=options.document,
            now_ms=now_ms,
        )
        _tell_kiosks(connection, parts, now_ms)
    print(f"{options.employee} heads {options.agency} ({options.capacity})")


def _tell_kiosks(connection: Connection, parts: Services, now_ms: int) -> None:
    """Who may attest has changed: kiosks at which marks are attested learn it."""
    concerned = [one for one in devices.claimed(connection) if attested.KIND in one.sources]
    manifests.publish(connection, concerned, parts.keyring.gallery, now_ms)
