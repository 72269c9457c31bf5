"""Calendars: which shift a person has on a date, from a YAML file described in docs/calendar.md."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from server.attendance import document
from server.errors import ConfigError

ZONES = {
    "WIB": 7 * 3600,
    "WITA": 8 * 3600,
    "WIT": 9 * 3600,
    "Asia/Jakarta": 7 * 3600,
    "Asia/Pontianak": 7 * 3600,
    "Asia/Makassar": 8 * 3600,
    "Asia/Jayapura": 9 * 3600,
}
"""Seconds east of UTC. Indonesia has no daylight saving (Keppres 41/1987)."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH = date(1970, 1, 1)
SCOPES = {"agencies": "agency", "sites": "site", "units": "unit", "employees": "employee_id"}
"""Key of an assignment → column of the employees that it matches."""

_TIME = {
    "type": "string",
    "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$",
    "description": "a time from 00:00 to 23:59:59 (ends_next_day: true for an end after midnight)",
}
_DATE = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "a date (YYYY-MM-DD)"}
_NAMES = {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["format", "zone", "shifts", "default_shift"],
    "properties": {
        "format": {"const": 1},
        "name": {"type": "string"},
        "source": {"type": "string"},
        "zone": {"enum": list(ZONES)},
        "sites": {"type": "object", "additionalProperties": {"enum": list(ZONES)}},
        "holidays": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["date"],
                "properties": {"date": _DATE, "name": {"type": "string"}},
            },
        },
        "shifts": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["hours"],
                "properties": {
                    "name": {"type": "string"},
                    "source": {"type": "string"},
                    "holidays": {"type": "boolean"},
                    "hours": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["days"],
                            "properties": {
                                "days": {"type": "array", "minItems": 1, "items": {"enum": list(DAYS)}},
                                "start": _TIME,
                                "end": _TIME,
                                "ends_next_day": {"type": "boolean"},
                                "break_minutes": {"type": "integer", "minimum": 0},
                                "off": {"type": "boolean"},
                                "from": _DATE,
                                "to": _DATE,
                            },
                        },
                    },
                },
            },
        },
        "default_shift": {"type": "string"},
        "assignments": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["shift"],
                "properties": {
                    "shift": {"type": "string"},
                    "from": _DATE,
                    "to": _DATE,
                    **dict.fromkeys(SCOPES, _NAMES),
                },
            },
        },
    },
}


@dataclass(frozen=True)
class Hours:
    """A line of a shift: on these weekdays (0 Monday) between two dates, seconds after local midnight, or off."""

    weekdays: frozenset[int]
    first: date
    last: date
    start_s: int
    end_s: int
    off: bool


@dataclass(frozen=True)
class Shift:
    """A shift's lines in order, and whether it rests on holidays."""

    name: str
    holidays: bool
    hours: tuple[Hours, ...]

    def on(self, day: date) -> tuple[int, int] | None:
        """(start, end) of the shift starting on `day`, seconds after its local midnight; None on a day off."""
        fitting = [h for h in self.hours if day.weekday() in h.weekdays and h.first <= day <= h.last]
        return None if not fitting or fitting[-1].off else (fitting[-1].start_s, fitting[-1].end_s)


@dataclass(frozen=True)
class Assignment:
    """Who has a shift: employees whose `column` (see SCOPES) is one of `values`, between two dates."""

    shift: str
    column: str
    values: tuple[str, ...]
    first: date
    last: date


@dataclass(frozen=True)
class Calendar:
    """Zones, holidays (in the file's order), shifts and assignments. `text` is the file as read, for hashing."""

    name: str
    zone: str
    sites: dict[str, str]
    holidays: tuple[date, ...]
    shifts: dict[str, Shift]
    default_shift: str
    assignments: tuple[Assignment, ...]
    text: str

    @classmethod
    def load(cls, path: Path | str) -> Calendar:
        """Read a calendar file. Raises ConfigError naming file, line and key."""
        return cls.of(document.read(Path(path), ConfigError, "format"))

    @classmethod
    def parse(cls, text: str, path: Path | str = "calendar.yaml") -> Calendar:
        """A calendar from YAML text; `path` is for messages. Raises ConfigError."""
        return cls.of(document.parse(text, Path(path), ConfigError, "format"))

    @classmethod
    def of(cls, source: document.Document) -> Calendar:
        """A calendar from a document already read."""
        source.check(SCHEMA)
        value = source.value
        shifts = {name: _shift(name, source) for name in value["shifts"]}
        if value["default_shift"] not in shifts:
            raise source.refuse(("default_shift",), f"there is no shift '{value['default_shift']}' in shifts")
        return cls(
            name=value.get("name", source.path.stem),
            zone=value["zone"],
            sites=dict(value.get("sites", {})),
            holidays=tuple(_date(source, ("holidays", n, "date")) for n in range(len(value.get("holidays", [])))),
            shifts=shifts,
            default_shift=value["default_shift"],
            assignments=tuple(_assignment(n, source, shifts) for n in range(len(value.get("assignments", [])))),
            text=source.text,
        )

    def odd(self) -> list[str]:
        """A sentence for each thing that counts, and may not be what is meant."""
        return [
            f"holidays: {day} is written {times} times and counts once; is another date meant?"
            for day, times in Counter(self.holidays).items()
            if times > 1
        ]

    def shift_on(self, shift: str, day: date) -> tuple[int, int] | None:
        """(start, end) of a shift on a date, seconds after local midnight; None on a day off or kept holiday."""
        if self.shifts[shift].holidays and day in self.holidays:
            return None
        return self.shifts[shift].on(day)

    def offset(self, zone: str | None, site: str | None) -> int:
        """Seconds east of UTC for an employee of this zone, else site. Raises KeyError for an unknown zone."""
        return ZONES[zone or self.sites.get(site or "", self.zone)]


def days_between(first: date, last: date) -> list[date]:
    """Every date from `first` to `last`, both included."""
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def _date(source: document.Document, keys: document.Keys) -> date:
    value = source.value
    for key in keys:
        value = value[key]
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise source.refuse(keys, f"{value} is not a date of the calendar (YYYY-MM-DD)") from None


def _span(source: document.Document, keys: document.Keys, entry: dict[str, Any]) -> tuple[date, date]:
    first = _date(source, (*keys, "from")) if "from" in entry else date.min
    last = _date(source, (*keys, "to")) if "to" in entry else date.max
    if last < first:
        raise source.refuse((*keys, "to"), f"{last} is before from: {first}")
    return first, last


def _seconds(text: str) -> int:
    parts = [int(part) for part in text.split(":")]
    return parts[0] * 3600 + parts[1] * 60 + (parts[2] if len(parts) > 2 else 0)


def _shift(name: str, source: document.Document) -> Shift:
    value = source.value["shifts"][name]
    lines: list[Hours] = []
    for place, entry in enumerate(value["hours"]):
        keys = ("shifts", name, "hours", place)
        first, last = _span(source, keys, entry)
        off = entry.get("off", False)
        if not off and not ("start" in entry and "end" in entry):
            raise source.refuse(keys, "needs start and end, or off: true")
        start, end = (0, 0) if off else (_seconds(entry["start"]), _seconds(entry["end"]))
        end += 86400 if entry.get("ends_next_day") else 0
        if not off and not start < end <= start + 86400:
            raise source.refuse(
                (*keys, "end"), "must be after start, by a day at most (ends_next_day: true for a night shift)"
            )
        line = Hours(frozenset(DAYS.index(day) for day in entry["days"]), first, last, start, end, off)
        for other in lines:
            both = sorted(line.weekdays & other.weekdays)
            if both and (line.first, line.last) == (other.first, other.last):
                day = DAYS[both[0]]
                raise source.refuse(keys, f"a second line for {day} of the same dates: a shift has one span a day")
        lines.append(line)
    return Shift(value.get("name", name), value.get("holidays", True), tuple(lines))


def _assignment(place: int, source: document.Document, shifts: dict[str, Shift]) -> Assignment:
    entry = source.value["assignments"][place]
    keys = ("assignments", place)
    if entry["shift"] not in shifts:
        raise source.refuse((*keys, "shift"), f"there is no shift '{entry['shift']}' in shifts")
    scopes = [scope for scope in SCOPES if scope in entry]
    if len(scopes) != 1:
        raise source.refuse(keys, f"name exactly one of {', '.join(SCOPES)}")
    first, last = _span(source, keys, entry)
    return Assignment(entry["shift"], SCOPES[scopes[0]], tuple(str(v) for v in entry[scopes[0]]), first, last)
