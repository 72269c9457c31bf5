"""A server's address as a source: its logs over HTTP. Redirects are not followed: the auditor's token stays here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote

from audit.sources import AuditError, Source
from audit.verify import DeviceLog

_MAX_ANSWER = 64 << 20


@contextmanager
def open_server(address: str) -> Iterator[Source]:
    """The logs of the server at `http(s)://host[:port]`, read as they are iterated over; AuditError where that fails.

    Only the newest checkpoint of each log comes this way, so that a fault is narrowed less than in the database.
    """
    scheme, _, rest = address.partition("://")
    connect = HTTPSConnection if scheme == "https" else HTTPConnection
    try:
        with closing(connect(rest.rstrip("/"), timeout=30)) as connection:
            yield Source(f"server {address}", _logs(connection, "/v1/logs"), whole=True)
    except (OSError, HTTPException) as error:
        raise AuditError(f"{address} cannot be read: {error or type(error).__name__}") from error


def _logs(connection: HTTPConnection, path: str) -> Iterator[DeviceLog]:
    try:
        logs = [(str(log["device"]), log["key"], int(log["size"])) for log in json.loads(_get(connection, path))]
    except (ValueError, TypeError, KeyError) as error:
        raise AuditError(f"{path}: the answer is not a list of logs; is this a Hadir server?") from error
    for name, key, size in logs:
        mine = f"{path}/{quote(name, safe='')}"
        note = _get(connection, f"{mine}/checkpoint") if size else b""
        # The log may have grown since the list was made: what counts is the newer of the two.
        stated = note.split(b"\n")[1:2]
        end = max(size, int(stated[0][:16])) if stated and stated[0].isdigit() else size
        checkpoints = [(end, note, b"")] if note else []
        yield DeviceLog(name, [str(key)] if key else [], checkpoints, _entries(connection, mine, end), settled=True)


def _entries(connection: HTTPConnection, path: str, end: int) -> Iterator[tuple[int, bytes]]:
    first = 0
    while first < end and (lines := _get(connection, f"{path}/entries?from={first}&to={end}").split(b"\n")[:-1]):
        yield from enumerate(lines, first)
        first += len(lines)


def _get(connection: HTTPConnection, path: str) -> bytes:
    token = os.environ.get("HADIR_AUDITOR_TOKEN", "")
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    response = connection.getresponse()
    body = response.read(_MAX_ANSWER + 1)
    if response.status == 401:
        raise AuditError(f"{path} is for auditors: put the auditor's token into the variable HADIR_AUDITOR_TOKEN")
    if response.status != 200 or len(body) > _MAX_ANSWER:
        raise AuditError(f"{path}: the server answered {response.status} with {len(body)} bytes")
    return body
