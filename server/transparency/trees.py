"""The stored trees: nodes kept as entries arrive, and proofs made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, select

from protocol.proof import Tree
from protocol.tlog import LogProof
from server.devices.models import checkpoints, entries, logs
from server.errors import NotFound
from server.transparency.models import national_leaves, tree_nodes

NATIONAL = ""
"""The national log's name among the trees."""


def keep(connection: Connection, log: str, made: Iterable[tuple[int, int, bytes]]) -> None:
    """Store what `Frontier.append` gave to keep: (level, position, hash)."""
    rows = [{"log": log, "level": level, "position": at, "hash": node} for level, at, node in made]
    if rows:
        connection.execute(tree_nodes.insert(), rows)


def device_tree(connection: Connection, device: str) -> Tree:
    """The tree of a device's log; NotFound when there is none."""
    size = connection.execute(select(logs.c.size).where(logs.c.device == device)).scalar()
    if size is None:
        raise NotFound(f"there is no log of a device {device!r}")

    def leaves(first: int, end: int) -> list[bytes]:
        of_range = (entries.c.device == device) & (entries.c.seq >= first) & (entries.c.seq < end)
        return list(connection.execute(select(entries.c.bytes).where(of_range).order_by(entries.c.seq)).scalars())

    return _tree(connection, device, size, leaves)


def national_tree(connection: Connection, size: int) -> Tree:
    """The tree of the national log's first `size` leaves."""

    def leaves(first: int, end: int) -> list[bytes]:
        of_range = (national_leaves.c.position >= first) & (national_leaves.c.position < end)
        query = select(national_leaves.c.note).where(of_range).order_by(national_leaves.c.position)
        return list(connection.execute(query).scalars())

    return _tree(connection, NATIONAL, size, leaves)


def prove(connection: Connection, device: str, seq: int) -> tuple[bytes, LogProof]:
    """An entry's bytes, and the proof that it is in the device's log under a checkpoint that the device signed.

    Without the national log's part. The checkpoint is the first that covers the entry: proofs made at different times
    are then alike. NotFound for an entry that the log does not hold.
    """
    tree = device_tree(connection, device)
    of_entry = (entries.c.device == device) & (entries.c.seq == seq)
    data = connection.execute(select(entries.c.bytes).where(of_entry)).scalar()
    query = select(checkpoints.c.size, checkpoints.c.note).where(
        checkpoints.c.device == device, checkpoints.c.size > seq
    )
    first = connection.execute(query.order_by(checkpoints.c.size).limit(1)).first()
    if data is None or first is None:
        raise NotFound(f"the log of {device} holds no entry {seq}")
    return bytes(data), LogProof(seq, tuple(tree.inclusion(seq, first.size)), bytes(first.note))


def _tree(connection: Connection, log: str, size: int, leaves: Callable[[int, int], list[bytes]]) -> Tree:
    def kept(level: int, first: int, end: int) -> list[bytes]:
        of_range = (tree_nodes.c.log == log) & (tree_nodes.c.level == level)
        of_range &= (tree_nodes.c.position >= first) & (tree_nodes.c.position < end)
        query = select(tree_nodes.c.hash).where(of_range).order_by(tree_nodes.c.position)
        return list(connection.execute(query).scalars())

    return Tree(size, leaves, kept)
