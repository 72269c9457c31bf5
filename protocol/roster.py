"""Rosters: what a device must know of people besides their faces (`docs/formats.md`).

Whose mark attests as a supervisor's, who is asked other prompts, who has a card, and who is of the device's office.

A roster travels in a manifest's settings, sealed for the device alone: who cannot blink is nobody's business. A device
that knows no rosters leaves that setting aside; one whose server sends none attests nobody and asks everybody alike.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol import canonical, cards
from protocol.errors import ProtocolError
from protocol.gallery import seal_bytes, unseal_bytes
from protocol.note import unbase64

SETTING = "roster"
"""The manifest's setting that holds the sealed roster, in base64."""
SOURCE = "attested"
"""Among a manifest's sources: attested marks of the device count."""
TURNS = ("turn_left", "turn_right")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
PROMPTS = (*TURNS, "look_up", "blink", "come_closer")


@dataclass(frozen=True, slots=True)
class Span:
    """From a day to a day, both included, ISO dates; '' for no bound."""

    first: str
    last: str

    def holds(self, day: str) -> bool:
        """Whether it holds on an ISO date."""
        return self.first <= day and (not self.last or day <= self.last)


@dataclass(frozen=True, slots=True)
class Supervisor(Span):
    """Somebody (a pseudonym) whose own mark attests as a supervisor's."""

    person: str


@dataclass(frozen=True, slots=True)
class PromptSet(Span):
    """The prompts that a person (a pseudonym) is asked instead of the usual ones; `number`: of the officer's record.

    No prompts: this person's liveness cannot be decided, and is attested at once.
    """

    person: str
    number: int
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card(Span):
    """The card of a person (a pseudonym) whom the face alone does not name; `number`: of the officer's record;
    `digest`: as of `protocol.cards`."""

    person: str
    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class Roster:
    """All that is known, future days included; the device picks what holds today. `office`: who belongs to the site
    where the device hangs (pseudonyms)."""

    supervisors: tuple[Supervisor, ...] = ()
    prompt_sets: tuple[PromptSet, ...] = ()
    cards: tuple[Card, ...] = ()
    office: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.supervisors or self.prompt_sets or self.cards or self.office)

    def is_supervisor(self, person: str, day: str) -> bool:
        """Whether the person's mark attests as a supervisor's on this day."""
        return any(one.person == person and one.holds(day) for one in self.supervisors)

    def prompts_of(self, person: str, day: str) -> PromptSet | None:
        """What the person is asked on this day, if not the usual: of several, what was recorded last."""
        found = [one for one in self.prompt_sets if one.person == person and one.holds(day)]
        return max(found, key=lambda one: one.number, default=None)

    def card_of(self, text: str) -> Card | None:
        """The card with this text, whether it holds or not; compared in the same time whatever was shown."""
        shown = cards.digest(text)
        found = [one for one in self.cards if hmac.compare_digest(one.digest, shown)]
        return found[0] if found else None

    def seal(self, device: str, version: int, sealing_key: bytes) -> str:
        """The setting of the manifest of this device and version; `sealing_key`: public X25519 key, 32 bytes."""
        value = {
            "supervisors": [asdict(one) for one in self.supervisors],
            "prompt_sets": [asdict(one) | {"prompts": list(one.prompts)} for one in self.prompt_sets],
            "cards": [asdict(one) for one in self.cards],
            "office": list(self.office),
        }
        sealed = seal_bytes(canonical.encode(value), SETTING, device, version, sealing_key)
        return base64.b64encode(sealed).decode()


def unseal(setting: Any, device: str, version: int, private: X25519PrivateKey) -> Roster:
    """The roster of a manifest's setting; ProtocolError when it is none, is for another manifest, or was altered.

    Fields that a later server adds are left aside; cards and office may be missing, as from an earlier one.
    """
    if not isinstance(setting, str):
        raise ProtocolError("roster: the setting is not a text")
    value = canonical.decode_object(unseal_bytes(unbase64(setting, "roster"), SETTING, device, version, private))
    try:
        return Roster(
            tuple(Supervisor(**_span(one)) for one in value["supervisors"]),
            tuple(_prompt_set(one) for one in value["prompt_sets"]),
            tuple(_card(one) for one in value.get("cards", [])),
            tuple(_text(one) for one in value.get("office", [])),
        )
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"roster: not whole: {error}") from error


def _prompt_set(value: Any) -> PromptSet:
    number, prompts = value["number"], value["prompts"]
    if type(number) is not int or not isinstance(prompts, list):
        raise TypeError("a set of prompts without number or prompts")
    return PromptSet(**_span(value), number=number, prompts=tuple(map(str, prompts)))


def _card(value: Any) -> Card:
    number, digest = value["number"], value["digest"]
    if type(number) is not int or not isinstance(digest, str) or not _DIGEST.match(digest):
        raise TypeError("a card without number or digest")
    return Card(**_span(value), number=number, digest=digest)


def _span(value: Any) -> dict[str, str]:
    return {name: _text(value[name]) for name in ("first", "last", "person")}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
