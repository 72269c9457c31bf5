"""The other blocks in PDF: facts, statements, legends, places to sign."""

from collections.abc import Iterator

from server.reports.daycodes import DayCode
from server.reports.document import Block, Facts, Legend, Signatures, Statement, Table
from server.reports.language import Language
from server.reports.model import Signatory
from server.reports.pdf_strip import GREY, INK, PALE, Pen, Sheet, Strip, gap
from server.reports.pdf_table import table_strips
from server.reports.pdf_text import Run, fitted_size, lines, run

_SIZE, _LEADING = 8.6, 11.6
_SIGN_SPACE = 46


def strips(block: Block, width: float, say: Language) -> Iterator[Strip]:
    """A block as strips of a width in points."""
    if isinstance(block, Table):
        if block.caption:
            yield _heading(block.caption)
        yield from table_strips(block, width, say)
    elif isinstance(block, Facts):
        yield from _boxed(block, width) if block.emphasis else _pairs(block, width)
    elif isinstance(block, Statement):
        yield from _statement(block, width)
    elif isinstance(block, Legend):
        yield from _legend(block, width, say)
    else:
        yield _signatures(block, width)


def _heading(text: str) -> Strip:
    line = run(text, True)

    def draw(sheet: Sheet, x: float, top: float) -> None:
        sheet.text(line, x, top - 11, 9)

    return Strip(15, draw, keep=True, replaced=line.replaced)


def _pairs(facts: Facts, width: float) -> Iterator[Strip]:
    """Two pairs beside each other, read down the first column and then the second; one alone has all the width."""
    half = (len(facts.pairs) + 1) // 2
    label_width, column = 74.0, width / min(len(facts.pairs), 2)
    for place in range(half):
        pairs = facts.pairs[place::half]
        values = [lines(value, column - label_width - 10, _SIZE) for _, value in pairs]
        yield _pair_row([run(label) for label, _ in pairs], values, column, label_width)


def _pair_row(labels: list[Run], values: list[tuple[Run, ...]], column: float, label_width: float) -> Strip:
    def draw(sheet: Sheet, x: float, top: float) -> None:
        for place, (label, value) in enumerate(zip(labels, values, strict=True)):
            left = x + place * column
            sheet.text(label, left, top - 9, _SIZE, GREY)
            for number, line in enumerate(value):
                size = fitted_size(line, column - label_width - 8, _SIZE)
                sheet.text(line, left + label_width, top - 9 - number * _LEADING, size)

    replaced = any(line.replaced for value in values for line in value)
    return Strip(_LEADING * max(map(len, values)) + 1.5, draw, replaced=replaced)


def _boxed(facts: Facts, width: float) -> Iterator[Strip]:
    yield gap(5)
    label_width = max(run(label).width(_SIZE) for label, _ in facts.pairs) + 22
    for place, (label, value) in enumerate(facts.pairs):
        yield _box_row(run(label), lines(value, width - label_width - 10, _SIZE + 0.8, place == 0), width, label_width)


def _box_row(label: Run, value: tuple[Run, ...], width: float, label_width: float) -> Strip:
    height = _LEADING * len(value) + 5

    def draw(sheet: Sheet, x: float, top: float) -> None:
        sheet.box(x, top - height, width, height, PALE)
        sheet.box(x, top - height, 2.4, height, INK)
        sheet.text(label, x + 8, top - 11.5, _SIZE, GREY)
        for number, line in enumerate(value):
            size = fitted_size(line, width - label_width - 8, _SIZE + 0.8)
            sheet.text(line, x + label_width, top - 11.5 - number * _LEADING, size)

    return Strip(height, draw, replaced=any(line.replaced for line in value))


def _statement(statement: Statement, width: float) -> Iterator[Strip]:
    if statement.heading:
        yield gap(4)
        yield _heading(statement.heading)
    indent = 14.0 if statement.numbered else 0.0
    for number, paragraph in enumerate(statement.paragraphs, 1):
        yield _paragraph(f"{number}." if indent else "", lines(paragraph, width - indent, _SIZE), indent, width)


def _paragraph(number: str, text: tuple[Run, ...], indent: float, width: float) -> Strip:
    def draw(sheet: Sheet, x: float, top: float) -> None:
        sheet.text(run(number), x, top - 9.5, _SIZE)
        for place, line in enumerate(text):
            size = fitted_size(line, width - indent, _SIZE)
            sheet.text(line, x + indent, top - 9.5 - place * _LEADING, size)

    return Strip(_LEADING * len(text) + 3, draw, replaced=any(line.replaced for line in text))


def _legend(legend: Legend, width: float, say: Language) -> Iterator[Strip]:
    yield gap(4)
    yield _heading(legend.heading)
    columns = max(1, int(width // 150))
    column = width / columns
    for first in range(0, len(legend.codes), columns):
        entries = legend.codes[first : first + columns]
        pairs = [(code, run(code.code, True), lines(code.meaning(say.code), column - 46, 7.4)) for code in entries]
        yield Strip(max(9.0 * max(len(text) for _, _, text in pairs), 11) + 2.5, _legend_pen(pairs, column))


def _legend_pen(pairs: list[tuple[DayCode, Run, tuple[Run, ...]]], column: float) -> Pen:
    def draw(sheet: Sheet, x: float, top: float) -> None:
        for place, (code, letters, meaning) in enumerate(pairs):
            left = x + place * column
            sheet.box(left, top - 11, 34, 10, code.fill, edge=True)
            size = fitted_size(letters, 31, 7)
            sheet.text(letters, left + (34 - letters.width(size)) / 2, top - 8.5, size, code.ink)
            for number, line in enumerate(meaning):
                sheet.text(line, left + 39, top - 8.5 - number * 9, fitted_size(line, column - 42, 7.4))

    return draw


def _signatures(block: Signatures, width: float) -> Strip:
    places = max(len(block.signatories), 2 if width < 600 else 3)
    column = width / places
    first = places - len(block.signatories)
    roles = [lines(one.role, column - 16, _SIZE) for one in block.signatories]
    role_height = _LEADING * max(map(len, roles))
    date = run(block.place_and_date)

    def draw(sheet: Sheet, x: float, top: float) -> None:
        _centred(sheet, date, x + (places - 1) * column, column, top - 20)
        for place, (one, role) in enumerate(zip(block.signatories, roles, strict=True), first):
            left = x + place * column
            for number, line in enumerate(role):
                _centred(sheet, line, left, column, top - 20 - _LEADING * (number + 1))
            if block.stamp:
                _stamp(sheet, run(block.stamp), left + column / 2 - 100, top - 20 - role_height - _SIGN_SPACE + 12)
            _sign(sheet, one, left, column, top - 20 - role_height - _SIGN_SPACE)

    return Strip(20 + role_height + _SIGN_SPACE + 2.4 * _LEADING, draw)


def _stamp(sheet: Sheet, line: Run, x: float, y: float) -> None:
    """The place of a duty stamp, left of the signature that runs over it."""
    sheet.box(x, y, 62, 32, PALE, edge=True)
    sheet.text(line, x + (62 - line.width(6.4)) / 2, y + 13, 6.4, GREY)


def _sign(sheet: Sheet, one: Signatory, left: float, column: float, y: float) -> None:
    name = run(one.name, True)
    _centred(sheet, name, left, column, y)
    span = min(max(name.width(_SIZE), 120), column - 16)
    sheet.rule(left + (column - span) / 2, y - 2.5, span, 0.5)
    nip = run(f"NIP. {one.nip}")
    sheet.text(nip, left + (column - span) / 2 if not one.nip else _middle(nip, left, column), y - 13, _SIZE)


def _middle(line: Run, left: float, column: float) -> float:
    return left + (column - line.width(_SIZE)) / 2


def _centred(sheet: Sheet, line: Run, left: float, column: float, y: float) -> None:
    size = fitted_size(line, column - 8, _SIZE)
    sheet.text(line, left + (column - line.width(size)) / 2, y, size)
