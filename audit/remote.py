"""A server's address as a source: its logs over HTTP. Redirects are not followed: the auditor's token stays here."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote

from audit.sources import AuditError
from audit.verify import DeviceLog

_MAX_ANSWER = 64 << 20


@contextmanager
def connected(address: str) -> Iterator[HTTPConnection]:
    """A connection to `http(s)://host[:port]`; what goes wrong on it is an AuditError."""
    scheme, _, rest = address.partition("://")
    connect = HTTPSConnection if scheme == "https" else HTTPConnection
    try:
        with closing(connect(rest.rstrip("/"), timeout=30)) as connection:
            yield connection
    except (OSError, HTTPException, ValueError, RecursionError) as error:  # the last two: answers that are nonsense
        raise AuditError(f"{address} cannot be read: {error or type(error).__name__}") from error


def remote_logs(connection: HTTPConnection, path: str = "/v1/logs") -> Iterator[DeviceLog]:
    """The logs of a server, read as they are iterated over."""
    read = {"device": str, "key": str, "size": int, "changes": lambda texts: [b64decode(text) for text in texts]}
    for name, key, size, changes in _rows(connection, path, read):
        mine = f"{path}/{quote(name, safe='')}"
        held, first, fields = [], 1, {"size": int, "note": str.encode, "frontier": b64decode}
        while first <= size and (page := _rows(connection, f"{mine}/checkpoints?from={first}", fields)):
            held += [row for row in page if first <= row[0] <= size]  # what the log grew by meanwhile is left out
            first = max(first, page[-1][0]) + 1
        held = held or [(size, b"", b"")] * (size > 0)  # entries are stated, and none of them is signed
        yield DeviceLog(name, [key] if key else [], held, _entries(connection, mine, size), True, changes)


def _rows(connection: HTTPConnection, path: str, fields: dict[str, Any]) -> list[Any]:
    try:
        return [tuple(read(row[name]) for name, read in fields.items()) for row in json.loads(get(connection, path))]
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise AuditError(f"{path}: the answer is not a list of {', '.join(fields)}; is this a Hadir server?") from error


def _entries(connection: HTTPConnection, path: str, end: int) -> Iterator[tuple[int, bytes]]:
    first = 0
    while first < end and (lines := get(connection, f"{path}/entries?from={first}&to={end}").split(b"\n")[:-1]):
        yield from enumerate(lines, first)
        first += len(lines)


def get(connection: HTTPConnection, path: str) -> bytes:
    """The body of a 200 answer; AuditError for any other."""
    token = os.environ.get("HADIR_AUDITOR_TOKEN", "")
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    response = connection.getresponse()
    body = response.read(_MAX_ANSWER + 1)
    if response.status == 401:
        raise AuditError(f"{path} is for auditors: put the auditor's token into the variable HADIR_AUDITOR_TOKEN")
    if response.status != 200 or len(body) > _MAX_ANSWER:
        raise AuditError(f"{path}: the server answered {response.status} with {len(body)} bytes")
    return body
