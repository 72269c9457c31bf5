"""What a kiosk's contacts leave in the database a day: python -m benchmarks.contacts [MARKS [EVERY_S]].

A device calls every EVERY_S seconds for a day, each call by the server's own code, and brings MARKS marks, each at its
next call. A call takes 20 to 400 ms, one in a hundred some seconds.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from benchmarks.audit_verify import presence
from benchmarks.ingest import claimed
from protocol.batch import Batch, pack
from protocol.checkpoint import Checkpoint
from protocol.merkle import Frontier
from protocol.note import Signer
from protocol.request import RequestSignature
from server import services
from server.config import ServerConfig
from server.devices import ingest
from server.devices.models import contacts

DAY_S = 86_400
START_MS = 1_790_000_000_000
STATUS = {"software": "0.1.0", "disk_free_mb": 9000, "temperature_mc": 55_000, "station": "idle", "camera_state": "up"}


@dataclass
class Told:
    """A clock that shows what it is told."""

    now: int = START_MS
    kind: str = "simulated"

    def now_ms(self) -> int:
        """The time, Unix ms."""
        return self.now


def main(marks: int, every_s: int) -> None:
    """Print calls, rows that are left of them, and the time that a call takes."""
    draw = Random(1)  # noqa: S311 - the same delays each time
    times = sorted(draw.randrange(7 * 3600, 17 * 3600) for _ in range(marks))
    name, clock, frontier, log = "K01", Told(), Frontier(), []
    with TemporaryDirectory() as folder:
        parts = services.initialise(ServerConfig(Path(folder, "state"), "hadir.benchmark"))
        signer = Signer.generate(f"hadir.benchmark/device/{name}")
        device = claimed(parts, name, signer)
        calls, brought, used = 0, 0, 0.0
        for second in range(every_s, DAY_S + 1, every_s):
            while times and times[0] <= second:
                log.append(presence(name, len(log)))
                times.pop(0)
            new = tuple(log[frontier.size :])
            first, frontier = frontier.size, frontier.append(new)
            made_ms = 1000 * second
            late_ms = draw.randrange(20, 400) + (draw.randrange(9000) if draw.randrange(100) == 0 else 0)
            wall_ms = START_MS + made_ms
            clock.now = max(clock.now, wall_ms + late_ms)
            note = Checkpoint.of(signer.name, frontier).sign(signer)
            status = {"backlog": 0} | STATUS
            body = pack(Batch(name, first, new, note, "ab" * 16, made_ms, wall_ms, "synchronised", status))
            signature = RequestSignature(name, wall_ms, f"{second:032x}", b"")
            started = time.perf_counter()
            outcome = ingest.receive(parts.database, parts.keyring.log, device, signature, body, clock)
            used += time.perf_counter() - started
            if outcome.problem:
                raise SystemExit(f"a call was refused: {outcome.problem}")
            calls, brought = calls + 1, brought + bool(new)
        with parts.database.read() as connection:
            rows = connection.execute(select(func.count()).select_from(contacts)).scalar_one()
        parts.database.close()
    print(f"a kiosk a day, a call each {every_s} s: {calls:,} calls, {brought:,} of them with {len(log):,} marks")
    print(
        f"rows kept: {rows:,}, of each call {len(json.dumps(status))} bytes of status; {calls / rows:.0f} times fewer"
    )
    print(f"{used / calls * 1000:.1f} ms a call, durable")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [280, 15][len(given) :]))
