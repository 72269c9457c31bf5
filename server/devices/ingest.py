"""Batches into the database: verified against the device's signed log, stored byte for byte, then acknowledged."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import dialect, insert
from sqlalchemy.exc import IntegrityError

from protocol import canonical, entry
from protocol.batch import Batch, unpack
from protocol.checkpoint import open_checkpoint
from protocol.cursor import Cursor
from protocol.errors import ProtocolError
from protocol.merkle import Frontier
from protocol.note import Signer
from protocol.request import RequestSignature
from server.clock import Clock
from server.database import Database
from server.devices import keychanges, settling
from server.devices.models import CARRIED, checkpoints, conflicts, contacts, entries, logs
from server.devices.service import CLOCK_TOLERANCE_MS, Device, flag
from server.errors import Refused
from server.transparency import national, trees

MAX_CONFLICTS = 1000
"""Kept a device: enough to prove a fork, too little to fill the disk."""

_INSERT = str(
    entries.insert()
    .values(dict.fromkeys(("device", "seq", "bytes", "kind", "quarantined", "received_ms", "contact")))
    .compile(dialect=dialect())
)

MAX_STATUS = 4096
"""Bytes of what a device says of itself at a contact."""


@dataclass(frozen=True)
class Outcome:
    """`cursor`: what the server holds now, unsigned; `problem`: '' when the batch was accepted, else what to do."""

    cursor: Cursor
    problem: str = ""


def receive(
    database: Database,
    log_key: Signer,
    device: Device,
    signature: RequestSignature,
    body: bytes,
    clock: Clock,
    *,
    heard_ms: int | None = None,
    carried: bool = False,
) -> Outcome:
    """Take a batch that `device` sent with this request signature. Durable when it returns, in the national log too.

    `heard_ms`: when the request began to arrive, if not just now; a slow link and a queue here are no error of the
    device's clock. Nothing else rests on it: what the batch says may have been written until its end.
    `carried`: it came by hand, at a time that says nothing of the device's clock, and may come again.
    ProtocolError for bytes that are not this device's batch; Refused for a request that was heard before, or that
    brings nothing and was overtaken by a later one.
    """
    batch = unpack(body)
    if batch.device != device.name:
        raise ProtocolError(f"batch: of device {batch.device}, sent by {device.name}")
    checkpoint = open_checkpoint(batch.checkpoint, device.verifier)
    if checkpoint.size != batch.first + len(batch.entries):
        raise ProtocolError(
            f"batch: entries {batch.first} to {batch.first + len(batch.entries)} with a checkpoint of {checkpoint.size}"
        )
    if len(canonical.encode(batch.status)) > MAX_STATUS:
        raise ProtocolError(f"batch: a status longer than {MAX_STATUS} bytes")
    # Before the writer is waited for: this takes the longest, and others can write meanwhile.
    judged = [judge(device.name, seq, data) for seq, data in enumerate(batch.entries, start=batch.first)]
    epoch, now_ms = database.value("epoch"), clock.now_ms()
    with database.write() as connection:
        before, _, _ = _held(connection, device.name)
        contact = _contact(connection, batch, signature, now_ms, clock.kind, carried)
        problem, size, root = _store(connection, log_key, batch, judged, checkpoint.root, contact, now_ms)
        told = batch.status | {"waiting": _waiting(batch, size, accepted=not problem)}
        status = json.dumps(told, ensure_ascii=False)
        connection.execute(contacts.update().where(contacts.c.contact == contact).values(status=status))
        if batch.first > before and not carried:  # what a stick lacks is said to whoever brings it
            flag(connection, device.name, "gap", problem, now_ms)
        if size == before and carried:  # the same stick again leaves nothing: nobody was heard anew
            connection.execute(contacts.delete().where(contacts.c.contact == contact))
        elif size == before:
            settling.settle(connection, contact, accepted=not problem)
        error_ms = max(batch.wall_ms - now_ms, min(0, batch.wall_ms - (now_ms if heard_ms is None else heard_ms)))
        if abs(error_ms) > CLOCK_TOLERANCE_MS and not carried:
            flag(connection, device.name, "clock", f"differs from the server's by {error_ms / 1000:+.0f} s", now_ms)
    return Outcome(Cursor(device.name, epoch, size, root, now_ms), problem)


def cursor(database: Database, device: Device, now_ms: int) -> Cursor:
    """What the server holds of a device's log."""
    with database.read() as connection:
        size, _, root = _held(connection, device.name)
    return Cursor(device.name, database.value("epoch"), size, root, now_ms)


def _contact(
    connection: Connection, batch: Batch, signature: RequestSignature, now_ms: int, clock: str, carried: bool
) -> int:
    row = {
        "device": batch.device,
        # Of carried ones a nonce of our own: it may come again, and must not be taken for an earlier contact.
        "nonce": secrets.token_hex(16) if carried else signature.nonce,
        "boot": batch.boot,
        "boottime_ms": batch.boottime_ms,
        "wall_ms": batch.wall_ms,
        "clock": batch.clock,
        "signed_ms": CARRIED if carried else signature.time_ms,
        "server_ms": now_ms,
        "server_clock": clock,
        "status": "{}",
    }
    try:
        return int(connection.execute(contacts.insert().returning(contacts.c.contact), row).scalar_one())
    except IntegrityError as error:
        raise Refused("this very request was heard before; sign each request with a new nonce") from error


def _waiting(batch: Batch, held: int, *, accepted: bool) -> int:
    """How many entries the device had, as it made the batch, that are not held now: a full one believes its word."""
    waiting = batch.first + len(batch.entries) - held
    if batch.full:
        stated = batch.status.get("backlog")
        waiting += max(0, stated) if type(stated) is int else 1
    return max(waiting, 0 if accepted else 1)


def _store(
    connection: Connection,
    log_key: Signer,
    batch: Batch,
    judged: list[tuple[str, str]],
    root: bytes,
    contact: int,
    now_ms: int,
) -> tuple[str, int, bytes]:
    """The problem ('' for none), and the size and root of the log as held afterwards."""
    device, size = batch.device, batch.first + len(batch.entries)
    held, frontier, held_root = _held(connection, device)
    if batch.first > held:
        return f"entries {held} to {batch.first - 1} are missing here: send from {held}", held, held_root
    known = min(held, size) - batch.first
    if problem := _compare(connection, batch, known, now_ms):
        return problem, held, held_root
    new = batch.entries[known:]
    if problem := keychanges.differing(connection, device, held, new, (kind for kind, _ in judged[known:])):
        flag(connection, device, "key", problem, now_ms)
        return f"{problem}: nothing was stored; the device announces it first", held, held_root
    made: list[tuple[int, int, bytes]] = []
    after = frontier.append(new, made)
    expected = after.root() if size >= held else _root_at(connection, device, size)
    if expected != root:
        detail = f"the checkpoint of {size} entries has another root than its entries"
        flag(connection, device, "root", detail, now_ms)
        return f"{detail}: nothing was stored; the device's journal needs a look", held, held_root
    if not new:
        return "", held, held_root
    rows = [
        (device, seq, data, kind, quarantined, now_ms, contact)
        for seq, data, (kind, quarantined) in zip(range(held, size), new, judged[known:], strict=True)
    ]
    # The driver's own way: what SQLAlchemy does for each parameter takes longer than SQLite.
    connection.exec_driver_sql(_INSERT, rows)
    for seq, (_, quarantined) in zip(range(held, size), judged[known:], strict=True):
        if quarantined:
            flag(connection, device, "quarantined", f"entry {seq}: {quarantined}", now_ms)
    state = {"size": size, "frontier": after.encode(), "root": root}
    connection.execute(logs.update().where(logs.c.device == device), state)
    note = {"device": device, "note": batch.checkpoint, "received_ms": now_ms}
    connection.execute(checkpoints.insert(), state | note)
    trees.keep(connection, device, made)
    national.append(connection, log_key, device, size, batch.checkpoint)
    return "", size, root


def _held(connection: Connection, device: str) -> tuple[int, Frontier, bytes]:
    row = connection.execute(select(logs).where(logs.c.device == device)).mappings().one()
    return row["size"], Frontier.decode(row["size"], row["frontier"]), row["root"]


def _compare(connection: Connection, batch: Batch, known: int, now_ms: int) -> str:
    """Compare the first `known` entries with those held; a differing one is kept as evidence."""
    query = (
        select(entries.c.seq, entries.c.bytes)
        .where(entries.c.device == batch.device, entries.c.seq >= batch.first, entries.c.seq < batch.first + known)
        .order_by(entries.c.seq)
    )
    for (seq, held), sent in zip(connection.execute(query), batch.entries[:known], strict=True):
        if held == sent:
            continue
        detail = f"entry {seq} is held with other bytes"
        flag(connection, batch.device, "conflict", detail, now_ms)
        count = select(func.count()).select_from(conflicts).where(conflicts.c.device == batch.device)
        if connection.execute(count).scalar_one() < MAX_CONFLICTS:
            row = {"device": batch.device, "seq": seq, "sha256": sha256(sent).digest(), "held": held, "sent": sent}
            evidence = row | {"checkpoint": batch.checkpoint, "received_ms": now_ms}
            connection.execute(insert(conflicts).values(evidence).on_conflict_do_nothing())
        return f"{detail}: both are kept as evidence; the device needs a look and a new claim"
    return ""


def _root_at(connection: Connection, device: str, size: int) -> bytes:
    """The root that the held log had with `size` entries."""
    query = select(checkpoints).where(checkpoints.c.device == device, checkpoints.c.size <= size)
    row = connection.execute(query.order_by(checkpoints.c.size.desc()).limit(1)).mappings().first()
    frontier = Frontier() if row is None else Frontier.decode(row["size"], row["frontier"])
    leaves = select(entries.c.bytes).where(
        entries.c.device == device, entries.c.seq >= frontier.size, entries.c.seq < size
    )
    return frontier.append(connection.execute(leaves.order_by(entries.c.seq)).scalars()).root()


def judge(device: str, seq: int, data: bytes) -> tuple[str, str]:
    """The kind of an entry sent for this place, and '' or why it counts for nothing."""
    try:
        states_device, states_seq, kind = entry.identify(data)
    except ProtocolError as error:
        return "", str(error)
    if (states_device, states_seq) != (device, seq):
        return "", f"speaks of entry {states_seq} of {states_device}"
    return kind, ""
