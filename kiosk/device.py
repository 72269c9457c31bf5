"""The device's identity: its keys, made here and never leaving, and what the claim at the server brought."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.errors import ClaimError
from kiosk.files import make_folder, write_durably
from protocol.manifest import Delegation, open_delegation
from protocol.note import Signer, Verifier


@dataclass(frozen=True, slots=True)
class Device:
    """A claimed device. `signer` signs checkpoints and requests, `sealing` opens galleries sealed for it."""

    name: str
    origin: str
    signer: Signer
    sealing: X25519PrivateKey
    root: Verifier
    delegation: Delegation

    @property
    def gallery_key(self) -> Verifier:
        """Signs manifests."""
        return Verifier.parse(self.delegation.gallery_key)

    @property
    def cursor_key(self) -> Verifier:
        """Signs cursors."""
        return Verifier.parse(self.delegation.cursor_key)


@dataclass(frozen=True, slots=True)
class Keys:
    """The device's secret keys as raw bytes, 32 each."""

    signing: bytes
    sealing: bytes


def load_or_make_keys(state_dir: Path) -> Keys:
    """The device's keys; made at the first call, readable by its user alone."""
    parts = []
    for name in ("signing", "sealing"):
        path = state_dir / "keys" / f"{name}.key"
        if not path.exists():
            make_folder(path.parent, 0o700)
            seed = Signer.generate("new").seed if name == "signing" else X25519PrivateKey.generate().private_bytes_raw()
            write_durably(path, seed, 0o600)
        parts.append(_read_key(path))
    return Keys(*parts)


def save_claim(state_dir: Path, name: str, origin: str, root: Verifier, delegation: bytes) -> None:
    """Keep what the server answered, verified before by the caller; the claim is done once this returns."""
    record = {"device": name, "origin": origin, "root": str(root), "delegation": delegation.decode()}
    write_durably(state_dir / "device.json", json.dumps(record, indent=1).encode())


def is_claimed(state_dir: Path) -> bool:
    """Whether `save_claim` was ever done here."""
    return (state_dir / "device.json").exists()


def load_device(state_dir: Path) -> Device:
    """The claimed device; ClaimError when it is not claimed, or when its files do not belong together."""
    path = state_dir / "device.json"
    if not is_claimed(state_dir):
        raise ClaimError(
            f"this device is not claimed (no {path}). Get a token with 'hadir server device add NAME …' "
            "and run 'hadir kiosk claim --token-file FILE'"
        )
    try:
        record = json.loads(path.read_text())
        root = Verifier.parse(record["root"])
        delegation = open_delegation(record["delegation"].encode(), root)
        name, origin = record["device"], record["origin"]
    except (OSError, ValueError, KeyError) as error:
        raise ClaimError(f"{path} is not whole ({error}): restore it, or claim the device again") from error
    keys = Keys(*(_read_key(state_dir / "keys" / f"{kind}.key") for kind in ("signing", "sealing")))
    return Device(
        name,
        origin,
        Signer.from_seed(f"{origin}/device/{name}", keys.signing),
        X25519PrivateKey.from_private_bytes(keys.sealing),
        root,
        delegation,
    )


def _read_key(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ClaimError(f"the device's key {path} cannot be read: {error.strerror}") from error
    if len(data) != 32:
        raise ClaimError(f"the device's key {path} has {len(data)} bytes, not 32: restore it, or claim again")
    return data
