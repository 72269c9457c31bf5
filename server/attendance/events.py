"""Events: what the entries of the devices say of employees, dated; and what does not count, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, RowMapping, select

from protocol import entry
from server import facts
from server.allowance.inputs import COLUMNS
from server.attendance import attested, devicelog
from server.attendance.dating import Dater, Dating, Logged
from server.attendance.models import DATINGS, LEGACY_MONTHS, legacy_marks
from server.devices.models import manifests
from server.devices.service import loss, with_entries
from server.people import service as people

VISIT_MS = 5 * 60_000
"""No visit lasts longer: a presence that was written later than this after the face was seen counts for nothing."""
APPROVED = "approved"
"""Status of a decision that two officers made."""
LEGACY, COUNTS = "legacy", "yes"
"""Device and source of marks of old machines; what a row of LEGACY_MONTHS says where they count."""
WIDEST_MS = 12 * 3_600_000
"""A mark that may have been on either of two days is not computed with: the person's month waits for an answer."""


@dataclass(frozen=True)
class Mark:
    """An employee was seen at a device: entry `seq` of its log. `colleague`, `supervisor`: who attested it, if any."""

    employee_id: str
    device: str
    seq: int
    site: str
    source: str
    dating: Dating
    colleague: str = ""
    supervisor: str = ""


@dataclass(frozen=True)
class Uncounted:
    """A presence that counts for nothing; `employee_id` '' where the pseudonym is nobody's."""

    employee_id: str
    device: str
    seq: int
    dating: Dating
    reason: str


@dataclass(frozen=True)
class Events:
    """Of all devices, by device and sequence. `undated`: marks whose interval is too wide to compute with."""

    marks: tuple[Mark, ...]
    undated: tuple[Mark, ...]
    uncounted: tuple[Uncounted, ...]

    def table(self) -> pa.Table:
        """The marks with the columns of marks.csv: `at` where it is exact, else the interval."""
        spans = [(mark.dating.earliest_ms, mark.dating.latest_ms) for mark in self.marks]
        columns: dict[str, list[Any]] = {
            "employee_id": [mark.employee_id for mark in self.marks],
            "at": [last if first == last else None for first, last in spans],
            "site": [mark.site for mark in self.marks],
            "source": [mark.source for mark in self.marks],
            "at_earliest": [None if first == last else first for first, last in spans],
            "at_latest": [None if first == last else last for first, last in spans],
            "entry": [f"{mark.device}/{mark.seq}" for mark in self.marks],
        }
        return pa.table({name: _column(values, COLUMNS["marks"][name]) for name, values in columns.items()})


def between(connection: Connection, first_ms: int, last_ms: int, cutoff_ms: int) -> Events:
    """What may have happened from `first_ms` to `last_ms`, as received by `cutoff_ms`.

    Conflict when an entry that is needed for it is not stored as its device signed it.
    """
    employees = {pseudonym: employee for employee, pseudonym in people.pseudonyms(connection).items()}
    decided = decisions(connection, cutoff_ms)
    marks: list[Mark] = []
    undated: list[Mark] = []
    uncounted: list[Uncounted] = []
    for device in with_entries(connection):
        log = devicelog.read(connection, device, first_ms, cutoff_ms)
        for event in judged(connection, device, employees, log.entries, log.dater, cutoff_ms, decided):
            if event.dating.latest_ms < first_ms or event.dating.earliest_ms > last_ms:
                continue
            if isinstance(event, Uncounted):
                uncounted.append(event)
            elif event.dating.latest_ms - event.dating.earliest_ms > WIDEST_MS:
                undated.append(event)
            else:
                marks.append(event)
    beyond = list(_beyond(connection, marks, cutoff_ms))
    uncounted += beyond
    gone = {(one.device, one.seq) for one in beyond}
    marks = [mark for mark in marks if (mark.device, mark.seq) not in gone]
    marks += _legacy(connection, first_ms, last_ms, cutoff_ms)
    return Events(tuple(marks), tuple(undated), tuple(uncounted))


def decisions(connection: Connection, cutoff_ms: int) -> dict[str, tuple[int, int]]:
    """DEVICE/SEQ → earliest and latest that two officers had said by `cutoff_ms`."""
    return {
        row["entry"]: (int(row["earliest_ms"]), int(row["latest_ms"]))
        for row in facts.as_of(connection, DATINGS, cutoff_ms)
        if row["status"] == APPROVED
    }


def _beyond(connection: Connection, marks: Iterable[Mark], cutoff_ms: int) -> Iterator[Uncounted]:
    """Attested marks beyond what a supervisor may attest in a month: the earliest count."""
    attested_marks = sorted(
        (mark for mark in marks if mark.supervisor), key=lambda mark: (mark.dating.latest_ms, mark.device, mark.seq)
    )
    known = attested.Attestors.known(connection, cutoff_ms) if attested_marks else None
    counts: Counter[tuple[str, str]] = Counter()
    for mark in attested_marks:
        assert known is not None
        month, limit = f"{people.local_day(mark.dating.latest_ms):%Y-%m}", known.limit_of(mark.supervisor)
        counts[mark.supervisor, month] += 1
        if counts[mark.supervisor, month] > limit:
            reason = f"beyond the {limit} marks that {mark.supervisor} attests in {month}"
            yield Uncounted(mark.employee_id, mark.device, mark.seq, mark.dating, reason)


def _legacy(connection: Connection, first_ms: int, last_ms: int, cutoff_ms: int) -> Iterator[Mark]:
    """Marks of old machines, unsigned, in the months in which an officer lets them count."""
    months = [row["month"] for row in facts.as_of(connection, LEGACY_MONTHS, cutoff_ms) if row["counts"] == COUNTS]
    query = select(legacy_marks).where(
        legacy_marks.c.month.in_(months),
        legacy_marks.c.recorded_ms <= cutoff_ms,
        legacy_marks.c.latest_ms >= first_ms,
        legacy_marks.c.earliest_ms <= last_ms,
    )
    for row in connection.execute(query.order_by(legacy_marks.c.mark)).mappings():
        dating = Dating(row["earliest_ms"], row["latest_ms"], LEGACY)
        yield Mark(row["employee_id"], LEGACY, row["mark"], row["site"], LEGACY, dating)


def judged(
    connection: Connection,
    device: RowMapping,
    employees: Mapping[str, str],
    log: Iterable[tuple[entry.Entry, Logged]],
    dater: Dater,
    cutoff_ms: int,
    decided: Mapping[str, tuple[int, int]] = MappingProxyType({}),
) -> Iterator[Mark | Uncounted]:
    """The presences and attested marks among entries of a device, each a mark or with the reason why it counts for
    nothing; the limit of a supervisor aside.

    `employees`: pseudonym to employee; `device`: its row; `cutoff_ms`: until when a loss of it must be known;
    `decided`: as of `decisions`.
    """
    name = device["device"]
    told = _manifests(connection, name)
    lost = loss(connection, name, cutoff_ms)
    known: attested.Attestors | None = None
    for decoded, logged in log:
        if decoded.kind not in ("presence", attested.KIND):
            continue
        derived = dater.date_logged(logged, decoded.body["presented_boottime_ms"])
        dating = derived.narrowed(decided.get(f"{name}/{decoded.seq}"))
        manifest = next((one for one in reversed(told) if one["issued_ms"] <= dating.latest_ms), told[0])
        employee = employees.get(decoded.body["person"], "")
        reason, source, word = _why_not(decoded, dating, manifest, lost, employee), decoded.body["source"], None
        if not reason and decoded.kind == attested.KIND:
            known = known or attested.Attestors.known(connection, cutoff_ms)
            day = people.local_day(dating.latest_ms).isoformat()
            word, source = attested.word_of(connection, decoded, employees, known, day), attested.KIND
            reason = word.reason
        if reason:
            yield Uncounted(employee, name, decoded.seq, dating, reason)
        else:
            by = (word.colleague, word.supervisor) if word else ()
            yield Mark(employee, name, decoded.seq, manifest["site"], source, dating, *by)


def _why_not(
    decoded: entry.Entry, dating: Dating, manifest: RowMapping, lost: tuple[int, str] | None, employee: str
) -> str:
    """Why a presence or attested mark alone does not count, '' when it does. `lost`: when the device was, and why."""
    source, allowed = decoded.body["source"], manifest["sources"].split(",")
    if not employee:
        return "the pseudonym is nobody's"
    if source not in allowed or source == attested.KIND:
        return f"camera {source} is not allowed by manifest {manifest['version']}"
    if lost is not None and dating.latest_ms > lost[0]:
        return f"after the loss of the device ({lost[1]})"
    if decoded.kind == attested.KIND:
        return "" if attested.KIND in allowed else f"manifest {manifest['version']} lets no attested marks count"
    if decoded.boottime_ms - decoded.body["presented_boottime_ms"] > VISIT_MS:
        return "written more than five minutes after it was presented"
    if decoded.body["liveness"] != "live":
        return f"liveness {decoded.body['liveness']}"
    return ""


def _manifests(connection: Connection, device: str) -> list[RowMapping]:
    query = select(manifests).where(manifests.c.device == device).order_by(manifests.c.version)
    return list(connection.execute(query).mappings())


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        micros = [None if value is None else value * 1000 for value in values]
        return pa.array(micros, pa.int64()).cast(pa.timestamp("us")).cast(kind)
    return pa.array(values, kind)
