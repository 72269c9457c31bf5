"""HTTP to the server: bounded answers, signed requests, errors in one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from kiosk.device import Device
from kiosk.errors import SyncError
from protocol.request import sign_request

MAX_ANSWER_BYTES = 64 << 20
_TIMEOUT_S = (5.0, 30.0)


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

    def __init__(self, server: str, authority: Path | None = None) -> None:
        self._server = server.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy or .netrc of a user may come between
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
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise SyncError(f"{self._server} does not answer {path} as a Hadir server does") from error
        if not isinstance(answer, dict):
            raise SyncError(f"{self._server} does not answer {path} as a Hadir server does")
        return answer

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """SyncError names what the server said, or that it was not reached."""
        try:
            response = self._session.request(
                method,
                self._server + path,
                data=body or None,
                headers=headers,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            )
            with response:
                content = self._read(response)
        except (requests.RequestException, OSError) as error:
            if isinstance(error, SyncError):
                raise
            raise SyncError(f"{self._server} cannot be reached ({type(error).__name__})") from error
        if response.status_code in (429, 503):
            wait = response.headers.get("Retry-After", "")
            raise ServerBusy(f"{self._server} is busy", min(3600.0, float(wait)) if wait.isdigit() else 0.0)
        if response.status_code not in (200, 201, 409):
            refused = NotRecognised if response.status_code == 401 else SyncError
            raise refused(f"{self._server} refused {method} {path}: {_said(response.status_code, content)}")
        return Answer(response.status_code, response.headers, content)

    def _read(self, response: requests.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_content(1 << 16):
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                raise SyncError(f"{self._server} answers without end: more than {MAX_ANSWER_BYTES} bytes")
            parts.append(part)
        return b"".join(parts)


def _said(status: int, content: bytes) -> str:
    """What the server gave as its reason, cut to one printable line."""
    try:
        said = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        said = "no Hadir server of this version answers there"
    return f"{status}, " + "".join(c for c in str(said) if c.isprintable())[:300]
