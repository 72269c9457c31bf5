"""A fleet of simulated kiosks sends a simulated month: wrong clocks, days without network, a lost answer, a reboot."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from simulation import office
from simulation.month import Presentation, SimulatedMonth
from simulation.simkiosk import Clock, SimKiosk

__all__ = ["Fleet", "FleetReport", "KioskReport", "SimKiosk", "Trouble", "troubles_of"]

_HOUR_MS = 3_600_000
RIGHT_CLOCK = Clock()
_EVENING_MS = 21 * _HOUR_MS + 30 * 60_000
WRONG_CLOCK = Clock(wall_error_ms=-(7 * _HOUR_MS + 13 * 60_000), state="free")
"""Seven hours and thirteen minutes slow, and nothing that keeps it right."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with one kiosk in the month.

    `offline`: days without network; the first contact after them loses the server's answer once. `reboots`: nights
    before these days with a power cut.
    """

    clock: Clock = RIGHT_CLOCK
    offline: tuple[date, ...] = ()
    reboots: tuple[date, ...] = ()

    @property
    def said(self) -> str:
        """In a few words, "" for none."""
        parts = []
        if self.clock.wall_error_ms:
            parts.append(f"wall clock wrong by {self.clock.wall_error_ms / _HOUR_MS:+.1f} h")
        if self.offline:
            parts.append(f"no network {self.offline[0]:%d}–{self.offline[-1]:%d %B}")
        parts += [f"power cut in the night before {day:%d %B}" for day in self.reboots]
        return ", ".join(parts)


@dataclass(frozen=True)
class KioskReport:
    """What one kiosk recorded and sent; `wire_bytes` of batches without HTTP."""

    device: str
    site: str
    entries: int
    presences: int
    batches: int
    wire_bytes: int
    trouble: str


@dataclass(frozen=True)
class FleetReport:
    """One line a kiosk."""

    kiosks: tuple[KioskReport, ...]

    @property
    def entries(self) -> int:
        """Entries that the server acknowledged, all kiosks together."""
        return sum(kiosk.entries for kiosk in self.kiosks)

    @property
    def presences(self) -> int:
        """Presence entries among them."""
        return sum(kiosk.presences for kiosk in self.kiosks)

    @property
    def wire_bytes(self) -> int:
        """Bytes of all batches."""
        return sum(kiosk.wire_bytes for kiosk in self.kiosks)


def troubles_of(month: SimulatedMonth, kiosks: list[str]) -> dict[str, Trouble]:
    """First kiosk: power cut; second: four working days without network; last of three or more: wrong clock."""
    days = office.workdays(month.month)
    troubles = {kiosks[0]: Trouble(reboots=(days[len(days) // 2],))}
    if len(kiosks) > 1:
        troubles[kiosks[1]] = Trouble(offline=tuple(days[6:10]))
    if len(kiosks) > 2:
        troubles[kiosks[-1]] = Trouble(clock=WRONG_CLOCK)
    return troubles


class Fleet:
    """The kiosks of a simulated month, each claimed at a server (a URL).

    `tokens`: kiosk → one-time claim token. `set_time` moves the server's clock to a Unix time in ms: first to five
    in the morning of the first day, for the claims. A context manager: leaving it forgets the kiosks' keys.

    Raises ValueError for a kiosk without token; ClaimError or SyncError (kiosk.errors) when the server refuses, is
    not reached or must not be believed.
    """

    def __init__(
        self,
        month: SimulatedMonth,
        server: str,
        tokens: Mapping[str, str],
        set_time: Callable[[int], None],
        seed: int = 0,
    ) -> None:
        self._month = month
        self._set_time = set_time
        self._seed = seed
        self._site_of = {seen.kiosk: seen.site for seen in month.presentations}
        names = sorted(self._site_of)
        _require("a claim token for kiosk", set(names) - set(tokens))
        self._days = office.days_of(month.month)
        self._troubles = troubles_of(month, names)
        self._stack = contextlib.ExitStack()
        directory = Path(self._stack.enter_context(TemporaryDirectory(prefix="hadir-fleet-")))
        self._kiosks: dict[str, SimKiosk] = {}
        early_ms = office.midnight_ms(self._days[0]) + 5 * _HOUR_MS
        set_time(early_ms)
        with contextlib.ExitStack() as undo:
            undo.callback(self._stack.close)
            for name in names:
                clock = self._trouble(name).clock
                kiosk = SimKiosk.claimed(server, tokens[name], directory / name, seed, clock)
                self._stack.callback(kiosk.close)
                self._kiosks[name] = kiosk
                kiosk.boot(early_ms)
            self._sync_all(early_ms + 60_000, self._days[0])
            undo.pop_all()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def send(
        self, pseudonyms: Mapping[str, str], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> FleetReport:
        """Record the month day by day, and sync each evening; on return the server holds every entry.

        `pseudonyms`: employee id → pseudonym. `progress` hears (presences so far, all). Raises ValueError for an
        employee without pseudonym, else as the class.
        """
        presentations = self._month.presentations
        _require("a pseudonym for employee", {seen.employee_id for seen in presentations} - set(pseudonyms))
        by_day: dict[date, dict[str, list[Presentation]]] = defaultdict(lambda: defaultdict(list))
        first_ms = office.midnight_ms(self._days[0])
        for seen in presentations:
            by_day[self._days[0] + timedelta(days=(seen.at_ms - first_ms) // (24 * _HOUR_MS))][seen.kiosk].append(seen)
        for day in self._days:
            for name, kiosk in self._kiosks.items():
                _record_day(kiosk, day, by_day[day][name], pseudonyms, self._trouble(name), self._seed)
            self._sync_all(office.midnight_ms(day) + _EVENING_MS, day)
            progress(sum(kiosk.presences for kiosk in self._kiosks.values()), len(presentations))
        return FleetReport(
            tuple(
                KioskReport(
                    device=name,
                    site=self._site_of[name],
                    entries=kiosk.traffic.acknowledged,
                    presences=kiosk.presences,
                    batches=kiosk.traffic.batches,
                    wire_bytes=kiosk.traffic.wire_bytes,
                    trouble=self._trouble(name).said,
                )
                for name, kiosk in self._kiosks.items()
            )
        )

    def _trouble(self, name: str) -> Trouble:
        return self._troubles.get(name, Trouble())

    def _sync_all(self, from_ms: int, day: date) -> None:
        """All kiosks with a network, one after another, from `from_ms` on."""
        for place, (name, kiosk) in enumerate(self._kiosks.items()):
            offline = self._trouble(name).offline
            if offline and offline[0] <= day <= offline[-1]:
                continue
            at_ms = from_ms + place * 7_000
            self._set_time(at_ms)
            kiosk.sync(at_ms, lose_answer=bool(offline) and day == offline[-1] + timedelta(days=1))


def _require(what: str, missing: set[str]) -> None:
    if missing:
        raise ValueError(f"{what} {min(missing)} is missing, and for {len(missing) - 1} more")


def _record_day(
    kiosk: SimKiosk,
    day: date,
    presentations: list[Presentation],
    pseudonyms: Mapping[str, str],
    trouble: Trouble,
    seed: int,
) -> None:
    midnight = office.midnight_ms(day)
    if day in trouble.reboots:
        kiosk.boot(midnight + 2 * _HOUR_MS + 17 * 60_000)
    moments: list[tuple[int, str]] = [(seen.at_ms, pseudonyms[seen.employee_id]) for seen in presentations]
    if presentations and office.is_workday(day):
        # Visitors of the office look into the camera as well.
        rng = Random(f"{seed}:strangers:{kiosk.name}:{day}")
        for _ in range(rng.randrange(4)):
            at_ms = midnight + rng.randrange(9 * _HOUR_MS, 15 * _HOUR_MS)
            if all(abs(at_ms - taken) > 10_000 for taken, _ in moments):
                moments.append((at_ms, ""))
    for at_ms, person in sorted(moments):
        if person:
            kiosk.present(person, at_ms)
        else:
            kiosk.refuse(at_ms)
