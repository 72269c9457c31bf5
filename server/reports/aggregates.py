"""Sums for publication, by agency and by group; small groups are kept back so that subtraction does not reveal them.

A table of sums by two attributes, with its totals, is a graph: rows and columns (the totals' too) are its nodes, each
entry that is kept back an edge. Such an entry can be reckoned from those that are published exactly when it is a bridge
(Gusfield, A graph theoretic approach to statistical data security, SIAM J. Comput. 17(3), 1988). So entries are
kept back until no edge is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, fields

from server.reports import pieces
from server.reports.daycodes import day_code
from server.reports.document import Block, Column, Document, Part, Row, Table
from server.reports.language import Language
from server.reports.model import EmployeeMonth, MonthReport

LEAST = 5
"""No published sum is of fewer people."""
TOTAL = ""
"""The agency, or the group, of an entry that sums over all."""
_ATTENDED = ("H", "DL", "WFH", "WFA")

Key = tuple[str, str]
"""Agency and group."""


@dataclass(frozen=True)
class Sums:
    """Of the people who are paid: how many, money in rupiah, working days and how many of them were attended."""

    people: int = 0
    gross: int = 0
    deductions: int = 0
    net: int = 0
    attended: int = 0
    working: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True)
class Aggregates:
    """All entries of the table, totals included, and which of them are kept back."""

    entries: Mapping[Key, Sums]
    kept_back: Set[Key]


def aggregated(reports: Iterable[MonthReport]) -> Aggregates:
    """The sums of a month over all its agencies."""
    entries: dict[Key, Sums] = defaultdict(Sums)
    for report in reports:
        for person in report.payable:
            own = _sums(person)
            for agency in (report.agency.id, TOTAL):
                for group in (group_of(person), TOTAL):
                    entries[agency, group] += own
    return Aggregates(entries, kept_back({key: sums.people for key, sums in entries.items()}))


def group_of(person: EmployeeMonth) -> str:
    """The group of a person's rank: I to IV of civil servants, else `other` (PPPK)."""
    rank, _, letter = person.golongan.partition("/")
    return rank if letter else "other"


def _sums(person: EmployeeMonth) -> Sums:
    days = [day for day in person.days if day.code and not day_code(day.code).off]
    attended = sum(bool(day.first_in or day.last_out) or day.code in _ATTENDED for day in days)
    return Sums(1, person.gross, person.deductions, person.net, attended, len(days))


def kept_back(people: Mapping[Key, int]) -> frozenset[Key]:
    """The entries to keep back of a table of counts with its totals: those of fewer than LEAST, and others beside them.

    Of what remains nobody can reckon an entry that is kept back, nor the sum of those of one row or column where that
    is of fewer than LEAST. Of two that would do, the one of fewer people is kept back.
    """
    held = {key for key, count in people.items() if 0 < count < LEAST}
    while open_ends := _bridges(held) | _few(people, held):
        # With all of them kept back none is a bridge: the figures, all of them a little larger, fit as well.
        rest = [key for key, count in people.items() if count and key not in held]
        beside = [key for key in rest if any(key[0] == row or key[1] == column for row, column in open_ends)]
        held.add(min(beside or rest, key=lambda key: (people[key], key)))
    return frozenset(held)


def _few(people: Mapping[Key, int], held: Set[Key]) -> set[Key]:
    """Entries kept back in rows and columns with a published total, where all those together are too few."""
    found: set[Key] = set()
    for place in (0, 1):
        lines: dict[str, list[Key]] = defaultdict(list)
        for key in held:
            if key[1 - place] != TOTAL:
                lines[key[place]].append(key)
        for name, keys in lines.items():
            total = (name, TOTAL) if place == 0 else (TOTAL, name)
            if total not in held and sum(people[key] for key in keys) < LEAST:
                found.update(keys)
    return found


def _bridges(edges: Set[Key]) -> set[Key]:
    """The edges on no cycle, between rows and columns."""
    return {edge for edge in edges if not _joined(edge, edges - {edge})}


def _joined(edge: Key, others: Set[Key]) -> bool:
    """Whether the ends of an edge are joined by others."""
    neighbours: dict[tuple[int, str], set[tuple[int, str]]] = defaultdict(set)
    for row, column in others:
        neighbours[0, row].add((1, column))
        neighbours[1, column].add((0, row))
    start, end = (0, edge[0]), (1, edge[1])
    seen, waiting = {start}, [start]
    while waiting:
        new = neighbours[waiting.pop()] - seen
        seen |= new
        waiting.extend(new)
    return end in seen


def aggregates(report: MonthReport, say: Language) -> Document | None:
    """The agency's sums by group, and those of all agencies; None where nobody summed."""
    found = report.lists.aggregates
    if found is None:
        return None
    table = _table(report, found, say)
    blocks: tuple[Block, ...] = (
        table,
        *pieces.notes(report, say, say("aggregates_note", least=LEAST), say("aggregates_once")),
    )
    part = Part(say("aggregates"), blocks, anchor="aggregates")
    return pieces.document(report, say, "aggregates", (part,), (table,))


def _table(report: MonthReport, found: Aggregates, say: Language) -> Table:
    columns = (
        Column("agency", say("agency"), "text", 150),
        Column("group", say("golongan_group"), "text", 60, group="golongan"),
        *(Column(key, say(label), "rupiah", 76, empty="kept_back") for key, label in _SHOWN),
        Column("attendance", say("attendance"), "permille", 60, empty="kept_back"),
    )
    groups = [*sorted({group for _, group in found.entries if group != TOTAL}), "all"]
    rows = tuple(
        _row(found, agency, shown, group)
        for agency, shown in ((report.agency.id, report.agency.name), (TOTAL, say("everybody")))
        for group in groups
    )
    return Table("aggregates", "", columns, rows)


_SHOWN = (("people", "people"), ("gross", "gross"), ("deductions", "deductions"), ("net", "net"))


def _row(found: Aggregates, agency: str, shown: str, group: str) -> Row:
    key = (agency, TOTAL if group == "all" else group)
    if key in found.kept_back:
        return (shown, group, None, None, None, None, None)
    sums = found.entries.get(key, Sums())
    share = round(1000 * sums.attended / sums.working) if sums.working else 0
    return (shown, group, *(getattr(sums, key) for key, _ in _SHOWN), share)
