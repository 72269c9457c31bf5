"""Later changes (*susulan*) of locked months, plus and minus, by person and line by line."""

import datetime as dt
from collections import defaultdict

from server.reports import pieces
from server.reports.document import Block, Column, Document, Part, Row, Statement, Table
from server.reports.language import Language
from server.reports.lists import Arrear
from server.reports.model import PAYABLE, MonthReport


def arrears(report: MonthReport, say: Language) -> Document | None:
    """What is paid, or kept back, for earlier months; None where nobody asked."""
    found = report.lists.arrears
    if found is None:
        return None
    people, lines = _people(found, say), _lines(found, say)
    blocks: list[Block] = [Statement("", (say("arrears_none"),))]
    if people.rows:
        total = sum(one.rupiah for one in found if one.status == PAYABLE)
        blocks = [people, pieces.amount(say("arrears_total"), total, say), lines]
    blocks.extend(pieces.notes(report, say, say("arrears_note")))
    blocks.extend(pieces.signatures(report, say))
    part = Part(say("arrears"), tuple(blocks), anchor="arrears", landscape=True)
    return pieces.document(report, say, "arrears", (part,), (people, lines))


def _people(found: tuple[Arrear, ...], say: Language) -> Table:
    columns = (
        Column("no", say("no"), "count", 24),
        Column("name", say("name"), "text", 130),
        Column("nip", say("nip"), "code", 92),
        Column("account", say("account"), "code", 84),
        Column("month", say("for_month"), "text", 76),
        Column("paid_in", say("paid_in"), "text", 76),
        Column("status", say("status"), "text", 60),
        Column("plus", say("plus"), "rupiah", 70),
        Column("minus", say("minus"), "rupiah", 70),
        Column("net", say("arrears_net"), "rupiah", 70),
    )
    changes: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for one in found:
        changes[one.name, one.nip, one.account, one.month, one.paid_in, one.status].append(one.rupiah)
    rows: list[Row] = []
    for number, ((name, nip, account, month, paid_in, status), amounts) in enumerate(sorted(changes.items()), 1):
        plus = sum(amount for amount in amounts if amount > 0)
        minus = sum(amount for amount in amounts if amount < 0)
        when = (_month(month, say), _month(paid_in, say), say.named("status", status))
        rows.append((number, name, nip, account, *when, plus, minus, plus + minus))
    sums = [sum(one.rupiah for one in found if (one.rupiah > 0) == positive) for positive in (True, False)]
    totals = (None, say("totals"), *[None] * 5, *sums, sum(sums)) if rows else None
    return Table("arrears", say("arrears_people"), columns, tuple(rows), totals)


def _lines(found: tuple[Arrear, ...], say: Language) -> Table:
    columns = (
        Column("name", say("name"), "text", 120),
        Column("nip", say("nip"), "code", 92),
        Column("month", say("for_month"), "text", 70),
        Column("date", say("date"), "date", 76),
        Column("text", say("text"), "text", 230),
        Column("article", say("article"), "text", 120),
        Column("rupiah", say("rupiah"), "rupiah", 66),
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
            one.rupiah,
        )
        for one in ordered
    )
    return Table("arrears_lines", say("arrears_lines"), columns, rows)


def _month(month: str, say: Language) -> str:
    return say.month(dt.date.fromisoformat(f"{month}-01"))
