"""Marks on a stick: what the network would carry, each entry once; nothing of a stick is believed for lying there."""

import base64
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select

from kiosk.appliance.control import ControlSocket
from kiosk.clock import FrameClock
from kiosk.config import KioskConfig
from kiosk.errors import KioskError
from kiosk.recognition.gallery import GalleryStore
from kiosk.records.journal import Journal
from kiosk.sync import open_syncer
from kiosk.uplink.carrying import export, take
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import Device, load_device
from kiosk.uplink.syncstate import SyncState
from protocol.batch import pack, unpack
from protocol.carried import carry, open_carried
from protocol.cursor import Cursor
from protocol.errors import ProtocolError
from protocol.gallery import unseal
from protocol.merkle import Frontier
from protocol.note import Signer
from server import facts
from server.devices import carrying as sticks
from server.devices import manifests
from server.devices import service as devices
from server.devices.models import entries
from server.enrolment import service as enrolment
from server.people import grants
from server.people import service as people
from server.people.models import EMPLOYEES
from simulation import office
from tests.local_server import LocalServer

EMPLOYEE = "EMP-0001"
"""With a hyphen, which no base64 of a key has by chance."""
ROOT = Path(__file__).parents[3]
NOW_MS = office.midnight_ms(office.days_of("2026-10")[0])
STALLED = {"state": "stalled", "detail": ""}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A running server, with a person in its gallery."""
    running = LocalServer(tmp_path_factory.mktemp("carrying") / "server")
    parts = running.parts
    template = base64.b64encode(struct.pack("<4f", 1, 0, 0, 0)).decode()
    item = {"employee_id": EMPLOYEE, "embedder": "dlib", "dimension": 4, "templates": [template], "report": []}
    with parts.database.write() as connection:
        for name in ("rina", "joko"):
            people.add_officer(connection, people.Officer(name, name.title(), "hr", ""), NOW_MS)
            grants.give(connection, name, "hr", valid_from=date(2020, 1, 1), now_ms=1_577_836_800_000)
        rows = [{"employee_id": EMPLOYEE, "name": "Siti Lestari", "zone": "WIT"}]
        facts.record(connection, EMPLOYEES, rows, by="rina", document="test", now_ms=NOW_MS)
        people.add_person_keys(connection, [EMPLOYEE])
        numbers = enrolment.import_templates(connection, [item], by="joko", now_ms=NOW_MS)
        enrolment.approve(connection, numbers, by="rina", signer=parts.keyring.gallery, now_ms=NOW_MS)
    yield running
    running.close()


@dataclass
class Kiosk:
    """A claimed device that has no network any more, its station running, and a stick."""

    config: KioskConfig
    device: Device
    journal: Journal
    server: LocalServer
    stick: Path

    @property
    def place(self) -> Path:
        return self.stick / self.device.name

    def record(self, count: int = 1) -> list[bytes]:
        return [self.journal.append("camera", STALLED).encode() for _ in range(count)]

    def files(self) -> list[str]:
        return [path.name for path in sorted(self.place.glob("*.batch"))]

    @property
    def person(self) -> str:
        with self.server.parts.database.read() as connection:
            return people.pseudonyms(connection)[EMPLOYEE]

    def held(self) -> list[bytes]:
        with self.server.parts.database.read() as connection:
            query = select(entries.c.bytes).where(entries.c.device == self.device.name).order_by(entries.c.seq)
            return list(connection.execute(query).scalars())

    def acknowledged(self) -> int:
        state = SyncState(self.config.state_dir / "sync.db")
        size = state.load()[1].size
        state.close()
        return size

    def import_stick(self) -> list[str]:
        said: list[str] = []
        take(self.config, self.stick, said.append)
        return said

    def cursor(self, entries_held: list[bytes], later_ms: int = 1, signer: Signer | None = None, **changes) -> bytes:
        root = Frontier().append(entries_held).root()
        cursor = Cursor(self.device.name, "ab" * 8, len(entries_held), root, NOW_MS + later_ms)
        return replace(cursor, **changes).sign(signer or self.server.parts.keyring.cursor)

    def put(self, name: str, data: bytes) -> Path:
        self.place.mkdir(exist_ok=True)
        (self.place / name).write_bytes(data)
        return self.place / name


@pytest.fixture
def kiosk(server, tmp_path, request, monkeypatch):
    name = f"S-{abs(hash(request.node.name)) % 10**8}"
    state_dir, stick = tmp_path / "state", tmp_path / "stick"
    claim(state_dir, server.url, server.token(name))
    stick.mkdir()
    device = load_device(state_dir)
    clock = FrameClock(NOW_MS)
    monkeypatch.setattr("kiosk.uplink.carrying.SystemClock", lambda: clock)
    monkeypatch.setattr("kiosk.records.outbox.BATCH_ENTRIES", 4)
    journal = Journal(state_dir / "journal.db", name, device.signer, clock)
    config = KioskConfig(state_dir, "sim:nobody=1", "http://127.0.0.1:1")
    yield Kiosk(config, device, journal, server, stick)
    journal.close()


def test_a_stick_carries_the_log_there_and_the_acknowledgement_back(kiosk):
    recorded = kiosk.record(10)
    before = (kiosk.config.state_dir / "journal.db").read_bytes()
    assert "entries 0 to 10" in export(kiosk.config, kiosk.stick)
    assert (kiosk.config.state_dir / "journal.db").read_bytes() == before
    recorded += kiosk.record(3)
    assert kiosk.files() == [f"{first:012}.batch" for first in (0, 4, 8)]
    taken = sticks.take(kiosk.server.parts, kiosk.stick)
    assert (taken.files, taken.held, taken.problems) == ({kiosk.device.name: 3}, {kiosk.device.name: 10}, [])
    assert kiosk.held() == recorded[:10]
    assert kiosk.import_stick() == ["10 entries are at the server"]
    assert kiosk.acknowledged() == 10
    assert "entries 10 to 13" in export(kiosk.config, kiosk.stick)
    assert kiosk.files() == ["000000000010.batch"]
    sticks.take(kiosk.server.parts, kiosk.stick)
    assert kiosk.held() == recorded
    kiosk.import_stick()
    assert export(kiosk.config, kiosk.stick) == "there is nothing to carry: the server has all 13 entries"
    assert kiosk.files() == []


def test_the_files_hold_the_very_batches_that_the_network_would_carry(kiosk):
    recorded = kiosk.record(3)
    export(kiosk.config, kiosk.stick)
    carried = open_carried((kiosk.place / "000000000000.batch").read_bytes())
    carried.verify(kiosk.device.signer.verifier)
    syncer = open_syncer(kiosk.config)
    sent, _ = syncer.pack_next(Frontier())
    syncer.close()
    assert unpack(carried.batch) == unpack(sent)
    assert list(unpack(carried.batch).entries) == recorded


def test_the_same_stick_twice_and_the_network_between_bring_each_entry_once(kiosk):
    recorded = kiosk.record(6)
    export(kiosk.config, kiosk.stick)
    syncer = open_syncer(replace(kiosk.config, server=kiosk.server.url))
    syncer.contact()
    syncer.close()
    for _ in range(2):
        assert not sticks.take(kiosk.server.parts, kiosk.stick).problems
    assert kiosk.held() == recorded


def test_an_export_that_was_cut_off_goes_on_and_a_damaged_file_is_written_again(kiosk):
    kiosk.record(12)
    export(kiosk.config, kiosk.stick)
    whole = {path.name: path.read_bytes() for path in kiosk.place.iterdir()}
    first, second, third = kiosk.files()
    (kiosk.place / third).unlink()
    (kiosk.place / f".{third}.new").write_bytes(b"cut off")
    export(kiosk.config, kiosk.stick)
    assert [(kiosk.place / name).read_bytes() == whole[name] for name in (first, second, third)] == [True, True, False]
    (kiosk.place / second).write_bytes(whole[second][:-1])
    export(kiosk.config, kiosk.stick)
    assert kiosk.files() == [first, second, third]
    assert [path.name for path in kiosk.place.glob(".*")] == []
    assert not sticks.take(kiosk.server.parts, kiosk.stick).problems
    assert len(kiosk.held()) == 12


def test_a_file_of_another_log_of_the_same_key_is_replaced(kiosk, tmp_path):
    other = Journal(tmp_path / "other.db", kiosk.device.name, kiosk.device.signer, FrameClock(0))
    other.append("camera", STALLED)
    recorded = kiosk.record(2)
    export(kiosk.config, kiosk.stick)
    batch = unpack(open_carried((kiosk.place / "000000000000.batch").read_bytes()).batch)
    foreign = pack(replace(batch, entries=(other.append("camera", STALLED).encode(), *batch.entries[1:])))
    other.close()
    kiosk.put("000000000000.batch", carry(foreign, kiosk.device.signer, kiosk.device.name, 0))
    export(kiosk.config, kiosk.stick)
    assert list(unpack(open_carried((kiosk.place / "000000000000.batch").read_bytes()).batch).entries) == recorded


def test_a_file_of_which_the_server_has_a_part_is_kept(kiosk):
    recorded = kiosk.record(8)
    export(kiosk.config, kiosk.stick)
    kiosk.put("cursor", kiosk.cursor(recorded[:6]))
    kiosk.import_stick()
    kiosk.record()
    assert "entries 6 to 9" in export(kiosk.config, kiosk.stick)
    assert kiosk.files() == ["000000000004.batch", "000000000008.batch"]


def test_a_server_that_was_restored_asks_again_for_what_it_lost(kiosk):
    recorded = kiosk.record(8)
    kiosk.put("cursor", kiosk.cursor(recorded))
    kiosk.import_stick()
    kiosk.put("cursor", kiosk.cursor(recorded[:2], later_ms=2, epoch="cd" * 8))
    assert kiosk.import_stick() == ["2 entries are at the server"]
    assert "entries 2 to 8" in export(kiosk.config, kiosk.stick)


def test_a_full_stick_says_what_is_on_it_and_what_is_there_is_whole(kiosk, tmp_path):
    config = tmp_path / "kiosk.yaml"
    config.write_text(f"state_dir: {kiosk.config.state_dir}\ncamera: 'sim:nobody=1'\nserver: http://127.0.0.1:1\n")
    for _ in range(200):
        kiosk.journal.append("camera", {"state": "failed", "detail": os.urandom(1900).hex()})
    script = (
        'mount -t tmpfs -o size=320k hadir "$1" && cd "$2" && "$3" -P -m kiosk export "$1" --config "$4"; code=$?; '
        'cp -r "$1"/. "$5"; exit $code'
    )
    copy = tmp_path / "copy"
    copy.mkdir()
    line = ["unshare", "-Urm", "sh", "-c", script, "sh", *map(str, (kiosk.stick, ROOT, sys.executable, config, copy))]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(ROOT)})
    except FileNotFoundError:
        pytest.skip("unshare is missing: no file system of the test's own can be made")
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file system of the test's own can be made: {done.stderr.strip()}")
    assert done.returncode == 2
    said = re.search(r"No space left on device\): entries 0 to (\d+) are there, the journal keeps all", done.stderr)
    assert said is not None
    taken = sticks.take(kiosk.server.parts, copy)
    assert [problem.rpartition(": ")[2] for problem in taken.problems] == ["bring the rest from there"]
    assert 0 < len(kiosk.held()) == int(said[1]) < 200
    assert sorted(path.name for path in (copy / kiosk.device.name).iterdir()) == [
        "000000000000.batch", "checkpoint", "cursor", "delegation"
    ]  # fmt: skip


def test_a_log_that_was_altered_on_the_card_is_not_carried(kiosk):
    kiosk.record(2)
    kiosk.journal._connection.execute("UPDATE entries SET bytes = x'00' WHERE seq = 1")
    with pytest.raises(KioskError, match="not what the station signed"):
        export(kiosk.config, kiosk.stick)
    assert kiosk.files() == []


def test_only_the_user_whose_files_they_are_may_carry_them(kiosk, monkeypatch):
    kiosk.record()
    monkeypatch.setattr("kiosk.uplink.carrying.os.geteuid", lambda: kiosk.config.state_dir.stat().st_uid + 1)
    with pytest.raises(KioskError, match=r"belongs to \w+: run this as that user, with sudo -u"):
        export(kiosk.config, kiosk.stick)
    assert not (kiosk.config.state_dir / "sync.db").exists()


def test_a_stick_that_is_not_there_or_whose_folder_is_something_else_is_named(kiosk, tmp_path):
    kiosk.record()
    with pytest.raises(KioskError, match="no folder: is the stick mounted"):
        export(kiosk.config, tmp_path / "nowhere")
    with pytest.raises(KioskError, match=f"nothing on this stick for {kiosk.device.name}"):
        kiosk.import_stick()
    kiosk.place.symlink_to(tmp_path)
    for command in (export, take):
        with pytest.raises(KioskError, match="not a folder of its own"):
            command(kiosk.config, kiosk.stick, *([print] if command is take else []))
    kiosk.place.unlink()
    (kiosk.place / "000000000000.batch").mkdir(parents=True)
    with pytest.raises(KioskError, match="entries 0 to 0 are there"):
        export(kiosk.config, kiosk.stick)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda kiosk, path: path.write_bytes(path.read_bytes().replace(b"\n2\n", b"\n3\n")), "signature .* is wrong"),
        (lambda kiosk, path: path.write_bytes(path.read_bytes()[:-9]), "not a cursor"),
        (lambda kiosk, path: path.write_bytes(kiosk.cursor([], device="K-other")), "the server answered for K-other"),
        (
            lambda kiosk, path: path.write_bytes(kiosk.cursor([], signer=Signer.generate("hadir.other/cursor"))),
            "not signed by hadir.test.example/cursor",
        ),
        (lambda kiosk, path: path.write_bytes(kiosk.cursor([b"x", b"y"])), "another log"),
        (lambda kiosk, path: path.write_bytes(kiosk.cursor([b"x"] * 9)), "the server (holds|has) 9 entries"),
        (lambda kiosk, path: path.write_bytes(kiosk.cursor([], later_ms=-1)), "older than the server's last word"),
        (lambda kiosk, path: path.write_bytes(bytes(2 << 20)), "longer than"),
        (lambda kiosk, path: (path.unlink(), path.symlink_to("/dev/zero")), "not a regular file"),
        (lambda kiosk, path: (path.unlink(), os.mkfifo(path)), "not a regular file"),
        (lambda kiosk, path: (path.unlink(), path.mkdir()), "not a regular file"),
    ],
    ids=["altered", "cut", "device", "server", "log", "ahead", "older", "giant", "link", "pipe", "folder"],
)
def test_a_cursor_that_is_not_the_servers_newest_word_is_refused_and_named(kiosk, spoil, reason):
    recorded = kiosk.record(3)
    path = kiosk.put("cursor", kiosk.cursor(recorded[:2], later_ms=0))
    kiosk.import_stick()
    spoil(kiosk, path)
    with pytest.raises(KioskError, match=f"{path}.*{reason}"):
        kiosk.import_stick()
    assert kiosk.acknowledged() == 2


def give(kiosk: Kiosk) -> Path:
    """What the server puts on the stick; the path of the manifest."""
    sticks.give(kiosk.server.parts, kiosk.device.name, kiosk.stick)
    return kiosk.place / "manifest"


def publish(kiosk: Kiosk) -> None:
    with kiosk.server.parts.database.write() as connection:
        device = devices.device(connection, kiosk.device.name)
        manifests.publish(connection, [device], kiosk.server.parts.keyring.gallery, NOW_MS)


def apply(kiosk: Kiosk) -> dict[str, object]:
    """What the station does when it is asked."""
    site = GalleryStore(kiosk.config.state_dir, kiosk.device).apply("dlib", 4, NOW_MS)
    return {"manifest": site.manifest.version if site else 0}


@contextmanager
def station(kiosk: Kiosk):
    """A station that answers its socket."""
    control = ControlSocket(kiosk.config.state_dir / "station.sock", {"apply": lambda request: apply(kiosk)})
    done = threading.Event()

    def answer():
        while not done.is_set():
            control.poll()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        control.close()


def test_a_manifest_from_the_stick_is_applied_by_the_station_once(kiosk):
    give(kiosk)
    assert kiosk.import_stick() == ["0 entries are at the server", "manifest 1 waits for the station"]
    assert apply(kiosk) == {"manifest": 1}
    assert kiosk.import_stick()[1] == "manifest 1 is applied already"
    publish(kiosk)
    give(kiosk)
    with station(kiosk):
        assert kiosk.import_stick()[1] == "manifest 2 is applied"
    assert GalleryStore(kiosk.config.state_dir, kiosk.device).load("dlib", 4).names == {kiosk.person: "Siti"}


def test_a_gallery_that_is_not_the_manifests_is_refused_and_the_acknowledgement_holds(kiosk):
    kiosk.record()
    export(kiosk.config, kiosk.stick)
    sticks.take(kiosk.server.parts, kiosk.stick)
    gallery = give(kiosk).with_name("gallery.sealed")
    gallery.write_bytes(gallery.read_bytes()[:-1])
    with pytest.raises(KioskError, match="gallery 1 is not the one that the manifest names"):
        kiosk.import_stick()
    assert (kiosk.acknowledged(), list((kiosk.config.state_dir / "inbox").glob("*"))) == (1, [])
    gallery.unlink()
    with pytest.raises(KioskError, match=f"{gallery}: No such file"):
        kiosk.import_stick()


def test_nothing_on_a_stick_names_a_person_or_opens_without_the_devices_key(kiosk):
    kiosk.record()
    export(kiosk.config, kiosk.stick)
    give(kiosk)
    data = {path.name: path.read_bytes() for path in kiosk.place.iterdir()}
    assert data.keys() == {"000000000000.batch", "checkpoint", "cursor", "delegation", "gallery.sealed", "manifest"}
    assert not [name for name, found in data.items() if b"Siti" in found or EMPLOYEE.encode() in found]
    assert unseal(data["gallery.sealed"], kiosk.device.name, 1, kiosk.device.sealing).people[0].name == "Siti"
    with pytest.raises(ProtocolError):
        unseal(data["gallery.sealed"], kiosk.device.name, 1, X25519PrivateKey.generate())


def test_a_manifest_of_another_device_an_older_and_an_expired_one_are_refused(kiosk, monkeypatch):
    note = give(kiosk).read_bytes()
    publish(kiosk)
    path = give(kiosk)
    kiosk.import_stick()
    apply(kiosk)
    path.write_bytes(note)
    with pytest.raises(KioskError, match=f"{path}: the manifest has version 1, 2 is applied already"):
        kiosk.import_stick()
    path.write_bytes(note.replace(b'"zone":"WIT"', b'"zone":"WIB"'))
    with pytest.raises(KioskError, match=f"{path}: the server's manifest is not believed"):
        kiosk.import_stick()
    publish(kiosk)
    give(kiosk)
    later = FrameClock(NOW_MS + manifests.LIFETIME_MS + 1)
    monkeypatch.setattr("kiosk.uplink.carrying.SystemClock", lambda: later)
    with pytest.raises(KioskError, match=f"{path}: manifest 3 has expired"):
        kiosk.import_stick()
    other = f"{kiosk.device.name}-b"
    claim(kiosk.stick / "state-b", kiosk.server.url, kiosk.server.token(other))
    sticks.give(kiosk.server.parts, other, kiosk.stick)
    shutil.copy(kiosk.stick / other / "manifest", path)
    with pytest.raises(KioskError, match=f"{path}: the manifest is for {other}"):
        kiosk.import_stick()
    assert GalleryStore(kiosk.config.state_dir, kiosk.device).applied_version() == 2


def test_new_online_keys_come_on_the_stick_before_what_they_signed(kiosk):
    kiosk.server.delegate(NOW_MS, new_keys=True)
    give(kiosk)
    assert kiosk.import_stick() == [
        "delegation 2 is believed from now on",
        "0 entries are at the server",
        "manifest 2 waits for the station",
    ]
    assert kiosk.import_stick()[0] == "0 entries are at the server"
    kiosk.device = load_device(kiosk.config.state_dir)
    assert apply(kiosk) == {"manifest": 2}
