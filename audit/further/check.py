"""Proof files and evidence, checked offline: `hadir audit check FILE…`."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit.sources import AuditError
from protocol import canonical, entry
from protocol.checkpoint import Checkpoint, open_checkpoint
from protocol.errors import ProtocolError
from protocol.keychange import KeyChain
from protocol.note import Verifier, unbase64
from protocol.proof import MAX_PROOF, check_consistency
from protocol.tlog import read_proof

MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two checkpoints of the national log, and the root that the log of `newer` had at the size of `older`."""

    older: bytes
    newer: bytes
    root: bytes
    proof: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The file."""
        value = {
            "newer": self.newer.decode(),
            "older": self.older.decode(),
            "proof": [base64.b64encode(node).decode() for node in self.proof],
            "root": base64.b64encode(self.root).decode(),
        }
        return canonical.encode(value)

    def check(self, log_key: Verifier) -> tuple[Checkpoint, Checkpoint]:
        """The two states that contradict each other; ProtocolError when this does not show that they do."""
        older, newer = open_checkpoint(self.older, log_key), open_checkpoint(self.newer, log_key)
        if older.root == self.root:
            raise ProtocolError("evidence: the newer log had the root that the older checkpoint states")
        check_consistency(older.size, self.root, newer.size, newer.root, self.proof)
        return older, newer


def read_evidence(data: bytes) -> Evidence:
    """The evidence in a file, not yet checked; ProtocolError when it is none."""
    value = canonical.decode_object(data)
    if value.keys() != {"newer", "older", "proof", "root"} or not isinstance(value["proof"], list):
        raise ProtocolError("evidence: holds newer, older, proof and root")
    if not all(isinstance(item, str) for item in (value["newer"], value["older"], value["root"], *value["proof"])):
        raise ProtocolError("evidence: something in it is not text")
    if len(value["proof"]) > MAX_PROOF:
        raise ProtocolError(f"evidence: a proof longer than {MAX_PROOF} hashes")
    proof = tuple(unbase64(node, "evidence's proof") for node in value["proof"])
    return Evidence(value["older"].encode(), value["newer"].encode(), unbase64(value["root"], "evidence's root"), proof)


def check_file(path: Path, keys: Mapping[str, Sequence[Verifier]], log_key: Verifier | None) -> str:
    """What a file proves, in a line; ProtocolError when it proves nothing, AuditError when it cannot be read."""
    data = read_bounded(path)
    if data.startswith(b"c2sp.org/"):
        return _proof(path, data, read_bounded(path.with_suffix(".json")), keys, log_key)
    if log_key is None:
        raise AuditError(f"{path}: evidence is checked with the national log's key: --log-key FILE")
    older, newer = read_evidence(data).check(log_key)
    said = f"{path}: PROVEN: {log_key.name} signed two logs, one of {older.size} and one of {newer.size} leaves"
    return said + ", of which the second does not continue the first"


def read_bounded(path: Path) -> bytes:
    """A file of at most MAX_FILE bytes; AuditError when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE:
        raise AuditError(f"{path} is longer than {MAX_FILE} bytes")
    return data


def presented_ms(value: entry.Entry) -> int:
    """What the kiosk's own wall clock said when the person of a mark was first seen; else when it was written."""
    return value.wall_ms - value.boottime_ms + int(value.body.get("presented_boottime_ms", value.boottime_ms))


def _proof(
    path: Path, data: bytes, stored: bytes, keys: Mapping[str, Sequence[Verifier]], log_key: Verifier | None
) -> str:
    proof = read_proof(data)
    value = entry.decode(stored)
    if value.seq != proof.index:
        raise ProtocolError(f"the entry states to be number {value.seq}, the proof is of number {proof.index}")
    pinned = [key for key in keys.get(value.device, ()) if key.name == proof.origin]
    if not pinned:
        raise ProtocolError(f"no key of {proof.origin} is pinned for device {value.device}")
    checkpoint = proof.check(stored, KeyChain.of(pinned).signer(proof.checkpoint))
    person = f" of {value.body['person']}" if isinstance(value.body.get("person"), str) else ""
    said = f"{path}: PROVEN: entry {value.seq} of {value.device} ({value.kind}{person}, {_time(presented_ms(value))}"
    said += f" by the kiosk's own clock) is under the device's checkpoint of {checkpoint.size}"
    if not proof.extra:
        return said + "; the file says nothing of the national log"
    if log_key is None:
        return said + "; the national log was not checked: --log-key FILE"
    second = read_proof(proof.extra)
    national = second.check(proof.checkpoint, log_key)
    return said + f", which is leaf {second.index} of the national log of {national.size}"


def _time(wall_ms: int) -> str:
    try:
        return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{wall_ms} ms"
