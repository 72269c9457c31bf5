"""The national log: the device checkpoints that the server accepted, under checkpoints of its own."""

from __future__ import annotations

from sqlalchemy import Connection, select

from protocol.checkpoint import Checkpoint
from protocol.merkle import Frontier
from protocol.national import MAX_BUNDLE
from protocol.note import Signer
from protocol.tlog import LogProof
from server.errors import NotFound
from server.transparency import trees
from server.transparency.models import national_leaves, national_log


def append(connection: Connection, log_key: Signer, device: str, size: int, note: bytes) -> None:
    """Add the checkpoint of `size` entries that was just accepted from a device, and sign the log with it."""
    frontier = _held(connection)
    row = {"position": frontier.size, "device": device, "size": size, "note": note}
    connection.execute(national_leaves.insert(), row)
    made: list[tuple[int, int, bytes]] = []
    after = frontier.append([note], made)
    trees.keep(connection, trees.NATIONAL, made)
    note = Checkpoint.of(log_key.name, after).sign(log_key)
    state = {"size": after.size, "frontier": after.encode(), "note": note, "key": str(log_key.verifier)}
    connection.execute(national_log.update() if frontier.size else national_log.insert(), state)


def checkpoint(connection: Connection) -> tuple[int, bytes]:
    """Size of the log and its signed checkpoint; NotFound before the first batch."""
    row = connection.execute(select(national_log.c.size, national_log.c.note)).first()
    if row is None:
        raise NotFound("the national log is empty: no device has sent a batch yet")
    return row.size, bytes(row.note)


def leaves(connection: Connection, first: int, end: int) -> list[bytes]:
    """The leaves `first` to `end` (not included), at most MAX_BUNDLE."""
    query = select(national_leaves.c.note).where(
        national_leaves.c.position >= first, national_leaves.c.position < min(end, first + MAX_BUNDLE)
    )
    return list(connection.execute(query.order_by(national_leaves.c.position)).scalars())


def prove(connection: Connection, device: str, size: int) -> LogProof | None:
    """That a device's checkpoint of `size` entries is in the log; None when it came before there was one."""
    where = (national_leaves.c.device == device) & (national_leaves.c.size == size)
    position = connection.execute(select(national_leaves.c.position).where(where)).scalar()
    if position is None:
        return None
    held, note = checkpoint(connection)
    return LogProof(position, tuple(trees.national_tree(connection, held).inclusion(position, held)), note)


def _held(connection: Connection) -> Frontier:
    row = connection.execute(select(national_log.c.size, national_log.c.frontier)).first()
    return Frontier() if row is None else Frontier.decode(row.size, row.frontier)
