"""All alerts as known at a moment, whom a viewer may see named, and who acknowledged which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from server import facts
from server.alerts import attested, logs, machines
from server.alerts.alert import Alert
from server.alerts.models import acknowledgements
from server.allowance import regulation as regulations
from server.allowance.models import CALENDARS
from server.attendance.assignments import laid_over
from server.attendance.calendar import Calendar
from server.config import ServerConfig
from server.errors import NotFound, Refused
from server.people import grants
from server.people import service as people

_NAMING = (grants.HEAD, grants.HR, grants.AUDITOR)
"""Who sees which employee an alert is about."""


@dataclass(frozen=True)
class Acknowledgement:
    """An officer's word that an alert is known, resting on what it rested upon then."""

    by: str
    reason: str
    at_ms: int
    rests_on: frozenset[str]


@dataclass(frozen=True)
class Shown:
    """An alert as a viewer sees it. `employee` and `name` are '' where the viewer's grants do not permit them;
    `agencies`: of the person, or of those who work at the device's site."""

    alert: Alert
    employee: str
    name: str
    agencies: frozenset[str]
    acknowledged: tuple[Acknowledgement, ...]

    @property
    def open(self) -> bool:
        """Whether it rests on anything that nobody has acknowledged."""
        known = frozenset[str]().union(*(one.rests_on for one in self.acknowledged))
        return not known.issuperset(self.alert.rests_on)


def calendar_of(connection: Connection, config: ServerConfig, at_ms: int) -> Calendar | None:
    """The calendar as known at `at_ms`, or the regulation's; None when there is neither."""
    held = facts.as_of(connection, CALENDARS, at_ms)
    calendar = Calendar.parse(held[-1]["text"]) if held else None
    if calendar is None and config.regulation is not None:
        calendar = regulations.load(config.regulation).calendar
    return None if calendar is None else laid_over(connection, calendar, at_ms)


def alerts(connection: Connection, calendar: Calendar | None, *, since_ms: int, at_ms: int) -> list[Alert]:
    """What stands at `at_ms`, and what the server learned since `since_ms`, the worst first; of stored facts alone."""
    found = [alert for one in machines.standings(connection, at_ms, calendar) for alert in one.alerts]
    found += logs.alerts(connection, since_ms, at_ms)
    found += attested.alerts(connection, since_ms, at_ms)
    return sorted(found, key=lambda alert: alert.rank)


def shown(connection: Connection, found: list[Alert], *, at_ms: int, by: str = "", agency: str = "") -> list[Shown]:
    """The alerts as an officer may see them (`by` '': nobody named); of `agency` and those below it alone, if given."""
    viewer = grants.authority(connection, by, at_ms) if by else None
    staff = {row["employee_id"]: row for row in people.employees(connection, at_ms)}
    employees = {pseudonym: employee for employee, pseudonym in people.pseudonyms(connection).items()}
    at_site: dict[str, set[str]] = {}
    for row in staff.values():
        at_site.setdefault(row["site"], set()).add(row["agency"])
    wanted = grants.below_of(grants.parents_of(connection, at_ms), agency, {row["agency"] for row in staff.values()})
    known = _acknowledged(connection, at_ms)
    result = []
    for alert in found:
        row = staff.get(employees.get(alert.person, ""), {})
        agencies = frozenset({row["agency"]} if row else at_site.get(alert.site, ()) if alert.device else ())
        if agency and not agencies & wanted:
            continue
        named = row if row and viewer is not None and viewer.may(_NAMING, row["agency"]) else {}
        who = named.get("employee_id", ""), named.get("name", "")
        result.append(Shown(alert, *who, agencies, tuple(known.get(alert.id, ()))))
    return result


def acknowledge(connection: Connection, found: Shown, *, reason: str, by: str, now_ms: int) -> None:
    """Record that an officer knows of an alert and why nothing more is to be done; it returns with new facts.

    Refused without a reason; without the grant hr or head for the person's agency; for oneself or a superior; for a
    device without the grant hr or admin for an agency at its site.
    """
    acting = grants.authority(connection, by, now_ms)
    alert = found.alert
    if not reason.strip():
        raise Refused("an acknowledgement says why: --reason TEXT")
    if alert.person:
        employee = next((who for who, name in people.pseudonyms(connection).items() if name == alert.person), "")
        acting.require_for((grants.HR, grants.HEAD), employee, "acknowledge an alert")
        acting.refuse_own(employee, "acknowledge an alert")
    elif not any(acting.may((grants.HR, grants.ADMIN), agency) for agency in found.agencies):
        acting.require((grants.HR, grants.ADMIN), "", f"acknowledge an alert about {alert.device}")
    row = {
        "alert": alert.id,
        "rests_on": json.dumps(alert.rests_on),
        "reason": reason,
        "made_by": by,
        "at_ms": now_ms,
    }
    connection.execute(acknowledgements.insert(), row)


def one_of(found: list[Shown], alert_id: str) -> Shown:
    """The alert of this id; NotFound when there is none."""
    chosen = next((one for one in found if one.alert.id == alert_id), None)
    if chosen is None:
        raise NotFound(f"there is no alert {alert_id!r}; see: hadir server alerts --all, perhaps with a longer --since")
    return chosen


def as_json(one: Shown) -> Mapping[str, Any]:
    """An alert for other programs."""
    alert = one.alert
    return {
        "id": alert.id,
        "kind": alert.kind,
        "certain": alert.certain,
        "open": one.open,
        "device": alert.device,
        "site": alert.site,
        "person": alert.person,
        "employee": one.employee,
        "name": one.name,
        "detail": alert.detail,
        "first_seen_ms": alert.first_ms,
        "last_seen_ms": alert.last_ms,
        "rests_on": alert.rests_on,
        "do": alert.do,
        "acknowledged": [{"by": a.by, "reason": a.reason, "at_ms": a.at_ms} for a in one.acknowledged],
    }


def _acknowledged(connection: Connection, at_ms: int) -> dict[str, list[Acknowledgement]]:
    query = select(acknowledgements).where(acknowledgements.c.at_ms <= at_ms)
    found: dict[str, list[Acknowledgement]] = {}
    for row in connection.execute(query.order_by(acknowledgements.c.acknowledgement)).mappings():
        one = Acknowledgement(row["made_by"], row["reason"], row["at_ms"], frozenset(json.loads(row["rests_on"])))
        found.setdefault(row["alert"], []).append(one)
    return found
