"""Claiming: a one-time token becomes a place at the server."""

from __future__ import annotations

import base64
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk.camera import open_camera
from kiosk.errors import ClaimError, SyncError
from kiosk.uplink.device import Keys, is_claimed, load_or_make_keys, save_claim
from kiosk.uplink.transport import Transport
from protocol.claim import Token, claim_message, root_digest
from protocol.errors import ProtocolError
from protocol.manifest import open_delegation
from protocol.note import Signer, Verifier

LABEL_S = 120.0
"""How long a camera looks for a label."""


def claim(state_dir: Path, server: str, token_text: str, authority: Path | None = None) -> str:
    """Claim this device; its name. ClaimError says why not and what to do.

    The same token may be sent again by the same keys: an answer that was lost on the way costs nothing.
    """
    if is_claimed(state_dir):
        raise ClaimError(f"this device is claimed already ({state_dir / 'device.json'}): use another state_dir")
    try:
        token = Token.parse(token_text)
    except ProtocolError as error:
        raise ClaimError(f"{error}. Copy it again from the claim sheet") from error
    keys = load_or_make_keys(state_dir)
    transport = Transport(server, authority)
    try:
        return _claim(state_dir, server, token, keys, transport)
    except SyncError as error:
        raise ClaimError(str(error)) from error
    finally:
        transport.close()


def read_label(camera_url: str) -> str:
    """The token of the first label of a claim sheet that is held before a camera.

    Raises:
        CameraError: the camera cannot be opened or read.
        ClaimError: the stream ended, or LABEL_S passed, without one.
    """
    from kiosk.recognition.cards import CardReader  # OpenCV is not wanted by who types the token

    reader = CardReader()
    camera = open_camera(camera_url)
    try:
        frame = first = camera.read()
        while frame is not None and first is not None and frame.time_s - first.time_s < LABEL_S:
            with suppress(ProtocolError):
                return str(Token.parse(reader.read(frame.image)))
            frame = camera.read()
    finally:
        camera.close()
    raise ClaimError("no label of a claim sheet was seen: hold it flat and still, or type its token (--token-file -)")


def _claim(state_dir: Path, server: str, token: Token, keys: Keys, transport: Transport) -> str:
    try:
        return _ask(state_dir, server, token, keys, transport)
    except (KeyError, AttributeError, ProtocolError) as error:
        raise ClaimError(f"the server at {server} answered the claim with something else: {error}") from error


def _ask(state_dir: Path, server: str, token: Token, keys: Keys, transport: Transport) -> str:
    origin = str(transport.send_json("GET", "/v1/status").get("origin", ""))
    signer = Signer.from_seed(f"{origin}/device/{token.device}", keys.signing)
    sealing = X25519PrivateKey.from_private_bytes(keys.sealing).public_key().public_bytes_raw()
    sealing_key = base64.b64encode(sealing).decode()
    proof = signer.sign(claim_message(str(token), str(signer.verifier), sealing_key))
    answer = transport.send_json(
        "POST",
        "/v1/claim",
        {
            "token": str(token),
            "signing_key": str(signer.verifier),
            "sealing_key": sealing_key,
            "proof": base64.b64encode(proof).decode(),
        },
    )
    root = Verifier.parse(answer["root_key"])
    delegation = answer["delegation"].encode()
    if root_digest(root) != token.root_digest:
        raise ClaimError(f"the server at {server} shows another root key than the token names: it is not believed")
    open_delegation(delegation, root)
    save_claim(state_dir, token.device, origin, root, delegation)
    return token.device
