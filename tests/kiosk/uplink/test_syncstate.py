"""A damaged file of sync is kept aside and begun anew, whatever happened to it: each entry arrives once, none waits."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.clock import FrameClock, Reading
from kiosk.errors import SyncError
from kiosk.records.journal import Journal
from kiosk.sync import Syncer
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import load_device
from kiosk.uplink.syncstate import SyncState, last_contact, proven_ms
from protocol.cursor import Cursor
from protocol.merkle import Frontier
from protocol.note import Signer
from server.devices.models import entries
from simulation import office
from tests.local_server import LocalServer

NOW_MS = office.midnight_ms(office.days_of("2026-10")[0])
STALLED = {"state": "stalled", "detail": ""}
BOOT, OTHER_BOOT = "ab" * 16, "cd" * 16
CURSOR_KEY = Signer.generate("hadir.example/cursor")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = LocalServer(tmp_path_factory.mktemp("syncstate") / "server")
    yield running
    running.close()


class Kiosk:
    """A claimed device with a journal."""

    def __init__(self, folder, server, name):
        claim(folder, server.url, server.token(name))
        self.folder, self.server, self.device = folder, server, load_device(folder)
        self.file = folder / "sync.db"
        self.clock = FrameClock(NOW_MS)
        self.journal = Journal(folder / "journal.db", name, self.device.signer, self.clock)
        self.written = []

    def mark(self):
        self.written.append(self.journal.append("camera", STALLED).encode())

    def contact(self):
        with closing(Syncer(self.device, self.server.url, self.folder, self.clock)) as syncer:
            while syncer.contact().more:
                pass

    def held(self):
        with self.server.parts.database.read() as connection:
            rows = connection.execute(entries.select().where(entries.c.device == self.device.name)).mappings()
            return [row["bytes"] for row in sorted(rows, key=lambda row: row["seq"])]

    def go_on(self):
        self.mark()
        self.contact()
        assert self.held() == self.written
        assert last_contact(self.file)[0] == len(self.written), "what it now says is right again"


@pytest.fixture(scope="module")
def long_lived(server, tmp_path_factory):
    made = Kiosk(tmp_path_factory.mktemp("long-lived"), server, "K-long")
    yield made
    made.journal.close()


@pytest.fixture
def kiosk(server, tmp_path, request):
    made = Kiosk(tmp_path, server, f"K-{abs(hash(request.node.name)) % 10**8}")
    for _ in range(3):
        made.mark()
    made.contact()
    yield made
    made.journal.close()


def altered(connection, *statements):
    for statement in statements:
        connection.execute(statement)
    connection.commit()


DAMAGE = {
    "another table": ["DROP TABLE state", "CREATE TABLE state (id INTEGER PRIMARY KEY, size TEXT)"],
    "a size that does not fit": ["UPDATE state SET size = 7"],
    "more than the journal has": ["UPDATE state SET size = 8, frontier = zeroblob(32)"],
    "another tree": ["UPDATE state SET size = 2, frontier = zeroblob(32)"],
    "text for numbers": ["UPDATE state SET contact_ms = 'yesterday'"],
    "a time in no year": ["UPDATE state SET contact_ms = 1 << 62"],
    "cursors that are none": ["UPDATE cursors SET note = 17"],
    "another table of cursors": ["DROP TABLE cursors", "CREATE TABLE cursors (time_ms TEXT)"],
    "a schema that is no text": [
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE state (a ' || CAST(x'279c' AS TEXT) WHERE name = 'state'",
    ],
    "another table of times": ["DROP TABLE heard", "CREATE TABLE heard (time_ms TEXT)"],
}


@pytest.mark.parametrize("statements", DAMAGE.values(), ids=DAMAGE)
def test_a_file_that_says_something_else_is_kept_aside(kiosk, statements, capfd):
    with closing(sqlite3.connect(kiosk.file)) as connection:
        altered(connection, *statements)
    damaged = kiosk.file.read_bytes()
    kiosk.go_on()
    assert kiosk.file.with_name("sync.db.damaged").read_bytes() == damaged
    assert "sync.db was unusable" in capfd.readouterr().err


@pytest.mark.parametrize("table", ["state", "cursors", "heard"])
def test_a_missing_table_is_made_again(kiosk, table):
    with closing(sqlite3.connect(kiosk.file)) as connection:
        altered(connection, f"DROP TABLE {table}")
    kiosk.go_on()


def test_a_file_that_breaks_while_sync_runs_is_begun_anew(kiosk):
    kiosk.mark()
    with closing(Syncer(kiosk.device, kiosk.server.url, kiosk.folder, kiosk.clock)) as syncer:
        kiosk.file.write_bytes(b"\xff" * kiosk.file.stat().st_size)
        while syncer.contact().more:
            pass
    assert kiosk.held() == kiosk.written
    kiosk.go_on()


def test_an_older_copy_costs_a_question(kiosk):
    older = kiosk.file.read_bytes()
    kiosk.go_on()
    kiosk.file.write_bytes(older)
    kiosk.go_on()


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_bytes_it_holds_each_entry_arrives_once(long_lived, data):
    long_lived.mark()
    long_lived.contact()
    whole = long_lived.file.read_bytes()
    kind = data.draw(st.sampled_from(["truncated", "garbage", "overwritten"]))
    place = len(whole) * data.draw(st.integers(0, 9_999)) // 10_000  # its length must not bound what is drawn
    put = data.draw(st.binary(min_size=1, max_size=300))
    damaged = {
        "truncated": whole[:place],
        "garbage": put,
        "overwritten": whole[:place] + put + whole[place + len(put) :],
    }[kind]
    long_lived.file.write_bytes(damaged)
    long_lived.go_on()


def run_as_nobody(work):
    """`work()` in a process that may not write what is root's; its exit status. As it is where tests are not root's."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def public():
    """A folder that others may look into, which those of pytest are not."""
    with TemporaryDirectory(prefix="hadir-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("whole", ["file", "folder"])
def test_a_file_that_cannot_be_written_does_not_stop_sync(public, whole):
    folder = public / "state"
    folder.mkdir()
    with closing(SyncState(folder / "sync.db")):
        pass
    (folder / "sync.db").chmod(0o444)
    folder.chmod(0o777 if whole == "file" else 0o555)

    def save_and_load():
        with closing(SyncState(folder / "sync.db")) as state:
            acknowledge(state, 1, NOW_MS, reading())
            assert state.load()[1].size == 1

    try:
        assert run_as_nobody(save_and_load) == 0
    finally:
        folder.chmod(0o755)
    if whole == "file":
        assert last_contact(folder / "sync.db") == (1, NOW_MS)
        assert (folder / "sync.db.damaged").exists()


def reading(boot=BOOT, boottime_ms=0):
    return Reading(boot, boottime_ms, 0, "unset")


def acknowledge(state, delegation, time_ms, now):
    tree = Frontier().append([b"entry"])
    cursor = Cursor("K01", "ab" * 8, tree.size, tree.root(), time_ms)
    state.save(cursor, tree, cursor.sign(CURSOR_KEY), delegation, now)


def test_it_is_at_least_as_late_as_the_server_signed_and_what_passed_since_in_the_same_boot(tmp_path):
    file = tmp_path / "sync.db"
    assert proven_ms(file, 1, reading()) == 0, "of no contact"
    with closing(SyncState(file)) as state:
        acknowledge(state, 1, NOW_MS, reading(boottime_ms=5000))
        assert proven_ms(file, 1, reading(boottime_ms=9000)) == NOW_MS + 4000
        assert proven_ms(file, 1, reading(OTHER_BOOT, boottime_ms=9000)) == NOW_MS
        acknowledge(state, 1, NOW_MS - 1, reading(boottime_ms=9000))
        assert proven_ms(file, 1, reading(boottime_ms=9000)) == NOW_MS + 4000, "an older word proves nothing less"
        acknowledge(state, 1, NOW_MS + 1, reading(OTHER_BOOT))
        assert proven_ms(file, 1, reading(OTHER_BOOT)) == NOW_MS + 1
        assert proven_ms(file, 2, reading()) == 0, "root's next delegation counts anew"
    file.write_bytes(b"garbage")
    assert proven_ms(file, 1, reading()) == 0
    with pytest.raises(SyncError, match="cannot be read"):
        last_contact(file)
