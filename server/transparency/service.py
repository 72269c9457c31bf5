"""Device logs as an auditor reads them: bytes and signed checkpoints, nothing interpreted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from protocol.checkpoint import Checkpoint, stated_size
from protocol.errors import ProtocolError
from protocol.merkle import Frontier
from protocol.tlog import LogProof
from server.devices import keychanges
from server.devices.models import checkpoints, devices, entries, logs
from server.errors import Conflict, NotFound, Unauthenticated
from server.transparency import national, trees
from server.transparency.models import auditors

PAGE = 2000
"""Entries an answer."""
PAGE_BYTES = 8 << 20
"""Of entries an answer, but one at least: older ones may be longer than any that is taken today."""

CHECKPOINTS = 1000
"""Checkpoints an answer."""


@dataclass(frozen=True)
class Log:
    """A device's log: the key it was claimed with, how many entries the server holds, and the changes of the key."""

    device: str
    key: str
    size: int
    changes: list[bytes]


class Stored(NamedTuple):
    """An entry as stored; when it came, and by which contact."""

    seq: int
    bytes: bytes
    received_ms: int
    contact: int


def held_logs(connection: Connection) -> list[Log]:
    """All logs, by device; those of revoked devices too."""
    query = select(logs.c.device, devices.c.signing_key, logs.c.size).join(devices, devices.c.device == logs.c.device)
    return [
        Log(device, key, size, list(keychanges.changes(connection, device).values()))
        for device, key, size in connection.execute(query.order_by(logs.c.device))
    ]


def checkpoint(connection: Connection, device: str) -> bytes:
    """The newest checkpoint of a log, as the device signed it; NotFound before the first."""
    query = select(checkpoints.c.note).where(checkpoints.c.device == device)
    note = connection.execute(query.order_by(checkpoints.c.size.desc()).limit(1)).scalar()
    if note is None:
        raise NotFound(f"there is no checkpoint of a device {device!r}")
    return bytes(note)


def log_entries(connection: Connection, device: str, first: int, end: int) -> list[bytes]:
    """The entries `first` to `end` (not included) of a log, at most PAGE of them and PAGE_BYTES."""
    query = select(entries.c.bytes).where(
        entries.c.device == device, entries.c.seq >= first, entries.c.seq < min(end, first + PAGE)
    )
    found: list[bytes] = []
    size = 0
    with connection.execute(query.order_by(entries.c.seq)) as rows:
        for data in rows.scalars():
            size += len(data)
            if found and size > PAGE_BYTES:
                break
            found.append(data)
    return found


def log_checkpoints(connection: Connection, device: str, first: int) -> list[tuple[int, bytes, bytes]]:
    """(size, note, frontier) of the checkpoints of a log from size `first` on, at most CHECKPOINTS of them."""
    query = select(checkpoints.c.size, checkpoints.c.note, checkpoints.c.frontier).where(
        checkpoints.c.device == device, checkpoints.c.size >= first
    )
    return [tuple(row) for row in connection.execute(query.order_by(checkpoints.c.size).limit(CHECKPOINTS))]


def full_proof(connection: Connection, device: str, seq: int) -> tuple[bytes, LogProof]:
    """An entry's bytes and its proof, with that of the device's checkpoint in the national log as `extra`."""
    data, found = trees.prove(connection, device, seq)
    second = national.prove(connection, device, stated_size(found.checkpoint))
    return data, found if second is None else replace(found, extra=second.encode())


def first_received(connection: Connection, device: str, since_ms: int) -> int:
    """The first entry of the first batch with entries that came at `since_ms` or later; the size where none did."""
    sizes = select(func.min(checkpoints.c.size)).where(
        checkpoints.c.device == device, checkpoints.c.received_ms >= since_ms
    )
    size = connection.execute(sizes).scalar()
    query = select(func.max(checkpoints.c.size)).where(checkpoints.c.device == device)
    return connection.execute(query if size is None else query.where(checkpoints.c.size < size)).scalar() or 0


def verified(connection: Connection, device: str, first: int, cutoff_ms: int) -> list[Stored]:
    """Entries as stored, received by `cutoff_ms`, from `first` or a little before it on.

    What lies in a log before something that was received by then was, too, whatever a clock that had stepped said.
    Conflict when they do not lead from the checkpoint before them to the last: the device signed both. What lies before
    is not looked at: whoever alters it changes nothing of these, and `hadir audit verify` finds it.
    """
    held = (checkpoints.c.device == device) & (checkpoints.c.received_ms <= cutoff_ms)
    start = connection.execute(
        select(checkpoints).where(held, checkpoints.c.size <= first).order_by(checkpoints.c.size.desc()).limit(1)
    ).first()
    end = connection.execute(select(checkpoints).where(held).order_by(checkpoints.c.size.desc()).limit(1)).first()
    size = connection.execute(select(logs.c.size).where(logs.c.device == device)).scalar()
    newest = connection.execute(select(func.max(checkpoints.c.size)).where(checkpoints.c.device == device)).scalar()
    query = select(entries.c.seq, entries.c.bytes, entries.c.received_ms, entries.c.contact).where(
        entries.c.device == device,
        entries.c.seq >= (start.size if start else 0),
        (entries.c.seq < (end.size if end else 0)) | (entries.c.received_ms <= cutoff_ms),
    )
    rows = [Stored(*row) for row in connection.execute(query.order_by(entries.c.seq))]
    try:
        keys = keychanges.chain(connection, device)
        frontier = Frontier() if start is None else Frontier.decode(start.size, start.frontier)
        right = size == (newest or 0) and (start is None or _is_signed(frontier, keys.open(start.note)))
        right = right and all(row.seq == place for place, row in enumerate(rows, start=frontier.size))
        grown = frontier.append(row.bytes for row in rows)
        right = right and (_is_signed(grown, keys.open(end.note)) if end else not rows)
    except ProtocolError:
        right = False
    if not right:
        raise Conflict(
            f"the log of {device} as stored is not what the device signed: nothing is computed from it; "
            "see which entry with: hadir audit verify"
        )
    return rows


def _is_signed(frontier: Frontier, signed: Checkpoint) -> bool:
    return (frontier.size, frontier.root()) == (signed.size, signed.root)


def add_auditor(connection: Connection, name: str, now_ms: int) -> str:
    """A token by which an auditor may read the entries of all logs; shown once."""
    if connection.execute(select(auditors).where(auditors.c.name == name)).first():
        raise Conflict(f"auditor {name} is there already")
    token = secrets.token_urlsafe(24)
    row = {"name": name, "token_hash": sha256(token.encode()).digest(), "added_ms": now_ms}
    connection.execute(auditors.insert(), row)
    return token


def check_auditor(connection: Connection, authorization: str | None) -> None:
    """Unauthenticated unless the header carries an auditor's token."""
    scheme, _, token = (authorization or "").partition(" ")
    digest = sha256(token.encode()).digest()
    if scheme != "Bearer" or not connection.execute(select(auditors).where(auditors.c.token_hash == digest)).first():
        raise Unauthenticated(
            "entries are shown to auditors: send Authorization: Bearer TOKEN (hadir server auditor NAME)"
        )
