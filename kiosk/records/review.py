"""Review pictures, where a site wants them: of a refusal the face that was refused, sealed for those who may look.

Off unless the configuration of the kiosk says for how many days and for which public key: the kiosk itself cannot read
what it keeps. They never leave it by themselves. Names of files: entry of the journal, and when, in Unix milliseconds.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from kiosk.clock import Clock
from kiosk.config import ReviewSettings
from kiosk.errors import JournalError, KioskError
from kiosk.files import make_folder, read_bounded
from kiosk.records.journal import Journal
from kiosk.values import Face, Frame
from protocol.errors import ProtocolError
from protocol.gallery import seal_bytes, unseal_bytes

DAY_MS = 86_400_000
MOST, MOST_BYTES = 500, 100_000
"""Pictures that are kept, the oldest go first; bytes of one."""
_LEAST_FREE = 200_000_000  # bytes of the disk that belong to marks
_SIDE, _MARGIN = 256, 0.25  # pixels of the longer side; beside the face, in widths of it
_NAME = re.compile(r"([0-9]{1,15})-([0-9]{1,15})\.sealed\Z")


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture: `entry`, the refusal's number; `wall_ms`, when it was taken."""

    entry: int
    wall_ms: int
    path: Path


class Reviews:
    """The station's part: the best picture of the track that is served, kept when it is refused."""

    def __init__(self, state_dir: Path, settings: ReviewSettings, device: str, clock: Clock) -> None:
        self._state_dir, self._settings, self._device, self._clock = state_dir, settings, device, clock
        self._track = -1
        self._worth = (0, 0.0)
        self._picture: NDArray[np.uint8] | None = None

    def see(self, frame: Frame, face: Face | None) -> None:
        """Take a frame in: the face alone is held, so that nobody beside it is."""
        if face is None:
            return
        worth = (-len(face.quality), face.inter_eye_px)
        if face.track == self._track and worth <= self._worth:
            return
        x, y, width, height = face.box
        margin = round(_MARGIN * width)
        part = frame.image[max(y - margin, 0) : y + height + margin, max(x - margin, 0) : x + width + margin]
        if part.size:
            self._track, self._worth, self._picture = face.track, worth, part.copy()

    def forget(self) -> None:
        """Somebody else's visit begins, maybe on the same track."""
        self._track, self._picture = -1, None

    def keep(self, entry: int, track: int) -> None:
        """Keep the picture of `track` beside the refusal of this number. What cannot be kept is let go: marks go on."""
        picture, self._picture = self._picture, None
        if picture is None or track != self._track:
            return
        self._track = -1
        now_ms = self._clock.read().wall_ms
        try:
            sealed = seal_bytes(_jpeg(picture), "review", self._device, entry, bytes.fromhex(self._settings.key))
            purge(self._state_dir, self._settings.keep_days, now_ms, most=MOST - 1)
            if shutil.disk_usage(self._state_dir).free >= _LEAST_FREE:
                _write(folder_of(self._state_dir), f"{entry}-{now_ms}.sealed", sealed)
        except OSError:  # a full disk
            return


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    import cv2  # the health timer, which removes what is over, does without

    scale = min(1.0, _SIDE / max(picture.shape[:2]))
    height, width = (max(1, round(scale * side)) for side in picture.shape[:2])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small)[1])


def folder_of(state_dir: Path) -> Path:
    """Where they lie."""
    return state_dir / "review"


def kept(state_dir: Path) -> list[Kept]:
    """The pictures that are there, oldest entry first."""
    folder = folder_of(state_dir)
    names = [_NAME.match(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(
        (Kept(int(name[1]), int(name[2]), folder / name[0]) for name in names if name), key=lambda one: one.entry
    )


def purge(state_dir: Path, keep_days: int | None, now_ms: int, most: int = MOST) -> None:
    """Remove what is over: older than `keep_days`, dated after now, beyond `most`; everything where it is None.

    Raises `OSError`.
    """
    for left in folder_of(state_dir).glob(".*.sealed"):
        left.unlink(missing_ok=True)  # by a power cut
    here = kept(state_dir)
    for place, one in enumerate(here):
        fresh = keep_days is not None and 0 <= now_ms - one.wall_ms < keep_days * DAY_MS
        if not fresh or place < len(here) - most:
            one.path.unlink(missing_ok=True)


def note(journal: Journal, request: dict[str, Any]) -> dict[str, Any]:
    """The station's part of a look: who looked at which picture is in the journal before the picture is seen."""
    entry, by = str(request.get("entry")), str(request.get("by"))
    if not re.fullmatch("[0-9]{1,15}", entry) or not re.fullmatch(r"\w[\w .@-]{0,63}", by):
        return {"error": f"entry {entry!r} by {by!r}: give a number, and a name of letters and digits"}
    try:
        return {"seq": journal.append("review_shown", {"entry": int(entry), "by": by}).seq}
    except JournalError as error:
        return {"error": f"not shown, for it cannot be written down who looks: {error}"}


def look(state_dir: Path, device: str, entry: int, key: Path) -> bytes:
    """The picture of an entry as JPEG, opened with the private key in `key`. KioskError names what is in the way."""
    found = [one for one in kept(state_dir) if one.entry == entry]
    if not found:
        raise KioskError(f"there is no review picture of entry {entry}: see hadir kiosk review list")
    try:
        private = X25519PrivateKey.from_private_bytes(bytes.fromhex(read_bounded(key, 200).decode().strip()))
    except (OSError, ValueError) as error:
        raise KioskError(f"{key} is not a key of hadir kiosk review key: {_why(error)}") from error
    try:
        return unseal_bytes(read_bounded(found[-1].path, MOST_BYTES), "review", device, entry, private)
    except (OSError, ProtocolError) as error:
        raise KioskError(
            f"the picture of entry {entry} is damaged, or sealed for another key: {_why(error)}"
        ) from error


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def make_key(path: Path) -> str:
    """A new private key into `path`, which must not be there; the public one, for the configuration."""
    key = X25519PrivateKey.generate()
    write_new(path, key.private_bytes_raw().hex().encode() + b"\n")
    return key.public_key().public_bytes_raw().hex()


def write_new(path: Path, data: bytes) -> None:
    """A file of the owner's alone; KioskError where something is there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KioskError(f"{path} is there already: name another file") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _write(folder: Path, name: str, data: bytes) -> None:
    """Not synced, as entries are: after a power cut it may be missing or damaged."""
    make_folder(folder, 0o700)
    temporary = folder / f".{name}"
    try:
        temporary.write_bytes(data)
        temporary.chmod(0o600)
        temporary.replace(folder / name)
    except OSError:
        temporary.unlink(missing_ok=True)  # what does not fit must not fill the disk
        raise
