"""When an entry happened: an interval from the device's contacts with the server, never from its word alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

RULE = 3
"""Version of what this module does; kept with every run. 1: all contacts dated alike, and the bounds of a boot without
contact were sought in the whole log. 2: what a device had left to send was known by its word alone, and a contact was
taken to have been made when it came."""
LATENCY_MS = 10_000
"""A contact may have taken so long; a wall clock that differs by no more agrees with the server."""
NEAR_MS = 24 * 3_600_000
"""Contacts this close to an entry, in the same boot, date it: a quartz drifts a second or two in a day."""
KEPT = ("synchronised", "simulated")
"""States of a clock that something keeps right."""

SLACK_MS = 60_000
"""What is further out than this cannot be a request on its way: the device's times contradict one another."""

BETTER_MS = 1000
"""A contact that is not so much less delayed than another of its boot and hour says nothing new."""
HOUR_MS = 3_600_000

WALL, CONTACT, NEIGHBOURS, SERVER, DECISION = "wall", "contact", "neighbours", "server", "decision"


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in a device's own time: boot, milliseconds since it, wall clock and its state."""

    boot: str
    boottime_ms: int
    wall_ms: int
    clock: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A signed batch heard at `server_ms`, made at `made`, signed when the device's wall clock said `signed_ms`."""

    made: Moment
    signed_ms: int
    server_ms: int

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Contact:
        """Of a row of contacts."""
        made = Moment(row["boot"], row["boottime_ms"], row["wall_ms"], row["clock"])
        return cls(made, row["signed_ms"], row["server_ms"])

    @property
    def live(self) -> bool:
        """Whether the batch was signed as it was made: one made earlier says nothing of the time since."""
        return abs(self.signed_ms - self.made.wall_ms) <= LATENCY_MS

    @property
    def agrees(self) -> bool:
        """Whether the device's wall clock was right, and kept right."""
        return self.made.clock in KEPT and abs(self.made.wall_ms - self.server_ms) <= LATENCY_MS

    @property
    def offset_ms(self) -> int:
        """When the boot began, had the contact taken no time: an upper bound, the better the less it was delayed."""
        return self.server_ms - self.made.boottime_ms


@dataclass(frozen=True, slots=True)
class Dating:
    """The entry happened between `earliest_ms` and `latest_ms` (Unix), which are one where it is known exactly.

    `basis`: `wall` (its own clock, confirmed by a contact), `contact` (a contact in the same boot), `neighbours`
    (no contact in its boot: what came before and after, and when the server first held it), `server` (the device's
    times contradict what the server saw: between its last contact with nothing left to send and the receipt),
    `decision` (what two officers said, within what all that leaves).
    """

    earliest_ms: int
    latest_ms: int
    basis: str

    def narrowed(self, decided: tuple[int, int] | None) -> Dating:
        """With the earliest and latest that were decided; as it is where it leaves them no room, or is as narrow."""
        if decided is None:
            return self
        earliest, latest = max(self.earliest_ms, decided[0]), min(self.latest_ms, decided[1])
        if earliest > latest or (earliest, latest) == (self.earliest_ms, self.latest_ms):
            return self
        return Dating(earliest, latest, DECISION)


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry's moment in its log, when the server received it, and `after`: the last contact that left the device
    nothing more to send, before the one that brought this entry; None when there was none."""

    moment: Moment
    received_ms: int
    after: Contact | None = None

    @property
    def after_ms(self) -> int:
        """When that contact was heard; 0 for never."""
        return 0 if self.after is None else self.after.server_ms


class Dater:
    """Dates the entries of one device."""

    def __init__(self, contacts: Iterable[Contact], log: Sequence[Logged], claimed_ms: int) -> None:
        """`contacts`: as they came. `log`: entries in order, from the first that is asked for; where that one's boot
        has no contact, from the end of the last boot that has."""
        self._contacts: dict[str, list[Contact]] = {}
        contradictory = _boots_that_run_backwards(log)
        for contact in telling(contacts):
            if contact.made.boot not in contradictory:
                self._contacts.setdefault(contact.made.boot, []).append(contact)
        for known in self._contacts.values():
            known.sort(key=lambda contact: contact.made.boottime_ms)
        self._offsets = self._bound_boots(log, claimed_ms)

    def near(self, moment: Moment) -> list[Contact]:
        """The contacts by which a moment is dated, none where its boot has none."""
        known = self._contacts.get(moment.boot)
        return _near(known, moment.boottime_ms) if known else []

    def date(self, moment: Moment) -> Dating:
        """When a moment of a boot in the log was. KeyError for a boot that the log does not have."""
        near = self.near(moment)
        if not near:
            low, high = self._offsets[moment.boot]
            return Dating(low + moment.boottime_ms, high + moment.boottime_ms, NEIGHBOURS)
        # A contact cannot be heard before it is made, so each is an upper bound; the least delayed is the best.
        offsets = [contact.offset_ms for contact in near]
        best = near[offsets.index(min(offsets))]
        latest = min(offsets) + moment.boottime_ms
        earliest = latest - LATENCY_MS
        if max(offsets) - min(offsets) > SLACK_MS:
            # One of them lies, or was held up for long: the moment is somewhere between what they say.
            return Dating(earliest, max(offsets) + moment.boottime_ms, CONTACT)
        fits = earliest - LATENCY_MS <= moment.wall_ms <= latest + LATENCY_MS
        if best.agrees and moment.clock in KEPT and fits:
            return Dating(moment.wall_ms, moment.wall_ms, WALL)
        return Dating(earliest, latest, CONTACT)

    def date_logged(self, entry: Logged, boottime_ms: int) -> Dating:
        """When a moment before an entry's commit was, within what the server itself saw of the entry."""
        moment = entry.moment
        before_ms = moment.boottime_ms - boottime_ms
        after_ms = 0 if entry.after is None else self._made_after(entry.after)
        committed = self.date(moment)
        if committed.latest_ms < after_ms - SLACK_MS or committed.earliest_ms > entry.received_ms + SLACK_MS:
            return Dating(min(after_ms, entry.received_ms) - before_ms, entry.received_ms - before_ms, SERVER)
        dating = self.date(Moment(moment.boot, boottime_ms, moment.wall_ms - before_ms, moment.clock))
        if dating.basis == WALL:
            return dating
        earliest = min(dating.latest_ms, max(dating.earliest_ms, after_ms - SLACK_MS - before_ms))
        latest = max(earliest, min(dating.latest_ms, entry.received_ms - before_ms))
        return replace(dating, earliest_ms=earliest, latest_ms=latest)

    def _made_after(self, contact: Contact) -> int:
        """Since when a contact was made, however long it was on its way: by the least delayed beside it."""
        offset_ms = min(one.offset_ms for one in (contact, *self.near(contact.made)))
        return offset_ms + contact.made.boottime_ms - LATENCY_MS

    def _bound_boots(self, log: Sequence[Logged], claimed_ms: int) -> dict[str, tuple[int, int]]:
        """Boot without contact → least and greatest Unix time of its start, by what came before and after."""
        boots: dict[str, list[Logged]] = {}
        for entry in log:
            boots.setdefault(entry.moment.boot, []).append(entry)
        order = list(boots)
        bounds: dict[str, tuple[int, int]] = {}
        before = claimed_ms
        for boot in order:
            entries = boots[boot]
            if boot in self._contacts:
                before = max(claimed_ms, self.date(entries[-1].moment).earliest_ms)
                continue
            low = before - min(entry.moment.boottime_ms for entry in entries)
            high = min(entry.received_ms - entry.moment.boottime_ms for entry in entries)
            bounds[boot] = (low, high)
            before = low + max(entry.moment.boottime_ms for entry in entries)
        after: int | None = None
        for boot in reversed(order):
            entries = boots[boot]
            if boot in self._contacts:
                after = self.date(entries[0].moment).latest_ms
                continue
            low, high = bounds[boot]
            if after is not None:
                high = min(high, after - max(entry.moment.boottime_ms for entry in entries))
            if low > high:
                # The log's parts contradict one another; what the server itself saw remains.
                low = min(high, claimed_ms - min(entry.moment.boottime_ms for entry in entries))
            bounds[boot] = (low, high)
            after = high + min(entry.moment.boottime_ms for entry in entries)
        return bounds


def telling(contacts: Iterable[Contact]) -> list[Contact]:
    """The contacts that date anything: signed as they were made, and of each boot and hour the first, each that is
    noticeably less delayed than those before it, and each that is much more: it contradicts them.

    Whether one is among them depends on none that came later, and one that is not may be forgotten.
    """
    found = []
    least: dict[tuple[str, int], int] = {}
    for contact in contacts:
        hour, offset_ms = (contact.made.boot, contact.server_ms // HOUR_MS), contact.offset_ms
        known_ms = least.get(hour)
        if contact.live and (known_ms is None or not known_ms - BETTER_MS <= offset_ms <= known_ms + LATENCY_MS):
            least[hour] = offset_ms if known_ms is None else min(offset_ms, known_ms)
            found.append(contact)
    return found


def _boots_that_run_backwards(log: Sequence[Logged]) -> set[str]:
    """Boots in which time falls from one entry to the next, or which come twice: two boots under one name."""
    latest: dict[str, int] = {}
    wrong: set[str] = set()
    current = ""
    for entry in log:
        boot, boottime_ms = entry.moment.boot, entry.moment.boottime_ms
        if boot in latest and (boot != current or boottime_ms < latest[boot]):
            wrong.add(boot)
        latest[boot] = boottime_ms
        current = boot
    return wrong


def _near(known: list[Contact], boottime_ms: int) -> list[Contact]:
    """The contacts within a day of a moment, or else the nearest."""
    first = bisect_left(known, boottime_ms - NEAR_MS, key=lambda contact: contact.made.boottime_ms)
    end = bisect_right(known, boottime_ms + NEAR_MS, key=lambda contact: contact.made.boottime_ms)
    if first < end:
        return known[first:end]
    return [min(known, key=lambda contact: abs(contact.made.boottime_ms - boottime_ms))]
