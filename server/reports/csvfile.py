"""A table as CSV: UTF-8, plain numbers, ISO dates, seconds; no cell that a spreadsheet would run."""

import csv
import datetime as dt
import io
from typing import BinaryIO

from server.reports.document import Cell, Table
from server.reports.safe import csv_text


def write_csv(table: Table, out: BinaryIO) -> None:
    """Write the rows, without totals, under a header of the columns' keys to a binary stream."""
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.key for column in table.columns])
    writer.writerows([_plain(cell) for cell in row] for row in table.rows)
    text.detach()


def _plain(cell: Cell) -> str | int:
    if cell is None:
        return ""
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, int):
        return cell
    return csv_text(" · ".join(part for part in cell.split("\n") if part))
