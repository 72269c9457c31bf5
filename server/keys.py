"""The installation's keys: root, gallery, cursor and log, each a seed in a file that only the server may read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import ProtocolError
from protocol.manifest import Delegation, open_delegation
from protocol.national import delegate_log, open_log_key
from protocol.note import Signer, Verifier
from server.errors import ConfigError, Refused

DELEGATION_MS = 400 * 86_400_000
SOON_MS = 60 * 86_400_000
"""With less than this left of a delegation, `hadir server run` says so."""
_ONLINE = ("gallery", "cursor")


@dataclass(frozen=True)
class Keyring:
    """`root` verifies; its seed may be taken offline: only a new delegation needs it.

    `delegation` is root's note on the gallery and cursor keys, `delegated` what it says, `log_delegation` the note on
    the log key.
    """

    root: Verifier
    gallery: Signer
    cursor: Signer
    log: Signer
    delegation: bytes
    delegated: Delegation
    log_delegation: bytes


def create(directory: Path, origin: str, now_ms: int) -> Keyring:
    """New keys in `directory`, which must not exist, and root's first delegation."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError as error:
        raise ConfigError(f"{directory}: is there already; keys are never overwritten") from error
    root = Signer.generate(f"{origin}/root")
    _write(directory / "root.seed", root.seed.hex())
    _write(directory / "root.pub", str(root.verifier))
    for name in _ONLINE:
        _write(directory / f"{name}.seed", Signer.generate(f"{origin}/{name}").seed.hex())
    _delegate(directory, origin, root, 1, now_ms)
    _delegate_log(directory, origin, root, now_ms)
    return load(directory, origin)


def delegate(directory: Path, origin: str, now_ms: int, *, new_keys: bool = False) -> Keyring:
    """Sign the next delegation with root's seed, of new gallery and cursor keys if asked; Refused when that is offline.

    A cut before the end leaves keys that no delegation names: the server says so, and the same call again mends it.
    """
    try:
        root = _signer(directory, origin, "root")
    except ConfigError as error:
        raise Refused(f"{directory / 'root.seed'}: not here; bring root's seed back for a new delegation") from error
    if not (directory / "log.seed").exists():  # an installation from before there was a national log
        _delegate_log(directory, origin, root, now_ms)
    held = open_delegation(_read(directory / "delegation").encode(), root.verifier)
    for name in _ONLINE if new_keys else ():
        _write(directory / f"{name}.seed", Signer.generate(f"{origin}/{name}").seed.hex())
    _delegate(directory, origin, root, held.version + 1, now_ms)
    return load(directory, origin)


def load(directory: Path, origin: str) -> Keyring:
    """The keys made by `create`; ConfigError names the file that is missing or wrong."""
    root_file, delegation_file = directory / "root.pub", directory / "delegation"
    try:
        root = Verifier.parse(_read(root_file).strip())
    except ProtocolError as error:
        raise ConfigError(f"{root_file}: {error}") from error
    if root.name != f"{origin}/root":
        raise ConfigError(f"{root_file}: is the key of {root.name}, the configuration's origin is {origin}")
    gallery, cursor = (_signer(directory, origin, name) for name in _ONLINE)
    note = _read(delegation_file).encode()
    try:
        delegation = open_delegation(note, root)
    except ProtocolError as error:
        raise ConfigError(f"{delegation_file}: {error}") from error
    if (delegation.gallery_key, delegation.cursor_key) != (str(gallery.verifier), str(cursor.verifier)):
        raise ConfigError(f"{delegation_file}: delegates to other keys; run: hadir server delegate")
    log_file = directory / "log.delegation"
    if not log_file.exists():
        raise ConfigError(f"{log_file}: is missing; restore it, or run with root's seed: hadir server delegate")
    log, log_note = _signer(directory, origin, "log"), _read(log_file).encode()
    try:
        delegated = open_log_key(log_note, root)
    except ProtocolError as error:
        raise ConfigError(f"{log_file}: {error}") from error
    if delegated != log.verifier:
        raise ConfigError(f"{log_file}: delegates to another key than that of log.seed; restore the one that fits")
    return Keyring(root, gallery, cursor, log, note, delegation, log_note)


def _delegate_log(directory: Path, origin: str, root: Signer, now_ms: int) -> None:
    """Make the log key, once: the log is known by it."""
    key = Signer.generate(f"{origin}/log")
    _write(directory / "log.seed", key.seed.hex())
    _write(directory / "log.delegation", delegate_log(root, key.verifier, now_ms).decode())


def _delegate(directory: Path, origin: str, root: Signer, version: int, now_ms: int) -> None:
    keys = {name: str(_signer(directory, origin, name).verifier) for name in _ONLINE}
    delegation = Delegation(version, now_ms, now_ms + DELEGATION_MS, keys["gallery"], keys["cursor"])
    _write(directory / "delegation", delegation.sign(root).decode())


def _signer(directory: Path, origin: str, name: str) -> Signer:
    path = directory / f"{name}.seed"
    try:
        seed = bytes.fromhex(_read(path))
        return Signer.from_seed(f"{origin}/{name}", seed)
    except ValueError as error:
        raise ConfigError(f"{path}: is not a seed of 64 hex digits ({error})") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); restore it, or run: hadir server init"
        ) from error


def _write(path: Path, text: str) -> None:
    """Durable before it is seen, readable for its owner alone."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + ("" if text.endswith("\n") else "\n"))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)
