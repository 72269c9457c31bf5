"""The list of payments held wholly or in part, and of those without payment, each with its reason."""

from server.reports import pieces
from server.reports.document import Block, Column, Document, Part, Statement, Table
from server.reports.language import Language
from server.reports.model import EmployeeMonth, MonthReport


def held(report: MonthReport, say: Language) -> Document:
    """Who waits and for what; who gets nothing and why. Nothing is decided by silence."""
    waiting = _table(report, report.held, say, "held")
    partial = _table(report, report.partial, say, "held_partial")
    unpaid = _table(report, report.unpaid, say, "held_unpaid")
    blocks: list[Block] = [table for table in (waiting, partial) if table.rows]
    if not blocks:
        blocks.append(Statement("", (say("held_none"),)))
    if unpaid.rows:
        blocks.append(unpaid)
    blocks.extend(pieces.notes(report, say))
    blocks.extend(pieces.signatures(report, say))
    part = Part(say("held"), tuple(blocks), anchor="held")
    return pieces.document(report, say, "held", (part,), (waiting, partial, unpaid))


def _table(report: MonthReport, people: tuple[EmployeeMonth, ...], say: Language, name: str) -> Table:
    columns = (
        Column("no", say("no"), "count", 26),
        Column("name", say("name"), "text", 120),
        Column("nip", say("nip"), "code", 92),
        Column("status", say("status"), "text", 66),
        Column("reason", say("reason"), "text", 156),
        Column("net", say("held_amount" if name == "held" else "net"), "rupiah", 66),
    )
    rows = tuple(
        (
            number,
            person.name,
            person.nip,
            pieces.status(report, person, say),
            say.dates_in(person.why(say.code)),
            person.net,
        )
        for number, person in enumerate(people, 1)
    )
    totals = (None, say("totals"), None, None, None, sum(person.net for person in people)) if rows else None
    return Table(name, say("held_table" if name == "held" else name), columns, rows, totals)
