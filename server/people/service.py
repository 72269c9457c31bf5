"""Who there is: employees as facts, officers, and the pseudonyms under which devices know employees."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from protocol.gallery import pseudonym
from server import facts
from server.errors import Conflict, NotFound, Refused
from server.people.models import AMOUNTS, EMPLOYEE_COLUMNS, EMPLOYEES, officers, person_keys

_OFFICER = re.compile(r"[A-Za-z0-9._@-]{1,64}\Z")


@dataclass(frozen=True)
class Officer:
    """Somebody who acts on the server. `employee`: the officer's own employee id, or ''."""

    id: str
    name: str
    role: str
    employee: str


def add_officer(connection: Connection, officer: Officer, now_ms: int) -> None:
    """Record an officer; Conflict when the id is taken."""
    if not _OFFICER.match(officer.id):
        raise Refused(f"{officer.id!r} cannot name an officer: letters, digits and . _ @ -, at most 64")
    if connection.execute(select(officers).where(officers.c.officer == officer.id)).first():
        raise Conflict(f"officer {officer.id} is there already")
    if officer.employee != officer.employee.strip():
        raise Refused(f"{officer.employee!r} is no employee's id: it has spaces around it")
    same = select(officers.c.officer).where(officers.c.employee == officer.employee, officers.c.employee != "")
    if (other := connection.execute(same).scalar()) is not None:
        raise Conflict(f"employee {officer.employee} is officer {other} already: one person acts under one name")
    row = {"officer": officer.id, "name": officer.name, "role": officer.role, "employee": officer.employee}
    connection.execute(officers.insert(), row | {"added_ms": now_ms})


def officer(connection: Connection, officer_id: str) -> Officer:
    """The officer of this id; NotFound when there is none."""
    row = connection.execute(select(officers).where(officers.c.officer == officer_id)).mappings().first()
    if row is None:
        raise NotFound(
            f"there is no officer {officer_id!r}; add one with: hadir server officer {officer_id} --name NAME"
        )
    return Officer(row["officer"], row["name"], row["role"], row["employee"])


def to_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """An employee as imported, further columns included, as the columns of the fact."""
    amounts = {
        name: str(value) for name, value in row.items() if name not in EMPLOYEE_COLUMNS and value not in (None, "")
    }
    text = json.dumps(amounts, ensure_ascii=False, sort_keys=True) if amounts else ""
    return {name: row.get(name) for name in EMPLOYEE_COLUMNS} | {AMOUNTS: text}


def from_columns(row: Mapping[str, Any]) -> dict[str, str]:
    """Inverse of `to_columns`."""
    amounts = json.loads(row[AMOUNTS]) if row[AMOUNTS] else {}
    return {name: row[name] for name in EMPLOYEE_COLUMNS} | amounts


def add_person_keys(connection: Connection, employee_ids: Iterable[str]) -> None:
    """Give each employee without one a pseudonym's key."""
    held = set(connection.execute(select(person_keys.c.employee)).scalars())
    rows = []
    for employee_id in dict.fromkeys(employee_ids):
        if employee_id not in held:
            key = secrets.token_bytes(32)
            rows.append({"employee": employee_id, "key": key, "pseudonym": pseudonym(key, employee_id)})
    if rows:
        connection.execute(person_keys.insert(), rows)


def pseudonyms(connection: Connection) -> dict[str, str]:
    """Employee id → pseudonym."""
    rows = connection.execute(select(person_keys.c.employee, person_keys.c.pseudonym))
    return {row[0]: row[1] for row in rows}


def employee(connection: Connection, employee_id: str, now_ms: int) -> dict[str, Any]:
    """The employee as known now; NotFound when there is none of this id."""
    for row in employees(connection, now_ms):
        if row["employee_id"] == employee_id:
            return row
    raise NotFound(f"there is no employee {employee_id!r}; import employees.csv with the employee first")


def employees(connection: Connection, now_ms: int) -> list[dict[str, Any]]:
    """All employees as known now, those who have left included."""
    return facts.as_of(connection, EMPLOYEES, now_ms, local_day(now_ms))


def with_names(connection: Connection, rows: Iterable[Mapping[str, Any]], now_ms: int) -> list[dict[str, Any]]:
    """Rows with an employee_id, each with the employee's `name` as known now ('' for nobody known)."""
    names = {row["employee_id"]: row["name"] for row in employees(connection, now_ms)}
    return [dict(row) | {"name": names.get(row["employee_id"], "")} for row in rows]


def active(row: Mapping[str, Any], now_ms: int) -> bool:
    """Whether an employee serves on the day of `now_ms` or will."""
    end = row["end_date"]
    return not end or local_day(now_ms).isoformat() <= end


def local_day(now_ms: int) -> Any:
    """The date in Indonesia's middle zone (WITA), for facts that hold by the day."""
    return (datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(hours=8)).date()
