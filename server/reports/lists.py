"""Lists beside a month's payments: differences from an old list, PP 94 warnings, open duty orders, later payments."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.comparison.values import Comparison

if TYPE_CHECKING:
    from server.reports.aggregates import Aggregates
    from server.reports.model import EmployeeMonth, Meta


@dataclass(frozen=True)
class DisciplineWarning:
    """Somebody near or at a step of the ladder of sanctions (PP 94/2021). The list warns; it decides nothing.

    `days`: unexcused working days this year; `run`: the longest run of them; `text`: where that stands on the ladder,
    `english` the same.
    """

    nip: str
    name: str
    days: int
    run: int
    text: str
    english: str


@dataclass(frozen=True)
class OpenOrder:
    """A duty order that is not confirmed: for each of its people a row. `state` is that of its life cycle."""

    order: str
    document: str
    nip: str
    name: str
    place: str
    first: str
    last: str
    state: str
    waits_for: str = ""


@dataclass(frozen=True)
class AttestedMark:
    """A mark for which a colleague and a supervisor stand, by name: of whom, `at` local time, in which entry of a log.
    `allowed`: how many the supervisor may attest in a month."""

    nip: str
    name: str
    date: dt.date
    at: str
    entry: str
    colleague: str
    supervisor: str
    allowed: int


@dataclass(frozen=True)
class LaterPayment:
    """A later payment (*susulan*) of a locked month: what changed for each person, plus and minus.

    `people` hold the differences alone, so that a net may be negative; `meta` is that of the payment's own run, of the
    month that it adds to; `paid_in`: the first day of the month of payment, in which it is taxed.
    """

    run: int
    paid_in: dt.date
    meta: Meta
    people: tuple[EmployeeMonth, ...]


@dataclass(frozen=True)
class Lists:
    """What a month has beside its payments. None: not asked for, so there is no such report; (): there is nobody."""

    comparison: Comparison | None = None
    discipline: tuple[DisciplineWarning, ...] | None = None
    orders: tuple[OpenOrder, ...] | None = None
    arrears: tuple[LaterPayment, ...] | None = None
    attested: tuple[AttestedMark, ...] | None = None
    aggregates: Aggregates | None = None
