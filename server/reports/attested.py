"""Attested marks: for whom a colleague and a supervisor stood, by supervisor; those who stand out are named."""

from collections import Counter
from statistics import median

from server.reports import pieces
from server.reports.document import Column, Document, Part, Row, Table
from server.reports.language import Language
from server.reports.lists import AttestedMark
from server.reports.model import MonthReport

_MANY = 5
"""Fewer marks of one supervisor, or of one person with one supervisor, stand out nowhere."""
_BEYOND_OTHERS = 3
"""Times the median of the agency's supervisors."""


def attested(report: MonthReport, say: Language) -> Document | None:
    """Supervisors by how many marks of the agency's people they attested, then each mark; None where there are none."""
    found = report.lists.attested
    if not found:
        return None
    tables = _supervisors(found, say), _marks(found, say)
    part = Part(
        say("attested"),
        (*tables, *pieces.notes(report, say, say("attested_note")), *pieces.signatures(report, say)),
        anchor="attested",
        landscape=True,
    )
    return pieces.document(report, say, "attested", (part,), tables)


def standing_out(found: tuple[AttestedMark, ...]) -> dict[str, tuple[str, ...]]:
    """Supervisor to what stands out: the limit is reached, far more than others, often for one person."""
    counts = Counter(one.supervisor for one in found)
    pairs = Counter((one.supervisor, one.nip) for one in found)
    allowed = {one.supervisor: one.allowed for one in found}
    result = {}
    for who, number in counts.items():
        others = [count for other, count in counts.items() if other != who]
        reasons = {
            "attested_limit": number >= allowed[who],
            "attested_more": number >= _MANY and bool(others) and number > _BEYOND_OTHERS * median(others),
            "attested_one": max(count for (by, _), count in pairs.items() if by == who) >= _MANY,
        }
        result[who] = tuple(key for key, holds in reasons.items() if holds)
    return result


def _supervisors(found: tuple[AttestedMark, ...], say: Language) -> Table:
    columns = (
        Column("no", say("no"), "count", 24),
        Column("supervisor", say("supervisor"), "text", 170),
        Column("marks", say("attested_marks"), "count", 60),
        Column("allowed", say("attested_allowed"), "count", 60),
        Column("people", say("attested_people"), "count", 60),
        Column("colleagues", say("attested_colleagues"), "count", 60),
        Column("remark", say("attested_remark"), "text", 260, empty="dash"),
    )
    remarks = standing_out(found)
    counts = Counter(one.supervisor for one in found)
    rows: list[Row] = []
    for number, (who, marks) in enumerate(sorted(counts.items(), key=lambda item: (-item[1], item[0])), 1):
        own = [one for one in found if one.supervisor == who]
        people, colleagues = {one.nip for one in own}, {one.colleague for one in own}
        remark = "; ".join(say(key) for key in remarks[who])
        rows.append((number, who, marks, own[0].allowed, len(people), len(colleagues), remark))
    return Table("attested_supervisors", say("attested_supervisors"), columns, tuple(rows))


def _marks(found: tuple[AttestedMark, ...], say: Language) -> Table:
    columns = (
        Column("no", say("no"), "count", 24),
        Column("date", say("date"), "date", 84),
        Column("at", say("attested_at"), "time", 50),
        Column("name", say("name"), "text", 130),
        Column("nip", say("nip"), "code", 94),
        Column("colleague", say("colleague"), "text", 130),
        Column("supervisor", say("supervisor"), "text", 130),
        Column("entry", say("attested_entry"), "code", 80),
    )
    ordered = sorted(found, key=lambda one: (one.supervisor, one.date, one.at, one.name, one.entry))
    rows = tuple(
        (n, one.date, pieces.clock(one.at), one.name, one.nip, one.colleague, one.supervisor, one.entry)
        for n, one in enumerate(ordered, 1)
    )
    return Table("attested_marks", say("attested_each"), columns, rows)
