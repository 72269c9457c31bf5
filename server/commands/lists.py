"""What stands beside a month's payments in its reports: PP 94 warnings, open duty orders, later payments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, or_, select

from server.allowance import month as months
from server.allowance.catalogue import Words
from server.allowance.models import runs
from server.errors import NotFound
from server.month import pp94, reckoning
from server.month.models import susulan
from server.orders import papers
from server.orders import service as orders
from server.people import service as people
from server.reports.lists import Arrear, DisciplineWarning, OpenOrder
from server.reports.model import MonthReport
from server.services import Services

_WAITS = {orders.ISSUED: "accept", orders.ACCEPTED: "report", orders.REPORTED: "confirm", papers.WITHDRAWING: "decide"}


def beside(parts: Services, reports: Sequence[MonthReport], names: Collection[str]) -> list[MonthReport]:
    """The reports of a month with the lists among `names`, each agency with its own people's."""
    if not reports:
        return []
    month = reports[0].month
    warned: dict[str, list[DisciplineWarning]] = defaultdict(list)
    unfinished: dict[str, list[OpenOrder]] = defaultdict(list)
    later: dict[str, list[Arrear]] = defaultdict(list)
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        staff = {row["employee_id"]: row for row in people.employees(connection, now_ms)}
        if "duty_orders" in names:
            for row in orders.listed(connection, now_ms, unfinished=True):
                if row["from"][:7] <= month:
                    _add(unfinished, staff, row["employee_id"], _order(row, staff))
        if "arrears" in names:
            for who, one in _arrears(connection, month, staff):
                _add(later, staff, who, one)
    if "discipline" in names:
        for warning in _warnings(parts, month):
            _add(warned, staff, warning.employee_id, _warning(warning, staff))
    return [
        replace(
            report,
            lists=replace(
                report.lists,
                discipline=tuple(warned[report.agency.id]) if "discipline" in names else None,
                orders=tuple(unfinished[report.agency.id]) if "duty_orders" in names else None,
                arrears=tuple(later[report.agency.id]) if "arrears" in names else None,
            ),
        )
        for report in reports
    ]


Staff = Mapping[str, Mapping[str, Any]]


def _add(found: dict[str, list[Any]], staff: Staff, employee_id: str, one: object) -> None:
    found[staff[employee_id]["agency"] if employee_id in staff else ""].append(one)


def _known(staff: Staff, employee_id: str) -> tuple[str, str]:
    """NIP and name."""
    row = staff.get(employee_id, {})
    return row.get("nip") or employee_id, row.get("name") or employee_id


def _order(row: Mapping[str, str], staff: Staff) -> OpenOrder:
    return OpenOrder(
        row["order_id"],
        row["document"],
        *_known(staff, row["employee_id"]),
        row["place"],
        row["from"],
        row["to"],
        row["status"],
        _WAITS.get(row["status"], "" if row["document"] else "document"),
    )


def _warnings(parts: Services, month: str) -> list[pp94.Warned]:
    """Of the month's year; nobody where no day of it is known."""
    try:
        return pp94.warnings(parts, int(month[:4]), until=reckoning.span_of(month)[1])
    except NotFound:
        return []


def _warning(one: pp94.Warned, staff: Staff) -> DisciplineWarning:
    nip, name = _known(staff, one.employee_id)
    return DisciplineWarning(nip, name, one.days, one.longest, one.text("id"), one.text("en"))


def _arrears(connection: Connection, month: str, staff: Staff) -> list[tuple[str, Arrear]]:
    """Employee and line of each later payment that belongs to the month or is paid in it."""
    query = (
        select(runs.c.run, runs.c.month, susulan.c.paid_in)
        .join(susulan, susulan.c.run == runs.c.run)
        .where(or_(runs.c.month == month, susulan.c.paid_in == month))
        .order_by(runs.c.run)
    )
    found = []
    for run, of_month, paid_in in connection.execute(query).all():
        words = Words.of(months.summary_of(connection, run))
        status = {row["employee_id"]: row["status"] for row in months.table_of(connection, run, "payments").to_pylist()}
        for line in months.table_of(connection, run, "lines").to_pylist():
            who = line["employee_id"]
            nip, name = _known(staff, who)
            account = staff.get(who, {}).get("account") or ""
            about = (nip, name, account, of_month, paid_in, status.get(who, ""), line["date"])
            texts = (line["text"], words.line(line), line["article"] or "")
            found.append((who, Arrear(*about, *texts, line["rupiah"])))
    return found
