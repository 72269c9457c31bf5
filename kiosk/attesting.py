"""Attested marks: for somebody whose liveness could not be decided, a colleague and a supervisor stand, each with an
own live mark at this kiosk and a movement that says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kiosk.pad.answers import Answer, AnswerSettings, Measure, Progress, straight
from kiosk.values import Face, Prompt

CONSENT: Prompt = "come_closer"
"""What a witness does to attest: nobody who walks off after the own mark does it."""
_LOOKS = 4


@dataclass(frozen=True, slots=True)
class AttestSettings:
    """`after`: undetermined tries of one person within `within_s`, from which on others may attest. Both witnesses
    have `open_s` from when the person was last there. A witness is looked at from `ask_after_s` after the own mark, is
    asked some frames later, before most turn away, and has `answer_s`."""

    after: int = 2
    within_s: float = 600.0
    open_s: float = 60.0
    ask_after_s: float = 0.2
    answer_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Try:
    """A visit that left a known person undecided: entry `seq`, when presented (camera's seconds) and written down."""

    seq: int
    presented_s: float
    written_ms: int


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who attests: entry `seq` is the own mark of `written_ms`."""

    person: str
    supervises: bool
    seq: int
    written_ms: int


@dataclass(frozen=True, slots=True)
class Attested:
    """Both witnesses stand for `person`, who was first seen at `first`."""

    person: str
    tries: int
    first: Try
    colleague: Witness
    supervisor: Witness


@dataclass
class Attesting:
    """Who waits for witnesses: one person at a time, the last. Times are boottimes in milliseconds."""

    settings: AttestSettings = AttestSettings()
    _tries: dict[str, list[Try]] = field(default_factory=dict)
    _attacked_ms: dict[str, int] = field(default_factory=dict)
    _person: str = ""
    _seen_ms: int = 0
    _witnesses: list[Witness] = field(default_factory=list)

    def undecided(self, person: str, one: Try, enough: bool = False) -> bool:
        """Count a try; whether witnesses are waited for now. `enough`: this person needs no further tries."""
        self._tries[person] = [*self._lately(person, one.written_ms), one]
        return self.is_back(person, one.written_ms, enough)

    def is_back(self, person: str, now_ms: int, enough: bool = False) -> bool:
        """The person is there once more, and cannot be decided on; whether witnesses are waited for now."""
        attacked_ms = self._attacked_ms.get(person)
        if attacked_ms is not None and now_ms - attacked_ms <= 1000 * self.settings.within_s:
            return False
        lately = len(self._lately(person, now_ms))
        if not lately or (lately < self.settings.after and not enough):
            return False
        if person != self._person:
            self._witnesses = []
        self._person, self._seen_ms = person, now_ms
        return True

    def knows(self, person: str, now_ms: int) -> bool:
        """Whether a try of this person was kept lately."""
        return bool(self._lately(person, now_ms))

    def attacked(self, person: str, now_ms: int) -> None:
        """Something posed as this person: nobody attests that for a while."""
        self._attacked_ms[person] = now_ms
        if person == self._person:
            self.close()

    def close(self) -> None:
        """Nobody is waited for any more."""
        self._person, self._witnesses = "", []

    def person(self, now_ms: int) -> str:
        """Who waits for witnesses now, '' for nobody."""
        if self._person and now_ms - self._seen_ms > 1000 * self.settings.open_s:
            self.close()
        return self._person

    def may_attest(self, witness: str, now_ms: int) -> bool:
        """Whether this person's word is wanted: somebody else waits, and has not had it yet."""
        return self.person(now_ms) not in ("", witness) and witness not in {one.person for one in self._witnesses}

    def involved(self) -> set[str]:
        """Who is waited for, and who attested so far."""
        return {self._person, *(one.person for one in self._witnesses)}

    def attest(self, witness: Witness, now_ms: int) -> Attested | None:
        """Take a witness's word; what it makes, once a colleague and a supervisor have given theirs."""
        person, span_ms = self.person(now_ms), 1000 * self.settings.open_s
        if not self.may_attest(witness.person, now_ms):
            return None
        held = [one for one in self._witnesses if now_ms - one.written_ms <= span_ms]
        supervisor = next((one for one in (witness, *held) if one.supervises), None)
        colleague = next((one for one in (witness, *held) if one is not supervisor), None)
        tries = self._lately(person, self._seen_ms)
        self._witnesses = [*held, witness]
        if supervisor is None or colleague is None:
            return None
        self._tries.pop(person, None)
        self.close()
        return Attested(person, len(tries), tries[0], colleague, supervisor)

    def lacks_supervisor(self) -> bool:
        """Whether none of those who attested so far is a supervisor."""
        return not any(one.supervises for one in self._witnesses)

    def _lately(self, person: str, now_ms: int) -> list[Try]:
        return [one for one in self._tries.get(person, []) if now_ms - one.written_ms <= 1000 * self.settings.within_s]


class Consent:
    """Watches a witness whose own mark was just saved for the movement that attests."""

    def __init__(self, marked_s: float, settings: AttestSettings) -> None:
        self.prompt: Prompt | None = None
        self._begins_s = marked_s + settings.ask_after_s
        self._looks: list[Measure] = []
        self._answer: Answer | None = None
        self.answered = False
        self._settings = replace(AnswerSettings(), latest_s=settings.answer_s)

    def update(self, time_s: float, face: Face) -> Progress:
        """Take the next frame's face in."""
        if time_s < self._begins_s:
            return "waiting"
        measure = Measure.of(time_s, face)
        if self._answer is None:
            self._looks.append(measure)
            if len(self._looks) == _LOOKS:
                self.prompt = CONSENT
                self._answer = Answer(CONSENT, straight(self._looks), time_s, self._settings)
            return "waiting"
        # Who came closer for the own mark steps back first; a single frame may slip.
        self._looks = [*self._looks[1:], measure]
        farther = straight(self._looks).size
        if farther < self._answer.base.size:
            self._answer.base = replace(self._answer.base, size=farther)
        return self._answer.update(measure)
