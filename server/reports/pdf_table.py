"""Tables in PDF: columns scaled to the page, heads that repeat, numbers to the right, day codes in colour."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from server.reports.cells import shown_cell
from server.reports.daycodes import MISSING, UNSIGNED, day_code
from server.reports.document import Column, Row, Table
from server.reports.language import Language
from server.reports.pdf_strip import GREY, INK, PALE, RULE, Sheet, Strip
from server.reports.pdf_text import Run, fitted_size, lines, run

_RIGHT = ("count", "rupiah", "duration", "permille")
_WEEKEND, _OFF_HEAD = "#eef1f4", "#d5dce4"


@dataclass(frozen=True)
class _Style:
    """Type sizes and paddings in points."""

    size: float
    small: float
    leading: float
    pad_x: float
    pad_y: float


_PLAIN = _Style(7.6, 6.2, 9.2, 3, 2.6)
_DENSE = _Style(6.2, 5.2, 6.8, 1.6, 1.5)


def table_strips(table: Table, width: float, say: Language) -> Iterator[Strip]:
    """The rows of a table as strips of a width in points, under a head that each page repeats."""
    style = _DENSE if table.dense else _PLAIN
    scale = width / sum(column.width for column in table.columns)
    widths = [column.width * scale for column in table.columns]
    head = _head(table, widths, style, say)
    yield Strip(head.height, head.draw, keep=True)
    for row in table.rows:
        yield _row(table, row, widths, style, say, head, total=False)
    if table.totals:
        yield _row(table, table.totals, widths, style, say, head, total=True)


def _head(table: Table, widths: list[float], style: _Style, say: Language) -> Strip:
    cells = [
        [
            line
            for piece in column.label.split("\n")
            for line in lines(piece, cell_width - 2 * min(style.pad_x, 2), style.size - 0.4, True)
        ]
        for column, cell_width in zip(table.columns, widths, strict=True)
    ]
    height = max(map(len, cells)) * style.leading + 2 * style.pad_y + 1
    return Strip(height, partial(_draw_head, table, widths, style, cells, height))


def _draw_head(
    table: Table,
    widths: list[float],
    style: _Style,
    cells: list[list[Run]],
    height: float,
    sheet: Sheet,
    x: float,
    top: float,
) -> None:
    sheet.box(x, top - height, sum(widths), height, PALE)
    size = style.size - 0.4
    for column, cell_width, cell in zip(table.columns, widths, cells, strict=True):
        if column.off:
            sheet.box(x, top - height, cell_width, height, _OFF_HEAD)
        y = top - (height + style.leading * len(cell)) / 2 + style.leading * (len(cell) - 1) + style.leading * 0.28
        for line in cell:
            fitted = fitted_size(line, cell_width - 1.2, size)
            sheet.text(line, _left(column, line, x, cell_width, fitted, style), y, fitted)
            y -= style.leading
        x += cell_width
    sheet.rule(x - sum(widths), top, sum(widths), 0.7)
    sheet.rule(x - sum(widths), top - height, sum(widths), 0.7)


def _left(column: Column, line: Run, x: float, width: float, size: float, style: _Style) -> float:
    if column.kind in _RIGHT:
        return x + width - style.pad_x - line.width(size)
    if column.kind == "day":
        return x + (width - line.width(size)) / 2
    return x + style.pad_x


def _row(
    table: Table, row: Row, widths: list[float], style: _Style, say: Language, head: Strip, *, total: bool
) -> Strip:
    cells: list[tuple[tuple[Run, ...], int]] = []
    tallest = 1
    for cell, column, width in zip(row, table.columns, widths, strict=True):
        text = shown_cell(cell, column, say)
        if column.kind not in ("text", "code"):
            cells.append(((run(text, total),), 1) if text else ((), 0))
            continue
        first, *more = text.split("\n")
        main = lines(first, width - 2 * style.pad_x, style.size, total)
        small = [line for piece in more for line in lines(piece, width - 2 * style.pad_x, style.small)]
        cells.append(((*main, *small), len(main)))
        tallest = max(tallest, len(main) + len(small))
    height = tallest * style.leading + 2 * style.pad_y
    replaced = any(line.replaced for cell_lines, _ in cells for line in cell_lines)
    pen = partial(_draw_row, table, widths, style, cells, height, total)
    return Strip(height, pen, head=head, replaced=replaced)


def _draw_row(
    table: Table,
    widths: list[float],
    style: _Style,
    cells: list[tuple[tuple[Run, ...], int]],
    height: float,
    total: bool,
    sheet: Sheet,
    x: float,
    top: float,
) -> None:
    left = x
    for column, width, (cell, main) in zip(table.columns, widths, cells, strict=True):
        if column.kind == "day":
            _draw_day(sheet, column, cell, x, top, width, height, style)
        else:
            y = top - style.pad_y - style.leading * 0.78
            if table.dense and column.kind in _RIGHT:
                y = top - height / 2 - style.size * 0.36
            for place, line in enumerate(cell):
                base = style.size if place < main else style.small
                size = fitted_size(line, width - 2 * min(style.pad_x, 2), base)
                sheet.text(line, _left(column, line, x, width, size, style), y, size, INK if place < main else GREY)
                y -= style.leading
        if table.dense:
            sheet.vertical(x, top, top - height)
        x += width
    if table.dense:
        sheet.vertical(x, top, top - height)
    if total:
        sheet.rule(left, top, x - left, 0.7)
    sheet.rule(left, top - height, x - left, 0.7 if total else 0.25, INK if total else RULE)


def _pieces(line: Run, width: float, size: float) -> list[str]:
    """A code in lines: of two codes one under the other, and the signs of one that is too wide under it."""
    pieces = line.text.split("+")
    letters = line.text.rstrip(MISSING + UNSIGNED)
    if len(pieces) == 1 and letters != line.text and line.width(size) > width:
        return [letters, line.text[len(letters) :]]
    return pieces


def _draw_day(
    sheet: Sheet,
    column: Column,
    cell: tuple[Run, ...],
    x: float,
    top: float,
    width: float,
    height: float,
    style: _Style,
) -> None:
    code = day_code(cell[0].text) if cell else None
    fill = code.fill if code else "#ffffff"
    if column.off and fill == "#ffffff":
        fill = _WEEKEND
    if fill != "#ffffff":
        sheet.box(x, top - height, width, height, fill)
    if code:
        letters = [run(piece) for piece in _pieces(cell[0], width - 1, style.size)]
        y = top - height / 2 + style.size * (0.5 * len(letters) - 0.86)
        for line in letters:
            size = fitted_size(line, width - 1, style.size)
            sheet.text(line, x + (width - line.width(size)) / 2, y, size, code.ink)
            y -= style.size
