"""The parallel run as a report: sums of both lists, each difference with what would explain it, who is in one only."""

import datetime as dt
from fractions import Fraction

from server.comparison.values import DIFFERENT, EQUAL, ONLY_OLD, ONLY_OURS, Cause, Compared, Comparison, OurLine
from server.reports import pieces
from server.reports.document import Block, Column, Document, Part, Row, Statement, Table
from server.reports.language import Language
from server.reports.model import HELD, MonthReport

_LINES_TOLD = 3


def differences(report: MonthReport, say: Language) -> Document | None:
    """Everybody whose sums differ, with reasons; None for a month that was not compared."""
    found = report.lists.comparison
    if found is None:
        return None
    table = _differences(found, say)
    blocks: list[Block] = [_totals(found, say)]
    blocks.append(table if table.rows else Statement(say("differences_table"), (say("differences_none"),)))
    blocks.extend(block for state in (ONLY_OLD, ONLY_OURS) if (block := _alone(found, state, say)).rows)
    blocks.extend(pieces.notes(report, say, *_notes(found, say)))
    blocks.extend(pieces.signatures(report, say))
    part = Part(say("differences"), tuple(blocks), anchor="differences", landscape=True)
    return pieces.document(report, say, "differences", (part,), (_flat(found, say), _people(found, say)))


def item_name(item: str, say: Language) -> str:
    """What a sum is called; that of one step or kind by its own identifier."""
    return say.named("item", item) if ":" not in item else item.partition(":")[2].replace("_", " ")


def told(cause: Cause, say: Language) -> str:
    """A cause as a sentence."""
    values: dict[str, object] = dict(cause.values)
    for name in ("share", "ours"):
        if name in values and cause.key != "other_class":
            values[name] = _share(str(values[name]), say)
    for name in ("base", "shift", "rupiah"):
        if isinstance(amount := values.get(name), int):
            values[name] = say.rupiah(amount)
    if isinstance(day := values.get("date"), dt.date):
        values["date"] = say.short_date(day)
    if "reason" in values:
        values["reason"] = say.dates_in(str(values["reason" if say.code == "id" else "reason_english"]))
    golongan = values.get("golongan")
    values["whose"] = say("whose", golongan=golongan) if golongan else ""
    return say(f"cause:{cause.key}", **values, lines=_lines(cause.lines, say))


def _share(text: str, say: Language) -> str:
    share = Fraction(text)
    return "0 %" if not share else say.share(share.numerator, share.denominator)


def _lines(lines: tuple[OurLine, ...], say: Language) -> str:
    shown = "; ".join(_line(line, say) for line in lines[:_LINES_TOLD])
    more = len(lines) - _LINES_TOLD
    return say("more_lines", lines=shown, count=more) if more > 0 else shown


def _line(line: OurLine, say: Language) -> str:
    day = f"{say.short_date(line.date)} " if line.date else ""
    text = line.text if say.code == "id" else line.english
    article = f" ({line.article})" if line.article else ""
    return f"{day}{text} {say.rupiah(line.rupiah)}{article}"


def explained(causes: tuple[Cause, ...], say: Language) -> str:
    """The causes of a difference, the second and third as what else it could be, on lines of their own."""
    if not causes:
        return say("cause:none")
    first, *more = (told(cause, say) for cause in causes)
    return "\n".join([first, *(say("or", cause=text) for text in more)])


def _totals(found: Comparison, say: Language) -> Table:
    columns = (
        Column("item", say("item"), "text", 300),
        Column("old", say("old"), "rupiah", 110),
        Column("ours", say("ours"), "rupiah", 110),
        Column("difference", say("difference"), "rupiah", 110),
    )
    sums = {item: found.total(item) for item in found.items}
    rows = tuple((item_name(item, say), old, ours, ours - old) for item, (old, ours) in sums.items())
    return Table("differences_totals", say("differences_totals"), columns, rows)


def _differences(found: Comparison, say: Language) -> Table:
    columns = (
        Column("name", say("name_nip"), "text", 118),
        Column("item", say("item"), "text", 62),
        Column("old", say("old"), "rupiah", 60),
        Column("ours", say("ours"), "rupiah", 60),
        Column("difference", say("difference"), "rupiah", 60),
        Column("explanation", say("explanation"), "text", 400),
    )
    rows: list[Row] = []
    for person in found.of(DIFFERENT):
        for place, one in enumerate(person.differences):
            who = _who(person) if place == 0 else ""
            name = item_name(one.item, say)
            rows.append((who, name, one.old, one.ours, one.rupiah, explained(one.causes, say)))
    return Table("differences", say("differences_table"), columns, tuple(rows))


def _who(person: Compared) -> str:
    name = person.ours.name if person.ours else ""
    return f"{name}\n{person.key}" if name else person.key


def _alone(found: Comparison, state: str, say: Language) -> Table:
    """People of one list alone, with what that list gives them."""
    columns = (
        Column("row", say("row"), "count", 40),
        Column("key", say("name_nip"), "text", 200),
        Column("status", say("status"), "text", 300),
        *(Column(item, item_name(item, say), "rupiah", 80) for item in found.items),
    )
    rows: list[Row] = []
    for person in found.of(state):
        amounts = person.old.amounts if person.old else person.ours.amounts if person.ours else {}
        row = person.old.row if person.old else None
        rows.append((row, _who(person), _status(person, say), *(amounts.get(item, 0) for item in found.items)))
    return Table(state, say(state), columns, tuple(rows))


def _status(person: Compared, say: Language) -> str:
    if person.ours is None:
        return ""
    reason = person.ours.reason if say.code == "id" else person.ours.reason_english
    status = say.named("status", person.ours.status)
    return f"{status}: {say.dates_in(reason)}" if reason else status


def _notes(found: Comparison, say: Language) -> list[str]:
    counts = {state: say.number(len(found.of(state))) for state in (EQUAL, DIFFERENT, ONLY_OLD, ONLY_OURS)}
    held = sum(1 for person in found.people if person.ours is not None and person.ours.status == HELD)
    notes = [say("differences_counts", old=found.old_name, held=say.number(held), **counts)]
    if found.of(DIFFERENT):
        notes.append(say("differences_explained"))
    unknown = sum(1 for person in found.people for one in person.differences if not one.causes)
    if unknown:
        notes.append(say("differences_unexplained", count=say.number(unknown)))
    if found.ignored:
        notes.append(say("differences_ignored", columns=", ".join(found.ignored)))
    return [*notes, *found.notes]


def _flat(found: Comparison, say: Language) -> Table:
    columns = (
        *_person_columns(say),
        Column("item", say("item"), "text", 80, group="item"),
        Column("old", say("old"), "rupiah", 80),
        Column("ours", say("ours"), "rupiah", 80),
        Column("difference", say("difference"), "rupiah", 80),
        Column("explanation", say("explanation"), "text", 420),
    )
    rows = tuple(
        (*_person(found, person), one.item, one.old, one.ours, one.rupiah, explained(one.causes, say))
        for person in found.of(DIFFERENT)
        for one in person.differences
    )
    return Table("differences", say("differences_table"), columns, rows)


def _people(found: Comparison, say: Language) -> Table:
    columns = (
        *_person_columns(say),
        Column("state", say("state"), "text", 110),
        Column("status", say("status"), "text", 160),
        *(
            Column(f"{side}_{item}", f"{item_name(item, say)}: {say(side)}", "rupiah", 80)
            for item in found.items
            for side in ("old", "ours")
        ),
    )
    rows: list[Row] = []
    for person in found.people:
        sides = (person.old.amounts if person.old else None, person.ours.amounts if person.ours else None)
        amounts = [None if side is None else side.get(item, 0) for item in found.items for side in sides]
        rows.append((*_person(found, person), say.named("state", person.state), _status(person, say), *amounts))
    return Table("differences_people", say("differences_people"), columns, tuple(rows))


def _person_columns(say: Language) -> tuple[Column, ...]:
    return (
        Column("employee_id", say("employee_id"), "code", 80),
        Column("nip", say("nip"), "code", 110),
        Column("name", say("name"), "text", 150),
        Column("agency", say("agency"), "text", 90),
    )


def _person(found: Comparison, person: Compared) -> Row:
    if person.ours is not None:
        return (person.ours.employee_id, person.ours.nip, person.ours.name, person.ours.agency)
    return ("", person.key, "", "") if found.id_column == "nip" else (person.key, "", "", "")
