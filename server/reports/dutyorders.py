"""Duty orders (*surat perintah tugas*) that nobody has confirmed yet: whose, where, what each waits for."""

from server.reports import pieces
from server.reports.document import Column, Document, Part, Statement, Table
from server.reports.language import Language
from server.reports.lists import OpenOrder
from server.reports.model import MonthReport


def duty_orders(report: MonthReport, say: Language) -> Document | None:
    """Open orders by number and name; None where nobody looked."""
    found = report.lists.orders
    if found is None:
        return None
    table = _table(found, say)
    part = Part(
        say("duty_orders"),
        (
            table if table.rows else Statement("", (say("duty_orders_none"),)),
            *pieces.notes(report, say, say("duty_orders_note")),
            *pieces.signatures(report, say),
        ),
        anchor="duty-orders",
        landscape=True,
    )
    return pieces.document(report, say, "duty_orders", (part,), (table,))


def _table(found: tuple[OpenOrder, ...], say: Language) -> Table:
    columns = (
        Column("no", say("no"), "count", 24),
        Column("order", say("order"), "code", 70),
        Column("document", say("document"), "text", 110),
        Column("name", say("name"), "text", 120),
        Column("nip", say("nip"), "code", 92),
        Column("place", say("place"), "text", 120),
        Column("from", say("from"), "date", 84),
        Column("to", say("to"), "date", 84),
        Column("state", say("status"), "text", 66),
        Column("waits_for", say("waits_for"), "text", 110),
    )
    ordered = sorted(found, key=lambda one: (one.first, one.order, one.name, one.nip))
    rows = tuple(
        (
            number,
            one.order,
            one.document,
            one.name,
            one.nip,
            one.place,
            pieces.when(one.first),
            pieces.when(one.last),
            say.named("order_state", one.state),
            say.named("order_waits", one.waits_for),
        )
        for number, one in enumerate(ordered, 1)
    )
    return Table("duty_orders", say("duty_orders_table"), columns, rows)
