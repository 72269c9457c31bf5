"""A card to print: its QR code, the first name, the number and the last day, as SVG."""

from __future__ import annotations

from datetime import date

from reportlab.graphics import renderSVG
from reportlab.graphics.shapes import String

from server.devices.sheet import qr_code
from server.reports.safe import clean

WIDTH, HEIGHT = 280.0, 397.0
"""In pixels of CSS (96 to the inch): A7, so that a kiosk's camera reads it from a hand that is held out."""
_UNTIL = {"id": "berlaku sampai", "en": "valid until"}


def drawn(text: str, number: int, name: str, last: date | None, language: str) -> str:
    """The card as SVG: its code, the first name, the number and its last day."""
    drawing = qr_code(text, WIDTH, HEIGHT)
    until = f" · {_UNTIL[language]} {last}" if last else ""
    for line, y, size in ((clean(name), HEIGHT - 50, 30), (f"Hadir {number}{until}", HEIGHT - 85, 16)):
        drawing.add(String(WIDTH / 2, y, line, fontSize=size, textAnchor="middle"))
    svg: str = renderSVG.drawToString(drawing)
    return svg
