"""The attendance recap (*rekap absensi*): a grid of day codes, counts by code, and the legend."""

from collections import Counter

from server.reports import pieces
from server.reports.daycodes import day_code, is_notable, legend, marked
from server.reports.document import Column, Document, Legend, Part, Row, Table
from server.reports.language import Language
from server.reports.model import Correction, DayRecord, EmployeeMonth, MonthReport


def recap(report: MonthReport, say: Language) -> Document:
    """Everybody of the agency, paid or not: one row a person, one column a day."""
    codes = legend({marked(day) for person in report.employees for day in person.days})
    plain = legend({day.code for person in report.employees for day in person.days})
    counted = tuple(code.code for code in plain if not code.off)
    grid = _grid(report, say, counted)
    texts = [say("recap_counts", count=say.number(len(report.employees)), days=say.number(len(report.dates)))]
    if any(len(person.days) < len(report.dates) for person in report.employees):
        texts.append(say("recap_blank"))
    part = Part(
        say("recap"),
        (
            Legend(say("legend"), codes),
            grid,
            *pieces.notes(report, say, *texts),
            *pieces.signatures(report, say),
        ),
        anchor="recap",
        landscape=True,
    )
    return pieces.document(report, say, "recap", (part,), (_grid(report, say, counted, flat=True), _daily(report, say)))


def _grid(report: MonthReport, say: Language, counted: tuple[str, ...], *, flat: bool = False) -> Table:
    """The grid; `flat` with the NIP in a column of its own."""
    off = {date for date in report.dates if date.weekday() >= 5}
    columns = (
        Column("no", say("no"), "count", 22),
        *_names(say, flat),
        *(
            Column(f"{date.day}", f"{date.day}\n{say.weekday_letter(date)}", "day", 15.5, date in off)
            for date in report.dates
        ),
        *(Column(f"n_{code}", code.replace("+", "+\n"), "count", 17 if len(code) < 3 else 21) for code in counted),
        Column("n_missing", say("missing"), "count", 24),
        Column("late", say("late"), "duration", 42),
        Column("early", say("early"), "duration", 42),
    )
    rows = tuple(_row(report, person, number, counted, flat) for number, person in enumerate(report.employees, 1))
    return Table("recap", "", columns, rows, dense=True)


def _names(say: Language, flat: bool) -> tuple[Column, ...]:
    if flat:
        return (Column("name", say("name"), "text", 130), Column("nip", say("nip"), "code", 100))
    return (Column("name", say("name_nip"), "text", 122),)


def _row(report: MonthReport, person: EmployeeMonth, number: int, counted: tuple[str, ...], flat: bool) -> Row:
    by_date = {day.date: marked(day) for day in person.days}
    counts = Counter(day.code for day in person.days)
    return (
        number,
        *((person.name, person.nip) if flat else (f"{person.name}\n{person.nip}",)),
        *(by_date.get(date, "") for date in report.dates),
        *(counts.get(code, 0) or None for code in counted),
        sum(day.missing for day in person.days) or None,
        sum(day.late for day in person.days) or None,
        sum(day.early for day in person.days) or None,
    )


def _daily(report: MonthReport, say: Language) -> Table:
    columns = (
        Column("nip", say("nip"), "code", 110),
        Column("name", say("name"), "text", 150),
        Column("date", say("date"), "date", 70),
        Column("code", say("code"), "day", 40),
        Column("meaning", say("meaning"), "text", 150),
        Column("first_in", say("first_in"), "time", 60, empty="dash"),
        Column("last_out", say("last_out"), "time", 60, empty="dash"),
        Column("late", say("late"), "duration", 60),
        Column("early", say("early"), "duration", 60),
        Column("missing", say("missing"), "count", 60),
        Column("unsigned", say("unsigned_day"), "count", 60),
        Column("attested", say("attested_day"), "count", 60),
        Column("correction", say("corrections"), "text", 220),
    )
    codes = {marked(day) for person in report.employees for day in person.days}
    meanings = {code: day_code(code).meaning(say.code) for code in codes}
    rows = tuple(
        (
            person.nip,
            person.name,
            day.date,
            day.code,
            meanings[marked(day)],
            pieces.clock(day.first_in),
            pieces.clock(day.last_out),
            day.late,
            day.early,
            day.missing,
            int(day.unsigned),
            int(day.attested),
            "; ".join(_told(one, say) for one in _corrections(person, day)),
        )
        for person in report.employees
        for day in person.days
        if is_notable(day) or day.attested or _corrections(person, day)
    )
    return Table("recap_days", say("recap_days"), columns, rows)


def _corrections(person: EmployeeMonth, day: DayRecord) -> list[Correction]:
    return [one for one in person.corrections if one.concerns(day.date)]


def _told(one: Correction, say: Language) -> str:
    kind, state = say.named("correction", one.kind), say.named("paper_state", one.status)
    who = {"asked_by": one.asked_by, "decided_by": one.decided_by}
    more = "".join(f", {say(key).lower()} {name}" for key, name in who.items() if name)
    return f"{kind} {one.document} ({state}{more})"
