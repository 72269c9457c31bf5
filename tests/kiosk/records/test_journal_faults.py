"""When the disk fails: nothing half saved, nothing said to be saved, and on again without a restart."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.clock import FrameClock
from kiosk.errors import JournalError
from kiosk.records.journal import Journal, JournalReader
from protocol import entry
from protocol.note import Signer
from simulation.power.recording import OK, recording

ROOT = Path(__file__).parents[3]
SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
FAULTS = [("sync", 1034, "disk I/O error"), ("write", 13, "full"), ("write", 8, "readonly"), ("write", 778, "I/O")]


@pytest.mark.parametrize(("operation", "code", "message"), FAULTS, ids=["fsync", "full", "read-only", "write"])
def test_an_append_that_fails_anywhere_is_told_and_the_next_one_goes_on(tmp_path, operation, code, message):
    saved, errors, wait = [], [], 0
    with recording(tmp_path.resolve()) as recorder:
        path = tmp_path.resolve() / "journal.db"
        with closing(Journal(path, "K01", SIGNER, FrameClock(0))) as journal:
            while True:
                left = wait = wait + 1

                def fault(asked, path):
                    nonlocal left
                    left -= asked == operation
                    return code if asked == operation and left == 0 else OK

                recorder.fault = fault
                try:
                    saved.append(journal.append("camera", {"state": "stalled", "detail": f"try {wait}"}).encode())
                except JournalError as error:
                    errors.append(str(error))
                recorder.fault = lambda operation, path: OK
                if left > 0:
                    break
                saved.append(journal.append("camera", {"state": "stalled", "detail": f"after {wait}"}).encode())
        with closing(Journal(path, "K01", SIGNER, FrameClock(0))) as again, closing(JournalReader(path)) as reader:
            stored = reader.read(0, again.size)
    assert len(errors) >= 3
    assert all(message in error for error in errors)
    assert [entry.decode(data).seq for data in stored] == list(range(len(stored)))
    assert [data for data in stored if data in saved] == saved
    # A commit that failed in its last sync may have been done: at most that one is there unannounced.
    assert len(stored) - len(saved) <= 1


def test_a_journal_whose_disk_went_away_is_not_begun_anew(tmp_path):
    with recording(tmp_path.resolve()) as recorder:
        path = tmp_path.resolve() / "journal.db"
        with closing(Journal(path, "K01", SIGNER, FrameClock(0))) as journal:
            journal.append("camera", {"state": "stalled", "detail": ""})
            recorder.fault = lambda operation, path: 1034
            with pytest.raises(JournalError):
                journal.probe()
            recorder.fault = lambda operation, path: OK
            path.rename(path.with_name("elsewhere"))
            with pytest.raises(JournalError, match="is gone: is its disk still mounted"):
                journal.probe()
            path.with_name("elsewhere").rename(path)
            journal.probe()


def test_a_station_on_a_full_disk_shows_it_and_recovers_by_itself(tmp_path):
    script = 'mount -t tmpfs -o size=256k hadir "$1" && cd "$2" && exec "$3" -P -m tests.kiosk.full_disk "$1"'
    line = ["unshare", "-Urm", "sh", "-c", script, "sh", str(tmp_path), str(ROOT), sys.executable]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(ROOT)})
    except FileNotFoundError:
        pytest.skip("unshare is missing: no file system of the test's own can be made")
    if done.returncode and ("unshare:" in done.stderr or "mount:" in done.stderr):
        pytest.skip(f"no file system of the test's own can be made: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert all("full" in error for error in said["errors"])
    assert len(said["errors"]) >= 5
    assert any("full" in text for text in said["texts"])
    lamps = said["lamps"]
    fault_s = next(now_s for now_s, lamp in lamps if lamp == "fault")
    assert 4 <= fault_s < 16
    assert lamps[-1][1] != "fault"
    assert not [lamp for now_s, lamp in lamps if lamp == "granted"]
    over_s = next(now_s for now_s, lamp in lamps if now_s > fault_s and lamp != "fault")
    assert 16 <= over_s <= 22
    assert said["saved"] == list(range(said["saved"][0], said["size"]))
