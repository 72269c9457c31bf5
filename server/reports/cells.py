"""A cell of a table as people read it."""

import datetime as dt

from server.reports.document import Cell, Column
from server.reports.language import Language, duration


def shown_cell(cell: Cell, column: Column, say: Language) -> str:
    """Text for a cell: numbers and dates in the language's form, seconds as `h:mm:ss`, nothing for nothing.

    Text may hold a line break: what follows it is secondary and set smaller.
    """
    if cell is None:
        return ""
    if column.kind == "duration" and isinstance(cell, int):
        return duration(cell)
    if isinstance(cell, int):
        return say.number(cell)
    if isinstance(cell, dt.date):
        return say.date(cell)
    return cell
