"""From when on something is an alert: defaults, what officers stated, and the hours of a site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

from sqlalchemy import Connection

from server import facts
from server.alerts.models import BOUNDS, TRAVEL
from server.attendance.calendar import EPOCH, ZONES, Calendar
from server.errors import Refused
from server.people import grants

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Bounds:
    """What is beyond these is an alert. `silence_minutes`: of the site's hours. `travel_seconds`: the least time
    between two sites of which neither time nor place is stated, for all devices alike. `attested_percent`: of the marks
    of a device."""

    silence_minutes: int = 120
    backlog_entries: int = 500
    clock_seconds: int = 10
    disk_free_mb: int = 500
    temperature_celsius: int = 80
    health_minutes: int = 15
    travel_seconds: int = 300
    attested_percent: int = 10


NAMES = tuple(field.name for field in fields(Bounds))
Stated = Mapping[tuple[str, str], Mapping[str, int]]
"""(scope, value) → bound → amount."""


def stated(connection: Connection, at_ms: int) -> Stated:
    """What officers had stated by then."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in facts.as_of(connection, BOUNDS, at_ms):
        found.setdefault((row["scope"], row["value"]), {})[row["bound"]] = int(row["amount"])
    return found


def of(told: Stated, device: str = "", site: str = "") -> Bounds:
    """The bounds of a device: its own before those of its site, and these before those for all."""
    amounts: dict[str, int] = {}
    for scope in (("all", ""), ("site", site), ("device", device)):
        amounts |= told.get(scope, {})
    return replace(Bounds(), **amounts)


def state(
    connection: Connection, bound: str, amount: int, *, site: str = "", device: str = "", by: str, now_ms: int
) -> None:
    """State a bound for all, a site or a device. Refused without the grant hr or admin for all agencies."""
    _require(connection, by, now_ms, "state when something is an alert")
    if bound not in NAMES or amount < 0 or (site and device):
        raise Refused(f"state one of {', '.join(NAMES)} as a number from 0, for a site or for a device")
    if bound == "travel_seconds" and (site or device):
        raise Refused("travel_seconds holds for all; for two sites: hadir server alert travel ONE OTHER --minutes N")
    scope, value = ("device", device) if device else ("site", site) if site else ("all", "")
    row = {"scope": scope, "value": value, "bound": bound, "amount": str(amount)}
    facts.record(connection, BOUNDS, [row], by=by, document="", now_ms=now_ms)


def state_travel(connection: Connection, sites: Iterable[str], seconds: int, *, by: str, now_ms: int) -> None:
    """State the least time between two sites. Refused as `state`."""
    _require(connection, by, now_ms, "state how fast people travel")
    one, other = sorted(sites)
    if one == other or seconds < 0:
        raise Refused("name two different sites, and a time from 0")
    row = {"one_site": one, "other_site": other, "seconds": str(seconds)}
    facts.record(connection, TRAVEL, [row], by=by, document="", now_ms=now_ms)


def working_ms(calendar: Calendar | None, site: str, zone: str, first_ms: int, last_ms: int) -> int:
    """How much of a span lies in the hours of a site; all of it without a calendar.

    Its hours are those of the last shift that the calendar assigns to the site, else those of the default shift.
    """
    if calendar is None:
        return last_ms - first_ms
    east_ms = ZONES[calendar.sites.get(site, zone)] * 1000
    total = 0
    # From the day before: a night shift that began there may reach into the span.
    for number in range((first_ms + east_ms) // _DAY_MS - 1, (last_ms + east_ms) // _DAY_MS + 1):
        day = EPOCH + timedelta(number)
        hours = calendar.shift_on(_shift(calendar, site, day), day)
        if hours is not None:
            begin, end = (number * _DAY_MS - east_ms + second * 1000 for second in hours)
            total += max(0, min(end, last_ms) - max(begin, first_ms))
    return total


def _shift(calendar: Calendar, site: str, day: date) -> str:
    given = [one.shift for one in calendar.assignments if one.column == "site" and site in one.values
             and one.first <= day <= one.last]  # fmt: skip
    return given[-1] if given else calendar.default_shift


def _require(connection: Connection, by: str, now_ms: int, what: str) -> None:
    grants.authority(connection, by, now_ms).require((grants.HR, grants.ADMIN), "", what)
