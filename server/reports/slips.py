"""The personal slip: every rupiah of one person's month with its reason, its fact and its article."""

import datetime as dt
from fractions import Fraction
from itertools import groupby

from server.reports import pieces
from server.reports.daycodes import day_code, is_notable, marked
from server.reports.document import Block, Column, Document, Facts, Part, Row, Statement, Table
from server.reports.language import Language
from server.reports.model import (
    HELD,
    PARTIAL,
    PAYABLE,
    WORKING,
    Correction,
    DayRecord,
    EmployeeMonth,
    Line,
    Meta,
    MonthReport,
)

_BY_MARKS = ("late", "early", "no_in", "no_out")
"""Kinds of lines for which the times of the day say why."""


def slips(report: MonthReport, say: Language) -> Document:
    """One part (page) for each person of the agency; `MonthReport.only` makes the slip of one."""
    parts = tuple(_slip(report, person, number, say) for number, person in enumerate(report.employees, 1))
    return pieces.document(report, say, "slips", parts, (_all_lines(report, say),), by_part=True)


def _slip(report: MonthReport, person: EmployeeMonth, number: int, say: Language) -> Part:
    blocks: list[Block] = [pieces.who(report, person, say), _lines(report.meta, person, say)]
    if person.status in (PAYABLE, PARTIAL):
        blocks.append(pieces.amount(say("slip_net"), person.net, say))
    if person.status != PAYABLE:
        key = {HELD: "slip_held", PARTIAL: "slip_partial"}.get(person.status, "slip_unpaid")
        why = say(key, reason=say.dates_in(person.why(say.code)))
        blocks.append(Facts(((pieces.status(report, person, say), why),), emphasis=True))
    blocks.extend(_days(person, say))
    if person.corrections:
        blocks.append(_corrections(person, say))
    if person.attested:
        blocks.append(_attested(person, say))
    if person.objections:
        blocks.append(_objections(person, say))
    more = [certainty(report.meta, say)] if any(line.certainty for line in person.lines) else []
    blocks.extend(pieces.notes(report, say, *more))
    return Part(say("slips"), tuple(blocks), anchor=f"slip-{number}", label=person.name, fit=True)


def certainty(meta: Meta, say: Language) -> str:
    """What the letters beside the lines mean, and what adopts the assumed values."""
    adopted = f", {say('adopted', decree=meta.decree)}" if meta.decree else say("slip_assumed")
    return say("slip_certainty", adopted=adopted)


def article(line: Line, meta: Meta, say: Language) -> str:
    """The article of a line; under it what adopts a value without a source."""
    basis = line.article or say("no_article")
    adopted = line.certainty == "A" and meta.decree
    return f"{basis}\n{say('adopted', decree=meta.decree)}" if adopted else basis


def factors(line: Line) -> tuple[Fraction, ...]:
    """What a line takes of its base: the fraction on which the step counts, and how much of it; none of the whole."""
    if line.account == WORKING or not line.numerator or not line.denominator or line.numerator == line.denominator:
        return ()
    parts = (line.part, Fraction(line.numerator, line.denominator) / line.part)
    return tuple(part for part in parts if part != 1)


def share(line: Line, say: Language) -> str:
    """The factors of a line as people read them: `40 % × 0,5 %`."""
    shown = [say.share(part.numerator, part.denominator) for part in factors(line)]
    return shown[0] if len(shown) == 1 else " × ".join(part.removeprefix("× ") for part in shown)


def _lines(meta: Meta, person: EmployeeMonth, say: Language) -> Table:
    columns = (
        Column("date", say("date"), "code", 40),
        Column("text", say("text"), "text", 182),
        Column("article", say("article"), "text", 142),
        Column("base", say("base"), "rupiah", 50),
        Column("share", say("share"), "code", 54),
        Column("certainty", say("certainty"), "code", 40),
        Column("rupiah", say("rupiah"), "rupiah", 56),
    )
    days = {day.date: day for day in person.days}
    rows = tuple(_line(line, days.get(line.date) if line.date else None, meta, say) for line in person.lines)
    totals: Row = (None, say("totals"), None, None, None, None, sum(line.rupiah for line in person.lines))
    return Table("lines", say("slip_lines"), columns, rows, totals)


def _line(line: Line, day: DayRecord | None, meta: Meta, say: Language) -> Row:
    what = line.told(say.code) or say.named("kind", line.kind)
    times = _times(day, say) if day and line.kind in _BY_MARKS else ""
    why = (
        say("working") if line.account == WORKING else " · ".join(part for part in (times, facts_of(line, say)) if part)
    )
    return (
        say.short_date(line.date) if line.date else "",
        f"{what}\n{why}" if why else what,
        article(line, meta, say),
        line.base,
        share(line, say),
        line.certainty,
        None if line.account == WORKING else line.rupiah,
    )


def _times(day: DayRecord, say: Language) -> str:
    return say("times", first=day.first_in or say("dash"), last=day.last_out or say("dash"))


def facts_of(line: Line, say: Language) -> str:
    """What the line rests on; a mark that no device signed says so."""
    return f"{line.fact} ({say('unsigned')})" if line.fact.startswith("legacy/") else line.fact


def _days(person: EmployeeMonth, say: Language) -> list[Statement]:
    """Days worth a look of which no line speaks, by their code."""
    with_lines = {line.date for line in person.lines}
    told = sorted((day for day in person.days if is_notable(day)), key=lambda day: (marked(day), day.date))
    if not told:
        return [Statement("", (say("slip_no_days"),))]
    others = groupby((day for day in told if day.date not in with_lines), key=marked)
    paragraphs = tuple(_same(code, list(days), say) for code, days in others)
    return [Statement(say("slip_days"), paragraphs)] if paragraphs else []


def _same(code: str, days: list[DayRecord], say: Language) -> str:
    shown = (
        f"{say.short_date(day.date)} ({_times(day, say)})" if day.late_s or day.early_s else say.short_date(day.date)
        for day in days
    )
    return f"{code} · {day_code(code).meaning(say.code)}: {', '.join(shown)}"


def _corrections(person: EmployeeMonth, say: Language) -> Table:
    columns = (
        Column("date", say("date"), "text", 96),
        Column("kind", say("kind"), "text", 90, group="correction"),
        Column("document", say("document"), "text", 140),
        Column("asked_by", say("asked_by"), "text", 90, empty="dash"),
        Column("decided_by", say("decided_by"), "text", 90, empty="dash"),
        Column("state", say("status"), "text", 64, group="paper_state"),
    )
    rows = tuple(
        (
            span(one, say),
            one.kind,
            "\n".join(part for part in (one.document or say("dash"), one.reason) if part),
            one.asked_by,
            one.decided_by,
            one.status,
        )
        for one in person.corrections
    )
    return Table("corrections", say("corrections"), columns, rows)


def _attested(person: EmployeeMonth, say: Language) -> Table:
    columns = (
        Column("date", say("date"), "text", 96),
        Column("at", say("attested_at"), "time", 60),
        Column("colleague", say("colleague"), "text", 150),
        Column("supervisor", say("supervisor"), "text", 150),
        Column("entry", say("attested_entry"), "code", 100),
    )
    rows = tuple(
        (say.short_date(one.date), pieces.clock(one.at), one.colleague, one.supervisor, one.entry)
        for one in person.attested
    )
    return Table("attested", say("attested"), columns, rows)


def span(one: Correction, say: Language) -> str:
    """From when to when a correction speaks."""
    texts = [_instant(text, say) for text in (one.first, one.last) if text]
    return " – ".join(dict.fromkeys(texts))


def _instant(text: str, say: Language) -> str:
    day = say.short_date(dt.date.fromisoformat(text[:10]))
    return f"{day} {text[11:16]}".rstrip()


def _objections(person: EmployeeMonth, say: Language) -> Table:
    columns = (
        Column("date", say("date"), "text", 60, empty="dash"),
        Column("text", say("objection"), "text", 200),
        Column("answer", say("answer"), "text", 200, empty="dash"),
        Column("state", say("status"), "text", 80, group="objection_state"),
    )
    rows = tuple(
        (
            _instant(one.date, say) if one.date else "",
            one.text,
            f"{one.answer}\n{one.answered_by}" if one.answer else "",
            one.status,
        )
        for one in person.objections
    )
    return Table("objections", say("objections"), columns, rows)


def _all_lines(report: MonthReport, say: Language) -> Table:
    columns = (
        Column("nip", say("nip"), "code", 110),
        Column("name", say("name"), "text", 140),
        Column("date", say("date"), "date", 70),
        Column("account", say("line_account"), "text", 70, group="account"),
        Column("kind", say("kind"), "text", 80, group="kind"),
        Column("text", say("text"), "text", 220),
        Column("fact", say("fact"), "text", 140),
        Column("article", say("article"), "text", 140, empty="no_article"),
        Column("base", say("base"), "rupiah", 80),
        Column("share", say("share"), "code", 80),
        Column("numerator", say("numerator"), "count", 60),
        Column("denominator", say("denominator"), "count", 60),
        Column("rounding", say("rounding"), "text", 90, group="rounding"),
        Column("rounding_unit", say("rounding_unit"), "rupiah", 60),
        Column("certainty", say("certainty"), "code", 60),
        Column("adopted_by", say("adopted_by"), "text", 110),
        Column("rupiah", say("rupiah"), "rupiah", 80),
    )
    rows = tuple(_flat(person, line, report.meta, say) for person in report.employees for line in person.lines)
    return Table("lines", say("slip_lines"), columns, rows)


def _flat(person: EmployeeMonth, line: Line, meta: Meta, say: Language) -> Row:
    rounding, _, unit = line.rounding.partition(" ")
    return (
        person.nip,
        person.name,
        line.date,
        line.account,
        line.kind,
        line.told(say.code),
        facts_of(line, say),
        line.article,
        line.base,
        " × ".join(str(part) for part in factors(line)),
        line.numerator,
        line.denominator,
        rounding,
        int(unit) if unit.isdigit() else None,
        line.certainty,
        meta.decree if line.certainty == "A" else "",
        line.rupiah,
    )
