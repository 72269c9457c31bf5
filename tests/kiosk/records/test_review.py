"""Review pictures: none without being asked for, sealed, let go in time, and never in the way of a mark."""

import errno
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from kiosk.appliance.health import status, write_health
from kiosk.clock import FrameClock
from kiosk.config import KioskConfig, ReviewSettings, load_config
from kiosk.errors import ConfigError, JournalError
from kiosk.records.journal import Journal, JournalReader
from kiosk.records.review import DAY_MS, MOST, Reviews, folder_of, kept, make_key, note, purge
from kiosk.uplink.device import load_or_make_keys, save_claim
from kiosk.values import Face, Frame, Reason
from protocol import entry
from protocol.manifest import Delegation
from protocol.note import Signer

NOW_MS = 1_790_000_000_000
# Points of small order on Curve25519 (Bernstein, cr.yp.to/ecdh.html, "validate").
LOW_ORDER = ("00" * 32, "01" + "00" * 31, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
NO_MESH = np.zeros((478, 3), np.float32)


def face(track=1, eyes_px=60.0, against=(), x=200):
    return Face(track, (x, 100, 100, 120), NO_MESH, 0, 0, 0, 0.3, eyes_px, tuple(Reason(name) for name in against))


def frame(grey, time_s=0.0):
    """A picture of this grey at the left of x = 330, and of a bystander's white beyond."""
    image = np.full((400, 600, 3), grey, np.uint8)
    image[:, 330:] = 255
    return Frame(image, time_s, 0)


@pytest.fixture
def key(tmp_path):
    return make_key(tmp_path / "key")


@pytest.fixture
def reviews(tmp_path, state, key):
    return Reviews(tmp_path / "state", ReviewSettings(7, key), "K01", FrameClock(NOW_MS))


@pytest.fixture
def state(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def claimed(state):
    """A claimed device with a journal of three lines, and its configuration."""
    root, online = (Signer.generate(f"hadir.example/{name}") for name in ("root", "gallery"))
    load_or_make_keys(state)
    delegation = Delegation(1, 0, 10**15, str(online.verifier), str(online.verifier))
    save_claim(state, "K01", "hadir.example", root.verifier, delegation.sign(root))
    journal = Journal(state / "journal.db", "K01", Signer.generate("hadir.example/device/K01"), FrameClock(NOW_MS))
    for _ in range(3):
        journal.append("camera", {"state": "reopened", "detail": ""})
    yield journal
    journal.close()


def shown(tmp_path: Path, *words: str) -> int:
    from kiosk.cli import main

    (tmp_path / "kiosk.yaml").write_text(f"state_dir: {tmp_path / 'state'}\ncamera: sim:person\nserver: https://x\n")
    return main(["review", *words, "--config", str(tmp_path / "kiosk.yaml")])


def show(tmp_path: Path, number: int = 2, by: str = "rina", out: str = "out.jpg", key: str = "key") -> int:
    files = ("--key", str(tmp_path / key), "--out", str(tmp_path / out))
    return shown(tmp_path, "show", str(number), "--by", by, *files)


@pytest.fixture
def station(claimed, monkeypatch):
    """Answers as the running one does at its socket."""
    monkeypatch.setattr("kiosk.appliance.control.ask", lambda path, command, **values: note(claimed, values))


# -- what is kept ----------------------------------------------------------------------------------------


def test_the_best_look_of_the_refused_track_is_kept_without_who_stands_beside(
    tmp_path, state, reviews, claimed, monkeypatch
):
    reviews.see(frame(40), face(eyes_px=70, against=("blurred",)))
    reviews.see(frame(90), face(eyes_px=50))
    reviews.see(frame(120), face(eyes_px=60))
    reviews.see(frame(150), face(eyes_px=55))
    reviews.see(frame(10), None)
    reviews.keep(2, 1)
    assert [(one.entry, one.wall_ms) for one in kept(state)] == [(2, NOW_MS)]
    assert kept(state)[0].path.stat().st_mode & 0o077 == 0
    monkeypatch.setattr("kiosk.appliance.control.ask", lambda *words, **values: {"seq": 3})
    assert show(tmp_path) == 0
    picture = cv2.imread(str(tmp_path / "out.jpg"))
    assert max(picture.shape) <= 256
    assert picture.mean() == pytest.approx(120, abs=2)
    assert picture.max() < 130, "nothing of the bystander"


def test_of_another_track_and_of_nobody_nothing_is_kept(state, reviews):
    reviews.keep(1, 1)
    reviews.see(frame(90), face(track=2))
    reviews.keep(2, 1)
    reviews.keep(3, 2)
    reviews.see(frame(90), face(track=2))
    reviews.forget()
    reviews.keep(4, 2)
    assert kept(state) == []


def test_what_lies_on_the_card_says_nothing_without_the_key(state, reviews):
    reviews.see(frame(90), face())
    reviews.keep(2, 1)
    assert b"\xff\xd8\xff" not in kept(state)[0].path.read_bytes()


@pytest.mark.parametrize("fault", ["full", "low"])
def test_what_cannot_be_kept_is_let_go(state, reviews, monkeypatch, fault):
    if fault == "full":

        def full(path, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=100))
    reviews.see(frame(90), face())
    reviews.keep(2, 1)
    assert list(folder_of(state).glob("*")) == []


# -- how long --------------------------------------------------------------------------------------------


def lay(state: Path, number: int, wall_ms: int) -> Path:
    path = folder_of(state) / f"{number}-{wall_ms}.sealed"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"sealed")
    return path


def test_pictures_go_when_their_days_are_over_or_their_date_lies_ahead(state):
    fresh = lay(state, 3, NOW_MS - 6 * DAY_MS)
    for number, wall_ms in ((1, NOW_MS - 7 * DAY_MS), (2, NOW_MS + 1), (4, 0)):
        lay(state, number, wall_ms)
    (folder_of(state) / ".9-1.sealed").write_bytes(b"half")
    other = folder_of(state) / "notes.txt"
    other.write_text("somebody else's")
    purge(state, 7, NOW_MS)
    assert sorted(folder_of(state).iterdir()) == sorted([fresh, other])
    purge(state, None, NOW_MS)
    assert list(folder_of(state).iterdir()) == [other]


def test_of_many_the_oldest_go(state, reviews):
    for number in range(MOST + 2):
        lay(state, number, NOW_MS)
    reviews.see(frame(90), face())
    reviews.keep(MOST + 2, 1)
    numbers = [one.entry for one in kept(state)]
    assert (len(numbers), numbers[0], numbers[-1]) == (MOST, 3, MOST + 2)


@pytest.mark.parametrize("days", [None, 7])
def test_the_health_timer_removes_them_and_status_says_what_holds(state, claimed, key, days):
    lay(state, 1, NOW_MS)
    config = KioskConfig(
        state, "picamera2:", "http://127.0.0.1:9", review=None if days is None else ReviewSettings(days, key)
    )
    said = status(config)["review_pictures"]
    assert said == ("off" if days is None else "ON: of refusals, kept for 7 days, 1 held")
    write_health(config)
    assert kept(state) == []


# -- who looks -------------------------------------------------------------------------------------------


def test_who_looked_is_written_down_before_anything_is_seen(tmp_path, state, reviews, station):
    reviews.see(frame(90), face())
    reviews.keep(2, 1)
    assert show(tmp_path) == 0
    reader = JournalReader(state / "journal.db")
    last = [entry.decode(data) for data in reader.read(3, 9)]
    reader.close()
    assert [(one.kind, one.body) for one in last] == [("review_shown", {"entry": 2, "by": "rina"})]
    assert (tmp_path / "out.jpg").stat().st_mode & 0o077 == 0
    assert shown(tmp_path, "list") == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"number": 1}, "no review picture of entry 1"),
        ({"by": "rina\n"}, "give a number, and a name"),
        ({"key": "other"}, "damaged, or sealed for another key"),
        ({"key": "state"}, "is not a key"),
        ({"key": "../gone"}, "gone is not a key of hadir kiosk review key: No such file or directory"),
        ({"out": "key"}, "is there already"),
    ],
)
def test_what_is_not_shown_says_why(tmp_path, reviews, station, capsys, change, says):
    reviews.see(frame(90), face())
    reviews.keep(2, 1)
    make_key(tmp_path / "other")
    assert show(tmp_path, **change) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: bytes(200_000)])
def test_a_damaged_picture_is_named(tmp_path, state, reviews, station, capsys, damage):
    reviews.see(frame(90), face())
    reviews.keep(2, 1)
    path = kept(state)[0].path
    path.write_bytes(damage(path.read_bytes()))
    assert show(tmp_path) == 2
    assert "entry 2 is damaged" in capsys.readouterr().err


def test_a_picture_put_under_another_number_and_a_link_are_not_opened(tmp_path, state, reviews, station):
    reviews.see(frame(90), face())
    reviews.keep(2, 1)
    path = kept(state)[0].path
    path.with_name(f"1-{NOW_MS}.sealed").write_bytes(path.read_bytes())
    path.with_name(f"0-{NOW_MS}.sealed").symlink_to(path)
    assert (show(tmp_path, 1), show(tmp_path, 0)) == (2, 2)


def test_without_a_station_to_write_it_down_nothing_is_shown(tmp_path, reviews, claimed, capsys):
    reviews.see(frame(90), face())
    reviews.keep(2, 1)
    assert show(tmp_path) == 2
    assert "no station answers" in capsys.readouterr().err
    assert not (tmp_path / "out.jpg").exists()


def test_a_look_that_cannot_be_written_down_is_refused():
    def append(kind, body):
        raise JournalError("disk is full")

    assert "not shown" in note(SimpleNamespace(append=append), {"entry": "1", "by": "rina"})["error"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{keep_days: 0, key: KEY}", "1 to 30"),
        ("{keep_days: 7, key: abc}", "64 hex"),
        ("{keep_days: 7}", "key"),
        *((f"{{keep_days: 7, key: '{key}'}}", "anybody could open") for key in LOW_ORDER),
    ],
)
def test_a_configuration_that_cannot_be_is_named(tmp_path, text, says):
    path = tmp_path / "kiosk.yaml"
    text = text.replace("KEY", "ab" * 32)
    path.write_text(f"state_dir: {tmp_path}\ncamera: sim:person\nserver: https://x\nreview: {text}\n")
    with pytest.raises(ConfigError, match=says):
        load_config(path)
