"""The invented people of the simulated administration: names, NIP, posts, pay data. None of them exists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from simulation import office

GIVEN_WOMEN = (
    "Maria", "Elisabeth", "Yuliana", "Siti", "Fatimah", "Aisyah", "Rosalina", "Juliet", "Marlen", "Wa Ode",
    "Nona", "Hasna", "Debora", "Ratna", "Sartje", "Mersy", "Halima", "Agustina", "Novita", "Dewi", "Selfina",
)  # fmt: skip
GIVEN_MEN = (
    "Yohanis", "Petrus", "Marthen", "Abdul", "Muhammad", "Semuel", "Jacob", "Hasan", "La Ode", "Ferdinand",
    "Ahmad", "Stevanus", "Frans", "Usman", "Benjamin", "Rustam", "Elia", "Johan", "Idris", "Markus", "Rahman",
)  # fmt: skip
FAMILY = (
    "Latuconsina", "Tuhumury", "Pelupessy", "Sahetapy", "Matulessy", "Leatemia", "Huwae", "Nanlohy", "Tomasoa",
    "Souisa", "Wattimena", "Rehatta", "Manuputty", "Salampessy", "Tuasikal", "Ohorella", "Renyaan", "Lopulalan",
    "Sapulette", "Titaley", "Kakisina", "Noya", "Hehanussa", "Talakua", "Siahaya", "Louhenapessy", "Mual",
    "Lestaluhu", "Marasabessy", "Tehupeiory", "Soplanit", "Haulussy", "Umarella", "Wael", "Rumalatu", "Polpoke",
)  # fmt: skip
UNUSUAL_NAMES = {9: ("Nur'aini Latuconsina", "F"), 22: ("Renée Anaïs Tomasoa", "F"), 33: ("Suparman", "M")}
"""Place within each two hundred → a name with an apostrophe, with diacritics, of one word."""

DEGREES = {11: ("S.Sos., M.Si.", "S.T., M.T."), 9: ("S.Sos.", "S.STP.", "S.E."), 7: ("A.Md.", "S.Kom.")}
"""Job class from which a person may carry one of these behind the name, after a comma as usual."""

GOLONGAN = {
    14: ("IV/c", "IV/b"), 12: ("IV/b", "IV/a"), 11: ("IV/a", "III/d"), 9: ("III/d", "III/c"),
    8: ("III/c", "III/b"), 7: ("III/b", "III/a"), 6: ("III/a", "II/d"), 5: ("II/c", "II/b"), 3: ("I/d", "I/c"),
}  # fmt: skip
GRADE_PPPK = {8: "X", 7: "IX", 6: "VII", 5: "V", 3: "I"}
"""Grades of PPPK are not golongan I to IV: other data, other tax."""

BASE_SALARY = {"I": 2_100_000, "II": 2_700_000, "III": 3_500_000, "IV": 4_500_000}
BASE_SALARY_PPPK = {"I": 2_000_000, "V": 2_600_000, "VII": 2_900_000, "IX": 3_300_000, "X": 3_450_000}
"""Rupiah a month, of the order of PP 5/2024 and Perpres 11/2024; seniority adds to it."""

POST_ALLOWANCE = {14: 2_025_000, 12: 1_260_000, 11: 980_000, 9: 540_000}
USUAL_TPP = {
    14: 8_500_000, 12: 7_000_000, 11: 6_300_000, 9: 5_200_000, 8: 4_700_000, 7: 4_300_000, 6: 3_900_000,
    5: 3_600_000, 3: 3_200_000,
}  # fmt: skip
"""Rupiah a month by job class, for the gross of the year so far: the press gives about 3 to 9.3 million."""


@dataclass(frozen=True)
class Person:
    """One employee. `agency` indexes office.AGENCIES; `row` is the line of employees.csv."""

    index: int
    employee_id: str
    agency: int
    site: str
    employment: str
    start: date
    end: date | None
    row: dict[str, str | int]

    def works_on(self, day: date) -> bool:
        """Whether `day` lies within the employment."""
        return self.start <= day and (self.end is None or day <= self.end)


def make_person(index: int, seed: int, month: str, agencies: int, role: str = "") -> Person:
    """The person at place `index`: the same for any number of employees. `role` is an edge case of behaviour.ROLES."""
    rng = Random(f"{seed}:person:{index}")
    agency = index % agencies
    place = index // agencies
    first_day = office.days_of(month)[0]
    job_class = _job_class(place, role, rng)
    employment = _employment(place, role, rng)
    woman = rng.random() < 0.47
    degree = rng.random() < 0.6
    name = _name(rng, woman)
    unusual = UNUSUAL_NAMES.get(index % 200)
    if unusual:
        name, woman = unusual[0], unusual[1] == "F"
    elif degree:
        name = ", ".join([name, *_degree(job_class, rng)])
    appointed, start, end = _service(employment, role, first_day, rng)
    entered = appointed or start
    birth = date(entered.year - rng.randrange(22, 31), rng.randrange(1, 13), rng.randrange(1, 29))
    grade = GRADE_PPPK[job_class] if employment == "PPPK" else rng.choice(GOLONGAN[job_class])
    married = rng.random() < 0.7
    children = rng.randrange(4) if married else 0
    pay = _pay(employment, grade, job_class, married, children, first_day, entered)
    unit = office.AGENCIES[agency].units
    row: dict[str, str | int] = {
        "employee_id": f"E{index + 1:05d}",
        "nip": _nip(employment, birth, entered, woman, index),
        "name": name,
        "employment": employment,
        "agency": office.AGENCIES[agency].name,
        "unit": unit[0] if place < 2 else unit[place % len(unit)],
        "site": office.AGENCIES[agency].site,
        "zone": office.ZONE,
        "job_class": str(job_class),
        "golongan": grade,
        "ptkp": "" if role == "no_tax_data" else f"{'K' if married else 'TK'}/{min(children, 3)}",
        "start_date": start.isoformat(),
        "end_date": end.isoformat() if end else "",
        "appointed_date": appointed.isoformat() if appointed else "",
        **pay,
        "account": f"{rng.randrange(10**9, 10**10)}",
        "npwp": f"8101{rng.randrange(10**11, 10**12)}",
        "flags": {"dues_unpaid": "pbb_unpaid", "seconded": "seconded"}.get(role, ""),
    }
    return Person(index, str(row["employee_id"]), agency, office.AGENCIES[agency].site, employment, start, end, row)


def _name(rng: Random, woman: bool) -> str:
    given = GIVEN_WOMEN if woman else GIVEN_MEN
    first = rng.choice(given)
    middle = rng.choice(given)
    family = rng.choice(FAMILY)
    return f"{first} {family}" if middle == first or rng.random() < 0.6 else f"{first} {middle} {family}"


def _degree(job_class: int, rng: Random) -> list[str]:
    for least, degrees in DEGREES.items():
        if job_class >= least:
            return [rng.choice(degrees)]
    return []


def _job_class(place: int, role: str, rng: Random) -> int:
    """Head, secretary, four heads of division, eight of section; then the staff."""
    staff = rng.choices((8, 7, 6, 5, 3), (18, 34, 26, 19, 3))[0]
    if role:
        return staff
    return 14 if place == 0 else 12 if place == 1 else 11 if place < 6 else 9 if place < 14 else staff


def _employment(place: int, role: str, rng: Random) -> str:
    drawn = rng.choices(("PNS", "PPPK", "CPNS"), (73, 24, 3))[0]
    named = {"first_year": "PPPK", "no_tax_data": "PPPK", "not_appointed": "CPNS"}.get(role)
    return named or ("PNS" if role or place < 14 else drawn)


def _service(employment: str, role: str, first_day: date, rng: Random) -> tuple[date | None, date, date | None]:
    """Date of appointment (None for a CPNS), first day of service here, last day if it is known."""
    years = rng.randrange(2, 27)
    month = rng.randrange(1, 13)
    start = date(first_day.year - years, month, 1)
    if employment == "PPPK":
        # The first appointments of PPPK were made in 2021.
        start = date(max(2021, first_day.year - 2 - years % 4), month, 1)
    if role == "first_year" or employment == "CPNS":
        start = date(first_day.year, 1, 1) if first_day.month < 9 else date(first_day.year, first_day.month - 6, 1)
    if role == "joined":
        start = first_day + timedelta(14)
    appointed = None if employment == "CPNS" else start
    if role == "joined":
        # Moved here from another administration: in service long before.
        appointed = date(first_day.year - 9, 3, 1)
    return appointed, start, first_day + timedelta(15) if role == "retired" else None


def _nip(employment: str, birth: date, entered: date, woman: bool, index: int) -> str:
    """18 digits: birth 8, appointment 6, sex 1, serial 3. A PPPK has the year and 21 in place of the appointment."""
    middle = f"{entered:%Y}21" if employment == "PPPK" else f"{entered:%Y%m}"
    return f"{birth:%Y%m%d}{middle}{2 if woman else 1}{index % 999 + 1:03d}"


def _pay(
    employment: str, grade: str, job_class: int, married: bool, children: int, first_day: date, entered: date
) -> dict[str, str | int]:
    """Salary and allowances of the month, the base of BPJS and the gross of the year before it, in rupiah."""
    table, key = (BASE_SALARY_PPPK, grade) if employment == "PPPK" else (BASE_SALARY, grade.split("/")[0])
    years = max(0, first_day.year - entered.year)
    salary = table[key] + years * 45_000
    if employment == "CPNS":
        salary = salary * 4 // 5
    family = salary * (10 * married + 2 * min(children, 2)) // 100
    post = POST_ALLOWANCE.get(job_class, 185_000)
    rice = 72_420 * (1 + married + min(children, 2))
    gross = salary + family + post + rice
    paid_months = first_day.month - 1
    if entered.year == first_day.year:
        paid_months = max(0, first_day.month - entered.month)
    return {
        "other_gross": gross,
        "bpjs_base": salary + family + post,
        "ytd_gross": paid_months * (gross + USUAL_TPP[job_class] * 96 // 100),
    }
