"""The tax on a later payment, by the tax steps of the month in which it is paid: tax with it less tax without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import Any

from server.allowance.regulation import WORKING, Regulation, Step
from server.allowance.tables import Brackets, Rates

_KNOWN = {"employment", "golongan", "job_class", "flag", "not_flag", "months"}


@dataclass(frozen=True)
class TaxLine:
    """What a tax step takes (negative) or gives back of a later payment; `base` and the rate with that payment."""

    step: Step
    base: int
    rate: Fraction
    rupiah: int


def tax_on(
    regulation: Regulation, paid_in: date, employee: Mapping[str, Any], already: int, difference: int
) -> tuple[list[TaxLine], str]:
    """Tax lines on `difference` rupiah paid in the month of `paid_in`, and why it must wait ('' when it need not).

    `employee`: a row of the employees' table as it holds then; `already`: taxable allowance paid in that month before.
    """
    for gate in regulation.gates:
        if gate.effect == "hold" and "months" in gate.when and _applies(gate.when, employee, paid_in):
            return [], gate.name["id"]
    lines = []
    worked_out = {f"step:{step.id}" for step in regulation.steps if step.account == WORKING}
    for step in regulation.steps:
        variable = any(not term.startswith(("input:", "rupiah:")) for term in step.base)
        if step.account != "tax" or not variable:
            continue
        if worked_out.intersection(step.base) and _applies(step.when, employee, paid_in):
            return [], f"langkah pajak {step.id} tidak dapat diterapkan pada susulan"
        if not set(step.when) <= _KNOWN or step.cap_day or step.cap_month or step.cap_running or step.ceiling:
            return [], f"langkah pajak {step.id} tidak dapat diterapkan pada susulan"
        if not _applies(step.when, employee, paid_in):
            continue
        fixed = 0
        for term in step.base:
            kind, _, name = term.partition(":")
            if kind == "rupiah":
                fixed += int(name)
            elif kind == "input" and employee[name] is None:
                return [], f"{name} belum ada"
            elif kind == "input":
                fixed += employee[name]
        before, after = fixed + already, fixed + already + difference
        rates = [_rate(step, employee, abs(base)) for base in (before, after)]
        if rates[0] is None or rates[1] is None:
            return [], f"{step.by.attribute} belum ada atau tanpa tarif"
        amounts = [_rounded(step, base, rate or Fraction(0)) for base, rate in zip((before, after), rates, strict=True)]
        lines.append(TaxLine(step, after, rates[1], step.sign * (amounts[1] - amounts[0])))
    return lines, ""


def _applies(when: Mapping[str, Any], employee: Mapping[str, Any], paid_in: date) -> bool:
    flags = set((employee["flags"] or "").replace(",", " ").replace(";", " ").replace("|", " ").split())
    for key, value in when.items():
        if key in ("employment", "golongan", "job_class"):
            holds = employee[key] in [str(item) for item in value]
        elif key == "months":
            holds = paid_in.month in value
        elif key == "flag":
            holds = value in flags
        else:
            holds = key == "not_flag" and value not in flags
        if not holds:
            return False
    return True


def _rate(step: Step, employee: Mapping[str, Any], base: int) -> Fraction | None:
    by = step.by
    if by.kind == "constant":
        return Fraction(1)
    value = employee.get(by.attribute) or ""
    if isinstance(by.table, Rates):
        return by.table.rates.get(value.split(by.until)[0] if by.until else value)
    category = by.keys.keys.get(value) if by.keys else None
    if not isinstance(by.table, Brackets) or category is None:
        return None
    return next(rate for up_to, rate in by.table.brackets[category] if up_to is None or base <= up_to)


def _rounded(step: Step, base: int, rate: Fraction) -> int:
    """The step's amount; of a base below 0 the same as of one above, with the other sign."""
    unit = step.rounding.unit
    exact = abs(base) * step.base_fraction * step.fraction * rate / unit
    mode = step.rounding.mode
    if mode == "half_even":
        whole = round(exact)
    elif mode == "up":
        whole = ceil(exact)
    else:
        whole = floor(exact + Fraction(1, 2)) if mode == "half_up" else floor(exact)
    return (1 if base >= 0 else -1) * whole * unit
