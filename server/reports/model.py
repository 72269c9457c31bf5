"""A month of one agency as every report sees it: people, days, lines of rupiah; checked to add up."""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Protocol

from server.allowance.catalogue import indonesian
from server.errors import ReportRefused
from server.reports.lists import AttestedMark, Lists

_ACCOUNTS = {"gross": ("gross", 1), "deductions": ("deduction", -1), "dues": ("dues", -1), "tax": ("tax", -1)}
"""Sum of a payment → the account of its lines, and the sign with which they add up to it."""

PAYABLE, PARTIAL, HELD = "payable", "partial", "held"
WORKING = "working"
"""The account of lines that only later steps use: they pay nothing."""


class Rows(Protocol):
    """What is asked of a table: `pyarrow.Table` has it."""

    def to_pylist(self) -> list[dict[str, Any]]:
        """The rows, each a mapping from column to value."""


class Translator(Protocol):
    """Tells in English what the engine says in Indonesian: `server.allowance.catalogue.Words` does."""

    def line(self, line: Mapping[str, Any]) -> str:
        """The text of a line, a row of the table of lines."""

    def part(self, line: Mapping[str, Any]) -> Fraction:
        """The fraction of its base on which the step of a line counts."""

    def reason(self, reason: str) -> str:
        """The reason of a payment."""


@dataclass(frozen=True)
class Agency:
    """An agency (OPD) by its identifier and its name."""

    id: str
    name: str


@dataclass(frozen=True)
class Signatory:
    """Who signs: the capacity (*Bendahara Pengeluaran*), the name and the NIP, empty where not yet known."""

    role: str
    name: str = ""
    nip: str = ""


@dataclass(frozen=True)
class Note:
    """What every report of a month must say, in both languages."""

    indonesian: str
    english: str

    def told(self, language: str) -> str:
        """The note in `id` or `en`."""
        return self.indonesian if language == "id" else self.english


@dataclass(frozen=True)
class Assumed:
    """A value without a source (certainty A): where in the regulation it stands, and what it says of its basis."""

    file: str
    line: int
    key: str
    article: str


@dataclass(frozen=True)
class DayRecord:
    """One day of one person: its code, first and last mark (local time, as text), seconds late and early.

    Where a mark is missing, all that was required counts as late (or early): `late` and `early` leave that out.
    `unsigned`: whether the day rests on a mark that no device signed; `attested`: on one that others attested.
    """

    date: dt.date
    code: str
    first_in: str = ""
    last_out: str = ""
    late_s: int = 0
    early_s: int = 0
    unsigned: bool = False
    attested: bool = False

    @property
    def no_in(self) -> bool:
        """Whether the mark in is missing on a day with a mark out."""
        return bool(self.late_s) and not self.first_in

    @property
    def no_out(self) -> bool:
        """Whether the mark out is missing on a day with a mark in."""
        return bool(self.early_s) and not self.last_out

    @property
    def missing(self) -> int:
        """How many marks are missing."""
        return self.no_in + self.no_out

    @property
    def late(self) -> int:
        """Seconds late by the mark in."""
        return 0 if self.no_in else self.late_s

    @property
    def early(self) -> int:
        """Seconds early by the mark out."""
        return 0 if self.no_out else self.early_s


@dataclass(frozen=True)
class Line:
    """One line of rupiah: what it is, why, by which article, and how it was reckoned from its base.

    `account` is the sum of the payment that it belongs to: gross, deduction, dues or tax; or WORKING. `part`: the
    fraction of the base on which the step counts (the 40 % of a cut). `before`, `after`: of a later payment, what the
    line was and is, `rupiah` being the difference.
    """

    date: dt.date | None
    kind: str
    text: str
    fact: str
    article: str
    base: int | None
    numerator: int | None
    denominator: int | None
    rounding: str
    rupiah: int
    certainty: str = ""
    account: str = ""
    english: str = ""
    part: Fraction = Fraction(1)
    before: int | None = None
    after: int | None = None

    def told(self, language: str) -> str:
        """What it is, in `id` or `en`; Indonesian where nobody translated."""
        return self.text if language == "id" else self.english or self.text


@dataclass(frozen=True)
class Correction:
    """A correction of days: from when to when (dates, or instants), why, on which document, who asked and decided."""

    first: str
    last: str
    kind: str
    document: str
    reason: str
    status: str
    asked_by: str
    decided_by: str

    def concerns(self, date: dt.date) -> bool:
        """Whether it speaks of the day."""
        return self.first[:10] <= date.isoformat() <= (self.last or self.first)[:10]


@dataclass(frozen=True)
class Objection:
    """What somebody held against the draft, of a day or in all, and what was answered by whom."""

    date: str
    text: str
    status: str
    answer: str
    answered_by: str


@dataclass(frozen=True)
class EmployeeMonth:
    """One person's month. Money in whole rupiah; `gross − deductions − dues − tax` is `net`."""

    employee_id: str
    nip: str
    name: str
    job_class: str
    golongan: str
    account: str
    npwp: str
    days: tuple[DayRecord, ...]
    gross: int
    deductions: int
    dues: int
    tax: int
    net: int
    status: str
    reason: str
    lines: tuple[Line, ...]
    unit: str = ""
    reason_english: str = ""
    corrections: tuple[Correction, ...] = ()
    objections: tuple[Objection, ...] = ()
    attested: tuple[AttestedMark, ...] = ()

    def why(self, language: str) -> str:
        """The reason of the status, in `id` or `en`; Indonesian where nobody translated."""
        return indonesian(self.reason) if language == "id" else self.reason_english or self.reason


@dataclass(frozen=True)
class Meta:
    """What the tables do not say: whose month, under which rules, by which engine, and who signs.

    `month` is `YYYY-MM`; `agencies` maps identifier to name; `signatories` maps agency to those who sign, with
    `""` for agencies not named; `issued` is the date printed beside the signatures, left blank when None. `known_at`:
    until when what is known was recorded; `decree` adopts the `assumed` values.
    """

    month: str
    regulation: str
    regulation_version: str
    engine_version: str
    input_hash: str
    status: str = "draft"
    government: str = ""
    place: str = ""
    issued: dt.date | None = None
    notes: tuple[Note, ...] = ()
    known_at: dt.datetime | None = None
    decree: str = ""
    assumed: tuple[Assumed, ...] = ()
    agencies: Mapping[str, str] = field(default_factory=dict)
    signatories: Mapping[str, tuple[Signatory, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class MonthReport:
    """The month of one agency: what all its reports are written from."""

    month: str
    agency: Agency
    meta: Meta
    employees: tuple[EmployeeMonth, ...]
    lists: Lists = field(default_factory=Lists)

    @property
    def first_day(self) -> dt.date:
        """The first day of the month."""
        return dt.date.fromisoformat(f"{self.month}-01")

    @property
    def dates(self) -> tuple[dt.date, ...]:
        """Every day of the month."""
        first = self.first_day
        following = (first + dt.timedelta(days=31)).replace(day=1)
        return tuple(first + dt.timedelta(days=day) for day in range((following - first).days))

    @property
    def signatories(self) -> tuple[Signatory, ...]:
        """Who signs for this agency."""
        return self.meta.signatories.get(self.agency.id, self.meta.signatories.get("", ()))

    @property
    def payable(self) -> tuple[EmployeeMonth, ...]:
        """Those who are paid now, wholly or in part."""
        return tuple(person for person in self.employees if person.status in (PAYABLE, PARTIAL))

    @property
    def partial(self) -> tuple[EmployeeMonth, ...]:
        """Those of whom only the undisputed part is paid now."""
        return tuple(person for person in self.employees if person.status == PARTIAL)

    @property
    def held(self) -> tuple[EmployeeMonth, ...]:
        """Those whose payment waits for a document or an answer."""
        return tuple(person for person in self.employees if person.status == HELD)

    @property
    def unpaid(self) -> tuple[EmployeeMonth, ...]:
        """Those who get nothing this month, each with the reason (not eligible, forfeited)."""
        return tuple(person for person in self.employees if person.status not in (PAYABLE, PARTIAL, HELD))

    def only(self, employee_id: str) -> "MonthReport":
        """The same month with one person alone: what that person may be handed. ReportRefused if unknown."""
        if not self.has(employee_id):
            raise ReportRefused(f"employee {employee_id} is not in {self.agency.name}, {self.month}")
        own = [
            replace(later, people=tuple(one for one in later.people if one.employee_id == employee_id))
            for later in self.lists.arrears or ()
        ]
        lists = Lists(arrears=tuple(later for later in own if later.people) or None)
        return replace(self, employees=tuple(self._of(employee_id)), lists=lists)

    def has(self, employee_id: str) -> bool:
        """Whether a person is in it."""
        return any(self._of(employee_id))

    def _of(self, employee_id: str) -> Iterator[EmployeeMonth]:
        return (person for person in self.employees if person.employee_id == employee_id)

    def check(self) -> None:
        """Refuse (ReportRefused) a month that does not add up, names anyone twice or strays from its dates."""
        problems = list(_problems(self))
        if problems:
            shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
            raise ReportRefused(
                f"{self.agency.name} {self.month}: nothing was written, because {shown}. "
                "Compute the month again; if it remains, report the regulation and the engine's version"
            )


def _problems(report: MonthReport) -> Iterator[str]:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", report.month):
        yield f"month {report.month!r} is not of the form YYYY-MM"
        return
    dates, seen = set(report.dates), set()
    for person in report.employees:
        who = f"employee {person.employee_id}"
        if person.employee_id in seen:
            yield f"{who} is there twice"
        seen.add(person.employee_id)
        total = sum(line.rupiah for line in person.lines)
        if total != person.net:
            yield f"the lines of {who} sum to {total}, the payment says {person.net}"
        for name, (account, sign) in _ACCOUNTS.items():
            summed = sign * sum(line.rupiah for line in person.lines if line.account == account)
            if summed != getattr(person, name):
                yield f"the lines of {who} for {name} sum to {summed}, the payment says {getattr(person, name)}"
        reckoned = person.gross - person.deductions - person.dues - person.tax
        if reckoned != person.net:
            yield f"{who}: gross less deductions, dues and tax is {reckoned}, the payment says {person.net}"
        if person.status in (PAYABLE, PARTIAL) and person.net < 0:
            yield f"{who} would be paid {person.net}"
        own = [day.date for day in person.days]
        if len(set(own)) != len(own):
            yield f"{who} has two records for one day"
        if not dates.issuperset(own):
            yield f"{who} has a day outside the month"


def from_tables(
    payments: Rows,
    lines: Rows,
    days: Rows,
    employees: Rows,
    meta: Meta,
    english: Translator | None = None,
    unsigned: Container[tuple[str, dt.date]] = (),
    attested: Mapping[str, tuple[AttestedMark, ...]] = MappingProxyType({}),
) -> list[MonthReport]:
    """One report for each agency from the four tables of a computed month, agencies and people in order.

    Columns are those of `payments.csv`, `lines.csv`, `days.csv` and `employees.csv`; a missing optional one
    counts as empty. `unsigned`: employee and date of days that rest on unsigned marks; `attested`: employee to the
    attested marks on which days rest. Raises ReportRefused where a row names somebody the others do not know.
    """
    people: dict[str, dict[str, Any]] = {}
    for row in employees.to_pylist():
        if row["employee_id"] in people:
            raise ReportRefused(f"employee {row['employee_id']} is twice in the table of employees")
        people[row["employee_id"]] = row
    own_lines: dict[str, list[Line]] = defaultdict(list)
    for row in lines.to_pylist():
        own_lines[row["employee_id"]].append(line_of(row, english))
    own_days: dict[str, list[DayRecord]] = defaultdict(list)
    for row in days.to_pylist():
        own_days[row["employee_id"]].append(_day(row, unsigned, attested))
    agencies: dict[str, list[EmployeeMonth]] = defaultdict(list)
    paid: set[str] = set()
    for row in payments.to_pylist():
        key = row["employee_id"]
        if key not in people:
            raise ReportRefused(f"a payment names employee {key}, who is not in the table of employees")
        paid.add(key)
        person = person_of(people[key], row, own_days.get(key, []), own_lines.get(key, []), english)
        person = replace(person, attested=attested.get(key, ()))
        agencies[_text(people[key].get("agency"))].append(person)
    for name, owners in (("line", own_lines), ("day", own_days)):
        for key in owners.keys() - paid:
            raise ReportRefused(f"a {name} names employee {key}, who has no payment in {meta.month}")
    return [
        MonthReport(
            meta.month,
            Agency(agency, meta.agencies.get(agency, agency)),
            meta,
            tuple(sorted(members, key=lambda one: (one.name.casefold(), one.nip, one.employee_id))),
        )
        for agency, members in sorted(agencies.items())
    ]


def person_of(
    row: Mapping[str, Any],
    pay: Mapping[str, Any],
    days: list[DayRecord],
    lines: list[Line],
    english: Translator | None,
) -> EmployeeMonth:
    """A person's month from a row of the employees and one of the payments."""
    reason = _text(pay.get("reason"))
    return EmployeeMonth(
        employee_id=row["employee_id"],
        nip=_text(row.get("nip")),
        name=_text(row.get("name")),
        job_class=_text(row.get("job_class")),
        golongan=_text(row.get("golongan")),
        account=_text(row.get("account")),
        npwp=_text(row.get("npwp")),
        unit=_text(row.get("unit")),
        days=tuple(sorted(days, key=lambda day: day.date)),
        gross=int(pay["gross"] or 0),
        deductions=int(pay["deductions"] or 0),
        dues=int(pay["dues"] or 0),
        tax=int(pay["tax"] or 0),
        net=int(pay["net"] or 0),
        status=_text(pay["status"]),
        reason=reason,
        lines=tuple(lines),
        reason_english=english.reason(reason) if english else "",
    )


def line_of(row: Mapping[str, Any], english: Translator | None) -> Line:
    """A line from a row of the table of lines. An amount counted from 1 rupiah is its own base."""
    base, numerator, denominator = (_integer(row.get(name)) for name in ("base", "numerator", "denominator"))
    if (base, denominator) == (1, 1):
        base, numerator = numerator, 1
    return Line(
        date=_date(row.get("date")),
        kind=_text(row.get("kind")),
        text=_text(row.get("text")),
        fact=_text(row.get("fact")),
        article=_text(row.get("article")),
        base=base,
        numerator=numerator,
        denominator=denominator,
        rounding=_text(row.get("rounding")),
        rupiah=int(row["rupiah"]),
        certainty=_text(row.get("certainty")),
        account=_text(row.get("account")),
        english=english.line(row) if english else "",
        part=english.part(row) if english else Fraction(1),
    )


def _day(
    row: dict[str, Any],
    unsigned: Container[tuple[str, dt.date]],
    attested: Mapping[str, tuple[AttestedMark, ...]],
) -> DayRecord:
    date = _date(row["date"])
    if date is None:
        raise ReportRefused(f"a day of employee {row['employee_id']} has no date")
    return DayRecord(
        date,
        _text(row["code"]),
        _clock(row.get("first_in")),
        _clock(row.get("last_out")),
        int(row.get("late_s") or 0),
        int(row.get("early_s") or 0),
        (row["employee_id"], date) in unsigned,
        any(one.date == date for one in attested.get(row["employee_id"], ())),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _integer(value: Any) -> int | None:
    return None if value is None or value == "" else int(value)


def _date(value: Any) -> dt.date | None:
    if value is None or value == "":
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])


def _clock(value: Any) -> str:
    """The wall time of a mark to the second, as the engine gives it (with its own offset)."""
    if isinstance(value, dt.datetime | dt.time):
        return value.strftime("%H:%M:%S")
    found = re.search(r"\d\d:\d\d(:\d\d)?", _text(value))
    return found[0] if found else _text(value)
