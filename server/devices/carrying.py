"""Sticks: batches that a technician brings from kiosks without a network, and what goes back to them."""

from __future__ import annotations

import errno
import json
import stat
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from protocol.batch import unpack
from protocol.carried import MAX_CARRIED, Carried, open_carried
from protocol.checkpoint import open_checkpoint
from protocol.errors import ProtocolError
from protocol.keychange import KIND
from protocol.note import MAX_NOTE_BYTES
from server.devices import ingest, manifests
from server.devices import service as devices
from server.errors import Refused, ServerError
from server.reports.atomic import whole_file
from server.services import Services


@dataclass
class Taken:
    """What became of a stick: files taken and entries held now, by device; and what was refused, file by file."""

    files: Counter[str] = field(default_factory=Counter)
    held: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def take(parts: Services, source: Path) -> Taken:
    """Take the batches of a stick, a device's folder or one file, each as by HTTP; write the signed cursors back.

    A file that is refused keeps none from being taken but those of its device that do not go on without it.
    Refused when there is none at all.
    """
    taken = Taken()
    folders: dict[tuple[Path, str], devices.Device] = {}
    left: Counter[str] = Counter()
    files = _batches(source, taken)
    _announce_keys(parts, files)
    for path in files:
        try:
            carried = open_carried(_read(path, MAX_CARRIED))
            name = carried.signature.device
            if name in left:
                left[name] += 1
                continue
            device, problem = _take_one(parts, carried)
        except (ProtocolError, ServerError, OSError) as error:
            taken.problems.append(f"{path}: {_said(error)}")
            continue
        folders[path.parent, name] = device
        if problem:
            taken.problems.append(f"{path}: {problem}")
            left[name] = 0
        else:
            taken.files[name] += 1
    taken.problems += [f"{name}: {count} more files follow that one and were left" for name, count in (+left).items()]
    for (folder, name), device in folders.items():
        held = ingest.cursor(parts.database, device, parts.clock.now_ms())
        taken.held[name] = held.size
        if folder.name != name:
            continue  # a single file, brought in another way: nobody looks for a cursor beside it
        try:
            _put_delegation(folder, parts)
            _put(folder / "cursor", held.sign(parts.keyring.cursor))
            _compare(folder / "checkpoint", device, held.size, taken)
        except (ProtocolError, OSError) as error:
            taken.problems.append(f"{folder}: {_said(error)}")
    return taken


def give(parts: Services, name: str, stick: Path) -> int:
    """Put a device's manifest, with its gallery, and its cursor on a stick; the manifest's version.

    Refused when the stick is not there; NotFound when there is no such device.
    """
    if not stick.is_dir():
        raise Refused(f"{stick}: is no folder; is the stick mounted there?")
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        device = devices.device(connection, name)
        manifests.renew(connection, device, parts.keyring.gallery, now_ms)
        note, _ = manifests.latest(connection, name)
        version, gallery = manifests.latest_version(connection, name), manifests.latest_gallery(connection, name)
        sealed = None if gallery is None else manifests.sealed(connection, name, gallery)
    folder = stick / name
    if folder.is_symlink():
        raise Refused(f"{folder}: is a link; what it points at is not written to")
    _put_delegation(folder, parts)
    if sealed is not None:
        _put(folder / "gallery.sealed", sealed)
    # The manifest after its gallery: what a full or pulled stick lacks then makes nothing look whole.
    _put(folder / "manifest", note)
    _put(folder / "cursor", ingest.cursor(parts.database, device, now_ms).sign(parts.keyring.cursor))
    return version or 0


def _batches(source: Path, taken: Taken) -> list[Path]:
    """The files to take, each device's in the order of its log."""
    if not source.is_dir():
        return [source]
    folders = [source, *sorted(folder for folder in source.iterdir() if folder.is_dir())]
    taken.problems += [f"{folder}: is a link, not followed" for folder in folders[1:] if folder.is_symlink()]
    found = [path for folder in folders if not folder.is_symlink() for path in sorted(folder.glob("*.batch"))]
    if not found:
        raise Refused(f"{source}: holds no batches; a stick gets them at the kiosk with: hadir kiosk export {source}")
    return found


def _announce_keys(parts: Services, files: list[Path]) -> None:
    """Changes of key first, as by HTTP: the files before a change are signed by the new key as well."""
    for path in files:
        with suppress(ProtocolError, OSError):  # named when the file's turn comes
            batch = unpack(open_carried(_read(path, MAX_CARRIED)).batch)
            for data in batch.entries:
                if KIND.encode() in data:
                    with suppress(ProtocolError, ServerError), parts.database.write() as connection:
                        devices.change_key(connection, batch.device, data, parts.clock.now_ms())


def _take_one(parts: Services, carried: Carried) -> tuple[devices.Device, str]:
    """Whose batch it was, and '' when it was accepted, else what to do."""
    with parts.database.read() as connection:
        device = devices.device(connection, carried.signature.device)
    carried.verify(device.verifier)
    outcome = ingest.receive(
        parts.database, parts.keyring.log, device, carried.signature, carried.batch, parts.clock, carried=True
    )
    return device, outcome.problem


def _compare(path: Path, device: devices.Device, held: int, taken: Taken) -> None:
    """Say what the stick lacks of what the station had when it was filled."""
    if not path.exists():
        return
    stated = open_checkpoint(_read(path, MAX_NOTE_BYTES), device.verifier).size
    if stated > held:
        taken.problems.append(f"{path}: the kiosk had {stated} entries, {held} are here: bring the rest from there")


def _read(path: Path, limit: int) -> bytes:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "is not a regular file")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"is longer than {limit} bytes")
    return data


def _put_delegation(folder: Path, parts: Services) -> None:
    """What root says, and the roots that lead to it."""
    if parts.keyring.successors:
        notes = [note.decode() for note in parts.keyring.successors]
        _put(folder / "roots", json.dumps(notes).encode())
    _put(folder / "delegation", parts.keyring.delegation)


def _put(path: Path, data: bytes) -> None:
    try:
        with whole_file(path) as stream:
            stream.write(data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _said(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
