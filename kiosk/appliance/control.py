"""The station's socket: other processes ask it to apply what they fetched, or how it is."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.errors import KioskError

_MAX_LINE = 4096
Answer = dict[str, Any]


class ControlSocket:
    """The station's end. `poll` never waits: the camera's loop calls it between two frames."""

    def __init__(self, path: Path, commands: dict[str, Callable[[Answer], Answer]]) -> None:
        """`commands` by name; each is called with the request."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # the journal's lock has made sure that no other station is alive
        self._path = path
        self._commands = commands
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o660)
        self._socket.listen(4)
        self._socket.setblocking(False)

    def poll(self) -> None:
        """Answer who is waiting. A client that dawdles is dropped: marks go first."""
        try:
            client, _ = self._socket.accept()
        except BlockingIOError:
            return
        with client:
            client.settimeout(0.05)
            try:
                request = json.loads(client.recv(_MAX_LINE))
                command = self._commands[request["command"]]
                client.sendall(json.dumps(command(request)).encode() + b"\n")
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                return

    def close(self) -> None:
        """Stop answering."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ask(path: Path, command: str, timeout_s: float = 10.0, **values: str) -> Answer:
    """Ask the station at `path`, with `values` in the request; KioskError when none answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(timeout_s)
            client.connect(str(path))
            client.sendall(json.dumps({"command": command} | values).encode())
            return json.loads(client.makefile().readline())
    except (OSError, ValueError) as error:
        raise KioskError(f"no station answers at {path}: {error or 'it closed the connection'}") from error
