"""Calendars: dated shifts, nights, holidays, assignments, and errors that name file, line and key."""

from __future__ import annotations

from datetime import date

import pytest

from server.attendance.calendar import Calendar
from server.errors import ConfigError

TEXT = """format: 1
zone: WIT
sites: {jakarta: WIB}
holidays:
  - {date: 2026-08-17, name: Proklamasi}
shifts:
  office:
    hours:
      - {days: [mon, tue], start: "07:30", end: "16:00:30"}
      - {days: [mon], start: "08:00", end: "15:00", from: 2026-02-18, to: 2026-03-17}
      - {days: [tue], off: true, from: 2026-04-07, to: 2026-04-07}
  night:
    holidays: false
    hours: [{days: [mon], start: "22:00", end: "06:00", ends_next_day: true}]
default_shift: office
assignments:
  - {shift: night, units: [jaga], from: 2026-01-05, to: 2026-01-06}
"""


def test_hours_are_seconds_of_the_local_day() -> None:
    calendar = Calendar.parse(TEXT)
    assert calendar.shift_on("office", date(2026, 1, 5)) == (27000, 57630)
    assert calendar.shift_on("office", date(2026, 1, 7)) is None


def test_a_later_line_wins_in_its_time_only() -> None:
    calendar = Calendar.parse(TEXT)
    assert calendar.shift_on("office", date(2026, 2, 23)) == (28800, 54000)
    assert calendar.shift_on("office", date(2026, 3, 23)) == (27000, 57630)
    assert calendar.shift_on("office", date(2026, 4, 7)) is None


def test_a_night_ends_on_the_next_day_and_may_ignore_holidays() -> None:
    calendar = Calendar.parse(TEXT)
    assert calendar.shift_on("night", date(2026, 8, 17)) == (79200, 108000)
    assert calendar.shift_on("office", date(2026, 8, 17)) is None


def test_the_zone_is_the_employees_then_the_sites_then_the_calendars() -> None:
    calendar = Calendar.parse(TEXT)
    assert calendar.offset("WITA", "jakarta") == 8 * 3600
    assert calendar.offset(None, "jakarta") == 7 * 3600
    assert calendar.offset(None, "ambon") == 9 * 3600


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("zone: WIT", "zone: CET", "c.yaml:2: zone: 'CET' is not one of"),
        ("default_shift: office", "default_shift: day", "c.yaml:15: default_shift: there is no shift 'day'"),
        ('"16:00:30"', '"07:00"', "c.yaml:9: shifts.office.hours.0.end: must be after start"),
        ('"16:00:30"', '"25:00"', "c.yaml:9: shifts.office.hours.0.end: '25:00' is not a time from 00:00"),
        ("2026-08-17", "2026-08-32", "c.yaml:5: holidays.0.date: 2026-08-32 is not a date"),
        ("to: 2026-03-17", "to: 2026-01-17", "c.yaml:10: shifts.office.hours.1.to: 2026-01-17 is before"),
        ("units: [jaga]", "units: [jaga], sites: [x]", "c.yaml:17: assignments.0: name exactly one of"),
        ("shift: night", "shift: nacht", "c.yaml:17: assignments.0.shift: there is no shift 'nacht'"),
        (", from: 2026-02-18, to: 2026-03-17", "", "c.yaml:10: shifts.office.hours.1: a second line for mon"),
        (", off: true", "", "c.yaml:11: shifts.office.hours.2: needs start and end, or off: true"),
        ("zone:", "zones:", "zones: 'zones' is no key that belongs here; did you mean 'zone'?"),
    ],
)
def test_an_error_names_file_line_and_key(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError) as caught:
        Calendar.parse(TEXT.replace(old, new), "c.yaml")
    assert message in str(caught.value)
