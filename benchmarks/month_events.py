"""What a month's close reads and verifies of the logs: python -m benchmarks.month_events [PEOPLE [KIOSKS [MONTHS]]].

Each person comes and goes on 22 days a month, and each kiosk sends its marks in the evening. Printed: the last month as
it is read, and the same from the beginning of all logs, as it was read before there was a bound.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, select

from protocol.checkpoint import Checkpoint
from protocol.entry import Entry
from protocol.merkle import Frontier
from protocol.note import Signer
from server import services
from server.attendance import devicelog, events
from server.config import ServerConfig
from server.devices.models import checkpoints, contacts, devices, entries, logs, manifests
from server.people import service as people

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MONTH_MS = 30 * DAY_MS
WORKDAYS = 22
START_MS = 1_790_000_000_000 // DAY_MS * DAY_MS


def fill(connection: Connection, persons: int, kiosks: int, months: int) -> None:
    """What the server would hold after so many months."""
    ids = [f"E{n:05}" for n in range(persons)]
    people.add_person_keys(connection, ids)
    names = people.pseudonyms(connection)
    for number in range(kiosks):
        name = f"K{number:03}"
        signer = Signer.generate(f"hadir.benchmark/device/{name}")
        device = {"device": name, "site": f"site-{number}", "sources": "picamera2"}
        told = {"zone": "WIT", "added_ms": START_MS, "token_hash": b"", "token_expires_ms": 0, "claimed_ms": START_MS}
        connection.execute(devices.insert(), device | told | {"signing_key": str(signer.verifier)})
        told = {"version": 1, "issued_ms": START_MS, "expires_ms": 0, "gallery": None, "note": b""}
        connection.execute(manifests.insert(), device | told)
        own = [names[one] for one in ids[number::kiosks]]
        frontier = Frontier()
        for month in range(months):
            for day in range(WORKDAYS):
                midnight_ms = START_MS + month * MONTH_MS + day * DAY_MS
                batch = list(marks(name, frontier.size, own, month, midnight_ms))
                frontier = send(connection, name, signer, frontier, batch, month, midnight_ms + 18 * HOUR_MS)
        state = {"size": frontier.size, "frontier": frontier.encode(), "root": frontier.root()}
        connection.execute(logs.insert(), {"device": name} | state)


def marks(device: str, first: int, persons: list[str], month: int, midnight_ms: int) -> Iterator[bytes]:
    """The entries of a day, ten seconds after one another; a boot begins with each month."""
    times = [(at_ms, person) for at_ms in (7 * HOUR_MS, 16 * HOUR_MS) for person in persons]
    for place, (at_ms, person) in enumerate(times):
        wall_ms = midnight_ms + at_ms + place % len(persons) * 10_000
        after_ms = wall_ms - START_MS - month * MONTH_MS
        body: dict[str, Any] = {"person": person, "presented_boottime_ms": after_ms - 2000, "source": "picamera2"}
        body |= {"gallery": 1, "distance_e4": 3000, "margin_e4": 1000, "liveness": "live", "prompts": ["blink"]}
        made = (f"{month:032x}", after_ms, wall_ms, "synchronised")
        yield Entry(device, first + place, "presence", *made, body | {"measures": {}}).encode()


def send(
    connection: Connection, device: str, signer: Signer, held: Frontier, batch: list[bytes], month: int, now_ms: int
) -> Frontier:
    """Store a batch as ingest does, which has verified it."""
    grown = held.append(batch)
    made = {"boot": f"{month:032x}", "boottime_ms": now_ms - START_MS - month * MONTH_MS, "clock": "synchronised"}
    heard = {"wall_ms": now_ms, "signed_ms": now_ms, "server_ms": now_ms, "server_clock": "system"}
    contact = {"device": device, "nonce": f"{grown.size:032x}", "status": '{"backlog":0}'} | made | heard
    number = connection.execute(contacts.insert().returning(contacts.c.contact), contact).scalar_one()
    rows = [(device, seq, data, "presence", "", now_ms, number) for seq, data in enumerate(batch, start=held.size)]
    columns = "device, seq, bytes, kind, quarantined, received_ms, contact"
    connection.exec_driver_sql(f"INSERT INTO {entries.name} ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608
    state = {"size": grown.size, "frontier": grown.encode(), "root": grown.root(), "received_ms": now_ms}
    note = Checkpoint.of(signer.name, grown).sign(signer)
    connection.execute(checkpoints.insert(), {"device": device, "note": note} | state)
    return grown


def from_the_beginning(connection: Connection, first_ms: int, last_ms: int) -> Iterable[events.Mark | events.Uncounted]:
    """The same as `events.between`, but with all that was ever received."""
    employees = {pseudonym: employee for employee, pseudonym in people.pseudonyms(connection).items()}
    for device in connection.execute(select(devices)).mappings().all():
        log = devicelog.read(connection, device, 0, last_ms)
        for event in events.judged(connection, device, employees, log.entries, log.dater, last_ms):
            if first_ms <= event.dating.latest_ms <= last_ms:
                yield event


def main(persons: int, kiosks: int, months: int) -> None:
    """Print marks, seconds of wall clock and of processor time, and the peak of memory."""
    with TemporaryDirectory() as folder:
        parts = services.initialise(ServerConfig(Path(folder, "state"), "hadir.benchmark"))
        with parts.database.write() as connection:
            fill(connection, persons, kiosks, months)
        held = f"{2 * WORKDAYS * months * persons:,} entries"
        print(f"{persons:,} people, {kiosks} kiosks, {months} months: {held}, "
              f"{parts.database.path.stat().st_size >> 20:,} MB")  # fmt: skip
        span = START_MS + (months - 1) * MONTH_MS, START_MS + months * MONTH_MS
        with parts.database.read() as connection:
            started, used = time.perf_counter(), time.process_time()
            found = len(events.between(connection, *span, span[1]).marks)
            report("the last month", found, started, used)
            started, used = time.perf_counter(), time.process_time()
            found = sum(1 for _ in from_the_beginning(connection, *span))
            report("from the beginning of all logs", found, started, used)
        parts.database.close()
    print(f"peak of memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB, filling included")


def report(what: str, found: int, started: float, used: float) -> None:
    """Print how long it took to find them."""
    print(f"{what}: {found:,} marks, {time.perf_counter() - started:.1f} s, "
          f"{time.process_time() - used:.1f} s of processor time")  # fmt: skip


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [7000, 50, 12][len(given) :]))
