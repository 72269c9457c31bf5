"""The attendance recap (*rekap absensi*): a grid of day codes, counts by code, and the legend."""

from collections import Counter

from server.reports import pieces
from server.reports.daycodes import day_code, is_notable, legend
from server.reports.document import Column, Document, Legend, Part, Row, Table
from server.reports.language import Language
from server.reports.model import EmployeeMonth, MonthReport


def recap(report: MonthReport, say: Language) -> Document:
    """Everybody of the agency, paid or not: one row a person, one column a day."""
    codes = legend({day.code for person in report.employees for day in person.days})
    counted = tuple(code.code for code in codes if not code.off)
    grid = _grid(report, say, counted)
    texts = [say("recap_counts", count=say.number(len(report.employees)), days=len(report.dates))]
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
    return pieces.document(report, say, "recap", (part,), (grid, _daily(report, say)))


def _grid(report: MonthReport, say: Language, counted: tuple[str, ...]) -> Table:
    off = {date for date in report.dates if date.weekday() >= 5}
    columns = (
        Column("no", say("no"), "count", 22),
        Column("name", say("name_nip"), "text", 122),
        *(
            Column(f"{date.day}", f"{date.day}\n{say.weekday_letter(date)}", "day", 15.5, date in off)
            for date in report.dates
        ),
        *(Column(f"n_{code}", code.replace("+", "+\n"), "count", 17 if len(code) < 3 else 21) for code in counted),
        Column("late", say("late"), "duration", 42),
        Column("early", say("early"), "duration", 42),
    )
    rows = tuple(_row(report, person, number, counted) for number, person in enumerate(report.employees, 1))
    return Table("recap", "", columns, rows, dense=True)


def _row(report: MonthReport, person: EmployeeMonth, number: int, counted: tuple[str, ...]) -> Row:
    by_date = {day.date: day.code for day in person.days}
    counts = Counter(by_date.values())
    return (
        number,
        f"{person.name}\n{person.nip}",
        *(by_date.get(date, "") for date in report.dates),
        *(counts.get(code, 0) or None for code in counted),
        sum(day.late_s for day in person.days) or None,
        sum(day.early_s for day in person.days) or None,
    )


def _daily(report: MonthReport, say: Language) -> Table:
    columns = (
        Column("nip", say("nip"), "code", 110),
        Column("name", say("name"), "text", 150),
        Column("date", say("date"), "date", 70),
        Column("code", say("code"), "day", 40),
        Column("meaning", say("meaning"), "text", 150),
        Column("first_in", say("first_in"), "code", 60),
        Column("last_out", say("last_out"), "code", 60),
        Column("late", say("late"), "duration", 60),
        Column("early", say("early"), "duration", 60),
    )
    codes = {day.code for person in report.employees for day in person.days}
    meanings = {code: day_code(code).meaning(say.code) for code in codes}
    rows = tuple(
        (
            person.nip,
            person.name,
            day.date,
            day.code,
            meanings[day.code],
            day.first_in,
            day.last_out,
            day.late_s,
            day.early_s,
        )
        for person in report.employees
        for day in person.days
        if is_notable(day)
    )
    return Table("recap_days", say("recap_days"), columns, rows)
