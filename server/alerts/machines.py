"""How each device stands: what it last said of itself, and what of that is beyond the bounds, since when."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from server.alerts import bounds
from server.alerts.alert import Alert, lasting, utc
from server.alerts.bounds import Bounds
from server.attendance import attested
from server.attendance.calendar import Calendar
from server.devices.models import CARRIED, contacts, devices, entries, flags, logs, manifests

HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
RECENT = 500
"""Entries of a log by which it is told how many marks were attested: a week's or two."""


@dataclass(frozen=True)
class Heard:
    """A contact: when it was, the device's wall clock then, and what the device said of itself. Unix ms."""

    server_ms: int
    wall_ms: int
    status: Mapping[str, Any]

    @classmethod
    def of(cls, row: RowMapping) -> Heard:
        """A row of contacts."""
        return cls(row["server_ms"], row["wall_ms"], json.loads(row["status"]))

    @property
    def clock_error_ms(self) -> int:
        """The device's clock minus the server's."""
        return self.wall_ms - self.server_ms

    def number(self, name: str) -> int | None:
        """A number that the device said; None where it said none."""
        value = self.status.get(name)
        return value if type(value) is int else None

    def text(self, name: str) -> str:
        """A text that the device said, or ''."""
        value = self.status.get(name, "")
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Standing:
    """What is known of a device. `state`: new, claimed or revoked; `since_ms`: when it came to be so; `heard`: its last
    contact; `held`: entries of its log at the server; `marks`: those among the last RECENT of them, and how many of
    these were attested; `alerts`: what is beyond the bounds now."""

    name: str
    site: str
    zone: str
    state: str
    since_ms: int
    heard: Heard | None
    held: int
    marks: tuple[int, int]
    manifest: int | None
    flags: tuple[str, ...]
    alerts: tuple[Alert, ...]


def standings(connection: Connection, at_ms: int, calendar: Calendar | None) -> list[Standing]:
    """All devices by name, as known at `at_ms`."""
    told = bounds.stated(connection, at_ms)
    last = _last_heard(connection, at_ms)
    held = dict(connection.execute(select(logs.c.device, logs.c.size)).all())
    marks = _marks(connection)
    versions = select(manifests.c.device, func.max(manifests.c.version)).group_by(manifests.c.device)
    newest_manifest = dict(connection.execute(versions).all())
    flagged: dict[str, list[str]] = {}
    for row in connection.execute(select(flags).order_by(flags.c.flag)).mappings():
        flagged.setdefault(row["device"], []).append(f"{row['flag']} ×{row['count']}: {row['detail']}")
    found = []
    for row in connection.execute(select(devices).order_by(devices.c.device)).mappings().all():
        name, heard = row["device"], last.get(row["device"])
        limits = bounds.of(told, name, row["site"])
        state, since_ms = _state(row)
        alerts = _alerts(connection, row, heard, limits, calendar, at_ms) if state == "claimed" else ()
        standing = Standing(
            name,
            row["site"],
            row["zone"],
            state,
            since_ms,
            heard,
            held.get(name, 0),
            (marks[name, "presence"] + marks[name, attested.KIND], marks[name, attested.KIND]),
            newest_manifest.get(name),
            tuple(flagged.get(name, ())),
            tuple(alerts),
        )
        found.append(standing)
    return found


def _marks(connection: Connection) -> Counter[tuple[str, str]]:
    """(device, kind) → marks among the last entries of the log, counted by the column that entries are found by."""
    query = (
        select(entries.c.device, entries.c.kind, func.count())
        .select_from(logs)
        .join(entries, (entries.c.device == logs.c.device) & (entries.c.seq >= logs.c.size - RECENT))
        .where(entries.c.kind.in_(("presence", attested.KIND)))
        .group_by(entries.c.device, entries.c.kind)
    )
    return Counter({(device, kind): count for device, kind, count in connection.execute(query)})


def conditions(heard: Heard, limits: Bounds) -> dict[str, str]:
    """Kind of alert to what is beyond its bound, in words, by what a device said of itself at one contact."""
    found = {}
    if abs(heard.clock_error_ms) > limits.clock_seconds * 1000:
        found["clock"] = f"its clock differs from the server's by {heard.clock_error_ms / 1000:+.0f} s"
    backlog = heard.number("backlog")
    if backlog is not None and backlog > limits.backlog_entries:
        found["backlog"] = f"{backlog} entries wait to be sent"
    free_mb = heard.number("disk_free_mb")
    if free_mb is not None and free_mb < limits.disk_free_mb:
        found["disk"] = f"{free_mb} MB are free on its card"
    heat = heard.number("temperature_mc")
    if heat is not None and heat > limits.temperature_celsius * 1000:
        found["temperature"] = f"it is {heat / 1000:.0f} °C hot"
    if heard.text("station") == "not running":
        found["station"] = "the station does not run"
    elif heard.text("camera_state") == "down":
        found["station"] = "the camera gives no pictures"
    looked_ms = heard.number("looked_ms")
    if looked_ms is not None and heard.wall_ms - looked_ms > limits.health_minutes * _MINUTE_MS:
        found["health"] = f"it last looked at itself {lasting((heard.wall_ms - looked_ms) // _MINUTE_MS)} before"
    return found


def _last_heard(connection: Connection, at_ms: int) -> dict[str, Heard]:
    """Device to its last contact, each found in the index: a kiosk has thousands a day."""
    own = contacts.alias()
    newest = (
        select(own.c.contact)
        .where(own.c.device == devices.c.device, own.c.server_ms <= at_ms, own.c.signed_ms != CARRIED)
        .order_by(own.c.server_ms.desc(), own.c.contact.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(contacts).select_from(devices).join(contacts, contacts.c.contact == newest)
    return {row["device"]: Heard.of(row) for row in connection.execute(query).mappings()}


def _state(row: RowMapping) -> tuple[str, int]:
    if row["lost_ms"] is not None:
        return "revoked", row["lost_ms"]
    return ("new", row["added_ms"]) if row["claimed_ms"] is None else ("claimed", row["claimed_ms"])


def _alerts(
    connection: Connection,
    device: RowMapping,
    heard: Heard | None,
    limits: Bounds,
    calendar: Calendar | None,
    at_ms: int,
) -> list[Alert]:
    name, site = device["device"], device["site"]
    last_ms = heard.server_ms if heard else device["claimed_ms"]
    silent_ms = bounds.working_ms(calendar, site, device["zone"], last_ms, at_ms)
    if silent_ms > limits.silence_minutes * _MINUTE_MS:
        # Of a kiosk without a network, what somebody carries here is heard.
        last_ms = _carried_ms(connection, name, last_ms, at_ms)
        silent_ms = bounds.working_ms(calendar, site, device["zone"], last_ms, at_ms)
    if silent_ms > limits.silence_minutes * _MINUTE_MS:
        of = "" if calendar is None else " of the site's hours"
        detail = f"not heard for {lasting(silent_ms // _MINUTE_MS)}{of}"
        return [Alert("silence", detail, last_ms, at_ms, (f"{name} silent since {utc(last_ms)}",), name, site)]
    if heard is None:
        return []
    found = []
    for kind, detail in conditions(heard, limits).items():
        if kind == "backlog" and _falls(connection, name, heard):
            continue
        begun_ms = _begun(connection, name, heard, kind, limits)
        rests_on = (f"{name} {kind} since {utc(begun_ms)}",)
        found.append(Alert(kind, detail, begun_ms, heard.server_ms, rests_on, name, site))
    return found


def _carried_ms(connection: Connection, device: str, heard_ms: int, at_ms: int) -> int:
    """When a batch of the device last came by hand since its last contact; else that."""
    query = select(func.max(contacts.c.server_ms)).where(
        contacts.c.device == device, contacts.c.server_ms > heard_ms, contacts.c.server_ms <= at_ms
    )
    return connection.execute(query).scalar() or heard_ms


def _falls(connection: Connection, device: str, heard: Heard) -> bool:
    """Whether the backlog is smaller than at the contact an hour before."""
    before = _heard_before(connection, device, heard.server_ms - HOUR_MS)
    return before is not None and (heard.number("backlog") or 0) < (before.number("backlog") or 0)


def _begun(connection: Connection, device: str, heard: Heard, kind: str, limits: Bounds) -> int:
    """The hour since whose end the condition was found at the last contact of every hour: the same whenever asked."""
    begun_ms = heard.server_ms // HOUR_MS * HOUR_MS
    while (before := _heard_before(connection, device, begun_ms)) and kind in conditions(before, limits):
        begun_ms = before.server_ms // HOUR_MS * HOUR_MS
    return begun_ms


def _heard_before(connection: Connection, device: str, server_ms: int) -> Heard | None:
    query = select(contacts).where(
        contacts.c.device == device, contacts.c.server_ms < server_ms, contacts.c.signed_ms != CARRIED
    )
    newest = query.order_by(contacts.c.server_ms.desc(), contacts.c.contact.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    return None if row is None else Heard.of(row)
