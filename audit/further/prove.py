"""Proofs of a person's marks of a month, made from a server's database: `hadir audit prove`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit.further.check import presented_ms
from audit.further.national import open_file
from audit.report import escape
from audit.sources import AuditError
from protocol import entry
from protocol.errors import ProtocolError
from protocol.gallery import pseudonym
from protocol.keychange import KeyChain
from protocol.note import Verifier
from protocol.proof import Tree
from protocol.tlog import LogProof

_HOURS_EAST = {"WIB": 7, "WITA": 8, "WIT": 9}


def prove_month(source: Path, employee: str, month: str, out: Path) -> list[Path]:
    """Write a proof and the entry for each mark of an employee, and return the proofs' paths.

    A mark belongs to the month by the kiosk's own clock, in the kiosk's zone; where that was not set, by when the
    server received it. Each proof is checked with the device's key before it is written. AuditError when one cannot.
    """
    try:
        with closing(open_file(source)) as database:
            row = database.execute("SELECT key FROM person_keys WHERE employee = ?", (employee,)).fetchone()
            if row is None:
                raise AuditError(f"{source} holds no pseudonym of employee {employee}: never enrolled, or erased")
            out.mkdir(parents=True, exist_ok=True)
            marks = list(_marks(database, pseudonym(row[0], employee), month))
            return [_write(out, database, *mark) for mark in marks]
    except (sqlite3.Error, OSError) as error:
        raise AuditError(f"proofs from {source} to {out}: {error}") from error


def _marks(database: sqlite3.Connection, person: str, month: str) -> Iterator[tuple[str, int, bytes]]:
    query = """SELECT e.device, e.seq, e.bytes, e.received_ms, d.zone FROM entries e JOIN devices d USING (device)
        WHERE instr(e.bytes, CAST(? AS BLOB)) > 0 ORDER BY e.device, e.seq"""
    for device, seq, data, received_ms, zone in database.execute(query, (person,)):
        try:
            value = entry.decode(data)
        except ProtocolError:
            _proof(database, device, seq, data)  # whatever it is, the device wrote it; else this is an AuditError
            continue
        at_ms = received_ms if value.clock == "unset" else presented_ms(value)
        if value.kind not in ("presence", "attested") or value.body["person"] != person:
            continue
        try:
            local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=_HOURS_EAST.get(zone, 8), milliseconds=at_ms)
        except OverflowError:
            print(f"entry {seq} of {escape(device)}: left out, its clock said {at_ms} ms, which is in no month")
            continue
        if local.strftime("%Y-%m") == month:
            yield device, seq, data


def _write(out: Path, database: sqlite3.Connection, device: str, seq: int, data: bytes) -> Path:
    path = out / f"{device}-{seq}.tlog-proof"
    path.write_bytes(_proof(database, device, seq, data).encode())
    path.with_suffix(".json").write_bytes(data)
    return path


def _proof(database: sqlite3.Connection, device: str, seq: int, data: bytes) -> LogProof:
    """The proof of an entry, checked; AuditError when its device did not sign it."""
    covering = "SELECT size, note FROM checkpoints WHERE device = ? AND size > ? ORDER BY size LIMIT 1"
    first = database.execute(covering, (device, seq)).fetchone()
    if first is None or not entry.DEVICE.match(device):
        raise AuditError(f"no checkpoint covers entry {seq} of {device}")
    try:
        hashes = _tree(database, device, first[0]).inclusion(seq, first[0])
        proof = LogProof(seq, tuple(hashes), first[1])
        proof.check(data, _chain(database, device).signer(first[1]))
        return replace(proof, extra=_national(database, device, *first))
    except ProtocolError as error:
        raise AuditError(f"entry {seq} of {device} cannot be proven: {error}; see: hadir audit verify") from error


def _chain(database: sqlite3.Connection, device: str) -> KeyChain:
    key = database.execute("SELECT signing_key FROM devices WHERE device = ?", (device,)).fetchone()
    changes = []
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'device_keys'").fetchone():  # not in older databases
        query = "SELECT bytes FROM device_keys WHERE device = ? ORDER BY seq"
        changes = [row[0] for row in database.execute(query, (device,))]
    return KeyChain.of([Verifier.parse(key[0])], changes)


def _national(database: sqlite3.Connection, device: str, size: int, note: bytes) -> bytes:
    """The proof that the device's checkpoint is in the national log; empty when it came before there was one."""
    leaf = "SELECT position FROM national_leaves WHERE device = ? AND size = ?"
    row = database.execute(leaf, (device, size)).fetchone()
    held = database.execute("SELECT size, note, key FROM national_log").fetchone()
    if row is None or held is None:
        return b""
    proof = LogProof(row[0], tuple(_tree(database, "", held[0]).inclusion(row[0], held[0])), held[1])
    proof.check(note, Verifier.parse(held[2]))
    return proof.encode()


def _tree(database: sqlite3.Connection, log: str, size: int) -> Tree:
    leaves = (
        "SELECT bytes FROM entries WHERE device = :log AND seq >= :first AND seq < :end ORDER BY seq"
        if log
        else "SELECT note FROM national_leaves WHERE position >= :first AND position < :end ORDER BY position"
    )
    kept = """SELECT hash FROM tree_nodes WHERE log = :log AND level = :level
        AND position >= :first AND position < :end ORDER BY position"""

    def ask(query: str, first: int, end: int, level: int = 0) -> list[bytes]:
        values = {"log": log, "level": level, "first": first, "end": end}
        return [node for (node,) in database.execute(query, values)]

    return Tree(size, lambda a, b: ask(leaves, a, b), lambda level, a, b: ask(kept, a, b, level))
