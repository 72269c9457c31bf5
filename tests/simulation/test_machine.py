"""The emulated machine's harness: its write log, what it calls lost, and its guest's parts. Nothing is booted here."""

import io
import json
import random
import sqlite3
import struct
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.clock import FrameClock, SystemClock
from kiosk.records.journal import Journal
from protocol.note import Signer
from simulation.machine import guest, system
from simulation.machine.cuts import Heard, Outcome, Recording, judge
from simulation.machine.writelog import MIXTURES, SECTOR, Logged, leave, mixture, read_log

SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
WRITES = st.lists(st.none() | st.tuples(st.integers(0, 6), st.integers(1, 3)), max_size=30)
"""Flushes, and writes by their first sector and number of sectors."""


def logged(requests):
    """Entries whose every write has bytes of its own."""
    entries, end = [], SECTOR
    for number, request in enumerate(requests, start=1):
        data = None if request is None else bytes([number]) * SECTOR * request[1]
        end += SECTOR + len(data or b"")
        entries.append(Logged(end, 0 if request is None else request[0] * SECTOR, data))
    return entries


def written(entries, flags=None, magic=0x6A736677736872):
    """The log as QEMU writes it."""
    content = struct.pack("<QQQI", magic, 1, len(entries), SECTOR).ljust(SECTOR, b"\0")
    for entry in entries:
        data = entry.data or b""
        kind = int(entry.data is None) if flags is None else flags
        header = struct.pack("<QQQQ", entry.offset // SECTOR, len(data) // SECTOR, kind, 0)
        content += header.ljust(SECTOR, b"\0") + data
    return content


def sectors_after(entries, name, seed=0):
    """First bytes of the sectors of a disk of zeros that was cut after these entries."""
    disk = io.BytesIO(bytes(10 * SECTOR))
    leave(disk, entries, mixture(name, random.Random(seed)))
    content = disk.getvalue()
    assert all(content[at : at + SECTOR] == content[at : at + 1] * SECTOR for at in range(0, len(content), SECTOR))
    return list(content[::SECTOR])


@given(WRITES)
def test_the_log_is_read_as_it_was_written(tmp_path_factory, requests):
    path = tmp_path_factory.mktemp("log") / "writes.log"
    path.write_bytes(written(logged(requests)))
    assert read_log(path) == logged(requests)


@pytest.mark.parametrize(
    "content",
    [b"", written([], magic=1), written(logged([(0, 1)]), flags=4), written(logged([(0, 2)]))[:-1]],
    ids=["empty", "foreign", "discard", "cut short"],
)
def test_what_is_no_whole_log_of_writes_and_flushes_is_refused(tmp_path, content):
    path = tmp_path / "writes.log"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="writes.log"):
        read_log(path)


@given(WRITES, st.sampled_from(MIXTURES), st.integers(0, 99))
def test_a_cut_leaves_each_sector_as_it_was_flushed_or_as_it_was_written_since(requests, name, seed):
    possible = [{0} for _ in range(10)]
    last = [0] * 10
    for number, request in enumerate(requests, start=1):
        if request is None:
            possible = [{value} for value in last]
        else:
            for sector in range(request[0], request[0] + request[1]):
                possible[sector].add(number)
                last[sector] = number
    found = sectors_after(logged(requests), name, seed)
    assert all(value in values for value, values in zip(found, possible, strict=True))
    if name == "kept":
        assert found == last


def test_what_was_not_flushed_may_be_dropped_and_torn():
    entries = logged([(0, 3), None, (0, 3)])
    assert sectors_after(entries, "dropped")[:3] == [1, 1, 1]
    assert {1, 3} in [set(sectors_after(entries, "torn", seed)[:3]) for seed in range(20)]
    assert all(len(set(sectors_after(entries, "mixed", seed)[:3])) == 1 for seed in range(20))


def test_only_what_was_said_before_the_cut_was_promised():
    log = logged([(0, 1), (1, 1), None, (2, 1), None])
    said = [{"at": "ready"}, {"at": "mark", "sha256": "a"}, {"at": "held", "size": 1}, {"at": "mark", "sha256": "b"}]
    recording = Recording(log, [Heard(log[at].end, what) for at, what in zip((0, 2, 2, 4), said, strict=True)])
    assert recording.places == [2, 4]
    assert recording.promised(2) == ([], 0)
    assert recording.promised(4) == (["a"], 1)
    assert recording.promised(5) == (["a", "b"], 1)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"at": "journal", "entries": ["a", "b", "c"]}, {}),
        ({"at": "journal", "entries": ["a"]}, {"lost": 1}),
        ({"at": "journal", "entries": ["a", "x"]}, {"corrupt": "an entry is another one"}),
        ({"at": "verified", "held": 2, "faults": []}, {}),
        ({"at": "verified", "held": 0, "faults": []}, {"lost": 1}),
        ({"at": "verified", "held": 1, "faults": ["torn"]}, {"corrupt": "torn"}),
        ({"at": "done", "size": 3, "held": 3}, {}),
        (
            {"at": "done", "size": 2, "held": 2},
            {"failed": "2 entries in the journal and 2 at the server after going on"},
        ),
    ],
)
def test_two_marks_of_which_the_server_held_one(said, wrong):
    outcome = Outcome("torn", 2)
    judge(outcome, said, ["a", "b"], 1)
    assert outcome == Outcome("torn", 2, **wrong)
    assert outcome.sound == (not wrong)


@pytest.mark.parametrize(("kind", "synchronous"), [(Journal, 2), (guest.CarelessJournal, 0)])
def test_the_control_differs_from_the_product_in_one_setting(tmp_path, kind, synchronous):
    with closing(kind(tmp_path / "journal.db", "K01", SIGNER, FrameClock(0))) as journal:
        assert journal._connection.execute("PRAGMA synchronous").fetchone()[0] == synchronous


def test_the_guest_finds_an_entry_that_is_another_one(tmp_path):
    path = tmp_path / "journal.db"
    with closing(Journal(path, "K01", SIGNER, SystemClock())) as journal:
        for number in range(3):
            guest._mark(journal, number)
    assert guest._faults(path) == []
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE entries SET bytes = CAST(replace(bytes, 'live', 'dead') AS BLOB) WHERE seq = 1")
    assert [fault.partition(":")[0] for fault in guest._faults(path)] == ["journal.db"]


def test_what_the_machine_says_is_heard_before_it_goes_on():
    class Stream(io.BytesIO):
        def readline(self, size=-1):
            heard.append(json.loads(self.getvalue()))
            return b"\n"

    heard = []
    guest.Line(Stream()).say("mark", sha256="a")
    assert heard == [{"at": "mark", "sha256": "a"}]


def test_a_missing_program_is_named_with_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr(system.shutil, "which", lambda program: None if program.startswith("qemu") else program)
    with pytest.raises(system.CannotBuild, match="apt-get install qemu-system-x86$"):
        system.build(tmp_path)


def test_the_machine_gets_what_it_imports_from_the_locks_with_their_hashes():
    requirements = {text.partition("==")[0]: text for text in system._locked()}
    assert {"cryptography", "fastapi", "requests", "sqlalchemy", "zstandard"} < requirements.keys()
    assert not {"duckdb", "mediapipe", "pyarrow"} & requirements.keys()
    assert all("--hash=sha256:" in text for text in requirements.values())
