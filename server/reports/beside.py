"""What stands beside a month's payments in its reports: lists, later payments, corrections and objections."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, or_, select

from server import facts
from server.allowance import month as months
from server.allowance.catalogue import Words
from server.allowance.models import runs
from server.errors import NotFound
from server.month import objections, pp94, reckoning
from server.month.models import susulan
from server.orders import papers
from server.orders import service as orders
from server.orders.models import CORRECTIONS
from server.people import service as people
from server.people.models import EMPLOYEES, officers
from server.reports.causes import in_indonesian
from server.reports.lists import AttestedMark, DisciplineWarning, LaterPayment, OpenOrder
from server.reports.model import Correction, Line, MonthReport, Objection, line_of, person_of
from server.reports.stored import meta_of
from server.services import Services

Staff = Mapping[str, Mapping[str, Any]]
_CHANGED = re.compile(r": semula (\S+), menjadi (\S+)$")
_WAITS = {orders.ISSUED: "accept", orders.ACCEPTED: "report", orders.REPORTED: "confirm", papers.WITHDRAWING: "decide"}


def beside(parts: Services, reports: Sequence[MonthReport], names: Collection[str]) -> list[MonthReport]:
    """The reports of a month with the lists among `names`, each agency with its own people's."""
    if not reports:
        return []
    month = reports[0].month
    warned: dict[str, list[DisciplineWarning]] = defaultdict(list)
    unfinished: dict[str, list[OpenOrder]] = defaultdict(list)
    arrears: list[tuple[LaterPayment, Staff]] = []
    with_papers: list[MonthReport] = list(reports)
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        staff: Staff = {row["employee_id"]: row for row in facts.as_of(connection, EMPLOYEES, now_ms)}
        staff = {**staff, **{row["employee_id"]: row for row in people.employees(connection, now_ms)}}
        if "duty_orders" in names:
            for row in orders.listed(connection, now_ms, unfinished=True):
                if row["from"][:7] <= month:
                    _add(unfinished, staff, row["employee_id"], _order(row, staff))
        if later := not {"arrears", "arrears_slips"}.isdisjoint(names):
            arrears = list(_arrears(connection, parts, month, staff))
        if not {"slips", "recap"}.isdisjoint(names):
            names_of = {
                row.officer: row.name for row in connection.execute(select(officers.c.officer, officers.c.name))
            }
            objected = _objections(connection, month, names_of, now_ms)
            corrected = {
                known_at: _corrections(connection, month, known_at, names_of)
                for known_at in {report.meta.known_at for report in reports}
            }
            with_papers = [_with_papers(report, corrected[report.meta.known_at], objected) for report in reports]
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
                arrears=tuple(_of_agency(arrears, report.agency.id)) if later else None,
                attested=_attested(report) if "attested" in names else None,
            ),
        )
        for report in with_papers
    ]


def _attested(report: MonthReport) -> tuple[AttestedMark, ...] | None:
    """The attested marks of the agency's people; None where there are none, so that there is no such report."""
    return tuple(mark for person in report.employees for mark in person.attested) or None


def _of_agency(arrears: Sequence[tuple[LaterPayment, Staff]], agency: str) -> Iterator[LaterPayment]:
    for later, staff in arrears:
        mine = tuple(one for one in later.people if staff[one.employee_id]["agency"] == agency)
        if mine:
            yield replace(later, people=mine)


def _with_papers(
    report: MonthReport, corrections: Mapping[str, list[Correction]], objected: Mapping[str, list[Objection]]
) -> MonthReport:
    found = (
        replace(
            person,
            corrections=tuple(corrections.get(person.employee_id, ())),
            objections=tuple(objected.get(person.employee_id, ())),
        )
        for person in report.employees
    )
    return replace(report, employees=tuple(found))


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


def _arrears(connection: Connection, parts: Services, month: str, staff: Staff) -> Iterator[tuple[LaterPayment, Staff]]:
    """Each later payment that belongs to the month or is paid in it, with its people as they were reckoned.

    The account is that which is known now. Whoever is not in the month any more is as known last.
    """
    query = (
        select(runs, susulan.c.paid_in)
        .join(susulan, susulan.c.run == runs.c.run)
        .where(or_(runs.c.month == month, susulan.c.paid_in == month))
        .order_by(runs.c.run)
    )
    for run in [dict(row) for row in connection.execute(query).mappings()]:
        summary = months.summary_of(connection, run["run"])
        words = Words.of(summary)
        lines: dict[str, list[Line]] = defaultdict(list)
        for row in months.table_of(connection, run["run"], "lines").to_pylist():
            lines[row["employee_id"]].append(_changed(row, words))
        then = {row["employee_id"]: row for row in months.table_of(connection, run["run"], "employees").to_pylist()}
        payments = months.table_of(connection, run["run"], "payments").to_pylist()
        changed = [person_of(staff[row["employee_id"]], row, [], lines[row["employee_id"]], words) for row in payments]
        told = tuple(replace(one, reason=in_indonesian(one.reason)) for one in changed)
        paid_in = dt.date.fromisoformat(f"{run['paid_in']}-01")
        yield LaterPayment(run["run"], paid_in, meta_of(connection, parts, run, summary), told), {**staff, **then}


def _changed(row: Mapping[str, Any], words: Words) -> Line:
    """A line of a later payment: what it was and is apart from its text."""
    found = _CHANGED.search(row["text"])
    if found is None:
        return line_of(row, words)
    line = line_of(dict(row) | {"text": row["text"][: found.start()]}, words)
    before, after = (int(re.sub(r"[^\d-]", "", amount)) for amount in found.groups())
    return replace(line, before=before, after=after)


def _corrections(
    connection: Connection, month: str, known_at: dt.datetime | None, names: Mapping[str, str]
) -> dict[str, list[Correction]]:
    """Employee → corrections of the month's days, as known when it was reckoned, whatever became of them."""
    table = CORRECTIONS.table
    query = select(table).order_by(table.c.fact)
    if known_at is not None:
        query = query.where(table.c.recorded_ms <= round(known_at.timestamp() * 1000))
    rows = {row["fact"]: row for row in connection.execute(query).mappings()}
    last = rows.keys() - {row["supersedes"] for row in rows.values()}
    found: dict[str, list[Correction]] = defaultdict(list)
    for fact in sorted(last):
        row = asked = rows[fact]
        while asked["status"] != papers.REQUESTED and asked["supersedes"] in rows:
            asked = rows[asked["supersedes"]]
        span = (row["from"] or row["date"], row["to"])
        decided = names.get(row["recorded_by"], row["recorded_by"]) if row["status"] != papers.REQUESTED else ""
        correction = Correction(
            *span,
            row["kind"],
            row["document"],
            row["reason"],
            row["status"] or "approved",
            names.get(asked["recorded_by"], asked["recorded_by"]) if asked["status"] == papers.REQUESTED else "",
            decided,
        )
        if span[0][:7] <= month <= (span[1] or span[0])[:7]:
            found[row["employee_id"]].append(correction)
    return found


def _objections(
    connection: Connection, month: str, names: Mapping[str, str], now_ms: int
) -> dict[str, list[Objection]]:
    found: dict[str, list[Objection]] = defaultdict(list)
    for row in objections.listed(connection, now_ms, month):
        answered = names.get(row["recorded_by"], row["recorded_by"]) if row["answer"] else ""
        found[row["employee_id"]].append(Objection(row["date"], row["text"], row["status"], row["answer"], answered))
    return found
