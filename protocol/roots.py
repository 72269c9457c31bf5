"""Successors of the root key: each a note that the root before and the new one both signed (`docs/formats.md`)."""

from __future__ import annotations

from collections.abc import Iterable

from protocol import canonical
from protocol.errors import ProtocolError
from protocol.note import Signer, Verifier, open_note, sign_note

_MAGIC = "hadir-root/1"


def succeed(old: Signer, new: Signer, version: int, issued_ms: int) -> bytes:
    """The note by which `new` takes the place of `old`; `version`: which root of the installation it is, from 2 on."""
    value = {"version": version, "issued_ms": issued_ms, "root_key": str(new.verifier)}
    return sign_note(f"{_MAGIC}\n{canonical.encode(value).decode()}\n", old, new)


def open_successor(data: bytes, old: Verifier) -> tuple[int, Verifier]:
    """Version and key of the root that takes the place of `old`; ProtocolError unless both signed."""
    magic, _, rest = open_note(data, [old]).partition("\n")
    if magic != _MAGIC or not rest.endswith("\n"):
        raise ProtocolError(f"{_MAGIC}: the note is a {magic!r}")
    value = canonical.decode_object(rest[:-1].encode())
    kinds = {name: type(item) for name, item in value.items()}
    if kinds != {"version": int, "issued_ms": int, "root_key": str}:
        raise ProtocolError(f"{_MAGIC}: holds version, issued_ms and root_key, not {', '.join(sorted(value))}")
    new = Verifier.parse(value["root_key"])
    if new.name != old.name or new == old:
        raise ProtocolError(f"{_MAGIC}: {new} cannot take the place of {old}")
    open_note(data, [new])
    return value["version"], new


def follow(first: Verifier, notes: Iterable[bytes]) -> list[tuple[bytes, int, Verifier]]:
    """The successors of a root, as far as the notes, in whatever order, lead from one to the next.

    Of two successors of one root the first given holds; versions only rise, and no root comes twice.
    """
    left, chain = list(notes), [(b"", 0, first)]
    found = True
    while found:
        found = False
        for note in left:
            try:
                version, new = open_successor(note, chain[-1][2])
            except ProtocolError:
                continue
            if version > chain[-1][1] and all(new != key for _, _, key in chain):
                chain.append((note, version, new))
                found = True
                break
    return chain[1:]
