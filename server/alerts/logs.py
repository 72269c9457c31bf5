"""What devices' logs show: forks, jumps, other cameras, clock steps, marks without prompts; and marks of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Connection, RowMapping, func, select

from protocol import entry
from protocol.errors import ProtocolError
from server import facts
from server.alerts import bounds
from server.alerts.alert import Alert, utc
from server.alerts.bounds import Bounds, Stated
from server.alerts.models import TRAVEL
from server.alerts.travel import HORIZON_MS, Distances, TooFast, by_person, is_narrow, too_fast
from server.attendance import devicelog, events
from server.attendance.dating import SERVER
from server.attendance.models import SITE_PLACES
from server.devices.ingest import judge
from server.devices.models import conflicts, contacts, devices, entries, flags
from server.devices.service import with_entries
from server.people import service as people

_READ = ("boot", "presence", "clock_step", "rtc")
"""Kinds of entries that alerts rest upon."""
LATE_MS = 3_600_000
"""Marks this much older than what is asked for came late: then older marks are read, to compare them with."""


@dataclass(frozen=True)
class Read:
    """An entry as read: `fault` says why it is quarantined, and then `said` is None."""

    seq: int
    received_ms: int
    contact: int
    said: entry.Entry | None
    fault: str


Log = tuple[RowMapping, list[Read]]
"""A claimed device's row, and the end of its log."""


def alerts(connection: Connection, since_ms: int, at_ms: int) -> list[Alert]:
    """What the server learned since `since_ms`, as known at `at_ms`."""
    told = bounds.stated(connection, at_ms)
    ends = _ends(connection, since_ms - HORIZON_MS, at_ms)
    found: list[Alert] = []
    for device, log in ends:
        new = [one for one in log if one.received_ms >= since_ms]
        limits = bounds.of(told, device["device"], device["site"])
        found += _sequence(device, new)
        found += _cameras(connection, device, new)
        found += _clock_steps(device, new, limits)
        found += _battery_clock(device, new)
        found += _unprompted(device, new)
    found += _conflicts(connection, since_ms, at_ms)
    found += _flagged(connection, since_ms, at_ms)
    names = people.pseudonyms(connection)
    marks, received = _marks(connection, ends, names, at_ms)
    for device, _ in ends:
        found += _times(device, marks, received, since_ms)
    found += _travel(connection, marks, received, names, told, since_ms, at_ms)
    return found


def _ends(connection: Connection, from_ms: int, at_ms: int) -> list[Log]:
    """The ends of all logs: what was received since `from_ms`."""
    found = []
    for device in with_entries(connection):
        found.append((device, list(_end(connection, device["device"], from_ms, at_ms))[::-1]))
    return found


def _end(connection: Connection, device: str, from_ms: int, at_ms: int) -> Iterator[Read]:
    """Newest first."""
    query = select(entries.c.seq, entries.c.received_ms, entries.c.contact, entries.c.bytes).where(
        entries.c.device == device, entries.c.received_ms <= at_ms
    )
    with connection.execute(query.order_by(entries.c.seq.desc())) as rows:
        for seq, received_ms, contact, data in rows:
            if received_ms < from_ms:
                return
            kind, fault = judge(device, seq, data)
            if fault or kind in _READ:
                yield Read(seq, received_ms, contact, None if fault else entry.decode(data), fault)


def _made(kind: str, device: RowMapping, found: list[tuple[int, str]], detail: str) -> list[Alert]:
    """One alert that rests on (when the server learned it, what it is), or none when nothing was found."""
    if not found:
        return []
    times = [time_ms for time_ms, _ in found]
    rests_on = tuple(what for _, what in found)
    return [Alert(kind, detail, min(times), max(times), rests_on, device["device"], device["site"])]


def _named(device: RowMapping, log: list[Read]) -> list[tuple[int, str]]:
    return [(one.received_ms, f"{device['device']}/{one.seq}") for one in log]


def _sequence(device: RowMapping, log: list[Read]) -> list[Alert]:
    bad = [one for one in log if one.fault]
    return _made("sequence", device, _named(device, bad), f"entry {bad[-1].seq} {bad[-1].fault}" if bad else "")


def _cameras(connection: Connection, device: RowMapping, log: list[Read]) -> list[Alert]:
    boots = [one for one in log if one.said and one.said.kind == "boot"]
    if not boots:
        return []
    known = [*_boot_before(connection, device["device"], boots[0].seq), *boots]
    cameras = [f"{one.said.body['source']} {one.said.body['camera']}" for one in known if one.said]
    changed = [(one, before, after) for one, (before, after) in zip(known[1:], pairwise(cameras), strict=True)
               if before != after]  # fmt: skip
    detail = f"its camera is {changed[-1][2]}, it was {changed[-1][1]}" if changed else ""
    return _made("camera", device, _named(device, [one for one, _, _ in changed]), detail)


def _boot_before(connection: Connection, device: str, seq: int) -> list[Read]:
    is_boot = func.instr(entries.c.bytes, b'"kind":"boot"') > 0
    query = select(entries).where(entries.c.device == device, entries.c.seq < seq, is_boot)
    with connection.execute(query.order_by(entries.c.seq.desc())) as rows:
        for row in rows:
            if judge(device, row.seq, row.bytes) == ("boot", ""):
                return [Read(row.seq, row.received_ms, row.contact, entry.decode(row.bytes), "")]
    return []


def _clock_steps(device: RowMapping, log: list[Read], limits: Bounds) -> list[Alert]:
    steps = [
        (one, one.said.body["step_ms"])
        for one in log
        if one.said and one.said.kind == "clock_step" and abs(one.said.body["step_ms"]) > limits.clock_seconds * 1000
    ]
    detail = f"its clock jumped by {steps[-1][1] / 1000:+.0f} s" if steps else ""
    return _made("clock_step", device, _named(device, [one for one, _ in steps]), detail)


def _battery_clock(device: RowMapping, log: list[Read]) -> list[Alert]:
    bad = [one for one in log if one.said and one.said.kind == "rtc"]
    said = [f"{one.said.body['state']}: {one.said.body['detail']}" for one in bad if one.said]
    detail = f"the clock that a battery keeps is {said[-1]}" if said else ""
    return _made("rtc", device, _named(device, bad), detail)


def _unprompted(device: RowMapping, log: list[Read]) -> list[Alert]:
    marks = [one for one in log if one.said and one.said.kind == "presence"]
    bad = [one for one in marks if one.said and not one.said.body["prompts"]]
    detail = f"{len(bad)} of {len(marks)} marks were made without a prompt"
    return _made("unprompted", device, _named(device, bad), detail)


def _conflicts(connection: Connection, since_ms: int, at_ms: int) -> Iterator[Alert]:
    """Other bytes for a place that is taken. Of another boot, they are of an older card or of a second machine: that
    it is a second one shows when the first boot is heard again."""
    query = select(conflicts, devices.c.site).join(devices, devices.c.device == conflicts.c.device)
    span = (conflicts.c.received_ms >= since_ms, conflicts.c.received_ms <= at_ms)
    found: dict[tuple[str, str], list[RowMapping]] = {}
    for row in connection.execute(query.where(*span).order_by(conflicts.c.seq, conflicts.c.sha256)).mappings():
        held, sent = _boot(row["held"]), _boot(row["sent"])
        kind = "conflict"
        if held and sent and held != sent:
            again = select(contacts.c.contact).where(
                contacts.c.device == row["device"], contacts.c.boot == held,
                contacts.c.server_ms > row["received_ms"], contacts.c.server_ms <= at_ms,
            )  # fmt: skip
            kind = "copied" if connection.execute(again.limit(1)).first() else "restored"
        found.setdefault((kind, row["device"]), []).append(row)
    says = {
        "conflict": "entry {} came a second time with other bytes",
        "restored": "it went on from before entry {}, which the server holds: an older card, or a copy",
        "copied": "two machines write entry {} and what follows, by turns",
    }
    for (kind, _), rows in found.items():
        rests_on = [(row["received_ms"], f"{row['device']}/{row['seq']} {row['sha256'].hex()[:16]}") for row in rows]
        yield from _made(kind, rows[0], rests_on, says[kind].format(rows[0]["seq"]))


def _boot(data: bytes) -> str:
    try:
        return entry.decode(data).boot
    except ProtocolError:
        return ""


def _flagged(connection: Connection, since_ms: int, at_ms: int) -> Iterator[Alert]:
    """What ingest refused and keeps no entry of: a checkpoint of another log, a key that cannot hold, a gap."""
    query = select(flags, devices.c.site).join(devices, devices.c.device == flags.c.device)
    span = (flags.c.flag.in_(("root", "key", "gap")), flags.c.last_ms >= since_ms, flags.c.first_ms <= at_ms)
    for row in connection.execute(query.where(*span).order_by(flags.c.device)).mappings():
        what = f"{row['device']} {row['flag']} ×{row['count']}"
        yield Alert(row["flag"], row["detail"], row["first_ms"], row["last_ms"], (what,), row["device"], row["site"])


def _times(device: RowMapping, marks: list[events.Mark], received: Mapping[str, int], since_ms: int) -> list[Alert]:
    of_server = [_entry(one) for one in marks if one.device == device["device"] and one.dating.basis == SERVER]
    bad = [(received[mark], mark) for mark in of_server if received[mark] >= since_ms]
    return _made("times", device, bad, "it states times of marks that contradict what the server saw")


def _travel(
    connection: Connection,
    marks: list[events.Mark],
    received: Mapping[str, int],
    names: Mapping[str, str],
    told: Stated,
    since_ms: int,
    at_ms: int,
) -> Iterator[Alert]:
    new = [mark.dating for mark in marks if received[_entry(mark)] >= since_ms and is_narrow(mark.dating)]
    oldest = min((dating.earliest_ms for dating in new), default=since_ms)
    if oldest < since_ms - LATE_MS:
        marks, received = _marks(connection, _ends(connection, oldest - HORIZON_MS, at_ms), names, at_ms)
    distances = _distances(connection, told, at_ms)
    for employee, own in by_person(marks).items():
        pairs = [
            pair
            for pair in too_fast(own, distances)
            if max(received[_entry(pair.earlier)], received[_entry(pair.later)]) >= since_ms
        ]
        for kind, chosen in (("two_sites", True), ("travel", False)):
            if of_kind := [pair for pair in pairs if pair.at_once == chosen]:
                yield _person_alert(kind, names[employee], of_kind, received)


def _person_alert(kind: str, person: str, pairs: list[TooFast], received: Mapping[str, int]) -> Alert:
    worst = min(pairs, key=lambda pair: (not pair.certain, -pair.later.dating.latest_ms))
    apart_s = max(0, worst.later.dating.earliest_ms - worst.earlier.dating.earliest_ms) // 1000
    detail = (
        f"at {worst.earlier.site} {utc(worst.earlier.dating.earliest_ms)}, at {worst.later.site} {apart_s} s later; "
        f"the way takes {worst.least_ms // 1000} s at least"
    )
    marks = sorted({_entry(mark) for pair in pairs for mark in (pair.earlier, pair.later)})
    times = [received[mark] for mark in marks]
    return Alert(kind, detail, min(times), max(times), tuple(marks), person=person, certain=worst.certain)


def _entry(mark: events.Mark) -> str:
    return f"{mark.device}/{mark.seq}"


def _marks(
    connection: Connection, ends: list[Log], names: Mapping[str, str], at_ms: int
) -> tuple[list[events.Mark], dict[str, int]]:
    """The marks that count among the ends of logs, dated as for the month, and when the server received each."""
    employees = {pseudonym: employee for employee, pseudonym in names.items()}
    marks: list[events.Mark] = []
    received: dict[str, int] = {}
    for device, log in ends:
        found = [(one.said, one.received_ms, one.contact) for one in log if one.said]
        if any(said.kind == "presence" for said, _, _ in found):
            received |= {f"{device['device']}/{said.seq}": received_ms for said, received_ms, _ in found}
            logged, dater = devicelog.dated(connection, device, found, found[0][1], at_ms)
            judged = events.judged(connection, device, employees, logged, dater, at_ms)
            marks += [mark for mark in judged if isinstance(mark, events.Mark)]
    return marks, received


def _distances(connection: Connection, told: Stated, at_ms: int) -> Distances:
    stated = {
        (row["one_site"], row["other_site"]): int(row["seconds"]) for row in facts.as_of(connection, TRAVEL, at_ms)
    }
    places = {
        row["site"]: (float(row["latitude"]), float(row["longitude"]))
        for row in facts.as_of(connection, SITE_PLACES, at_ms)
    }
    return Distances(bounds.of(told).travel_seconds, stated, places)
