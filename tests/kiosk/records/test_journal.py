"""The journal: what was appended is there, whole, in order, and under the device's signature."""

import sqlite3

import pytest

from kiosk.clock import FrameClock
from kiosk.errors import JournalError
from kiosk.records.journal import Journal, JournalReader
from protocol import entry
from protocol.checkpoint import open_checkpoint
from protocol.merkle import Frontier
from protocol.note import Signer

SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
STALLED = {"state": "stalled", "detail": ""}


@pytest.fixture
def open_journal(tmp_path):
    """Opens the same journal again and again, and closes it at the end."""
    opened = []

    def open_(device="K01", signer=SIGNER):
        for journal in opened:
            journal.close()
        opened[:] = [Journal(tmp_path / "journal.db", device, signer, FrameClock(1_790_000_000_000))]
        return opened[0]

    yield open_
    for journal in opened:
        journal.close()


def test_entries_are_numbered_without_gaps_across_restarts(open_journal):
    assert [open_journal().append("camera", STALLED).seq for _ in range(3)] == [0, 1, 2]


def test_the_stored_checkpoint_covers_every_entry(open_journal, tmp_path):
    journal = open_journal()
    for _ in range(5):
        journal.append("camera", STALLED)
    reader = JournalReader(tmp_path / "journal.db")
    leaves = reader.read(0, 100)
    reader.close()
    note = sqlite3.connect(tmp_path / "journal.db").execute("SELECT note FROM checkpoints").fetchone()[0]
    checkpoint = open_checkpoint(note, SIGNER.verifier)
    assert [entry.decode(leaf).seq for leaf in leaves] == [0, 1, 2, 3, 4]
    assert (checkpoint.size, checkpoint.root) == (5, Frontier().append(leaves).root())


def test_a_second_station_is_told_that_one_runs(open_journal, tmp_path):
    open_journal()
    with pytest.raises(JournalError, match="a station already runs here"):
        Journal(tmp_path / "journal.db", "K01", SIGNER, FrameClock(0))


def test_the_journal_of_another_device_is_refused(open_journal):
    open_journal()
    with pytest.raises(JournalError, match="belongs to 'K01', this device is 'K02'"):
        open_journal("K02", Signer.generate("hadir.example/device/K02"))


def test_a_key_that_did_not_sign_the_journal_is_noticed(open_journal):
    open_journal().append("camera", STALLED)
    with pytest.raises(JournalError, match="does not fit its own checkpoint"):
        open_journal(signer=Signer.generate(SIGNER.name))


def test_a_row_deleted_behind_our_back_is_noticed_at_the_next_start(open_journal, tmp_path):
    journal = open_journal()
    journal.append("camera", STALLED)
    journal.append("camera", STALLED)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("DELETE FROM entries WHERE seq = 1")
    connection.close()
    with pytest.raises(JournalError, match="does not fit its own checkpoint"):
        open_journal()


def test_a_failed_append_leaves_nothing_and_the_next_one_takes_its_place(open_journal, tmp_path):
    journal = open_journal()
    journal.append("camera", STALLED)
    # A second connection that holds the write lock stands for any failure of the disk.
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal._connection.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(JournalError, match="locked"):
        journal.append("camera", STALLED)
    other.execute("ROLLBACK")
    other.close()
    assert journal.append("camera", STALLED).seq == 1


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"not a database, but long enough to be taken for one" * 20)
    with pytest.raises(JournalError, match="journal.db cannot be used"):
        Journal(tmp_path / "journal.db", "K01", SIGNER, FrameClock(0))


def test_a_missing_journal_cannot_be_read(tmp_path):
    with pytest.raises(JournalError, match="has not started yet"):
        JournalReader(tmp_path / "journal.db")
