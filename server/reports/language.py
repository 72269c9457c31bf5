"""Indonesian and English: messages, numbers, money, dates, durations and amounts in words."""

import datetime as dt
import re
from dataclasses import dataclass
from fractions import Fraction

from server.errors import ReportRefused
from server.reports.messages import MESSAGES

LANGUAGES = ("id", "en")
# fmt: off
_MONTHS = {
    "id": ("Januari", "Februari", "Maret", "April", "Mei", "Juni",
           "Juli", "Agustus", "September", "Oktober", "November", "Desember"),
    "en": ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December"),
}
_DAYS = {
    "id": ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_DIGITS = ("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh", "sebelas")
# fmt: on
_ZONES = {dt.timedelta(hours=7): "WIB", dt.timedelta(hours=8): "WITA", dt.timedelta(hours=9): "WIT"}
_ISO_DATE = re.compile(r"(?<![\w/-])\d{4}-\d\d-\d\d(?![\w/-])")
_SCALES = ((10**12, "triliun"), (10**9, "miliar"), (10**6, "juta"), (1000, "ribu"), (100, "ratus"), (10, "puluh"))


@dataclass(frozen=True)
class Language:
    """One language of the reports, by its code: `id` or `en`."""

    code: str

    def __post_init__(self) -> None:
        if self.code not in LANGUAGES:
            raise ReportRefused(f"no reports in language {self.code!r}; there are {', '.join(LANGUAGES)}")

    def __call__(self, key: str, **values: object) -> str:
        """The message of a key, its places filled. A key that does not exist is a KeyError."""
        return MESSAGES[key][LANGUAGES.index(self.code)].format(**values)

    def named(self, group: str, value: str) -> str:
        """The name of a status or a kind of line; what is not in the catalogue shows as it is."""
        key = f"{group}:{value}"
        return self(key) if key in MESSAGES else value.replace("_", " ")

    def number(self, value: int) -> str:
        """1.234.567 in Indonesian, 1,234,567 in English."""
        return f"{value:,}".replace(",", "." if self.code == "id" else ",")

    def rupiah(self, value: int) -> str:
        """Rp1.234.567, the sign in front."""
        return f"{'-' if value < 0 else ''}Rp{self.number(abs(value))}"

    def date(self, value: dt.date) -> str:
        """5 Oktober 2026, 5 October 2026."""
        return f"{value.day} {_MONTHS[self.code][value.month - 1]} {value.year}"

    def moment(self, value: dt.datetime, *, seconds: bool = False) -> str:
        """5 Oktober 2026 pukul 08.30 WIT, 5 October 2026 at 08:30 WIT; with `seconds` 08.30.15, 08:30:15."""
        zone = _ZONES.get(value.utcoffset() or dt.timedelta(), "")
        mark, before = (".", "pukul") if self.code == "id" else (":", "at")
        time = f"{before} {value.strftime(mark.join(('%H', '%M', '%S') if seconds else ('%H', '%M')))}"
        return f"{self.date(value)} {time} {zone}".rstrip()

    def short_date(self, value: dt.date) -> str:
        """Sen 05/10: a day within a month already named."""
        return f"{_DAYS[self.code][value.weekday()][:3]} {value:%d/%m}"

    def dates_in(self, text: str) -> str:
        """Text in which each ISO date that stands alone is written as a person writes it."""
        return _ISO_DATE.sub(lambda found: self._written(found[0]), text)

    def _written(self, text: str) -> str:
        try:
            return self.date(dt.date.fromisoformat(text))
        except ValueError:
            return text

    def month(self, value: dt.date) -> str:
        """Oktober 2026, October 2026."""
        return f"{_MONTHS[self.code][value.month - 1]} {value.year}"

    def weekday_letter(self, value: dt.date) -> str:
        """The first letter of the day of the week."""
        return _DAYS[self.code][value.weekday()][0]

    def decimal(self, value: int, unit: int) -> str:
        """A count of tenths, hundredths … as a decimal number: 953 tenths are 95,3."""
        whole, rest = divmod(value, unit)
        return f"{self.number(whole)}{',' if self.code == 'id' else '.'}{rest:0{len(str(unit)) - 1}d}"

    def share(self, numerator: int, denominator: int) -> str:
        """An exact fraction for reading: `2,5 %` where it ends within three decimals, else `1/3`; a count `× 4.000`."""
        if denominator == 1 and numerator > 1:
            return f"× {self.number(numerator)}"
        thousandths = Fraction(numerator, denominator) * 100_000
        if thousandths.denominator != 1:
            return f"{self.number(numerator)}/{self.number(denominator)}"
        whole, rest = divmod(abs(thousandths.numerator), 1000)
        decimals = f"{rest:03d}".rstrip("0")
        mark = "," if self.code == "id" else "."
        sign = "-" if thousandths < 0 else ""
        return f"{sign}{self.number(whole)}{mark + decimals if decimals else ''} %"


def duration(seconds: int) -> str:
    """Seconds as `h:mm:ss`, the same in both languages; empty for none."""
    if not seconds:
        return ""
    minutes, rest = divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if seconds < 0 else ''}{hours}:{minutes:02d}:{rest:02d}"


def in_words(value: int) -> str:
    """An amount spelled in Indonesian (*terbilang*), without the currency."""
    if value < 0:
        return f"minus {in_words(-value)}"
    if value < 12:
        return _DIGITS[value]
    if value < 20:
        return f"{_DIGITS[value - 10]} belas"
    size, name = next((size, name) for size, name in _SCALES if value >= size)
    count, rest = divmod(value, size)
    head = f"se{name}" if count == 1 and size <= 1000 else f"{in_words(count)} {name}"
    return f"{head} {in_words(rest)}" if rest else head
