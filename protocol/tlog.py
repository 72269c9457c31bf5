"""Proof files (C2SP tlog-proof): that some bytes are an entry of a log whose checkpoint somebody signed."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from protocol.checkpoint import Checkpoint, decimal, open_checkpoint
from protocol.errors import ProtocolError
from protocol.note import Verifier, unbase64
from protocol.proof import MAX_PROOF, check_inclusion

_MAGIC = "c2sp.org/tlog-proof@v1"
MAX_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class LogProof:
    """Entry `index` of a log, the hashes up to its root, the signed `checkpoint`; `extra` is signed by nobody."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """The file."""
        extra = [f"extra {base64.b64encode(self.extra).decode()}"] if self.extra else []
        hashes = [base64.b64encode(node).decode() for node in self.hashes]
        return "\n".join([_MAGIC, *extra, f"index {self.index}", *hashes, "", ""]).encode() + self.checkpoint

    @property
    def origin(self) -> str:
        """The log that the checkpoint names; believed only once `check` has passed."""
        return self.checkpoint.partition(b"\n")[0].decode(errors="replace")

    def check(self, entry: bytes, verifier: Verifier) -> Checkpoint:
        """The checkpoint, signed by `verifier`, under which `entry` stands; ProtocolError when it does not."""
        checkpoint = open_checkpoint(self.checkpoint, verifier)
        check_inclusion(entry, self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint


def read_proof(data: bytes) -> LogProof:
    """The proof in a file, not yet checked; ProtocolError when it is none."""
    if len(data) > MAX_BYTES:
        raise ProtocolError(f"proof file: {len(data)} bytes, {MAX_BYTES} are allowed")
    head, separator, checkpoint = data.partition(b"\n\n")
    try:
        magic, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise ProtocolError("proof file: not ASCII above the checkpoint") from error
    if magic != _MAGIC or not separator:
        raise ProtocolError(f"proof file: does not start with {_MAGIC}")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = unbase64(lines.pop(0)[6:], "proof file's extra line")
    if not lines or not lines[0].startswith("index "):
        raise ProtocolError("proof file: no index line")
    hashes = tuple(unbase64(line, "proof file's hash") for line in lines[1:])
    if len(hashes) > MAX_PROOF or any(len(node) != 32 for node in hashes):
        raise ProtocolError(f"proof file: more than {MAX_PROOF} hashes, or one that is not of 32 bytes")
    return LogProof(decimal(lines[0][6:], "proof file's index"), hashes, checkpoint, extra)
