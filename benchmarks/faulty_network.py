"""Kiosks drain their backlogs over a faulty network: python -m benchmarks.faulty_network [KIOSKS [ENTRIES_EACH]].

A real server process; real journals; the kiosk's own sync, in processes of several kiosks each; a forwarder between
them that drops, delays, repeats, cuts and resets (`simulation/faulty.py`). The server and the kiosks' processes are
killed with SIGKILL again and again and started anew. In the end every entry is looked for in the server's database.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.journal_append import fill
from kiosk.clock import SystemClock
from kiosk.records import outbox
from kiosk.records.journal import JournalReader
from kiosk.sync import Syncer
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import load_device
from kiosk.uplink.syncstate import SyncState
from protocol.batch import unpack
from protocol.errors import ProtocolError
from server import services
from server.config import ServerConfig
from server.devices import service as devices
from simulation.faulty import FaultyNetwork

ROOT = Path(__file__).parents[1]
WORKERS = 5
RATE = 0.03
EVERY_S = 0.2
ORIGIN = "hadir.benchmark"


@dataclass
class Outcome:
    """Counts of entries, but for `faults`, `kills` and `flags`."""

    written: int = 0
    sent: int = 0
    acknowledged: int = 0
    stored: int = 0
    duplicates: int = 0
    altered: int = 0
    lost: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def sound(self) -> bool:
        """Each entry once, as it was written, and nobody accused."""
        wrong = self.duplicates or self.altered or self.lost or self.flags
        return not wrong and self.written == self.acknowledged == self.stored


class ServerProcess:
    """`hadir server run` on one port, which may be killed and started again."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        """Make the server, with a claim token for each name in `tokens`."""
        self._config = folder / "server.yaml"
        self.database = folder / "state" / "server.db"
        parts = services.initialise(ServerConfig(folder / "state", ORIGIN))
        self.tokens = {}
        with parts.database.write() as connection:
            for name in names:
                kind = {"site": "office", "zone": "WIT", "sources": ("picamera2",)}
                token = devices.add(connection, name, **kind, root=parts.keyring.root, now_ms=parts.clock.now_ms())
                self.tokens[name] = str(token)
        parts.database.close()
        self.port = 0
        self.start()

    def start(self) -> None:
        """Until it listens."""
        self._config.write_text(f"state_dir: state\norigin: {ORIGIN}\nlisten: 127.0.0.1:{self.port}\n")
        line = [sys.executable, "-P", "-m", "server", "run", "--config", str(self._config)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        # What it says of connections that end too early is no news here.
        self.process = subprocess.Popen(
            line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        self.port = int(said.rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()


def drain(folders: list[Path], server: str, batch: int) -> None:
    """Sync of several kiosks, a thread each, until the server holds all they have."""
    outbox.BATCH_ENTRIES = batch

    def one(folder: Path) -> None:
        with closing(Syncer(load_device(folder), server, folder, SystemClock())) as syncer:
            done = threading.Event()

            def report(line: str) -> None:
                if line.endswith(", 0 to go"):
                    done.set()

            syncer.run(EVERY_S, done.wait, report)

    threads = [threading.Thread(target=one, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run(
    folder: Path, kiosks: int, each: int, batch: int = 500, workers: int = WORKERS, kill_after: int = 60
) -> Outcome:
    """Drain `kiosks` backlogs of `each` entries; somebody is killed after about `kill_after` requests."""
    sent, kills, names = 0, Counter[str](), [f"K{number:03}" for number in range(kiosks)]
    draw = random.Random(1)  # noqa: S311  # when to kill, no secret
    spawning = multiprocessing.get_context("spawn")

    def heard(request: bytes) -> None:
        nonlocal sent
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"POST"):
            with suppress(ProtocolError):
                sent += len(unpack(body).entries)

    with ExitStack() as stack:
        server = ServerProcess(folder, names)
        stack.callback(lambda: server.kill())
        for name in names:
            claim(folder / name, f"http://127.0.0.1:{server.port}", server.tokens[name])
            fill(folder / name / "journal.db", each, name, load_device(folder / name).signer)
        network = FaultyNetwork(server.port, RATE, seed=1, on_request=heard)
        stack.callback(network.close)
        shares = [[folder / name for name in names[number::workers]] for number in range(workers)]

        def start(number: int) -> multiprocessing.process.BaseProcess:
            arguments = (shares[number], f"http://127.0.0.1:{network.port}", batch)
            process = spawning.Process(target=drain, args=arguments, daemon=True)
            process.start()
            return process

        running = {number: start(number) for number in range(workers)}
        stack.callback(lambda: [process.kill() for process in running.values()])
        seen, limit = -1, draw.randrange(kill_after // 2, kill_after)
        counted = threading.Event()
        while running:
            counted.wait(0.05)
            for number, process in list(running.items()):
                if process.exitcode is not None:
                    if process.exitcode != 0:
                        raise SystemExit(f"a kiosk's process ended by itself with {process.exitcode}")
                    del running[number]
            seen = sent // batch
            if seen < limit or not running:
                continue
            limit = seen + draw.randrange(kill_after // 2, kill_after)
            if draw.random() < 0.5:
                server.kill()
                kills["server"] += 1
                server.start()
            else:
                number = draw.choice(list(running))
                running[number].kill()
                running[number].join()
                kills["kiosks"] += 1
                running[number] = start(number)
    outcome = count(folder, server.database)
    outcome.sent, outcome.kills, outcome.faults = sent, kills, network.counts
    return outcome


def count(folder: Path, database: Path) -> Outcome:
    """Look for every entry of every journal below `folder` at the server."""
    outcome = Outcome()
    with closing(sqlite3.connect(database)) as connection:
        outcome.stored = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
        distinct = connection.execute("SELECT count(*) FROM (SELECT DISTINCT bytes FROM entries)").fetchone()[0]
        outcome.duplicates = outcome.stored - distinct
        for (flag,) in connection.execute("SELECT flag FROM flags"):
            outcome.flags[flag] += 1
        for path in folder.glob("*/journal.db"):
            with closing(JournalReader(path)) as journal:
                written = journal.read(0, journal.size())
            with closing(SyncState(path.with_name("sync.db"))) as state:
                outcome.acknowledged += state.load()[1].size
            held = dict(connection.execute("SELECT seq, bytes FROM entries WHERE device = ?", (path.parent.name,)))
            outcome.written += len(written)
            outcome.lost += sum(seq not in held for seq in range(len(written)))
            outcome.altered += sum(seq in held and held[seq] != data for seq, data in enumerate(written))
    return outcome


def main(kiosks: int, each: int) -> int:
    """Print what became of every entry; 1 when anything is wrong."""
    with TemporaryDirectory(prefix="hadir-faulty-") as folder:
        started = time.perf_counter()
        outcome = run(Path(folder), kiosks, each)
        seconds = time.perf_counter() - started
    print(f"{kiosks} kiosks, {outcome.written:,} entries; {seconds:,.0f} s; load {os.getloadavg()[0]:.1f}")
    for name in ("sent", "acknowledged", "stored", "duplicates", "altered", "lost"):
        print(f"{name:<14}{getattr(outcome, name):>12,}")
    print("killed: " + ", ".join(f"{what} {count} times" for what, count in sorted(outcome.kills.items())))
    print("the network: " + ", ".join(f"{what} {count}" for what, count in sorted(outcome.faults.items())))
    print(f"devices flagged: {dict(outcome.flags) or 'none'}")
    return 0 if outcome.sound else 1


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(given[0] if given else 50, given[1] if len(given) > 1 else 20_000))
