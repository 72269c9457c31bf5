"""Inclusion and consistency proofs of RFC 6962, made from a few stored nodes, and checked (RFC 9162, section 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from protocol.errors import ProtocolError
from protocol.merkle import KEPT_LEVELS, Frontier, leaf_hash, node_hash

_BLOCK = 1 << KEPT_LEVELS
MAX_PROOF = 64
"""Hashes: enough for 2^63 leaves."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of `size` leaves as it is stored.

    `leaves(first, end)` gives entries' bytes; `kept(level, first, end)` gives the roots of the perfect subtrees of
    2^level leaves, for each level that is a multiple of KEPT_LEVELS above 0; where it gives fewer, they are computed
    from below. ProtocolError when a leaf is missing.
    """

    size: int
    leaves: Callable[[int, int], Sequence[bytes]]
    kept: Callable[[int, int, int], Sequence[bytes]]
    _blocks: dict[tuple[int, int], list[bytes]] = field(default_factory=dict, repr=False, compare=False)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The hashes from the sibling of leaf `index` up to the children of the root of the first `size` leaves."""
        if not 0 <= index < size <= self.size:
            raise ProtocolError(f"proof: leaf {index} of {size}: the log has {self.size} leaves")
        return self._path(index, 0, size)

    def consistency(self, old: int, size: int) -> list[bytes]:
        """The hashes that show the tree of `old` leaves inside that of `size` leaves; none from 0 or to itself."""
        if not 0 <= old <= size <= self.size:
            raise ProtocolError(f"proof: from {old} to {size}: the log has {self.size} leaves")
        return self._subproof(old, 0, size, whole=True) if 0 < old < size else []

    def root(self, first: int, end: int) -> bytes:
        """The root of the leaves `first` to `end` (not included), which must be a subtree of an RFC 6962 tree."""
        nodes: list[bytes] = []
        while first < end:
            level = (end - first).bit_length() - 1
            nodes.append(self._perfect(level, first >> level))
            first += 1 << level
        root = nodes.pop()
        while nodes:
            root = node_hash(nodes.pop(), root)
        return root

    def _path(self, index: int, first: int, end: int) -> list[bytes]:
        """PATH of RFC 6962, section 2.1.1."""
        if end - first == 1:
            return []
        middle = first + _split(end - first)
        if index < middle:
            return [*self._path(index, first, middle), self.root(middle, end)]
        return [*self._path(index, middle, end), self.root(first, middle)]

    def _subproof(self, old: int, first: int, end: int, whole: bool) -> list[bytes]:
        """SUBPROOF of RFC 6962, section 2.1.2; `old` counts from the first leaf of all."""
        if old == end:
            return [] if whole else [self.root(first, end)]
        middle = first + _split(end - first)
        if old <= middle:
            return [*self._subproof(old, first, middle, whole), self.root(middle, end)]
        return [*self._subproof(old, middle, end, False), self.root(first, middle)]

    def _perfect(self, level: int, position: int) -> bytes:
        base = level - level % KEPT_LEVELS
        first = position << level - base
        at = first % _BLOCK
        if (base, first // _BLOCK) not in self._blocks:
            self._blocks[base, first // _BLOCK] = self._block(base, first // _BLOCK)
        return _merged(self._blocks[base, first // _BLOCK][at : at + (1 << level - base)])

    def _block(self, level: int, number: int) -> list[bytes]:
        """Nodes of a level, or leaves' hashes: those that one node of the level above it in storage stands for."""
        first = number * _BLOCK
        end = min(first + _BLOCK, self.size >> level)
        if not level:
            leaves = self.leaves(first, end)
            if len(leaves) != end - first:
                raise ProtocolError(f"proof: of the entries {first} to {end - 1}, {len(leaves)} are stored")
            return [leaf_hash(data) for data in leaves]
        nodes = list(self.kept(level, first, end))
        if len(nodes) != end - first:
            nodes = [_merged(self._block(level - KEPT_LEVELS, below)) for below in range(first, end)]
        return nodes


def in_memory(leaves: Sequence[bytes]) -> Tree:
    """The tree of leaves that are all at hand."""
    made: list[tuple[int, int, bytes]] = []
    Frontier().append(leaves, made)
    nodes = {(level, position): node for level, position, node in made}
    return Tree(
        len(leaves),
        lambda first, end: leaves[first:end],
        lambda level, first, end: [nodes[level, position] for position in range(first, end)],
    )


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """ProtocolError unless `proof` shows that entry `leaf` (its bytes) is number `index` of the tree of this root."""
    if not 0 <= index < size:
        raise ProtocolError(f"proof: there is no leaf {index} in a tree of {size}")
    node, last, at = leaf_hash(leaf), size - 1, index
    for sibling in proof:
        if last == 0:
            raise ProtocolError("proof: longer than the tree is high")
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    if last or node != root:
        raise ProtocolError(f"proof: does not show that this is leaf {index} of the tree of {size} leaves")


def check_consistency(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """ProtocolError unless `proof` shows that the tree of `old` leaves is the beginning of that of `size` leaves."""
    failed = ProtocolError(f"proof: does not show that the tree of {old} leaves is the beginning of that of {size}")
    if not 0 <= old <= size:
        raise failed
    if old in (0, size):
        expected = root if old else Frontier().root()
        if proof or old_root != expected:
            raise failed
        return
    nodes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not nodes:
        raise failed
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise failed
        if at & 1 or at == last:
            before, after = node_hash(node, before), node_hash(node, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, node)
        at, last = at >> 1, last >> 1
    if last or before != old_root or after != root:
        raise failed


def _merged(nodes: list[bytes]) -> bytes:
    """The root over 2^n nodes of one level."""
    while len(nodes) > 1:
        nodes = [node_hash(left, right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
    return nodes[0]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
