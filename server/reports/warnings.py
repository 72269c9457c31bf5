"""Warnings before each step of the ladder of sanctions (PP 94/2021): who stands where. It decides nothing."""

from server.reports import pieces
from server.reports.document import Column, Document, Part, Statement, Table
from server.reports.language import Language
from server.reports.lists import DisciplineWarning
from server.reports.model import MonthReport


def discipline(report: MonthReport, say: Language) -> Document | None:
    """Everybody near or at a step, those furthest along first; None where nobody counted."""
    found = report.lists.discipline
    if found is None:
        return None
    table = _table(found, say)
    part = Part(
        say("discipline"),
        (
            table if table.rows else Statement("", (say("discipline_none"),)),
            *pieces.notes(report, say, say("discipline_note")),
            *pieces.signatures(report, say),
        ),
        anchor="discipline",
    )
    return pieces.document(report, say, "discipline", (part,), (table,))


def _table(found: tuple[DisciplineWarning, ...], say: Language) -> Table:
    columns = (
        Column("no", say("no"), "count", 24),
        Column("name", say("name"), "text", 120),
        Column("nip", say("nip"), "code", 94),
        Column("days", say("absent_days"), "count", 54),
        Column("run", say("absent_run"), "count", 50),
        Column("step", say("step"), "text", 200),
    )
    ordered = sorted(found, key=lambda one: (-one.days, -one.run, one.name, one.nip))
    rows = tuple(
        (number, one.name, one.nip, one.days, one.run, one.text if say.code == "id" else one.english)
        for number, one in enumerate(ordered, 1)
    )
    return Table("discipline", say("discipline_table"), columns, rows)
