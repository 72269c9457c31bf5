"""Sync against the real server application: each entry once, whatever happens between; nothing believed unsigned."""

from __future__ import annotations

import random
import re
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from kiosk.appliance.control import ControlSocket
from kiosk.clock import FrameClock
from kiosk.config import KioskConfig
from kiosk.errors import ClaimError, SyncError
from kiosk.recognition.gallery import GalleryStore
from kiosk.records.journal import Journal
from kiosk.records.pruning import DAY_MS, prune
from kiosk.sync import PIECE_BYTES, Syncer, run_sync, wait_after
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import Device, load_device
from kiosk.uplink.rekeying import change_key
from kiosk.uplink.syncstate import SyncState
from protocol.cursor import open_cursor
from protocol.manifest import GalleryReference, Manifest
from protocol.merkle import EMPTY_ROOT
from protocol.note import Signer
from server.devices.models import checkpoints, device_keys, entries, logs, manifests, sealed_galleries
from server.services import MAX_WRITERS
from server.transparency.models import tree_nodes
from simulation import office
from simulation.network import Network
from simulation.power.recording import FULL, OK, recording
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


def test_a_manifest_that_waits_for_a_station_is_told(kiosk):
    said: list[str] = []
    config = KioskConfig(kiosk.directory, "sim:", f"http://127.0.0.1:{kiosk.network.port}")
    run_sync(config, once=True, report=said.append)
    assert said[-1] == "manifest 1 lies ready, no station runs: it is applied when one starts"


def test_a_contact_without_news_is_a_sign_of_life(kiosk):
    assert kiosk.contact().acknowledged == 0
    kiosk.journal.append("camera", STALLED)
    kiosk.contact()
    assert kiosk.contact().acknowledged == 1


def test_a_long_backlog_goes_in_batches(kiosk, monkeypatch):
    monkeypatch.setattr("kiosk.records.outbox.BATCH_ENTRIES", 7)
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


@pytest.mark.parametrize(("status", "said"), [(200, "does not fit the journal"), (409, "holds another log")])
def test_a_cursor_of_the_right_size_and_another_root_is_not_believed(kiosk, monkeypatch, status, said):
    kiosk.journal.append("camera", STALLED)

    def another_root(answer):
        cursor = replace(open_cursor(answer.content, kiosk.device.cursor_key), root=bytes(32))
        return replace(answer, status=status, content=cursor.sign(kiosk.server.parts.keyring.cursor))

    with closing(kiosk.syncer()) as syncer:
        original = syncer._send
        monkeypatch.setattr(syncer, "_send", lambda *request: another_root(original(*request)))
        with pytest.raises(SyncError, match=said):
            syncer.contact()
        assert syncer.acknowledged().size == 0
        monkeypatch.setattr(syncer, "_send", original)
        assert syncer.contact().acknowledged == 1


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


@pytest.fixture
def gallery(kiosk):
    """A gallery of ten pieces and a bit, in manifest 2 of the device."""
    sealed = random.Random(1).randbytes(10 * PIECE_BYTES + 77)
    manifest = Manifest(
        kiosk.device.name,
        version=2,
        issued_ms=NOW_MS,
        expires_ms=NOW_MS + 30 * DAY_MS,
        site="pupr",
        zone="WIT",
        sources=("sim",),
        gallery=GalleryReference(1, sha256(sealed).hexdigest(), len(sealed)),
    )
    device = {"device": kiosk.device.name}
    row = {"version": 2, "issued_ms": NOW_MS, "expires_ms": manifest.expires_ms, "sources": "sim", "site": "pupr"}
    with kiosk.server.parts.database.write() as connection:
        connection.execute(sealed_galleries.insert(), device | {"gallery": 1, "bytes": sealed})
        note = manifest.sign(kiosk.server.parts.keyring.gallery)
        connection.execute(manifests.insert(), device | row | {"gallery": 1, "note": note})
    return sealed


def piece_by_piece(syncer, monkeypatch, after):
    """Have `after` called with the number of each piece that has come; the list of where pieces began."""
    begun, original = [], syncer._send

    def send(method, what, body=b""):
        answer = original(method, what, body)
        if what.startswith("gallery/"):
            begun.append(int(re.search(r"from=(\d+)", what)[1]))
            after(len(begun))
        return answer

    monkeypatch.setattr(syncer, "_send", send)
    return begun


def test_a_mark_does_not_wait_for_a_gallery(kiosk, gallery, monkeypatch):
    kiosk.journal.append("camera", STALLED)
    with closing(kiosk.syncer()) as syncer:
        begun = piece_by_piece(syncer, monkeypatch, lambda n: n in (2, 5) and kiosk.journal.append("camera", STALLED))
        progress = [syncer.contact() for _ in range(3)]
    assert [(one.acknowledged, one.backlog, one.fetching, one.manifest) for one in progress] == [
        (1, 1, True, None),
        (2, 1, True, None),
        (3, 0, False, 2),
    ]
    assert begun == [number * PIECE_BYTES for number in range(11)]
    assert (kiosk.directory / "inbox" / "gallery.sealed").read_bytes() == gallery
    assert len(kiosk.held()) == 3


def test_a_gallery_comes_even_while_marks_are_made_all_the_time_and_goes_on_where_the_network_failed(
    kiosk, gallery, monkeypatch
):
    def after(piece):
        kiosk.journal.append("camera", STALLED)
        if piece == 3:
            kiosk.network.down()

    with closing(kiosk.syncer()) as syncer:
        begun = piece_by_piece(syncer, monkeypatch, after)
        for _ in range(3):
            assert syncer.contact().fetching
        with pytest.raises(SyncError, match="cannot be reached"):
            syncer.contact()
        kiosk.network.up()
        for _ in range(8):
            syncer.contact()
    assert begun == [number * PIECE_BYTES for number in range(11)]
    assert (kiosk.directory / "inbox" / "gallery.sealed").read_bytes() == gallery


def test_a_long_gallery_takes_several_contacts_so_that_the_device_is_heard(kiosk, gallery, monkeypatch):
    monkeypatch.setattr("kiosk.sync.PIECES", 4)
    with closing(kiosk.syncer()) as syncer:
        assert [syncer.contact().more for _ in range(3)] == [True, True, False]


def test_a_gallery_that_nobody_applies_yet_is_not_fetched_again(kiosk, gallery, monkeypatch):
    with closing(kiosk.syncer()) as syncer:
        begun = piece_by_piece(syncer, monkeypatch, lambda piece: None)
        assert [syncer.contact().manifest for _ in range(3)] == [2, None, None]
        assert len(begun) == 11
        answers = []
        station = ControlSocket(kiosk.directory / "station.sock", {"apply": lambda request: answers.append(1) or {}})
        over = threading.Event()
        polling = threading.Thread(target=lambda: [station.poll() for _ in iter(over.is_set, True)])
        polling.start()
        syncer.contact()
        over.set()
        polling.join()
        station.close()
    assert answers == [1, 1]
    assert len(begun) == 22, "the station answered and applied nothing: it may have been lost"


def test_a_gallery_that_ends_too_early_or_is_another_one_is_not_taken(kiosk, gallery):
    for sent, message in ((gallery[:-1], "the server sent 76 bytes"), (gallery[::-1], "not the one that the manifest")):
        with kiosk.server.parts.database.write() as connection:
            where = sealed_galleries.c.device == kiosk.device.name
            connection.execute(sealed_galleries.update().where(where), {"bytes": sent})
        with pytest.raises(SyncError, match=message):
            kiosk.contact()
    assert not (kiosk.directory / "inbox").exists()


def test_a_server_that_has_no_place_is_left_alone_for_as_long_as_it_asks(kiosk):
    kiosk.journal.append("camera", STALLED)
    writers = kiosk.server.parts.writers
    taken = [writers.acquire(blocking=False) for _ in range(MAX_WRITERS)]
    assert all(taken)
    waits, reports = [], []

    def stop(wait_s):
        if not waits:
            writers.release(MAX_WRITERS)
        waits.append(wait_s)
        return len(waits) == 2

    with closing(kiosk.syncer()) as syncer:
        syncer.run(0.1, stop, reports.append)
    assert [report.partition(" (")[0] for report in reports] == [
        f"no sync: http://127.0.0.1:{kiosk.network.port} is busy",
        "1 entries at the server, 0 to go",
    ]
    assert waits[0] >= 2.0 > waits[1]


@pytest.mark.parametrize(("failures", "asked_s"), [(1, 0.0), (3, 0.0), (20, 0.0), (1, 40.0), (1, 3600.0)])
def test_who_could_not_reach_the_server_waits_longer_each_time_and_as_long_as_it_asks(failures, asked_s):
    waits = [wait_after(failures, 15.0, asked_s) for _ in range(200)]
    longest = min(300.0, 15.0 * 2**failures)
    assert min(waits) >= max(longest / 2, asked_s)
    assert max(waits) <= max(longest, 1.5 * asked_s)
    assert max(waits) > 1.2 * min(waits), "all would come back at the same time"


def test_a_disk_that_is_full_is_said_and_the_same_is_sent_again(kiosk):
    kiosk.journal.append("camera", STALLED)
    with recording(kiosk.directory) as recorder, closing(kiosk.syncer()) as syncer:
        recorder.fault = lambda operation, path: FULL if operation == "write" else OK
        with pytest.raises(SyncError, match="sync.db cannot be used: database or disk is full"):
            syncer.contact()
        recorder.fault = lambda operation, path: OK
        assert syncer.contact().acknowledged == 1
    assert len(kiosk.held()) == 1


def test_a_token_of_another_server_is_refused_before_anything_is_kept(server, tmp_path):
    token = server.token("K-elsewhere")
    forged = token[:-4] + ("0000" if not token.endswith("0000") else "1111")
    with pytest.raises(ClaimError, match="another root key|refused"):
        claim(tmp_path, server.url, forged)
    assert not (tmp_path / "device.json").exists()


def test_a_claimed_device_is_not_claimed_twice(kiosk):
    with pytest.raises(ClaimError, match="claimed already"):
        claim(kiosk.directory, kiosk.server.url, "K-x")


def test_a_key_that_was_changed_while_sync_ran_is_announced_and_brings_the_backlog(kiosk):
    kiosk.journal.append("camera", STALLED)
    syncer = kiosk.syncer()
    try:
        syncer.contact()
        kiosk.journal.append("camera", STALLED)
        kiosk.journal.close()
        change_key(kiosk.directory)
        assert syncer.contact().backlog == 0
    finally:
        syncer.close()
    assert len(kiosk.held()) == 3
    kiosk.device = load_device(kiosk.directory)
    assert kiosk.contact().acknowledged == 3


def test_a_server_from_before_the_change_of_key_hears_of_it_again(kiosk):
    kiosk.journal.append("camera", STALLED)
    kiosk.journal.close()
    change_key(kiosk.directory)
    kiosk.device = load_device(kiosk.directory)
    kiosk.contact()
    with kiosk.server.parts.database.write() as connection:  # as after a restore of a backup made before
        for column in (checkpoints.c.device, entries.c.device, device_keys.c.device, tree_nodes.c.log):
            connection.execute(column.table.delete().where(column == kiosk.device.name))
        empty = {"size": 0, "frontier": b"", "root": EMPTY_ROOT}
        connection.execute(logs.update().where(logs.c.device == kiosk.device.name), empty)
    while kiosk.contact().acknowledged < 2:
        pass
    assert len(kiosk.held()) == 2


def test_a_stranger_is_not_recognised_and_says_so(kiosk):
    kiosk.device = replace(kiosk.device, signer=Signer.generate(kiosk.device.signer.name))
    with pytest.raises(SyncError, match="401"):
        kiosk.contact()
