"""The national log as a source holds it, checked with its key and with the devices'."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from audit.remote import connected, get
from audit.sources import AuditError
from audit.verify import MAX_FINDINGS
from protocol.checkpoint import Checkpoint, open_checkpoint, stated_size
from protocol.errors import ProtocolError
from protocol.keychange import KeyChain
from protocol.merkle import Frontier
from protocol.national import unpack_leaves
from protocol.note import Verifier


@dataclass(frozen=True, slots=True)
class NationalLog:
    """`note`: its newest checkpoint; `key`: what the source says is its key, or ''; `leaves` are read once."""

    title: str
    key: str
    note: bytes
    leaves: Iterator[bytes]


@dataclass(slots=True)
class NationalReport:
    """`sizes`: of the checkpoints of each device that the log holds, in entries, rising."""

    size: int = 0
    sizes: dict[str, list[int]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def add(self, finding: str) -> None:
        """Note a finding, at most MAX_FINDINGS."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


@contextmanager
def open_national(source: str) -> Iterator[NationalLog]:
    """The national log of a server's address, or of a server's database; AuditError when there is none."""
    if source.startswith(("http://", "https://")):
        with connected(source) as connection:
            note = get(connection, "/v1/log/checkpoint")
            _, _, key = get(connection, "/v1/log/key").decode(errors="replace").partition('"log_key":"')
            leaves = _remote_leaves(connection, stated_size(note))
            yield NationalLog(source, key.partition('"')[0], note, leaves)
        return
    try:
        with closing(open_file(Path(source))) as database:
            row = database.execute("SELECT note, key FROM national_log").fetchone()
            if row is None:
                raise AuditError(f"{source} holds no national log yet")
            stored = database.execute("SELECT note FROM national_leaves ORDER BY position")
            yield NationalLog(source, str(row[1]), _bytes(row[0]), (_bytes(leaf) for (leaf,) in stored))
    except sqlite3.Error as error:
        raise AuditError(f"{source} holds no national log that can be read: {error}") from error


def open_file(path: Path) -> sqlite3.Connection:
    """A read-only connection to a server's database, or to the one in a folder."""
    path = path / "server.db" if path.is_dir() else path
    if not path.is_file():
        raise AuditError(f"{path}: there is no such file")
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def verify_national(log: NationalLog, log_key: Verifier | None, chains: Mapping[str, KeyChain]) -> NationalReport:
    """Check signature, tree and leaves; by the source's key when `log_key` is None. `chains`: the devices' keys."""
    report = NationalReport()
    signed = None
    try:
        signed = open_log_checkpoint(log, log_key)
    except ProtocolError as error:
        report.add(f"its checkpoint: {error}")
    tree = Frontier()
    for number, leaf in enumerate(log.leaves):
        tree = tree.append([leaf])
        if signed is not None and tree.size == signed.size and tree.root() != signed.root:
            report.add(f"its {signed.size} leaves do not give the root that its checkpoint states")
        try:
            _check_leaf(report, leaf, chains)
        except ProtocolError as error:
            report.add(f"leaf {number}: {error}")
    report.size = tree.size
    if signed is not None and tree.size < signed.size:
        report.add(f"leaves {tree.size} to {signed.size - 1} are missing, though its checkpoint covers them")
    if signed is not None and tree.size > signed.size:
        report.add(f"no checkpoint covers the leaves {signed.size} to {tree.size - 1}")
    return report


def open_log_checkpoint(log: NationalLog, log_key: Verifier | None) -> Checkpoint:
    """The log's newest checkpoint, signed by the key given or else by that of the source."""
    return open_checkpoint(log.note, log_key or Verifier.parse(log.key))


def _check_leaf(report: NationalReport, leaf: bytes, chains: Mapping[str, KeyChain]) -> None:
    device = leaf.partition(b"\n")[0].decode(errors="replace").rpartition("/device/")[2]
    if device not in chains:
        raise ProtocolError(f"a checkpoint of {device!r}, whose key is not known here")
    checkpoint = chains[device].open(leaf)
    known = report.sizes.setdefault(device, [])
    if known and checkpoint.size <= known[-1]:
        raise ProtocolError(f"a checkpoint of {device} of size {checkpoint.size}, after one that is not smaller")
    known.append(checkpoint.size)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _remote_leaves(connection: HTTPConnection, size: int) -> Iterator[bytes]:
    at = 0
    while at < size:
        try:
            page = unpack_leaves(get(connection, f"/v1/log/entries?from={at}&to={size}"))
        except ProtocolError as error:
            raise AuditError(f"/v1/log/entries: {error}") from error
        if not page:
            return
        yield from page
        at += len(page)
