"""What a jurist should look at again in a regulation that loads: rules that punish coming, and values assumed."""

from __future__ import annotations

from fractions import Fraction

from server.allowance.regulation import Regulation, Step
from server.allowance.tables import Events


def warnings(regulation: Regulation) -> list[str]:
    """One sentence for each oddity, in the order of the steps."""
    found = [text for step in regulation.steps for text in _step(step)]
    assumed = regulation.assumed_values()
    if assumed:
        places = ", ".join(f"{value.file}:{value.line} {value.key}" for value in assumed[:3])
        found.append(f"{len(assumed)} values are assumed (A) and need a decree that adopts them: {places} …")
    return found


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
