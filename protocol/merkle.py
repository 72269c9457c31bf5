"""The Merkle tree of a log (RFC 6962, section 2.1), kept as its frontier so that appending needs no old leaf."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from protocol.errors import ProtocolError

EMPTY_ROOT = sha256(b"").digest()
KEPT_LEVELS = 8
"""Nodes of each eighth level are worth keeping: proofs are made of them (`protocol/proof.py`)."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of one entry's bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of the perfect subtrees of a tree of `size` leaves, largest first: enough to go on appending.

    Immutable, so that a batch that turns out wrong leaves nothing behind.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def append(self, leaves: Iterable[bytes], kept: list[tuple[int, int, bytes]] | None = None) -> Frontier:
        """The frontier after appending entries, given as their bytes.

        `kept` receives (level, position, hash) of each perfect subtree of 2^8, 2^16, … leaves that became full.
        """
        size, nodes = self.size, list(self.nodes)
        for data in leaves:
            node = leaf_hash(data)
            position, level = size, 0
            while position & 1:
                node = node_hash(nodes.pop(), node)
                position >>= 1
                level += 1
                if kept is not None and level % KEPT_LEVELS == 0:
                    kept.append((level, position, node))
            nodes.append(node)
            size += 1
        return Frontier(size, tuple(nodes))

    def root(self) -> bytes:
        """The tree's root hash, 32 bytes."""
        if not self.nodes:
            return EMPTY_ROOT
        *rest, root = self.nodes
        for node in reversed(rest):
            root = node_hash(node, root)
        return root

    def encode(self) -> bytes:
        """The nodes one after another; the size is kept beside them."""
        return b"".join(self.nodes)

    @classmethod
    def decode(cls, size: int, data: bytes) -> Frontier:
        """Inverse of `encode`; ProtocolError when the number of nodes does not fit the size."""
        if size < 0 or len(data) != 32 * size.bit_count():
            raise ProtocolError(f"frontier: {len(data)} bytes do not fit a tree of {size} leaves")
        return cls(size, tuple(data[i : i + 32] for i in range(0, len(data), 32)))
