"""What a comparison is made of: an old list, a computed month, differences and their possible causes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

ITEMS = ("gross", "deductions", "dues", "tax", "net")
"""The sums that a list may have. An old list may also have a step's sum (`step:ID`) or a kind's (`kind:late`)."""

EQUAL, DIFFERENT, ONLY_OLD, ONLY_OURS = "equal", "different", "only_old", "only_ours"


@dataclass(frozen=True)
class OldRow:
    """One person of the old list. `row`: its place in the file, the header being 1; `amounts` in whole rupiah."""

    row: int
    key: str
    amounts: Mapping[str, int]


@dataclass(frozen=True)
class OldList:
    """An old list as read. `id_column`: `employee_id` or `nip`; `items`: which amounts it has, in order."""

    name: str
    id_column: str
    items: tuple[str, ...]
    rows: tuple[OldRow, ...]
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OurLine:
    """A line of ours. `share`: what part of `base` it is, None where it is no part of anything."""

    date: dt.date | None
    step: str
    kind: str
    account: str
    base: int
    share: Fraction | None
    rupiah: int
    text: str
    english: str
    article: str
    fact: str


@dataclass(frozen=True)
class OurDay:
    """A day of ours: its code, seconds late and early."""

    date: dt.date
    code: str
    late_s: int
    early_s: int


@dataclass(frozen=True)
class OurPerson:
    """One person's computed month. `name`, `nip`, `golongan`, … are '' where the employees are not known."""

    employee_id: str
    amounts: Mapping[str, int]
    status: str
    reason: str
    reason_english: str
    lines: tuple[OurLine, ...]
    days: tuple[OurDay, ...]
    nip: str = ""
    name: str = ""
    agency: str = ""
    golongan: str = ""
    job_class: str = ""


@dataclass(frozen=True)
class Cause:
    """What would explain a difference exactly: a message's key, its values, and the lines of ours that it is about."""

    key: str
    values: Mapping[str, str | int | dt.date] = field(default_factory=dict)
    lines: tuple[OurLine, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One sum of one person that differs. `causes`: up to three, the plainest first; none when nothing fits."""

    item: str
    old: int
    ours: int
    causes: tuple[Cause, ...] = ()

    @property
    def rupiah(self) -> int:
        """Ours less the old one."""
        return self.ours - self.old


@dataclass(frozen=True)
class Compared:
    """One person: EQUAL, DIFFERENT, ONLY_OLD or ONLY_OURS. `old` or `ours` is None for those in one list only."""

    state: str
    key: str
    old: OldRow | None
    ours: OurPerson | None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """All people, those of the old list in its order first, then those that only the computed month has."""

    old_name: str
    id_column: str
    items: tuple[str, ...]
    people: tuple[Compared, ...]
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, state: str) -> tuple[Compared, ...]:
        """The people in a state."""
        return tuple(person for person in self.people if person.state == state)

    def total(self, item: str) -> tuple[int, int]:
        """The sums of an item over those in both lists: old, ours."""
        both = [one for one in self.people if one.old is not None and one.ours is not None]
        return (
            sum(one.old.amounts[item] for one in both if one.old),
            sum(one.ours.amounts.get(item, 0) for one in both if one.ours),
        )
