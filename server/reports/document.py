"""A report as every format sees it: parts made of headings, facts, tables, legends, statements, signatures."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from server.reports.daycodes import DayCode
from server.reports.model import Signatory

Kind = Literal["text", "code", "count", "rupiah", "duration", "permille", "date", "time", "day"]
Cell = str | int | dt.date | dt.time | None
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Column:
    """A column: a key for machines, a label for people, the kind of its cells, its width in points.

    A `duration` cell is seconds, `permille` thousandths (read as per cent), `rupiah` whole rupiah, `day` a day code; a
    `date` may have a time of day. `off` shades the whole column. `group`: the cells are keys of this group of the
    catalogue; `empty`: the message that people see where there is nothing. CSV has the keys, and nothing.
    """

    key: str
    label: str
    kind: Kind
    width: float
    off: bool = False
    group: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under columns, with at most one row of totals. `dense` asks for the smaller type of a day grid."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: Row | None = None
    dense: bool = False


@dataclass(frozen=True)
class Facts:
    """Label and value pairs; `emphasis` sets them in a box, for what a reader looks for first."""

    pairs: tuple[tuple[str, str], ...]
    emphasis: bool = False


@dataclass(frozen=True)
class Statement:
    """Paragraphs under a heading; numbered where each must be able to be named."""

    heading: str
    paragraphs: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Legend:
    """What the codes in a grid stand for."""

    heading: str
    codes: tuple[DayCode, ...]


@dataclass(frozen=True)
class Signatures:
    """Places to sign, side by side, under a place and a date; `stamp`: what to write where a duty stamp goes."""

    place_and_date: str
    signatories: tuple[Signatory, ...]
    stamp: str = ""


Block = Table | Facts | Statement | Legend | Signatures


@dataclass(frozen=True)
class Part:
    """What starts on a new page: its title, its blocks, an anchor to link to, a label for tables of contents.

    `landscape` lays its pages across; `fit` sets what is a little more than a page smaller rather than on two. `foot`
    takes the place of the document's.
    """

    title: str
    blocks: tuple[Block, ...]
    anchor: str
    label: str = ""
    landscape: bool = False
    fit: bool = False
    foot: str = ""


@dataclass(frozen=True)
class Document:
    """One report in one language.

    `parts` is what people read; `sheets` the same as flat tables, for XLSX and CSV. `numbering` says whether
    "page x of y" counts the document or each part. `watermark` is empty for a month that is locked.
    """

    name: str
    language: str
    title: str
    subtitle: str
    letterhead: tuple[str, ...]
    parts: tuple[Part, ...]
    sheets: tuple[Table, ...]
    foot: str
    numbering: Literal["document", "part"] = "document"
    watermark: str = ""
