"""What a device says of itself reaches the server with its age, and with the state of the camera."""

import json
import threading
from pathlib import Path

import pytest

from kiosk.appliance.control import ControlSocket
from kiosk.appliance.health import write_health
from kiosk.clock import SystemClock
from kiosk.config import KioskConfig
from kiosk.files import write_durably
from kiosk.uplink.device import load_or_make_keys, save_claim
from protocol.manifest import Delegation, Manifest
from protocol.note import Signer
from protocol.release import Release


@pytest.fixture
def config(tmp_path):
    return KioskConfig(tmp_path, "picamera2:", "http://127.0.0.1:9")


def test_it_says_when_it_looked_so_that_a_full_card_does_not_pass_old_facts_for_new(config):
    before = SystemClock().read().wall_ms
    facts = write_health(config)
    assert before <= facts["looked_ms"] <= SystemClock().read().wall_ms
    assert json.loads((config.state_dir / "health.json").read_text()) == facts
    assert (facts["station"], "camera_state" in facts) == ("not running", False)
    assert (facts["camera"], facts["disk_free_mb"] > 0) == ("picamera2", True)


@pytest.mark.parametrize(("down", "said"), [(True, "down"), (False, "working")])
def test_it_says_whether_the_camera_gives_pictures(config, down, said):
    control = ControlSocket(
        config.state_dir / "station.sock",
        {"status": lambda request: {"lamp": "idle", "camera_down": down, "rtc": "unset"}},
    )
    done = threading.Event()
    station = threading.Thread(target=lambda: [control.poll() for _ in iter(done.is_set, True)])
    station.start()
    try:
        facts = write_health(config)
    finally:
        done.set()
        station.join()
        control.close()
    assert (facts["station"], facts["camera_state"], facts["rtc"]) == ("idle", said, "unset")


def test_it_says_which_release_runs_and_which_is_due(tmp_path):
    ours = Release.of_tree(Path(__file__).parents[3])
    root, online = (Signer.generate(f"hadir.example/{name}") for name in ("root", "gallery"))
    load_or_make_keys(tmp_path)
    delegation = Delegation(1, 0, 10**15, str(online.verifier), str(online.verifier))
    save_claim(tmp_path, "K01", "hadir.example", root.verifier, delegation.sign(root))
    config = KioskConfig(tmp_path, "picamera2:", "http://127.0.0.1:9")
    due = []
    for version, settings in enumerate(
        ({}, {"release": ours.setting()}, {"release": Release("9.0", "00" * 32).setting()}, {"release": "9.0"})
    ):
        manifest = Manifest("K01", version, 0, 10**15, "A", "WIT", ("sim",), None, settings)
        write_durably(tmp_path / "applied" / "manifest.note", manifest.sign(online))
        facts = write_health(config)
        assert facts["release"] == ours.sha256
        due.append(facts.get("release_due"))
    assert due == [None, None, "9.0", None]
