"""Later changes (*susulan*) of locked months, plus and minus, by person and line by line."""

import datetime as dt
from collections import defaultdict

from server.reports import pieces
from server.reports.document import Block, Column, Document, Part, Row, Statement, Table
from server.reports.language import Language
from server.reports.lists import Arrear
from server.reports.model import MonthReport


def arrears(report: MonthReport, say: Language) -> Document | None:
    """What is paid, or kept back, for earlier months; None where nobody asked."""
    found = report.lists.arrears
    if found is None:
        return None
    people, lines = _people(found, say), _lines(found, say)
    blocks: list[Block] = [Statement("", (say("arrears_none"),))]
    if people.rows:
        total = sum(one.rupiah for one in found)
        blocks = [people, pieces.amount(say("arrears_total"), total, say), lines]
    blocks.extend(pieces.notes(report, say, say("arrears_note")))
    blocks.extend(pieces.signatures(report, say))
    part = Part(say("arrears"), tuple(blocks), anchor="arrears", landscape=True)
    return pieces.document(report, say, "arrears", (part,), (people, lines))


def _people(found: tuple[Arrear, ...], say: Language) -> Table:
    columns = (
        Column("no", say("no"), "count", 24),
        Column("name", say("name"), "text", 200),
        Column("nip", say("nip"), "code", 110),
        Column("month", say("for_month"), "text", 90),
        Column("plus", say("plus"), "rupiah", 90),
        Column("minus", say("minus"), "rupiah", 90),
        Column("net", say("arrears_total"), "rupiah", 90),
    )
    changes: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for one in found:
        changes[one.name, one.nip, one.month].append(one.rupiah)
    rows: list[Row] = []
    for number, ((name, nip, month), amounts) in enumerate(sorted(changes.items()), 1):
        plus = sum(amount for amount in amounts if amount > 0)
        minus = sum(amount for amount in amounts if amount < 0)
        rows.append((number, name, nip, _month(month, say), plus, minus, plus + minus))
    sums = [sum(one.rupiah for one in found if (one.rupiah > 0) == positive) for positive in (True, False)]
    totals = (None, say("totals"), None, None, *sums, sum(sums)) if rows else None
    return Table("arrears", say("arrears_people"), columns, tuple(rows), totals)


def _lines(found: tuple[Arrear, ...], say: Language) -> Table:
    columns = (
        Column("name", say("name"), "text", 120),
        Column("nip", say("nip"), "code", 92),
        Column("month", say("for_month"), "text", 66),
        Column("date", say("date"), "date", 66),
        Column("text", say("text"), "text", 170),
        Column("article", say("article"), "text", 110),
        Column("before", say("before"), "rupiah", 66),
        Column("after", say("after"), "rupiah", 66),
        Column("rupiah", say("difference"), "rupiah", 66),
    )
    ordered = sorted(found, key=lambda one: (one.name, one.nip, one.month, one.date or dt.date.max))
    rows = tuple(
        (
            one.name,
            one.nip,
            _month(one.month, say),
            one.date,
            one.text if say.code == "id" else one.english,
            one.article,
            one.before,
            one.after,
            one.rupiah,
        )
        for one in ordered
    )
    return Table("arrears_lines", say("arrears_lines"), columns, rows)


def _month(month: str, say: Language) -> str:
    return say.month(dt.date.fromisoformat(f"{month}-01"))
