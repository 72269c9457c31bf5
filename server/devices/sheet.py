"""The claim sheet: labels to cut apart, each a device's one-time token as QR code and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import IO

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import Connection, select

from protocol.claim import Token
from protocol.note import Verifier
from server.attendance.calendar import ZONES
from server.devices import service
from server.devices.models import devices
from server.errors import NotFound
from server.reports.language import Language
from server.reports.pdf_text import fitted_size, lines, run

COLUMNS, ROWS = 2, 5
MARGIN, _PAD, _QR = 28.0, 12.0, 108.0  # points
WIDTH, HEIGHT = (A4[0] - 2 * MARGIN) / COLUMNS, (A4[1] - 2 * MARGIN) / ROWS
_TEXT = WIDTH - _QR - 2.5 * _PAD
_ONCE = {"id": "Sekali pakai, sampai", "en": "Valid once, until"}
_TOKEN = {"id": "Token, tanpa spasi:", "en": "Token, without spaces:"}


@dataclass(frozen=True)
class Label:
    """A device, where it hangs and in which zone, and its token until `expires_ms`."""

    token: Token
    site: str
    zone: str
    expires_ms: int


def labels(connection: Connection, names: Iterable[str], root: Verifier, now_ms: int) -> list[Label]:
    """Fresh tokens for devices that were not claimed; earlier ones are void. NotFound or Conflict names a device."""
    made = []
    for name in names:
        row = connection.execute(select(devices).where(devices.c.device == name)).mappings().first()
        if row is None:
            raise NotFound(f"there is no device {name!r}; add it with: hadir server device add")
        place = {"site": row["site"], "zone": row["zone"], "sources": tuple(row["sources"].split(","))}
        token = service.add(connection, name, **place, root=root, now_ms=now_ms)
        made.append(Label(token, row["site"], row["zone"], now_ms + service.TOKEN_MS))
    return made


def write(sheet: Sequence[Label], language: str, out: IO[bytes]) -> None:
    """Write the labels as PDF to a binary stream: A4, ten a page, dashed lines to cut along."""
    say = Language(language)
    canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setCreator("Hadir")
    for first in range(0, len(sheet), COLUMNS * ROWS):
        for place, label in enumerate(sheet[first : first + COLUMNS * ROWS]):
            row, column = divmod(place, COLUMNS)
            x, top = MARGIN + column * WIDTH, A4[1] - MARGIN - row * HEIGHT
            canvas.setDash(3, 3)
            canvas.setLineWidth(0.4)
            canvas.rect(x, top - HEIGHT, WIDTH, HEIGHT)
            _draw(canvas, label, x, top, say)
        canvas.showPage()
    canvas.save()


def qr_code(text: str, size: float, height: float = 0.0) -> Drawing:
    """A drawing as wide as a QR code of `size`, at its foot, with the border that readers need."""
    drawing = Drawing(size, max(size, height))
    drawing.add(QrCodeWidget(text, barLevel="M", barWidth=size, barHeight=size, barBorder=4))
    return drawing


def _draw(canvas: Canvas, label: Label, x: float, top: float, say: Language) -> None:
    renderPDF.draw(qr_code(str(label.token), _QR), canvas, x + _PAD / 2, top - (HEIGHT + _QR) / 2)
    y = top - _PAD
    for text, font, size in _lines(label, say):
        y -= size * 1.35
        canvas.setFont(font, size)
        canvas.drawString(x + _QR + 1.5 * _PAD, y, text)


def _lines(label: Label, say: Language) -> Iterator[tuple[str, str, float]]:
    """Text, font and size in points of each line beside the code."""
    name = run(label.token.device, bold=True)
    yield name.text, name.font, fitted_size(name, _TEXT, 16)
    for line in lines(label.site, _TEXT, 9)[:3]:
        yield line.text, line.font, 9
    until = datetime.fromtimestamp(label.expires_ms / 1000, timezone(timedelta(seconds=ZONES[label.zone])))
    for text in (_ONCE[say.code], f"{say.date(until.date())} {until:%H:%M} {label.zone}", _TOKEN[say.code]):
        yield text, "Helvetica", 8
    for part in (f"{label.token.device}.", f"{label.token.secret}.", label.token.root_digest):
        yield part, "Courier-Bold", min(8.0, _TEXT / (0.6 * len(part)))
