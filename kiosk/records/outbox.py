"""What waits to be sent: the journal's entries in batches, each compared with what the station signed.

The whole backlog is hashed once, up to the checkpoint that the station signed with its newest entry. The tree at the
end of each batch is kept from that, so that a batch costs its own entries when it is sent, and new entries cost theirs.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

from kiosk.errors import SyncError
from kiosk.records.journal import JournalReader
from protocol.batch import FULL_BYTES, FULL_ENTRIES
from protocol.checkpoint import Checkpoint, open_checkpoint
from protocol.errors import ProtocolError
from protocol.merkle import EMPTY_ROOT, Frontier
from protocol.note import Verifier

BATCH_ENTRIES, BATCH_BYTES = FULL_ENTRIES, FULL_BYTES
"""Of the entries before they are packed. Even what cannot be packed any smaller then takes a minute at 64 kbit/s."""


class Outbox:
    """The station's journal, which a new device does not have yet: then it is empty."""

    def __init__(self, path: Path, verifier: Verifier) -> None:
        """`verifier`: of the device's own key, which the station signs with."""
        self._path = path
        self._verifier = verifier
        self._reader: JournalReader | None = None
        self._note: bytes | None = None
        self._roots: dict[int, bytes] = {}  # of the tree at the ends of batches, by size: as in the checkpoint `_note`
        self._last = Frontier()  # where the last batch begins, to which entries may be added

    def size(self) -> int:
        """Number of entries."""
        reader = self._opened()
        return reader.size() if reader else 0

    def base(self) -> Frontier:
        """The tree of what was pruned."""
        reader = self._opened()
        return reader.base() if reader else Frontier()

    def newest(self) -> bytes | None:
        """The last entry."""
        reader = self._opened()
        found = reader.read(max(0, reader.size() - 1), 1) if reader else []
        return found[0] if found else None

    def key_changes(self) -> list[bytes]:
        """The entries that changed the device's key."""
        reader = self._opened()
        return reader.key_changes() if reader else []

    def tree(self, size: int) -> Frontier:
        """The tree of the first `size` entries, which must be there; none may lie before `base`."""
        reader, tree = self._opened(), self.base()
        while reader and tree.size < size:
            tree = tree.append(reader.read(tree.size, min(5000, size - tree.size)))
        return tree

    def next_batch(self, acknowledged: Frontier) -> tuple[list[bytes], Frontier]:
        """The entries after those acknowledged, none when nothing waits, and the tree with them.

        Raises:
            SyncError: what waits is not what the station signed when it wrote it, or is less than was acknowledged.
        """
        signed = self._compare(acknowledged)
        entries = self._read(acknowledged.size, signed)
        grown = acknowledged.append(entries)
        if self._roots.get(grown.size) != grown.root():
            raise self._altered(acknowledged.size)
        return entries, grown

    def follows(self, tree: Frontier) -> bool:
        """Whether what the station signed goes on from this tree."""
        try:
            self._compare(tree)
        except SyncError:
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()

    def _compare(self, acknowledged: Frontier) -> int:
        """Have in `_roots` what the station signed beyond what is acknowledged; the size that it signed."""
        reader = self._opened()
        note = reader.checkpoint() if reader else None
        checkpoint = self._open(note)
        if checkpoint.size < acknowledged.size:
            raise SyncError(
                f"the server has {acknowledged.size} entries, the journal {checkpoint.size}: the card was replaced by "
                "an older one, or the journal is gone. Claim the device again under a new name"
            )
        known = self._roots.get(acknowledged.size) == acknowledged.root()
        if known and note == self._note:
            return checkpoint.size
        if not known or acknowledged.size > self._last.size:
            self._last, self._roots = acknowledged, {acknowledged.size: acknowledged.root()}
        tree = self._last
        while entries := self._read(tree.size, checkpoint.size):
            self._last, tree = tree, tree.append(entries)
            self._roots[tree.size] = tree.root()
        if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
            self._roots.clear()
            raise self._altered(acknowledged.size)
        self._note = note
        return checkpoint.size

    def _open(self, note: bytes | None) -> Checkpoint:
        if note is None:
            return Checkpoint(self._verifier.name, 0, EMPTY_ROOT)
        try:
            return open_checkpoint(note, self._verifier)
        except ProtocolError as error:
            raise SyncError(f"the journal's checkpoint is not the station's ({error}): nothing is sent") from error

    def _altered(self, first: int) -> SyncError:
        return SyncError(
            f"entries from {first} on are not what the station signed when it wrote them: nothing is sent. "
            "Keep the card as it is and call the administrator"
        )

    def _read(self, first: int, end: int) -> list[bytes]:
        """The batch that begins at `first`; nothing from `end` on."""
        reader = self._opened()
        entries = reader.read(first, min(BATCH_ENTRIES, end - first)) if reader and first < end else []
        sizes = accumulate(len(data) for data in entries)
        return entries[: max(1, sum(size <= BATCH_BYTES for size in sizes))]

    def _opened(self) -> JournalReader | None:
        if self._reader is None and self._path.exists():
            self._reader = JournalReader(self._path)
        return self._reader
