"""The tables of a regulation: what lateness costs, rates by golongan, brackets, bands of a score; exact fractions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import lcm
from typing import Any

from server.attendance.document import Document
from server.attendance.document import Keys as Path_


@dataclass(frozen=True)
class Band:
    """From `first` to `last` minutes, both included (None: no end), costs this share of the base."""

    first: int
    last: int | None
    cost: Fraction


@dataclass(frozen=True)
class Events:
    """What a day costs. `late_and_early`: "sum", or "larger" when only the larger of the two counts."""

    late: tuple[Band, ...]
    early: tuple[Band, ...]
    no_in: Fraction
    no_out: Fraction
    absent: Fraction
    codes: dict[str, Fraction]
    late_and_early: str
    article: str
    certainty: str

    def fractions(self) -> list[Fraction]:
        """Every share that the table can charge."""
        bands = [band.cost for band in (*self.late, *self.early)]
        return [*bands, self.no_in, self.no_out, self.absent, *self.codes.values()]


@dataclass(frozen=True)
class DatedEvents:
    """What the days from `first` to `last`, both included, cost."""

    table: Events
    first: date
    last: date


@dataclass(frozen=True)
class Rates:
    """A rate for each value of an attribute."""

    rates: dict[str, Fraction]

    def fractions(self) -> list[Fraction]:
        """Every rate."""
        return list(self.rates.values())


@dataclass(frozen=True)
class Keys:
    """A category for each value of an attribute."""

    keys: dict[str, str]

    def fractions(self) -> list[Fraction]:
        """None: categories are not numbers."""
        return []


@dataclass(frozen=True)
class ScoreBands:
    """From a score on (ascending), this rate."""

    bands: tuple[tuple[Fraction, Fraction], ...]

    def fractions(self) -> list[Fraction]:
        """Every rate."""
        return [rate for _, rate in self.bands]


@dataclass(frozen=True)
class Brackets:
    """Category → (up to rupiah, included, None: no end; rate), ascending. The rate is on the whole amount."""

    brackets: dict[str, tuple[tuple[int | None, Fraction], ...]]

    def fractions(self) -> list[Fraction]:
        """Every rate."""
        return [rate for rows in self.brackets.values() for _, rate in rows]


Table = Events | Rates | Keys | ScoreBands | Brackets


def fraction(text: str | int) -> Fraction:
    """An exact fraction from "0.5 %", "1/8", "0,5 %" or 1."""
    plain = str(text).replace(",", ".").strip()
    return Fraction(plain.rstrip("% ")) / 100 if plain.endswith("%") else Fraction(plain)


def denominator(table: Table | None) -> int:
    """The least denominator that all fractions of a table share."""
    return lcm(*(share.denominator for share in table.fractions())) if table else 1


def table(source: Document, name: str) -> Table:
    """The table `name` of a document that fits the schema. Raises the document's error for gaps and overlaps."""
    value = source.value["tables"][name]
    keys: Path_ = ("tables", name)
    if value["kind"] == "events":
        return Events(
            late=_bands(source, value["late"], (*keys, "late")),
            early=_bands(source, value["early"], (*keys, "early")),
            no_in=_cost(source, value["no_in"], (*keys, "no_in")),
            no_out=_cost(source, value["no_out"], (*keys, "no_out")),
            absent=_cost(source, value["absent"], (*keys, "absent")),
            codes={code: _cost(source, cost, (*keys, "codes", code)) for code, cost in value.get("codes", {}).items()},
            late_and_early=value["late_and_early"],
            article=value.get("article", ""),
            certainty=value["certainty"],
        )
    if value["kind"] == "rates":
        return Rates({key: fraction(rate) for key, rate in value["rates"].items()})
    if value["kind"] == "keys":
        return Keys(dict(value["keys"]))
    if value["kind"] == "bands":
        bands = tuple((Fraction(str(entry["from"])), fraction(entry["rate"])) for entry in value["bands"])
        if list(bands) != sorted(bands, key=lambda band: band[0]) or bands[0][0] != 0:
            raise source.refuse((*keys, "bands"), "begin with from: 0 and ascend")
        return ScoreBands(bands)
    return Brackets({key: _brackets(source, rows, (*keys, "brackets", key)) for key, rows in value["brackets"].items()})


def _cost(source: Document, text: str | int, keys: Path_) -> Fraction:
    share = fraction(text)
    if share > 1:
        raise source.refuse(keys, f'{text} is more than the whole base; 3 of a hundred is "3 %"')
    return share


def _bands(source: Document, entries: list[dict[str, Any]], keys: Path_) -> tuple[Band, ...]:
    bands = tuple(
        Band(entry["from"], entry.get("to"), _cost(source, entry["cost"], (*keys, place, "cost")))
        for place, entry in enumerate(entries)
    )
    expected: int | None = 1
    for place, band in enumerate(bands):
        if expected is None or band.first != expected:
            wanted = "nothing: the band before has no end" if expected is None else f"from: {expected}"
            raise source.refuse((*keys, place), f"bands neither overlap nor leave a gap; here belongs {wanted}")
        if band.last is not None and band.last < band.first:
            raise source.refuse((*keys, place, "to"), f"{band.last} is before from: {band.first}")
        expected = None if band.last is None else band.last + 1
    if expected is not None:
        raise source.refuse((*keys, len(bands) - 1), "the last band has no end: leave out its to")
    return bands


def _brackets(source: Document, rows: list[dict[str, Any]], keys: Path_) -> tuple[tuple[int | None, Fraction], ...]:
    brackets = tuple((row.get("up_to"), fraction(row["rate"])) for row in rows)
    ends = [end for end, _ in brackets[:-1]]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends) or known != sorted(set(known)) or brackets[-1][0] is not None:
        raise source.refuse(keys, "brackets ascend by up_to, and only the last has none")
    return brackets
