"""Pruning: nothing leaves the card before the server proved that it held it for long enough; what stays verifies."""

import sqlite3
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.clock import FrameClock
from kiosk.records import journal as journal_module
from kiosk.records.journal import Journal, JournalReader
from kiosk.records.pruning import DAY_MS, prune
from kiosk.uplink.device import Device
from kiosk.uplink.syncstate import SyncState
from protocol.checkpoint import Checkpoint
from protocol.cursor import Cursor
from protocol.entry import Entry
from protocol.manifest import Delegation
from protocol.merkle import Frontier
from protocol.note import Signer

SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
CURSOR_KEY = Signer.from_seed("hadir.example/cursor", bytes(32))
KEYS = Delegation(1, 0, 10**15, str(CURSOR_KEY.verifier), str(CURSOR_KEY.verifier))
DEVICE = Device("K01", "hadir.example", SIGNER, X25519PrivateKey.generate(), CURSOR_KEY.verifier, KEYS)
KEEP_DAYS = 120
NOW_MS = 1_790_000_000_000
EARLIER = Cursor("K01", "ab" * 8, 6, bytes(32), NOW_MS - KEEP_DAYS * DAY_MS)
NOW = replace(EARLIER, size=9, time_ms=NOW_MS)
STALLED = {"state": "stalled", "detail": ""}


@pytest.fixture
def journal(tmp_path):
    """A journal of ten entries."""
    made = Journal(tmp_path / "journal.db", "K01", SIGNER, FrameClock(NOW_MS))
    for _ in range(10):
        made.append("camera", STALLED)
    yield made
    made.close()


@pytest.fixture
def history(tmp_path):
    state = SyncState(tmp_path / "sync.db")
    now = FrameClock(NOW_MS).read()
    yield lambda cursor: state.save(cursor, Frontier(), cursor.sign(CURSOR_KEY), 1, now), state
    state.close()


def ask(journal, older=EARLIER, newer=NOW, signer=CURSOR_KEY):
    request = {"held": older.sign(signer).decode(), "now": newer.sign(signer).decode()}
    return prune(journal, DEVICE, KEEP_DAYS, request)


def stored(journal):
    reader = JournalReader(journal.path)
    try:
        return reader.base(), reader.read(reader.base().size, 1000)
    finally:
        reader.close()


def test_what_the_server_held_long_enough_goes_and_the_rest_continues_the_same_tree(journal):
    _, before = stored(journal)
    assert ask(journal) == {"base": 6}
    base, after = stored(journal)
    assert (base, after) == (Frontier().append(before[:6]), before[6:])
    journal.append("camera", STALLED)
    journal.close()
    again = Journal(journal.path, "K01", SIGNER, FrameClock(NOW_MS))
    assert again.size == 11
    again.close()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"newer": replace(NOW, time_ms=NOW_MS - 1)}, "has not held these entries for 120 days"),
        ({"older": replace(EARLIER, epoch="cd" * 8)}, "two epochs"),
        ({"older": replace(EARLIER, device="K02")}, "another device"),
        ({"newer": replace(NOW, size=5)}, "do not fit the journal"),
        ({"newer": replace(NOW, size=11)}, "do not fit the journal"),
        ({"signer": Signer.generate("hadir.example/cursor")}, "not signed by"),
    ],
)
def test_what_does_not_prove_it_removes_nothing(journal, request_, message):
    assert message in ask(journal, **request_)["error"]
    assert stored(journal)[0].size == 0


def test_a_request_without_cursors_removes_nothing(journal):
    assert "not pruned" in prune(journal, DEVICE, KEEP_DAYS, {"command": "prune"})["error"]


def test_a_long_past_goes_in_steps_that_keep_nobody_waiting(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "PRUNED_AT_ONCE", 4)
    assert [ask(journal)["base"] for _ in range(3)] == [4, 6, 6]


def test_the_last_entry_stays_because_it_tells_the_size(journal):
    assert journal.prune(10) == 9


def test_sync_proves_with_the_newest_cursor_that_is_old_enough(history):
    save, kept = history
    for day in range(KEEP_DAYS + 3):
        assert kept.proof(KEEP_DAYS) is None or day > KEEP_DAYS
        save(replace(NOW, size=day, time_ms=NOW_MS + day * DAY_MS))
    size, older, newer = kept.proof(KEEP_DAYS)
    assert size == 2
    assert older == replace(NOW, size=2, time_ms=NOW_MS + 2 * DAY_MS).sign(CURSOR_KEY)
    assert newer == replace(NOW, size=122, time_ms=NOW_MS + 122 * DAY_MS).sign(CURSOR_KEY)


def test_sync_keeps_about_one_cursor_a_day(history, tmp_path):
    save, _ = history
    for hour in range(24 * 5):
        save(replace(NOW, size=hour, time_ms=NOW_MS + hour * DAY_MS // 24))
    with sqlite3.connect(tmp_path / "sync.db") as connection:
        assert connection.execute("SELECT count(*) FROM cursors").fetchone()[0] <= 7
    connection.close()


def test_a_server_that_was_restored_starts_the_time_anew(history):
    save, kept = history
    save(EARLIER)
    save(replace(NOW, epoch="cd" * 8))
    assert kept.proof(KEEP_DAYS) is None


FIRST_RELEASE = """
    CREATE TABLE entries (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    INSERT INTO meta VALUES ('device', 'K01'), ('frontier', x'');
    PRAGMA user_version = 1;
"""


def append_as_the_first_release(connection, tree):
    """The statements with which the first release adds an entry."""
    data = Entry("K01", tree.size, "camera", "ab" * 16, 0, NOW_MS, "simulated", STALLED).encode()
    grown = tree.append([data])
    assert connection.execute("SELECT coalesce(max(seq) + 1, 0) FROM entries").fetchone()[0] == tree.size
    connection.execute("INSERT INTO entries (seq, bytes) VALUES (?, ?)", (tree.size, data))
    connection.execute("DELETE FROM checkpoints")
    note = Checkpoint.of(SIGNER.name, grown).sign(SIGNER)
    connection.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (grown.size, note))
    connection.execute("UPDATE meta SET value = ? WHERE key = 'frontier'", (grown.encode(),))
    return grown


def test_a_file_of_the_first_release_is_taken_over_and_can_be_given_back(tmp_path):
    path = tmp_path / "journal.db"
    tree = Frontier()
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_RELEASE)
    for _ in range(5):
        tree = append_as_the_first_release(connection, tree)
    connection.commit()
    connection.close()
    reader = JournalReader(path)
    assert (reader.base(), reader.size()) == (Frontier(), 5)
    reader.close()

    ours = Journal(path, "K01", SIGNER, FrameClock(NOW_MS))
    assert ours.prune(3) == 3
    tree = tree.append([ours.append("camera", STALLED).encode()])
    ours.close()

    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
    tree = append_as_the_first_release(connection, tree)
    connection.commit()
    connection.close()
    again = Journal(path, "K01", SIGNER, FrameClock(NOW_MS))
    assert again.size == 7
    again.close()
