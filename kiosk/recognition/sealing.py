"""The key that galleries are sealed for, kept under a secret that does not lie on the card beside them.

The secret is a systemd credential, or the private key in a Raspberry Pi's one-time-programmable memory. Without
either the key is a plain file: whoever has the card then has the gallery.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiosk.errors import ClaimError
from kiosk.files import make_folder, sync_folder, write_durably

CREDENTIAL = "hadir-gallery"
PLAIN = "sealing.key"
_VCIO = Path("/dev/vcio")
_VCIO_CALL = 0xC0086400  # _IOWR(100, 0, char *) of Linux' vc_mem driver
_READ_PRIVATE_KEY, _ROWS = 0x00030081, 8
_DONE = 0x80000000
_NONCE = 12


def credential() -> bytes | None:
    """What systemd hands to this unit as `hadir-gallery`; None where it hands nothing."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else None
    return path.read_bytes() if path is not None and path.is_file() else None


def otp(device: Path = _VCIO, call: Callable[[int, int, bytearray], object] = fcntl.ioctl) -> bytes | None:
    """The private key in the Pi's OTP, 32 bytes; None off a Pi, where /dev/vcio may not be opened, or none was set.

    `rpi-otp-private-key` reads the same through the firmware's mailbox: its property 0x00030081, first row 0, 8 rows.
    """
    value = 4 * (2 + _ROWS)
    message = bytearray(struct.pack("<7I", 4 * (8 + _ROWS), 0, _READ_PRIVATE_KEY, value, value, 0, _ROWS))
    message += bytes(4 * (_ROWS + 1))
    try:
        descriptor = os.open(device, os.O_RDONLY)
    except OSError:
        return None
    try:
        call(descriptor, _VCIO_CALL, message)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    (state,) = struct.unpack_from("<I", message, 4)
    secret = bytes(message[28 : 28 + 4 * _ROWS])
    return secret if state == _DONE and any(secret) else None


SECRETS: dict[str, Callable[[], bytes | None]] = {"credential": credential, "otp": otp}
"""Where a secret may be from, in the order of preference; the name is the ending of the key's file."""


def secret_here(secrets: Mapping[str, Callable[[], bytes | None]] = SECRETS) -> tuple[str, bytes] | None:
    """The first secret that can be had here, with its name."""
    for name, read in secrets.items():
        if secret := read():
            if len(secret) < 16:
                raise ClaimError(f"the {name} for the gallery's key has {len(secret)} bytes: make it 32 random ones")
            return name, secret
    return None


def load_or_make(folder: Path) -> X25519PrivateKey:
    """The key in `folder`; made at the first call, under a secret where there is one, else plain."""
    if holder(folder) is None:
        make_folder(folder, 0o700)
        key = X25519PrivateKey.generate()
        found = secret_here()
        if found is None:
            write_durably(folder / PLAIN, key.private_bytes_raw(), 0o600)
        else:
            _wrap(folder, key, *found)
    return load(folder)


def load(folder: Path) -> X25519PrivateKey:
    """The key in `folder`; ClaimError when it is not whole, or when its secret cannot be had here."""
    held = holder(folder)
    path = folder / (PLAIN if held in (None, "file") else f"sealing.{held}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ClaimError(f"the device's key {path} cannot be read: {error.strerror}") from error
    if held != "file":
        assert held is not None
        secret = SECRETS[held]()
        if secret is None:
            raise ClaimError(
                f"{path} needs the secret of this device ({held}), which cannot be had here: galleries stay sealed. "
                "See docs/provisioning.md, or claim the device again"
            )
        try:
            data = ChaCha20Poly1305(_key(secret)).decrypt(data[:_NONCE], data[_NONCE:], b"hadir-sealing/1")
        except (InvalidTag, ValueError) as error:
            raise ClaimError(
                f"{path} was made under another secret than this device's ({held}), or is damaged: claim it again"
            ) from error
    if len(data) != 32:
        raise ClaimError(f"the device's key {path} has {len(data)} bytes, not 32: restore it, or claim again")
    return X25519PrivateKey.from_private_bytes(data)


def holder(folder: Path) -> str | None:
    """What the key in `folder` is kept by: "credential", "otp", "file" for nothing; None where there is none."""
    for name in SECRETS:
        if (folder / f"sealing.{name}").exists():
            return name
    return "file" if (folder / PLAIN).exists() else None


def bind(folder: Path) -> str:
    """Put a plain key under the secret of this device; the secret's name. ClaimError when there is none."""
    found = secret_here()
    if found is None:
        raise ClaimError(
            f"there is no secret to put the key under: neither the credential {CREDENTIAL} nor a key in the OTP "
            "of a Raspberry Pi. See docs/provisioning.md"
        )
    _wrap(folder, load(folder), *found)
    for path in folder.glob("sealing.*"):
        if path.name != f"sealing.{found[0]}":
            path.unlink()
    sync_folder(folder)
    return found[0]


def _wrap(folder: Path, key: X25519PrivateKey, name: str, secret: bytes) -> None:
    nonce = os.urandom(_NONCE)
    sealed = ChaCha20Poly1305(_key(secret)).encrypt(nonce, key.private_bytes_raw(), b"hadir-sealing/1")
    write_durably(folder / f"sealing.{name}", nonce + sealed, 0o600)


def _key(secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"hadir-sealing/1").derive(secret)
