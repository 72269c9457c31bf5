"""What every route and command of the server works with, made once from the configuration."""

from __future__ import annotations

import shutil
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field

from server import clock, keys, schema
from server.config import ServerConfig
from server.database import Database
from server.devices.auth import Authenticator
from server.errors import ConfigError

MAX_WRITERS = 32
"""Requests that may wait for the writer; more are told to come back. Fewer than the threads that answer (40)."""


@dataclass
class Buffered:
    """Bytes of request bodies in memory; touched by the event loop alone."""

    size: int = 0


@dataclass(frozen=True)
class Services:
    """The parts of a running server."""

    config: ServerConfig
    database: Database
    keyring: keys.Keyring
    clock: clock.Clock
    authenticator: Authenticator
    buffered: Buffered = field(default_factory=Buffered)
    writers: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(MAX_WRITERS))


def open_services(config: ServerConfig) -> Services:
    """The services of an initialised server; ConfigError names what is missing or does not fit."""
    schema.load()
    database = Database(config.database)
    if (origin := database.value("origin")) != config.origin:
        raise ConfigError(f"{config.database}: belongs to {origin}, the configuration's origin is {config.origin}")
    keyring = keys.load(config.state_dir / "keys", config.origin)
    return Services(config, database, keyring, clock.of(config), Authenticator(database))


def initialise(config: ServerConfig) -> Services:
    """A new server's directory, keys and database. ConfigError when any of them is there."""
    schema.load()
    try:
        config.state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{config.state_dir}: cannot be made ({error.strerror})") from error
    for path in (config.database, config.state_dir / "keys"):
        if path.exists():
            raise ConfigError(f"{path}: is there already; nothing was changed")
    with ExitStack() as undo:
        undo.callback(_remove, config)
        keys.create(config.state_dir / "keys", config.origin, clock.of(config).now_ms())
        Database.create(config.database, config.origin).close()
        undo.pop_all()
    return open_services(config)


def _remove(config: ServerConfig) -> None:
    """Take back what a failed `initialise` made, so that it can be tried again."""
    shutil.rmtree(config.state_dir / "keys", ignore_errors=True)
    for path in config.state_dir.glob(f"{config.database.name}*"):
        path.unlink()
