"""The server's configuration: one YAML file, no secrets in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from protocol.settings import SettingsError, read_settings
from server.errors import ConfigError
from server.reports.model import Signatory

_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}\Z")
_ORIGIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?\Z")


@dataclass(frozen=True)
class Mail:
    """Where alerts are mailed: `sender` and `to` are addresses, `relay` HOST:PORT takes mail without a password."""

    to: tuple[str, ...]
    sender: str
    relay: str = "127.0.0.1:25"

    def __post_init__(self) -> None:
        for address in (self.sender, *self.to):
            if not _ADDRESS.match(address):
                raise ValueError(f"{address!r} is no address of mail such as it@ambon.go.id")
        if not self.to:
            raise ValueError("to must name somebody")
        _host_and_port(self.relay, "relay")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the relay."""
        return _host_and_port(self.relay, "relay")


@dataclass(frozen=True)
class ServerConfig:
    """What `server.yaml` may say. Relative paths are relative to that file.

    state_dir: database, keys and all else the server writes. origin: the installation's name, part of every key's
    name. listen: HOST:PORT; port 0 takes a free one, which then stands in `<state_dir>/listening`. clock: `simulated`
    takes the time from `<state_dir>/simulated-clock`. regulation: the YAML by which months are closed. government
    and place: the letterhead of reports, and where they are signed. signatories: agency, or `all` for those not
    named, to who signs its payment list. retention_years: how long after the last month nobody is erased.
    mail: to whom alerts are sent.
    """

    state_dir: Path
    origin: str
    listen: str = "127.0.0.1:8440"
    clock: Literal["system", "simulated"] = "system"
    language: Literal["id", "en"] = "id"
    regulation: Path | None = None
    government: str = ""
    place: str = ""
    signatories: Mapping[str, tuple[Signatory, ...]] = field(default_factory=dict)
    retention_years: int = 10
    mail: Mail | None = None

    def __post_init__(self) -> None:
        if not _ORIGIN.match(self.origin):
            raise ValueError(f"origin must be a host name such as hadir.ambon.go.id, not {self.origin!r}")
        _host_and_port(self.listen, "listen")

        if not 1 <= self.retention_years <= 100:
            raise ValueError(f"retention_years must be from 1 to 100, not {self.retention_years}")

    @property
    def address(self) -> tuple[str, int]:
        """Host (brackets of an IPv6 address removed) and port to listen on."""
        return _host_and_port(self.listen, "listen")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.state_dir / "server.db"

    @property
    def erasures(self) -> Path:
        """What was erased, beside the database: a restored backup does not know it."""
        return self.state_dir / "erasures.jsonl"


def _host_and_port(text: str, key: str) -> tuple[str, int]:
    """Brackets of an IPv6 address removed; ValueError names the key."""
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"{key} must be HOST:PORT such as 127.0.0.1:8440, not {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def load(path: Path) -> ServerConfig:
    """The configuration in a file; ConfigError names file, line and key."""
    try:
        config = read_settings(path.read_text(encoding="utf-8"), str(path), ServerConfig)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file; name the configuration with --config FILE") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except SettingsError as error:
        raise ConfigError(str(error)) from error
    base = path.resolve().parent
    regulation = base / config.regulation if config.regulation is not None else None
    return replace(config, state_dir=base / config.state_dir, regulation=regulation)
