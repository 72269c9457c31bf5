"""The codes of the day grid: what each means, and the colours that go with its letters."""

import re
from dataclasses import dataclass, replace

from server.reports.model import DayRecord


@dataclass(frozen=True)
class DayCode:
    """One code: its meaning in both languages, its fill and ink as `#rrggbb`, whether nobody works that day."""

    code: str
    indonesian: str
    english: str
    fill: str
    ink: str
    off: bool = False

    def meaning(self, language: str) -> str:
        """What the code stands for, in `id` or `en`."""
        return self.indonesian if language == "id" else self.english


MISSING, UNSIGNED, ATTESTED = "°", "*", "†"
"""What a code in a grid bears where a mark is missing, and where the day rests on unsigned, or on attested marks."""

# Ordered as the legend is. Letters carry the meaning; colours, chosen apart in lightness too, only help.
_CODES = (
    DayCode("H", "Hadir", "Present", "#ffffff", "#1b5e20"),
    DayCode("TL", "Terlambat", "Late", "#ffe082", "#4e3200"),
    DayCode("PSW", "Pulang sebelum waktunya", "Left early", "#ffcc80", "#5d2b00"),
    DayCode("TL+PSW", "Terlambat dan pulang sebelum waktunya", "Late and left early", "#ffab66", "#4a1c00"),
    DayCode("TL°", "Tidak merekam masuk", "No mark in", "#ffe082", "#4e3200"),
    DayCode("PSW°", "Tidak merekam pulang", "No mark out", "#ffcc80", "#5d2b00"),
    DayCode("TL+PSW°", "Terlambat dan tidak merekam pulang", "Late and no mark out", "#ffab66", "#4a1c00"),
    DayCode(
        "TL°+PSW", "Tidak merekam masuk dan pulang sebelum waktunya", "No mark in and left early", "#ffab66", "#4a1c00"
    ),
    DayCode("TK", "Tanpa keterangan", "Absent without notice", "#c62828", "#ffffff"),
    DayCode("DL", "Dinas luar (surat tugas)", "Duty order", "#bbdefb", "#0d3c7a"),
    DayCode("C", "Cuti", "Leave", "#e1bee7", "#4a148c"),
    DayCode("S", "Sakit", "Sick", "#b2dfdb", "#00443d"),
    DayCode("I", "Izin", "Permission", "#d7ccc8", "#3e2723"),
    DayCode("WFH", "Bekerja dari rumah", "Working from home", "#c8e6c9", "#1b4d1e"),
    DayCode("L", "Libur", "Day off", "#e4e7eb", "#5f6b7a", off=True),
)
_UNSIGNED = DayCode(
    UNSIGNED,
    "Bersandar pada rekaman mesin lama tanpa tanda tangan",
    "Rests on unsigned marks of an old machine",
    "#ffffff",
    "#1c2733",
)
_ATTESTED = DayCode(
    ATTESTED,
    "Bersandar pada rekaman yang disaksikan rekan dan atasan",
    "Rests on marks attested by a colleague and a supervisor",
    "#ffffff",
    "#1c2733",
)
_SIGNS = {UNSIGNED: _UNSIGNED, ATTESTED: _ATTESTED}
_BY_CODE = {code.code: code for code in (*_CODES, *_SIGNS.values())}
_ORDER = {code.code: place for place, code in enumerate(_CODES)}


def day_code(code: str) -> DayCode:
    """The entry for a code. Steps such as `TL2` take their base's; what a city adds shows as itself, plainly."""
    if len(code) > 1 and code[-1] in _SIGNS:
        return replace(day_code(code[:-1]), code=code)
    known = _BY_CODE.get(code) or _BY_CODE.get(re.sub(r"\d", "", code))
    if known is not None and known.code == code:
        return known
    if known is not None:
        step = code.removeprefix(known.code)
        return DayCode(
            code, f"{known.indonesian} ({step})", f"{known.english} ({step})", known.fill, known.ink, known.off
        )
    return DayCode(code, f"Kode {code}", f"Code {code}", "#f5f5f5", "#212121")


def marked(day: DayRecord) -> str:
    """The code of a day with a sign where a mark is missing, and where it rests on unsigned or attested marks."""
    first, *rest = day.code.split("+")
    code = "+".join((first + MISSING * day.no_in, *rest)) + MISSING * day.no_out
    return code + UNSIGNED * day.unsigned + ATTESTED * day.attested


def legend(codes: set[str]) -> tuple[DayCode, ...]:
    """The entries for the codes that occur, known ones first and in their usual order."""
    plain = {code.rstrip("".join(_SIGNS)) for code in codes if code}
    entries = [day_code(code) for code in plain]
    entries += [what for sign, what in _SIGNS.items() if any(sign in code for code in codes)]
    return tuple(sorted(entries, key=lambda entry: (_ORDER.get(entry.code, len(_ORDER)), entry.code)))


def is_notable(day: DayRecord) -> bool:
    """Whether a day is worth a line of its own: neither a day off nor simply present and on time."""
    return not day_code(day.code).off and (day.code != "H" or bool(day.late_s or day.early_s))
