"""Documents as one XLSX workbook: real numbers, frozen heads, filters, print setup; the same bytes each time."""

import datetime as dt
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.writer.excel import ExcelWriter

from server.reports.cells import shown_cell
from server.reports.daycodes import day_code
from server.reports.document import Cell, Column, Document, Legend, Row, Statement, Table
from server.reports.language import Language
from server.reports.safe import clean, looks_like_formula

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FORMATS = {
    "rupiah": "#,##0",
    "count": "#,##0",
    "duration": "[h]:mm:ss",
    "date": "dd/mm/yyyy",
    "time": "hh:mm:ss",
    "permille": "0.0%",
}
_MOMENT = "dd/mm/yyyy hh:mm"
_HEAD_ROWS = 4
_A4 = "9"
_FOOT_LENGTH = 115  # Excel calls a file damaged whose footer, codes and doubled ampersands included, has over 255
_EDGE = Side(style="thin", color="B6C0CC")
_HEAD_FILL = PatternFill("solid", fgColor="EAF0F6")


class _DatedZip(ZipFile):
    """A ZIP file whose members all bear one date, so that equal contents are equal bytes."""

    def writestr(self, zinfo_or_arcname: Any, data: Any, *_: Any, **__: Any) -> None:
        name = zinfo_or_arcname.filename if isinstance(zinfo_or_arcname, ZipInfo) else zinfo_or_arcname
        super().writestr(self._member(name), data)

    def write(self, filename: Any, arcname: Any = None, *_: Any, **__: Any) -> None:
        with Path(filename).open("rb") as source, self.open(self._member(arcname), "w", force_zip64=True) as member:
            shutil.copyfileobj(source, member, 1 << 20)

    @staticmethod
    def _member(name: str) -> ZipInfo:
        member = ZipInfo(name, _EPOCH)
        member.compress_type = ZIP_DEFLATED
        member.external_attr = 0o600 << 16
        return member


def write_xlsx(document: Document, out: BinaryIO) -> None:
    """Write the flat tables of a document, a sheet each, to a binary stream; after them its legends and its notes."""
    say = Language(document.language)
    book = Workbook(write_only=True)
    book.properties.creator = "Hadir"
    book.properties.title = clean(f"{document.title} · {document.subtitle}")
    book.properties.created = book.properties.modified = dt.datetime(*_EPOCH)
    for number, table in enumerate((*document.sheets, *_explained(document, say))):
        _sheet(book, document, table, document.title if number == 0 else table.caption, say)
    with _DatedZip(out, "w", ZIP_DEFLATED) as archive:
        ExcelWriter(book, archive).write_data()


def _explained(document: Document, say: Language) -> Iterator[Table]:
    """What people read beside the tables: legends, and the notes with the rules and the status of the month."""
    blocks = [block for part in document.parts for block in part.blocks]
    codes = {code.code: code for block in blocks if isinstance(block, Legend) for code in block.codes}
    if codes:
        columns = (Column("code", say("code"), "day", 50), Column("meaning", say("meaning"), "text", 300))
        rows = tuple((code.code, code.meaning(say.code)) for code in codes.values())
        yield Table("legend", say("legend"), columns, rows)
    noted = (block for block in blocks if isinstance(block, Statement) and block.heading == say("notes"))
    notes = [text for block in noted for text in block.paragraphs]
    texts = tuple((text,) for text in dict.fromkeys((document.foot, *notes)))
    yield Table("notes", say("notes"), (Column("text", say("notes"), "text", 900),), texts)


def _sheet(book: Any, document: Document, table: Table, title: str, say: Language) -> None:
    sheet = book.create_sheet(_sheet_name(title, book.sheetnames))
    last = get_column_letter(len(table.columns))
    for number, column in enumerate(table.columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = max(3.6, column.width / 5.0)
    named = next((place for place, column in enumerate(table.columns, 1) if column.key == "name"), 0)
    sheet.freeze_panes = f"{get_column_letter(named + 1)}{_HEAD_ROWS + 1}"
    sheet.auto_filter.ref = f"A{_HEAD_ROWS}:{last}{_HEAD_ROWS + len(table.rows)}"
    sheet.print_title_rows = f"{_HEAD_ROWS}:{_HEAD_ROWS}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = _A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.oddFooter.left.text = clean(document.foot)[:_FOOT_LENGTH].replace("&", "&&")
    sheet.oddFooter.right.text = "&P / &N"
    bold = Font(bold=True, size=13)
    sheet.append([_text(sheet, " · ".join(document.letterhead), bold)])
    sheet.append([_text(sheet, f"{title} · {document.subtitle}", Font(bold=True, size=11))])
    sheet.append([_text(sheet, document.watermark, Font(bold=True, color="C62828"))])
    sheet.append([_head_cell(sheet, column) for column in table.columns])
    pens = [_Pen(sheet, column, say) for column in table.columns]
    for row in table.rows:
        sheet.append([pen.cell(cell) for pen, cell in zip(pens, row, strict=True)])
    if table.totals:
        sheet.append(_total_row(sheet, table.columns, table.totals))


def _sheet_name(title: str, taken: Sequence[str]) -> str:
    """A sheet's name: 31 letters at most, none of those that Excel forbids, no name twice."""
    name = "".join(letter for letter in clean(title) if letter not in "[]:*?/\\'")[:31].strip() or "Data"
    number = 2
    base = name
    while name in taken:
        name = f"{base[:27]} {number}"
        number += 1
    return name


def _text(sheet: Any, text: str, font: Font | None = None) -> Any:
    """A cell of text that no spreadsheet runs."""
    cell = WriteOnlyCell(sheet)
    if font:
        cell.font = font
    safe = clean(text)
    cell.value = safe
    cell.data_type = "s"
    cell.quotePrefix = looks_like_formula(safe)
    return cell


def _head_cell(sheet: Any, column: Column) -> Any:
    cell = _text(sheet, " ".join(column.label.split("\n")), Font(bold=True))
    cell.fill = PatternFill("solid", fgColor="D5DCE4") if column.off else _HEAD_FILL
    cell.border = Border(top=_EDGE, bottom=_EDGE)
    cell.alignment = Alignment(wrap_text=True, vertical="center", horizontal=_side(column))
    return cell


def _side(column: Column) -> str:
    return {"rupiah": "right", "count": "right", "duration": "right", "permille": "right", "day": "center"}.get(
        column.kind, "left"
    )


def _total_row(sheet: Any, columns: tuple[Column, ...], totals: Row) -> list[Any]:
    cells = []
    for column, value in zip(columns, totals, strict=True):
        cell = _text(sheet, value if isinstance(value, str) else "")
        if isinstance(value, int):
            cell.value = value
        cell.font = Font(bold=True)
        cell.border = Border(top=Side(style="double"))
        cell.number_format = _FORMATS.get(column.kind, "General")
        cells.append(cell)
    return cells


class _Pen:
    """Writes the cells of one column. The stream copies a cell at once, so one styled cell serves all its rows."""

    def __init__(self, sheet: Any, column: Column, say: Language) -> None:
        self._sheet, self._column, self._say = sheet, column, say
        # One cell for each format: openpyxl keeps a cell's style itself, so that changing it changes what was written.
        self._cell, self._number, self._moment = (WriteOnlyCell(sheet) for _ in range(3))
        self._cell.number_format = _FORMATS.get(column.kind, "@")
        self._number.number_format = _FORMATS.get(column.kind, "General")
        self._moment.number_format = _MOMENT
        self._days: dict[str, Any] = {}

    def cell(self, value: Cell) -> Any:
        """The cell of the next row, None for nothing."""
        if self._column.kind == "day":
            return self._day(str(value or ""))
        if value is None or value == "":
            value = self._say(self._column.empty) if self._column.empty else None
        elif self._column.group:
            value = shown_cell(value, self._column, self._say)
        if value is None:
            return None
        cell = self._cell
        if isinstance(value, str):
            safe = " · ".join(clean(part) for part in value.split("\n") if part)
            if self._column.kind == "text" and not looks_like_formula(safe) and not safe.startswith("#"):
                return safe
            cell.value = safe
            cell.data_type = "s"
            cell.quotePrefix = looks_like_formula(safe)
        elif self._column.kind == "duration" and isinstance(value, int):
            cell.value = value / 86_400
        elif self._column.kind == "permille" and isinstance(value, int):
            cell.value = value / 1000
        else:
            cell = self._moment if isinstance(value, dt.datetime) else self._number
            cell.value = value
        return cell

    def _day(self, code: str) -> Any:
        if code not in self._days:
            cell = _text(self._sheet, code)
            known = day_code(code) if code else None
            fill = known.fill if known else "#ffffff"
            if self._column.off and fill == "#ffffff":
                fill = "#eef1f4"
            if fill != "#ffffff":
                cell.fill = PatternFill("solid", fgColor=fill[1:].upper())
            cell.font = Font(size=8, color=known.ink[1:].upper() if known else "000000")
            cell.alignment = Alignment(horizontal="center")
            cell.border = Border(left=_EDGE, right=_EDGE, bottom=_EDGE)
            self._days[code] = cell
        return self._days[code]
