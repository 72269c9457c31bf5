"""The same rules once more, row by row in plain Python with fractions: slow, short, and written from the regulation.

The computation in SQL is held to it on random months and on hand-worked cases. It knows nothing of lines: only what a
day was, what each step comes to, and whether the payment is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from math import floor
from typing import Any

from server.allowance.inputs import Inputs, moment
from server.allowance.regulation import WORKING, Regulation, Step
from server.allowance.tables import Band, Brackets, Events, Rates, ScoreBands
from server.attendance.calendar import days_between
from server.attendance.rules import COUNTED, IGNORED, Window

Interval = tuple[int, int]


@dataclass
class Day:
    """One day of one person. Seconds are Unix time, None where there is no mark."""

    code: str
    first_in: int | None = None
    last_out: int | None = None
    required_s: int = 0
    late_s: int = 0
    early_s: int = 0
    events: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Person:
    """One person's month: accounts in rupiah, the status, and the days."""

    gross: int
    deductions: int
    dues: int
    tax: int
    status: str
    days: dict[date, Day]

    @property
    def net(self) -> int:
        """What is paid."""
        return self.gross - self.deductions - self.dues - self.tax


@dataclass(frozen=True)
class Excuse:
    """What excuses: dates (first, last) or seconds (begin, end), under a code.

    `rank`: of two that excuse equally much, the lower one names the day.
    """

    rank: tuple[int, str]

    by_date: bool
    begin: Any
    end: Any
    code: str


def reckon(inputs: Inputs, regulation: Regulation, month: str) -> dict[str, Person]:
    """Every employee's month, by employee_id. Inputs must be checked.

    As things stand: a mark dated as an interval is at its earliest, what nobody decided counts for nothing. That this
    may have to wait is not asked here: all the ways to decide are so many inputs to reckon.
    """
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(31)).replace(day=1) - timedelta(1)
    marks = _grouped(inputs.marks)
    papers = [(name, _grouped(getattr(inputs, name))) for name in ("leave", "orders", "corrections")]
    work, dues = _grouped(inputs.work), _grouped(inputs.dues)
    people = {}
    for employee in inputs.employees.to_pylist():
        who = employee["employee_id"]
        clerk = _Clerk(inputs, regulation, employee, first, last)
        found = [paper for name, rows in papers for row in rows.get(who, []) for paper in clerk.paper(name, row)]
        own = [floor((row["at"] or row["at_earliest"]).timestamp()) for row in marks.get(who, [])]
        own += [paper for paper in found if isinstance(paper, int)]
        excuses = [paper for paper in found if isinstance(paper, Excuse)]
        scores = {row["measure"]: Fraction(row["score"]) for row in work.get(who, []) if row["month"] == month}
        people[who] = clerk.person(own, excuses, scores, dues.get(who, []))
    return people


def _grouped(table: Any) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        rows.setdefault(row["employee_id"], []).append(row)
    return rows


class _Clerk:
    """Reckons one person's month the way a patient clerk would."""

    def __init__(self, inputs: Inputs, rule: Regulation, employee: dict[str, Any], first: date, last: date) -> None:
        self.calendar, self.rule = inputs.calendar, rule
        spaced = {name: employee[name] for name in ("employment", "job_class", "golongan", "ptkp")}
        self.employee = employee | {name: (text or "").strip() or None for name, text in spaced.items()}
        self.first, self.last, self.scored = first, last, len(inputs.work) > 0
        self.offset = self.calendar.offset(employee["zone"], employee["site"])
        self.held = False

    # --- the day ---------------------------------------------------------------------------------------------------

    def paper(self, name: str, row: dict[str, Any]) -> Iterator[Excuse | int]:
        """What a paper excuses, or the second of the mark that a correction attests; nothing unless it is approved."""
        status = (row["status"] or "approved").lower()
        if status in IGNORED:
            return
        codes = {"leave": self.rule.excuses.leave, "corrections": self.rule.excuses.corrections}
        kinds = codes.get(name, {"other": self.rule.excuses.orders})
        code = kinds.get((row.get("kind") or "").lower(), kinds.get("other"))
        if code is None:
            self.held = True
            return
        rank = (("leave", "orders", "corrections").index(name), code)
        counted = status in COUNTED and bool(row["document"] or not self.rule.excuses.needs_document)
        if row["from"] and len(row["from"]) > 10 and not row["to"]:
            if name != "corrections":
                self.held = True
                return
            if counted:
                yield moment(row["from"], self.offset, False)
            return
        begin, end = row["from"] or row["date"].isoformat(), row["to"] or row["from"] or row["date"].isoformat()
        if not counted:
            return
        if len(begin) == len(end) == 10:
            yield Excuse(rank, True, date.fromisoformat(begin), date.fromisoformat(end), code)
        else:
            yield Excuse(rank, False, moment(begin, self.offset, False), moment(end, self.offset, True), code)

    def shift(self, day: date) -> Interval | None:
        """The shift of a date as Unix seconds."""
        name = self.calendar.default_shift
        for entry in self.calendar.assignments:
            if entry.first <= day <= entry.last and self.employee[entry.column] in entry.values:
                name = entry.shift
        span = self.calendar.shift_on(name, day)
        midnight = (day - date(1970, 1, 1)).days * 86400 - self.offset
        return (midnight + span[0], midnight + span[1]) if span else None

    def day(self, day: date, seconds: list[int], excuses: list[Excuse]) -> Day:
        """What the day was, given when the marks were."""
        shift = self.shift(day)
        if shift is None:
            return Day("L")
        start, end = shift
        free = []
        for excuse in sorted(excuses, key=lambda excuse: excuse.rank):
            if excuse.by_date and excuse.begin <= day <= excuse.end:
                free.append((start, end, excuse.code))
            elif not excuse.by_date and excuse.begin < end and excuse.end > start:
                free.append((max(excuse.begin, start), min(excuse.end, end), excuse.code))
        required = [(start, end)]
        for begin, stop, _ in free:
            required = [part for piece in required for part in _without(piece, (begin, stop))]
        record = Day("H", required_s=_length(required))
        record.first_in, record.last_out = self.in_and_out(start, end, required or [shift], seconds)
        if not required:
            longest = max(stop - begin for begin, stop, _ in free)
            record.code = next(code for begin, stop, code in free if stop - begin == longest)
            record.events = [(f"code:{record.code}", 0)]
            return record
        if record.first_in is None and record.last_out is None:
            record.code, record.events = "TK", [("absent", 0)]
            return record
        self.lateness(record, required, end)
        return record

    def in_and_out(
        self, start: int, end: int, required: list[Interval], seconds: list[int]
    ) -> tuple[int | None, int | None]:
        """The mark-in and the mark-out among the marks of a day."""
        day = self.rule.day
        ins = sorted(s for s in seconds if _inside(day.in_window, start, end, s))
        outs = sorted(s for s in seconds if _inside(day.out_window, start, end, s))
        came = ins[0] if ins else None
        if day.out == "last":
            gone = outs[-1] if outs else None
        else:
            later = [s for s in outs if came is None or s > came + day.repeat_s]
            gone = next(iter(later or outs), None)
        if came is not None and gone is not None and gone > came + day.repeat_s:
            return came, gone
        if day.lone_mark == "none" or (came is None and gone is None):
            return None, None
        if came is None:
            return None, gone
        if gone is None or day.lone_mark == "in":
            return came, None
        after_start, before_end = came - required[0][0], required[-1][1] - came
        return (None, gone) if day.lone_mark == "out" or after_start > before_end else (came, None)

    def lateness(self, record: Day, required: list[Interval], end: int) -> None:
        """Late and early seconds, their events and the code of a day with at least one mark."""
        day, codes = self.rule.day, []
        if record.first_in is None:
            record.late_s = record.required_s
            record.events.append(("no_in", 0))
            codes.append("TL")
        else:
            late = _length([(a, min(b, record.first_in)) for a, b in required if a < record.first_in])
            made_up = late <= day.make_up_s and record.last_out is not None and record.last_out >= end + late
            minutes = (late + (0 if day.completed else 59)) // 60
            if late > day.grace_s and not made_up and minutes:
                record.late_s = late
                record.events.append(("late", minutes))
                codes.append("TL")
        if record.last_out is None:
            record.early_s = record.required_s
            record.events.append(("no_out", 0))
            codes.append("PSW")
        else:
            early = _length([(max(a, record.last_out), b) for a, b in required if b > record.last_out])
            minutes = (early + (0 if day.completed else 59)) // 60
            if early > day.early_grace_s and minutes:
                record.early_s = early
                record.events.append(("early", minutes))
                codes.append("PSW")
        record.code = "+".join(codes) or "H"

    def days(self, marks: list[int], excuses: list[Excuse]) -> dict[date, Day]:
        """Each day of the employment in the month, given when the marks were and what excuses."""
        begin = max(self.first, self.employee["start_date"] or self.first)
        finish = min(self.last, self.employee["end_date"] or self.last)
        return {day: self.day(day, marks, excuses) for day in days_between(begin, finish)}

    def day_cost(self, step: Step, day: Day) -> Fraction:
        """A day's share of the base, after the day's cap."""
        table = step.by.table
        assert isinstance(table, Events)
        costs = [_event_cost(table, kind, minutes) for kind, minutes in day.events]
        total = max(costs, default=Fraction(0)) if table.late_and_early == "larger" else sum(costs, Fraction(0))
        return min(total, step.cap_day) if step.cap_day is not None else total

    # --- the month -------------------------------------------------------------------------------------------------

    def person(
        self, marks: list[int], excuses: list[Excuse], scores: dict[str, Fraction], dues: list[dict[str, Any]]
    ) -> Person:
        """The month: gates, then step after step."""
        self.record = self.days(marks, excuses)
        self.scores, self.dues = scores, dues
        gates = [gate for gate in self.rule.gates if self.applies(gate.when)]
        if any(gate.effect == "ineligible" for gate in gates) or not self.record:
            return Person(0, 0, 0, 0, "ineligible", self.record)
        if any(gate.effect == "hold" for gate in gates) or not self.has_amount():
            self.held = True
        results: dict[str, int] = {}
        forfeited = False
        for step in self.rule.steps:
            if self.applies(step.when):
                results[step.id] = step.sign * self.amount(step, results)
                forfeited = forfeited or step.effect == "forfeit"
        accounts = dict.fromkeys(("gross", "deduction", "dues", "tax"), 0)
        for step in self.rule.steps:
            if step.account != WORKING:
                accounts[step.account] += results.get(step.id, 0)
        if sum(accounts.values()) < 0:
            self.held = True
        status = "held" if self.held else "forfeited" if forfeited else "payable"
        return Person(
            accounts["gross"], -accounts["deduction"], -accounts["dues"], -accounts["tax"], status, self.record
        )

    def has_amount(self) -> bool:
        """Whether any component's amount is known."""
        components = [component.id for component in self.rule.components]
        return not components or any(self.component(name) is not None for name in components)

    def component(self, name: str) -> int | None:
        """A component's amount: the person's own, else that of the class."""
        own: int | None = self.employee.get(f"amount:{name}")
        if own is not None:
            return own
        return next(c.amounts.get(self.employee["job_class"] or "") for c in self.rule.components if c.id == name)

    def applies(self, when: dict[str, Any]) -> bool:
        """Whether every condition holds; the payment is held when that hangs on an input that is missing."""
        written = (self.employee["flags"] or "").lower()
        flags = set(written.replace(",", " ").replace(";", " ").replace("|", " ").split())
        absent = [("absent", 0) in day.events for day in self.record.values() if day.code != "L"]
        runs = [len(list(run)) for missing, run in groupby(absent) if missing]
        start, appointed = self.employee["start_date"], self.employee["appointed_date"]
        lacking = False
        for key, value in when.items():
            asked = {"served_less_than_months": "start_date"}.get(key, key)
            if asked in ("employment", "golongan", "job_class", "start_date") and self.employee[asked] is None:
                lacking = True
                continue
            holds = {
                "employment": lambda v: self.employee["employment"] in v,
                "golongan": lambda v: self.employee["golongan"] in v,
                "job_class": lambda v: self.employee["job_class"] in [str(item) for item in v],
                "flag": lambda v: v.lower() in flags,
                "not_flag": lambda v: v.lower() not in flags,
                "appointed": lambda v: (appointed is not None and appointed <= self.first) is v,
                "served_less_than_months": lambda v: _months(start, self.first) < v,
                "absent_days_at_least": lambda v: sum(absent) >= v,
                "absent_run_at_least": lambda v: max(runs, default=0) >= v,
                "run_crosses_month": lambda v: True,
                "months": lambda v: self.first.month in v,
            }[key](value)
            if not holds:
                return False
        self.held = self.held or lacking
        return not lacking

    def amount(self, step: Step, results: dict[str, int]) -> int:
        """What a step comes to, rupiah, never negative."""
        base = max(0, sum(self.term(term, results) for term in step.base))
        counted = base
        if step.ceiling:
            used = self.wanted(step.ceiling.less) if step.ceiling.less else 0
            counted = min(base, max(0, step.ceiling.rupiah - used))
        share = self.share(step, counted)
        if step.cap_month is not None:
            share = min(share, step.cap_month)
        exact = counted * step.base_fraction * step.fraction * share
        rounded = _round(exact / step.rounding.unit, step.rounding.mode) * step.rounding.unit
        return min(rounded, max(0, self.left(results))) if step.cap_running else rounded

    def term(self, term: str, results: dict[str, int]) -> int:
        """One term of a base."""
        kind, _, name = term.partition(":")
        if kind == "component":
            return self.component(name) or 0
        if kind == "step":
            return results.get(name, 0)
        if kind == "input":
            return self.wanted(name)
        return self.left(results) if kind == "running" else int(name)

    def left(self, results: dict[str, int]) -> int:
        """What the steps so far come to; those that only others use count for nothing themselves."""
        return sum(results.get(step.id, 0) for step in self.rule.steps if step.account != WORKING)

    def wanted(self, name: str) -> int:
        """An input of the employee; the payment is held when it is missing."""
        value = self.employee[name]
        if value is None:
            self.held = True
        return value or 0

    def share(self, step: Step, base: int) -> Fraction:
        """What a step multiplies its base by."""
        by, table = step.by, step.by.table
        if by.kind == "events":
            return sum((self.day_cost(step, day) for day in self.record.values()), Fraction(0))
        if by.kind == "measure":
            return self.achieved(step)
        if by.kind == "dues":
            return Fraction(sum(row["rupiah"] for row in self.dues if not by.dues or row["kind"] in by.dues))
        if by.kind == "not_employed":
            days = (self.last - self.first).days + 1
            return Fraction(days - len(self.record), days)
        if by.kind == "constant":
            return Fraction(1)
        key = self.employee[by.attribute]
        if isinstance(table, Rates):
            rate = table.rates.get(key.split(by.until)[0] if key and by.until else key or "")
        else:
            assert isinstance(table, Brackets)
            category = by.keys.keys.get(key or "") if by.keys else None
            rows = table.brackets[category] if category else ()
            rate = next((rate for up_to, rate in rows if up_to is None or base <= up_to), None)
        if rate is None:
            self.held = True
        return rate or Fraction(0)

    def achieved(self, step: Step) -> Fraction:
        """The share that a score earns, or what lacks to the whole."""
        by = step.by
        score = self.scores.get(by.measure)
        if score is None:
            if by.missing == "hold" and (self.scored or not by.shortfall):
                self.held = True
            full = by.missing == "full" or (by.missing == "hold" and by.shortfall)
            share = Fraction(1 if full else 0)
        elif isinstance(by.table, ScoreBands):
            share = [rate for low, rate in by.table.bands if low <= score][-1]
        else:
            share = score / by.per
        return max(Fraction(0), 1 - share) if by.shortfall else share


def _without(piece: Interval, hole: Interval) -> Iterator[Interval]:
    """The parts of `piece` outside `hole`."""
    for a, b in ((piece[0], min(piece[1], hole[0])), (max(piece[0], hole[1]), piece[1])):
        if a < b:
            yield a, b


def _length(pieces: list[Interval]) -> int:
    return sum(b - a for a, b in pieces)


def _edges(window: Window, start: int, end: int) -> Interval:
    anchors = {"start": start, "end": end}
    return anchors[window.from_anchor] + window.from_s, anchors[window.to_anchor] + window.to_s


def _inside(window: Window, start: int, end: int, second: int) -> bool:
    low, high = _edges(window, start, end)
    return low <= second <= high


def _event_cost(table: Events, kind: str, minutes: int) -> Fraction:
    if kind in ("late", "early"):
        bands: tuple[Band, ...] = table.late if kind == "late" else table.early
        return next(b.cost for b in bands if b.first <= minutes and (b.last is None or minutes <= b.last))
    if kind.startswith("code:"):
        return table.codes.get(kind.removeprefix("code:"), Fraction(0))
    return {"no_in": table.no_in, "no_out": table.no_out, "absent": table.absent}[kind]


def _months(start: date, day: date) -> int:
    """Complete months from `start` to `day`, a first of a month."""
    return (day.year - start.year) * 12 + day.month - start.month - (1 if start.day > 1 else 0)


def _round(exact: Fraction, mode: str) -> int:
    if mode == "down":
        return floor(exact)
    if mode == "up":
        return -floor(-exact)
    if mode == "half_up":
        return floor(exact + Fraction(1, 2))
    return round(exact)


def local(second: int | None, offset: int) -> str | None:
    """Unix seconds as local ISO 8601 with offset."""
    if second is None:
        return None
    text = (datetime(1970, 1, 1) + timedelta(seconds=second + offset)).isoformat()
    return f"{text}+{offset // 3600:02d}:00"
