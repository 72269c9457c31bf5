"""The personal slip: every rupiah of one person's month with its reason, its fact and its article."""

from server.reports import pieces
from server.reports.daycodes import day_code, is_notable
from server.reports.document import Block, Column, Document, Facts, Part, Row, Statement, Table
from server.reports.language import Language
from server.reports.model import HELD, PARTIAL, PAYABLE, EmployeeMonth, Line, MonthReport


def slips(report: MonthReport, say: Language) -> Document:
    """One part (page) for each person of the agency; `MonthReport.only` makes the slip of one."""
    parts = tuple(_slip(report, person, number, say) for number, person in enumerate(report.employees, 1))
    return pieces.document(report, say, "slips", parts, (_all_lines(report, say),), by_part=True)


def _slip(report: MonthReport, person: EmployeeMonth, number: int, say: Language) -> Part:
    blocks: list[Block] = [pieces.who(person, report.agency.name, say), _lines(person, say)]
    if person.status in (PAYABLE, PARTIAL):
        blocks.append(pieces.amount(say("slip_net"), person.net, say))
    if person.status != PAYABLE:
        key = {HELD: "slip_held", PARTIAL: "slip_partial"}.get(person.status, "slip_unpaid")
        blocks.append(
            Facts(
                ((say.named("status", person.status), say(key, reason=say.dates_in(person.why(say.code)))),),
                emphasis=True,
            )
        )
    blocks.append(_days(person, say))
    more = [say("slip_certainty")] if any(line.certainty for line in person.lines) else []
    if any(line.certainty == "A" for line in person.lines):
        more.append(say("slip_assumed"))
    blocks.extend(pieces.notes(report, say, *more))
    return Part(say("slips"), tuple(blocks), anchor=f"slip-{number}", label=person.name)


def _lines(person: EmployeeMonth, say: Language) -> Table:
    columns = (
        Column("date", say("date"), "code", 44),
        Column("text", say("text"), "text", 168),
        Column("article", say("article"), "text", 110),
        Column("base", say("base"), "rupiah", 56),
        Column("share", say("share"), "code", 42),
        Column("certainty", say("certainty_short"), "code", 30),
        Column("rupiah", say("rupiah"), "rupiah", 62),
    )
    totals: Row = (None, say("totals"), None, None, None, None, sum(line.rupiah for line in person.lines))
    return Table("lines", say("slip_lines"), columns, tuple(_line(line, say) for line in person.lines), totals)


def _line(line: Line, say: Language) -> Row:
    shared = line.numerator is not None and line.denominator is not None
    return (
        say.short_date(line.date) if line.date else "",
        "\n".join(part for part in (line.told(say.code) or say.named("kind", line.kind), _fact(line, say)) if part),
        line.article,
        line.base,
        say.share(line.numerator or 0, line.denominator or 0) if shared else "",
        line.certainty,
        line.rupiah,
    )


def _fact(line: Line, say: Language) -> str:
    """What the line rests on; a mark that no device signed says so."""
    return f"{line.fact} ({say('unsigned')})" if line.fact.startswith("legacy/") else line.fact


def _days(person: EmployeeMonth, say: Language) -> Table | Statement:
    told = [day for day in person.days if is_notable(day)]
    if not told:
        return Statement(say("slip_days"), (say("slip_no_days"),))
    columns = (
        Column("date", say("date"), "code", 60),
        Column("code", say("code"), "day", 36),
        Column("meaning", say("meaning"), "text", 180),
        Column("first_in", say("first_in"), "code", 50),
        Column("last_out", say("last_out"), "code", 50),
        Column("late", say("late"), "duration", 50),
        Column("early", say("early"), "duration", 50),
    )
    rows = tuple(
        (
            say.short_date(day.date),
            day.code,
            day_code(day.code).meaning(say.code),
            day.first_in,
            day.last_out,
            day.late_s or None,
            day.early_s or None,
        )
        for day in told
    )
    return Table("days", say("slip_days"), columns, rows)


def _all_lines(report: MonthReport, say: Language) -> Table:
    columns = (
        Column("nip", say("nip"), "code", 110),
        Column("name", say("name"), "text", 140),
        Column("date", say("date"), "date", 70),
        Column("kind", say("kind"), "code", 80),
        Column("text", say("text"), "text", 220),
        Column("fact", say("fact"), "text", 140),
        Column("article", say("article"), "text", 140),
        Column("base", say("base"), "rupiah", 80),
        Column("numerator", say("numerator"), "count", 60),
        Column("denominator", say("denominator"), "count", 60),
        Column("rounding", say("rounding"), "code", 70),
        Column("certainty", say("certainty"), "code", 60),
        Column("rupiah", say("rupiah"), "rupiah", 80),
    )
    rows = tuple(
        (
            person.nip,
            person.name,
            line.date,
            line.kind,
            line.told(say.code),
            _fact(line, say),
            line.article,
            line.base,
            line.numerator,
            line.denominator,
            line.rounding,
            line.certainty,
            line.rupiah,
        )
        for person in report.employees
        for line in person.lines
    )
    return Table("lines", say("slip_lines"), columns, rows)
