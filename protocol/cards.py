"""Cards: what somebody whose face is not told apart shows a kiosk besides it (`docs/formats.md`)."""

from __future__ import annotations

import base64
import re
import secrets
from hashlib import sha256

_CARD = re.compile(r"HADIR/1/[A-Z2-7]{26}\Z")


def new() -> str:
    """A fresh card's text (128 bits and more), in the characters of which a QR code holds most."""
    return f"HADIR/1/{base64.b32encode(secrets.token_bytes(17)).decode()[:26]}"


def digest(text: str) -> str:
    """What is kept and sent of a card: SHA-256, hex; '' for a text that is no card."""
    return sha256(text.encode()).hexdigest() if _CARD.match(text) else ""
