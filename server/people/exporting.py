"""Export of facts as they were known at a moment, in the files and columns that an import takes."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection

from server import facts
from server.allowance.values import AMOUNT, TABLES
from server.errors import Conflict, Refused
from server.people import grants
from server.people import service as people
from server.people.importing import KINDS
from server.people.models import EMPLOYEES, POSTS

FORMATS = ("csv", "xlsx")


def export(
    connection: Connection, out: Path, *, agency: str = "", form: str = "csv", as_of_ms: int, by: str, now_ms: int
) -> list[Path]:
    """Write employees.csv, leave.csv, … of an agency and those below it (or of all); the files written.

    Refused without the grant hr or auditor; Conflict when a file is there already.
    """
    acting = grants.authority(connection, by, now_ms)
    acting.require((grants.HR, grants.AUDITOR), agency, "export facts")
    if form not in FORMATS:
        raise Refused(f"{form!r} is none of {', '.join(FORMATS)}")
    staff = people.employees(connection, as_of_ms)
    known = grants.below_of(acting.parents, agency, {row["agency"] for row in staff})
    ids = {row["employee_id"] for row in staff if row["agency"] in known}
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, kind in KINDS.items():
        if kind is EMPLOYEES:
            rows = [people.from_columns(row) for row in staff if row["employee_id"] in ids]
        elif kind is POSTS:
            rows = [row for row in facts.as_of(connection, kind, as_of_ms) if row["agency"] in known]
        else:
            rows = [row for row in facts.as_of(connection, kind, as_of_ms) if row["employee_id"] in ids]
        amounts = sorted({column for row in rows for column in row if column.startswith(AMOUNT)})
        path = out / f"{name}.{form}"
        if path.exists():
            raise Conflict(f"{path}: is there already; name a new folder")
        _write(path, [*TABLES[name], *amounts], rows, form)
        written.append(path)
    return written


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]], form: str) -> None:
    if form == "csv":
        with path.open("x", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return
    # Here, because no other command needs it in memory.
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(path.stem)
    for texts in (columns, *([row.get(column) or None for column in columns] for row in rows)):
        cells = [WriteOnlyCell(sheet, text) for text in texts]
        for cell in cells:
            if cell.value is not None:
                cell.data_type = "s"  # a name that begins with = is no formula
        sheet.append(cells)
    book.save(path)
