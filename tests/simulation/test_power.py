"""Power cuts: a sample of the states that `benchmarks/crash_states.py` opens, and the harness against itself."""

import random
import sqlite3
from contextlib import closing

import pytest

from simulation.power import controls, kiosk, server
from simulation.power.disk import Disk, write_tree
from simulation.power.recording import recording
from simulation.power.states import examine


@pytest.mark.parametrize("settings", controls.MUST_FAIL, ids=" + ".join)
def test_settings_that_lose_rows_are_caught(settings):
    assert examine(controls.control(*settings), guesses=1, every=6).failed


@pytest.mark.parametrize("settings", controls.MUST_HOLD, ids=" + ".join)
def test_settings_that_keep_rows_pass(settings):
    result = examine(controls.control(*settings), guesses=1, every=12)
    assert result.states > 30
    assert not result.failures


@pytest.mark.parametrize(
    ("scenario", "every"),
    [(kiosk.life(4), 9), (kiosk.first_release(6), 3), (kiosk.faults(5), 4), (server.work(1), 23)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_nothing_that_was_promised_is_lost(scenario, every):
    result = examine(scenario, guesses=0, every=every)
    assert result.states > 30
    assert not result.failures


def left(log):
    """Every state that a cut after the last event may leave."""
    disk = Disk(log)
    for event in log.events:
        disk.apply(event)
    return list(disk.states(random.Random(1), 20))


def test_a_file_that_was_synced_and_named_is_there_whatever_happens(tmp_path):
    with recording(tmp_path) as recorder:
        kiosk.devices.write_durably(tmp_path / "new" / "file", b"x" * 2000)
    assert all(files["new/file"] == b"x" * 2000 for files in left(recorder.log))


def test_a_file_in_a_folder_that_nobody_synced_may_be_gone(tmp_path):
    with recording(tmp_path) as recorder:
        (tmp_path / "new").mkdir()
        kiosk.devices.write_durably(tmp_path / "new" / "file", b"x")
    assert any("new/file" not in files for files in left(recorder.log))


def test_a_write_that_was_not_synced_may_be_torn(tmp_path):
    with recording(tmp_path) as recorder, closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as made:
        made.execute("PRAGMA synchronous = OFF")
        made.execute("CREATE TABLE a (b)")
    whole = (tmp_path / "a.db").read_bytes()
    kept = {files["a.db"] for files in left(recorder.log) if "a.db" in files}
    assert {b"", whole} < kept
    assert any(content not in (b"", whole) for content in kept)


def test_what_was_done_behind_the_recorder_is_noticed(tmp_path):
    with recording(tmp_path) as recorder:
        (tmp_path / "hidden").write_bytes(b"x")
    with pytest.raises(ValueError, match="does not tell how hidden came about"):
        recorder.log.check_complete(())


def test_states_are_written_as_they_were_read(tmp_path):
    write_tree(tmp_path, {"a": None, "a/b": b"c"})
    assert (tmp_path / "a" / "b").read_bytes() == b"c"
