"""The national log's own formats: the key that root delegates for it, and bundles of its leaves."""

from __future__ import annotations

from collections.abc import Iterable

from protocol import canonical
from protocol.errors import ProtocolError
from protocol.note import Signer, Verifier, open_note, sign_note

_MAGIC = "hadir-log/1"
MAX_BUNDLE = 256
"""Leaves in one bundle."""


def delegate_log(root: Signer, log_key: Verifier, issued_ms: int) -> bytes:
    """Root's note on which key signs the national log's checkpoints."""
    value = {"issued_ms": issued_ms, "log_key": str(log_key)}
    return sign_note(f"{_MAGIC}\n{canonical.encode(value).decode()}\n", root)


def open_log_key(data: bytes, root: Verifier) -> Verifier:
    """The log key in a note that root signed; ProtocolError when it is another's or none."""
    magic, _, rest = open_note(data, [root]).partition("\n")
    if magic != _MAGIC or not rest.endswith("\n"):
        raise ProtocolError(f"{_MAGIC}: the note is a {magic!r}")
    value = canonical.decode_object(rest[:-1].encode())
    if value.keys() != {"issued_ms", "log_key"} or type(value["issued_ms"]) is not int:
        raise ProtocolError(f"{_MAGIC}: holds issued_ms and log_key, not {', '.join(sorted(value))}")
    if type(value["log_key"]) is not str:
        raise ProtocolError(f"{_MAGIC}: log_key is not text")
    key = Verifier.parse(value["log_key"])
    if key.name != log_name(root.name):
        raise ProtocolError(f"{_MAGIC}: {key.name} is not the national log of {root.name}")
    return key


def log_name(key_name: str) -> str:
    """The national log's origin in an installation, from the name of root's or of a device's key."""
    origin = key_name.removesuffix("/root") if key_name.endswith("/root") else key_name.rpartition("/device/")[0]
    return f"{origin}/log"


def pack_leaves(leaves: Iterable[bytes]) -> bytes:
    """Leaves as a C2SP entry bundle; each at most 65,535 bytes."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def unpack_leaves(data: bytes) -> list[bytes]:
    """The leaves of an entry bundle; ProtocolError when it is cut off or too long."""
    leaves: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if len(data) < max(end, at + 2) or len(leaves) == MAX_BUNDLE:
            raise ProtocolError(f"entry bundle: cut off in leaf {len(leaves)}, or more than {MAX_BUNDLE} leaves")
        leaves.append(data[at + 2 : end])
        at = end
    return leaves
