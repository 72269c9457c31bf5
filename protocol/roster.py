"""Rosters: whose mark attests as a supervisor's, and who is asked other prompts (`docs/formats.md`).

A roster travels in a manifest's settings, sealed for the device alone: who cannot blink is nobody's business. A device
that knows no rosters leaves that setting aside; one whose server sends none attests nobody and asks everybody alike.
"""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol import canonical
from protocol.errors import ProtocolError
from protocol.gallery import seal_bytes, unseal_bytes
from protocol.note import unbase64

SETTING = "roster"
"""The manifest's setting that holds the sealed roster, in base64."""
SOURCE = "attested"
"""Among a manifest's sources: attested marks of the device count."""
TURNS = ("turn_left", "turn_right")
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
class Roster:
    """All that is known, future days included; the device picks what holds today."""

    supervisors: tuple[Supervisor, ...] = ()
    prompt_sets: tuple[PromptSet, ...] = ()

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.supervisors or self.prompt_sets)

    def is_supervisor(self, person: str, day: str) -> bool:
        """Whether the person's mark attests as a supervisor's on this day."""
        return any(one.person == person and one.holds(day) for one in self.supervisors)

    def prompts_of(self, person: str, day: str) -> PromptSet | None:
        """What the person is asked on this day, if not the usual: of several, what was recorded last."""
        found = [one for one in self.prompt_sets if one.person == person and one.holds(day)]
        return max(found, key=lambda one: one.number, default=None)

    def seal(self, device: str, version: int, sealing_key: bytes) -> str:
        """The setting of the manifest of this device and version; `sealing_key`: public X25519 key, 32 bytes."""
        value = {
            "supervisors": [asdict(one) for one in self.supervisors],
            "prompt_sets": [asdict(one) | {"prompts": list(one.prompts)} for one in self.prompt_sets],
        }
        sealed = seal_bytes(canonical.encode(value), SETTING, device, version, sealing_key)
        return base64.b64encode(sealed).decode()


def unseal(setting: Any, device: str, version: int, private: X25519PrivateKey) -> Roster:
    """The roster of a manifest's setting; ProtocolError when it is none, is for another manifest, or was altered.

    Fields that a later server adds are left aside.
    """
    if not isinstance(setting, str):
        raise ProtocolError("roster: the setting is not a text")
    value = canonical.decode_object(unseal_bytes(unbase64(setting, "roster"), SETTING, device, version, private))
    try:
        return Roster(
            tuple(Supervisor(**_span(one)) for one in value["supervisors"]),
            tuple(_prompt_set(one) for one in value["prompt_sets"]),
        )
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"roster: not whole: {error}") from error


def _prompt_set(value: Any) -> PromptSet:
    number, prompts = value["number"], value["prompts"]
    if type(number) is not int or not isinstance(prompts, list):
        raise TypeError("a set of prompts without number or prompts")
    return PromptSet(**_span(value), number=number, prompts=tuple(map(str, prompts)))


def _span(value: Any) -> dict[str, str]:
    texts = {name: value[name] for name in ("first", "last", "person")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError(f"{', '.join(texts)} are texts")
    return texts
