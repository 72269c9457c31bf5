"""Sync against the real server application: each entry once, whatever happens between; nothing believed unsigned."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from kiosk.claiming import claim
from kiosk.clock import FrameClock
from kiosk.control import ControlSocket
from kiosk.device import Device, load_device
from kiosk.errors import ClaimError, SyncError
from kiosk.gallery import GalleryStore
from kiosk.journal import Journal
from kiosk.pruning import DAY_MS, prune
from kiosk.sync import Syncer, SyncState
from protocol.note import Signer
from server.devices.models import entries
from simulation import office
from simulation.network import Network
from tests.local_server import LocalServer

NOW_MS = office.midnight_ms(office.days_of("2026-10")[0])
STALLED = {"state": "stalled", "detail": ""}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = LocalServer(tmp_path_factory.mktemp("sync") / "server")
    yield running
    running.close()


@dataclass
class Kiosk:
    """A claimed device with a journal, behind a network that can be cut."""

    directory: Path
    device: Device
    journal: Journal
    clock: FrameClock
    network: Network
    server: LocalServer

    def syncer(self) -> Syncer:
        return Syncer(self.device, f"http://127.0.0.1:{self.network.port}", self.directory, self.clock)

    def contact(self):
        syncer = self.syncer()
        try:
            return syncer.contact()
        finally:
            syncer.close()

    def held(self) -> list[bytes]:
        with self.server.parts.database.read() as connection:
            query = select(entries.c.bytes).where(entries.c.device == self.device.name).order_by(entries.c.seq)
            return list(connection.execute(query).scalars())


@pytest.fixture
def kiosk(server, tmp_path, request):
    name = f"K-{abs(hash(request.node.name)) % 10**8}"
    network = Network(int(server.url.rpartition(":")[2]))
    claim(tmp_path, f"http://127.0.0.1:{network.port}", server.token(name))
    device = load_device(tmp_path)
    clock = FrameClock(NOW_MS)
    journal = Journal(tmp_path / "journal.db", name, device.signer, clock)
    made = Kiosk(tmp_path, device, journal, clock, network, server)
    yield made
    made.journal.close()
    network.close()


def test_what_the_journal_holds_arrives_as_it_is_stored(kiosk):
    sent = [kiosk.journal.append("camera", STALLED).encode() for _ in range(3)]
    assert kiosk.contact().backlog == 0
    assert kiosk.held() == sent


def test_a_contact_without_news_is_a_sign_of_life(kiosk):
    assert kiosk.contact().acknowledged == 0
    kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    assert kiosk.contact().acknowledged == 1


def test_a_long_backlog_goes_in_batches(kiosk, monkeypatch):
    monkeypatch.setattr("kiosk.outbox.BATCH_ENTRIES", 7)
    for _ in range(19):
        kiosk.journal.append("camera", STALLED)
    assert [kiosk.contact().backlog for _ in range(3)] == [12, 5, 0]
    assert len(kiosk.held()) == 19


def test_while_the_network_is_away_nothing_is_lost_and_afterwards_nothing_is_twice(kiosk):
    kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    kiosk.network.down()
    kiosk.journal.append("camera", STALLED)
    with pytest.raises(SyncError, match="cannot be reached"):
        kiosk.contact()
    kiosk.network.up()
    kiosk.contact()
    assert len(kiosk.held()) == 2


def test_a_sync_that_forgot_everything_learns_from_the_server_where_it_stands(kiosk):
    for _ in range(4):
        kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    (kiosk.directory / "sync.db").unlink()
    kiosk.journal.append("camera", STALLED)
    while kiosk.contact().backlog:
        pass
    assert len(kiosk.held()) == 5
    state = SyncState(kiosk.directory / "sync.db")
    assert state.load()[1].size == 5
    state.close()


def test_a_sync_that_forgot_everything_goes_on_from_where_the_journal_was_pruned(kiosk):
    for _ in range(6):
        kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    kiosk.journal.prune(4)
    (kiosk.directory / "sync.db").unlink()
    kiosk.journal.append("camera", STALLED)
    while kiosk.contact().backlog:
        pass
    assert len(kiosk.held()) == 7


def test_what_the_server_held_for_the_time_that_is_set_is_pruned_by_the_station(kiosk):
    answers = []
    commands = {"prune": lambda request: answers.append(prune(kiosk.journal, kiosk.device, 120, request)) or {}}
    for _ in range(3):
        kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    kiosk.journal.append("camera", STALLED)
    station = ControlSocket(kiosk.directory / "station.sock", commands)
    try:
        for day, expected in ((119, []), (121, [{"base": 3}]), (122, [{"base": 3}])):
            kiosk.server.set_time(NOW_MS + day * DAY_MS)
            sync = threading.Thread(target=kiosk.contact)
            sync.start()
            while sync.is_alive():
                station.poll()
            assert answers == expected, f"on day {day}"
    finally:
        station.close()
        kiosk.server.set_time(NOW_MS)


def test_a_server_from_before_the_pruned_entries_is_named(kiosk):
    for _ in range(6):
        kiosk.journal.append("camera", STALLED)
    kiosk.journal.prune(4)
    with pytest.raises(SyncError, match="the journal begins at 4: the server was restored from too old a backup"):
        kiosk.contact()


def test_an_older_card_in_the_same_device_is_noticed(kiosk):
    kiosk.journal.append("camera", STALLED)
    older = (kiosk.directory / "journal.db").read_bytes()
    kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    kiosk.journal.close()
    (kiosk.directory / "journal.db").write_bytes(older)
    (kiosk.directory / "sync.db").unlink()
    kiosk.journal = Journal(kiosk.directory / "journal.db", kiosk.device.name, kiosk.device.signer, kiosk.clock)
    with pytest.raises(SyncError, match="the server holds 2 entries"):
        kiosk.contact()


def test_an_entry_altered_on_the_card_before_it_was_sent_is_not_signed_for_the_server(kiosk):
    kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    data = kiosk.journal.append("camera", STALLED).encode()
    with sqlite3.connect(kiosk.directory / "journal.db") as connection:
        altered = data.replace(b"stalled", b"stallee")
        connection.execute("UPDATE entries SET bytes = ? WHERE seq = 1", (altered,))
    connection.close()
    with pytest.raises(SyncError, match="entries from 1 on are not what the station signed"):
        kiosk.contact()
    assert len(kiosk.held()) == 1


def test_a_server_with_another_cursor_key_is_not_believed(kiosk):
    kiosk.journal.append("camera", STALLED)
    stranger = Signer.generate(kiosk.device.cursor_key.name)
    delegation = type(kiosk.device.delegation)(
        1, 0, 10**15, kiosk.device.delegation.gallery_key, str(stranger.verifier)
    )
    kiosk.device = Device(
        kiosk.device.name,
        kiosk.device.origin,
        kiosk.device.signer,
        kiosk.device.sealing,
        kiosk.device.root,
        delegation,
    )
    with pytest.raises(SyncError, match="not a cursor that it signed"):
        kiosk.contact()


def test_the_first_manifest_comes_with_the_first_contact(kiosk):
    kiosk.journal.append("camera", STALLED)
    assert kiosk.contact().manifest == 1
    applied = GalleryStore(kiosk.directory, kiosk.device).apply("dlib", 128, NOW_MS)
    assert applied.manifest.sources == ("sim",)
    assert kiosk.contact().manifest is None


def test_a_manifest_that_was_damaged_after_it_was_applied_comes_again(kiosk):
    kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    store = GalleryStore(kiosk.directory, kiosk.device)
    store.apply("dlib", 128, NOW_MS)
    (kiosk.directory / "applied" / "manifest.note").write_bytes(b"")
    assert kiosk.contact().manifest == 1
    assert store.apply("dlib", 128, NOW_MS) is not None
    assert kiosk.contact().manifest is None


def test_a_token_of_another_server_is_refused_before_anything_is_kept(server, tmp_path):
    token = server.token("K-elsewhere")
    forged = token[:-4] + ("0000" if not token.endswith("0000") else "1111")
    with pytest.raises(ClaimError, match="another root key|refused"):
        claim(tmp_path, server.url, forged)
    assert not (tmp_path / "device.json").exists()


def test_a_claimed_device_is_not_claimed_twice(kiosk):
    with pytest.raises(ClaimError, match="claimed already"):
        claim(kiosk.directory, kiosk.server.url, "K-x")
