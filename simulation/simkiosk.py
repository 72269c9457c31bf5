"""A kiosk without camera and disk: real keys, real entries, real batches over HTTP (docs/formats.md)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from kiosk.errors import SyncError
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import Device, load_device
from kiosk.uplink.transport import Answer, Transport
from protocol.batch import FULL_ENTRIES, Batch, pack
from protocol.checkpoint import Checkpoint
from protocol.cursor import Cursor, open_cursor
from protocol.entry import Entry
from protocol.errors import ProtocolError
from protocol.manifest import open_manifest
from protocol.merkle import Frontier

SOURCE = "sim"
"""Kind of camera in the entries; the device's manifest must allow it."""

BATCH_ENTRIES = FULL_ENTRIES
COMMITTED_MS = (1800, 2700)
"""From the first good frame to the durable entry."""


@dataclass(frozen=True)
class Clock:
    """A kiosk's clock: `wall_error_ms` is the wall clock's lead over true time, `state` what is known of it."""

    wall_error_ms: int = 0
    state: str = "synchronised"


@dataclass
class Traffic:
    """What went to the server: batches (those sent twice count twice), their bytes, entries acknowledged."""

    batches: int = 0
    wire_bytes: int = 0
    acknowledged: int = 0


class SimKiosk:
    """One simulated kiosk, claimed at a server. All times are true Unix milliseconds; boottime follows them exactly."""

    def __init__(self, device: Device, server: str, seed: int, clock: Clock = Clock()) -> None:
        self.device = device
        self.clock = clock
        self.entries: list[bytes] = []
        self.frontier = Frontier()
        self.presences = 0
        self.traffic = Traffic()
        self._transport = Transport(server)
        self._random = Random(f"{seed}:kiosk:{device.name}")
        self._acknowledged = Frontier()
        self._boot, self._boot_ms = "", 0
        self._manifest = self._gallery = 0

    @classmethod
    def claimed(cls, server: str, token: str, directory: Path, seed: int, clock: Clock = Clock()) -> SimKiosk:
        """Claim a new device with a one-time token, its keys in `directory`. Raises kiosk.errors.ClaimError."""
        claim(directory, server, token)
        return cls(load_device(directory), server, seed, clock)

    @property
    def name(self) -> str:
        """The device's name."""
        return self.device.name

    @property
    def backlog(self) -> int:
        """Entries that the server has not acknowledged."""
        return self.frontier.size - self._acknowledged.size

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def boot(self, at_ms: int) -> None:
        """Start (again): a new boot id, boottime from 0."""
        self._boot, self._boot_ms = f"{self._random.getrandbits(128):032x}", at_ms
        self._record("boot", at_ms + 9_000, software="simulation", source=SOURCE, camera="none: simulated fleet")

    def present(self, person: str, at_ms: int) -> None:
        """`person` (a pseudonym) is recognised; `at_ms`: the first good frame."""
        draw = self._random
        self._record(
            "presence",
            at_ms + draw.randrange(*COMMITTED_MS),
            person=person,
            presented_boottime_ms=at_ms - self._boot_ms,
            source=SOURCE,
            gallery=self._gallery,
            distance_e4=min(4900, max(1500, round(draw.gauss(3200, 350)))),
            margin_e4=max(500, round(draw.gauss(2200, 400))),
            liveness="live",
            prompts=draw.sample(("turn_left", "turn_right", "blink"), 2),
            measures={"turn_residual_e4": max(700, round(draw.gauss(1300, 250)))},
        )
        self.presences += 1

    def refuse(self, at_ms: int) -> None:
        """A stranger, known to nobody, looks into the camera."""
        self._record(
            "refusal",
            at_ms + self._random.randrange(*COMMITTED_MS),
            decision="unknown",
            person=None,
            presented_boottime_ms=at_ms - self._boot_ms,
            source=SOURCE,
            gallery=self._gallery,
            liveness="live",
            species="",
            reasons=["distance"],
            measures={"distance_e4": self._random.randrange(6500, 9000)},
        )

    def sync(self, at_ms: int, lose_answer: bool = False) -> None:
        """Send what the server lacks, at least a sign of life, and take a newer manifest.

        `lose_answer`: the first batch arrives and its answer does not, so that it is sent again.
        Raises kiosk.errors.SyncError when the server is not reached or must not be believed.
        """
        offered = self._push(at_ms, lose_answer)
        if offered > self._manifest:
            self._apply_manifest(at_ms)
            self._push(at_ms, False)

    def _push(self, at_ms: int, lose_answer: bool) -> int:
        """Batches until nothing is left; the version of the manifest that the server offers."""
        while True:
            first = self._acknowledged
            sent = self.entries[first.size : first.size + BATCH_ENTRIES]
            grown = first.append(sent)
            answer = self._send_batch(first.size, sent, grown, at_ms)
            if lose_answer:
                lose_answer = False
                continue
            self._acknowledge(self._cursor(answer), grown)
            if not self.backlog:
                return int(answer.headers.get("Hadir-Manifest", "0"))

    def _send_batch(self, first: int, sent: list[bytes], grown: Frontier, at_ms: int) -> Answer:
        body = pack(
            Batch(
                device=self.name,
                first=first,
                entries=tuple(sent),
                checkpoint=Checkpoint.of(self.device.signer.name, grown).sign(self.device.signer),
                boot=self._boot,
                boottime_ms=at_ms - self._boot_ms,
                wall_ms=at_ms + self.clock.wall_error_ms,
                clock=self.clock.state,
                status={"backlog": self.frontier.size - grown.size, "software": "simulation"},
            )
        )
        self.traffic.batches += 1
        self.traffic.wire_bytes += len(body)
        return self._send(at_ms, "POST", "batches", body)

    def _send(self, at_ms: int, method: str, what: str, body: bytes = b"") -> Answer:
        return self._transport.send_as(self.device, at_ms + self.clock.wall_error_ms, method, what, body)

    def _cursor(self, answer: Answer) -> Cursor:
        try:
            cursor = open_cursor(answer.content, self.device.cursor_key)
        except ProtocolError as error:
            raise SyncError(f"{self.name}: the server's answer is not a cursor that it signed: {error}") from error
        if cursor.device != self.name:
            raise SyncError(f"{self.name}: the server answered for {cursor.device}")
        if answer.status == 409:
            raise SyncError(f"{self.name}: the server refused a batch; it holds {cursor.size} entries")
        return cursor

    def _acknowledge(self, cursor: Cursor, grown: Frontier) -> None:
        if (cursor.size, cursor.root) != (grown.size, grown.root()):
            raise SyncError(
                f"{self.name}: the server's cursor of {cursor.size} entries does not fit the {grown.size} sent"
            )
        self._acknowledged = grown
        self.traffic.acknowledged = grown.size

    def _apply_manifest(self, at_ms: int) -> None:
        note = self._send(at_ms, "GET", "manifest").content
        try:
            manifest = open_manifest(note, self.device.gallery_key)
        except ProtocolError as error:
            raise SyncError(f"{self.name}: the server's manifest is not believed: {error}") from error
        if manifest.device != self.name:
            raise SyncError(f"{self.name}: the server sent the manifest of {manifest.device}")
        self._manifest = manifest.version
        self._gallery = manifest.gallery.version if manifest.gallery else 0
        digest = sha256(note).hexdigest()
        self._record("manifest_applied", at_ms, manifest=manifest.version, sha256=digest, gallery=self._gallery)

    def _record(self, kind: str, at_ms: int, **body: Any) -> None:
        """Append an entry that is committed at `at_ms`."""
        entry = Entry(
            device=self.name,
            seq=self.frontier.size,
            kind=kind,
            boot=self._boot,
            boottime_ms=at_ms - self._boot_ms,
            wall_ms=at_ms + self.clock.wall_error_ms,
            clock=self.clock.state,
            body=body,
        ).encode()
        self.entries.append(entry)
        self.frontier = self.frontier.append([entry])
