"""A new signing key: a power cut between any two steps leaves a device that works, and the command finishes it."""

import threading
from contextlib import closing

import pytest

from audit.sources import open_database
from audit.verify import verify_log
from kiosk.appliance.control import ControlSocket
from kiosk.clock import FrameClock
from kiosk.errors import ClaimError, JournalError, KioskError
from kiosk.records.journal import Journal, JournalReader
from kiosk.uplink import rekeying
from kiosk.uplink.device import SIGNING, SUCCESSOR, load_device, load_or_make_keys, save_claim
from kiosk.uplink.rekeying import change_key
from protocol.checkpoint import open_checkpoint
from protocol.manifest import Delegation
from protocol.note import Signer

NOW_MS = 1_790_000_000_000
STALLED = {"state": "stalled", "detail": ""}
ROOT, ONLINE = (Signer.from_seed(f"hadir.example/{name}", bytes(32)) for name in ("root", "gallery"))
DELEGATION = Delegation(1, 0, 10**15, str(ONLINE.verifier), str(ONLINE.verifier)).sign(ROOT)


@pytest.fixture
def state(tmp_path):
    """A claimed device that has recorded something."""
    load_or_make_keys(tmp_path)
    save_claim(tmp_path, "K01", "hadir.example", ROOT.verifier, DELEGATION)
    record(tmp_path)
    return tmp_path


def record(state):
    """As a station that is started, writes an entry and ends."""
    device = load_device(state)
    path = state / "journal.db"
    with closing(Journal(path, device.name, device.signer, FrameClock(NOW_MS), device.successor)) as journal:
        journal.append("camera", STALLED)


def seeds(state):
    return {path.name: path.read_bytes() for path in (state / "keys").iterdir() if path.name != "sealing.key"}


def verified(state):
    """What an auditor with the device's first key finds in the journal."""
    with open_database(state) as source:
        [log] = source.logs
        report = verify_log(log, None)
    assert not report.findings, report.findings
    return report


def test_the_new_key_signs_from_its_entry_on_and_the_old_one_is_gone(state):
    before = load_device(state)
    assert "has a new key" in change_key(state)
    record(state)
    after = load_device(state)
    assert seeds(state) == {SIGNING: after.signer.seed}
    assert after.signer.verifier != before.signer.verifier
    with closing(JournalReader(state / "journal.db")) as reader:
        assert open_checkpoint(reader.checkpoint(), after.signer.verifier).size == 3
        assert len(reader.key_changes()) == 1
    assert verified(state).proven == 3


def test_keys_change_as_often_as_one_likes(state):
    for _ in range(3):
        change_key(state)
    assert verified(state).proven == 4


class PowerCut(BaseException):
    """Nothing catches it."""


@pytest.mark.parametrize("step", ["write_durably", "_put_in_place", "sync_folder"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_cut_between_any_two_steps_the_device_goes_on_and_the_command_finishes(state, monkeypatch, step, when):
    real = getattr(rekeying, step)

    def cut(*arguments):
        if when == "after":
            real(*arguments)
        raise PowerCut

    monkeypatch.setattr(rekeying, step, cut)
    with pytest.raises(PowerCut):
        change_key(state)
    monkeypatch.setattr(rekeying, step, real)
    record(state)
    waits = SUCCESSOR in seeds(state)
    said = change_key(state)
    assert waits == ("finished" in said or "begun" in said)
    record(state)
    assert SUCCESSOR not in seeds(state)
    assert verified(state).unsigned == 0


def test_the_running_station_writes_the_change(state):
    device = load_device(state)
    journal = Journal(state / "journal.db", device.name, device.signer, FrameClock(NOW_MS))

    def answer(request):
        journal.change_key(load_device(state).successor)
        return {}

    station = ControlSocket(state / "station.sock", {"change_key": answer})
    command = threading.Thread(target=change_key, args=(state,))
    command.start()
    while command.is_alive():
        station.poll()
    station.close()
    journal.append("camera", STALLED)
    journal.close()
    assert load_device(state).signer.seed == seeds(state)[SIGNING]
    assert verified(state).proven == 3


def test_a_station_whose_answer_is_lost_has_made_the_change(state, monkeypatch):
    def ask(*arguments):
        device = load_device(state)
        with closing(Journal(state / "journal.db", device.name, device.signer, FrameClock(NOW_MS))) as journal:
            journal.change_key(device.successor)
        raise KioskError("it closed the connection")

    monkeypatch.setattr(rekeying, "ask", ask)
    change_key(state)
    assert seeds(state) == {SIGNING: load_device(state).signer.seed}
    assert verified(state).proven == 2


def test_a_station_that_cannot_save_the_change_keeps_its_key(state):
    before = seeds(state)[SIGNING]
    station = ControlSocket(state / "station.sock", {"change_key": lambda request: {"error": "the disk is full"}})
    failed = []

    def command():
        with pytest.raises(JournalError, match="not changed: the disk is full") as caught:
            change_key(state)
        failed.append(caught.value)

    thread = threading.Thread(target=command)
    thread.start()
    while thread.is_alive():
        station.poll()
    station.close()
    assert failed
    assert load_device(state).signer.seed == seeds(state)[SIGNING] == before
    record(state)


def test_a_change_whose_commit_failed_in_its_last_step_is_found_when_the_journal_goes_on(state, monkeypatch):
    device = load_device(state)
    new = Signer.generate(device.signer.name)
    with closing(Journal(state / "journal.db", device.name, device.signer, FrameClock(NOW_MS))) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(journal, "_append", committed_but_failed(journal))
            with pytest.raises(JournalError):
                journal.change_key(new)
        entry = journal.append("camera", STALLED)
    assert entry.seq == 2
    with closing(JournalReader(state / "journal.db")) as reader:
        assert open_checkpoint(reader.checkpoint(), new.verifier).size == 3


def committed_but_failed(journal):
    real = journal._append

    def append(kind, body, signer):
        before = journal._frontier
        real(kind, body, signer)
        journal._frontier, journal._in_doubt = before, True
        raise JournalError("the last sync failed")

    return append


def test_a_device_that_is_not_claimed_has_no_key_to_change(tmp_path):
    with pytest.raises(ClaimError, match="not claimed"):
        change_key(tmp_path)


def test_another_users_keys_are_left_alone(state, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: state.stat().st_uid + 1)
    with pytest.raises(ClaimError, match="sudo -u"):
        change_key(state)
    assert SUCCESSOR not in seeds(state)
