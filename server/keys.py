"""The installation's keys: root, gallery, cursor and log, each a seed in a file that only the server may read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import ProtocolError
from protocol.manifest import Delegation, open_delegation
from protocol.national import delegate_log, open_log_key
from protocol.note import Signer, Verifier, open_note, sign_note
from protocol.roots import open_successor
from protocol.roots import succeed as succession
from server.errors import ConfigError, Refused

DELEGATION_MS = 400 * 86_400_000
SOON_MS = 60 * 86_400_000
"""With less than this left of a delegation, `hadir server run` says so."""
_ONLINE = ("gallery", "cursor")


@dataclass(frozen=True)
class Keyring:
    """`root` verifies; its seed may be taken offline: only a new delegation needs it.

    `successors` are the notes that lead from the installation's first root to this one, oldest first.
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
    successors: tuple[bytes, ...] = ()


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
    _refuse_former(directory, root.verifier)
    if not (directory / "log.seed").exists():  # an installation from before there was a national log
        _delegate_log(directory, origin, root, now_ms)
    held = open_delegation(_read(directory / "delegation").encode(), root.verifier)
    for name in _ONLINE if new_keys else ():
        _write(directory / f"{name}.seed", Signer.generate(f"{origin}/{name}").seed.hex())
    _delegate(directory, origin, root, held.version + 1, now_ms)
    return load(directory, origin)


def succeed(directory: Path, origin: str, now_ms: int) -> Keyring:
    """Make a new root, signed by the old one, and sign with it what the old one had signed; Refused when the old
    one's seed is offline.

    The online keys stay. A cut before the end leaves keys of which the server says so; the same call again ends it.
    """
    begun = directory / "root.next.seed"
    try:
        old = _signer(directory, origin, "root")
    except ConfigError as error:
        raise Refused(f"{directory / 'root.seed'}: not here; bring root's seed back for a new root") from error
    if not begun.exists():
        _refuse_former(directory, old.verifier)
        _write(begun, Signer.generate(f"{origin}/root").seed.hex())
    new = _signer(directory, origin, "root.next", "root")
    if old.verifier == new.verifier:  # all but the last step was done
        begun.unlink()
        return load(directory, origin)
    _refuse_former(directory, old.verifier, new.verifier)
    chain = _successors(directory)
    if not chain or not _leads_to(chain[-1], old.verifier, new.verifier):
        (directory / "roots").mkdir(mode=0o700, exist_ok=True)
        version = len(chain) + 2
        _write(directory / "roots" / f"{version}.note", succession(old, new, version, now_ms).decode())
    _delegate(directory, origin, new, _held(directory, old, new).version + 1, now_ms)
    note = _read(directory / "log.delegation").encode()
    if not _is_signed(note, new.verifier):
        # Beside the old signature, so that it convinces whoever knows either root.
        signed = sign_note(open_note(note, [old.verifier]), new).decode()
        _write(directory / "log.delegation", note.decode() + signed.rpartition("\n\n")[2])
    _write(directory / "root.pub", str(new.verifier))
    _write(directory / "root.seed", new.seed.hex())
    begun.unlink()
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
    if (directory / "root.next.seed").exists():
        raise ConfigError(f"{directory}: a new root was begun; end it with: hadir server delegate --new-root")
    successors = _successors(directory)
    if successors and not _is_signed(successors[-1], root):
        raise ConfigError(f"{directory / 'roots'}: does not lead to {root_file}; restore what belongs together")
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
    if log_note.decode().rpartition("\n\n")[2].count("\n") > len(successors) + 1:  # all roots that ever were signed it
        raise ConfigError(f"{directory / 'roots'}: lacks notes by which devices follow; restore what belongs together")
    if delegated != log.verifier:
        raise ConfigError(f"{log_file}: delegates to another key than that of log.seed; restore the one that fits")
    return Keyring(root, gallery, cursor, log, note, delegation, log_note, tuple(successors))


def _refuse_former(directory: Path, *roots: Verifier) -> None:
    """Refused when root.pub is none of these: the seed that was brought back is of a root that another replaced."""
    if _read(directory / "root.pub").strip() not in map(str, roots):
        raise Refused(f"{directory / 'root.seed'}: is not the seed of root.pub; bring back that of the newest root")


def _successors(directory: Path) -> list[bytes]:
    """The notes that lead from root to root, oldest first."""
    paths = sorted((directory / "roots").glob("*.note"), key=lambda path: int(path.stem))
    return [_read(path).encode() for path in paths]


def _leads_to(note: bytes, old: Verifier, new: Verifier) -> bool:
    try:
        return open_successor(note, old)[1] == new
    except ProtocolError:
        return False


def _held(directory: Path, *roots: Signer) -> Delegation:
    """The delegation that one of the roots signed."""
    note = _read(directory / "delegation").encode()
    signer = next((root for root in roots if _is_signed(note, root.verifier)), roots[0])
    return open_delegation(note, signer.verifier)


def _is_signed(note: bytes, key: Verifier) -> bool:
    try:
        open_note(note, [key])
    except ProtocolError:
        return False
    return True


def _delegate_log(directory: Path, origin: str, root: Signer, now_ms: int) -> None:
    """Make the log key, once: the log is known by it."""
    key = Signer.generate(f"{origin}/log")
    _write(directory / "log.seed", key.seed.hex())
    _write(directory / "log.delegation", delegate_log(root, key.verifier, now_ms).decode())


def _delegate(directory: Path, origin: str, root: Signer, version: int, now_ms: int) -> None:
    keys = {name: str(_signer(directory, origin, name).verifier) for name in _ONLINE}
    delegation = Delegation(version, now_ms, now_ms + DELEGATION_MS, keys["gallery"], keys["cursor"])
    _write(directory / "delegation", delegation.sign(root).decode())


def _signer(directory: Path, origin: str, name: str, key: str = "") -> Signer:
    path = directory / f"{name}.seed"
    try:
        seed = bytes.fromhex(_read(path))
        return Signer.from_seed(f"{origin}/{key or name}", seed)
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
