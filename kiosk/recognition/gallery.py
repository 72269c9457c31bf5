"""The gallery on the device: kept sealed on disk, opened in memory, replaced whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import cast

import numpy as np

from kiosk.clock import SystemClock
from kiosk.errors import GalleryError
from kiosk.files import write_durably
from kiosk.matcher import Templates, alike_of, part_of, search
from kiosk.uplink.device import Device, refreshed
from kiosk.uplink.syncstate import proven_ms
from protocol import roster
from protocol.calibration import Basis
from protocol.errors import ProtocolError
from protocol.gallery import Gallery, unseal
from protocol.manifest import GalleryReference, Manifest, open_manifest
from protocol.roster import Roster


@dataclass(frozen=True, slots=True)
class Site:
    """What the station runs on: the applied manifest, its templates, first names by pseudonym, and its roster.

    `office`: of the templates, those of whom the roster has at this site; None where they are too few to calibrate.
    `fault`: where there are no templates, why what came could not be used.
    """

    manifest: Manifest | None = None
    digest: str = ""
    templates: Templates | None = None
    names: dict[str, str] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    office: Templates | None = None
    fault: str = ""

    def alike(self, person: str) -> set[str]:
        """Whom the gallery does not tell from this person, or the office's wider threshold."""
        parts = [part.alike for part in (self.templates, self.office) if part is not None]
        listed = {other for part in parts for other in part.get(person, ())}
        return listed | {one for part in parts for one, others in part.items() if person in others}

    @property
    def attests(self) -> bool:
        """Whether marks may be attested here: the manifest lets them count."""
        return self.manifest is not None and roster.SOURCE in self.manifest.sources

    @property
    def gallery_version(self) -> int:
        """Version of the applied gallery, 0 when there is none."""
        return self.manifest.gallery.version if self.manifest and self.manifest.gallery else 0


class GalleryStore:
    """Two folders: `inbox`, where sync leaves what the server sent, and `applied`, what the station runs on."""

    def __init__(self, state_dir: Path, device: Device) -> None:
        self._state_dir = state_dir
        self._inbox = state_dir / "inbox"
        self._applied = state_dir / "applied"
        self._device = device

    def offer(self, note: bytes, sealed: bytes | None) -> None:
        """Sync's part: put a downloaded manifest and its gallery where the station finds them."""
        if sealed is not None:
            write_durably(self._inbox / "gallery.sealed", sealed, 0o600)
        write_durably(self._inbox / "manifest.note", note)

    def applied_version(self) -> int:
        """Version of the applied manifest, 0 when there is none that can be read and that the gallery key signed.

        So a new gallery key counts anew, and a stolen one that signed a version beyond all others blocks nothing.
        """
        try:
            return self._open(self._applied / "manifest.note").version
        except GalleryError:
            return 0

    def applied(self) -> Manifest | None:
        """The applied manifest; None when there is none that can be read."""
        try:
            return self._open(self._applied / "manifest.note", former=True)
        except GalleryError:
            return None

    def is_whole(self) -> bool:
        """Whether what was applied is still there as it was; what is not may be applied once more."""
        try:
            reference = self._open(self._applied / "manifest.note").gallery
            if reference is not None:
                self._read_sealed(self._applied / f"gallery-{reference.version}.sealed", reference)
        except GalleryError:
            return False
        return True

    def judge(self, offered: Manifest, now_ms: int) -> None:
        """GalleryError for a manifest of another device, older than the one applied, or expired like its delegation.

        It is no earlier than the server and root have signed, so that a clock that is set back revives nothing.
        """
        now_ms = max(now_ms, self._proven_ms())
        if offered.device != self._device.name:
            raise GalleryError(f"the manifest is for {offered.device}, this device is {self._device.name}: refused")
        if offered.version < (held := self.applied_version()):
            raise GalleryError(f"the manifest has version {offered.version}, {held} is applied already: refused")
        if offered.expires_ms < now_ms:
            raise GalleryError(f"manifest {offered.version} has expired: ask the server for a new one")
        if self._device.delegation.expires_ms < now_ms:
            raise GalleryError(
                f"the delegation of the key that signed manifest {offered.version} has expired: a new one comes with "
                "the next contact, once the server has it (hadir server delegate)"
            )

    def _proven_ms(self) -> int:
        """What the time is at least by what the current keys signed, whatever the device's clock says."""
        delegation = self._device.delegation
        heard_ms = proven_ms(self._state_dir / "sync.db", delegation.version, SystemClock().read())
        try:
            issued_ms = self._open(self._applied / "manifest.note").issued_ms
        except GalleryError:
            issued_ms = 0
        return max(delegation.issued_ms, issued_ms, heard_ms)

    def load(self, embedder: str, dimension: int) -> Site:
        """The applied site. An expired manifest still runs: it only takes no successor's place.

        Raises:
            GalleryError: what was applied is not whole any more; names the file and the way out.
        """
        if not (self._applied / "manifest.note").exists():
            return Site()
        return self._load(self._applied, embedder, dimension)

    def apply(self, embedder: str, dimension: int, now_ms: int) -> Site | None:
        """Check what lies in the inbox and make it the applied site; None when nothing new is there.

        Raises:
            GalleryError: what was offered is not for this device, older, expired, not whole, or does not recognise
                its own people. What was applied before stays.
        """
        note = self._inbox / "manifest.note"
        if not note.exists():
            return None
        self._device = refreshed(self._state_dir, self._device)
        offered = self._open(note)
        if offered.version == self.applied_version() and self.is_whole():
            self._clear_inbox()
            return None
        try:
            self.judge(offered, now_ms)
            site = self._load(self._inbox, embedder, dimension)
            _test(site)
        except GalleryError:
            self._clear_inbox()
            raise
        sealed = self._inbox / "gallery.sealed"
        # The gallery's file carries its version, so that the manifest's rename is the one moment of change.
        if offered.gallery is not None:
            write_durably(self._applied / f"gallery-{offered.gallery.version}.sealed", sealed.read_bytes(), 0o600)
        write_durably(self._applied / "manifest.note", note.read_bytes())
        for old in self._applied.glob("gallery-*.sealed"):
            if offered.gallery is None or old.name != f"gallery-{offered.gallery.version}.sealed":
                old.unlink()
        self._clear_inbox()
        return site

    def _open(self, path: Path, former: bool = False) -> Manifest:
        """A manifest that the gallery key signed; `former`: or one that was the gallery key when it was applied."""
        keys = self._device.gallery_keys if former else [self._device.gallery_key]
        try:
            return open_manifest(path.read_bytes(), *keys)
        except (OSError, ProtocolError) as error:
            raise GalleryError(
                f"the manifest {path} cannot be used: {error}. The next sync brings a new one"
            ) from error

    def _load(self, folder: Path, embedder: str, dimension: int) -> Site:
        note = folder / "manifest.note"
        manifest = self._open(note, former=folder == self._applied)
        digest = sha256(note.read_bytes()).hexdigest()
        reference = manifest.gallery
        if reference is None:
            return Site(manifest, digest)
        told = self._roster(manifest, note)
        name = "gallery.sealed" if folder == self._inbox else f"gallery-{reference.version}.sealed"
        path = folder / name
        sealed = self._read_sealed(path, reference)
        try:
            gallery = unseal(sealed, self._device.name, reference.version, self._device.sealing)
        except ProtocolError as error:
            raise GalleryError(f"the gallery {path} cannot be used ({error}): sync brings a new one") from error
        if (gallery.embedder, gallery.dimension) != (embedder, dimension):
            raise GalleryError(
                f"gallery {gallery.version} was made by the embedder {gallery.embedder}, this device runs {embedder}: "
                "write the former as embedder in kiosk.yaml, or enrol everybody again with the latter"
            )
        templates = Templates(
            matrix=np.frombuffer(gallery.matrix, "<f4").reshape(-1, gallery.dimension),
            owners=np.repeat(np.arange(len(gallery.people), dtype=np.int32), [p.count for p in gallery.people]),
            people=tuple(p.person for p in gallery.people),
            embedder=gallery.embedder,
            threshold=gallery.threshold_e4 / 1e4,
            margin=gallery.margin_e4 / 1e4,
            basis=_basis(gallery),
            pairs=gallery.pairs,
            alike=alike_of((gallery.people[a].person, gallery.people[b].person) for a, b in gallery.alike),
        )
        names = {p.person: p.name for p in gallery.people}
        return Site(manifest, digest, templates, names, told, _office(templates, told))

    def _roster(self, manifest: Manifest, note: Path) -> Roster:
        """Of a manifest; of a server that sends none, nobody's."""
        setting = manifest.settings.get(roster.SETTING)
        if setting is None:
            return Roster()
        try:
            return roster.unseal(setting, self._device.name, manifest.version, self._device.sealing)
        except ProtocolError as error:
            raise GalleryError(f"the roster in {note} cannot be used ({error}): sync brings a new one") from error

    def _read_sealed(self, path: Path, reference: GalleryReference) -> bytes:
        try:
            sealed = path.read_bytes()
        except OSError as error:
            raise GalleryError(f"the gallery {path} cannot be read ({error.strerror}): sync brings it again") from error
        if sha256(sealed).hexdigest() != reference.sha256:
            raise GalleryError(f"the gallery {path} is not the one its manifest names: sync brings it again")
        return sealed

    def _clear_inbox(self) -> None:
        # The note first: what is left without it is nothing.
        for name in ("manifest.note", "gallery.sealed"):
            (self._inbox / name).unlink(missing_ok=True)


def _basis(gallery: Gallery) -> Basis:
    """Where the threshold is from; "none" for a small gallery of a server whose release did not calibrate those."""
    uncounted = gallery.basis == "stated" and len(gallery.people) > 1 and not gallery.pairs
    return "none" if uncounted else cast(Basis, gallery.basis)


def _office(templates: Templates, told: Roster) -> Templates | None:
    """The office's part of a gallery; None for one that cannot be calibrated by itself, or that is all of it."""
    part = part_of(templates, set(told.office))
    return part if part.basis == "pairs" and len(part.people) < len(templates.people) else None


def _test(site: Site) -> None:
    """Search the gallery as the station will, for people who are in it, before it takes the place of one that works."""
    templates = site.templates
    if templates is None or not len(templates.matrix):
        return
    for row in {0, len(templates.matrix) // 2, len(templates.matrix) - 1}:
        match = search(templates, templates.matrix[row : row + 1])
        if match.person is None:
            whom = templates.people[int(templates.owners[row])]
            raise GalleryError(
                f"gallery {site.gallery_version} does not recognise {whom}'s own template: it is not applied, what was "
                "there stays. Publish another one at the server"
            )
