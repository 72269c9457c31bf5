"""The counter of PP 94/2021: unexcused days in a year and in a row. It only warns; no figure of a payment reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from server.allowance import month as months
from server.errors import NotFound
from server.month import reckoning, rules, staff
from server.month.reckoning import Scope
from server.month.susulan import later_runs
from server.people import service as people
from server.services import Services

LADDER: tuple[tuple[int, str, str], ...] = (
    (3, "teguran lisan", "oral warning"),
    (4, "teguran tertulis", "written warning"),
    (7, "pernyataan tidak puas secara tertulis", "written statement of dissatisfaction"),
    (11, "pemotongan TPP 25 % selama 6 bulan", "TPP cut by 25 % for 6 months"),
    (14, "pemotongan TPP 25 % selama 9 bulan", "TPP cut by 25 % for 9 months"),
    (17, "pemotongan TPP 25 % selama 12 bulan", "TPP cut by 25 % for 12 months"),
    (21, "penurunan jabatan", "demotion"),
    (25, "pembebasan dari jabatan", "removal from the post"),
    (28, "pemberhentian", "dismissal"),
)
"""Unexcused days in a year from which a step applies, PNS only (P); the step needs a signed decision."""
IN_A_ROW = 10
"""Unexcused working days in a row that lead to dismissal (P)."""
_NEAR, _NEAR_IN_A_ROW = 2, 7
ABSENT, OFF = "TK", "L"


@dataclass(frozen=True)
class Warned:
    """A PNS at or near a step. `longest`: working days in a row, unexcused; `step`, `next`: places in LADDER or -1."""

    employee_id: str
    name: str
    agency: str
    days: int
    longest: int
    step: int
    next: int
    dates: tuple[date, ...]

    def text(self, language: str = "id") -> str:
        """The warning as a person reads it, "id" or "en"."""
        word = 1 if language == "id" else 2
        told = []
        if self.step >= 0:
            told.append(str(LADDER[self.step][word]))
        if self.next >= 0:
            more = LADDER[self.next][0] - self.days
            told.append(
                f"{more} hari lagi: {LADDER[self.next][1]}"
                if language == "id"
                else f"{more} more: {LADDER[self.next][2]}"
            )
        if self.longest >= _NEAR_IN_A_ROW:
            told.append(
                f"{self.longest} hari berturut-turut ({IN_A_ROW}: pemberhentian)"
                if language == "id"
                else f"{self.longest} days in a row ({IN_A_ROW}: dismissal)"
            )
        return "; ".join(told)


def warnings(parts: Services, year: int, agency: str = "", until: date | None = None) -> list[Warned]:
    """Who stands at or near a step, from locked months (with their susulan) and, up to yesterday, those not locked.

    `until`: the last day that counts. A day of a month not locked on which nobody of an agency left a mark does not
    count: what its kiosks recorded may not have arrived yet. Months before the first locked one count only if nothing
    is locked after them. NotFound without any day.
    """
    now_ms = parts.clock.now_ms()
    today = people.local_day(now_ms)
    with parts.database.read() as connection:
        days: list[Mapping[str, Any]] = []
        staff_of_year: dict[str, Mapping[str, Any]] = {}
        for month in _months(year, today):
            found, employees = _days(connection, parts, month, now_ms)
            days += [row for row in found if row["date"] < today and (until is None or row["date"] <= until)]
            staff_of_year |= employees
    if not staff_of_year:
        raise NotFound(f"there are no day records of {year}")
    return count(days, staff_of_year, agency)


def count(
    days: Iterable[Mapping[str, Any]], employees: Mapping[str, Mapping[str, Any]], agency: str = ""
) -> list[Warned]:
    """Warnings from day records (`employee_id`, `date`, `code`), the most days first.

    Days off neither count nor break a row; an excused or worked day breaks it.
    """
    absent: dict[str, list[date]] = defaultdict(list)
    running: dict[str, int] = defaultdict(int)
    longest: dict[str, int] = defaultdict(int)
    for row in sorted(days, key=lambda row: (row["employee_id"], row["date"])):
        who = row["employee_id"]
        if row["code"] == OFF:
            continue
        running[who] = running[who] + 1 if row["code"] == ABSENT else 0
        longest[who] = max(longest[who], running[who])
        if row["code"] == ABSENT:
            absent[who].append(row["date"])
    found = []
    for who, dates in absent.items():
        employee = employees.get(who)
        if employee is None or employee["employment"] != "PNS" or (agency and employee["agency"] != agency):
            continue
        if len(dates) < _NEAR and longest[who] < _NEAR_IN_A_ROW:
            continue
        step = max((place for place, rung in enumerate(LADDER) if len(dates) >= rung[0]), default=-1)
        after = step + 1 if step + 1 < len(LADDER) else -1
        found.append(
            Warned(
                who,
                employee["name"] or "",
                employee["agency"] or "",
                len(dates),
                longest[who],
                step,
                after,
                tuple(dates),
            )
        )
    return sorted(found, key=lambda one: (-one.days, -one.longest, one.employee_id))


def _months(year: int, today: date) -> list[str]:
    last = 12 if year < today.year else today.month if year == today.year else 0
    return [f"{year}-{month:02d}" for month in range(1, last + 1)]


def _days(
    connection: Connection, parts: Services, month: str, now_ms: int
) -> tuple[list[Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """Day records and people of a month: as stored, and reckoned for those whose month is not locked."""
    days: list[Mapping[str, Any]] = []
    employees: dict[str, Mapping[str, Any]] = {}
    for run in staff.closed_runs(connection, month):
        newest = max((run["run"], *later_runs(connection, run["run"])))
        days += months.table_of(connection, newest, "days").to_pylist()
        employees |= _by_id(months.table_of(connection, newest, "employees").to_pylist())
    first, last = reckoning.span_of(month)
    everybody = {row["employee_id"] for row in staff.of_month(connection, first, last, now_ms, None, None).rows}
    rest = frozenset(everybody - employees.keys())
    today = people.local_day(now_ms)
    # A month that was never kept here has no marks: everybody would seem absent in it.
    kept = bool(employees) or (today.year, today.month) in ((first.year, first.month), _after(first))
    if rest and kept:
        regulation = rules.configured(parts)
        if regulation.holds_on(first) and regulation.holds_on(last):
            reckoned = reckoning.reckon(connection, Scope(month, "", now_ms, only=rest), regulation)
            known = _by_id(reckoned.inputs.employees.to_pylist())
            days += _heard(reckoned.result.days.to_pylist(), known)
            employees |= known
    return days, employees


def _heard(days: list[dict[str, Any]], employees: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The day records without absences on days on which nobody of the agency left a mark."""

    def where(row: Mapping[str, Any]) -> tuple[str, date]:
        return employees[row["employee_id"]]["agency"], row["date"]

    heard = {where(row) for row in days if row["first_in"] or row["last_out"]}
    return [row for row in days if row["code"] != ABSENT or where(row) in heard]


def _after(first: date) -> tuple[int, int]:
    return (first.year + 1, 1) if first.month == 12 else (first.year, first.month + 1)


def _by_id(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {row["employee_id"]: row for row in rows}
