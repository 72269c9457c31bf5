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
        Column("name", say("name"), "text", 112),
        Column("nip", say("nip"), "code", 92),
        Column("days", say("absent_days"), "count", 46),
        Column("run", say("absent_run"), "count", 50),
        Column("step", say("step"), "text", 130),
        Column("at", say("step_at"), "count", 44),
        Column("reached", say("reached"), "text", 56),
    )
    ordered = sorted(found, key=lambda one: (-one.days, -one.run, one.name, one.nip))
    rows = tuple(
        (number, one.name, one.nip, one.days, one.run, _step(one, say), one.at, _reached(one, say))
        for number, one in enumerate(ordered, 1)
    )
    return Table("discipline", say("discipline_table"), columns, rows)


def _step(one: DisciplineWarning, say: Language) -> str:
    return "\n".join(part for part in (one.step if say.code == "id" else one.step_english, one.article) if part)


def _reached(one: DisciplineWarning, say: Language) -> str:
    return say("reached_yes") if one.reached else say("reached_no", days=one.at - one.days)
