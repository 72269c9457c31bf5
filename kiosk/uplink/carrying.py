"""Where there is no network: batches on a stick for the server, and what the server sends back on it.

A stick holds a folder for each device, named like it, with the same signed parts that the network carries
(`docs/formats.md`). Nothing of it is believed because of where it lies.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kiosk.clock import SystemClock
from kiosk.config import KioskConfig
from kiosk.errors import JournalError, KioskError
from kiosk.files import make_folder, read_bounded, write_durably
from kiosk.recognition.gallery import GalleryStore
from kiosk.records.journal import JournalReader
from kiosk.sync import MAX_GALLERY_BYTES, Syncer, open_syncer
from kiosk.uplink.device import Device, load_device
from kiosk.uplink.transport import MAX_ANSWER_BYTES, read_json
from protocol.batch import unpack
from protocol.carried import MAX_CARRIED, carry, open_carried
from protocol.checkpoint import open_checkpoint
from protocol.errors import ProtocolError
from protocol.merkle import Frontier
from protocol.note import MAX_NOTE_BYTES


def export(config: KioskConfig, stick: Path) -> str:
    """Put what the server does not have yet on a stick; a sentence on what is there now.

    The journal is only read; the station may run. Files that an earlier export left are kept as far as they go on
    from where the server stands, so that an interrupted export goes on where it was.

    Raises:
        KioskError: the stick cannot be written, or is full; says what is on it all the same.
    """
    with _opened(config) as (device, syncer), closing(JournalReader(config.state_dir / "journal.db")) as journal:
        place = _folder(stick, device.name)
        signed = journal.checkpoint()
        if signed is None:
            raise JournalError(f"the journal {journal.path} is empty: there is nothing to carry")
        end = open_checkpoint(signed, device.signer.verifier).size
        first = tree = syncer.acknowledged()
        try:
            make_folder(place)
            tree = _kept(place, device, journal, first)
            # The station's word on how much there is comes first: the server then sees what a stick lacks.
            write_durably(place / "checkpoint", signed)
            while tree.size < end:
                batch, grown = syncer.pack_next(tree)
                data = carry(batch, device.signer, device.name, SystemClock().read().wall_ms)
                write_durably(place / f"{tree.size:012}.batch", data)
                tree = grown
        except OSError as error:
            if isinstance(error, KioskError):
                raise
            raise KioskError(
                f"{error.filename or place} cannot be written ({error.strerror}): entries {first.size} to {tree.size} "
                "are there, the journal keeps all. Take this stick to the server, or export to another one"
            ) from error
        if tree.size == first.size:
            return f"there is nothing to carry: the server has all {end} entries"
        return f"{place}: entries {first.size} to {tree.size}. At the server: hadir server device import {stick}"


def take(config: KioskConfig, stick: Path, report: Callable[[str], None]) -> None:
    """Believe what the server put on a stick for this device, by the same checks as if it came by the network.

    Raises:
        KioskError: there is nothing for this device, or a part was refused; each is named, and the others hold.
    """
    with _opened(config) as (device, syncer):
        place = _folder(stick, device.name)
        steps = {
            "roots": _take_roots,
            "delegation": _take_delegation,
            "cursor": _take_cursor,
            "manifest": _take_manifest,
        }
        found = [name for name in steps if os.path.lexists(place / name)]
        if not found:
            raise KioskError(f"{place}: there is nothing on this stick for {device.name}")
        problems = []
        for name in found:
            try:
                if said := steps[name](config, syncer, place):
                    report(said)
            except KioskError as error:
                problems.append(f"{place / name}: {error}")
            except OSError as error:
                problems.append(f"{error.filename}: {error.strerror}")
    if problems:
        raise KioskError("refused. " + "; ".join(problems))


def _take_roots(config: KioskConfig, syncer: Syncer, place: Path) -> str:
    if not syncer.take_roots(read_json(read_bounded(place / "roots", MAX_ANSWER_BYTES))):
        return ""
    return f"root {load_device(config.state_dir).root} is believed from now on"


def _take_delegation(config: KioskConfig, syncer: Syncer, place: Path) -> str:
    note = read_bounded(place / "delegation", MAX_NOTE_BYTES)
    if not syncer.take_delegation(note):
        return ""
    return f"delegation {load_device(config.state_dir).delegation.version} is believed from now on"


def _take_cursor(config: KioskConfig, syncer: Syncer, place: Path) -> str:
    cursor = syncer.take_cursor(read_bounded(place / "cursor", MAX_NOTE_BYTES))
    return f"{cursor.size} entries are at the server"


def _take_manifest(config: KioskConfig, syncer: Syncer, place: Path) -> str:
    note = read_bounded(place / "manifest", MAX_NOTE_BYTES)
    manifest = syncer.read_manifest(note)
    store = GalleryStore(config.state_dir, load_device(config.state_dir))
    # The station judges as well; if it does not run, the technician hears of it now.
    store.judge(manifest, SystemClock().read().wall_ms)
    if manifest.version == store.applied_version() and store.is_whole():
        return f"manifest {manifest.version} is applied already"
    sealed = None if manifest.gallery is None else read_bounded(place / "gallery.sealed", MAX_GALLERY_BYTES)
    applied = syncer.offer(note, manifest, sealed)
    return (
        f"manifest {manifest.version} is applied" if applied else f"manifest {manifest.version} waits for the station"
    )


@contextmanager
def _opened(config: KioskConfig) -> Iterator[tuple[Device, Syncer]]:
    device = load_device(config.state_dir)
    owner = config.state_dir.stat().st_uid
    if os.geteuid() != owner:
        # What another user leaves beside sync's database would lock sync out.
        name = pwd.getpwuid(owner).pw_name
        raise KioskError(f"{config.state_dir} belongs to {name}: run this as that user, with sudo -u {name}")
    with closing(open_syncer(config)) as syncer:
        yield device, syncer


def _folder(stick: Path, device: str) -> Path:
    if not stick.is_dir():
        raise KioskError(f"{stick} is no folder: is the stick mounted there?")
    place = stick / device
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise KioskError(f"{place} is not a folder of its own: move it away")
    return place


def _kept(place: Path, device: Device, journal: JournalReader, tree: Frontier) -> Frontier:
    """The tree with what lies there already; files that do not go on from it, or are damaged, are removed."""
    for path in sorted(place.glob("*.batch")):
        new = _following(path, device, journal, tree.size)
        if new:
            tree = tree.append(new)
        elif path.is_symlink() or path.is_file():
            path.unlink()
    return tree


def _following(path: Path, device: Device, journal: JournalReader, size: int) -> list[bytes]:
    """The entries of a file from `size` on, if they are the journal's; else none."""
    try:
        carried = open_carried(read_bounded(path, MAX_CARRIED))
        carried.verify(device.signer.verifier)
        batch = unpack(carried.batch)
    except (OSError, ProtocolError):
        return []
    new = list(batch.entries[size - batch.first :]) if batch.first <= size else []
    return new if new and journal.read(size, len(new)) == new else []
