"""The server's process: one uvicorn on one socket, announced when it listens, ended cleanly by a signal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import uvicorn

from server.app import create_app
from server.config import ServerConfig
from server.errors import ConfigError, Conflict
from server.services import open_services

LISTENING = "listening"
"""File in the state directory that holds HOST:PORT while the server answers there."""
MAX_CONNECTIONS = 2500


def run(config: ServerConfig, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` gets HOST:PORT once requests are answered.

    ConfigError when the address cannot be had; Conflict when another server runs on this state directory.
    """
    parts = open_services(config)
    parts.clock.now_ms()
    lock = _lock(config.state_dir / "run.lock")
    listening = config.state_dir / LISTENING
    with lock, _listen(config.address) as listener:
        host, port = listener.getsockname()[:2]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

        def ready() -> None:
            temporary = listening.with_suffix(".new")
            temporary.write_text(address + "\n", encoding="ascii")
            temporary.replace(listening)
            notify("READY=1")
            announce(address)

        server = _Server(
            uvicorn.Config(
                create_app(parts),
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=10,
            ),
            ready,
        )
        # uvicorn gives the signal that ended it back to the handler that stood before: one that lets us go on.
        previous = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            server.run(sockets=[listener])
        finally:
            notify("STOPPING=1")
            listening.unlink(missing_ok=True)
            parts.database.close()
            for number, handler in previous.items():
                signal.signal(number, handler)


class _Server(uvicorn.Server):
    """Says when it answers, and, if systemd wants it, that it is alive."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._watchdog: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As the base class does, and then the announcement."""
        await super().startup(sockets)
        interval_us = os.environ.get("WATCHDOG_USEC", "")
        if interval_us.isdigit():
            self._watchdog = asyncio.create_task(_watchdog(int(interval_us) / 2_000_000))
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As the base class does; the watchdog's task ends first."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        await super().shutdown(sockets)


async def _watchdog(interval_s: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)); nothing happens elsewhere."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # A manager that went away is no reason to stop serving.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, contextlib.suppress(OSError):
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.send(state.encode())


def _lock(path: Path) -> TextIO:
    """One server a state directory: two would not share what is kept in memory."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise Conflict(f"{path.parent}: another server runs here; stop it first") from error
    return file


def _listen(address: tuple[str, int]) -> socket.socket:
    host, port = address
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(f"listen {host}:{port}: cannot be had ({error.strerror}); set listen to another") from error
