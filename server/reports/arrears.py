"""Later payments (*susulan*) of locked months: a list, a statement of responsibility, and a slip for each person."""

from collections.abc import Iterator
from dataclasses import replace

from server.reports import pieces
from server.reports.document import Block, Column, Document, Facts, Part, Row, Statement, Table
from server.reports.language import Language
from server.reports.lists import LaterPayment
from server.reports.model import HELD, EmployeeMonth, Line, MonthReport
from server.reports.payments import statement
from server.reports.slips import article, certainty, facts_of

_MONEY = ("gross", "deductions", "dues", "tax", "net")
_GROUPS = ("arrears", "arrears_back", "arrears_held")
"""What is paid in addition, what is to be given back, what waits."""


def arrears(report: MonthReport, say: Language) -> Document | None:
    """Each later payment of or in the month, with what is to be given back apart; None where nobody asked."""
    found = report.lists.arrears
    if found is None:
        return None
    parts = [part for later in found for part in _parts(report, later, say)]
    if not parts:
        blocks: tuple[Block, ...] = (
            Statement("", (say("arrears_none"),)),
            *pieces.notes(report, say),
            *pieces.signatures(report, say),
        )
        parts = [Part(say("arrears"), blocks, anchor="arrears", landscape=True)]
    flat = tuple(_flat(found, group, say) for group in _GROUPS)
    made = pieces.document(report, say, "arrears", tuple(parts), (*flat, _lines(found, say)))
    return replace(made, watermark="")


def arrears_slips(report: MonthReport, say: Language) -> Document | None:
    """One page for each person of each later payment: what changed, from what to what; None where there is nobody."""
    found = [(later, person) for later in report.lists.arrears or () for person in later.people]
    if not found:
        return None
    parts = tuple(_slip(report, later, person, number, say) for number, (later, person) in enumerate(found, 1))
    made = pieces.document(report, say, "arrears_slips", parts, (), by_part=True)
    return replace(made, watermark="")


def group_of(person: EmployeeMonth) -> str:
    """In which list a person's later payment stands."""
    if person.status == HELD:
        return "arrears_held"
    return "arrears" if person.net >= 0 else "arrears_back"


def _own(report: MonthReport, later: LaterPayment) -> MonthReport:
    """The report with what was known, decreed and reached for the later payment."""
    return replace(report, month=later.meta.month, meta=later.meta)


def _about(own: MonthReport, later: LaterPayment, say: Language) -> tuple[tuple[str, str], ...]:
    return (
        (say("for_month"), say.month(own.first_day)),
        (say("paid_in"), say.month(later.paid_in)),
        (say("status"), say.named("month_status", own.meta.status)),
    )


def _parts(report: MonthReport, later: LaterPayment, say: Language) -> Iterator[Part]:
    own = _own(report, later)
    foot = pieces.foot(own, say)
    groups = {group: tuple(one for one in later.people if group_of(one) == group) for group in _GROUPS}
    if not later.people:
        return
    blocks: list[Block] = [Facts(_about(own, later, say))]
    for group, people in groups.items():
        if people:
            total = abs(sum(person.net for person in people))
            blocks += [_people(people, group, say), pieces.amount(say(f"{group}_total"), total, say)]
    blocks.extend(pieces.notes(own, say, say("arrears_note")))
    blocks.extend(pieces.signatures(report, say))
    yield Part(
        say("arrears"), tuple(blocks), f"arrears-{later.run}", _label(own, later, say), landscape=True, foot=foot
    )
    if paid := groups["arrears"]:
        total = sum(person.net for person in paid)
        text = say("arrears_of", month=say.month(own.first_day), paid_in=say.month(later.paid_in))
        yield replace(statement(report, say, text, len(paid), total, f"arrears-sptjm-{later.run}"), foot=foot)


def _label(own: MonthReport, later: LaterPayment, say: Language) -> str:
    return f"{say('arrears')} {say.month(own.first_day)} → {say.month(later.paid_in)}"


def _people(people: tuple[EmployeeMonth, ...], group: str, say: Language) -> Table:
    columns = (
        Column("no", say("no"), "count", 24),
        Column("name", say("name_nip"), "text", 130),
        Column("account", f"{say('account')} / {say('npwp')}", "text", 96),
        *(Column(key, say(key), "rupiah", 62) for key in _MONEY),
        Column("cause", say("cause"), "text", 210),
    )
    rows = tuple(
        (
            number,
            f"{person.name}\n{person.nip}",
            f"{person.account or say('dash')}\n{person.npwp or say('dash')}",
            *(getattr(person, key) for key in _MONEY),
            person.why(say.code),
        )
        for number, person in enumerate(people, 1)
    )
    sums = tuple(sum(getattr(person, key) for person in people) for key in _MONEY)
    return Table(group, say(f"{group}_people"), columns, rows, (None, say("totals"), None, *sums, None))


def _flat(found: tuple[LaterPayment, ...], group: str, say: Language) -> Table:
    columns = (
        Column("run", say("run_number"), "count", 40),
        Column("month", say("for_month"), "text", 76),
        Column("paid_in", say("paid_in"), "text", 76),
        Column("known_at", say("recorded_until"), "date", 90),
        Column("name", say("name"), "text", 130),
        Column("nip", say("nip"), "code", 92),
        Column("golongan", say("golongan"), "code", 40),
        Column("class", say("class"), "code", 40),
        Column("account", say("account"), "code", 84),
        Column("npwp", say("npwp"), "code", 92),
        *(Column(key, say(key), "rupiah", 70) for key in _MONEY),
        Column("cause", say("cause"), "text", 300),
    )
    chosen = [(later, person) for later in found for person in later.people if group_of(person) == group]
    rows = tuple(
        (
            *_when(later),
            later.meta.known_at.replace(tzinfo=None) if later.meta.known_at else None,
            person.name,
            person.nip,
            person.golongan,
            person.job_class,
            person.account,
            person.npwp,
            *(getattr(person, key) for key in _MONEY),
            person.why(say.code),
        )
        for later, person in chosen
    )
    sums = tuple(sum(getattr(person, key) for _, person in chosen) for key in _MONEY)
    totals: Row | None = (None, say("totals"), *[None] * 8, *sums, None) if rows else None
    return Table(group, say(f"{group}_people"), columns, rows, totals)


def _when(later: LaterPayment) -> Row:
    return (later.run, later.meta.month, f"{later.paid_in:%Y-%m}")


def _lines(found: tuple[LaterPayment, ...], say: Language) -> Table:
    columns = (
        Column("run", say("run_number"), "count", 40),
        Column("month", say("for_month"), "text", 70),
        Column("paid_in", say("paid_in"), "text", 70),
        Column("name", say("name"), "text", 120),
        Column("nip", say("nip"), "code", 92),
        Column("date", say("date"), "date", 76),
        Column("account", say("line_account"), "text", 76, group="account"),
        Column("text", say("text"), "text", 230),
        Column("fact", say("fact"), "text", 120),
        Column("article", say("article"), "text", 120, empty="no_article"),
        Column("before", say("before"), "rupiah", 66),
        Column("after", say("after"), "rupiah", 66),
        Column("rupiah", say("change"), "rupiah", 66),
    )
    rows = tuple(
        (
            *_when(later),
            person.name,
            person.nip,
            line.date,
            line.account,
            line.told(say.code),
            facts_of(line, say),
            line.article,
            line.before,
            line.after,
            line.rupiah,
        )
        for later in found
        for person in later.people
        for line in person.lines
    )
    return Table("arrears_lines", say("arrears_lines"), columns, rows)


def _slip(report: MonthReport, later: LaterPayment, person: EmployeeMonth, number: int, say: Language) -> Part:
    own = _own(report, later)
    who = pieces.who(own, person, say)
    group = group_of(person)
    blocks: list[Block] = [
        replace(who, pairs=(*who.pairs[:-1], *_about(own, later, say))),
        _changes(own, person, say),
        pieces.amount(say(f"{group}_total"), abs(person.net), say),
        Facts(((say("cause"), person.why(say.code) or say("dash")),)),
    ]
    more = [certainty(own.meta, say)] if any(line.certainty for line in person.lines) else []
    blocks.extend(pieces.notes(own, say, say("arrears_note"), *more))
    return Part(
        say("arrears_slips"),
        tuple(blocks),
        anchor=f"arrears-slip-{number}",
        label=person.name,
        fit=True,
        foot=pieces.foot(own, say),
    )


def _changes(own: MonthReport, person: EmployeeMonth, say: Language) -> Table:
    columns = (
        Column("date", say("date"), "code", 44),
        Column("text", say("text"), "text", 190),
        Column("article", say("article"), "text", 140),
        Column("before", say("before"), "rupiah", 60),
        Column("after", say("after"), "rupiah", 60),
        Column("rupiah", say("change"), "rupiah", 60),
    )
    rows = tuple(_change(line, own, say) for line in person.lines)
    totals: Row = (None, say("totals"), None, None, None, sum(line.rupiah for line in person.lines))
    return Table("arrears_changes", say("arrears_changes"), columns, rows, totals)


def _change(line: Line, own: MonthReport, say: Language) -> Row:
    what, fact = line.told(say.code), facts_of(line, say)
    day = say.short_date(line.date) if line.date else ""
    basis = article(line, own.meta, say)
    return (day, f"{what}\n{fact}" if fact else what, basis, line.before, line.after, line.rupiah)
