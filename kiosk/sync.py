"""Sync: signed batches up, signed manifests down; reads the journal, never writes it."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from kiosk.appliance.control import ask
from kiosk.appliance.service import notify, stopping
from kiosk.clock import Clock, Reading, SystemClock
from kiosk.config import KioskConfig
from kiosk.errors import KioskError, SyncError
from kiosk.recognition.gallery import GalleryStore
from kiosk.records.outbox import Outbox
from kiosk.uplink.device import Device, adopt_delegation, adopt_roots, load_device
from kiosk.uplink.syncstate import MAX_TIME_MS, SyncState
from kiosk.uplink.transport import REQUEST_S, Answer, NotRecognised, ServerBusy, Transport
from protocol import canonical, entry
from protocol.batch import MAX_HEADER, Batch, pack
from protocol.checkpoint import Checkpoint
from protocol.cursor import Cursor, open_cursor
from protocol.errors import ProtocolError
from protocol.keychange import new_key
from protocol.manifest import GalleryReference, Manifest, open_manifest
from protocol.merkle import Frontier

PIECE_BYTES = 1 << 15
"""Of a gallery, fetched at once: 4 s at 64 kbit/s. A mark that was made meanwhile goes before the next piece."""
MAX_GALLERY_BYTES = 64 << 20
PIECES = 32
"""Fetched in one contact at most, so that the server hears from the device all the time."""
_MOST_ROOTS = 100
"""That are looked at; an installation has a few in its life."""
_LONGEST_WAIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What one contact achieved: entries that the server now holds, and whether a new manifest was fetched.

    `fetching`: a gallery is here in part.
    """

    acknowledged: int
    backlog: int
    manifest: int | None = None
    fetching: bool = False

    @property
    def more(self) -> bool:
        """Whether the next contact should follow at once."""
        return self.backlog > 0 or self.fetching


@dataclass(slots=True)
class _Download:
    """A manifest, and its gallery as far as it was fetched."""

    note: bytes
    manifest: Manifest
    sealed: bytearray


class Syncer:
    """One device's way to its server."""

    _device: Device

    def __init__(
        self,
        device: Device,
        server: str,
        state_dir: Path,
        clock: Clock,
        status: Callable[[], dict[str, Any]] = dict,
        authority: Path | None = None,
        keep_days: int = 120,
        request_s: float = REQUEST_S,
    ) -> None:
        self._state_dir = state_dir
        self._keep_days = keep_days
        self._clock = clock
        self._status = status
        self._act_as(device)
        self._state = SyncState(state_dir / "sync.db")
        self._socket = state_dir / "station.sock"
        self._transport = Transport(server, authority, request_s)
        self._download: _Download | None = None
        self.waiting = 0  # version of the manifest that lies in the inbox, because no station was there to apply it

    def close(self) -> None:
        """Give files and connections back."""
        self._transport.close()
        self._outbox.close()
        self._state.close()

    def contact(self) -> Progress:
        """One batch up (empty when nothing is new), and a newer manifest down if there is one.

        Raises:
            SyncError: the server cannot be reached or must not be believed; nothing is lost, try later.
        """
        try:
            return self._contact()
        except ProtocolError as error:
            raise SyncError(f"what this device has stored cannot be read: {error}") from error

    def _contact(self) -> Progress:
        changes = self._outbox.key_changes()
        if changes and new_key(changes[-1]) != self._device.signer.verifier:
            self._outbox.close()
            self._act_as(load_device(self._state_dir))  # the key was changed while sync ran
        frontier = self.acknowledged()
        body, grown = self.pack_next(frontier)
        try:
            response = self._send("POST", "batches", body)
        except NotRecognised:
            if not changes:
                raise
            for change in changes:
                self._send("POST", "key", change)
            response = self._send("POST", "batches", body)
        root = response.headers.get("Hadir-Root", self._device.root.key_hash.hex())
        if root != self._device.root.key_hash.hex() or (
            _number(response, "Hadir-Delegation") > self._device.delegation.version
        ):
            status = self._transport.send_json("GET", "/v1/status")
            self.take_roots(status.get("roots"))
            self.take_delegation(str(status.get("delegation")).encode())
        cursor = self._cursor(response.content)
        if response.status == 409 or cursor.size != grown.size:
            frontier = self._frontier_at(cursor)
            self._save(cursor, frontier, response.content)
            if response.status == 409:
                # The next contact sends from where the server stands.
                return Progress(frontier.size, self._outbox.size() - frontier.size)
        elif cursor.root != grown.root():
            raise SyncError(f"the server's cursor for {cursor.size} entries does not fit the journal: not believed")
        else:
            self._save(cursor, grown, response.content)
        self._ask_to_prune()
        manifest = self._fetch_manifest(_number(response, "Hadir-Manifest"), cursor.size)
        return Progress(cursor.size, self._outbox.size() - cursor.size, manifest, self._download is not None)

    def acknowledged(self) -> Frontier:
        """The tree of what the server holds, as far as is known here."""
        _, frontier, _ = self._state.load()
        base = self._outbox.base()
        if frontier.size >= base.size:
            if self._outbox.follows(frontier) or not self._outbox.follows(base):
                return frontier
            self._state.begin_anew("it does not fit the journal")
        # When sync forgot: what was pruned is proven to be at the server.
        return base

    def pack_next(self, frontier: Frontier) -> tuple[bytes, Frontier]:
        """The packed batch of what follows `frontier`, and the tree with it.

        Raises:
            SyncError: what is left to send is not what the station signed.
        """
        entries, grown = self._outbox.next_batch(frontier)
        backlog = self._outbox.size() - grown.size
        return pack(self._batch(frontier.size, entries, grown, backlog)), grown

    def take_roots(self, notes: object) -> bool:
        """Believe from now on the roots that lead on from the one believed; False when none does.

        Raises:
            SyncError: they cannot be kept here.
        """
        given = notes[:_MOST_ROOTS] if isinstance(notes, list) else []
        try:
            device = adopt_roots(
                self._state_dir, self._device, [note.encode() for note in given if isinstance(note, str)]
            )
        except OSError as error:
            raise SyncError(f"the new root cannot be kept here: {error.strerror}") from error
        if device.root == self._device.root:
            return False
        self._believe(device)
        return True

    def take_delegation(self, note: bytes) -> bool:
        """Believe from now on the keys that root names there; False when that was so already.

        Raises:
            SyncError: it is not root's, or older than what is known.
        """
        try:
            device = adopt_delegation(self._state_dir, self._device, note)
        except ProtocolError as error:
            raise SyncError(f"the server's delegation is not believed: {error}") from error
        except OSError as error:
            raise SyncError(f"the delegation cannot be kept here: {error.strerror}") from error
        if device.delegation == self._device.delegation:
            return False
        self._believe(device)
        return True

    def take_cursor(self, note: bytes) -> Cursor:
        """Remember what a cursor acknowledges that did not come by the network.

        Raises:
            SyncError: it is not the server's word for this device, of another log, or older than what is known.
        """
        cursor = self._cursor(note)
        if cursor.time_ms < self._state.load()[2]:
            raise SyncError("the cursor is older than the server's last word: not needed")
        self._save(cursor, self._frontier_at(cursor), note)
        self._ask_to_prune()
        return cursor

    def read_manifest(self, note: bytes) -> Manifest:
        """The manifest in a note; SyncError when the server did not sign it."""
        try:
            return open_manifest(note, self._device.gallery_key)
        except ProtocolError as error:
            raise SyncError(f"the server's manifest is not believed: {error}") from error

    def offer(self, note: bytes, manifest: Manifest, sealed: bytes | None) -> bool:
        """Have the station judge and apply a manifest with its gallery; False: it will when it starts.

        Raises:
            SyncError: the gallery is not the manifest's, or the station refuses.
        """
        if manifest.gallery is not None and sha256(sealed or b"").hexdigest() != manifest.gallery.sha256:
            raise SyncError(f"gallery {manifest.gallery.version} is not the one that the manifest names")
        try:
            self._store.offer(note, sealed)
        except OSError as error:
            raise SyncError(f"manifest {manifest.version} cannot be kept here: {error.strerror}") from error
        return self._ask_to_apply(manifest.version)

    def run(self, every_s: float, stop: Callable[[float], bool], report: Callable[[str], None]) -> None:
        """Contact the server again and again; `stop(seconds)` waits, and says whether to end.

        While there is a backlog, or a gallery to fetch, the next contact follows at once; after a failure the wait is
        that of `wait_after`.
        """
        failures = 0
        while True:
            try:
                progress = self.contact()
            except KioskError as error:
                failures += 1
                wait_s = wait_after(failures, every_s, error.retry_after_s if isinstance(error, ServerBusy) else 0.0)
                report(f"no sync: {error}")
            else:
                failures = 0
                wait_s = 0.0 if progress.more else every_s * random.uniform(0.8, 1.2)  # noqa: S311
                report(f"{progress.acknowledged} entries at the server, {progress.backlog} to go")
            if stop(wait_s):
                return

    def _believe(self, device: Device) -> None:
        self._device = device
        self._store = GalleryStore(self._state_dir, device)
        self._download = None

    def _act_as(self, device: Device) -> None:
        self._device = device
        self._outbox = Outbox(self._state_dir / "journal.db", device.signer.verifier)
        self._store = GalleryStore(self._state_dir, device)

    def _save(self, cursor: Cursor, frontier: Frontier, note: bytes) -> None:
        self._state.save(cursor, frontier, note, self._device.delegation.version, self._clock.read())

    def _batch(self, first: int, entries: list[bytes], grown: Frontier, backlog: int) -> Batch:
        now = self._now(entries)
        note = Checkpoint.of(self._device.signer.name, grown).sign(self._device.signer)
        status = {"backlog": backlog} | self._status()
        return Batch(
            self._device.name, first, tuple(entries), note, now.boot, now.boottime_ms, now.wall_ms, now.state, status
        )

    def _now(self, entries: list[bytes]) -> Reading:
        """The clock; for a station on simulated time, that of its last entry."""
        newest = entries[-1] if entries else self._outbox.newest()
        if newest is not None:
            last = entry.decode(newest)
            if last.clock == "simulated":
                return Reading(last.boot, last.boottime_ms, last.wall_ms, last.clock)
        return self._clock.read()

    def _cursor(self, note: bytes) -> Cursor:
        try:
            cursor = open_cursor(note, self._device.cursor_key)
        except ProtocolError as error:
            raise SyncError(f"the server's answer is not a cursor that it signed: {error}") from error
        if cursor.device != self._device.name:
            raise SyncError(f"the server answered for {cursor.device}, this device is {self._device.name}")
        if cursor.time_ms > MAX_TIME_MS:
            raise SyncError(f"the server says that it is {cursor.time_ms} ms since 1970: set its clock")
        return cursor

    def _frontier_at(self, cursor: Cursor) -> Frontier:
        """The journal's tree as large as the server says it is; SyncError when the server holds another one."""
        size = self._outbox.size()
        if cursor.size > size:
            raise SyncError(
                f"the server holds {cursor.size} entries of {cursor.device}, the journal has {size}: the card was "
                "replaced by an older one, or copied. Claim the device again under a new name"
            )
        base = self._outbox.base().size
        if cursor.size < base:
            raise SyncError(
                f"the server holds {cursor.size} entries of {cursor.device}, the journal begins at {base}: "
                "the server was restored from too old a backup; give it a newer one"
            )
        frontier = self._outbox.tree(cursor.size)
        if frontier.root() != cursor.root:
            raise SyncError(f"the server holds another log of {cursor.device} than this device: call the administrator")
        return frontier

    def _fetch_manifest(self, offered: int, acknowledged: int) -> int | None:
        """The newest manifest, once it is here with its gallery; of that as many pieces as can be had before a mark."""
        if offered == self.waiting and not self._ask_to_apply(offered):
            return None
        self.waiting = 0
        applied = self._store.applied_version()
        if offered < applied or (offered == applied and self._store.is_whole()):
            self._download = None
            return None
        if self._download is None or self._download.manifest.version < offered:
            note = self._send("GET", "manifest").content
            self._download = _Download(note, self.read_manifest(note), bytearray())
        note, manifest, sealed = self._download.note, self._download.manifest, self._download.sealed
        if manifest.gallery is None:
            fetched = None
        elif self._fetch_pieces(manifest.gallery, sealed, acknowledged):
            fetched = bytes(sealed)
        else:
            return None
        self._download = None
        if not self.offer(note, manifest, fetched):
            self.waiting = manifest.version
        return manifest.version

    def _fetch_pieces(self, gallery: GalleryReference, sealed: bytearray, acknowledged: int) -> bool:
        """Whether `sealed` is as long as it has to be now."""
        if gallery.size > MAX_GALLERY_BYTES:
            raise SyncError(f"gallery {gallery.version} has {gallery.size} bytes, {MAX_GALLERY_BYTES} are allowed")
        for _ in range(PIECES):
            end = min(len(sealed) + PIECE_BYTES, gallery.size)
            piece = self._send("GET", f"gallery/{gallery.version}?from={len(sealed)}&to={end}").content
            if len(piece) != end - len(sealed):
                raise SyncError(f"gallery {gallery.version}: the server sent {len(piece)} bytes from {len(sealed)} on")
            sealed += piece
            if len(sealed) == gallery.size or self._outbox.size() > acknowledged:
                break
        return len(sealed) == gallery.size

    def _ask_to_apply(self, version: int) -> bool:
        try:
            answer = ask(self._socket, "apply")
        except KioskError:
            return False
        if "error" in answer:
            raise SyncError(f"the station did not apply manifest {version}: {answer['error']}")
        return True

    def _ask_to_prune(self) -> None:
        proof = self._state.proof(self._keep_days)
        if proof is None or proof[0] <= self._outbox.base().size:
            return
        held, now = (note.decode(errors="replace") for note in proof[1:])
        # Whatever the answer, entries that stay too long do no harm; the next contact asks again.
        with suppress(KioskError):
            ask(self._socket, "prune", held=held, now=now)

    def _send(self, method: str, what: str, body: bytes = b"") -> Answer:
        return self._transport.send_as(self._device, self._clock.read().wall_ms, method, what, body)


def _number(response: Answer, header: str) -> int:
    """What the server says in a header, signed by nobody: a hint on what to fetch; 0 when it says nothing usable."""
    text = response.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def open_syncer(config: KioskConfig) -> Syncer:
    """The way to the server that a configuration names; ClaimError when the device is not claimed."""
    return Syncer(
        load_device(config.state_dir),
        config.server,
        config.state_dir,
        SystemClock(),
        lambda: _health(config.state_dir),
        config.authority,
        config.keep_days,
        config.request_s,
    )


def wait_after(failures: int, every_s: float, asked_s: float = 0.0) -> float:
    """Seconds until the next try, with jitter: doubled each time up to five minutes, and what the server asks for."""
    wait_s = min(_LONGEST_WAIT_S, every_s * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0)  # noqa: S311
    return max(wait_s, asked_s * random.uniform(1.0, 1.5))  # noqa: S311


def run_sync(config: KioskConfig, once: bool, report: Callable[[str], None]) -> None:
    """Keep the server up to date until asked to stop; `once`: until nothing is left to send."""
    stop = threading.Event()
    with stopping(stop.set):
        syncer = open_syncer(config)
        try:
            if once:
                progress = syncer.contact()
                while progress.more and not stop.is_set():
                    progress = syncer.contact()
                report(f"{progress.acknowledged} entries at the server, {progress.backlog} to go")
                if syncer.waiting:
                    report(f"manifest {syncer.waiting} lies ready, no station runs: it is applied when one starts")
            else:
                notify(READY="1")
                syncer.run(config.sync_every_s, stop.wait, report)
        finally:
            syncer.close()


def _health(state_dir: Path) -> dict[str, Any]:
    """What the health check last wrote, for the server's overview; nothing where a batch could not carry it."""
    try:
        value = json.loads((state_dir / "health.json").read_text())
        fits = isinstance(value, dict) and len(canonical.encode(value)) < MAX_HEADER // 2
    except (OSError, ValueError, RecursionError):
        return {}
    return value if fits else {}
