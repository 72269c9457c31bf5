"""A document as PDF: A4, letterhead, repeated heads, page x of y; the same document gives the same bytes."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from reportlab import rl_config
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from server.reports.document import Document, Part, Signatures, Table
from server.reports.language import Language
from server.reports.pdf_blocks import strips
from server.reports.pdf_strip import GREY, Sheet, Strip, colour, gap
from server.reports.pdf_text import Run, fitted_size, lines, run

_MARGIN, _FOOT = 30.0, 30.0
_SMALLEST = 0.78  # how much smaller than usual a part may be set to stay on one page
rl_config.useA85 = 0  # plain binary streams: smaller by a fifth, and the text filter is slow Python


@dataclass
class _Page:
    """What stands on a page: strips with their top edges, and the page's place in its part."""

    part: Part
    number: int
    scale: float = 1.0
    placed: list[tuple[Strip, float]] = field(default_factory=list)


def write_pdf(document: Document, out: BinaryIO) -> None:
    """Write the document to a binary stream."""
    say = Language(document.language)
    canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(run(f"{document.title} · {document.subtitle}").text)
    canvas.setAuthor(run(" · ".join(document.letterhead)).text)
    canvas.setCreator("Hadir")
    for page, number, total in _numbered(document, say):
        _draw(canvas, page, document, say("page", page=number, pages=total))
        canvas.showPage()
    canvas.save()


def _numbered(document: Document, say: Language) -> Iterator[tuple[_Page, int, int]]:
    """Every page with its number and how many there are, in its part (laid out only when its turn comes) or in all."""
    if document.numbering == "part":
        for part in document.parts:
            pages = _lay_out(part, document, say)
            yield from ((page, page.number, len(pages)) for page in pages)
    else:
        pages = [page for part in document.parts for page in _lay_out(part, document, say)]
        yield from ((page, number, len(pages)) for number, page in enumerate(pages, 1))


def _size(part: Part) -> tuple[float, float]:
    """The page of a part, width and height in points."""
    return landscape(A4) if part.landscape else A4


def _lay_out(part: Part, document: Document, say: Language) -> list[_Page]:
    """Strips placed on pages from the top; strips that must stay together move to the next page together."""
    size = _size(part)
    width, height = size[0] - 2 * _MARGIN, size[1]
    laid = list(_part_strips(part, document, width, say))
    room = height - _MARGIN - _FOOT - 10
    scale = room / sum(strip.height for strip in laid) if part.fit else 1.0
    if _SMALLEST <= scale < 1:
        laid = list(_part_strips(part, document, width / scale, say))
        return [_fitted(part, laid, height, scale)]
    pages = [_Page(part, 1)]
    top = height - _MARGIN
    place = 0
    while place < len(laid):
        group = _together(laid, place)
        needed = sum(strip.height for strip in group)
        if top - needed < _FOOT + 10 and pages[-1].placed and needed < height - 2 * _MARGIN - _FOOT - 60:
            pages.append(_Page(part, pages[-1].number + 1))
            top = _place(pages[-1], _running_head(document, part, width, say), height - _MARGIN)
            if group[0].head:
                top = _place(pages[-1], group[0].head, top)
        for strip in group:
            top = _place(pages[-1], strip, top)
        place += len(group)
    return pages


def _fitted(part: Part, laid: list[Strip], height: float, scale: float) -> _Page:
    """One page of smaller type; its strips are measured in the larger points that the scale makes of the page."""
    page = _Page(part, 1, scale)
    top = (height - _MARGIN) / scale
    for strip in laid:
        top = _place(page, strip, top)
    return page


def _place(page: _Page, strip: Strip, top: float) -> float:
    page.placed.append((strip, top))
    return top - strip.height


def _together(laid: list[Strip], place: int) -> list[Strip]:
    end = place
    while laid[end].keep and end + 1 < len(laid):
        end += 1
    return laid[place : end + 1]


def _part_strips(part: Part, document: Document, width: float, say: Language) -> Iterator[Strip]:
    """The strips of a part. What follows the last table down to the signatures stays with that table's last
    rows: nobody signs a page that names no one."""
    yield from _letterhead(document, part, width)
    body: list[Strip] = []
    last_row = 0
    for block in part.blocks:
        if body:
            body.append(gap(7))
        body.extend(strips(block, width, say))
        if isinstance(block, Table):
            last_row = len(body)
    if any(strip.replaced for strip in body):
        note = lines(say("replaced"), width, 7)
        body.extend(_small(line, width) for line in note)
    if any(isinstance(block, Signatures) for block in part.blocks):
        tail = max(0, last_row - 3)
        if sum(strip.height for strip in body[tail:]) < 380:
            body[tail:-1] = [replace(strip, keep=True) for strip in body[tail:-1]]
    yield from body


def _small(line: Run, width: float) -> Strip:
    return Strip(9, lambda sheet, x, top: sheet.text(line, x, top - 7, fitted_size(line, width, 7), GREY))


def _letterhead(document: Document, part: Part, width: float) -> Iterator[Strip]:
    sizes = (9.5, 13.0) if len(document.letterhead) > 1 else (13.0,)
    for text, size in zip(document.letterhead, sizes, strict=True):
        yield _centred(run(text.upper(), True), size, width)

    def rules(sheet: Sheet, x: float, top: float) -> None:
        sheet.rule(x, top - 3, width, 1.6)
        sheet.rule(x, top - 5.2, width, 0.5)

    yield Strip(12, rules)
    for line in lines(part.title.upper(), width, 11.5, True):
        yield _centred(line, 11.5, width)
    yield _centred(run(document.subtitle), 9.5, width)
    yield gap(7)


def _centred(line: Run, size: float, width: float) -> Strip:
    size = fitted_size(line, width, size)

    def draw(sheet: Sheet, x: float, top: float) -> None:
        sheet.text(line, x + (width - line.width(size)) / 2, top - size, size)

    return Strip(size * 1.32, draw, replaced=line.replaced)


def _running_head(document: Document, part: Part, width: float, say: Language) -> Strip:
    line = run(" · ".join((part.title, *document.letterhead[-1:], document.subtitle, say("continued"))))

    def draw(sheet: Sheet, x: float, top: float) -> None:
        sheet.text(line, x, top - 7, fitted_size(line, width, 7.5), GREY)

    return Strip(13, draw)


def _draw(canvas: Any, page: _Page, document: Document, number: str) -> None:
    size = _size(page.part)
    canvas.setPageSize(size)
    if document.watermark:
        _watermark(canvas, run(document.watermark, True), size)
    if page.scale != 1:
        canvas.saveState()
        canvas.scale(page.scale, page.scale)
    sheet = Sheet(canvas)
    for strip, top in page.placed:
        strip.draw(sheet, _MARGIN / page.scale, top)
    if page.scale != 1:
        sheet.finish()
        canvas.restoreState()
        sheet = Sheet(canvas)
    sheet.rule(_MARGIN, _FOOT, size[0] - 2 * _MARGIN, 0.3, GREY)
    right = run(number)
    sheet.text(right, size[0] - _MARGIN - right.width(7), _FOOT - 10, 7, GREY)
    foot = run(page.part.foot or document.foot)
    sheet.text(foot, _MARGIN, _FOOT - 10, fitted_size(foot, size[0] - 2 * _MARGIN - 90, 6.6), GREY)
    sheet.finish()
    if page.number == 1 and len(document.parts) > 1:
        canvas.bookmarkPage(page.part.anchor)
        canvas.addOutlineEntry(run(page.part.label or page.part.title).text, page.part.anchor)


def _watermark(canvas: Any, line: Run, size: tuple[float, float]) -> None:
    canvas.saveState()
    canvas.translate(size[0] / 2, size[1] / 2)
    canvas.rotate(32)
    canvas.setFont(line.font, 120)
    canvas.setFillColor(colour("#f0f2f5"))
    canvas.drawString(-line.width(120) / 2, -40, line.text)
    canvas.restoreState()
