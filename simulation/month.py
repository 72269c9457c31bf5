"""A believable month of an Indonesian city administration: what people did, and the files an office would hold of it.

Made from (employees, seed, month) alone, the same on each machine, and without the engine that is measured with it.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import yaml

from simulation import behaviour, office
from simulation.documents import DayPaper, Papers, Row, draw_papers
from simulation.people import Person, make_person
from simulation.queues import Coming, serve
from simulation.truth import TruthDay, judge

COLUMNS: dict[str, tuple[str, ...]] = {
    "employees": (
        "employee_id", "nip", "name", "employment", "agency", "unit", "site", "zone", "job_class", "golongan",
        "ptkp", "start_date", "end_date", "appointed_date", "other_gross", "bpjs_base", "ytd_gross", "account",
        "npwp", "flags",
    ),
    "marks": ("employee_id", "at", "site", "source"),
    "leave": ("employee_id", "kind", "from", "to", "document", "status"),
    "orders": ("order_id", "employee_id", "from", "to", "place", "document", "status"),
    "corrections": ("employee_id", "date", "kind", "from", "to", "reason", "document", "status"),
    "work": ("employee_id", "month", "measure", "score"),
    "dues": ("employee_id", "kind", "rupiah"),
    "truth": tuple(field.name for field in fields(TruthDay)),
}  # fmt: skip
"""The columns of each CSV file."""


@dataclass(frozen=True)
class Presentation:
    """Somebody stands before a kiosk. `at_ms`: true Unix time, milliseconds."""

    employee_id: str
    at_ms: int
    kiosk: str
    site: str


@dataclass(frozen=True)
class SimulatedMonth:
    """All that an office holds of a month, and the truth. Rows are dicts keyed by COLUMNS; `calendar` is for YAML."""

    month: str
    employees: list[Row]
    leave: list[Row]
    orders: list[Row]
    corrections: list[Row]
    work: list[Row]
    dues: list[Row]
    calendar: dict[str, Any]
    presentations: list[Presentation]
    truth: list[TruthDay]


def simulate_month(employees: int, seed: int, month: str = "2026-10", agencies: int = 2) -> SimulatedMonth:
    """Simulate `employees` people in `agencies` agencies for one month ("2026-10").

    A person's identity, habits and documents do not depend on the number of employees; the queues do. Presentations
    and truth are in order of time. Raises ValueError for a month or a number that cannot be.
    """
    if employees < 1:
        raise ValueError(f"{employees} employees: at least one is needed")
    if not 1 <= agencies <= len(office.AGENCIES):
        raise ValueError(f"{agencies} agencies: from 1 to {len(office.AGENCIES)} can be simulated")
    days = office.days_of(month)
    roles = [behaviour.role_of(index) for index in range(employees)]
    people = [make_person(index, seed, month, agencies, roles[index]) for index in range(employees)]
    papers = [draw_papers(person, seed, month, agencies, roles[person.index]) for person in people]
    # Heavy rain makes the way longer for everybody.
    weather = {day: 1.2 if Random(f"{seed}:{day}:weather").random() < 0.12 else 1.0 for day in days}
    visits = [_visits(person, papers[person.index], seed, weather, agencies) for person in people]
    kiosks = office.kiosks_of(employees, agencies)
    presentations: list[Presentation] = []
    truth: list[TruthDay] = []
    for number, day in enumerate(days):
        midnight = office.midnight_ms(day)
        coming: dict[str, list[Coming]] = defaultdict(list)
        for person in people:
            for second in visits[person.index][number].marks:
                coming[visits[person.index][number].site or person.site].append(Coming(second, person.index))
        stood: dict[int, list[int]] = defaultdict(list)
        today: list[Presentation] = []
        for site, queue in sorted(coming.items()):
            for ms, who, kiosk in serve(queue, kiosks[site], Random(f"{seed}:{month}:queue:{site}:{day}")):
                stood[who].append(ms)
                today.append(Presentation(people[who].employee_id, midnight + ms, kiosk, site))
        presentations += sorted(today, key=lambda presentation: (presentation.at_ms, presentation.kiosk))
        for person in people:
            if person.works_on(day):
                visit = visits[person.index][number]
                paper = papers[person.index].days.get(day, _ORDINARY)
                truth.append(judge(person.employee_id, day, paper, stood[person.index], visit.note))
    return SimulatedMonth(
        month=month,
        employees=[person.row for person in people],
        leave=[row for paper in papers for row in paper.leave],
        orders=[row for paper in papers for row in paper.orders],
        corrections=[row for paper in papers for row in paper.corrections],
        work=[_work(person, seed, month) for person in people],
        dues=[row for person in people for row in _dues(person, seed)],
        calendar=office.calendar_of(month),
        presentations=presentations,
        truth=truth,
    )


_ORDINARY = DayPaper()


def _visits(
    person: Person, papers: Papers, seed: int, weather: dict[date, float], agencies: int
) -> list[behaviour.Visit]:
    """What the person does on each day of the month, the keys of `weather`."""
    month = f"{min(weather):%Y-%m}"
    habit = behaviour.draw_habit(Random(f"{seed}:habit:{person.index}"))
    rng = Random(f"{seed}:{month}:visits:{person.index}")
    elsewhere = ""
    if agencies > 1 and (behaviour.role_of(person.index) == "elsewhere" or rng.random() < 0.02):
        elsewhere = office.AGENCIES[(person.agency + 1) % agencies].site
    elsewhere_on = rng.choice(office.workdays(month))
    visits: list[behaviour.Visit] = []
    for day, rain in weather.items():
        shift = office.shift_of(day)
        paper = papers.days.get(day, _ORDINARY)
        if not person.works_on(day) or paper.must == "absent":
            visits.append(behaviour.ABSENT)
        elif shift is None:
            visits.append(behaviour.visit_on_day_off(rng))
        elif paper.code:
            visits.append(behaviour.visit_on_duty_order(rng) if paper.code == "DL" else behaviour.ABSENT)
        else:
            required = paper.required or (shift.start_s, shift.end_s)
            visit = behaviour.visit(habit, shift, required, rain, rng, paper.must)
            if elsewhere and day == elsewhere_on and visit.marks:
                visit = behaviour.Visit(visit.marks, visit.note or "worked at another agency's site", elsewhere)
            visits.append(visit)
    return visits


def _work(person: Person, seed: int, month: str) -> Row:
    rng = Random(f"{seed}:{month}:work:{person.index}")
    score = min(100, round(rng.gauss(93, 6)))
    return {
        "employee_id": person.employee_id,
        "month": month,
        "measure": office.WORK_MEASURE,
        "score": max(40, score),
    }


def _dues(person: Person, seed: int) -> list[Row]:
    """What people have agreed to have kept back."""
    rng = Random(f"{seed}:dues:{person.index}")
    amounts = [("korpri", 10_000)]
    if rng.random() < 0.45:
        amounts.append(("koperasi", rng.randrange(2, 16) * 25_000))
    if rng.random() < 0.25:
        amounts.append(("zakat", rng.randrange(60, 200) * 1_000))
    return [{"employee_id": person.employee_id, "kind": kind, "rupiah": rupiah} for kind, rupiah in amounts]


def marks_of(month: SimulatedMonth) -> Iterable[Row]:
    """The presentations as rows of marks.csv: `at` with milliseconds and the offset of Ambon."""
    epoch = datetime.fromtimestamp(0, office.OFFSET)
    for seen in month.presentations:
        at = (epoch + timedelta(milliseconds=seen.at_ms)).isoformat(timespec="milliseconds")
        yield {"employee_id": seen.employee_id, "at": at, "site": seen.site, "source": "kiosk"}


def write_month(month: SimulatedMonth, directory: Path) -> None:
    """Write the CSV files of COLUMNS (UTF-8, header, Unix line ends) and calendar.yaml into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Iterable[Row]] = {
        "employees": month.employees,
        "marks": marks_of(month),
        "leave": month.leave,
        "orders": month.orders,
        "corrections": month.corrections,
        "work": month.work,
        "dues": month.dues,
        "truth": (asdict(day) for day in month.truth),
    }
    for name, rows in tables.items():
        with (directory / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS[name], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    text = yaml.safe_dump(month.calendar, allow_unicode=True, sort_keys=False)
    (directory / "calendar.yaml").write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: `python -m simulation.month --employees 200 --seed 1 --out DIR`."""
    parser = argparse.ArgumentParser(
        prog="hadir simulate month",
        description="Write a believable month of a city administration, with the truth about each day beside it.",
        epilog="example: hadir simulate month --employees 200 --seed 1 --month 2026-10 --out month",
    )
    parser.add_argument("--employees", type=int, default=200, help="how many people (200)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same month (1)")
    parser.add_argument("--month", default="2026-10", help="YYYY-MM (2026-10)")
    parser.add_argument("--agencies", type=int, default=2, help="how many agencies (2)")
    parser.add_argument("--out", type=Path, required=True, help="directory for the files; made if missing")
    options = parser.parse_args(arguments)
    try:
        month = simulate_month(options.employees, options.seed, options.month, options.agencies)
        write_month(month, options.out)
    except (ValueError, OSError) as error:
        print(f"hadir simulate month: {error}", file=sys.stderr)
        return 2
    print(
        f"{len(month.employees)} employees, {len(month.presentations)} marks, {len(month.truth)} days of {month.month}"
        f" in {options.out}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
