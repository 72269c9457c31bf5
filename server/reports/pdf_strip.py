"""Strips, the pieces of a PDF page that are not broken, and the sheet that their pens draw on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.pdfgen.textobject import PDFTextObject

from server.reports.pdf_text import STANDARD, Run

INK, GREY, RULE, PALE = "#1c2733", "#5f6b7a", "#b6c0cc", "#eaf0f6"


@lru_cache(maxsize=256)
def colour(name: str) -> Any:
    """The reportlab colour of `#rrggbb`."""
    return HexColor(name)


class _Text(PDFTextObject):
    """reportlab's text object with two operations more: a line of the standard fonts, placed in one step, and its ink.

    Setting place and text apart, number by number, was half of the time that a PDF of thousands of slips took.
    """

    def line(self, text: str, x: float, y: float) -> None:
        """Text that Windows-1252 has, from a left edge on a base line."""
        self._code.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm ({_escaped(text)}) Tj")

    def ink(self, name: str) -> None:
        """The colour `#rrggbb` for what follows."""
        self._code.append(_ink(name))


@lru_cache(maxsize=256)
def _ink(name: str) -> str:
    return " ".join(f"{int(name[place : place + 2], 16) / 255:.4f}" for place in (1, 3, 5)) + " rg"


@lru_cache(maxsize=65_536)
def _escaped(text: str) -> str:
    """The text as a PDF string holds it: brackets and backslashes escaped, all that is not ASCII as octal codes."""
    data = text.encode("cp1252")
    return "".join(
        f"\\{chr(byte)}" if byte in b"()\\" else chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in data
    )


class Sheet:
    """One page: boxes at once, text and the verticals of grids at the end, each with as few changes of pen as
    possible (formatting numbers is most of the time that a PDF of thousands takes). Points, from the lower left."""

    def __init__(self, canvas: Any) -> None:
        self._canvas = canvas
        self._text = _Text(canvas)
        self._pen: tuple[object, ...] = ()
        self._ink = self._fill = ""
        self._line: tuple[float, str] = (0, "")
        self._verticals: dict[float, list[list[float]]] = {}

    def text(self, line: Run, x: float, y: float, size: float, ink: str = INK) -> None:
        """A line from a left edge on a base line."""
        if self._pen != (line.font, size):
            self._pen = (line.font, size)
            self._text.setFont(line.font, size)
        if self._ink != ink:
            self._ink = ink
            self._text.ink(ink)
        if line.font in STANDARD:
            self._text.line(line.text, x, y)
            return
        self._text.setTextOrigin(x, y)
        self._text.textOut(line.text)

    def box(self, x: float, y: float, width: float, height: float, fill: str, *, edge: bool = False) -> None:
        """A filled box by its lower left corner, with a hairline edge on demand."""
        if self._fill != fill:
            self._fill = fill
            self._canvas.setFillColor(colour(fill))
        if edge:
            self._stroke(0.3, RULE)
        self._canvas.rect(x, y, width, height, stroke=int(edge), fill=1)

    def rule(self, x: float, y: float, width: float, weight: float, ink: str = INK) -> None:
        """A horizontal line."""
        self._stroke(weight, ink)
        self._canvas.line(x, y, x + width, y)

    def _stroke(self, weight: float, ink: str) -> None:
        if self._line != (weight, ink):
            self._line = (weight, ink)
            self._canvas.setLineWidth(weight)
            self._canvas.setStrokeColor(colour(ink))

    def vertical(self, x: float, top: float, bottom: float) -> None:
        """A hairline down; one that begins where the last at this place ended becomes part of it."""
        known = self._verticals.setdefault(round(x, 2), [])
        if known and abs(known[-1][1] - top) < 0.01:
            known[-1][1] = bottom
        else:
            known.append([top, bottom])

    def finish(self) -> None:
        """Draw what was gathered."""
        self._stroke(0.25, RULE)
        for x, spans in self._verticals.items():
            for top, bottom in spans:
                self._canvas.line(x, top, x, bottom)
        self._canvas.drawText(self._text)


Pen = Callable[[Sheet, float, float], None]
"""Draws on a sheet, from a left edge and a top edge in points."""


@dataclass(frozen=True)
class Strip:
    """A height in points, a pen, whether the next strip must be on the same page, the head to repeat over it,
    whether letters had to be replaced."""

    height: float
    draw: Pen
    keep: bool = False
    head: "Strip | None" = None
    replaced: bool = False


def gap(height: float) -> Strip:
    """White space."""
    return Strip(height, lambda sheet, x, top: None)
