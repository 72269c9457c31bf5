"""A cell of a table as people read it."""

import datetime as dt

from server.reports.document import Cell, Column
from server.reports.language import Language, duration


def shown_cell(cell: Cell, column: Column, say: Language) -> str:
    """Text for a cell: numbers and dates in the language's form, seconds as `h:mm:ss`, nothing for nothing.

    Text may hold a line break: what follows it is secondary and set smaller.
    """
    if cell is None or cell == "":
        return say(column.empty) if column.empty else ""
    if column.kind == "duration" and isinstance(cell, int):
        return duration(cell)
    if column.kind == "permille" and isinstance(cell, int):
        return f"{say.decimal(cell, 10)} %"
    if isinstance(cell, int):
        return say.number(cell)
    if isinstance(cell, dt.datetime):
        return f"{say.date(cell)} {cell:%H:%M}"
    if isinstance(cell, dt.date):
        return say.date(cell)
    if isinstance(cell, dt.time):
        return cell.isoformat()
    return say.named(column.group, cell) if column.group else cell
