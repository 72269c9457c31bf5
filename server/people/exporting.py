"""Export of facts as they were known at a moment, in the files and columns that an import takes.

Of CSV a spreadsheet runs no text: one that it would take for a formula has an apostrophe before it, which an import
takes off again. In a workbook every cell is text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server import facts
from server.allowance.values import AMOUNT, TABLES, WITHDRAWN
from server.errors import Conflict, Refused
from server.people import grants
from server.people import service as people
from server.people.importing import KINDS
from server.people.models import EMPLOYEES, POSTS
from server.reports.safe import guarded, shown

FORMATS = ("csv", "xlsx")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
"""What XML cannot hold, or would make another character of."""


def export(
    connection: Connection, out: Path, *, agency: str = "", form: str = "csv", as_of_ms: int, by: str, now_ms: int
) -> list[Path]:
    """Write employees.csv, leave.csv, … of an agency and those below it (or of all); the files written.

    Refused without the grant hr or auditor, and for text that no workbook can hold; Conflict when a file is there
    already.
    """
    acting = grants.authority(connection, by, now_ms)
    acting.require((grants.HR, grants.AUDITOR), agency, "export facts")
    if form not in FORMATS:
        raise Refused(f"{form!r} is none of {', '.join(FORMATS)}")
    staff = people.employees(connection, as_of_ms)
    known = grants.below_of(acting.parents, agency, {row["agency"] for row in staff})
    ids = {row["employee_id"] for row in staff if row["agency"] in known}
    files: dict[Path, tuple[list[str], list[dict[str, Any]]]] = {}
    for name, kind in KINDS.items():
        if kind is EMPLOYEES:
            rows = [people.from_columns(row) for row in staff if row["employee_id"] in ids]
        elif kind is POSTS:
            rows = [row for row in facts.as_of(connection, kind, as_of_ms) if row["agency"] in known]
        else:
            rows = [row for row in facts.as_of(connection, kind, as_of_ms) if row["employee_id"] in ids]
            rows = [row for row in rows if row.get("score") != WITHDRAWN]
        amounts = sorted({column for row in rows for column in row if column.startswith(AMOUNT)})
        path = out / f"{name}.{form}"
        columns = [*TABLES[name], *amounts]
        if path.exists():
            raise Conflict(f"{path}: is there already; name a new folder")
        if form == "xlsx":
            _refuse_unwritable(path, columns, rows)
        files[path] = columns, rows
    out.mkdir(parents=True, exist_ok=True)
    for path, (columns, rows) in files.items():
        write_sheet(path, columns, rows)
    return list(files)


def _refuse_unwritable(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    for row in rows:
        for column in columns:
            if found := _NOT_IN_XML.search(row.get(column) or ""):
                who = row.get("employee_id") or row.get("post")
                raise Refused(
                    f"{path}: the {column} of {who} holds {shown(found[0])}, which no workbook can: use --format csv"
                )


def write_sheet(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write columns of rows to a new file, CSV or XLSX as its name says; `read_sheet` reads each text as it was."""
    if path.suffix == ".csv":
        with path.open("x", newline="", encoding="utf-8") as file:
            # Of this library only the characters of the line's end are quoted, and \r alone ends a line too.
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(columns)
            writer.writerows([guarded(row.get(column) or "") for column in columns] for row in rows)
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
