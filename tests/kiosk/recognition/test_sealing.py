"""The gallery's key lies under a secret that is not on the card; without one that is said, and nothing is lost."""

import errno
import os
import stat
import struct
from pathlib import Path

import pytest

from kiosk.cli import main
from kiosk.errors import ClaimError, GalleryError
from kiosk.recognition import sealing
from kiosk.uplink.device import load_device, load_or_make_keys, save_claim
from protocol.manifest import Delegation
from protocol.note import Signer

SECRET, OTHER = bytes(range(32)), bytes(range(1, 33))
ROOT = Signer.generate("hadir.example/root")
ONLINE = Signer.generate("hadir.example/gallery")


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that systemd gives a unit, with a secret in it."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / sealing.CREDENTIAL).write_bytes(SECRET)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def claimed(state: Path) -> Path:
    load_or_make_keys(state)
    delegation = Delegation(1, 0, 10**15, str(ONLINE.verifier), str(ONLINE.verifier)).sign(ROOT)
    save_claim(state, "K01", "hadir.example", ROOT.verifier, delegation)
    return state


def names(state: Path) -> set[str]:
    return {path.name for path in (state / "keys").iterdir()}


def test_without_a_secret_the_key_is_a_file_of_its_user_alone(tmp_path: Path) -> None:
    keys = load_or_make_keys(tmp_path)
    assert names(tmp_path) == {"signing.key", "sealing.key"}
    assert stat.S_IMODE((tmp_path / "keys" / "sealing.key").stat().st_mode) == 0o600
    assert load_or_make_keys(tmp_path) == keys
    assert sealing.holder(tmp_path / "keys") == "file"


def test_with_a_credential_the_card_alone_does_not_hold_the_key(tmp_path: Path, credentials: Path) -> None:
    keys = load_or_make_keys(tmp_path / "state")
    assert names(tmp_path / "state") == {"signing.key", "sealing.credential"}
    assert keys.sealing not in (tmp_path / "state" / "keys" / "sealing.credential").read_bytes()
    assert load_or_make_keys(tmp_path / "state") == keys
    (credentials / sealing.CREDENTIAL).write_bytes(OTHER)
    with pytest.raises(ClaimError, match="another secret"):
        load_or_make_keys(tmp_path / "state")


def test_a_device_whose_secret_is_not_there_still_loads_and_says_so_where_a_gallery_is_opened(
    tmp_path: Path, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = claimed(tmp_path / "state")
    public = load_device(state).sealing.public_key().public_bytes_raw()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    device = load_device(state)
    assert device.name == "K01"
    with pytest.raises(GalleryError, match=r"secret of this device \(credential\).*docs/provisioning\.md"):
        _ = device.sealing
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert load_device(state).sealing.public_key().public_bytes_raw() == public


def test_a_key_from_before_is_bound_to_a_secret_that_came_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    state = claimed(tmp_path / "state")
    before = load_or_make_keys(state)
    config = tmp_path / "kiosk.yaml"
    config.write_text(f"state_dir: {state}\ncamera: 'sim:'\nserver: https://hadir.example\n")
    assert main(["bind-key", "--config", str(config)]) == 2
    assert "no secret to put the key under" in capsys.readouterr().err
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / sealing.CREDENTIAL).write_bytes(SECRET)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert main(["bind-key", "--config", str(config)]) == 0
    assert names(state) == {"signing.key", "sealing.credential"}
    assert load_or_make_keys(state) == before
    (folder / sealing.CREDENTIAL).write_bytes(b"short")
    with pytest.raises(ClaimError, match="5 bytes"):
        sealing.bind(state / "keys")


def test_a_bound_key_that_is_damaged_is_said(tmp_path: Path, credentials: Path) -> None:
    load_or_make_keys(tmp_path / "state")
    path = tmp_path / "state" / "keys" / "sealing.credential"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ClaimError, match="damaged"):
        load_or_make_keys(tmp_path / "state")


class Firmware:
    """The mailbox of a Pi, as far as it reads the private key."""

    def __init__(self, secret: bytes, state: int = 0x80000000) -> None:
        self.secret, self.state = secret, state

    def __call__(self, descriptor: int, request: int, message: bytearray) -> None:
        size, code, tag, room, _, first, rows = struct.unpack_from("<7I", message)
        assert (size, len(message), code, tag, room, first, rows) == (64, 64, 0, 0x30081, 40, 0, 8)
        assert request == 0xC0086400
        struct.pack_into("<I", message, 4, self.state)
        message[28:60] = self.secret


def test_the_secret_of_a_pi_is_read_from_its_firmware(tmp_path: Path) -> None:
    device = tmp_path / "vcio"
    assert sealing.otp(device, Firmware(SECRET)) is None
    device.touch()
    assert sealing.otp(device, Firmware(SECRET)) == SECRET
    assert sealing.otp(device, Firmware(bytes(32))) is None
    assert sealing.otp(device, Firmware(SECRET, 0x80000001)) is None

    def refuses(descriptor: int, request: int, message: bytearray) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    assert sealing.otp(device, refuses) is None


def test_a_credential_goes_before_the_otp(tmp_path: Path) -> None:
    assert sealing.secret_here({"credential": lambda: SECRET, "otp": lambda: OTHER}) == ("credential", SECRET)
    assert sealing.secret_here({"credential": lambda: None, "otp": lambda: OTHER}) == ("otp", OTHER)
    assert sealing.secret_here({"credential": lambda: None}) is None
