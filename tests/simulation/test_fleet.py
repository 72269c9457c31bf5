"""A simulated fleet against a real server: keys, claims, batches, troubles, and each mark once."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from kiosk.errors import ClaimError, SyncError
from protocol import entry
from protocol.merkle import Frontier
from server.devices.models import checkpoints, contacts, entries, flags, logs
from simulation import office
from simulation.fleet import WRONG_CLOCK, Fleet, FleetReport, SimKiosk, troubles_of
from simulation.month import SimulatedMonth, simulate_month
from tests.local_server import LocalServer

SITES = {"K01": "dukcapil", "K02": "dukcapil", "K03": "pupr"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    running = LocalServer(tmp_path_factory.mktemp("fleet") / "server")
    yield running
    running.close()


@dataclass(frozen=True)
class Run:
    month: SimulatedMonth
    pseudonyms: dict[str, str]
    report: FleetReport
    progress: list[tuple[int, int]]


@pytest.fixture(scope="module")
def run(server: LocalServer) -> Run:
    month = simulate_month(12, seed=5)
    tokens = {name: server.token(name, site) for name, site in SITES.items()}
    pseudonyms = server.pseudonyms(month)
    told: list[tuple[int, int]] = []
    with Fleet(month, server.url, tokens, server.set_time) as fleet:
        report = fleet.send(pseudonyms, lambda done, total: told.append((done, total)))
    return Run(month, pseudonyms, report, told)


def held(server: LocalServer, device: str) -> list[bytes]:
    with server.parts.database.read() as connection:
        query = select(entries.c.bytes).where(entries.c.device == device).order_by(entries.c.seq)
        return list(connection.execute(query).scalars())


def test_each_mark_of_the_month_arrives_once(server: LocalServer, run: Run) -> None:
    arrived = Counter(
        (found.device, found.body["person"], found.body["presented_boottime_ms"], found.boot)
        for device in SITES
        for found in map(entry.decode, held(server, device))
        if found.kind == "presence"
    )
    assert set(arrived.values()) == {1}
    assert Counter((device, person) for device, person, _, _ in arrived) == Counter(
        (seen.kiosk, run.pseudonyms[seen.employee_id]) for seen in run.month.presentations
    )
    assert run.report.presences == len(run.month.presentations)
    assert run.progress[-1] == (run.report.presences, run.report.presences)


def test_the_server_holds_the_very_logs_that_the_kiosks_signed(server: LocalServer, run: Run) -> None:
    for kiosk in run.report.kiosks:
        leaves = held(server, kiosk.device)
        with server.parts.database.read() as connection:
            log = connection.execute(select(logs).where(logs.c.device == kiosk.device)).mappings().one()
            signed = connection.execute(
                select(checkpoints.c.size).where(checkpoints.c.device == kiosk.device)
            ).scalars()
            assert max(signed) == len(leaves)
        assert log["size"] == len(leaves) == kiosk.entries
        assert Frontier().append(leaves).root() == log["root"]


def test_only_the_wrong_clock_is_flagged(server: LocalServer, run: Run) -> None:
    with server.parts.database.read() as connection:
        found = {(row.device, row.flag) for row in connection.execute(select(flags))}
    assert found == {("K03", "clock")}


def test_boottime_dates_each_mark_truly_even_where_the_wall_clock_is_wrong(server: LocalServer, run: Run) -> None:
    stood = {(seen.kiosk, run.pseudonyms[seen.employee_id], seen.at_ms) for seen in run.month.presentations}
    with server.parts.database.read() as connection:
        rows = connection.execute(select(contacts)).mappings().all()
    booted = {(row["device"], row["boot"]): row["server_ms"] - row["boottime_ms"] for row in rows}
    wall_errors = set()
    for device in SITES:
        for found in map(entry.decode, held(server, device)):
            boot_ms = booted[device, found.boot]
            if device == "K03":
                wall_errors.add(found.wall_ms - boot_ms - found.boottime_ms)
            if found.kind == "presence":
                assert (device, found.body["person"], boot_ms + found.body["presented_boottime_ms"]) in stood
    assert wall_errors == {WRONG_CLOCK.wall_error_ms}


def test_a_kiosk_without_network_is_silent_and_then_sends_its_backlog_twice(server: LocalServer, run: Run) -> None:
    trouble = troubles_of(run.month, sorted(SITES))["K02"]
    with server.parts.database.read() as connection:
        query = select(contacts.c.server_ms, contacts.c.boottime_ms).where(contacts.c.device == "K02")
        times = Counter(ms for ms, _ in connection.execute(query))
    silence = (office.midnight_ms(trouble.offline[0]), office.midnight_ms(trouble.offline[-1]) + 86_400_000)
    assert not [ms for ms in times if silence[0] <= ms < silence[1]]
    back = min(ms for ms in times if ms >= silence[1])
    assert times[back] == 2


def test_a_power_cut_shows_as_a_new_boot(server: LocalServer, run: Run) -> None:
    boots = {device: {entry.decode(data).boot for data in held(server, device)} for device in SITES}
    assert {device: len(found) for device, found in boots.items()} == {"K01": 2, "K02": 1, "K03": 1}


def test_what_is_missing_is_named_before_anything_is_claimed(server: LocalServer, run: Run) -> None:
    with pytest.raises(ValueError, match="token for kiosk K01"):
        Fleet(run.month, server.url, {}, server.set_time)


def test_a_token_is_taken_once(server: LocalServer, tmp_path: Path) -> None:
    token = server.token("K09")
    SimKiosk.claimed(server.url, token, tmp_path / "first", seed=1).close()
    with pytest.raises(ClaimError):
        SimKiosk.claimed(server.url, token, tmp_path / "second", seed=1)


def test_a_server_that_is_not_there_is_said_to_be(server: LocalServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    device = tmp_path / "device"
    claimed = SimKiosk.claimed(server.url, server.token("K08"), device, seed=1)
    claimed.close()
    lonely = SimKiosk(claimed.device, f"http://127.0.0.1:{port}", seed=1)
    lonely.boot(1_790_000_000_000)
    with pytest.raises(SyncError, match="cannot be reached"):
        lonely.sync(1_790_000_060_000)
    assert lonely.backlog == 1
    lonely.close()
