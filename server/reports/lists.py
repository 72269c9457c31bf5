"""Lists beside a month's payments: differences from an old list, PP 94 warnings, open duty orders, later changes."""

import datetime as dt
from dataclasses import dataclass

from server.comparison.values import Comparison


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
class Arrear:
    """A line of a later payment (*susulan*) for a locked month: what is paid in addition, or (negative) kept back.

    `month`, `paid_in`: YYYY-MM; it comes from the rules of the one and is taxed in the other. `status` is that of
    the whole later payment of this person.
    """

    nip: str
    name: str
    account: str
    month: str
    paid_in: str
    status: str
    date: dt.date | None
    text: str
    english: str
    article: str
    rupiah: int


@dataclass(frozen=True)
class Lists:
    """What a month has beside its payments. None: not asked for, so there is no such report; (): there is nobody."""

    comparison: Comparison | None = None
    discipline: tuple[DisciplineWarning, ...] | None = None
    orders: tuple[OpenOrder, ...] | None = None
    arrears: tuple[Arrear, ...] | None = None
