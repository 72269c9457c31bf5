"""Grants: what an officer may do, for which agencies, on which days; and whose facts an officer does not decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from server import facts
from server.errors import NotFound, Refused
from server.people import service as people
from server.people.models import AGENCIES, GRANTS, HEADS

EMPLOYEE, HEAD, HR, TREASURER, AUDITOR, ADMIN = "employee", "head", "hr", "treasurer", "auditor", "admin"
SUPERVISOR = "supervisor"
ROLES: Mapping[str, str] = {
    EMPLOYEE: "speaks for oneself only",
    HEAD: "issues and confirms orders, decides leave and corrections, approves the month",
    HR: "imports facts, enrols, prepares, approves and locks the month",
    TREASURER: "says that a locked month was paid",
    AUDITOR: "exports facts",
    ADMIN: "gives grants",
    SUPERVISOR: "attests, at a kiosk, who is there though it cannot decide; so do heads",
}
DEFINITIVE = "definitive"
CAPACITIES = (DEFINITIVE, "plt", "plh")
CONSOLE = ""
"""Who acts when nobody is named: somebody at the server's own terminal."""


@dataclass(frozen=True)
class Authority:
    """An officer on a day: grants as role → agencies, and the people whose facts the officer does not decide."""

    officer: people.Officer
    day: date
    roles: Mapping[str, frozenset[str]]
    parents: Mapping[str, str]
    agencies: Mapping[str, str]
    heads: Mapping[str, frozenset[str]]

    def may(self, roles: Sequence[str], agency: str) -> bool:
        """Whether one of the roles is held for the agency or one above it ('' stands above all)."""
        above = {"", *above_of(self.parents, agency)}
        return any(not above.isdisjoint(self.roles.get(role, ())) for role in roles)

    def require(self, roles: Sequence[str], agency: str, what: str) -> None:
        """Refused, naming the grant that is missing, unless `may`."""
        if not self.may(roles, agency):
            whose = f"agency {agency}" if agency else "all agencies"
            option = f" --agency {agency}" if agency else ""
            raise Refused(
                f"{self.officer.id} may not {what}: on {self.day} the grant {' or '.join(roles)} for {whose} "
                f"is missing; give it with: hadir server grant {self.officer.id} {roles[0]}{option} --from {self.day}"
            )

    def agency_of(self, employee_id: str) -> str:
        """The agency of an employee today; NotFound when there is no such employee."""
        if employee_id not in self.agencies:
            raise NotFound(f"there is no employee {employee_id!r}; import employees.csv with the employee first")
        return self.agencies[employee_id]

    def require_for(self, roles: Sequence[str], employee_id: str, what: str) -> None:
        """`require` for the employee's agency."""
        self.require(roles, self.agency_of(employee_id), f"{what} of {employee_id}")

    def is_own_or_superiors(self, employee_id: str) -> bool:
        """Whether the employee is the officer, or heads the officer's agency or one above it."""
        own = self.officer.employee
        if not own:
            return False
        above = above_of(self.parents, self.agencies.get(own, ""))
        return employee_id == own or any(employee_id in self.heads.get(agency, ()) for agency in above)

    def refuse_own(self, employee_id: str, what: str) -> None:
        """Refused when the facts are the officer's own or those of a superior."""
        if self.is_own_or_superiors(employee_id):
            whose = "oneself" if employee_id == self.officer.employee else f"the superior {employee_id}"
            raise Refused(f"{self.officer.id} may not {what} of {whose}: another officer must")

    def same_person(self, other: people.Officer) -> bool:
        """Whether another officer is this one, perhaps under another name."""
        return other.id == self.officer.id or bool(other.employee and other.employee == self.officer.employee)


def authority(connection: Connection, officer_id: str, now_ms: int) -> Authority:
    """What an officer may do at the server's time; NotFound when there is no such officer."""
    officer = people.officer(connection, officer_id)
    day = people.local_day(now_ms)
    roles: dict[str, set[str]] = {}
    for row in facts.as_of(connection, GRANTS, now_ms, day):
        if row["officer"] == officer.id:
            roles.setdefault(row["role"], set()).add(row["agency"])
    heads: dict[str, set[str]] = {}
    for row in facts.as_of(connection, HEADS, now_ms, day):
        heads.setdefault(row["agency"], set()).add(row["employee_id"])
        if officer.employee and row["employee_id"] == officer.employee:
            roles.setdefault(HEAD, set()).add(row["agency"])
    return Authority(
        officer,
        day,
        {role: frozenset(agencies) for role, agencies in roles.items()},
        parents_of(connection, now_ms),
        {row["employee_id"]: row["agency"] for row in people.employees(connection, now_ms)},
        {agency: frozenset(who) for agency, who in heads.items()},
    )


def parents_of(connection: Connection, now_ms: int) -> dict[str, str]:
    """Agency → the agency above it."""
    rows = facts.as_of(connection, AGENCIES, now_ms, people.local_day(now_ms))
    return {row["agency"]: row["parent"] for row in rows}


def above_of(parents: Mapping[str, str], agency: str) -> list[str]:
    """An agency and those above it, nearest first."""
    found: list[str] = []
    while agency and agency not in found:
        found.append(agency)
        agency = parents.get(agency, "")
    return found


def below_of(parents: Mapping[str, str], agency: str, known: Iterable[str]) -> set[str]:
    """Of the known agencies, those that are `agency` or below it; all of them for ''."""
    return {one for one in known if not agency or agency in above_of(parents, one)}


def give(
    connection: Connection,
    officer_id: str,
    role: str,
    *,
    agency: str = "",
    valid_from: date | None = None,
    valid_to: date | None = None,
    by: str = CONSOLE,
    document: str = "",
    now_ms: int,
) -> None:
    """Grant a role; the same role, agency and first day again, with an end, ends it.

    As long as nobody is admin, grants come from the server's own terminal (`by` ''); from then on an admin gives
    them, to others than oneself. Refused otherwise.
    """
    person = people.officer(connection, officer_id)
    if role not in ROLES:
        raise Refused(f"{role!r} is no role; there are {', '.join(ROLES)}")
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        raise Refused(f"the grant would end on {valid_to}, before it begins on {valid_from}")
    may_administer(connection, by, now_ms, agency)
    if by and authority(connection, by, now_ms).same_person(person):
        raise Refused(f"{by} may not give grants to oneself: another admin must")
    row = {"officer": officer_id, "role": role, "agency": agency}
    facts.record(
        connection, GRANTS, [row], by=by, document=document, now_ms=now_ms, valid_from=valid_from, valid_to=valid_to
    )


def may_administer(connection: Connection, by: str, now_ms: int, agency: str = "") -> None:
    """Refused unless `by` is an admin for the agency, or is nobody while there is no admin."""
    if by:
        authority(connection, by, now_ms).require((ADMIN,), agency, "give grants")
        return
    rows = facts.as_of(connection, GRANTS, now_ms, people.local_day(now_ms))
    admins = sorted({row["officer"] for row in rows if row["role"] == ADMIN})
    if admins:
        raise Refused(f"grants are given by an admin: name one of {', '.join(admins)} with --by")


def holders(connection: Connection, now_ms: int) -> list[dict[str, str]]:
    """All grants that are known, those of past and future days included, by officer."""
    rows = facts.as_of(connection, GRANTS, now_ms)
    return sorted(rows, key=lambda row: (row["officer"], row["role"], row["agency"], row["valid_from"]))


def add_agency(connection: Connection, agency: str, name: str, parent: str, *, by: str, now_ms: int) -> None:
    """Record an agency and the one above it. Refused where that would go in a circle, or without the grant hr or admin
    for the agency above, now and from now on: who may act for that one may act for this one.
    """
    acting, parents = authority(connection, by, now_ms), parents_of(connection, now_ms)
    for above in {parents.get(agency, ""), parent}:
        acting.require((HR, ADMIN), above, f"place agency {agency}")
    if agency in above_of(parents, parent):
        raise Refused(f"{parent} stands below {agency}: it cannot stand above it too")
    row = {"agency": agency, "name": name, "parent": parent}
    facts.record(connection, AGENCIES, [row], by=by, document="", now_ms=now_ms)


def appoint(
    connection: Connection,
    agency: str,
    employee_id: str,
    capacity: str,
    *,
    valid_from: date,
    valid_to: date | None,
    by: str,
    document: str,
    now_ms: int,
) -> None:
    """Record who heads an agency. A Plt or Plh needs an end and a document; Refused otherwise."""
    acting = authority(connection, by, now_ms)
    acting.require((HR, ADMIN), agency, f"say who heads agency {agency}")
    acting.agency_of(employee_id)
    if employee_id == acting.officer.employee:
        raise Refused(f"{by} may not appoint oneself: another officer must")
    if capacity not in CAPACITIES:
        raise Refused(f"{capacity!r} is none of {', '.join(CAPACITIES)}")
    if capacity != DEFINITIVE and (valid_to is None or not document):
        raise Refused(f"a {capacity} is dated and appointed by letter: --to DATE --document NUMBER")
    if valid_to is not None and valid_to < valid_from:
        raise Refused(f"the office would end on {valid_to}, before it begins on {valid_from}")
    row = {"agency": agency, "capacity": capacity, "employee_id": employee_id}
    facts.record(
        connection, HEADS, [row], by=by, document=document, now_ms=now_ms, valid_from=valid_from, valid_to=valid_to
    )
