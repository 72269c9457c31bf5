"""Pieces that several reports share: letterhead, facts, notes, signatures, the foot of each page."""

import datetime as dt

from server.reports.document import Document, Facts, Part, Signatures, Statement, Table
from server.reports.language import Language, in_words
from server.reports.model import PARTIAL, PAYABLE, EmployeeMonth, MonthReport, Signatory

PAID = "paid"
DOTS = "." * 24
"""Where a hand writes what nobody has entered."""
_FINAL = ("closed", "locked", "susulan", PAID)


def document(
    report: MonthReport,
    say: Language,
    name: str,
    parts: tuple[Part, ...],
    sheets: tuple[Table, ...],
    *,
    by_part: bool = False,
) -> Document:
    """A document of this month and agency, with its letterhead, its foot and, until locked, its watermark."""
    meta = report.meta
    return Document(
        name=name,
        language=say.code,
        title=say(name),
        subtitle=say("month", month=say.month(report.first_day)),
        letterhead=tuple(line for line in (meta.government, report.agency.name) if line) or (say("tpp"),),
        parts=parts,
        sheets=sheets,
        foot=foot(report, say),
        numbering="part" if by_part else "document",
        watermark="" if meta.status in _FINAL else say("draft"),
    )


def foot(report: MonthReport, say: Language) -> str:
    """The foot of each page: by which rules, from what, and where the month stands."""
    meta = report.meta
    return say(
        "foot",
        regulation=meta.regulation,
        version=meta.regulation_version,
        engine=meta.engine_version,
        digest=meta.input_hash[:16],
        status=say.named("month_status", meta.status),
    )


def notes(report: MonthReport, say: Language, *more: str) -> tuple[Statement, ...]:
    """The notes of the month and those of this report, or nothing."""
    meta = report.meta
    known = [say("known_at", when=say.moment(meta.known_at))] if meta.known_at else []
    all_notes = (*(note.told(say.code) for note in meta.notes), *known, *more)
    return (Statement(say("notes"), all_notes, numbered=len(all_notes) > 1),) if all_notes else ()


def signers(report: MonthReport, say: Language) -> tuple[Signatory, ...]:
    """Those who sign; where the configuration names nobody, the usual roles without names."""
    return report.signatories or (Signatory(say("role_head")), Signatory(say("role_treasurer")))


def signatures(
    report: MonthReport, say: Language, count: int | None = None, *, stamp: bool = False
) -> tuple[Signatures, ...]:
    """Places for those who sign (the first `count` of them), with one for a duty stamp (*meterai*) on demand."""
    issued = say.date(report.meta.issued) if report.meta.issued else DOTS
    place = f"{report.meta.place}, " if report.meta.place else ""
    return (Signatures(f"{place}{issued}", signers(report, say)[:count], say("stamp") if stamp else ""),)


def status(report: MonthReport, person: EmployeeMonth, say: Language) -> str:
    """What becomes of a payment: it can be made, and was, once the month is paid."""
    group = "paid_status" if report.meta.status == PAID and person.status in (PAYABLE, PARTIAL) else "status"
    return say.named(group, person.status)


def clock(text: str) -> dt.time | str:
    """The time of a mark as one that a sheet reckons with, or the text where it is none."""
    try:
        return dt.time.fromisoformat(text)
    except ValueError:
        return text


def when(text: str) -> dt.date | None:
    """A date, or an instant as its own local time of day; None for nothing."""
    if len(text) <= len("2026-10-05"):
        return dt.date.fromisoformat(text) if text else None
    return dt.datetime.fromisoformat(text).replace(tzinfo=None)


def who(report: MonthReport, person: EmployeeMonth, say: Language) -> Facts:
    """The head of a slip: whose it is."""
    pairs = (
        (say("name"), person.name),
        (say("nip"), person.nip),
        (say("unit"), person.unit or report.agency.name),
        (say("class"), f"{person.job_class} / {say('golongan')} {person.golongan}"),
        (say("account"), person.account),
        (say("npwp"), person.npwp),
        (say("status"), status(report, person, say)),
    )
    return Facts(tuple((label, value or "—") for label, value in pairs))


def amount(label: str, rupiah: int, say: Language) -> Facts:
    """An amount set in a box, in Indonesian also in words (*terbilang*), as payment papers have it."""
    pairs = [(label, say.rupiah(rupiah))]
    if say.code == "id":
        pairs.append((say("in_words"), f"{in_words(rupiah).capitalize()} rupiah"))
    return Facts(tuple(pairs), emphasis=True)
