"""Leave, duty orders and corrections of a simulated person's month, and the days that they change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from random import Random

from simulation import office
from simulation.people import Person

Row = dict[str, str | int]

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
PLACES = ("Masohi", "Namlea", "Saparua", "Tual", "Ternate", "Makassar", "Jakarta")
TOWN = ("Kecamatan Nusaniwe", "Kecamatan Baguala", "Negeri Hative Besar", "Pelabuhan Yos Sudarso", "Kantor DPRD")


@dataclass
class DayPaper:
    """What documents make of one working day.

    `code` is that of the recap where the whole day is excused ("" otherwise), `required` what remains of the
    shift, seconds after midnight, `must` constrains the visit (see behaviour.visit; "absent": nobody comes),
    `attested` is the second of a mark that an approved correction adds, or None.
    """

    code: str = ""
    required: tuple[int, int] | None = None
    story: str = ""
    must: str = ""
    attested: int | None = None


@dataclass
class Papers:
    """The rows of one person's documents, and the days that they change."""

    leave: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    corrections: list[Row] = field(default_factory=list)
    days: dict[date, DayPaper] = field(default_factory=dict)


def draw_papers(person: Person, seed: int, month: str, agencies: int, role: str) -> Papers:
    """The documents of one person in `month`; those of an edge case `role` are fixed, others drawn."""
    rng = Random(f"{seed}:{month}:papers:{person.index}")
    days = [day for day in office.workdays(month) if person.works_on(day)]
    papers = Papers()
    desk = _Desk(person, papers, days, rng)
    if role:
        _edge_case(desk, role)
        return papers
    _group_journey(desk, seed, month, agencies)
    if rng.random() < 0.10:
        desk.leave("annual", rng.choice((1, 2, 2, 3, 3, 5)))
    if rng.random() < 0.08:
        desk.leave("sick", rng.choice((1, 1, 2, 3)))
    if rng.random() < 0.05:
        desk.leave("permission", 1)
    if rng.random() < 0.07:
        desk.order_days(1, rng.choice(TOWN))
    if rng.random() < 0.08:
        desk.order_part(until_s=10 * 3600)
    if rng.random() < 0.03:
        desk.order_part(from_s=13 * 3600)
    if rng.random() < 0.04:
        desk.forgotten_out("approved")
    return papers


class _Desk:
    """Writes one person's documents, each on days that no other document takes."""

    def __init__(self, person: Person, papers: Papers, days: list[date], rng: Random) -> None:
        self.person, self.papers, self.days, self.rng = person, papers, days, rng

    def stretch(self, length: int) -> list[date]:
        """`length` working days in a row without another document; fewer or none where they do not fit."""
        if not self.days:
            return []
        first = self.rng.randrange(max(1, len(self.days) - length + 1))
        chosen = self.days[first : first + length]
        return [] if any(day in self.papers.days for day in chosen) else chosen

    def number(self, series: str, day: date) -> str:
        """A document's number as offices write it."""
        return f"{series}/{self.rng.randrange(100, 2000)}/{ROMAN[day.month - 1]}/{day.year}"

    def leave(self, kind: str, length: int, status: str = "approved", days: list[date] | None = None) -> None:
        """Leave of `length` working days; a weekend between them lies inside."""
        chosen = days if days is not None else self.stretch(length)
        if not chosen:
            return
        series = {"annual": "800.1.11.4", "sick": "400.7.31.1", "permission": "800.1.11.9"}[kind]
        self.papers.leave.append(
            {
                "employee_id": self.person.employee_id,
                "kind": kind,
                "from": chosen[0].isoformat(),
                "to": chosen[-1].isoformat(),
                "document": self.number(series, chosen[0]),
                "status": status,
            }
        )
        code, story = office.LEAVE[kind]
        for day in chosen:
            self.papers.days[day] = (
                DayPaper(code, None, story)
                if status == "approved"
                else DayPaper(must="absent", story=f"absent, {story} {status}")
            )

    def _order(self, start: str, end: str, place: str, status: str, document: str) -> None:
        self.papers.orders.append(
            {
                "order_id": f"SPT-{self.person.employee_id}-{len(self.papers.orders) + 1}",
                "employee_id": self.person.employee_id,
                "from": start,
                "to": end,
                "place": place,
                "document": document,
                "status": status,
            }
        )

    def order_days(
        self,
        length: int,
        place: str,
        status: str = office.ORDER_DONE,
        with_document: bool = True,
        days: list[date] | None = None,
        document: str = "",
    ) -> None:
        """A duty order for whole days."""
        chosen = days if days is not None else self.stretch(length)
        if not chosen or any(day in self.papers.days for day in chosen):
            return
        document = document or self.number("800.1.11.1", chosen[0])
        self._order(chosen[0].isoformat(), chosen[-1].isoformat(), place, status, document if with_document else "")
        for day in chosen:
            if status == office.ORDER_DONE and with_document:
                self.papers.days[day] = DayPaper("DL", None, f"duty order, {place}")
            else:
                flaw = "not confirmed" if with_document else "without a document"
                self.papers.days[day] = DayPaper(must="absent", story=f"away on a duty order {flaw}")

    def order_part(self, until_s: int = 0, from_s: int = 0) -> None:
        """A duty order for the morning until `until_s`, or for the afternoon from `from_s`, seconds after midnight."""
        for day in self.stretch(1):
            shift = office.shift_of(day)
            if shift is None:
                continue
            away = (shift.start_s, until_s) if until_s else (from_s, shift.end_s)
            required = (until_s, shift.end_s) if until_s else (shift.start_s, from_s)
            self._order(
                office.instant(day, away[0]),
                office.instant(day, away[1]),
                self.rng.choice(TOWN),
                office.ORDER_DONE,
                self.number("800.1.11.1", day),
            )
            bound = f"until {until_s // 3600}:00" if until_s else f"from {from_s // 3600}:00"
            self.papers.days[day] = DayPaper("", required, f"duty order {bound}", must="come")

    def forgotten_out(self, status: str) -> None:
        """A mark-out forgotten, and a correction asked for it."""
        for day in self.stretch(1):
            shift = office.shift_of(day)
            if shift is None:
                continue
            left = shift.end_s + self.rng.randrange(60, 1200, 60)
            self.papers.corrections.append(
                {
                    "employee_id": self.person.employee_id,
                    "date": day.isoformat(),
                    "kind": office.CORRECTION_OUT,
                    "from": office.instant(day, left),
                    "to": "",
                    "reason": "lupa rekam pulang, disaksikan atasan",
                    "document": self.number("800.1.11.2", day),
                    "status": status,
                }
            )
            story = f"forgot to mark out, correction {status}"
            self.papers.days[day] = DayPaper("", None, story, "forget_out", left if status == "approved" else None)


def _group_journey(desk: _Desk, seed: int, month: str, agencies: int) -> None:
    """Four neighbours of one agency now and then travel together for three days on one document."""
    index = desk.person.index
    group = Random(f"{seed}:{month}:journey:{index % agencies}:{index // agencies // 4}")
    if group.random() >= 0.05:
        return
    days = office.workdays(month)
    first = group.randrange(len(days) - 2)
    chosen = days[first : first + 3]
    document = f"800.1.11.1/{group.randrange(2000, 9000)}/{ROMAN[chosen[0].month - 1]}/{chosen[0].year}"
    if all(desk.person.works_on(day) for day in chosen):
        desk.order_days(3, group.choice(PLACES), days=chosen, document=document)


def _edge_case(desk: _Desk, role: str) -> None:
    days = desk.days
    absent = {
        # Working days 9 to 15: a weekend lies between, and days off neither count nor break.
        "absent_seven": days[8:15],
        # Fourteen, never seven in a row.
        "absent_fourteen": days[0:5] + days[6:11] + days[12:16],
        # Nine, but the sick day breaks the row: six and three.
        "absent_broken": days[4:10] + days[11:14],
    }.get(role, [])
    for day in absent:
        desk.papers.days[day] = DayPaper(must="absent", story="absent without notice")
    if role == "absent_broken":
        desk.leave("sick", 1, days=days[10:11])
    elif role == "leave_pending":
        desk.leave("annual", 2, status=office.PENDING)
    elif role == "leave_rejected":
        desk.leave("annual", 1, status="rejected")
    elif role == "sick_month":
        desk.leave("sick", len(days), days=days)
    elif role == "order_unconfirmed":
        desk.order_days(2, "Masohi", status=office.ORDER_OPEN)
    elif role == "order_no_document":
        desk.order_days(1, "Namlea", with_document=False)
    elif role == "correction_approved":
        desk.forgotten_out("approved")
    elif role == "correction_pending":
        desk.forgotten_out(office.PENDING)
