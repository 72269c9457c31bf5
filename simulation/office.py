"""The simulated city administration: agencies, sites, kiosks, hours, holidays, and what the truth takes as the rules.

Everything that must agree with a regulation or a calendar stands here, in one place.
"""

from __future__ import annotations

import calendar as months
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

ZONE = "WIT"
OFFSET = timezone(timedelta(hours=9))
"""Ambon keeps Eastern Indonesian Time, no daylight saving."""

PEOPLE_PER_KIOSK = 150
"""At most this many people are given one kiosk."""


@dataclass(frozen=True)
class Shift:
    """A day's hours in seconds after local midnight."""

    start_s: int
    end_s: int
    break_start_s: int
    break_end_s: int


def _clock(hour: int, minute: int) -> int:
    return hour * 3600 + minute * 60


MONDAY_TO_THURSDAY = Shift(_clock(7, 30), _clock(16, 0), _clock(12, 0), _clock(13, 0))
FRIDAY = Shift(_clock(7, 30), _clock(16, 30), _clock(11, 30), _clock(13, 0))
RAMADAN_MONDAY_TO_THURSDAY = Shift(_clock(8, 0), _clock(15, 0), _clock(12, 0), _clock(12, 30))
RAMADAN_FRIDAY = Shift(_clock(8, 0), _clock(15, 30), _clock(12, 0), _clock(13, 0))
RAMADAN = (date(2026, 2, 18), date(2026, 3, 17))
"""Perpres 21/2023: 37 h 30 a week from 07:30, break 60 minutes, on Friday 90; in Ramadan 32 h 30 from 08:00,
break 30, on Friday 60. The same hours as regulations/national/calendar-2026-wit.yaml."""

WINDOW_BEFORE_S = 30 * 60
"""Ambon: a mark more than 30 minutes before the start does not count (Perwali 60/2022, from the press)."""

GRACE_S = 59
"""Late counts only after 07:30:59 (the practice of ANRI 18/2016, from the press); then from 07:30:00."""

EARLY_GRACE_S = 59
"""Minutes count when complete (assumed, as in regulations/ambon/2026.yaml): less than one early is none."""

REPEAT_S = 5 * 60
"""Marks within this time of one another are one visit."""

LEAVE = {
    "annual": ("C", "annual leave"),
    "sick": ("S", "sick with a letter"),
    "permission": ("I", "permission"),
}
"""Kind of leave in leave.csv → code of the recap, story."""

PENDING, ORDER_OPEN, ORDER_DONE = "requested", "issued", "confirmed"
"""Status of a leave or correction not decided, of an order not reported, and of one that is."""

CORRECTION_OUT = "forgotten_out"
"""Kind of a correction for a missing mark at the end: `from` is the instant at which they left, `to` is empty."""

WORK_MEASURE = "productivity"
"""What work.csv scores, 0 to 100."""

HOLIDAYS: dict[str, str] = {
    "2026-01-01": "Tahun Baru Masehi",
    "2026-01-16": "Isra Mikraj",
    "2026-02-16": "Cuti bersama Tahun Baru Imlek",
    "2026-02-17": "Tahun Baru Imlek",
    "2026-03-18": "Cuti bersama Nyepi",
    "2026-03-19": "Hari Suci Nyepi",
    "2026-03-20": "Cuti bersama Idulfitri",
    "2026-03-21": "Idulfitri",
    "2026-03-22": "Idulfitri",
    "2026-03-23": "Cuti bersama Idulfitri",
    "2026-03-24": "Cuti bersama Idulfitri",
    "2026-04-03": "Wafat Yesus Kristus",
    "2026-04-05": "Kebangkitan Yesus Kristus",
    "2026-05-01": "Hari Buruh Internasional",
    "2026-05-14": "Kenaikan Yesus Kristus",
    "2026-05-15": "Cuti bersama Kenaikan Yesus Kristus",
    "2026-05-27": "Iduladha",
    "2026-05-28": "Cuti bersama Iduladha",
    "2026-05-31": "Hari Raya Waisak",
    "2026-06-01": "Hari Lahir Pancasila",
    "2026-06-16": "Tahun Baru Islam",
    "2026-08-17": "Proklamasi Kemerdekaan",
    "2026-08-25": "Maulid Nabi Muhammad",
    "2026-12-24": "Cuti bersama Natal",
    "2026-12-25": "Kelahiran Yesus Kristus",
}
"""Joint decision of three ministers 1497/2025, 2/2025 and 5/2025, as published by city governments. October
and November 2026 have none. Other years are not listed: their months have weekends only."""


@dataclass(frozen=True)
class Agency:
    """An agency (OPD): its name, the code of its one site, and its units."""

    name: str
    site: str
    units: tuple[str, ...]


AGENCIES: tuple[Agency, ...] = (
    Agency(
        "Dinas Kependudukan dan Pencatatan Sipil",
        "dukcapil",
        ("Sekretariat", "Pendaftaran Penduduk", "Pencatatan Sipil", "Pengelolaan Informasi", "Inovasi Pelayanan"),
    ),
    Agency(
        "Dinas Pekerjaan Umum dan Penataan Ruang",
        "pupr",
        ("Sekretariat", "Bina Marga", "Cipta Karya", "Sumber Daya Air", "Penataan Ruang"),
    ),
    Agency("Dinas Kesehatan", "dinkes", ("Sekretariat", "Kesehatan Masyarakat", "Pelayanan Kesehatan")),
    Agency("Dinas Pendidikan", "disdik", ("Sekretariat", "Pembinaan SD", "Pembinaan SMP", "Ketenagaan")),
    Agency("Dinas Perhubungan", "dishub", ("Sekretariat", "Lalu Lintas", "Angkutan", "Pelayaran")),
    Agency("Dinas Lingkungan Hidup dan Persampahan", "dlhp", ("Sekretariat", "Kebersihan", "Tata Lingkungan")),
    Agency("Dinas Sosial", "dinsos", ("Sekretariat", "Rehabilitasi Sosial", "Perlindungan Sosial")),
    Agency("Dinas Perikanan", "perikanan", ("Sekretariat", "Perikanan Tangkap", "Budidaya")),
)


def workdays(month: str) -> list[date]:
    """The days of `month` ("2026-10") on which the office works: Monday to Friday without holidays."""
    return [day for day in days_of(month) if is_workday(day)]


def is_workday(day: date) -> bool:
    """Whether the office works on `day`."""
    return day.weekday() < 5 and day.isoformat() not in HOLIDAYS


def days_of(month: str) -> list[date]:
    """All days of `month` ("2026-10"). Raises ValueError for anything that is not YYYY-MM."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise ValueError(f"month '{month}' is not written YYYY-MM, for example 2026-10") from None
    return [first + timedelta(n) for n in range(months.monthrange(first.year, first.month)[1])]


def shift_of(day: date) -> Shift | None:
    """The hours of `day`, None on a day off."""
    if not is_workday(day):
        return None
    if RAMADAN[0] <= day <= RAMADAN[1]:
        return RAMADAN_FRIDAY if day.weekday() == 4 else RAMADAN_MONDAY_TO_THURSDAY
    return FRIDAY if day.weekday() == 4 else MONDAY_TO_THURSDAY


def midnight_ms(day: date) -> int:
    """Unix time in milliseconds of the beginning of `day` in Ambon."""
    return int(datetime(day.year, day.month, day.day, tzinfo=OFFSET).timestamp()) * 1000


def instant(day: date, second: int) -> str:
    """ISO 8601 with offset of a second of the day, as the documents' from and to are written."""
    return (datetime(day.year, day.month, day.day, tzinfo=OFFSET) + timedelta(seconds=second)).isoformat()


def kiosks_of(employees: int, agencies: int) -> dict[str, list[str]]:
    """Site → its kiosks: two at the first site, one at each other, more where that is over 150 people a kiosk."""
    kiosks: dict[str, list[str]] = {}
    number = 0
    for index in range(agencies):
        people = len(range(index, employees, agencies))
        count = max(2 if index == 0 else 1, -(-people // PEOPLE_PER_KIOSK))
        kiosks[AGENCIES[index].site] = [f"K{number + n + 1:02d}" for n in range(count)]
        number += count
    return kiosks


def calendar_of(month: str) -> dict[str, Any]:
    """The calendar file (docs/calendar.md) of the year in which `month` lies."""
    ramadan = {"from": RAMADAN[0].isoformat(), "to": RAMADAN[1].isoformat()}
    hours = [
        _hours(_WEEK[:4], MONDAY_TO_THURSDAY),
        _hours(_WEEK[4:], FRIDAY),
        _hours(_WEEK[:4], RAMADAN_MONDAY_TO_THURSDAY) | ramadan,
        _hours(_WEEK[4:], RAMADAN_FRIDAY) | ramadan,
    ]
    year = month[:4]
    return {
        "format": 1,
        "name": f"Kota Ambon {year} (simulasi)",
        "zone": ZONE,
        "holidays": [{"date": day, "name": name} for day, name in HOLIDAYS.items() if day.startswith(year)],
        "shifts": {"office": {"name": "Jam kerja kantor", "source": "Perpres 21/2023 (P)", "hours": hours}},
        "default_shift": "office",
    }


_WEEK = ["mon", "tue", "wed", "thu", "fri"]


def _hours(days: list[str], shift: Shift) -> dict[str, Any]:
    return {
        "days": list(days),
        "start": f"{shift.start_s // 3600:02d}:{shift.start_s % 3600 // 60:02d}",
        "end": f"{shift.end_s // 3600:02d}:{shift.end_s % 3600 // 60:02d}",
        "break_minutes": (shift.break_end_s - shift.break_start_s) // 60,
    }
