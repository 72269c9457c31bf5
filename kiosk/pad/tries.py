"""How often somebody may try: by resembled person, and at this kiosk for faces that it does not know.

Whoever may try for ever will pass by chance one day. A failed try is a refusal in the journal, so the count outlives
a restart; nothing else is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kiosk.liveness import LivenessSettings
from kiosk.pad.prompts import TURNS, guess_probability, light_guess_probability
from protocol.entry import Entry

DAY_MS = 86_400_000
USED_UP = "too many tries"
UNASKED = "nothing was asked"
"""In a refusal of somebody undetermined who was shown no prompt: it is no try."""


@dataclass(frozen=True, slots=True)
class TrySettings:
    """`a_day`: failed tries for one person in 24 hours, after which only another day, or other people, help.
    `before_pause`: failed tries without a pause; each one after it costs `pause_s`. `unknown_before_pause`, within
    `unknown_within_s`: faces not known, after which unknown ones are not looked at for `pause_s`.
    `more_prompts`: asked in addition for each failed try of these 24 hours, up to `most_more`; and of everybody for
    `alarm_s` after somebody was taken for an attack.
    """

    a_day: int = 5
    before_pause: int = 2
    pause_s: float = 60.0
    unknown_before_pause: int = 10
    unknown_within_s: float = 300.0
    more_prompts: int = 1
    most_more: int = 2
    alarm_s: float = 600.0


class Tries:
    """Failed tries of the last 24 hours. Times are the wall clock's, Unix milliseconds; person "" is nobody known."""

    def __init__(self, settings: TrySettings = TrySettings()) -> None:
        self.settings = settings
        self._failed: dict[str, list[int]] = {}
        self._noted: dict[str, int] = {}
        self._attacked_ms: int | None = None

    def recall(self, entries: Iterable[Entry]) -> None:
        """Take over what the journal holds, in its order."""
        for entry in entries:
            if entry.kind == "refusal" and not {USED_UP, UNASKED} & set(entry.body["reasons"]):
                unknown = entry.body["decision"] == "unknown"
                attack = entry.body["liveness"] == "attack"
                self.failed("" if unknown else entry.body["person"] or "", entry.wall_ms, attack)

    def failed(self, person: str, now_ms: int, attack: bool = False) -> None:
        """Count one; `attack`: it was taken for one."""
        self._attacked_ms = now_ms if attack else self._attacked_ms
        self._failed[person] = [*self._of_today(person, now_ms), now_ms]

    def count(self, person: str, now_ms: int, alike: Collection[str] = ()) -> int:
        """Failed tries of the last 24 hours; here as below with those of whoever is `alike`, because nobody knows whose
        a look-alike's try was."""
        return len(self._of_today(person, now_ms, alike))

    def more_prompts(self, person: str, now_ms: int, alike: Collection[str] = ()) -> int:
        """Prompts to ask in addition, because of what failed."""
        limits = self.settings
        alarmed = self._attacked_ms is not None and 0 <= now_ms - self._attacked_ms <= 1000 * limits.alarm_s
        return min((self.count(person, now_ms, alike) + alarmed) * limits.more_prompts, limits.most_more)

    def wait_s(self, person: str, now_ms: int, alike: Collection[str] = ()) -> float:
        """Seconds until this person may try again; 0 when now."""
        failed, limits = self._of_today(person, now_ms, alike), self.settings
        if not failed:
            return 0.0
        pause_ends_ms = failed[-1] + round(1000 * limits.pause_s)
        if person == "":
            lately = [at for at in failed if now_ms - at <= 1000 * limits.unknown_within_s]
            ends_ms = pause_ends_ms if len(lately) >= limits.unknown_before_pause else 0
        elif len(failed) >= limits.a_day:
            ends_ms = failed[-limits.a_day] + DAY_MS
        else:
            ends_ms = pause_ends_ms if len(failed) >= limits.before_pause else 0
        return max(0.0, (ends_ms - now_ms) / 1000)

    def note(self, person: str, now_ms: int, alike: Collection[str] = ()) -> bool:
        """Whether the present pause is yet to be written down: one line for each, not one for each who comes."""
        latest = max(self._of_today(person, now_ms, alike), default=0)
        fresh = self._noted.get(person) != latest
        self._noted[person] = latest
        return fresh

    def _of_today(self, person: str, now_ms: int, alike: Collection[str] = ()) -> list[int]:
        failed = (at for one in {person, *alike} for at in self._failed.get(one, []))
        return sorted(at for at in failed if now_ms - at < DAY_MS)


@dataclass(frozen=True, slots=True)
class Chance:
    """What a film made beforehand can hope for: probability that it passes the prompts of the day's first try, the
    light code (1 without), that try, and one of the `tries` that a day allows for one person."""

    prompts: float
    light: float
    one_try: float
    tries: int
    a_day: float


def chance(liveness: LivenessSettings, tries: TrySettings = TrySettings()) -> Chance:
    """The chance of guessing, from the prompts' own pool; after each failed try more of them are asked."""
    lit, pool, light = 1.0, liveness.pool, liveness.light
    if light is not None:
        lit = light_guess_probability(light.looks if set(TURNS) <= set(pool) else light.long_looks)
    none_passes, prompts = 1.0, 1.0
    for failed in reversed(range(tries.a_day)):
        more = min(failed * tries.more_prompts, tries.most_more)
        prompts = guess_probability(pool, min(liveness.asked + more, len(pool)), liveness.retries, liveness.misses)
        none_passes *= 1.0 - prompts * lit
    return Chance(prompts, lit, prompts * lit, tries.a_day, 1.0 - none_passes)
