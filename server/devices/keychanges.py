"""The keys that devices signed with, one after another: what both keys signed, kept byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from protocol import entry
from protocol.keychange import KIND, KeyChain, KeyEnded
from protocol.note import Verifier
from server.devices.models import device_keys, devices, entries
from server.errors import NotFound


def chain(connection: Connection, device: str) -> KeyChain:
    """The keys of a claimed device, from that of its claim on; NotFound when there is no such device."""
    first = connection.execute(select(devices.c.signing_key).where(devices.c.device == device)).scalar()
    if first is None:
        raise NotFound(f"there is no claimed device {device!r}")
    return KeyChain.of([Verifier.parse(first)], changes(connection, device).values())


def changes(connection: Connection, device: str, first: int = 0) -> dict[int, bytes]:
    """The changes of a device's key from entry `first` on: sequence number → the entry's bytes, in order."""
    query = select(device_keys.c.seq, device_keys.c.bytes).where(
        device_keys.c.device == device, device_keys.c.seq >= first
    )
    return {seq: bytes(data) for seq, data in connection.execute(query.order_by(device_keys.c.seq))}


def keep(connection: Connection, device: str, data: bytes, now_ms: int) -> str:
    """Keep a change of key that the device announced; '' when it holds, or held before, else why it does not.

    ProtocolError for what is no change of this device's key, or is not signed by both keys.
    """
    change = entry.decode(data)
    held = chain(connection, device)
    if held.changes.get(change.seq) == data:
        return ""
    try:
        held.changed(data)
    except KeyEnded as error:
        return str(error)
    query = select(entries.c.bytes).where(entries.c.device == device, entries.c.seq == change.seq)
    stored = connection.execute(query).scalar()
    if stored not in (None, data):
        return f"entry {change.seq}, a change of key that both keys signed, is held with other bytes"
    row = {"device": device, "seq": change.seq, "bytes": data, "received_ms": now_ms}
    connection.execute(insert(device_keys).values(row))
    return ""


def differing(connection: Connection, device: str, first: int, sent: Sequence[bytes], kinds: Iterable[str]) -> str:
    """Why entries of these kinds, the first of which is entry `first`, do not agree with what was announced, or ''."""
    announced = changes(connection, device, first)
    for seq, (data, kind) in enumerate(zip(sent, kinds, strict=True), start=first):
        if (kind == KIND or seq in announced) and announced.get(seq) != data:
            return f"entry {seq} is not the change of key that was announced"
    return ""
