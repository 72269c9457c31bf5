"""What would explain a difference to the rupiah: a day not deducted, another band, another rate, another class.

Each cause is a guess that fits exactly; whether it is true, a person finds out. None is offered that fits nearly.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from server.comparison.rates import Rates
from server.comparison.values import Cause, OldRow, OurLine, OurPerson

Values = dict[str, str | int | dt.date]
MOST = 3
"""Causes told of one difference: more would be guessing aloud."""
_MOST_UNITS = 40
_PARTS = ("gross", "deductions", "dues", "tax")


@dataclass(frozen=True)
class _Change:
    """A cause, and by how much it makes the old deductions smaller than ours (negative: larger)."""

    rupiah: int
    cause: Cause


def causes(person: OurPerson, old: OldRow, item: str, rates: Rates) -> tuple[Cause, ...]:
    """What would explain exactly why this sum of the old list is not ours, the plainest first."""
    found: list[Cause] = []
    if person.status in ("ineligible", "forfeited"):
        found.append(Cause("status", {"reason": person.reason, "reason_english": person.reason_english}))
    gap = person.amounts.get(item, 0) - old.amounts[item]
    if item == "gross":
        found += _gross(person, old, gap, rates)
    elif item == "deductions":
        found += _fitting(_changes(person, rates), gap)
    elif item == "dues":
        found += _dues(person, old, gap)
    elif item == "tax":
        found += _tax(person, old, rates)
    elif item == "net":
        found += _net(person, old, gap, rates)
    return tuple(_distinct(found))[:MOST]


def _distinct(found: Iterable[Cause]) -> Iterator[Cause]:
    """Causes that say different things: of two about the same lines the first."""
    seen: set[tuple[object, ...]] = set()
    for cause in found:
        about = (
            frozenset(cause.lines),
            *(() if cause.key.startswith("no_") else (cause.key, *sorted(cause.values.items()))),
        )
        if about not in seen:
            seen.add(about)
            yield cause


def _gross(person: OurPerson, old: OldRow, gap: int, rates: Rates) -> Iterator[Cause]:
    for lines in _by_step(person, "gross"):
        if sum(line.rupiah for line in lines) == gap:
            yield Cause("no_lines" if gap > 0 else "no_reduction", {}, lines)
    for line in person.lines:
        if line.account == "gross" and line.rupiah == gap:
            yield Cause("no_lines" if gap > 0 else "no_reduction", {}, (line,))
    for name, gross in sorted(rates.gross_of_class.items()):
        if gross == old.amounts["gross"] and name != person.job_class:
            yield Cause("other_class", {"class": name, "ours": person.job_class})


def _by_step(person: OurPerson, account: str) -> Iterator[tuple[OurLine, ...]]:
    groups: dict[str, list[OurLine]] = defaultdict(list)
    for line in person.lines:
        if line.account == account:
            groups[line.step].append(line)
    yield from (tuple(lines) for lines in groups.values())


def _fitting(changes: list[_Change], gap: int) -> list[Cause]:
    """Single changes of this size; else two or three days or steps together that the old list left out."""
    found = [change.cause for change in changes if change.rupiah == gap]
    if found:
        return found
    whole = [change for change in changes if change.cause.key == "no_day" or _undated(change.cause)]
    units = whole[:_MOST_UNITS]
    for size in (2, 3):
        for chosen in combinations(units, size):
            if sum(change.rupiah for change in chosen) != gap:
                continue
            lines = tuple(line for change in chosen for line in change.cause.lines)
            if len(set(lines)) == len(lines):
                found.append(Cause("no_lines", {}, lines))
            if len(found) == MOST:
                return found
        if found:
            break
    return found


def _undated(cause: Cause) -> bool:
    return cause.key == "no_lines" and cause.lines[0].date is None


def _changes(person: OurPerson, rates: Rates) -> list[_Change]:
    """Everything that another office might have reckoned otherwise in the deductions."""
    cuts = [line for line in person.lines if line.account == "deduction"]
    days: dict[object, list[OurLine]] = defaultdict(list)
    kinds: dict[tuple[str, str], list[OurLine]] = defaultdict(list)
    for line in cuts:
        if line.date is not None:
            days[line.date].append(line)
        kinds[line.step, line.kind].append(line)
    changes = [_left_out("no_day", lines) for lines in days.values()]
    changes += [_left_out("no_lines", [line]) for line in cuts if line.date is None]
    changes += [_left_out("no_lines", [line]) for line in cuts if line.date is not None]
    changes += [_left_out("no_step", lines) for lines in _by_step(person, "deduction")]
    changes += [_left_out("no_kind", lines) for lines in kinds.values()]
    changes += [change for line in cuts for change in _other_bands(line, rates)]
    changes += _uncosted(person, rates)
    return changes


def _left_out(key: str, lines: Iterable[OurLine]) -> _Change:
    whole = tuple(lines)
    return _Change(-sum(line.rupiah for line in whole), Cause(key, {}, whole))


def _other_bands(line: OurLine, rates: Rates) -> Iterator[_Change]:
    """The line at each other rate that its step took of anybody for the same kind of event."""
    if line.date is None or line.share is None:
        return
    for share in sorted(rates.events.get(line.step, {}).get(line.kind, ())):
        if share != line.share:
            values = {"share": str(share), "ours": str(line.share)}
            yield _Change(-line.rupiah - int(line.base * share), Cause("other_band", values, (line,)))


def _uncosted(person: OurPerson, rates: Rates) -> Iterator[_Change]:
    """Days that cost nothing here, at what an absence, or a lateness, cost others."""
    costly = {line.date for line in person.lines if line.account == "deduction"}
    for day in person.days:
        if day.date in costly or day.code == "L" or (day.code == "H" and not (day.late_s or day.early_s)):
            continue
        for step, kinds in rates.events.items():
            base = _base(person, step, rates)
            events = ("late", "early") if day.code in ("H", "TL", "PSW", "TL+PSW") else ("absent",)
            for kind in events:
                for share in sorted(kinds.get(kind, ())):
                    values: Values = {"date": day.date, "code": day.code, "share": str(share)}
                    yield _Change(-int(base * share), Cause(f"counted_{kind}", values))


def _base(person: OurPerson, step: str, rates: Rates) -> int:
    own = [line.base for line in person.lines if line.step == step]
    return own[0] if own else int(person.amounts["gross"] * rates.base_of_gross.get(step, Fraction(0)))


def _shift(person: OurPerson, old: Mapping[str, int]) -> int:
    """By how much gross less deductions is larger in the old list, as far as it says."""
    gross, cut = (old.get(item, person.amounts[item]) - person.amounts[item] for item in ("gross", "deductions"))
    return gross - cut


def _on_base(person: OurPerson, account: str, shift: int) -> int:
    """What the lines of an account come to at their own rates on a base larger by `shift`."""
    total = 0
    for line in person.lines:
        if line.account == account:
            moves = line.share is not None and line.share < 1 and line.base > 1
            total += int((line.base + shift) * line.share) if moves and line.share is not None else -line.rupiah
    return total


def _dues(person: OurPerson, old: OldRow, gap: int) -> Iterator[Cause]:
    shift = _shift(person, old.amounts)
    if shift and abs(_on_base(person, "dues", shift) - old.amounts["dues"]) <= 1:
        yield Cause("follows", {"shift": shift})
        return
    for size in (1, 2):
        for lines in combinations([line for line in person.lines if line.account == "dues"], size):
            if -sum(line.rupiah for line in lines) == gap:
                yield Cause("no_lines", {}, lines)


def _tax(person: OurPerson, old: OldRow, rates: Rates) -> Iterator[Cause]:
    lines = tuple(line for line in person.lines if line.account == "tax" and line.share is not None)
    shift = _shift(person, old.amounts)
    tax = old.amounts["tax"]
    if shift and lines and abs(_on_base(person, "tax", shift) - tax) <= 1:
        yield Cause("follows", {"shift": shift}, lines)
        return
    own = lines[0].base if lines else person.amounts["gross"] - person.amounts["deductions"]
    ours = lines[0].share if lines and lines[0].share is not None else Fraction(0)
    bases = {own + shift, own, person.amounts["gross"] + shift, own + shift - person.amounts["dues"]}
    for base in sorted(bases, key=lambda base: (base != own + shift, base != own, base)):
        for share, golongan in rates.tax_rates():
            if base > 0 and abs(tax - base * share) < 1 and (share or not tax):
                values: Values = {"share": str(share), "ours": str(ours), "base": base, "golongan": ", ".join(golongan)}
                key = "other_rate" if share != ours else "other_base"
                yield Cause(key, values, lines)


def _net(person: OurPerson, old: OldRow, gap: int, rates: Rates) -> Iterator[Cause]:
    told = [item for item in _PARTS if item in old.amounts]
    if len(told) == len(_PARTS) or (set(told) == set(_PARTS) - {"dues"} and not person.amounts["dues"]):
        gross, *cuts = (old.amounts.get(item, 0) for item in _PARTS)
        if gross - sum(cuts) != old.amounts["net"]:
            yield Cause("does_not_add_up", {"rupiah": old.amounts["net"] - gross + sum(cuts)})
    parts = {item: old.amounts[item] - person.amounts[item] for item in told}
    if any(parts.values()) and parts.pop("gross", 0) - sum(parts.values()) == -gap:
        yield Cause("sum")
        return
    for change in _changes(person, rates):
        follows = sum(
            _on_base(person, account, change.rupiah) - person.amounts[account]
            for account in ("dues", "tax")
            if account not in old.amounts
        )
        if change.rupiah and abs(change.rupiah - follows + gap) <= 1:
            yield change.cause
    if "tax" not in old.amounts:
        wanted = person.amounts["tax"] + gap
        if wanted >= 0:
            yield from _tax(person, OldRow(old.row, old.key, {**old.amounts, "tax": wanted}), rates)
    if "dues" not in old.amounts:
        yield from _dues(person, OldRow(old.row, old.key, {**old.amounts, "dues": person.amounts["dues"] + gap}), -gap)
