"""Canonical JSON: one value, one sequence of bytes (RFC 8785 without floats; `docs/formats.md`)."""

from __future__ import annotations

import functools
import json
import re
from typing import Any, NoReturn

from protocol.errors import ProtocolError

MAX_DEPTH = 8
MAX_INTEGER = 2**53 - 1
_KEY = re.compile(r"[a-z][a-z0-9_]*\Z")
_SHORT = 4096  # bytes that are read by `_plain`; it also bounds what `_canonical_keys` remembers


def encode(value: Any) -> bytes:
    """The canonical bytes of `value`; ProtocolError for what the format cannot say (floats, other keys)."""
    _check(value, 0)
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ProtocolError("canonical JSON: a string holds half a surrogate pair") from error


def decode(data: bytes) -> Any:
    """The value of canonical bytes; ProtocolError when another encoder would have written them differently."""
    if len(data) <= _SHORT and (read := _plain(data)):
        return read[0]
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except ProtocolError:
        raise
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"canonical JSON: {error}") from error
    if encode(value) != data:
        raise ProtocolError("canonical JSON: not in canonical form (order of keys, white space or escapes)")
    return value


def decode_object(data: bytes) -> dict[str, Any]:
    """As `decode`, for bytes that must hold an object."""
    value = decode(data)
    if not isinstance(value, dict):
        raise ProtocolError(f"canonical JSON: an object was expected, not {type(value).__name__}")
    return value


def _plain(data: bytes) -> tuple[Any] | None:
    """The value of short bytes, if they are canonical without escape and space; else None, and nothing is said.

    Several times faster than encoding again, and as strict. Without escapes, spaces and `-0` each token has one
    spelling and nothing stands between tokens, so that only the keys are left to look at: their names, their order, and
    whether one occurs twice. The parser drops such a one, but not its quotes, of which every string has two.
    """
    if b" " in data or b"\\" in data or b"-0" in data or b"\n" in data or b"\t" in data or b"\r" in data:
        return None
    try:
        text = data.decode()
        value, end = _PARSER.raw_decode(text)
        if end == len(text) and 2 * _strings(value, 0) == data.count(b'"'):
            return (value,)
    except (ValueError, RecursionError):
        pass
    return None


def _strings(value: Any, depth: int) -> int:
    """How many strings a parsed value has, keys included; ProtocolError when it is not canonical."""
    kind = type(value)
    if kind is str:
        return 1
    if kind is dict:
        if not _canonical_keys(tuple(value)):
            raise ProtocolError("canonical JSON: a key's name or place")
        count, items = len(value), value.values()
    elif kind is list:
        count, items = 0, value
    else:
        _check(value, depth)
        return 0
    if depth == MAX_DEPTH and items:
        raise ProtocolError(f"canonical JSON: nested deeper than {MAX_DEPTH}")
    for item in items:
        kind = type(item)
        if kind is str:
            count += 1
        elif kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                raise ProtocolError(f"canonical JSON: {item} is beyond 2^53 - 1")
        elif kind is dict or kind is list:
            count += _strings(item, depth + 1)
    return count


@functools.lru_cache(maxsize=256)
def _canonical_keys(keys: tuple[str, ...]) -> bool:
    """Whether an object may have these keys in this order. Remembered: there are few kinds of object."""
    return all(_KEY.match(key) for key in keys) and list(keys) == sorted(keys)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ProtocolError("canonical JSON: a key occurs twice")
    return result


def _no_float(text: str) -> NoReturn:
    raise ProtocolError(f"canonical JSON: {text} is not an integer")


_PARSER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ProtocolError(f"canonical JSON: nested deeper than {MAX_DEPTH}")
    match value:
        case None | bool() | str():
            pass
        case int():
            if abs(value) > MAX_INTEGER:
                raise ProtocolError(f"canonical JSON: {value} is beyond 2^53 - 1")
        case list() | tuple():
            for item in value:
                _check(item, depth + 1)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str) or not _KEY.match(key):
                    raise ProtocolError(f"canonical JSON: {key!r} cannot be a key")
                _check(item, depth + 1)
        case _:
            raise ProtocolError(f"canonical JSON: {type(value).__name__} cannot be encoded")
