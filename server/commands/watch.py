"""Commands to watch over devices: devices, alerts, alert acknowledge, alert mail, alert bound, alert travel."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from server.alerts import bounds, machines, mail, service
from server.alerts.alert import lasting
from server.alerts.machines import Heard, Standing
from server.commands.common import Commands, by, opened, show_table, shown_time, since
from server.errors import ConfigError
from server.reports.safe import clean
from server.services import Services

_ACKNOWLEDGE = 'hadir server alert acknowledge 3fb1c2d4e5 --reason "asked, new card by us" --by rina'
_STATES = ("claimed", "new", "revoked")


def register(commands: Commands) -> None:
    """Add the commands."""
    listing = commands.add(
        "devices", _devices, "List devices, the worst first: contact, backlog, health, flags.", "hadir server devices"
    )
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    alerts = commands.add(
        "alerts",
        _alerts,
        "List what somebody must look at, the worst first.",
        "hadir server alerts --agency dinkes --since 2d --by rina",
    )
    alerts.add_argument("--agency", default="", help="of this agency and those below it (default: all)")
    alerts.add_argument("--by", default="", metavar="OFFICER", help="name the people whom this officer may see")
    alerts.add_argument("--all", action="store_true", help="those that are acknowledged too")
    alerts.add_argument("--json", action="store_true", help="print one JSON object a line")
    _since(alerts)
    group = commands.group("alert", "Acknowledge an alert; state when something is one.", "ACTION", _ACKNOWLEDGE)
    known = group.add("acknowledge", _acknowledge, "Say why nothing more is to be done.", _ACKNOWLEDGE)
    known.add_argument("id")
    known.add_argument("--reason", required=True)
    _since(known)
    by(known)
    mailing = group.add(
        "mail", _mail, "Mail what is new, each alert once, as the configuration says.", "hadir server alert mail"
    )
    _since(mailing)
    bound = group.add(
        "bound",
        _bound,
        "State from when on something is an alert.",
        "hadir server alert bound silence_minutes 240 --site dukcapil --by rina",
    )
    bound.add_argument("bound", choices=bounds.NAMES)
    bound.add_argument("amount", type=int)
    bound.add_argument("--site", default="", help="for the devices of a site (default: for all)")
    bound.add_argument("--device", default="", help="for one device")
    by(bound)
    travel = group.add(
        "travel",
        _travel,
        "State the least time between two sites.",
        "hadir server alert travel dukcapil masohi --minutes 120 --by rina",
    )
    travel.add_argument("one")
    travel.add_argument("other")
    travel.add_argument("--minutes", type=int, required=True)
    by(travel)


def _since(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        default="7d",
        help="what the server learned in 12h or 2d (default: 7d), or since a moment with offset",
    )


def _devices(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        calendar = service.calendar_of(connection, parts.config, now_ms)
        standings = sorted(machines.standings(connection, now_ms, calendar), key=_rank)
    if options.json:
        for one in standings:
            print(json.dumps(_device_json(one), ensure_ascii=False))
        return
    told = ("last contact", "backlog", "clock", "software", "disk", "heat", "camera", "attested")
    columns = ("device", "site", "how it is", *told)
    show_table(f"{len(standings)} devices", columns, (_device_row(one, now_ms) for one in standings))
    for one in standings:
        for flag in one.flags:
            print(clean(f"{one.name}: {flag}"))


def _rank(one: Standing) -> tuple[Any, ...]:
    worst = min((alert.rank for alert in one.alerts), default=None)
    return _STATES.index(one.state), worst is None, worst or (), not one.flags, one.name


def _device_row(one: Standing, now_ms: int) -> tuple[object, ...]:
    how = {"new": "not claimed yet", "revoked": "revoked", "claimed": "well"}[one.state]
    if one.alerts:
        how = "; ".join(alert.detail for alert in one.alerts)
    heard = one.heard
    if heard is None:
        return one.name, one.site, how, *["—"] * 8
    free_mb, heat = heard.number("disk_free_mb"), heard.number("temperature_mc")
    return (
        one.name,
        one.site,
        how,
        f"{lasting((now_ms - heard.server_ms) // 60_000)} ago, {shown_time(heard.server_ms)}",
        "—" if heard.number("backlog") is None else heard.number("backlog"),
        f"{heard.clock_error_ms / 1000:+.1f} s, {_clock(heard)}",
        _software(heard),
        "—" if free_mb is None else f"{free_mb} MB free",
        "—" if heat is None else f"{heat / 1000:.0f} °C",
        f"{heard.text('camera') or '—'} {heard.text('camera_state')}".strip(),
        "{1} of {0} marks".format(*one.marks) if one.marks[0] else "—",
    )


def _clock(heard: Heard) -> str:
    rtc = heard.text("rtc")
    return (heard.text("clock") or "state unknown") + (f", RTC {rtc}" if rtc not in ("", "kept") else "")


def _software(heard: Heard) -> str:
    due = heard.text("release_due")
    return (heard.text("software") or "—") + (f", release {due} is due" if due else "")


def _device_json(one: Standing) -> dict[str, Any]:
    heard = one.heard
    return {
        "device": one.name,
        "site": one.site,
        "zone": one.zone,
        "state": one.state,
        "state_since_ms": one.since_ms,
        "last_contact_ms": heard.server_ms if heard else None,
        "clock_error_ms": heard.clock_error_ms if heard else None,
        "held": one.held,
        "marks": one.marks[0],
        "attested": one.marks[1],
        "manifest": one.manifest,
        "status": heard.status if heard else {},
        "flags": one.flags,
        "alerts": [{"id": alert.id, "kind": alert.kind, "detail": alert.detail} for alert in one.alerts],
    }


def _found(parts: Services, options: argparse.Namespace, viewer: str, agency: str = "") -> list[service.Shown]:
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        calendar = service.calendar_of(connection, parts.config, now_ms)
        found = service.alerts(connection, calendar, since_ms=since(options.since, now_ms), at_ms=now_ms)
        return service.shown(connection, found, at_ms=now_ms, by=viewer, agency=agency)


def _alerts(options: argparse.Namespace) -> None:
    found = [one for one in _found(opened(options), options, options.by, options.agency) if one.open or options.all]
    if options.json:
        for one in found:
            print(json.dumps(service.as_json(one), ensure_ascii=False))
        return
    print(f"{len(found)} alerts")
    for one in found:
        print()
        for line in _lines(one):
            print(clean(line))


def _lines(one: service.Shown) -> Sequence[str]:
    alert = one.alert
    about = f"{alert.device} ({alert.site})" if alert.device else f"{one.employee} {one.name}".strip() or alert.person
    sure = "" if alert.certain else ", perhaps"
    more = f" and {len(alert.rests_on) - 8} more" if len(alert.rests_on) > 8 else ""
    return (
        f"{alert.id}  {alert.kind}{sure}  {about}: {alert.detail}",
        f"    first {shown_time(alert.first_ms)}, last {shown_time(alert.last_ms)}",
        f"    rests on {', '.join(alert.rests_on[:8])}{more}",
        f"    {alert.do}",
        *(f"    known to {a.by} since {shown_time(a.at_ms)}: {a.reason}" for a in one.acknowledged),
    )


def _acknowledge(options: argparse.Namespace) -> None:
    parts = opened(options)
    chosen = service.one_of(_found(parts, options, options.by), options.id)
    with parts.database.write() as connection:
        now_ms = parts.clock.now_ms()
        service.acknowledge(connection, chosen, reason=options.reason, by=options.by, now_ms=now_ms)
    print(f"{options.id} is known to {options.by}; it returns when it rests on something new")


def _mail(options: argparse.Namespace) -> None:
    parts = opened(options)
    if parts.config.mail is None:
        raise ConfigError(f"{options.config}: says of nobody who gets mail; set mail")
    found = _found(parts, options, "")
    with parts.database.read() as connection:
        found = mail.unmailed(connection, found)
    if not found:
        print("nothing new")
        return
    lines = [clean(line) for one in found for line in (*_lines(one), "")]
    worst = clean(found[0].alert.kind)
    mail.send(parts.config.mail, f"Hadir {parts.config.origin}: {len(found)} new alerts, the worst: {worst}", lines)
    with parts.database.write() as connection:
        mail.keep(connection, found, parts.clock.now_ms())
    print(f"mailed {len(found)} alerts to {', '.join(parts.config.mail.to)}")


def _bound(options: argparse.Namespace) -> None:
    parts = opened(options)
    where = {"site": options.site, "device": options.device}
    with parts.database.write() as connection:
        now_ms = parts.clock.now_ms()
        bounds.state(connection, options.bound, options.amount, **where, by=options.by, now_ms=now_ms)
    print(f"{options.bound} is {options.amount} for {options.device or options.site or 'all'}")


def _travel(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        now_ms = parts.clock.now_ms()
        sites = (options.one, options.other)
        bounds.state_travel(connection, sites, options.minutes * 60, by=options.by, now_ms=now_ms)
    print(f"between {options.one} and {options.other}: {options.minutes} min at least")
