"""What a jurist should look at again in a regulation that loads: rules that punish coming, values without a source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from server.allowance.regulation import Regulation, Step, judged, load, load_part
from server.allowance.tables import Events
from server.attendance import document
from server.attendance.calendar import Calendar
from server.attendance.document import Document
from server.errors import RegulationError

_WHOLE = {"day", "excuses", "components", "classes"}
"""What only a regulation has, not a file of steps and tables that regulations use."""
_BARE = re.compile(r"\d+[.,]\d+")
_COSTS = {"cost", "codes", "no_in", "no_out", "absent"}
_SHARES = {"fraction", "rate", "rates", "cap"}


def look_at(path: Path) -> tuple[str, list[str]]:
    """What a file of rules is, in a line, and one sentence for each oddity.

    Raises RegulationError, or ConfigError of a calendar, naming file, line and key.
    """
    value = document.read(path, RegulationError, "format").value
    keys = set(value) if isinstance(value, dict) else set()
    if "shifts" in keys:
        calendar = Calendar.load(path)
        about = f"a calendar, {len(calendar.shifts)} shifts, {len(set(calendar.holidays))} holidays"
        return about, calendar.odd()
    if keys & {"needs", "tables"} and not keys & _WHOLE:
        source, steps = load_part(path)
        about = f"{source.value['name']}, from {source.value['from']}, for regulations that use it: {len(steps)} steps"
        return about, [*(text for step in steps for text in _step(step)), *_of_documents([source])]
    rule = load(path)
    until = f"to {rule.valid_to}" if rule.valid_to else "until replaced"
    about = f"{rule.name}, from {rule.valid_from} {until}: {len(rule.steps)} steps, {len(rule.gates)} gates"
    return about, warnings(rule)


def warnings(regulation: Regulation) -> list[str]:
    """One sentence for each oddity, in the order of the steps."""
    found = [text for step in regulation.steps for text in _step(step)]
    return [*found, *_of_documents(regulation.documents)]


def _of_documents(documents: Sequence[Document]) -> Iterator[str]:
    for source in documents:
        for keys, text in _bare(source.value):
            yield f"{_place(source, keys)}: {text} without % is {_percent(Fraction(text.replace(',', '.')))}"
        without = [
            keys for keys, value in judged(source.value) if value["certainty"] != "A" and not value.get("article")
        ]
        if without:
            yield _counted(source, without, "of certainty L, P or C name no article")
        assumed = [keys for keys, value in judged(source.value) if value["certainty"] == "A"]
        if assumed:
            yield _counted(source, assumed, "are assumed (A) and need a decree that adopts them")


def _counted(source: Document, places: Sequence[document.Keys], what: str) -> str:
    shown = ", ".join(_place(source, keys) for keys in places[:3])
    return f"{len(places)} values {what}: {shown}{' …' if len(places) > 3 else ''}"


def _bare(value: Any, keys: document.Keys = ()) -> Iterator[tuple[document.Keys, str]]:
    """Shares of which the sign of percent may have been forgotten."""
    if isinstance(value, str) and _BARE.fullmatch(value) and {*_COSTS, *_SHARES} & set(keys):
        yield keys, value
    elif value == 1 and not isinstance(value, bool) and _COSTS & set(keys):
        yield keys, str(value)
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _bare(one, (*keys, key))


def _place(source: Document, keys: document.Keys) -> str:
    return f"{source.path.name}:{source.lines[keys]} {document.name(keys)}"


def _step(step: Step) -> list[str]:
    table = step.by.table
    if not isinstance(table, Events):
        return []
    late = max(table.no_in, *(band.cost for band in table.late))
    early = max(table.no_out, *(band.cost for band in table.early))
    day = max(late, early) if table.late_and_early == "larger" else late + early
    if step.cap_day is not None:
        day = min(day, step.cap_day)
    absent = table.absent if step.cap_day is None else min(table.absent, step.cap_day)
    texts = []
    if day > absent:
        texts.append(
            f"step {step.id}: coming costs more than staying away: a day very late and very early costs "
            f"{_percent(day)} of the base, an absent day {_percent(absent)}"
        )
    for name, bands in (("late", table.late), ("early", table.early)):
        costs = [band.cost for band in bands]
        if costs != sorted(costs):
            texts.append(f"step {step.id}: more minutes {name} cost less than fewer")
    if step.cap_month is None and not step.cap_running:
        texts.append(f"step {step.id}: no cap for the month: many faults can cost more than the base")
    return texts


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):g} %"
