"""provision.sh on a mounted image: what it leaves there, that it can be repeated, and what it says when it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from kiosk.config import load_config

TREE = Path(__file__).parents[2]
SCRIPT = TREE / "provisioning" / "provision.sh"
TOKEN = "kiosk-lobby.ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789abcdef"
SERVER = "https://hadir.example"
CAMERA = "picamera2:?rotation=90&width=1280&height=720"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files of an image belong to root: run as root")
needs_systemd = pytest.mark.skipif(
    shutil.which("systemctl") is None or shutil.which("systemd-sysusers") is None,
    reason="units are enabled in an image with systemctl and systemd-sysusers: apt-get install systemd",
)


def make_image(root: Path) -> Path:
    """As much of a Raspberry Pi OS root as the script looks at; its programs cannot run here."""
    files = {
        "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
        "etc/rpi-issue": "Raspberry Pi reference\n",
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
        "etc/group": "root:x:0:\nvideo:x:44:\ngpio:x:997:\n",
        "etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n",
        "lib/ld-linux-aarch64.so.1": "",
        "boot/firmware/config.txt": "arm_64bit=1\n",
        "boot/firmware/cmdline.txt": "root=/dev/mmcblk0p2 rootwait\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def make_token(path: Path) -> Path:
    path.write_text(TOKEN + "\n")
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return make_image(tmp_path / "image")


@pytest.fixture
def token(tmp_path: Path) -> Path:
    return make_token(tmp_path / "token")


def provision(*arguments: object, script: Path = SCRIPT, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(script), *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


@dataclass(frozen=True)
class Provisioned:
    """An image after one run, for tests that only look at it."""

    root: Path
    output: str


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> Provisioned:
    folder = tmp_path_factory.mktemp("provisioned")
    root = make_image(folder / "image")
    token = make_token(folder / "token")
    run = provision("--root", root, "--server", SERVER, "--token-file", token, "--camera", CAMERA)
    assert run.returncode == 0, run.stderr
    return Provisioned(root, run.stdout + run.stderr)


def fingerprint(root: Path) -> str:
    """Names, modes, owners, times and contents of everything below."""
    seen = sha256()
    for path in sorted(root.rglob("*")):
        about = path.lstat()
        seen.update(f"{path} {about.st_mode} {about.st_uid} {about.st_gid} {about.st_mtime_ns}\n".encode())
        if path.is_file() and not path.is_symlink():
            seen.update(path.read_bytes())
    return seen.hexdigest()


@needs_systemd
def test_a_dry_run_names_the_steps_and_changes_nothing(image: Path, token: Path) -> None:
    before = fingerprint(image)
    run = provision("--root", image, "--server", SERVER, "--token-file", token, "--dry-run")
    assert run.returncode == 0, run.stderr
    assert "would write /etc/hadir/kiosk.yaml" in run.stdout
    assert "would enable hadir-station.service" in run.stdout
    assert TOKEN not in run.stdout + run.stderr
    assert fingerprint(image) == before


@needs_root
@needs_systemd
class TestOnAnImage:
    def test_a_second_run_changes_nothing_and_says_so(self, image: Path, token: Path) -> None:
        first = provision("--root", image, "--server", SERVER, "--token-file", token, "--hostname", "kiosk-lobby")
        assert first.returncode == 0, first.stderr
        before = fingerprint(image)
        second = provision("--root", image, "--server", SERVER, "--token-file", token, "--hostname", "kiosk-lobby")
        assert second.returncode == 0, second.stderr
        assert "nothing to change" in second.stdout
        assert fingerprint(image) == before

    def test_the_configuration_is_one_that_the_kiosk_reads(self, provisioned: Provisioned) -> None:
        config = load_config(provisioned.root / "etc/hadir/kiosk.yaml")
        assert (config.camera, config.server, config.language) == (CAMERA, SERVER, "id")
        assert (config.indicator.mock, config.indicator.pins.green) == (False, 17)

    def test_a_private_authority_is_copied_and_named(self, image: Path, token: Path, tmp_path: Path) -> None:
        authority = tmp_path / "city.pem"
        authority.write_text("-----BEGIN CERTIFICATE-----\n")
        run = provision("--root", image, "--server", SERVER, "--token-file", token, "--authority", authority)
        assert run.returncode == 0, run.stderr
        assert load_config(image / "etc/hadir/kiosk.yaml").authority == Path("/etc/hadir/authority.pem")
        assert (image / "etc/hadir/authority.pem").read_text() == authority.read_text()

    def test_only_root_reads_the_token_and_nobody_prints_it(self, provisioned: Provisioned) -> None:
        image = provisioned.root
        kept = image / "etc/hadir/claim-token"
        assert kept.read_text().strip() == TOKEN
        assert (kept.stat().st_mode & 0o777, kept.stat().st_uid) == (0o600, 0)
        assert TOKEN not in provisioned.output
        holders = [path for path in image.rglob("*") if path.is_file() and TOKEN in path.read_text(errors="replace")]
        assert holders == [kept]

    def test_the_account_owns_the_records_and_root_owns_the_code(self, provisioned: Provisioned) -> None:
        image = provisioned.root
        account = next(line for line in (image / "etc/passwd").read_text().splitlines() if line.startswith("hadir:"))
        uid = int(account.split(":")[2])
        assert account.endswith("/usr/sbin/nologin")
        records = (image / "var/lib/hadir").stat()
        assert (records.st_uid, records.st_mode & 0o777) == (uid, 0o750)
        code = (image / "opt/hadir/kiosk/values.py").stat()
        assert (code.st_uid, code.st_mode & 0o777) == (0, 0o644)
        assert "video:x:44:hadir" in (image / "etc/group").read_text()

    def test_only_what_a_kiosk_needs_is_copied(self, provisioned: Provisioned) -> None:
        code = provisioned.root / "opt/hadir"
        copied = {path.name for path in code.iterdir()}
        assert copied == {"hadir", "kiosk", "locks", "protocol", "provisioning", "systemd"}
        assert not list(code.rglob("*.pyc"))

    def test_first_boot_finishes_what_the_image_could_not_run(self, provisioned: Provisioned) -> None:
        assert "first boot installs the packages" in provisioned.output
        wanted = provisioned.root / "etc/systemd/system/multi-user.target.wants"
        assert (wanted / "hadir-firstboot.service").is_symlink()
        assert (wanted / "hadir-claim.service").is_symlink()

    def test_a_newer_release_replaces_the_older_one_whole(self, image: Path, token: Path) -> None:
        provision("--root", image, "--server", SERVER, "--token-file", token)
        stale = image / "opt/hadir/kiosk/gone.py"
        stale.write_text("")
        (image / "opt/hadir/kiosk/values.py").write_text("")
        run = provision("--root", image)
        assert "1 files written, 1 removed" in run.stdout
        assert not stale.exists()
        assert (image / "opt/hadir/kiosk/values.py").read_bytes() == (TREE / "kiosk/values.py").read_bytes()

    def test_packages_of_an_older_lock_are_replaced_at_the_next_boot(self, image: Path, token: Path) -> None:
        stamp = image / "opt/hadir/.venv/.lock-kiosk"
        stamp.parent.mkdir(parents=True)
        stamp.write_text("an older lock")
        provision("--root", image, "--server", SERVER, "--token-file", token)
        assert not stamp.exists()  # the condition of hadir-firstboot.service
        stamp.write_bytes((TREE / "locks/kiosk.txt").read_bytes())
        provision("--root", image)
        assert stamp.exists()

    def test_a_run_after_a_failure_goes_on_without_the_token(self, image: Path, token: Path) -> None:
        blocked = image / "opt"
        blocked.write_text("")
        first = provision("--root", image, "--server", SERVER, "--token-file", token)
        assert first.returncode == 1
        assert "could not be written" in first.stderr
        blocked.unlink()
        second = provision("--root", image, "--server", SERVER)
        assert second.returncode == 0, second.stderr
        assert (image / "opt/hadir/hadir").exists()

    def test_the_configuration_of_the_administrator_stays(self, image: Path, token: Path) -> None:
        provision("--root", image, "--server", SERVER, "--token-file", token)
        config = image / "etc/hadir/kiosk.yaml"
        config.write_text(config.read_text() + "sync_every_s: 60\n")
        assert provision("--root", image).returncode == 0
        assert "sync_every_s: 60" in config.read_text()
        other = provision("--root", image, "--server", "https://other.example")
        assert other.returncode == 1
        assert "names the server https://hadir.example, not https://other.example" in other.stderr

    def test_a_claimed_device_asks_for_no_token(self, image: Path) -> None:
        (image / "var/lib/hadir").mkdir(parents=True)
        (image / "var/lib/hadir/device.json").write_text("{}")
        run = provision("--root", image, "--server", SERVER)
        assert run.returncode == 0, run.stderr
        assert not (image / "etc/hadir/claim-token").exists()

    def test_a_network_camera_alone_opens_the_network_to_the_station(self, image: Path, token: Path) -> None:
        drop_in = image / "etc/systemd/system/hadir-station.service.d/network-camera.conf"
        provision("--root", image, "--server", SERVER, "--token-file", token)
        assert not drop_in.exists()
        (image / "etc/hadir/kiosk.yaml").unlink()
        run = provision("--root", image, "--server", SERVER, "--camera", "rtsp://10.0.0.9/door")
        assert run.returncode == 0, run.stderr
        assert "PrivateNetwork=no" in drop_in.read_text()

    def test_uninstalling_keeps_the_records(self, image: Path, token: Path) -> None:
        provision("--root", image, "--server", SERVER, "--token-file", token)
        (image / "var/lib/hadir/journal.db").write_text("records")
        run = provision("--root", image, "--uninstall")
        assert run.returncode == 0, run.stderr
        assert not (image / "opt/hadir").exists()
        assert not list(image.glob("etc/systemd/system/**/hadir*"))
        assert (image / "var/lib/hadir/journal.db").read_text() == "records"
        assert "nothing to change" in provision("--root", image, "--uninstall").stdout

    def test_missing_debian_packages_are_named(self, image: Path, token: Path) -> None:
        status = image / "var/lib/dpkg/status"
        status.parent.mkdir(parents=True)
        there = ("python3", "ca-certificates", "systemd-timesyncd")
        status.write_text("\n".join(f"Package: {name}\nStatus: install ok installed\n" for name in there))
        lacked = "python3-venv python3-picamera2"
        for option, lacks in ((), lacked), (("--voice",), f"{lacked} espeak-ng"):
            run = provision("--root", image, "--server", SERVER, "--token-file", token, *option)
            assert run.returncode == 1
            assert f"the image lacks {lacks} and" in run.stderr

    def test_a_kiosk_that_is_to_speak_is_told_so_once(self, image: Path, token: Path) -> None:
        silent = image / "etc/hadir/kiosk.yaml"
        assert provision("--root", image, "--server", SERVER, "--token-file", token).returncode == 0
        assert not load_config(silent).voice
        run = provision("--root", image, "--server", SERVER, "--voice")
        assert run.returncode == 1
        assert "add the line 'voice: true'" in run.stderr
        silent.unlink()
        assert provision("--root", image, "--server", SERVER, "--voice").returncode == 0
        assert load_config(silent).voice


@needs_systemd
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--server", SERVER], "the claim token is missing"),
        (["--token-file", "{token}"], "--server is missing"),
        (["--server", "http://hadir.example", "--token-file", "{token}"], "must begin with https://"),
        (["--server", SERVER + "\nindicator: {{mock: true}}", "--token-file", "{token}"], "must begin with https://"),
        (["--server", SERVER, "--token", TOKEN], "a token on the command line stays in the log of sudo"),
        (["--server", SERVER, "--token-file", "/nonexistent/token"], "cannot be read"),
        (["--server", SERVER, "--token-file", "/dev/null"], "this is no claim token"),
        (["--server", SERVER, "--token-file", "{token}", "--camera", "file:clip.mp4"], "no camera of a kiosk"),
        (["--server", SERVER, "--token-file", "{token}", "--hostname", "Kiosk 1"], "--hostname Kiosk 1: use"),
        (["--server", SERVER, "--token-file", "{token}", "--language", "fr"], "--language is id or en"),
        (["--server", SERVER, "--token-file", "{token}", "--authority", "/dev/null"], "holds no certificate"),
        (["--server"], "--server needs a value"),
        (["--serve", SERVER], "there is no option '--serve'"),
    ],
)
def test_a_bad_option_gets_one_sentence_and_changes_nothing(
    image: Path, token: Path, options: list[str], complaint: str
) -> None:
    before = fingerprint(image)
    run = provision("--root", image, "--dry-run", *(option.format(token=token) for option in options))
    assert run.returncode == 2
    assert complaint in run.stderr
    assert fingerprint(image) == before


@needs_systemd
@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("etc/os-release", 'ID=debian\nVERSION_ID="13"\n', "this is 'debian 13', and Hadir runs on Debian 12"),
        ("etc/os-release", None, "holds no system"),
        ("lib/ld-linux-aarch64.so.1", None, "is not 64-bit"),
    ],
)
def test_a_system_that_cannot_carry_a_kiosk_is_refused(
    image: Path, token: Path, name: str, text: str | None, complaint: str
) -> None:
    if text is None:
        (image / name).unlink()
    else:
        (image / name).write_text(text)
    run = provision("--root", image, "--server", SERVER, "--token-file", token, "--dry-run")
    assert run.returncode == 1
    assert complaint in run.stderr


@needs_systemd
def test_a_token_can_be_piped_in(image: Path) -> None:
    good = provision("--root", image, "--server", SERVER, "--token", "-", "--dry-run", stdin=TOKEN + "\n")
    assert good.returncode == 0, good.stderr
    two = provision("--root", image, "--server", SERVER, "--token", "-", "--dry-run", stdin=f"{TOKEN}\n{TOKEN}\n")
    assert "this is no claim token" in two.stderr


@needs_systemd
def test_a_board_without_clock_and_memory_limits_gets_hints(image: Path, token: Path) -> None:
    run = provision("--root", image, "--server", SERVER, "--token-file", token, "--dry-run")
    assert "dtoverlay=i2c-rtc,ds3231" in run.stdout
    assert "cgroup_enable=memory" in run.stdout
    (image / "boot/firmware/config.txt").write_text("dtoverlay=i2c-rtc,ds3231\n")
    (image / "boot/firmware/cmdline.txt").write_text("rootwait cgroup_enable=memory\n")
    assert "hint" not in provision("--root", image, "--server", SERVER, "--token-file", token, "--dry-run").stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is missing: apt-get install shellcheck")
def test_the_script_passes_shellcheck() -> None:
    run = subprocess.run(["shellcheck", str(SCRIPT), str(TREE / "hadir")], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
