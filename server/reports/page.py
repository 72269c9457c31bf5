"""All reports of an agency as one HTML page that needs nothing else: no script, no font, no address."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import IO

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from server.reports.cells import shown_cell
from server.reports.daycodes import day_code
from server.reports.document import Block, Column, Document, Part, Row, Statement, Table
from server.reports.language import Language
from server.reports.safe import clean

_TEMPLATES = Path(__file__).parent


MOST_PARTS = 500
"""Parts of one document (slips, as a rule) that a page holds: with seven thousand no browser opens it on a phone."""


def shortened(document: Document) -> Document:
    """The document, or, where it has more parts than a page can hold, one that says in which files they are."""
    if len(document.parts) <= MOST_PARTS:
        return document
    say = Language(document.language)
    files = [f"{say(f'file:{document.name}')}.pdf", *(f"{say(f'file:{table.name}')}.csv" for table in document.sheets)]
    text = say("elsewhere", count=say.number(len(document.parts)), files=", ".join(files))
    part = Part(document.title, (Statement("", (text,)),), anchor=f"{document.name}-elsewhere")
    return replace(document, parts=(part,))


def write_page(documents: Sequence[Document], out: IO[bytes], heading: str = "") -> None:
    """Write the documents, which are of one agency, month and language, to a binary stream.

    `heading`: what they are of, unless of TPP.
    """
    say = Language(documents[0].language)
    template = _environment().get_template("page.html.j2")
    styles = {code: day_code(code) for code in _codes(documents)}
    classes = {code: f"c{number}" for number, code in enumerate(styles)}
    stream = template.generate(
        documents=documents,
        first=documents[0],
        say=say,
        heading=heading or say("tpp"),
        codes=classes,
        styles=styles,
        cells=partial(_cells, say, classes),
    )
    for piece in _joined(stream):
        out.write(piece.encode())


def _joined(pieces: Iterator[str]) -> Iterator[str]:
    """Small pieces of a template gathered to fewer writes."""
    gathered: list[str] = []
    for piece in pieces:
        gathered.append(piece)
        if len(gathered) == 5000:
            yield "".join(gathered)
            gathered.clear()
    yield "".join(gathered)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.tests["kind"] = _is_kind
    return environment


def _cells(say: Language, classes: dict[str, str], table: Table, row: Row) -> Markup:
    """A row of a table. In Python and not in the template, because a month has a million cells."""
    parts = ["<tr>"]
    for value, column, (names, label) in zip(row, table.columns, _heads(table.columns, table.dense), strict=True):
        text = shown_cell(value, column, say)
        if column.kind == "day":
            inner = "+<wbr>".join(str(escape(clean(piece))) for piece in text.split("+"))
            parts.append(f'<td class="{names} {classes.get(text, "")}"{label}>{inner}</td>')
        else:
            first, *more = (str(escape(clean(piece))) for piece in text.split("\n"))
            small = "".join(f"<small>{piece}</small>" for piece in more)
            parts.append(f'<td class="{names}{"" if text else " empty"}"{label}>{first}{small}</td>')
    parts.append("</tr>")
    return Markup("".join(parts))  # noqa: S704 - every piece that is not written here was escaped above


@lru_cache(maxsize=64)
def _heads(columns: tuple[Column, ...], dense: bool) -> tuple[tuple[str, str], ...]:
    """The classes of each column's cells and, where a phone stacks them, the label before each."""
    heads = []
    for column in columns:
        names = column.kind + (" off" if column.off else "") + (" name" if column.key in ("name", "text") else "")
        heads.append((names, "" if dense else f' data-label="{escape(clean(column.label))}"'))
    return tuple(heads)


def _finalize(value: object) -> object:
    """Every plain string that reaches the page is cleaned; autoescape then makes it text."""
    return clean(value) if type(value) is str else value


def _is_kind(block: Block, name: str) -> bool:
    return type(block).__name__ == name


def _codes(documents: Sequence[Document]) -> list[str]:
    """The day codes that occur, for the page's style sheet."""
    found: set[str] = set()
    for document in documents:
        for part in document.parts:
            for block in part.blocks:
                if isinstance(block, Table):
                    found.update(_codes_of(block))
    return sorted(found)


def _codes_of(table: Table) -> Iterator[str]:
    places = [place for place, column in enumerate(table.columns) if column.kind == "day"]
    for row in table.rows:
        for place in places:
            if code := row[place]:
                yield str(code)
