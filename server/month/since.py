"""What was recorded about people between two moments: the reasons for which a month comes out otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from server.allowance.models import CALENDARS, DUES, WORK
from server.attendance.models import ATTEST_LIMITS, DATINGS, LEGACY_MONTHS, SHIFTS, SITES
from server.devices.models import device_losses, entries
from server.month.models import OBJECTIONS
from server.orders.models import CORRECTIONS, LEAVE, ORDERS
from server.people.models import EMPLOYEES, POSTINGS

_KINDS = (
    ("employee", EMPLOYEES),
    ("posting", POSTINGS),
    ("leave", LEAVE),
    ("order", ORDERS),
    ("correction", CORRECTIONS),
    ("dating", DATINGS),
    ("work", WORK),
    ("dues", DUES),
    ("objection", OBJECTIONS),
)
_COMMON = (
    ("calendars", CALENDARS),
    ("shifts", SHIFTS),
    ("sites", SITES),
    ("months of old marks", LEGACY_MONTHS),
    ("limits of attested marks", ATTEST_LIMITS),
)
_SHOWN = 4


def recorded(connection: Connection, employees: Iterable[str], after_ms: int, until_ms: int) -> dict[str, str]:
    """Employee → the facts recorded about them after one moment, until another; who and on which document."""
    wanted = set(employees)
    found: dict[str, list[str]] = defaultdict(list)
    for name, kind in _KINDS:
        table = kind.table
        query = select(table).where(table.c.recorded_ms > after_ms, table.c.recorded_ms <= until_ms)
        for row in connection.execute(query.order_by(table.c.fact)).mappings():
            if row["employee_id"] in wanted:
                state = f" {row['status']}" if "status" in row else ""
                document = f", {row['recorded_document']}" if row["recorded_document"] else ""
                found[row["employee_id"]].append(f"{name} {row['fact']}{state} ({row['recorded_by']}{document})")
    return {
        employee: "; ".join(told[:_SHOWN]) + (f"; +{len(told) - _SHOWN}" if len(told) > _SHOWN else "")
        for employee, told in found.items()
    }


def common(connection: Connection, after_ms: int, until_ms: int) -> list[str]:
    """What concerns everybody in that time: calendars, entries that arrived late, devices that were revoked."""
    arrived = connection.execute(
        select(func.count()).where(entries.c.received_ms > after_ms, entries.c.received_ms <= until_ms)
    ).scalar_one()
    lost = connection.execute(
        select(device_losses.c.device)
        .where(device_losses.c.recorded_ms > after_ms, device_losses.c.recorded_ms <= until_ms)
        .order_by(device_losses.c.loss)
    ).scalars()
    told = []
    for name, kind in _COMMON:
        known = kind.table.c.recorded_ms
        count = select(func.count()).where(known > after_ms, known <= until_ms)
        if found := connection.execute(count).scalar_one():
            told.append(f"{found} {name} recorded")
    told += [f"{arrived} entries of devices arrived"] if arrived else []
    return told + [f"device {device} was revoked" for device in lost]
