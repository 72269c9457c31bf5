"""Text set in PDF: which font can print it, how wide it is, where it breaks. Fonts come with reportlab."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from server.reports.safe import clean, shown

MARK = "†"
_FONTS = {False: "Helvetica", True: "Helvetica-Bold"}
STANDARD = frozenset(_FONTS.values())
"""Fonts of every PDF reader; they are encoded in Windows-1252."""
_WIDE_FONTS = {False: "Vera", True: "VeraBd"}
_MOST_LINES = 30
_TIGHTEST = 0.86  # a line this much too long is set smaller rather than broken


@dataclass(frozen=True)
class Run:
    """A line of text that its font can print; `replaced` when letters had to be replaced (marked with †)."""

    text: str
    font: str
    replaced: bool

    def width(self, size: float) -> float:
        """Its width in points at a type size in points."""
        return _unit_width(self.text, self.font) * size


@lru_cache(maxsize=1)
def _wide_characters() -> frozenset[str]:
    """Register the wider font once; the characters it has (Latin of Europe, signs)."""
    for name in _WIDE_FONTS.values():
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    return frozenset(chr(code) for code in pdfmetrics.getFont("Vera").face.charToGlyph)


@lru_cache(maxsize=4)
def _widths(font: str) -> list[int]:
    """The width of each byte's letter in a standard font, in thousandths of the type size."""
    widths: list[int] = pdfmetrics.getFont(font).widths
    return widths


@lru_cache(maxsize=65_536)
def _unit_width(text: str, font: str) -> float:
    if font in STANDARD:
        return sum(map(_widths(font).__getitem__, text.encode("cp1252"))) / 1000
    return float(pdfmetrics.stringWidth(text, font, 1000)) / 1000


@lru_cache(maxsize=65_536)
def run(text: str, bold: bool = False) -> Run:
    """The text as it can be printed: Helvetica, else Vera; a letter that neither has loses its accent, or shows
    as `[U+4E2D]`, and the text is then marked with †. Never an empty box, never an error."""
    text = unicodedata.normalize("NFC", clean(text))
    if _in_helvetica(text):
        return Run(text, _FONTS[bold], False)
    known = _wide_characters()
    printable = "".join(letter if letter in known else _nearest(letter, known) for letter in text)
    replaced = printable != text
    if replaced:
        printable += MARK
    fonts = _FONTS if _in_helvetica(printable) else _WIDE_FONTS
    return Run(printable, fonts[bold], replaced)


def _in_helvetica(text: str) -> bool:
    """Whether the standard font's encoding (Windows-1252) has every letter."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _nearest(letter: str, known: frozenset[str]) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    base = "".join(part for part in parts if not unicodedata.combining(part))
    if base and all(part in known for part in base):
        return base
    return "" if unicodedata.combining(letter) else shown(letter)


@lru_cache(maxsize=65_536)
def lines(text: str, width: float, size: float, bold: bool = False) -> tuple[Run, ...]:
    """The text broken at spaces, or inside a word that no line holds, to lines of a width in points.

    A text of more than thirty lines ends with … and the mark: no row may outgrow a page.
    """
    whole = run(text, bold)
    if whole.width(size) * _TIGHTEST <= width:
        return (whole,)
    broken: list[str] = []
    current = ""
    for word in clean(text).split(" "):
        longer = f"{current} {word}" if current else word
        if run(longer, bold).width(size) <= width:
            current = longer
            continue
        if current:
            broken.append(current)
        current = word
        while len(current) > 1 and run(current, bold).width(size) > width:
            cut = _fitting(current, width, size, bold)
            broken.append(current[:cut])
            current = current[cut:]
    if len(broken) >= _MOST_LINES:
        broken[_MOST_LINES - 1 :] = []
        end = run("…", bold)
        return (*(run(line, bold) for line in broken), Run(f"{end.text}{MARK}", end.font, True))
    return tuple(run(line, bold) for line in (*broken, current))


def _fitting(word: str, width: float, size: float, bold: bool) -> int:
    cut = len(word) - 1
    while cut > 1 and run(word[:cut], bold).width(size) > width:
        cut -= 1
    return cut


def fitted_size(line: Run, width: float, size: float) -> float:
    """The type size, at most `size`, at which a line is no wider than `width`."""
    natural = line.width(size)
    return size if natural <= width else size * width / natural
