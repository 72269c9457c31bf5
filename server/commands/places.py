"""Commands for where and when people work: site, shift."""

from __future__ import annotations

import argparse

from server.attendance import assignments
from server.attendance.calendar import SCOPES, ZONES
from server.commands.common import Commands, by, day, opened
from server.month import reckoning, rules
from server.people import service as people


def register(commands: Commands) -> None:
    """Add the commands."""
    site = commands.add(
        "site",
        _site,
        "Record a site, its zone and where it is.",
        'hadir server site masohi --name "Masohi" --zone WIT --at -3.2906 128.9675 --by rina',
    )
    site.add_argument("site")
    site.add_argument("--name", default="")
    site.add_argument("--zone", required=True, choices=tuple(ZONES))
    site.add_argument("--at", nargs=2, type=float, metavar=("NORTH", "EAST"), help="degrees, south and west negative")
    by(site)
    shift = commands.add(
        "shift",
        _shift,
        "Give people a shift of the calendar, between two dates.",
        "hadir server shift night E00017 E00018 --from 2026-10-01 --to 2026-10-15 --document 800/9 --by joko",
    )
    shift.add_argument("shift", help="as the calendar names it")
    shift.add_argument("value", nargs="+", help="employee ids, or names of what --of says")
    shift.add_argument("--of", dest="scope", choices=tuple(SCOPES), default="employees")
    shift.add_argument("--from", dest="first", type=day, metavar="DATE", help="default: today")
    shift.add_argument("--to", dest="last", type=day, metavar="DATE", help="default: until another follows")
    shift.add_argument("--document", required=True)
    by(shift)


def _site(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        now_ms = parts.clock.now_ms()
        assignments.place_site(
            connection,
            options.site,
            options.name,
            options.zone,
            at=tuple(options.at) if options.at else None,
            by=options.by,
            now_ms=now_ms,
        )
    print(f"{options.site} is in {options.zone}")


def _shift(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    regulation = rules.configured(parts)
    with parts.database.write() as connection:
        assignments.assign(
            connection,
            reckoning.calendar_of(connection, now_ms, regulation),
            options.shift,
            options.scope,
            options.value,
            first=options.first or people.local_day(now_ms),
            last=options.last,
            by=options.by,
            document=options.document,
            now_ms=now_ms,
        )
    print(f"{', '.join(options.value)}: {options.shift}")
