"""Entries: one fact each, canonical bytes, a leaf of the device's log (`docs/formats.md`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from protocol import canonical
from protocol.errors import ProtocolError

VERSION = 1
MAX_BYTES = 4096
DEVICE = re.compile(r"[A-Za-z0-9-]{1,32}\Z")
BOOT = re.compile(r"[0-9a-f]{32}\Z")
_PERSON = re.compile(r"[0-9a-f]{32}\Z")
_NAMED = ("device", "seq", "kind", "boot", "boottime_ms", "wall_ms", "clock")
_COMMON = {"v", *_NAMED}
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
    "attested": {
        "person": str,
        "presented_boottime_ms": int,
        "source": str,
        "gallery": int,
        "tries": int,
        "first_try": int,
        "colleague": int,
        "supervisor": int,
    },
    "camera": {"state": str, "detail": str},
    "clock_step": {"step_ms": int},
    "manifest_applied": {"manifest": int, "sha256": str, "gallery": int},
    "key_changed": {"key": str, "old_signature": str, "new_signature": str},
    "rtc": {"state": str, "detail": str},
    "review_shown": {"entry": int, "by": str},
}
_ALL = {kind: _COMMON | fields.keys() for kind, fields in FIELDS.items()}
OPTIONAL: dict[str, dict[str, type | tuple[type, ...]]] = {
    "presence": {"prompt_set": int, "card": int, "found_in": str},
    "refusal": {"prompt_set": int, "card": int, "found_in": str},
}
"""What a kind may carry besides: only devices whose roster holds alternative prompts, cards or an office write it."""


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
        fields = common | self.body
        _validate(fields)
        data = canonical.encode(fields)
        if len(data) > MAX_BYTES:
            raise ProtocolError(f"entry: {len(data)} bytes, {MAX_BYTES} are allowed")
        return data


def decode(data: bytes) -> Entry:
    """The entry of canonical bytes; ProtocolError names the field that is wrong."""
    fields = _read(data)
    del fields["v"]
    common = {name: fields.pop(name) for name in _NAMED}
    return Entry(**common, body=fields)


def identify(data: bytes) -> tuple[str, int, str]:
    """Device, seq and kind of an entry's canonical bytes, checked as by `decode`: for those who see millions.

    Several times faster where the bytes have the layout that entries of their kind mostly have.
    """
    _, _, rest = data.partition(b'"kind":"')
    layout = _LAYOUTS.get(rest.partition(b'"')[0])
    found = layout and len(data) <= MAX_BYTES and layout.match(data)
    if found and _orderly(found):
        return found["device"].decode(), int(found["seq"]), found["kind"].decode()
    fields = _read(data)
    return fields["device"], fields["seq"], fields["kind"]


def _read(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise ProtocolError(f"entry: {len(data)} bytes, {MAX_BYTES} are allowed")
    fields = canonical.decode_object(data)
    if not fields.keys() >= _COMMON:
        raise ProtocolError(f"entry: {', '.join(sorted(_COMMON - fields.keys()))} missing")
    if fields["v"] != VERSION:
        raise ProtocolError(f"entry: version {fields['v']} is not known, only {VERSION}")
    _validate(fields)
    return fields


def _validate(fields: dict[str, Any]) -> None:
    """Check what `fields`, of which none of the common ones is missing, hold."""
    device, boot, kind = fields["device"], fields["boot"], fields["kind"]
    if not isinstance(device, str) or not DEVICE.match(device):
        raise ProtocolError(f"entry: device {device!r} is not a device's name")
    if not isinstance(boot, str) or not BOOT.match(boot):
        raise ProtocolError(f"entry: boot {boot!r} is not 32 hex digits")
    for name in ("seq", "boottime_ms", "wall_ms"):
        number = fields[name]
        if type(number) is not int or number < 0:
            raise ProtocolError(f"entry: {name} {number!r} is not a number from 0")
    if fields["clock"] not in CLOCK_STATES:
        raise ProtocolError(f"entry: clock {fields['clock']!r} is none of {', '.join(CLOCK_STATES)}")
    if not isinstance(kind, str) or not kind:
        raise ProtocolError(f"entry: kind {kind!r} is not a name")
    expected = FIELDS.get(kind)
    if expected is None:
        return
    optional = OPTIONAL.get(kind, {})
    if fields.keys() - optional.keys() != _ALL[kind]:
        odd = ", ".join(sorted(fields.keys() ^ _ALL[kind]))
        raise ProtocolError(f"entry: a {kind} entry has {', '.join(sorted(expected))}; differs in {odd}")
    for name in fields.keys() - _COMMON:
        item, types = fields[name], expected.get(name) or optional[name]
        if not isinstance(item, types) or item is True or item is False:
            raise ProtocolError(f"entry: {name} {item!r} of a {kind} entry has the wrong type")
    person = fields.get("person")
    if person is not None and not _PERSON.match(person):
        raise ProtocolError(f"entry: person {person!r} is not a pseudonym of 32 hex digits")
    presented = fields.get("presented_boottime_ms")
    if presented is not None and not 0 <= presented <= fields["boottime_ms"]:
        raise ProtocolError(f"entry: presented_boottime_ms {presented} lies after boottime_ms {fields['boottime_ms']}")
    if kind == "attested":
        for name in ("first_try", "colleague", "supervisor"):
            if not 0 <= fields[name] < fields["seq"]:
                raise ProtocolError(f"entry: {name} {fields[name]} of an attested entry is no entry before it")


# What needs no escape, and numbers that are surely small enough; anything else is left to `_read`.
_WORD = rb'"[^"\\\x00-\x1f\x80-\xff]*"'
_NATURAL = rb"(?:0|[1-9][0-9]{0,14})"
_WHOLE = rb"(?:0|-?[1-9][0-9]{0,14})"
_PAIR = rb'"[a-z][a-z0-9_]*":' + _WHOLE
_OF_TYPE: dict[object, bytes] = {
    str: _WORD,
    int: _WHOLE,
    (str, type(None)): rb"(?:null|" + _WORD + rb")",
    (int, type(None)): rb"(?:null|" + _WHOLE + rb")",
    list: rb"\[(?:%b(?:,%b)*)?\]" % (_WORD, _WORD),
    dict: rb"\{(?:%b(?:,%b)*)?\}" % (_PAIR, _PAIR),
}
_OF_NAME = {
    "v": b"%d" % VERSION,
    "device": rb'"(?P<device>[A-Za-z0-9-]{1,32})"',
    "seq": rb"(?P<seq>%b)" % _NATURAL,
    "boot": rb'"[0-9a-f]{32}"',
    "boottime_ms": rb"(?P<boottime_ms>%b)" % _NATURAL,
    "wall_ms": _NATURAL,
    "clock": rb'"(?:%b)"' % "|".join(CLOCK_STATES).encode(),
    "presented_boottime_ms": rb"(?P<presented>%b)" % _NATURAL,
    "measures": rb"(?P<measures>%b)" % _OF_TYPE[dict],
}
_KEYS = re.compile(rb'"([a-z0-9_]+)":')


def _layout(kind: str) -> re.Pattern[bytes]:
    """The canonical bytes of an entry of a known kind, in their usual layout."""
    parts = []
    for name in sorted(_ALL[kind]):
        pattern = _OF_NAME.get(name) or (
            rb'"(?P<kind>%b)"' % kind.encode() if name == "kind" else _OF_TYPE[FIELDS[kind][name]]
        )
        if name == "person":
            pattern = pattern.replace(_WORD, rb'"[0-9a-f]{32}"')
        parts.append(rb'"%b":%b' % (name.encode(), pattern))
    return re.compile(rb"\{%b\}\Z" % rb",".join(parts))


def _orderly(found: re.Match[bytes]) -> bool:
    """Whether what a pattern cannot say holds too: the order of the measures' keys, and of the times."""
    parts = found.groupdict()
    names = _KEYS.findall(parts.get("measures", b""))
    if any(name >= after for name, after in pairwise(names)):
        return False
    return int(parts.get("presented", b"0")) <= int(parts["boottime_ms"])


_LAYOUTS = {kind.encode(): _layout(kind) for kind in FIELDS if kind != "attested"}
