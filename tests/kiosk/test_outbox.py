"""What waits to be sent: compared with what the station signed, without hashing all of it before each batch."""

import sqlite3
from contextlib import closing

import pytest

from benchmarks.journal_append import fill
from kiosk.clock import FrameClock
from kiosk.errors import SyncError
from kiosk.journal import Journal, JournalReader
from kiosk.outbox import Outbox
from protocol.merkle import Frontier
from protocol.note import Signer

SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
ALTERED = "not what the station signed"


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("kiosk.outbox.BATCH_ENTRIES", 10)


@pytest.fixture
def path(tmp_path, small_batches):
    """A journal of 105 entries."""
    fill(tmp_path / "journal.db", 105, "K01", SIGNER)
    return tmp_path / "journal.db"


@pytest.fixture
def outbox(path):
    opened = Outbox(path, SIGNER.verifier)
    yield opened
    opened.close()


@pytest.fixture
def station(path):
    opened = Journal(path, "K01", SIGNER, FrameClock(0))
    yield lambda: opened.append("camera", {"state": "stalled", "detail": ""}).encode()
    opened.close()


def alter(path, statement, *values):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def drain(outbox, between=lambda: None):
    """All batches, each acknowledged at once."""
    tree, sent = Frontier(), []
    while True:
        entries, tree = outbox.next_batch(tree)
        if not entries:
            return sent, tree
        sent.append(entries)
        between()


def test_a_backlog_goes_in_batches_and_the_last_takes_the_rest(outbox, path):
    sent, tree = drain(outbox)
    assert [len(batch) for batch in sent] == [10] * 10 + [5]
    assert tree == outbox.tree(105)
    with closing(JournalReader(path)) as reader:
        assert [data for batch in sent for data in batch] == reader.read(0, 105)


@pytest.mark.parametrize("new", [0, 1, 13])
def test_the_work_grows_with_the_backlog_and_not_with_its_square(outbox, station, monkeypatch, new):
    read, original = [], JournalReader.read

    def counting(reader, first, limit):
        found = original(reader, first, limit)
        read.append(len(found))
        return found

    monkeypatch.setattr(JournalReader, "read", counting)
    sent, tree = drain(outbox, lambda: [station() for _ in range(new if len(read) < 200 else 0)])
    assert sum(len(batch) for batch in sent) == tree.size >= 105 + 9 * new
    # Each entry to compare it and to send it; beside that, after news, the last batch that was not full.
    assert 2 * tree.size <= sum(read) <= 2 * tree.size + (10 * len(sent) if new else 0)


def test_a_mark_that_is_made_while_the_backlog_is_sent_goes_with_it(outbox, station):
    marks = []
    sent, tree = drain(outbox, lambda: marks.append(station()) if len(marks) < 3 else None)
    assert tree.size == 108
    assert sent[-1][-3:] == marks


@pytest.mark.parametrize("seq", [0, 9, 10, 57, 104])
def test_an_entry_that_was_altered_before_the_first_batch_is_found_at_once(outbox, path, seq):
    alter(path, "UPDATE entries SET bytes = CAST(bytes || 'x' AS BLOB) WHERE seq = ?", seq)
    with pytest.raises(SyncError, match=f"entries from 0 on are {ALTERED}"):
        outbox.next_batch(Frontier())


@pytest.mark.parametrize("seq", [30, 39, 40, 104])
def test_an_entry_that_is_altered_while_the_backlog_is_sent_is_never_sent(outbox, path, seq):
    tree = Frontier()
    for _ in range(3):
        _, tree = outbox.next_batch(tree)
    alter(path, "UPDATE entries SET bytes = CAST(bytes || 'x' AS BLOB) WHERE seq = ?", seq)
    with pytest.raises(SyncError, match=ALTERED):
        while tree.size < 105:
            entries, tree = outbox.next_batch(tree)
    assert tree.size == seq // 10 * 10
    alter(path, "UPDATE entries SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE seq = ?", seq)
    while tree.size < 105:
        entries, tree = outbox.next_batch(tree)


def test_altered_entries_are_found_when_the_station_signs_new_ones_on_top(outbox, station, path):
    entries, tree = outbox.next_batch(Frontier())
    alter(path, "UPDATE entries SET bytes = CAST(bytes || 'x' AS BLOB) WHERE seq = 50")
    station()
    with pytest.raises(SyncError, match=ALTERED):
        while entries:
            entries, tree = outbox.next_batch(tree)
    assert tree.size == 50


@pytest.mark.parametrize("statement", ["DELETE FROM entries WHERE seq = 60", "DELETE FROM entries WHERE seq >= 100"])
def test_entries_that_are_missing_are_noticed(outbox, path, statement):
    alter(path, statement)
    with pytest.raises(SyncError, match=ALTERED):
        outbox.next_batch(Frontier())


def test_a_checkpoint_that_the_station_did_not_sign_is_not_believed(outbox, path):
    alter(path, "UPDATE checkpoints SET note = x'00'")
    with pytest.raises(SyncError, match="checkpoint is not the station's"):
        outbox.next_batch(Frontier())


def test_a_journal_with_less_than_was_acknowledged_is_named(outbox, path):
    tree = outbox.tree(105)
    older = path.with_name("older.db")
    fill(older, 50, "K01", SIGNER)
    with (
        closing(Outbox(older, SIGNER.verifier)) as card,
        pytest.raises(SyncError, match="the server has 105 entries, the journal 50: the card was replaced"),
    ):
        card.next_batch(tree)


def test_where_the_server_stands_elsewhere_it_goes_on_from_there(outbox):
    drain(outbox)
    tree = outbox.tree(47)
    sizes = []
    while tree.size < 105:
        entries, tree = outbox.next_batch(tree)
        sizes.append(len(entries))
    assert sizes == [10] * 5 + [8]


@pytest.mark.parametrize(("limit", "entries"), [(1000, {2, 1}), (1, {1})])
def test_large_entries_make_small_batches(outbox, monkeypatch, limit, entries):
    monkeypatch.setattr("kiosk.outbox.BATCH_BYTES", limit)
    sent, tree = drain(outbox)
    assert tree.size == 105
    assert {len(batch) for batch in sent} == entries


def test_a_device_whose_station_has_not_started_yet_has_nothing_to_send(tmp_path):
    with closing(Outbox(tmp_path / "journal.db", SIGNER.verifier)) as outbox:
        assert outbox.next_batch(Frontier()) == ([], Frontier())
        assert (outbox.size(), outbox.newest()) == (0, None)
        fill(tmp_path / "journal.db", 3, "K01", SIGNER)
        assert len(outbox.next_batch(Frontier())[0]) == 3
