"""What waits to be sent: compared with what the station signed, without hashing all of it before each batch."""

import sqlite3
from contextlib import closing

import pytest

from benchmarks.journal_append import fill
from kiosk.clock import FrameClock
from kiosk.errors import SyncError
from kiosk.records.journal import Journal, JournalReader
from kiosk.records.outbox import Outbox
from protocol.merkle import Frontier
from protocol.note import Signer

SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
EMPTY = Frontier()
ALTERED = "not what the station signed"


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("kiosk.records.outbox.BATCH_ENTRIES", 10)


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


def drain(outbox, tree=EMPTY, between=lambda: None):
    """All batches after `tree`, each acknowledged at once: (entries, tree with them)."""
    while True:
        entries, tree = outbox.next_batch(tree)
        if not entries:
            return
        yield entries, tree
        between()


def send(outbox, sent, tree=EMPTY):
    """Into `sent`, until something is wrong."""
    sent.extend(entry for entries, _ in drain(outbox, tree) for entry in entries)


def test_a_backlog_goes_in_batches_and_the_last_takes_the_rest(outbox, path):
    batches = list(drain(outbox))
    assert [len(entries) for entries, _ in batches] == [10] * 10 + [5]
    assert batches[-1][1] == outbox.tree(105)
    with closing(JournalReader(path)) as reader:
        assert [data for entries, _ in batches for data in entries] == reader.read(0, 105)


@pytest.mark.parametrize("new", [0, 1, 13])
def test_the_work_grows_with_the_backlog_and_not_with_its_square(outbox, station, monkeypatch, new):
    read, original = [], JournalReader.read

    def counting(reader, first, limit):
        found = original(reader, first, limit)
        read.append(len(found))
        return found

    monkeypatch.setattr(JournalReader, "read", counting)
    batches = list(drain(outbox, between=lambda: [station() for _ in range(new if len(read) < 40 else 0)]))
    size = batches[-1][1].size
    assert size >= 105 + 9 * new
    # Each entry to compare it and to send it; beside that, after news, the last batch that was not full.
    assert 2 * size <= sum(read) <= 2 * size + (10 * len(batches) if new else 0)


def test_a_mark_that_is_made_while_the_backlog_is_sent_goes_with_it(outbox, station):
    marks = []
    batches = list(drain(outbox, between=lambda: marks.append(station()) if len(marks) < 3 else None))
    entries, tree = batches[-1]
    assert tree.size == 108
    assert entries[-3:] == marks


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
    sent = []
    with pytest.raises(SyncError, match=ALTERED):
        send(outbox, sent, tree)
    assert len(sent) == seq // 10 * 10 - 30
    alter(path, "UPDATE entries SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE seq = ?", seq)
    send(outbox, sent, outbox.tree(30 + len(sent)))
    assert len(sent) == 75


def test_altered_entries_are_found_when_the_station_signs_new_ones_on_top(outbox, station, path):
    _, tree = outbox.next_batch(Frontier())
    alter(path, "UPDATE entries SET bytes = CAST(bytes || 'x' AS BLOB) WHERE seq = 50")
    station()
    sent = []
    with pytest.raises(SyncError, match=ALTERED):
        send(outbox, sent, tree)
    assert len(sent) == 40


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
    send(outbox, [])
    assert [len(entries) for entries, _ in drain(outbox, outbox.tree(47))] == [10] * 5 + [8]


@pytest.mark.parametrize(("limit", "entries"), [(1000, {2, 1}), (1, {1})])
def test_large_entries_make_small_batches(outbox, monkeypatch, limit, entries):
    monkeypatch.setattr("kiosk.records.outbox.BATCH_BYTES", limit)
    batches = list(drain(outbox))
    assert batches[-1][1].size == 105
    assert {len(found) for found, _ in batches} == entries


def test_a_device_whose_station_has_not_started_yet_has_nothing_to_send(tmp_path):
    with closing(Outbox(tmp_path / "journal.db", SIGNER.verifier)) as outbox:
        assert outbox.next_batch(Frontier()) == ([], Frontier())
        assert (outbox.size(), outbox.newest()) == (0, None)
        fill(tmp_path / "journal.db", 3, "K01", SIGNER)
        assert len(outbox.next_batch(Frontier())[0]) == 3
