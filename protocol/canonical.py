"""Canonical JSON: one value, one sequence of bytes (RFC 8785 without floats; `docs/formats.md`)."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from protocol.errors import ProtocolError

MAX_DEPTH = 8
MAX_INTEGER = 2**53 - 1
_KEY = re.compile(r"[a-z][a-z0-9_]*\Z")


def encode(value: Any) -> bytes:
    """The canonical bytes of `value`; ProtocolError for what the format cannot say (floats, other keys)."""
    _check(value, 0)
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ProtocolError("canonical JSON: a string holds half a surrogate pair") from error


def decode(data: bytes) -> Any:
    """The value of canonical bytes; ProtocolError when another encoder would have written them differently."""
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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ProtocolError("canonical JSON: a key occurs twice")
    return result


def _no_float(text: str) -> NoReturn:
    raise ProtocolError(f"canonical JSON: {text} is not an integer")


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
