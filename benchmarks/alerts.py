"""How long alerts and the list of devices take in a city: python -m benchmarks.alerts [DEVICES [PEOPLE [DAYS]]].

Each person comes and goes once a day at the kiosk of a site; at every hundredth kiosk somebody of the next one does
too, at the same time. Each kiosk calls every five minutes, and sends a mark at its next call. Nothing is signed, for
alerts read what ingest has verified. Printed: the newest day alone, then all days.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sized
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection

from protocol.entry import Entry
from server import facts, services
from server.alerts import machines, service
from server.config import ServerConfig
from server.devices.models import contacts, devices, entries, manifests
from server.people import service as people
from server.people.models import EMPLOYEES

DAY_MS, CALL_MS = 86_400_000, 300_000
CALLS = DAY_MS // CALL_MS
START_MS = 1_790_000_000_000 // DAY_MS * DAY_MS
COME_MS, GO_MS = 1, 9 * 3_600_000
BOOT = "ab" * 16
STATUS = {"backlog": 0, "software": "0.1.0", "disk_free_mb": 9000, "temperature_mc": 55_000, "station": "idle"}


def fill(connection: Connection, kiosks: int, persons: int, days: int) -> None:
    """What the server would hold after so many days."""
    ids = [f"E{n:05}" for n in range(persons)]
    staff = [{"employee_id": one, "agency": f"a{n % 50}", "site": f"site-{n % kiosks}"} for n, one in enumerate(ids)]
    rows = [people.to_columns(row) for row in staff]
    facts.record(connection, EMPLOYEES, rows, by="benchmark", document="", now_ms=START_MS)
    people.add_person_keys(connection, ids)
    names = people.pseudonyms(connection)
    for number in range(kiosks):
        device = {"device": f"K{number:04}", "site": f"site-{number}", "sources": "picamera2"}
        told = {"zone": "WIT", "added_ms": START_MS, "token_hash": b"", "token_expires_ms": 0, "claimed_ms": START_MS}
        connection.execute(devices.insert(), device | told)
        told = {"version": 1, "issued_ms": START_MS, "expires_ms": 0, "gallery": None, "note": b""}
        connection.execute(manifests.insert(), device | told)
        first = number * days * CALLS
        calls = [call(device["device"], first + n, (n + 1) * CALL_MS) for n in range(days * CALLS)]
        connection.execute(contacts.insert(), calls)
        own = [names[one] for one in ids[number::kiosks]]
        if number % 100 == 0:
            own.append(names[ids[(number + 1) % persons]])
        if marks := list(log(device["device"], own, days, first)):
            connection.execute(entries.insert(), marks)


def call(device: str, contact: int, after_ms: int) -> dict[str, Any]:
    """A row of contacts."""
    at_ms = START_MS + after_ms
    made = {"boot": BOOT, "boottime_ms": after_ms, "wall_ms": at_ms, "clock": "synchronised", "signed_ms": at_ms}
    heard = {"server_ms": at_ms, "server_clock": "system", "status": json.dumps(STATUS)}
    return {"contact": contact, "device": device, "nonce": f"{contact:032x}"} | made | heard


def log(device: str, persons: list[str], days: int, first: int) -> Iterator[dict[str, Any]]:
    """Rows of entries: everybody's marks, half a minute after one another."""
    times = [
        (day * DAY_MS + of_day, person) for day in range(days) for of_day in (COME_MS, GO_MS) for person in persons
    ]
    for seq, (of_ms, person) in enumerate(times):
        after_ms = of_ms + seq % len(persons) * 30_000
        body = {"person": person, "presented_boottime_ms": after_ms, "source": "picamera2", "gallery": 1}
        body |= {"distance_e4": 3000, "margin_e4": 1000, "liveness": "live", "prompts": ["blink"], "measures": {}}
        made = (BOOT, after_ms + 1, START_MS + after_ms + 1, "synchronised")
        data = Entry(device, seq, "presence", *made, body).encode()
        sent = after_ms // CALL_MS
        row = {
            "device": device,
            "seq": seq,
            "bytes": data,
            "kind": "presence",
            "quarantined": "",
            "contact": first + sent,
        }
        yield row | {"received_ms": START_MS + (sent + 1) * CALL_MS}


def main(kiosks: int, persons: int, days: int) -> None:
    """Print seconds of wall clock and of processor time, and the peak of memory."""
    with TemporaryDirectory() as folder:
        parts = services.initialise(ServerConfig(Path(folder, "state"), "hadir.benchmark"))
        with parts.database.write() as connection:
            fill(connection, kiosks, persons, days)
        size = parts.database.path.stat().st_size
        print(f"{kiosks:,} devices, {persons:,} people, {days} days: {kiosks * days * CALLS:,} contacts, "
              f"{2 * persons * days:,} marks, {size >> 20:,} MB")  # fmt: skip
        at_ms = START_MS + days * DAY_MS
        with parts.database.read() as connection:
            report("devices", partial(machines.standings, connection, at_ms, None))
            for asked in sorted({1, days}):
                since_ms = at_ms - asked * DAY_MS
                found = partial(service.alerts, connection, None, since_ms=since_ms, at_ms=at_ms)
                report(f"alerts of {asked} days", found)
        parts.database.close()
    print(f"peak of memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB, filling included")


def report(what: str, run: Callable[[], Sized]) -> None:
    """Time a call and print what it found."""
    started, used = time.perf_counter(), time.process_time()
    found = len(run())
    print(f"{what}: {found:,} found in {time.perf_counter() - started:.1f} s, "
          f"{time.process_time() - used:.1f} s of processor time")  # fmt: skip


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [2000, 7000, 1][len(given) :]))
