"""What an alert is, which kinds there are, and what to do about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

KINDS: Mapping[str, str] = {
    "root": "keep the card as it is, check the log with: hadir audit verify; then claim the device under a new name",
    "key": "somebody has this device's key: revoke it, keep the card as it is, claim the device under a new name",
    "conflict": "both versions are kept: keep the card as it is, check with: hadir audit verify, claim a new device",
    "copied": "two machines have this device's key: revoke it, find both, claim a new device",
    "restored": "ask who put an older card in; keep it as it is, claim the device under a new name",
    "times": "its marks are dated by what the server saw; look at one with: hadir server dating show, ask those marked",
    "gap": "after the server was restored it goes on by itself; else keep the card as it is and claim a new device",
    "sequence": "keep the card as it is and check the log with: hadir audit verify",
    "two_sites": "look at both entries and ask the person; if a mark is wrong, correct it and look at the devices",
    "travel": "ask the person; if the sites are nearer than known, state it with: hadir server alert travel",
    "attested_limit": "ask why so many cannot be decided on; look at: hadir server attested list, and at the kiosk",
    "attested_share": "look at its light and camera; enrol anew, or give other prompts to, whom it never decides on",
    "unprompted": "a kiosk never writes such marks: look at its software and camera",
    "camera": "ask who changed the camera, and look at what it sees",
    "clock_step": "ask what happened to the device's clock; its marks are dated without it",
    "rtc": "put the battery-kept clock back, or give it a battery; until then the device starts without the time",
    "clock": "look at the device's network time and the battery of its clock; its marks are dated without it",
    "silence": "see whether it has power and network; what it recorded comes when it is back",
    "station": "see what the lamp says; restart the device, then look at its camera",
    "health": "the health timer does not run or cannot write: look at the card",
    "disk": "find what fills the card; marks are refused when it is full",
    "temperature": "give the device air or shade",
    "backlog": "look at the device's network",
}
"""Kind to what to do, worst first."""
_ORDER = {kind: place for place, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Alert:
    """Something about a device, or about a person (`person`: a pseudonym), that somebody must look at.

    `first_ms`, `last_ms`: Unix, when the server learned the first and the last of what it rests upon; of a condition
    that lasts, its begin (to the hour) and the last contact. `rests_on`: entries as DEVICE/SEQ, or a condition and its
    begin. `certain`: False where the times of the marks leave it open.
    """

    kind: str
    detail: str
    first_ms: int
    last_ms: int
    rests_on: tuple[str, ...]
    device: str = ""
    site: str = ""
    person: str = ""
    certain: bool = True

    @property
    def id(self) -> str:
        """The same for one kind and device or person, whatever happens further."""
        return sha256(f"{self.kind}/{self.device}/{self.person}".encode()).hexdigest()[:10]

    @property
    def do(self) -> str:
        """What to do."""
        return KINDS[self.kind]

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        """Sorts the worst first."""
        return _ORDER[self.kind], not self.certain, -self.last_ms, self.id


def utc(time_ms: int) -> str:
    """A time as it stands in `rests_on`."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def lasting(minutes: int) -> str:
    """Minutes in words."""
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"
