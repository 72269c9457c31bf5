"""What a simulated day was: code, lateness and early leave, judged from the deeds alone, without the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from simulation import office
from simulation.documents import DayPaper


@dataclass(frozen=True)
class TruthDay:
    """One person's day as it was. `arrived` and `left` are ISO 8601 instants of the marks that count, or ""."""

    employee_id: str
    date: str
    code: str
    arrived: str
    left: str
    late_s: int
    early_s: int
    story: str


def judge(employee_id: str, day: date, paper: DayPaper, marks_ms: Sequence[int], note: str) -> TruthDay:
    """The truth about one day of somebody in service.

    `marks_ms`: when they stood before a kiosk, ms after midnight, ascending. `note`: what they forgot.
    """

    def told(code: str, arrived: str, left: str, late_s: int, early_s: int, story: str) -> TruthDay:
        return TruthDay(employee_id, day.isoformat(), code, arrived, left, late_s, early_s, story)

    seconds = [ms // 1000 for ms in marks_ms]
    if paper.attested is not None:
        seconds.append(paper.attested)
    shift = office.shift_of(day)
    if shift is None:
        return told("L", "", "", 0, 0, note or "day off")
    if paper.code:
        return told(paper.code, "", "", 0, 0, ", ".join(filter(None, (paper.story, note))))
    start, end = paper.required or (shift.start_s, shift.end_s)
    counting = [second for second in seconds if second >= shift.start_s - office.WINDOW_BEFORE_S]
    before_window = len(counting) < len(seconds)
    if not counting:
        story = "marked only before the window" if before_window else "absent without notice"
        return told("TK", "", "", 0, 0, paper.story or story)
    first, last = counting[0], counting[-1]
    if before_window:
        note = note or "came before the window, marked again" if first < start else "marked only before the window"
    # Repeats within five minutes are one visit; a lone visit is a mark-in or a mark-out, whichever end is nearer.
    lone = last - first <= office.REPEAT_S
    came = None if lone and first - start > end - first else first
    went = None if lone and came is not None else last
    # Without a mark at one end, the whole of what was required is missing there.
    late_s = end - start if came is None else _beyond(came - start, office.GRACE_S)
    early_s = end - start if went is None else _beyond(end - went, office.EARLY_GRACE_S)
    code = "+".join(name for name, seconds in (("TL", late_s), ("PSW", early_s)) if seconds) or "H"
    parts = [paper.story, note if note not in paper.story else ""]
    if came is not None and late_s:
        parts.append(f"came {_minutes(late_s)} late")
    if went is not None and early_s:
        parts.append(f"left {_minutes(early_s)} early")
    return told(
        code,
        "" if came is None else office.instant(day, came),
        "" if went is None else office.instant(day, went),
        late_s,
        early_s,
        ", ".join(filter(None, parts)) or "on time",
    )


def _beyond(seconds: int, grace_s: int) -> int:
    return seconds if seconds > grace_s else 0


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min"
