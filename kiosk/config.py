"""The kiosk's configuration file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from kiosk.errors import ConfigError
from kiosk.pad.cues import PassiveSettings
from protocol.settings import SettingsError, read_settings


@dataclass(frozen=True, slots=True)
class Pins:
    """BCM numbers, as in `docs/hardware.md`."""

    green: int = 17
    amber: int = 27
    red: int = 22
    buzzer: int = 18
    lamp: int = 12
    left: int = 23
    right: int = 24
    up: int = 25


@dataclass(frozen=True, slots=True)
class IndicatorConfig:
    """`mock`: no lamps are connected; gpiozero's mock pins stand for them."""

    mock: bool = False
    pins: Pins = field(default_factory=Pins)


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """A picture of who was refused is kept for `keep_days`, sealed for the holder of the private half of `key` (X25519,
    64 hex digits; `hadir kiosk review key` makes one)."""

    keep_days: int
    key: str

    def __post_init__(self) -> None:
        if not 1 <= self.keep_days <= 30:
            raise ValueError("keep_days must be 1 to 30")
        if not re.fullmatch("[0-9a-f]{64}", self.key):
            raise ValueError("key must be 64 hex digits, as 'hadir kiosk review key' prints them")
        try:
            X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(self.key)))
        except ValueError as error:  # RFC 7748, 6.1: an all-zero shared secret, which everybody knows
            raise ValueError("anybody could open what is sealed for key: 'hadir kiosk review key' makes one") from error


@dataclass(frozen=True, slots=True)
class KioskConfig:
    """One kiosk. What the server decides (site, zone, sources) is in its manifest, not here.

    `authority`: file with the certificate authority that the server's TLS certificate must come from.
    `sync_every_s`: seconds between two contacts with the server. `request_s`: seconds that a request and its answer may
    take. `keep_days`: how long entries stay here after the server had them; longer than the oldest backup that the
    server may be restored from. `light`: the white lamp plays the light code that liveness reads back from the
    face; where there is none (`none`) more prompts are asked, and a screen steered live is not refused.
    `passive`: what becomes of the cues that single pictures give.
    `voice`: prompts and results are spoken, too.
    `embedder`: what makes vectors of faces, `dlib` or `onnx:NAME`; all kiosks of a server run the same. `models`:
    folder with the files of the latter. `review`: pictures of refusals; none are kept without it.
    """

    state_dir: Path
    camera: str
    server: str
    language: Literal["id", "en"] = "id"
    authority: Path | None = None
    sync_every_s: float = 15.0
    keep_days: int = 120
    request_s: float = 300.0
    light: Literal["none", "lamp"] = "lamp"
    voice: bool = False
    passive: PassiveSettings = field(default_factory=PassiveSettings)
    embedder: str = "dlib"
    models: Path = Path("/var/lib/hadir/models")
    indicator: IndicatorConfig = field(default_factory=IndicatorConfig)
    review: ReviewSettings | None = None

    def __post_init__(self) -> None:
        if not self.server.startswith(("http://", "https://")):
            raise ValueError("server must be a URL that starts with https:// (or http:// behind a trusted tunnel)")
        if self.sync_every_s < 0.1:
            raise ValueError("sync_every_s must be at least 0.1")
        if self.request_s < 1:
            raise ValueError("request_s must be at least 1")
        if self.keep_days < 1:
            raise ValueError("keep_days must be at least 1")


def load_config(path: Path) -> KioskConfig:
    """The configuration in `path`; ConfigError names file, line and key."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(
            f"the configuration {path} cannot be read ({error.strerror}): name it with --config FILE"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the configuration {path} is not UTF-8 text") from error
    try:
        return read_settings(text, str(path), KioskConfig)
    except SettingsError as error:
        raise ConfigError(str(error)) from error
