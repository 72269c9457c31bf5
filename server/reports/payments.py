"""The payment list (*daftar pembayaran*): accounts, amounts, totals, signatures, and the SPTJM."""

from server.reports import pieces
from server.reports.document import Block, Column, Document, Facts, Part, Row, Statement, Table
from server.reports.language import Language
from server.reports.model import EmployeeMonth, MonthReport

_MONEY = ("gross", "deductions", "dues", "tax", "net")


def payment_list(report: MonthReport, say: Language) -> Document:
    """Everybody who is paid now, summed; a statement of responsibility for the head follows on its own page."""
    paid = report.payable
    table = _table(paid, say)
    total = sum(person.net for person in paid)
    counts = say(
        "payments_counts",
        all=say.number(len(report.employees)),
        paid=say.number(len(paid)),
        partial=say.number(len(report.partial)),
        held=say.number(len(report.held)),
        unpaid=say.number(len(report.unpaid)),
    )
    missing = sum(1 for person in paid if not person.account)
    more = (say("payments_without_account", count=say.number(missing)),) if missing else ()
    listed = Part(
        say("payments"),
        (
            table,
            pieces.amount(say("payments_total"), total, say),
            *pieces.notes(report, say, counts, *more),
            *pieces.signatures(report, say),
        ),
        anchor="payments",
        landscape=True,
    )
    annex = _adopted(report, say)
    own = statement(report, say, say("payments_of", month=say.month(report.first_day)), len(paid), total)
    return pieces.document(report, say, "payments", (listed, *annex, own), (table,))


def _table(paid: tuple[EmployeeMonth, ...], say: Language) -> Table:
    columns = (
        Column("no", say("no"), "count", 26),
        Column("name", say("name"), "text", 132),
        Column("nip", say("nip"), "code", 92),
        Column("golongan", say("golongan"), "code", 34),
        Column("class", say("class"), "code", 32),
        Column("account", say("account"), "code", 82),
        Column("npwp", say("npwp"), "code", 92),
        *(Column(key, say(key), "rupiah", 68 if key in ("gross", "net") else 62) for key in _MONEY),
    )
    rows = tuple(_row(number, person) for number, person in enumerate(paid, 1))
    sums = tuple(sum(getattr(person, key) for person in paid) for key in _MONEY)
    totals: Row = (None, say("totals"), None, None, None, None, None, *sums)
    return Table("payments", "", columns, rows, totals)


def _row(number: int, person: EmployeeMonth) -> Row:
    return (
        number,
        person.name,
        person.nip,
        person.golongan,
        person.job_class,
        person.account,
        person.npwp,
        *(getattr(person, key) for key in _MONEY),
    )


def _adopted(report: MonthReport, say: Language) -> tuple[Part, ...]:
    """The annex that names each value without a source, and what adopts it."""
    if not report.meta.assumed:
        return ()
    columns = (
        Column("no", say("no"), "count", 24),
        Column("file", say("file"), "code", 110),
        Column("line", say("line"), "count", 34),
        Column("key", say("value"), "text", 190),
        Column("article", say("article"), "text", 170),
    )
    rows = tuple(
        (number, one.file, one.line, one.key, one.article or say("no_article"))
        for number, one in enumerate(report.meta.assumed, 1)
    )
    decree = report.meta.decree
    text = say("annex_adopted", decree=decree) if decree else say("annex_open")
    blocks: tuple[Block, ...] = (
        Statement("", (text,)),
        Table("adopted", "", columns, rows),
        *pieces.signatures(report, say, 1),
    )
    return (Part(say("annex"), blocks, anchor="adopted"),)


def statement(report: MonthReport, say: Language, what: str, count: int, total: int, anchor: str = "sptjm") -> Part:
    """The statement of responsibility (SPTJM) for `what` is paid: who signs at the top, a place for the duty stamp."""
    values = {"what": what, "count": say.number(count), "total": say.rupiah(total)}
    signer = pieces.signers(report, say)[0]
    who = (
        (say("name"), signer.name),
        (say("nip"), signer.nip),
        (say("office"), signer.role),
        (say("agency"), report.agency.name),
    )
    points = tuple(say(f"sptjm_{number}", **values) for number in (1, 2, 3, 4))
    return Part(
        say("sptjm"),
        (
            Statement("", (say("sptjm_intro"),)),
            Facts(tuple((label, value or pieces.DOTS * 2) for label, value in who)),
            Statement("", (say("sptjm_declares", agency=report.agency.name),)),
            Statement("", points, numbered=True),
            pieces.amount(say("payments_total"), total, say),
            Statement("", (say("sptjm_end"),)),
            *pieces.signatures(report, say, 1, stamp=True),
        ),
        anchor=anchor,
    )
