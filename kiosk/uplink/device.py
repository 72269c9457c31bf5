"""The device's identity: its keys, made here and never leaving, and what the claim at the server brought."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.errors import ClaimError, GalleryError, JournalError
from kiosk.files import make_folder, read_bounded, write_durably
from kiosk.recognition import sealing
from kiosk.records.journal import JournalReader
from protocol.errors import ProtocolError
from protocol.keychange import new_key
from protocol.manifest import Delegation, open_delegation
from protocol.note import MAX_NOTE_BYTES, Signer, Verifier
from protocol.roots import follow

SIGNING, SUCCESSOR = "signing.key", "signing.next"
"""Files in `keys`. The second is there from when a change of key begins until the first has its content."""
_ROOTS = "roots"
"""Folder of the notes by which one root took the place of another since the claim."""
_DELEGATIONS = "delegations"
"""Folder of those that came after the claim's, each a note that root signed."""


@dataclass(frozen=True, slots=True)
class Device:
    """A claimed device. `signer` signs checkpoints and requests, `sealing` opens galleries sealed for it.

    `held`: that key, or why it cannot be had here, which only what opens a gallery needs to know.
    `root`: the newest; `former_roots`: those before it, from that of the claim on. `delegation`: the newest that came
    of the newest root, or of one before while it has given none; `former`: those before it, by which only what was
    applied under them is opened.
    `successor`: a key made to take the place of `signer`; the journal, where it can be read, says that it has not yet.
    """

    name: str
    origin: str
    signer: Signer
    held: X25519PrivateKey | GalleryError
    root: Verifier
    delegation: Delegation
    successor: Signer | None = None
    former: tuple[Delegation, ...] = ()
    former_roots: tuple[Verifier, ...] = ()

    @property
    def sealing(self) -> X25519PrivateKey:
        """Opens galleries; GalleryError where its secret is not here."""
        if isinstance(self.held, GalleryError):
            raise self.held
        return self.held

    @property
    def gallery_key(self) -> Verifier:
        """Signs manifests."""
        return Verifier.parse(self.delegation.gallery_key)

    @property
    def gallery_keys(self) -> list[Verifier]:
        """The gallery key, and those that signed manifests before it."""
        return [Verifier.parse(one.gallery_key) for one in (self.delegation, *self.former)]

    @property
    def cursor_key(self) -> Verifier:
        """Signs cursors."""
        return Verifier.parse(self.delegation.cursor_key)


@dataclass(frozen=True, slots=True)
class Keys:
    """The device's secret keys as raw bytes, 32 each."""

    signing: bytes
    sealing: bytes


def load_or_make_keys(state_dir: Path) -> Keys:
    """The device's keys; made at the first call, readable by its user alone."""
    folder = state_dir / "keys"
    if not (folder / SIGNING).exists():
        make_folder(folder, 0o700)
        write_durably(folder / SIGNING, Signer.generate("new").seed, 0o600)
    return Keys(_read_key(folder / SIGNING), sealing.load_or_make(folder).private_bytes_raw())


def save_claim(state_dir: Path, name: str, origin: str, root: Verifier, delegation: bytes) -> None:
    """Keep what the server answered, verified before by the caller; the claim is done once this returns."""
    record = {"device": name, "origin": origin, "root": str(root), "delegation": delegation.decode()}
    write_durably(state_dir / "device.json", json.dumps(record, indent=1).encode())


def is_claimed(state_dir: Path) -> bool:
    """Whether `save_claim` was ever done here."""
    return (state_dir / "device.json").exists()


def load_device(state_dir: Path) -> Device:
    """The claimed device; ClaimError when it is not claimed, or when its files do not belong together."""
    path = state_dir / "device.json"
    if not is_claimed(state_dir):
        raise ClaimError(
            f"this device is not claimed (no {path}). Get a token with 'hadir server device add NAME …' "
            "and run 'hadir kiosk claim --token-file FILE'"
        )
    try:
        record = json.loads(path.read_text())
        root = Verifier.parse(record["root"])
        delegation = open_delegation(record["delegation"].encode(), root)
        name, origin = record["device"], record["origin"]
    except (OSError, ValueError, KeyError) as error:
        raise ClaimError(f"{path} is not whole ({error}): restore it, or claim the device again") from error
    folder = state_dir / "keys"
    signer = Signer.from_seed(f"{origin}/device/{name}", _read_key(folder / SIGNING))
    successor = None
    if (folder / SUCCESSOR).exists():
        successor = Signer.from_seed(signer.name, _read_key(folder / SUCCESSOR))
        if _changed_to(state_dir / "journal.db") == successor.verifier:
            signer, successor = successor, None
    held: X25519PrivateKey | GalleryError
    try:
        held = sealing.load(folder)
    except ClaimError as error:
        held = GalleryError(str(error))
    return refreshed(state_dir, Device(name, origin, signer, held, root, delegation, successor))


def refreshed(state_dir: Path, device: Device) -> Device:
    """The device with the roots and delegations that have come since it was loaded."""
    first = (*device.former_roots, device.root)[0]
    roots = [first, *(key for _, _, key in follow(first, _notes(state_dir / _ROOTS)))]
    ranks = _ranks(state_dir, device, roots)
    *former, newest = sorted(ranks, key=lambda one: ranks[one])
    *before, root = roots
    return replace(device, root=root, former_roots=tuple(before), delegation=newest, former=tuple(former))


def adopt_roots(state_dir: Path, device: Device, notes: Iterable[bytes]) -> Device:
    """Keep those of the notes that lead on from the root that is believed; the device with the last of them.

    None takes the place of one by which that root is believed, whatever version it states.
    """
    first = (*device.former_roots, device.root)[0]
    for note, version, _ in follow(first, [*_notes(state_dir / _ROOTS), *notes])[len(device.former_roots) :]:
        write_durably(state_dir / _ROOTS / f"{version}.note", note)
    return refreshed(state_dir, device)


def adopt_delegation(state_dir: Path, device: Device, note: bytes) -> Device:
    """Keep a delegation that root signed and that is newer than all before of this root; the device with it.

    A new root counts anew: what a stolen one signed, beyond all versions, ends with it.

    Raises:
        ProtocolError: it is not root's, or older, or another one of the same version.
    """
    delegation = open_delegation(note, device.root)
    if delegation == device.delegation:
        return device
    ranks = _ranks(state_dir, device, [*device.former_roots, device.root])
    if (len(device.former_roots), delegation.version) <= ranks[device.delegation]:
        raise ProtocolError(f"delegation {delegation.version} is not newer than {device.delegation.version}: refused")
    write_durably(state_dir / _DELEGATIONS / f"{delegation.version}.note", note)
    return refreshed(state_dir, device)


def _ranks(state_dir: Path, device: Device, roots: Sequence[Verifier]) -> dict[Delegation, tuple[int, int]]:
    """The delegations that are known, each with the place of the root that signed it and its version."""
    ranks = {one: (0, one.version) for one in (*device.former, device.delegation)}  # unless found: the claim's
    for note in _notes(state_dir / _DELEGATIONS):
        for place, root in enumerate(roots):
            with suppress(ProtocolError):
                delegation = open_delegation(note, root)
                ranks[delegation] = (place, delegation.version)
    return ranks


def _notes(folder: Path) -> list[bytes]:
    """Those that can be read: one that is damaged comes again."""
    found = []
    for path in sorted(folder.glob("*.note")):
        with suppress(OSError):
            found.append(read_bounded(path, MAX_NOTE_BYTES))
    return found


def _changed_to(journal: Path) -> Verifier | None:
    """The key of the newest change in a journal; None when there is none, or it cannot be read now."""
    with suppress(JournalError), closing(JournalReader(journal)) as reader:
        changes = reader.key_changes()
        return new_key(changes[-1]) if changes else None
    return None


def _read_key(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ClaimError(f"the device's key {path} cannot be read: {error.strerror}") from error
    if len(data) != 32:
        raise ClaimError(f"the device's key {path} has {len(data)} bytes, not 32: restore it, or claim again")
    return data
