"""Text from outside made safe to show: nothing hidden, nothing that a terminal, a viewer or a sheet would obey."""

import re

# C0 and C1 controls, marks that reorder or hide text (UAX #9, soft hyphen, zero width, tags), lone surrogates
# and the two characters no XML file may hold. All are shown by number, so that a reader sees they were there.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_BREAKS = re.compile(r"[\t\r\n]+")
# What a spreadsheet may take for a formula (OWASP, CSV injection), full-width forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def shown(character: str) -> str:
    """The name by which a character that cannot be printed is shown: `[U+202E]`."""
    return f"[U+{ord(character):04X}]"


def clean(text: str) -> str:
    """One line of text with every control, bidirectional or invisible character shown by its number."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: shown(found[0]), _BREAKS.sub(" ", text))


def looks_like_formula(text: str) -> bool:
    """Whether a spreadsheet could run this text instead of showing it."""
    return text.lstrip(" \u00a0").startswith(_FORMULA)


def csv_text(text: str) -> str:
    """Text for a CSV cell: cleaned, and quoted with an apostrophe where a spreadsheet would run it."""
    safe = clean(text)
    return f"'{safe}" if looks_like_formula(text) or looks_like_formula(safe) else safe


def guarded(text: str) -> str:
    """Text for a CSV cell that is read again: with an apostrophe where a spreadsheet would run it, else as it is."""
    return f"'{text}" if looks_like_formula(text.lstrip("'")) else text


def unguarded(text: str) -> str:
    """Inverse of `guarded`."""
    return text[1:] if text.startswith("'") and looks_like_formula(text.lstrip("'")) else text


def file_name(text: str) -> str:
    """A name for a file or folder: letters, digits, dots and dashes only, never empty and never a path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:80] or "x"
