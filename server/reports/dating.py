"""Why an entry has the date it has: in words for a terminal or a page, and as values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import IO, Any

from server.attendance.calendar import ZONES
from server.attendance.dating import RULE, Contact, Dating
from server.attendance.decisions import Looked
from server.attendance.devicelog import Read
from server.attendance.events import APPROVED, WIDEST_MS, Uncounted
from server.reports.document import Document, Facts, Part, Statement
from server.reports.language import Language, duration
from server.reports.page import write_page

Section = tuple[str, tuple[tuple[str, str], ...]]
"""A heading, and labels with what is said of them."""


def sections(looked: Looked, say: Language, person: str) -> list[Section]:
    """What an entry says, what dates it, the date, and who decided. `person`: whose it is, as it may be shown."""
    at = _Clock(looked.log.device["zone"], say)
    found = [
        (say("dating_entry"), tuple(_entry(looked, say, at, person))),
        (say("dating_evidence"), tuple(_evidence(looked, say, at))),
        (say("dating_date"), tuple(_date(looked, say, at))),
    ]
    if looked.told:
        found.append((say("dating_decisions"), tuple(_decisions(looked, say, at))))
    return found


def page(looked: Looked, say: Language, person: str, letterhead: str, out: IO[bytes]) -> None:
    """Write the explanation as one HTML page that needs nothing else."""
    blocks: list[Facts | Statement] = []
    for heading, pairs in sections(looked, say, person):
        blocks += [Statement(heading, ()), Facts(pairs)]
    part = Part(f"{say('dating')}: {looked.name}", tuple(blocks), anchor="dating")
    foot = f"{say('dating_rule')}: {RULE}"
    lines = (letterhead or say("dating"),)
    write_page([Document("dating", say.code, looked.name, looked.name, lines, (part,), (), foot)], out, say("dating"))


def values(looked: Looked) -> dict[str, Any]:
    """The same as values; times in Unix milliseconds."""
    said = looked.said
    before, after = _neighbours(looked)
    return {
        "entry": looked.name,
        "kind": said.kind,
        "employee_id": looked.employee_id,
        "boot": said.boot,
        "boottime_ms": said.boottime_ms,
        "presented_boottime_ms": said.body.get("presented_boottime_ms"),
        "wall_ms": said.wall_ms,
        "clock": said.clock,
        "received_ms": looked.logged.received_ms,
        "nothing_left_ms": looked.logged.after_ms or None,
        "contacts": [
            {"server_ms": one.server_ms, "boottime_ms": one.made.boottime_ms, "wall_ms": one.made.wall_ms}
            for one in looked.log.dater.near(looked.logged.moment)
        ],
        "before": before and _dated(looked, before),
        "after": after and _dated(looked, after),
        "derived": _span(looked.derived),
        "dating": _span(looked.dating),
        "rule": RULE,
        "why_not_counted": looked.event.reason if isinstance(looked.event, Uncounted) else "",
        "decisions": [
            {
                "number": row["fact"],
                "status": row["status"],
                "earliest_ms": int(row["earliest_ms"]),
                "latest_ms": int(row["latest_ms"]),
                "by": row["recorded_by"],
                "at_ms": row["recorded_ms"],
                "document": row["recorded_document"],
            }
            for row in looked.told
        ],
    }


class _Clock:
    """Times as read where the device stands, to the second."""

    def __init__(self, zone: str, say: Language) -> None:
        self._say = say
        self._zone = timezone(timedelta(seconds=ZONES[zone]), zone)

    def __call__(self, time_ms: int) -> str:
        return self._say.moment(datetime.fromtimestamp(time_ms / 1000, self._zone), seconds=True)


def _entry(looked: Looked, say: Language, at: _Clock, person: str) -> Iterable[tuple[str, str]]:
    said = looked.said
    yield say("dating_kind"), say.named("dating_kind", said.kind)
    if looked.event is not None:
        yield say("dating_person"), person or say("dating_nobody")
    yield say("dating_site"), f"{looked.log.device['site']} ({looked.log.device['device']})"
    yield say("dating_boot"), said.boot
    yield say("dating_boottime"), duration(said.boottime_ms // 1000)
    if "presented_boottime_ms" in said.body:
        yield say("dating_presented"), duration(said.body["presented_boottime_ms"] // 1000)
    yield (
        say("dating_wall"),
        say("dating_wall_said", time=at(said.wall_ms), clock=say.named("dating_clock", said.clock)),
    )


def _evidence(looked: Looked, say: Language, at: _Clock) -> Iterable[tuple[str, str]]:
    logged = looked.logged
    yield say("dating_received"), at(logged.received_ms)
    yield say("dating_left"), at(logged.after_ms) if logged.after_ms else say("dating_never")
    near = looked.log.dater.near(logged.moment)
    if near:
        best, worst = min(near, key=_offset), max(near, key=_offset)
        yield say("dating_contacts"), say.number(len(near))
        error = f"{(best.made.wall_ms - best.server_ms) / 1000:+.1f}"
        time, since = at(best.server_ms), duration(best.made.boottime_ms // 1000)
        clock = say.named("dating_clock", best.made.clock)
        yield say("dating_best"), say("dating_contact_said", time=time, boottime=since, error=error, clock=clock)
        if worst is not best:
            seconds = f"{(worst.offset_ms - best.offset_ms) / 1000:.1f}"
            yield say("dating_spread"), say("dating_spread_said", seconds=seconds)
    else:
        before, after = _neighbours(looked)
        claimed = say("dating_claimed", time=at(looked.log.device["claimed_ms"]))
        yield say("dating_before"), _neighbour(looked, before, say, at) if before else claimed
        yield say("dating_after"), _neighbour(looked, after, say, at) if after else say("dating_until_received")


def _date(looked: Looked, say: Language, at: _Clock) -> Iterable[tuple[str, str]]:
    dating, event = looked.dating, looked.event
    yield say("dating_earliest"), at(dating.earliest_ms)
    yield say("dating_latest"), at(dating.latest_ms)
    yield say("dating_basis"), say(f"basis:{dating.basis}")
    if dating != looked.derived:
        yield say("dating_derived"), _spanned(looked.derived, say, at)
    yield say("dating_rule"), str(RULE)
    if isinstance(event, Uncounted):
        yield say("dating_counts"), say("dating_counts_no", reason=event.reason)
    elif event is not None:
        waits = dating.latest_ms - dating.earliest_ms > WIDEST_MS
        yield say("dating_counts"), say("dating_counts_waits" if waits else "dating_counts_yes")


def _decisions(looked: Looked, say: Language, at: _Clock) -> Iterable[tuple[str, str]]:
    for row in looked.told:
        yield (
            say("dating_decision", number=row["fact"]),
            say(
                "dating_decision_said",
                status=say(f"dating_status:{row['status']}"),
                by=row["recorded_by"],
                when=at(row["recorded_ms"]),
                earliest=at(int(row["earliest_ms"])),
                latest=at(int(row["latest_ms"])),
                document=row["recorded_document"] or "—",
            ),
        )
    last, derived = looked.told[-1], looked.derived
    apart = int(last["earliest_ms"]) > derived.latest_ms or int(last["latest_ms"]) < derived.earliest_ms
    if last["status"] == APPROVED and apart:
        yield "", say("dating_no_room")


def _neighbours(looked: Looked) -> tuple[Read | None, Read | None]:
    """For an entry whose boot had no contact, the nearest entries before and after it whose boot had one."""
    log, dater = [*looked.log.context, *looked.log.entries], looked.log.dater
    if dater.near(looked.logged.moment):
        return None, None
    place = next(place for place, (said, _) in enumerate(log) if said.seq == looked.said.seq)

    def nearest(reads: Sequence[Read]) -> Read | None:
        return next((one for one in reads if dater.near(one[1].moment)), None)

    return nearest(log[place::-1]), nearest(log[place:])


def _dated(looked: Looked, read: Read) -> dict[str, Any]:
    said, logged = read
    return {"entry": f"{said.device}/{said.seq}"} | _span(looked.log.dater.date(logged.moment))


def _neighbour(looked: Looked, read: Read, say: Language, at: _Clock) -> str:
    dated = _dated(looked, read)
    earliest, latest = at(dated["earliest_ms"]), at(dated["latest_ms"])
    return say("dating_neighbour", entry=dated["entry"], earliest=earliest, latest=latest)


def _span(dating: Dating) -> dict[str, Any]:
    return {"earliest_ms": dating.earliest_ms, "latest_ms": dating.latest_ms, "basis": dating.basis}


def _spanned(dating: Dating, say: Language, at: _Clock) -> str:
    basis = say(f"basis:{dating.basis}")
    return say("dating_span", earliest=at(dating.earliest_ms), latest=at(dating.latest_ms), basis=basis)


def _offset(contact: Contact) -> int:
    return contact.offset_ms
