"""One person's month as that person reads it: a line for each rupiah that changed, with its reason and its article."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any

import pyarrow.compute as pc

from server.allowance.catalogue import Words, indonesian
from server.allowance.compute import Result
from server.allowance.regulation import WORKING
from server.errors import NotFound

_MONTHS = {
    "id": (
        *("Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli"),
        *("Agustus", "September", "Oktober", "November", "Desember"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
}
_DAYS = {
    "id": ("Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_WORDS = {
    "id": {
        "title": "TPP {month} untuk {who}",
        "of": "dari",
        "because": "dasar:",
        "assumed": "diandaikan, belum ada keputusan yang menetapkan",
        "fact": "bukti",
        "net": "Diterima",
        "status": {
            "payable": "Dibayarkan.",
            "held": "DITAHAN: {reason}",
            "ineligible": "Tidak berhak: {reason}",
            "forfeited": "Hangus: {reason}",
        },
    },
    "en": {
        "title": "Allowance (TPP) of {month} for {who}",
        "of": "of",
        "because": "basis:",
        "assumed": "assumed; no decree adopts it yet",
        "fact": "evidence",
        "net": "Paid",
        "status": {
            "payable": "To be paid.",
            "held": "HELD: {reason}",
            "ineligible": "Not entitled: {reason}",
            "forfeited": "Forfeited: {reason}",
        },
    },
}


def explain(result: Result, employee_id: str, language: str = "id") -> str:
    """The reasoning for one employee, in `id` or `en`. Raises NotFound for an employee who is not in the month."""
    payments = result.payments.filter(pc.equal(result.payments["employee_id"], employee_id)).to_pylist()
    if not payments:
        raise NotFound(f"{employee_id} is not among the {len(result.payments)} employees of {result.summary['month']}")
    payment, words = payments[0], _WORDS[language]
    year, month = result.summary["month"].split("-")
    title = str(words["title"]).format(month=f"{_MONTHS[language][int(month) - 1]} {year}", who=employee_id)
    text = [title, "=" * len(title), ""]
    for line in result.lines.filter(pc.equal(result.lines["employee_id"], employee_id)).to_pylist():
        text += _line(line, result, language)
    text += ["", f"{'':8}{words['net']:<58}{_rupiah(payment['net'], language):>18}"]
    tell = indonesian if language == "id" else Words.of(result.summary).reason
    reason = tell(payment["reason"])
    text.append(words["status"][payment["status"]].format(reason=reason))  # type: ignore[index]
    source = f"{result.summary['regulation_name']} ({result.summary['regulation_sha256'][:12]})"
    return "\n".join([*text, "", f"{source}, engine {result.summary['engine']}", ""])


def _line(line: dict[str, Any], result: Result, language: str) -> list[str]:
    words = _WORDS[language]
    day = line["date"]
    when = f"{_DAYS[language][day.weekday()]} {day.day:>2}" if isinstance(day, dt.date) else ""
    what = line["text"] if language == "id" else Words.of(result.summary).line(line)
    amount = _rupiah(line["rupiah"], language, signed=True)
    if line["account"] == WORKING:
        amount = f"({_rupiah(line['base'], language)})"
    text = [f"{when:<8}{what:<58}{amount:>18}"]
    if len(what) > 57:
        text = [f"{when:<8}{what}", f"{'':66}{amount:>18}"]
    why = []
    if line["base"] > 1 and line["numerator"] != line["denominator"] and line["numerator"]:
        share = Fraction(result.summary["steps"][line["step"]]["share"])
        parts = Fraction(line["numerator"], line["denominator"]) / share
        shown = " × ".join(_share(part, language) for part in (share, parts) if part != 1)
        why.append(f"{shown} {words['of']} {_rupiah(line['base'], language)}")
    if line["article"]:
        assumed = f" [{words['assumed']}]" if line["certainty"] == "A" else ""
        why.append(f"{words['because']} {line['article']}{assumed}")
    if line["fact"]:
        why.append(f"{words['fact']}: {line['fact']}")
    return [*text, *([f"{'':10}{'; '.join(why)}"] if why else [])]


def _share(part: Fraction, language: str) -> str:
    """A fraction as a percentage where four decimals show it exactly, else as it is; a whole number as such."""
    if part.denominator == 1:
        return f"{part.numerator:,}".replace(",", "." if language == "id" else ",")
    if (part * 1_000_000).denominator != 1:
        return str(part)
    whole, rest = divmod(int(part * 1_000_000), 10_000)
    digits = f"{whole}.{rest:04d}".rstrip("0").rstrip(".")
    return f"{digits.replace('.', ',') if language == 'id' else digits} %"


def _rupiah(amount: int, language: str, signed: bool = False) -> str:
    digits = f"{abs(amount):,}"
    if language == "id":
        digits = digits.replace(",", ".")
    sign = "−" if amount < 0 else "+" if signed else ""
    return f"{sign}Rp{digits}"
