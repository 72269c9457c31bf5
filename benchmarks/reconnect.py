"""All kiosks come back in the same moment, each with a day's backlog: python -m benchmarks.reconnect [KIOSKS [MARKS]].

A real server process; for each kiosk real keys, a real batch and signed requests over loopback without TLS, as the
reverse proxy speaks to the server. Who is told to come back later waits as the kiosk's sync does (`wait_after`).
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select, update

from benchmarks.audit_verify import presence
from benchmarks.faulty_network import ORIGIN, ServerProcess
from kiosk.sync import wait_after
from protocol.batch import Batch, pack
from protocol.checkpoint import Checkpoint
from protocol.cursor import open_cursor
from protocol.merkle import EMPTY_ROOT, Frontier
from protocol.note import Signer, Verifier
from protocol.request import sign_request
from server import services
from server.config import ServerConfig
from server.devices.models import devices, entries, flags, logs

ANSWER_S = 30.0
"""So long the kiosk's sync waits for an answer (`kiosk/uplink/transport.py`)."""
EVERY_S = 15.0
"""Between two contacts, from which the waits after failures double (`kiosk/config.py`)."""


@dataclass(frozen=True)
class Backlog:
    """A kiosk, and the batch that it has to send."""

    name: str
    signer: Signer
    batch: Batch
    root: bytes

    def packed(self, now_ms: int) -> bytes:
        """As it is sent now."""
        return pack(replace(self.batch, boottime_ms=now_ms, wall_ms=now_ms))


def backlog(name: str, marks: int) -> Backlog:
    """A kiosk with so many marks."""
    signer = Signer.generate(f"{ORIGIN}/device/{name}")
    written = tuple(presence(name, seq) for seq in range(marks))
    tree = Frontier().append(written)
    note = Checkpoint.of(signer.name, tree).sign(signer)
    return Backlog(name, signer, Batch(name, 0, written, note, "ab" * 16, 0, 0, "synchronised"), tree.root())


def claim_all(folder: Path, backlogs: list[Backlog]) -> None:
    """Have the server know them all: 2,000 claims over HTTP would take longer than what is measured."""
    parts = services.open_services(ServerConfig(folder / "state", ORIGIN))
    with parts.database.write() as connection:
        for one in backlogs:
            keys = {"claimed_ms": 0, "signing_key": str(one.signer.verifier), "sealing_key": bytes(32)}
            connection.execute(update(devices).where(devices.c.device == one.name), keys)
            row = {"device": one.name, "size": 0, "frontier": b"", "root": EMPTY_ROOT}
            connection.execute(logs.insert(), row)
    parts.database.close()


async def ask(port: int, head: bytes, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own: status, headers, body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head + body)
        await writer.drain()
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(first.split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))
    finally:
        writer.close()


async def deliver(one: Backlog, port: int, key: Verifier, answers: Counter[str]) -> float:
    """Send until the server acknowledges all; seconds that it took."""
    path, started, failures = f"/v1/devices/{one.name}/batches", time.perf_counter(), 0
    while True:
        now_ms = time.time_ns() // 1_000_000
        body = one.packed(now_ms)
        signed = sign_request(one.signer, one.name, "POST", path, body, now_ms)
        lines = (
            f"POST {path} HTTP/1.1",
            "Host: server",
            f"Authorization: {signed}",
            f"Content-Length: {len(body)}",
        )
        head = "\r\n".join((*lines, "", ""))
        asked_s = 0.0
        try:
            status, headers, content = await asyncio.wait_for(ask(port, head.encode(), body), ANSWER_S)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            answers[type(error).__name__] += 1
        else:
            answers[str(status)] += 1
            if status == 200:
                if open_cursor(content, key).root != one.root:
                    raise SystemExit(f"the server acknowledged something else to {one.name}")
                return time.perf_counter() - started
            asked_s = float(headers.get("retry-after", 0))
        failures += 1
        await asyncio.sleep(wait_after(failures, EVERY_S, asked_s))


async def deliver_all(backlogs: list[Backlog], port: int, key: Verifier, answers: Counter[str]) -> list[float]:
    """All at once."""
    return await asyncio.gather(*(deliver(one, port, key, answers) for one in backlogs))


def peak_mb(pid: int) -> float:
    """The most memory that a process has had so far."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def main(kiosks: int, marks: int) -> int:
    """Print memory, waits and what became of the entries; 1 when any is lost."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    names = [f"K{number:04}" for number in range(kiosks)]
    with TemporaryDirectory(prefix="hadir-reconnect-") as text:
        folder = Path(text)
        backlogs = [backlog(name, marks) for name in names]
        server = ServerProcess(folder, names)
        try:
            claim_all(folder, backlogs)
            parts = services.open_services(ServerConfig(folder / "state", ORIGIN))
            before = peak_mb(server.process.pid)
            answers: Counter[str] = Counter()
            waits = sorted(asyncio.run(deliver_all(backlogs, server.port, parts.keyring.cursor.verifier, answers)))
            peak = peak_mb(server.process.pid)
        finally:
            server.kill()
        with parts.database.read() as connection:
            stored = connection.execute(select(func.count()).select_from(entries)).scalar_one()
            flagged = connection.execute(select(func.count()).select_from(flags)).scalar_one()
        parts.database.close()
    cuts = statistics.quantiles(waits, n=100)
    print(
        f"{kiosks:,} kiosks at once, {marks} entries each, {sum(len(one.packed(0)) for one in backlogs) / 1e6:.1f} MB"
    )
    print(f"server's memory: {before:.0f} MB before, {peak:.0f} MB at most")
    print(f"acknowledged after: p50 {cuts[49]:.0f} s, p99 {cuts[98]:.0f} s, all {waits[-1]:.0f} s")
    print("answers: " + ", ".join(f"{what} {count:,}" for what, count in sorted(answers.items())))
    print(f"stored {stored:,} of {kiosks * marks:,} entries; devices flagged: {flagged}; load {os.getloadavg()[0]:.1f}")
    return 0 if stored == kiosks * marks and not flagged else 1


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(given[0] if given else 2000, given[1] if len(given) > 1 else 400))
