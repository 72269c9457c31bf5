"""Entries: one fact each, canonical bytes, a leaf of the device's log (`docs/formats.md`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from protocol import canonical
from protocol.errors import ProtocolError

VERSION = 1
MAX_BYTES = 4096
DEVICE = re.compile(r"[A-Za-z0-9-]{1,32}\Z")
_BOOT = re.compile(r"[0-9a-f]{32}\Z")
_PERSON = re.compile(r"[0-9a-f]{32}\Z")
_COMMON = {"v", "device", "seq", "kind", "boot", "boottime_ms", "wall_ms", "clock"}
CLOCK_STATES = ("synchronised", "free", "unset", "simulated")

# What each known kind must carry, and the type of it.
_OPTIONAL_TEXT = (str, type(None))
FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "boot": {"software": str, "source": str, "camera": str},
    "presence": {
        "person": str,
        "presented_boottime_ms": int,
        "source": str,
        "gallery": int,
        "distance_e4": int,
        "margin_e4": (int, type(None)),
        "liveness": str,
        "prompts": list,
        "measures": dict,
    },
    "refusal": {
        "decision": str,
        "person": _OPTIONAL_TEXT,
        "presented_boottime_ms": int,
        "source": str,
        "gallery": int,
        "liveness": str,
        "species": str,
        "reasons": list,
        "measures": dict,
    },
    "camera": {"state": str, "detail": str},
    "clock_step": {"step_ms": int},
    "manifest_applied": {"manifest": int, "sha256": str, "gallery": int},
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact of a device's log. `body` holds the fields of the kind; times are milliseconds."""

    device: str
    seq: int
    kind: str
    boot: str
    boottime_ms: int
    wall_ms: int
    clock: str
    body: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The canonical bytes; ProtocolError when the entry breaks its format."""
        common = {
            "v": VERSION,
            "device": self.device,
            "seq": self.seq,
            "kind": self.kind,
            "boot": self.boot,
            "boottime_ms": self.boottime_ms,
            "wall_ms": self.wall_ms,
            "clock": self.clock,
        }
        if clash := common.keys() & self.body.keys():
            raise ProtocolError(f"entry: the body repeats {', '.join(sorted(clash))}")
        _validate(self)
        data = canonical.encode(common | self.body)
        if len(data) > MAX_BYTES:
            raise ProtocolError(f"entry: {len(data)} bytes, {MAX_BYTES} are allowed")
        return data


def decode(data: bytes) -> Entry:
    """The entry of canonical bytes; ProtocolError names the field that is wrong."""
    if len(data) > MAX_BYTES:
        raise ProtocolError(f"entry: {len(data)} bytes, {MAX_BYTES} are allowed")
    value = canonical.decode_object(data)
    if missing := _COMMON - value.keys():
        raise ProtocolError(f"entry: {', '.join(sorted(missing))} missing")
    if value["v"] != VERSION:
        raise ProtocolError(f"entry: version {value['v']} is not known, only {VERSION}")
    entry = Entry(
        **{name: value[name] for name in _COMMON - {"v"}},
        body={name: item for name, item in value.items() if name not in _COMMON},
    )
    _validate(entry)
    return entry


def _validate(entry: Entry) -> None:
    if not isinstance(entry.device, str) or not DEVICE.match(entry.device):
        raise ProtocolError(f"entry: device {entry.device!r} is not a device's name")
    if not isinstance(entry.boot, str) or not _BOOT.match(entry.boot):
        raise ProtocolError(f"entry: boot {entry.boot!r} is not 32 hex digits")
    for name in ("seq", "boottime_ms", "wall_ms"):
        number = getattr(entry, name)
        if type(number) is not int or number < 0:
            raise ProtocolError(f"entry: {name} {number!r} is not a number from 0")
    if entry.clock not in CLOCK_STATES:
        raise ProtocolError(f"entry: clock {entry.clock!r} is none of {', '.join(CLOCK_STATES)}")
    if not isinstance(entry.kind, str) or not entry.kind:
        raise ProtocolError(f"entry: kind {entry.kind!r} is not a name")
    fields = FIELDS.get(entry.kind)
    if fields is None:
        return
    if fields.keys() != entry.body.keys():
        odd = ", ".join(sorted(fields.keys() ^ entry.body.keys()))
        raise ProtocolError(f"entry: a {entry.kind} entry has {', '.join(sorted(fields))}; differs in {odd}")
    for name, kind in fields.items():
        item = entry.body[name]
        if not isinstance(item, kind) or isinstance(item, bool):
            raise ProtocolError(f"entry: {name} {item!r} of a {entry.kind} entry has the wrong type")
    person = entry.body.get("person")
    if person is not None and not _PERSON.match(person):
        raise ProtocolError(f"entry: person {person!r} is not a pseudonym of 32 hex digits")
    presented = entry.body.get("presented_boottime_ms")
    if presented is not None and not 0 <= presented <= entry.boottime_ms:
        raise ProtocolError(f"entry: presented_boottime_ms {presented} lies after boottime_ms {entry.boottime_ms}")
