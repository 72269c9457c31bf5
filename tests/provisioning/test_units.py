"""The units: systemd reads them without complaint, their sandbox holds, and they agree with each other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
UNITS = TREE / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
INSTALLED = Path("/usr/lib/systemd/system")

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt-get install systemd"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with systemd's own units, ours, and something to run at each path that they name."""
    if not INSTALLED.is_dir():
        pytest.skip(f"{INSTALLED} is missing, and our units lean on systemd's: apt-get install systemd")
    shutil.copytree(INSTALLED, tmp_path / "usr/lib/systemd/system", symlinks=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for unit in (*UNITS.glob("*.service"), *UNITS.glob("*.target"), *UNITS.glob("*.timer")):
        shutil.copy(unit, units)
    for name in ("opt/hadir/hadir", "opt/hadir/.venv/bin/python", "usr/bin/rm", "usr/bin/systemctl"):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch(mode=0o755)
    return tmp_path


def verify(root: Path) -> subprocess.CompletedProcess[str]:
    names = sorted(path.name for path in (root / "etc/systemd/system").iterdir() if path.is_file())
    command = ["systemd-analyze", "verify", f"--root={root}", "--recursive-errors=yes", *names]
    return subprocess.run(
        command, cwd=root / "etc/systemd/system", capture_output=True, text=True, check=False, timeout=60
    )


def test_systemd_reads_every_unit_without_complaint(root: Path) -> None:
    run = verify(root)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_check_notices_a_unit_that_names_nothing_to_run(root: Path) -> None:
    (root / "opt/hadir/hadir").unlink()
    assert verify(root).returncode != 0


def test_the_drop_in_for_a_network_camera_is_read_too(root: Path) -> None:
    folder = root / "etc/systemd/system/hadir-station.service.d"
    folder.mkdir()
    shutil.copy(UNITS / "drop-ins/network-camera.conf", folder)
    run = verify(root)
    assert (run.returncode, run.stderr) == (0, "")


def exposure(unit: Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("service", SERVICES)
def test_the_sandbox_leaves_an_exposure_of_two_at_most(service: str) -> None:
    run = exposure(UNITS / service)
    assert run.returncode == 0, run.stdout.splitlines()[-1]


def test_the_threshold_refuses_a_service_without_sandbox(tmp_path: Path) -> None:
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert exposure(bare).returncode != 0


def settings(unit: str) -> dict[str, list[str]]:
    """All settings of a unit; a setting may stand there more than once."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, text = line.partition("=")
            found.setdefault(key, []).append(text)
    return found


def read_only(unit: str) -> set[str]:
    """What a unit is kept from writing below its state directory."""
    paths = " ".join(settings(unit).get("ReadOnlyPaths", [])).split()
    return {path.removeprefix("-").removeprefix("/var/lib/hadir/") for path in paths}


def test_no_running_service_but_the_station_can_write_the_journal() -> None:
    for name in SERVICES:
        assert settings(name)["ProtectSystem"] == ["strict"]
        assert not any("/var/lib/hadir" in path for path in settings(name).get("ReadWritePaths", []))
    for name in ("hadir-sync.service", "hadir-health.service"):
        assert read_only(name) >= {"journal.db", "journal.db-journal", "applied"}


def test_only_the_claim_can_write_the_keys() -> None:
    for name in ("hadir-station.service", "hadir-sync.service", "hadir-health.service"):
        assert read_only(name) >= {"keys", "device.json"}


def test_only_the_station_may_open_a_camera_or_a_pin() -> None:
    for name in SERVICES:
        devices = " ".join(settings(name).get("DeviceAllow", []))
        assert ("video4linux" in devices) == (name == "hadir-station.service")
        assert settings(name)["DevicePolicy"] == ["closed"]


@pytest.mark.parametrize("name", ["hadir-station.service", "hadir-sync.service", "hadir-server.service"])
def test_what_runs_all_the_time_says_when_it_is_ready_and_is_restarted_for_ever(name: str) -> None:
    assert settings(name)["Type"] == ["notify"]
    assert settings(name)["Restart"] == ["always"]
    assert settings(name)["StartLimitIntervalSec"] == ["0"]


@pytest.mark.parametrize("name", ["hadir-station.service", "hadir-server.service"])
def test_a_service_that_hangs_is_noticed_within_a_minute(name: str) -> None:
    assert int(settings(name)["WatchdogSec"][0]) <= 60


def test_the_station_never_waits_for_a_network() -> None:
    reached, waiting = set(), ["hadir-station.service"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        if (UNITS / name).exists():
            waiting += [after for after in " ".join(settings(name).get("After", [])).split() if after not in reached]
    assert "hadir-firstboot.service" in reached
    assert not reached & {"network-online.target", "hadir-claim.service", "time-sync.target"}


def test_the_kiosk_s_services_share_the_folder_that_tmpfiles_makes() -> None:
    made = {line.split()[1] for line in (UNITS / "tmpfiles.d/hadir.conf").read_text().splitlines() if line[:1] == "d"}
    kiosk = [name for name in SERVICES if settings(name).get("User") == ["hadir"]]
    assert len(kiosk) == 4
    for name in kiosk:
        assert f"/var/lib/{settings(name)['StateDirectory'][0]}" in made
