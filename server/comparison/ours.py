"""A computed month as the comparison sees it, from the engine's tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from server.allowance.catalogue import Words, indonesian
from server.comparison.values import ITEMS, OurDay, OurLine, OurPerson
from server.reports.model import Rows

_SIGNS = {"gross": 1, "deduction": -1, "dues": -1, "tax": -1}


def our_people(
    payments: Rows, lines: Rows, days: Rows, summary: Mapping[str, Any], employees: Rows | None = None
) -> tuple[OurPerson, ...]:
    """The people of a computed month in the order of its payments, named as the table of employees names them."""
    words = Words.of(summary)
    known = {row["employee_id"]: row for row in employees.to_pylist()} if employees is not None else {}
    own_lines: dict[str, list[OurLine]] = defaultdict(list)
    for row in lines.to_pylist():
        own_lines[row["employee_id"]].append(_line(row, words))
    own_days: dict[str, list[OurDay]] = defaultdict(list)
    for row in days.to_pylist():
        own_days[row["employee_id"]].append(OurDay(row["date"], row["code"] or "", row["late_s"], row["early_s"]))
    return tuple(
        _person(row, known.get(who, {}), own_lines[who], own_days[who], words)
        for row in payments.to_pylist()
        if (who := row["employee_id"])
    )


def _person(
    pay: Mapping[str, Any], known: Mapping[str, Any], lines: list[OurLine], days: list[OurDay], words: Words
) -> OurPerson:
    amounts = {item: pay[item] or 0 for item in ITEMS}
    for line in lines:
        sign = _SIGNS.get(line.account, 1)
        for part in (f"step:{line.step}", f"kind:{line.kind}"):
            amounts[part] = amounts.get(part, 0) + sign * line.rupiah
    reason = pay.get("reason") or ""
    texts = {name: str(known.get(name) or "") for name in ("nip", "name", "agency", "golongan", "job_class")}
    told = indonesian(reason), words.reason(reason)
    return OurPerson(pay["employee_id"], amounts, pay["status"], *told, tuple(lines), tuple(days), **texts)


def _line(row: Mapping[str, Any], words: Words) -> OurLine:
    return OurLine(
        date=row["date"],
        step=row["step"] or "",
        kind=row["kind"] or "",
        account=row["account"] or "",
        base=row["base"] or 0,
        share=Fraction(row["numerator"], row["denominator"]) if row["denominator"] else None,
        rupiah=row["rupiah"],
        text=row["text"] or "",
        english=words.line(row),
        article=row["article"] or "",
        fact=row["fact"] or "",
    )
