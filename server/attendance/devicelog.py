"""A device's log as far as a span of time needs it: verified entries, and what dates them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, RowMapping, func, select

from protocol import entry
from protocol.errors import ProtocolError
from server.attendance.dating import HOUR_MS, LATENCY_MS, NEAR_MS, SLACK_MS, Contact, Dater, Logged, Moment
from server.devices.models import CARRIED, contacts, entries
from server.devices.settling import held_nothing_more
from server.transparency import service as transparency

Read = tuple[entry.Entry, Logged]


@dataclass(frozen=True)
class DeviceLog:
    """`context`: entries before those asked for, by which a boot without contact is bounded; then `entries`."""

    device: RowMapping
    context: tuple[Read, ...]
    entries: tuple[Read, ...]
    dater: Dater


def read(connection: Connection, device: RowMapping, first_ms: int, cutoff_ms: int) -> DeviceLog:
    """All that may have happened since `first_ms`, as received by `cutoff_ms`; Conflict where it was altered here.

    An entry is dated before its receipt, or little later. So what was received earlier concerns nobody: it is neither
    read nor hashed, and the rest is verified against the checkpoints that the device signed before and after it.
    """
    name = device["device"]
    since_ms = max(0, first_ms - 2 * SLACK_MS)
    asked = transparency.first_received(connection, name, since_ms)
    rows = transparency.verified(connection, name, _beginning(connection, name, asked, cutoff_ms), cutoff_ms)
    found = []
    for row in rows:
        try:
            decoded = entry.decode(row.bytes)
        except ProtocolError:
            continue
        if (decoded.device, decoded.seq) == (name, row.seq):
            found.append((decoded, row.received_ms, row.contact))
    log, dater = dated(connection, device, found, since_ms, cutoff_ms)
    context = tuple(one for one in log if one[0].seq < asked)
    return DeviceLog(device, context, tuple(log[len(context) :]), dater)


def dated(
    connection: Connection,
    device: RowMapping,
    found: Sequence[tuple[entry.Entry, int, int]],
    since_ms: int,
    cutoff_ms: int,
) -> tuple[list[Read], Dater]:
    """Entries, given with when they were received (few of them before `since_ms`) and by which contact, and what
    dates them."""
    name = device["device"]
    after = _nothing_left(connection, name, {contact for _, _, contact in found}, since_ms, cutoff_ms)
    log = [(said, Logged(_moment(said), received_ms, after[contact])) for said, received_ms, contact in found]
    moments = {one.made for one in after.values() if one} | {logged.moment for _, logged in log}
    heard = _contacts(connection, name, moments, cutoff_ms)
    return log, Dater(heard, [logged for _, logged in log], device["claimed_ms"] or 0)


def _moment(said: entry.Entry) -> Moment:
    return Moment(said.boot, said.boottime_ms, said.wall_ms, said.clock)


def _beginning(connection: Connection, device: str, asked: int, cutoff_ms: int) -> int:
    """Where to read from, so that the boot of entry `asked` can be dated: there, or at the end of the last boot before
    it that has a contact."""
    query = select(entries.c.seq, entries.c.bytes).where(entries.c.device == device, entries.c.seq <= asked)
    boot, has_contact = "", False
    with connection.execute(query.order_by(entries.c.seq.desc())) as rows:
        for seq, data in rows:
            try:
                of_entry = entry.decode(data).boot
            except ProtocolError:
                continue
            if of_entry != boot:
                boot, has_contact = of_entry, _has_contact(connection, device, of_entry, cutoff_ms)
            if has_contact:
                return int(seq)
    return 0


def _has_contact(connection: Connection, device: str, boot: str, cutoff_ms: int) -> bool:
    live = func.abs(contacts.c.signed_ms - contacts.c.wall_ms) <= LATENCY_MS
    query = select(contacts.c.contact).where(contacts.c.device == device, contacts.c.boot == boot, live)
    return connection.execute(query.where(contacts.c.server_ms <= cutoff_ms).limit(1)).first() is not None


def _contacts(connection: Connection, device: str, moments: Iterable[Moment], cutoff_ms: int) -> list[Contact]:
    """The contacts that date moments: those near them, or else the nearest, with what came in the hour before."""
    spans: dict[str, tuple[int, int]] = {}
    for said in moments:
        first, last = spans.get(said.boot, (said.boottime_ms, said.boottime_ms))
        spans[said.boot] = min(first, said.boottime_ms), max(last, said.boottime_ms)
    made = contacts.c.boottime_ms
    rows: list[RowMapping] = []
    for boot, (first, last) in spans.items():
        known = (contacts.c.device == device) & (contacts.c.boot == boot) & (contacts.c.server_ms <= cutoff_ms)
        before = connection.execute(select(func.max(made)).where(known, made < first - NEAR_MS)).scalar()
        after = connection.execute(select(func.min(made)).where(known, made > last + NEAR_MS)).scalar()
        begin = first - NEAR_MS if before is None else before
        end = last + NEAR_MS if after is None else after
        rows += connection.execute(select(contacts).where(known, made >= begin - HOUR_MS, made <= end)).mappings()
    return [Contact.of(row) for row in sorted(rows, key=lambda row: row["contact"])]


def _nothing_left(
    connection: Connection, device: str, of_entries: set[int], since_ms: int, cutoff_ms: int
) -> dict[int, Contact | None]:
    """Contact that brought entries → the last before it that left the device nothing more to send."""
    columns = select(contacts).where(contacts.c.device == device, contacts.c.signed_ms != CARRIED)
    heard = contacts.c.server_ms
    rows = connection.execute(columns.where(heard >= since_ms, heard <= cutoff_ms)).mappings()
    known = [row for row in rows if held_nothing_more(row["status"])]
    with connection.execute(columns.where(heard < since_ms).order_by(heard.desc())) as older:
        known += islice((row for row in older.mappings() if held_nothing_more(row["status"])), 1)
    known.sort(key=lambda row: row["contact"])
    found = {}
    for contact in of_entries:
        place = bisect_left(known, contact, key=lambda row: row["contact"]) - 1
        found[contact] = Contact.of(known[place]) if place >= 0 else None
    return found
