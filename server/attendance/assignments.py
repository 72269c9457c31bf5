"""Sites and shifts as facts, and the calendar that results when they are laid over the calendar's file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import Connection

from server import facts
from server.attendance.calendar import SCOPES, ZONES, Assignment, Calendar
from server.attendance.models import SHIFTS, SITE_PLACES, SITES
from server.errors import ConfigError, Refused
from server.people import grants
from server.people import service as people


def place_site(
    connection: Connection,
    site: str,
    name: str,
    zone: str,
    *,
    at: tuple[float, float] | None = None,
    by: str,
    now_ms: int,
) -> None:
    """Record a site, its zone and where it is (`at`: degrees north and east), if that is given.

    Refused without the grant hr for all agencies, for an unknown zone, or for a place that is not on earth.
    """
    grants.authority(connection, by, now_ms).require((grants.HR,), "", f"record site {site}")
    if zone not in ZONES:
        raise Refused(f"{zone!r} is no zone; there are {', '.join(ZONES)}")
    if at is not None:
        north, east = at
        if not (-90 <= north <= 90 and -180 <= east <= 180):
            raise Refused(f"{north} {east} is no place: degrees north from -90 to 90, and east from -180 to 180")
        place = {"site": site, "latitude": str(north), "longitude": str(east)}
        facts.record(connection, SITE_PLACES, [place], by=by, document="", now_ms=now_ms)
    facts.record(connection, SITES, [{"site": site, "name": name, "zone": zone}], by=by, document="", now_ms=now_ms)


def assign(
    connection: Connection,
    calendar: Calendar,
    shift: str,
    scope: str,
    values: Sequence[str],
    *,
    first: date,
    last: date | None,
    by: str,
    document: str,
    now_ms: int,
) -> None:
    """Give people a shift of the calendar between two dates; of two for one person the one that begins later holds.

    `scope` is one of SCOPES. Refused without the grant hr for their agencies, or without a document.
    """
    if shift not in calendar.shifts:
        raise Refused(f"the calendar has no shift {shift!r}; it has {', '.join(calendar.shifts)}")
    if scope not in SCOPES:
        raise Refused(f"{scope!r} is none of {', '.join(SCOPES)}")
    if not document:
        raise Refused("who has which shift rests on a letter: --document NUMBER")
    if last is not None and last < first:
        raise Refused(f"the shift would end on {last}, before it begins on {first}")
    acting = grants.authority(connection, by, now_ms)
    own = {
        row[SCOPES[scope]]
        for row in people.employees(connection, now_ms)
        if row["employee_id"] == acting.officer.employee
    }
    for value in values:
        if scope == "employees":
            acting.require_for((grants.HR, grants.HEAD), value, "give a shift")
            acting.refuse_own(value, "give a shift")
        elif value in own:
            raise Refused(f"{by} may not give a shift to {scope} {value}, oneself among them: another officer must")
        elif scope == "agencies":
            acting.require((grants.HR, grants.HEAD), value, f"give a shift to agency {value}")
        else:
            acting.require((grants.HR,), "", f"give a shift to all of {scope} {value}")
    rows = [{"scope": scope, "value": value, "shift": shift} for value in values]
    facts.record(connection, SHIFTS, rows, by=by, document=document, now_ms=now_ms, valid_from=first, valid_to=last)


def laid_over(connection: Connection, calendar: Calendar, cutoff_ms: int) -> Calendar:
    """The calendar with the sites and shifts that were known at `cutoff_ms`; without any, the calendar itself."""
    sites = {row["site"]: row["zone"] for row in facts.as_of(connection, SITES, cutoff_ms)}
    rows = sorted(facts.as_of(connection, SHIFTS, cutoff_ms), key=lambda row: (row["valid_from"], row["fact"]))
    if not sites and not rows:
        return calendar
    for row in rows:
        if row["shift"] not in calendar.shifts:
            raise ConfigError(
                f"{row['value']} has shift {row['shift']!r} from {row['valid_from']}, which the calendar has no more: "
                "import a calendar that has it, or give another shift"
            )
    given = tuple(
        Assignment(
            row["shift"],
            SCOPES[row["scope"]],
            (row["value"],),
            date.fromisoformat(row["valid_from"]),
            date.fromisoformat(row["valid_to"]) if row["valid_to"] else date.max,
        )
        for row in rows
    )
    told = [[row[name] for name in ("scope", "value", "shift", "valid_from", "valid_to")] for row in rows]
    # The hash of the inputs is made of the text: what is laid over the file belongs to it.
    text = calendar.text + json.dumps([sorted(sites.items()), told], ensure_ascii=False)
    return replace(calendar, sites=calendar.sites | sites, assignments=(*calendar.assignments, *given), text=text)
