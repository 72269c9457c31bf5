"""Two views of the same logs, compared: `hadir audit diff A B`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from audit.further.check import Evidence, read_bounded
from audit.further.national import NationalLog, open_log_checkpoint, open_national
from audit.report import escape, escape_bytes
from audit.sources import AuditError, Source
from audit.verify import DeviceLog
from protocol.checkpoint import Checkpoint
from protocol.errors import ProtocolError
from protocol.merkle import Frontier
from protocol.note import Verifier
from protocol.proof import in_memory

SHOWN = 20  # differing entries of a device that are shown with their bytes
_NOTE_BYTES = 1 << 16
T = TypeVar("T")


def compare_logs(a: Source, b: Source) -> Iterator[tuple[bool, str]]:
    """(whether the views contradict each other there, what to say) of each device, by name."""
    for left, right in _paired(a.logs, b.logs, lambda log: log.name):
        if left is not None and right is not None:
            yield from _compare(left, right)
        elif left is not None:
            yield b.whole, f"{escape(left.name)}: in A only"
        elif right is not None:
            yield a.whole, f"{escape(right.name)}: in B only"


def _compare(a: DeviceLog, b: DeviceLog) -> Iterator[tuple[bool, str]]:
    """Entries by place. What one view alone holds before or after all that both hold contradicts nothing."""
    name = escape(a.name)
    same = different = shown = 0
    alone: dict[str, list[int]] = {"A": [], "B": []}  # since the last place that both hold
    for left, right in _paired(a.entries, b.entries, lambda row: row[0]):
        if left is not None and right is not None:
            for view, seqs in alone.items():
                if seqs and same + different:
                    different += len(seqs)
                    yield True, f"{name}: entries {seqs[0]} to {seqs[-1]}, {len(seqs)} of them, are in {view} only"
            alone = {"A": [], "B": []}
            same += left[1] == right[1]
            different += left[1] != right[1]
            if left[1] != right[1] and (shown := shown + 1) <= SHOWN:
                both = f"\n    A: {escape_bytes(left[1])}\n    B: {escape_bytes(right[1])}"
                yield True, f"{name}: entry {left[0]} differs{both}"
        elif left is not None:
            alone["A"].append(left[0])
        elif right is not None:
            alone["B"].append(right[0])
    texts = {size: note.partition(b"\n\n")[0] for size, note, _ in a.checkpoints}
    for size, note, _ in b.checkpoints:
        if texts.get(size, text := note.partition(b"\n\n")[0]) != text:
            different += 1
            yield True, f"{name}: the checkpoints of size {size} differ: whoever holds the device's key signed two logs"
    more = "".join(f"; {view} goes on with {len(seqs)} more" for view, seqs in alone.items() if seqs)
    yield different > 0, f"{name}: {same} entries are the same, {different} differ{more}"


def _paired(a: Iterable[T], b: Iterable[T], place: Callable[[T], Any]) -> Iterator[tuple[T | None, T | None]]:
    """Merge two runs that rise by `place`: what stands at the same place comes together."""
    left, right = iter(a), iter(b)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and place(one) < place(other)):
            yield one, None
            one = next(left, None)
        elif one is None or place(other) < place(one):
            yield None, other
            other = next(right, None)
        else:
            yield one, other
            one, other = next(left, None), next(right, None)


def is_note(path: Path) -> bool:
    """Whether this is a file with a signed note, not a database or folder."""
    if not path.is_file() or path.stat().st_size >= _NOTE_BYTES:
        return False
    data = read_bounded(path)
    return "\n\n— ".encode() in data and b"\0" not in data


@contextmanager
def open_view(text: str) -> Iterator[NationalLog]:
    """The national log of a source, or a checkpoint of it alone in a file."""
    if is_note(Path(text)):
        yield NationalLog(text, "", read_bounded(Path(text)), iter(()))
    else:
        with open_national(text) as log:
            yield log


def compare_national(a: NationalLog, b: NationalLog, log_key: Verifier) -> tuple[str, Evidence | None]:
    """What two signed states of the national log say of each other, and evidence when they contradict each other.

    AuditError when the leaves of the larger are needed and its view does not hold them.
    """
    try:
        views = [(open_log_checkpoint(log, log_key), log) for log in (a, b)]
    except ProtocolError as error:
        raise AuditError(f"a checkpoint of the national log: {error}") from error
    (older, old), (newer, new) = sorted(views, key=lambda view: view[0].size)
    if older.size == newer.size:
        if older.root == newer.root:
            return f"national log: the same {older.size} leaves", None
        return _contradiction(older, newer), Evidence(old.note, new.note, newer.root, ())
    leaves = list(new.leaves)[: newer.size]
    if Frontier().append(leaves).root() != newer.root:
        raise AuditError(
            f"{new.title}: its {len(leaves)} leaves do not give the root of its checkpoint of {newer.size}; without"
            " them two checkpoints of different sizes cannot be compared (see hadir audit national)"
        )
    tree = in_memory(leaves)
    root = tree.root(0, older.size) if older.size else older.root
    if root == older.root:
        return f"national log: the {newer.size} leaves of the one continue the {older.size} of the other", None
    evidence = Evidence(old.note, new.note, root, tuple(tree.consistency(older.size, newer.size)))
    return _contradiction(older, newer), evidence


def _contradiction(older: Checkpoint, newer: Checkpoint) -> str:
    return f"national log: TWO LOGS were signed, of {older.size} and {newer.size} leaves; neither continues the other"
