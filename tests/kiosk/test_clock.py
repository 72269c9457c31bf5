"""The clock that a battery keeps: its failure is told apart, and written down at the start."""

from contextlib import closing

import pytest

from kiosk.appliance import running
from kiosk.clock import FrameClock, look_at_rtc
from kiosk.records.journal import Journal, JournalReader
from protocol import entry
from protocol.note import Signer

NOW_MS = 1_790_000_000_000
SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))


@pytest.fixture
def rtc(tmp_path):
    """A function that makes the kernel's folder of a machine whose battery-kept clock shows this."""

    def show(text):
        (tmp_path / "class" / "rtc0").mkdir(parents=True)
        (tmp_path / "class" / "rtc0" / "since_epoch").write_text(text)
        return tmp_path / "class"

    return show


@pytest.mark.parametrize(
    ("shown", "recorded_ms", "state"),
    [
        (str(NOW_MS // 1000), NOW_MS - 5000, "kept"),
        (str(NOW_MS // 1000), 0, "kept"),
        (str(NOW_MS // 1000), NOW_MS + 1500, "kept"),
        (str(NOW_MS // 1000 - 3600), NOW_MS, "behind"),
        ("0", NOW_MS, "unset"),
        ("1262304000", 0, "unset"),
        ("", 0, "unset"),
    ],
)
def test_its_state_is_told_apart(rtc, shown, recorded_ms, state):
    found, detail = look_at_rtc(recorded_ms, rtc(shown))
    assert (found, bool(detail)) == (state, state != "kept")


def test_a_machine_without_one_and_one_that_cannot_be_read_are_named(tmp_path):
    assert look_at_rtc(NOW_MS, tmp_path / "none")[0] == "missing"
    (tmp_path / "rtc0").mkdir()
    assert look_at_rtc(NOW_MS, tmp_path) == ("unset", "rtc0 cannot be read: No such file or directory")


class Clock(FrameClock):
    """A clock that nothing keeps right."""

    def read(self):
        reading = super().read()
        return type(reading)(reading.boot, reading.boottime_ms, reading.wall_ms, self.state)

    state = "free"


@pytest.mark.parametrize(
    ("before", "shown", "kinds"),
    [
        ("free", NOW_MS - 3_600_000, ["camera", "rtc"]),
        ("synchronised", NOW_MS - 3_600_000, ["camera", "rtc"]),
        ("unset", NOW_MS - 3_600_000, ["camera"]),  # that entry's own time says nothing
        ("free", NOW_MS + 1000, ["camera"]),
    ],
)
def test_what_it_is_at_a_start_is_an_entry_unless_it_kept_the_time(tmp_path, rtc, monkeypatch, before, shown, kinds):
    folder = rtc(str(shown // 1000))
    monkeypatch.setattr(running, "look_at_rtc", lambda recorded_ms: look_at_rtc(recorded_ms, folder))
    clock = Clock(NOW_MS)
    clock.state = before
    with closing(Journal(tmp_path / "journal.db", "K01", SIGNER, clock)) as journal:
        journal.append("camera", {"state": "stalled", "detail": ""})
        assert running._record_rtc(journal) == ("behind" if len(kinds) == 2 else "kept")
    with closing(JournalReader(tmp_path / "journal.db")) as reader:
        found = [entry.decode(data) for data in reader.read(0, 9)]
    assert [one.kind for one in found] == kinds
    if len(found) == 2:
        assert found[1].body == {"state": "behind", "detail": "rtc0 is 3600 s before the last entry"}


def test_a_new_device_has_nothing_to_compare_with(tmp_path, rtc, monkeypatch):
    folder = rtc(str(NOW_MS // 1000))
    monkeypatch.setattr(running, "look_at_rtc", lambda recorded_ms: look_at_rtc(recorded_ms, folder))
    with closing(Journal(tmp_path / "journal.db", "K01", SIGNER, Clock(NOW_MS))) as journal:
        assert running._record_rtc(journal) == "kept"
        assert journal.size == 0
