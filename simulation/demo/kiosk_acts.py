"""The demo's first half: server, kiosk, enrolment, people before the camera, and a network that goes away."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kiosk.cli import main as kiosk_main
from kiosk.recognition.embedder import DlibEmbedder
from kiosk.records.journal import JournalReader
from protocol import entry
from server.cli import main as server_main
from simulation import office
from simulation.demo.stage import CommandFailed, DemoFailed, Stage
from simulation.month import SimulatedMonth
from simulation.network import Network

MONTH = "2026-10"
DAY = f"{MONTH}-01"
KIOSK = "K00"
OFFICERS = {"rina": "Rina Latuconsina, BKPSDM", "joko": "Joko Pattiasina, BKPSDM"}
_MORNING_SCRIPT = "nobody=1,stranger=7,person=14,print=14,screen=14"
_NOON_SCRIPT = "person=14"
_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Server:
    """The running server: its configuration, address and port."""

    config: Path
    url: str
    port: int


def start_server(stage: Stage, regulation: Path) -> Server:
    """A new installation, its server listening on a free loopback port."""
    config = stage.write(
        "server.yaml",
        f"state_dir: server\norigin: hadir.demo\nlisten: 127.0.0.1:0\nclock: simulated\nlanguage: id\n"
        f"regulation: {regulation}\ngovernment: Pemerintah Kota Ambon (simulasi)\nplace: Ambon\nsignatories:\n  all:\n"
        "    - {role: Kepala Dinas}\n    - {role: Bendahara Pengeluaran}\n",
    )
    stage.set_time(office.midnight_ms(office.days_of(MONTH)[0]) + 4 * _HOUR_MS)
    stage.command(server_main, "init", "--config", str(config))
    for officer, name in OFFICERS.items():
        stage.command(server_main, "officer", officer, "--name", name, "--config", str(config))
    process = stage.start("server", "run", "--config", str(config))
    listening = stage.directory / "server" / "listening"
    stage.until("the server's start", listening.exists, process)
    address = listening.read_text().strip().removeprefix("http://")
    return Server(config, f"http://{address}", int(address.rpartition(":")[2]))


def add_device(stage: Stage, server: Server, name: str, site: str) -> str:
    """A one-time token for a device whose simulated camera counts (it counts nowhere else)."""
    arguments = ("device", "add", name, "--site", site, "--zone", office.ZONE, "--source", "sim")
    return stage.command(server_main, *arguments, "--config", str(server.config)).strip()


def claim_kiosk(stage: Stage, server: Server, network: Network) -> Path:
    """The living kiosk: configuration, keys made on the device, claim by token."""
    token = add_device(stage, server, KIOSK, "dukcapil")
    config = kiosk_config(stage, network, "sim:nobody=1")
    stage.say(stage.command(kiosk_main, "claim", "--config", str(config), "--token", token).strip())
    try:
        stage.command(kiosk_main, "claim", "--config", str(config), "--token", token)
    except CommandFailed as error:
        stage.say(f"the same token again → {error.said}", "dim")
    return config


def kiosk_config(stage: Stage, network: Network, camera: str) -> Path:
    """The kiosk's YAML; only its camera's script differs from act to act."""
    return stage.write(
        "kiosk.yaml",
        f"state_dir: {stage.directory / 'kiosk'}\ncamera: {camera}\nserver: http://127.0.0.1:{network.port}\n"
        "language: en\nsync_every_s: 0.5\nlight: lamp\nindicator: {mock: true}\n",
    )


def enrol(stage: Stage, server: Server, config: Path, employee: str, month: SimulatedMonth) -> None:
    """One real face through the kiosk's camera, colleagues' templates by import; two officers for each."""
    at = ("--config", str(server.config))
    code = stage.command(server_main, "enrol-code", employee, "--by", "rina", *at).strip()
    said = stage.command(
        kiosk_main, "enrol", "--config", str(config), "--code", code, "--camera", "sim:person=40?seed=3"
    )
    for line in said.strip().splitlines()[-3:]:
        stage.say(line)
    colleagues = [str(row["employee_id"]) for row in month.employees if row["employee_id"] != employee]
    path = stage.write("colleagues.json", json.dumps(colleague_templates(colleagues)))
    stage.say(stage.command(server_main, "templates", str(path), "--by", "rina", *at).strip())
    try:
        stage.command(server_main, "approve", "all", "--by", "rina", *at)
        raise AssertionError("an officer approved an enrolment that she opened")
    except CommandFailed as error:
        stage.say(f"rina approves what she opened herself → {error.said}", "dim")
    stage.say(
        stage.command(server_main, "approve", "all", "--by", "joko", *at).strip() + " by joko, the second officer"
    )


def colleague_templates(employees: list[str]) -> list[dict[str, object]]:
    """Vectors that lie as far apart as people do (about .8), for colleagues without a photo."""
    rng = np.random.default_rng(7)
    centre = rng.normal(size=DlibEmbedder.dimension)
    centre *= 1.2 / np.linalg.norm(centre)
    items: list[dict[str, object]] = []
    for employee in employees:
        person = centre + rng.normal(scale=0.05, size=DlibEmbedder.dimension)
        rows = (person + rng.normal(scale=0.015, size=(5, DlibEmbedder.dimension))).astype("<f4")
        items.append(
            {
                "employee_id": employee,
                "embedder": DlibEmbedder.identity,
                "dimension": DlibEmbedder.dimension,
                "templates": [base64.b64encode(row.tobytes()).decode() for row in rows],
                "report": ["simulated colleague"],
            }
        )
    return items


def morning(stage: Stage, network: Network) -> None:
    """Nobody, a stranger, the enrolled person, a print, a screen: in this order before the camera."""
    stage.set_time(_time_ms(7, 5))
    config = kiosk_config(stage, network, f"sim:{_MORNING_SCRIPT}?seed=1&start={DAY}T07:05:00+09:00")
    stage.command(kiosk_main, "sync", "--once", "--config", str(config))
    stage.wait(stage.start("kiosk", "run", "--config", str(config), show=True), "the kiosk")
    _try_again(stage, network, 1, 7, 8)
    for line in stage.command(kiosk_main, "calibrate", "--config", str(config)).splitlines()[:2]:
        stage.say(f"calibrated: {line}", "dim")
    kinds = kinds_of(stage)
    if kinds["refusal"] < 3:
        raise DemoFailed(f"the kiosk refused {kinds['refusal']}, not a stranger, a print and a screen")
    stage.say(f"in the kiosk's journal: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}", "dim")


def _try_again(stage: Stage, network: Network, wanted: int, hour: int, minute: int) -> None:
    """The kiosk may ask a living person to come again (BPCER in docs/liveness.md); two more tries, minutes apart."""
    for attempt in range(2):
        if kinds_of(stage)["presence"] >= wanted:
            break
        stage.say("she tries again, as people do", "dim")
        start = f"{DAY}T{hour:02}:{minute + 3 * attempt:02}:00+09:00"
        config = kiosk_config(stage, network, f"sim:{_NOON_SCRIPT}?seed={11 + attempt}&start={start}")
        stage.set_time(_time_ms(hour, minute + 3 * attempt))
        stage.wait(stage.start("kiosk", "run", "--config", str(config), show=True), "the kiosk")
    if kinds_of(stage)["presence"] != wanted:
        raise DemoFailed(f"the kiosk's journal holds {kinds_of(stage)['presence']} marks, not {wanted}")


def noon(stage: Stage, server: Server, network: Network) -> None:
    """The network goes away, a mark is made all the same, the network comes back, each mark arrives once."""
    config = kiosk_config(stage, network, f"sim:{_NOON_SCRIPT}?seed=2&start={DAY}T12:05:00+09:00")
    network.down()
    stage.set_time(_time_ms(12, 5) + 10_000)
    sync = stage.start("kiosk", "sync", "--config", str(config))
    stage.wait(stage.start("kiosk", "run", "--config", str(config), show=True), "the kiosk")
    _try_again(stage, network, 2, 12, 8)
    held = _held(stage)
    stage.say(f"network down: {_journal_size(stage)} entries in the kiosk, {held} at the server", "yellow")
    network.up()
    stage.until("the backlog's arrival", lambda: _held(stage) == _journal_size(stage), sync)
    stage.stop(sync)
    arrived = Counter(_server_entries(stage))
    if set(arrived.values()) != {1}:
        raise DemoFailed("an entry arrived more than once")
    stage.say(f"network back: {len(arrived)} entries at the server, each once", "green")


def kinds_of(stage: Stage) -> Counter[str]:
    """How many entries of each kind the kiosk's journal holds."""
    reader = JournalReader(stage.directory / "kiosk" / "journal.db")
    kinds = Counter(entry.decode(data).kind for data in reader.read(0, 10_000))
    reader.close()
    return kinds


def _time_ms(hour: int, minute: int) -> int:
    return office.midnight_ms(office.days_of(MONTH)[0]) + hour * _HOUR_MS + minute * 60_000


def _journal_size(stage: Stage) -> int:
    reader = JournalReader(stage.directory / "kiosk" / "journal.db")
    size = reader.size()
    reader.close()
    return size


def _server_entries(stage: Stage) -> list[bytes]:
    path = stage.directory / "server" / "server.db"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    rows = connection.execute("SELECT bytes FROM entries WHERE device = ?", (KIOSK,)).fetchall()
    connection.close()
    return [row[0] for row in rows]


def _held(stage: Stage) -> int:
    return len(_server_entries(stage))
