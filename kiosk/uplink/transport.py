"""HTTP to the server: signed requests, answers bounded in size and in time, errors in one sentence."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from kiosk.errors import SyncError
from kiosk.uplink.device import Device
from protocol.request import sign_request

MAX_ANSWER_BYTES = 1 << 20
"""Of one answer: a note, or a piece of a gallery."""
REQUEST_S = 300.0
"""From the first byte sent to the last byte heard: several times what the largest batch takes at 64 kbit/s."""
_TIMEOUT_S = (5.0, 30.0)
"""To connect, and between two pieces of an answer."""


class ServerBusy(SyncError):
    """The server asks to wait `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotRecognised(SyncError):
    """The server does not know the key that signed the request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: 200, 201 or 409 (it holds something else than we thought)."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Transport:
    """One server. `authority`: file with the only certificate authority to be believed."""

    def __init__(self, server: str, authority: Path | None = None, request_s: float = REQUEST_S) -> None:
        """`request_s`: seconds that a request and its answer may take, whatever trickles in meanwhile."""
        self._server = server.rstrip("/")
        self._request_s = request_s
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy or .netrc of a user may come between
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["Accept-Encoding"] = "identity"
        self._line = _Line()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._line)
        if authority is not None:
            self._session.verify = str(authority)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send_as(self, device: Device, wall_ms: int, method: str, what: str, body: bytes = b"") -> Answer:
        """A request about `device`, signed by it."""
        path = f"/v1/devices/{device.name}/{what}"
        header = sign_request(device.signer, device.name, method, path, body, wall_ms)
        return self.send(method, path, body, {"Authorization": header, "Content-Type": "application/octet-stream"})

    def send_json(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A request without signature; the object that the server answers."""
        data = b"" if body is None else json.dumps(body).encode()
        content = self.send(method, path, data, {"Content-Type": "application/json"}).content
        answer = read_json(content)
        if not isinstance(answer, dict):
            raise SyncError(f"{self._server} does not answer {path} as a Hadir server does")
        return answer

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """SyncError names what the server said, or that it was not reached."""
        try:
            with (
                self._line.open_for(self._request_s),
                self._session.request(
                    method,
                    self._server + path,
                    data=body or None,
                    headers=headers,
                    timeout=_TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                content = self._read(response)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            if isinstance(error, SyncError):
                raise
            why = f"not within {self._request_s:g} s" if self._line.was_cut else type(error).__name__
            raise SyncError(f"{self._server} cannot be reached ({why})") from error
        if response.status_code in (429, 503):
            raise ServerBusy(f"{self._server} is busy", _wait_s(response.headers.get("Retry-After", "")))
        if response.status_code not in (200, 201, 409):
            refused = NotRecognised if response.status_code == 401 else SyncError
            raise refused(f"{self._server} refused {method} {path}: {_said(response.status_code, content)}")
        return Answer(response.status_code, response.headers, content)

    def _read(self, response: requests.Response) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise SyncError(f"{self._server} packs its answer, which nobody asked for")
        parts, size = [], 0
        for part in response.raw.stream(1 << 16, decode_content=False):
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                raise SyncError(f"{self._server} answers without end: more than {MAX_ANSWER_BYTES} bytes")
            parts.append(part)
        return b"".join(parts)


class _Line(HTTPAdapter):
    """The connection to the server, which is cut when the time for a request is over.

    Timeouts of a socket are between two pieces: an answer that trickles would go on for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._socket: socket.socket | None = None
        self.was_cut = False

    @contextmanager
    def open_for(self, seconds: float) -> Iterator[None]:
        """Cut what is not over after so many seconds; TimeoutError then, for a cut may look like an answer's end."""
        self.was_cut = False
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if self.was_cut:
            raise TimeoutError

    def get_connection_with_tls_context(self, *arguments: Any, **named: Any) -> HTTPConnectionPool:
        """As of HTTPAdapter, with the sockets known here."""
        pool = cast(HTTPConnectionPool, super().get_connection_with_tls_context(*arguments, **named))
        if pool.ConnectionCls is type(pool).ConnectionCls:
            pool.ConnectionCls = _known_to(self, pool.ConnectionCls)
        return pool

    def close(self) -> None:
        """Close the connection."""
        super().close()
        self.connected(None)

    def connected(self, opened: socket.socket | None) -> None:
        """The connection has this socket, in place of an earlier one."""
        if self._socket is not None:
            self._socket.close()
        # A socket of our own to the same connection: TLS takes the other one over.
        self._socket = None if opened is None else opened.dup()
        if self.was_cut:
            self._cut()

    def _cut(self) -> None:
        self.was_cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _known_to(line: _Line, kind: Any) -> type[HTTPConnection]:
    """A kind of connection that tells `line` of its socket."""

    class Known(kind):
        def _new_conn(self) -> socket.socket:
            opened: socket.socket = super()._new_conn()
            line.connected(opened)
            return opened

    return Known


def read_json(content: bytes) -> Any:
    """What a server says in JSON; None when it is not JSON that can be read here."""
    try:
        value = json.loads(content)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair has no bytes
    except (ValueError, RecursionError):
        return None
    return value


def _wait_s(asked: str) -> float:
    """Seconds in a Retry-After header, an hour at most; 0 when it says nothing usable."""
    return float(min(3600, int(asked))) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0.0


def _said(status: int, content: bytes) -> str:
    """What the server gave as its reason, cut to one printable line."""
    answer = read_json(content)
    known = isinstance(answer, dict) and "error" in answer
    said = str(answer["error"])[:1000] if known else "no Hadir server of this version answers there"
    return f"{status}, " + "".join(c for c in said if c.isprintable())[:300]
