"""Attested marks that stand out: at a device by their share, of a supervisor by their number."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, RowMapping, func, select

from protocol import entry
from server.alerts import bounds
from server.alerts.alert import Alert
from server.attendance.attested import KIND, Attestors, named
from server.devices.ingest import judge
from server.devices.models import entries
from server.devices.service import with_entries
from server.people import service as people
from server.transparency import service as transparency

FEWEST = 5
"""Fewer attested marks at a device are no unusual share of anything."""
_MONTH_MS = 31 * 86_400_000


def alerts(connection: Connection, since_ms: int, at_ms: int) -> Iterator[Alert]:
    """What rests on attested marks that the server learned of since `since_ms`, as known at `at_ms`."""
    told = bounds.stated(connection, at_ms)
    given: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for device in with_entries(connection):
        name, site = device["device"], device["site"]
        own = list(_attested(connection, device, min(since_ms, at_ms - _MONTH_MS), at_ms))
        for received_ms, said in own:
            mark = named(connection, said, said.body["supervisor"])
            if mark is not None and mark.kind == "presence":
                month = f"{people.local_day(said.wall_ms):%Y-%m}"
                given[mark.body["person"], month].append((received_ms, f"{name}/{said.seq}"))
        new = [(received_ms, said) for received_ms, said in own if received_ms >= since_ms]
        attested, marks = _share(connection, name, since_ms) if len(new) >= FEWEST else (0, 0)
        if attested * 100 > marks * bounds.of(told, name, site).attested_percent:
            detail = f"{attested} of {marks} marks were attested ({100 * attested // marks} %)"
            rests_on = tuple(f"{name}/{said.seq}" for _, said in new)
            yield Alert("attested_share", detail, new[0][0], new[-1][0], rests_on, name, site)
    yield from _beyond(connection, given, since_ms, at_ms)


def _share(connection: Connection, device: str, since_ms: int) -> tuple[int, int]:
    """Of what a device has sent since then: attested marks, and all marks. What counts is told by the month."""
    first = transparency.first_received(connection, device, since_ms)
    query = select(entries.c.seq, entries.c.bytes).where(entries.c.device == device, entries.c.seq >= first)
    judged = (judge(device, seq, data) for seq, data in connection.execute(query))
    found = Counter(kind for kind, fault in judged if not fault)
    return found[KIND], found[KIND] + found["presence"]


def _beyond(
    connection: Connection, given: dict[tuple[str, str], list[tuple[int, str]]], since_ms: int, at_ms: int
) -> Iterator[Alert]:
    known = Attestors.known(connection, at_ms) if given else None
    employees = {pseudonym: employee for employee, pseudonym in people.pseudonyms(connection).items()}
    for (person, month), marks in sorted(given.items()):
        limit = known.limit_of(employees.get(person, "")) if known else 0
        times = [received_ms for received_ms, _ in marks]
        if len(marks) > limit and max(times) >= since_ms:
            detail = f"attested {len(marks)} marks in {month}, {limit} count"
            yield Alert(
                "attested_limit", detail, min(times), max(times), tuple(what for _, what in marks), person=person
            )


def _attested(
    connection: Connection, device: RowMapping, from_ms: int, at_ms: int
) -> Iterator[tuple[int, entry.Entry]]:
    """When the server learned of an attested mark, and its entry."""
    first = transparency.first_received(connection, device["device"], from_ms)
    query = select(entries.c.seq, entries.c.received_ms, entries.c.bytes).where(
        entries.c.device == device["device"], entries.c.seq >= first, entries.c.received_ms <= at_ms,
        func.instr(entries.c.bytes, f'"kind":"{KIND}"'.encode()) > 0,
    )  # fmt: skip
    for seq, received_ms, data in connection.execute(query.order_by(entries.c.seq)):
        if judge(device["device"], seq, data) == (KIND, ""):
            yield received_ms, entry.decode(data)
