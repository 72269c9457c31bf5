"""Checks one device's log against what the device signed. Pure: values in, findings out.

A finding's `what`: `key` (none, another device's, not the pinned one, changed without both signatures), `checkpoint`
(not signed by the key of its time, or of another size), `unsigned` (no checkpoint vouches for what must have one),
`missing`, `extra` (stored where the log has no place), `entry` (bytes that are no entry of this device and place),
`altered` (entries that do not give the root that was signed), `log` (all of a device whose key is pinned is absent).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from protocol import entry
from protocol.checkpoint import Checkpoint, device_key
from protocol.errors import ProtocolError
from protocol.keychange import KIND, KeyChain
from protocol.merkle import Frontier
from protocol.note import Verifier

MAX_FINDINGS = 100
_Signed = list[tuple[Checkpoint, Frontier | None]]


@dataclass(frozen=True, slots=True)
class DeviceLog:
    """A device's log as a source holds it; nothing in it is believed.

    `keys`: what the source says are the verifier keys of the claim; `changes`: the entries that changed them, in order.
    `checkpoints`: (size, note, bytes of the tree's frontier at that size, or empty) by rising size. `entries`: (seq,
    bytes) by rising seq, read once. `settled`: whoever keeps this log stores no entry without a checkpoint over it.
    `base`: (size, frontier) of what was pruned before the first entry; believed as far as a signed root covers it.
    """

    name: str
    keys: Sequence[str]
    checkpoints: Sequence[tuple[int, bytes, bytes]]
    entries: Iterable[tuple[int, bytes]]
    settled: bool
    changes: Sequence[bytes] = ()
    base: tuple[int, bytes] = (0, b"")


@dataclass(slots=True)
class Finding:
    """What cannot be right: entries `seq_from` to `seq_to` (None: not about entries), and why.

    `stored`: the bytes of what is wrong by itself; they and `detail` are the first's when the range is of several.
    """

    what: str
    seq_from: int | None
    seq_to: int | None
    detail: str
    stored: bytes | None = None


@dataclass(slots=True)
class DeviceReport:
    """`proven`: entries giving roots that the device signed. `unsigned`: after the last; `pruned`: before the first."""

    name: str
    entries: int = 0
    checkpoints: int = 0
    proven: int = 0
    unsigned: int = 0
    pruned: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, what: str, seq_from: int | None, seq_to: int | None, detail: str, stored: bytes = b"") -> None:
        """Note a finding (MAX_FINDINGS at most), or extend the last of its kind: a shifted log stays readable."""
        last = next((f for f in reversed(self.findings[-8:]) if f.what == what), None)
        if last is not None and last.seq_to is not None and last.seq_to + 1 == seq_from:
            last.seq_to = seq_to
        elif len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(what, seq_from, seq_to, detail, stored[: entry.MAX_BYTES] or None))


def verify_log(log: DeviceLog, pinned: Sequence[Verifier] | None) -> DeviceReport:
    """Check a log with the pinned keys of its device, or with the source's own (`pinned` None), in one pass."""
    start = Frontier()
    with suppress(ProtocolError):  # otherwise all before the first entry is missing
        start = Frontier.decode(*log.base)
    report = DeviceReport(log.name, checkpoints=len(log.checkpoints), pruned=start.size)
    chain = key_chain(log, pinned, report)
    signed = _signed_checkpoints(log, chain, report)
    last = signed[-1][0].size if signed else 0
    walk = _Walk(log.name, signed, report, start, chain)
    for seq, data in log.entries:
        walk.take(seq, data)
    expected = walk.expected
    if last > expected:
        report.add("missing", expected, last - 1, f"not stored, though the device signed a checkpoint of size {last}")
    report.unsigned = max(0, expected - max(last, start.size))
    if not chain.keys and (report.entries or log.checkpoints):
        whose = "the source holds no usable" if pinned is None else "nobody pinned a"
        report.add("key", None, None, f"{whose} key of this device: nothing of its log can be verified")
    elif report.unsigned and (log.settled or not signed):
        report.add("unsigned", last, expected - 1, "no checkpoint that the device signed covers them")
    report.findings.sort(key=lambda f: -1 if f.seq_from is None else f.seq_from)
    return report


def key_chain(log: DeviceLog, pinned: Sequence[Verifier] | None, report: DeviceReport) -> KeyChain:
    """The keys to verify with, from the first on; what the source says of them is compared."""
    first = list(pinned or ())
    try:
        for device, key in map(device_key, log.keys):
            if device != log.name:
                raise ProtocolError(f"{key} is not of this device")
            if pinned and key not in pinned:
                raise ProtocolError(f"{key} is not the pinned one")
            first += [key] if pinned is None else []
        return KeyChain.of(first, log.changes)
    except ProtocolError as error:
        report.add("key", None, None, f"what the source holds as its key, or a change of it: {error}")
    return KeyChain.of(first)


def _signed_checkpoints(log: DeviceLog, chain: KeyChain, report: DeviceReport) -> _Signed:
    """The checkpoints that a key of the device signed in its time and that are of the size they are stored for.

    The frontier beside one is as good as signed when it gives the signed root; otherwise it is left out.
    """
    signed: _Signed = []
    before = 0
    for size, note, frontier in log.checkpoints if chain.keys else ():
        try:
            checkpoint = chain.open(note)
            if checkpoint.size != size:
                raise ProtocolError(f"it states size {checkpoint.size}")
            signed.append((checkpoint, checkpoint.tree(frontier)))
        except ProtocolError as error:
            end = max(size - 1, 0)
            report.add("checkpoint", min(before, end), end, f"the checkpoint stored for size {size}: {error}", note)
        before = size
    return signed


class _Walk:
    """The pass over the entries: the tree grows with them and is compared wherever the device signed it."""

    def __init__(self, device: str, signed: _Signed, report: DeviceReport, start: Frontier, chain: KeyChain) -> None:
        self.expected = start.size  # the next seq
        self._device = device
        self._changes = chain.changes
        self._signed = deque(signed)
        self._report = report
        self._tree = start
        self._leaves: list[bytes] = []
        self._start = self._base = start.size  # the size at which the tree was last known to be right
        self._whole = True  # False from a missing leaf or a wrong root on, until a frontier can be trusted again

    def take(self, seq: int, data: bytes) -> None:
        """The next stored entry."""
        report = self._report
        report.entries += 1
        if seq < self.expected:
            report.add("extra", seq, seq, "the log has no place for this row", data)
            return
        if seq > self.expected:
            report.add("missing", self.expected, seq - 1, f"not stored, though entry {seq} is")
            self._whole = False
            self.expected = seq
            self._settle()
        self.expected += 1
        try:
            device, number, kind = entry.identify(data)
            if (device, number) != (self._device, seq):
                raise ProtocolError(f"stored as entry {seq}, it states to be entry {number} of {device}")
            if (kind == KIND or seq in self._changes) and self._changes.get(seq) != data:
                raise ProtocolError("it is not the change of the device's key that is kept for this place")
        except ProtocolError as error:
            report.add("entry", seq, seq, str(error), data)
        self._leaves.append(data)
        self._settle()

    def _settle(self) -> None:
        """Compare with the checkpoints up to this size."""
        due = self._signed and self._signed[0][0].size <= self.expected
        if due or len(self._leaves) == 4096:
            self._tree = self._tree.append(self._leaves) if self._whole else self._tree
            self._leaves.clear()
        while self._signed and self._signed[0][0].size <= self.expected:
            checkpoint, trusted = self._signed.popleft()
            if checkpoint.size < self.expected:
                continue  # inside a gap, or of an empty log
            if self._whole and self._tree.root() == checkpoint.root:
                self._report.proven += checkpoint.size - self._base
            elif self._whole:
                self._differ(checkpoint, trusted)
                self._whole = False
            if trusted is not None:
                self._tree, self._whole = trusted, True
            self._base = checkpoint.size

    def _differ(self, checkpoint: Checkpoint, trusted: Frontier | None) -> None:
        """Name what gives another root: all since the last right one, or less where the right frontier is known."""
        size = checkpoint.size
        if size == self._base:
            self._report.add("checkpoint", None, None, f"the device signed two roots for size {size}")
            return
        detail = f"stored is not what the device signed: another root at size {size}"
        right = self._base if self._base != self._start else 0  # what was pruned is right only under a right root
        detail += f", the right one at size {right}" if right else ""
        widths = [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
        start = 0
        for index, width in enumerate(widths):
            end = start + width
            if end > right and (trusted is None or trusted.nodes[index] != self._tree.nodes[index]):
                self._report.add("altered", max(start, right), end - 1, detail)
            start = end
