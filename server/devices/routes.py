"""HTTP for devices: claim, batches, cursor, manifest, gallery."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from protocol.errors import ProtocolError
from server.devices import ingest, manifests
from server.devices import service as devices
from server.errors import Refused
from server.services import Services
from server.web import Signed, bounded_body, services, signed, writer

router = APIRouter()
NOTE = "text/plain; charset=utf-8"


@router.post("/v1/claim", dependencies=[Depends(writer)])
def claim(
    body: Annotated[bytes, Depends(bounded_body)], parts: Annotated[Services, Depends(services)]
) -> dict[str, str]:
    """A token and the device's keys for root's key and delegation."""
    asked = devices.read_claim(_object(body), parts.config.origin)
    now_ms = parts.clock.now_ms()
    # Anybody may ask: only a good token gets to hold up the writer.
    with parts.database.read() as connection:
        devices.check_claim(connection, asked, now_ms)
    with parts.database.write() as connection:
        device = devices.claim(connection, asked, now_ms)
        if manifests.latest_version(connection, device.name) is None:
            manifests.publish(connection, [device], parts.keyring.gallery, now_ms)
    return {"root_key": str(parts.keyring.root), "delegation": parts.keyring.delegation.decode()}


@router.post("/v1/devices/{device}/batches", dependencies=[Depends(writer)])
def batches(request: Annotated[Signed, Depends(signed)], parts: Annotated[Services, Depends(services)]) -> Response:
    """A batch for the signed cursor; 409, why in `Hadir-Problem`, when it does not fit what is held."""
    outcome = ingest.receive(
        parts.database,
        parts.keyring.log,
        request.device,
        request.signature,
        request.body,
        parts.clock,
        heard_ms=request.heard_ms,
    )
    note = outcome.cursor.sign(parts.keyring.cursor)
    with parts.database.read() as connection:
        headers = {
            "Hadir-Manifest": str(manifests.latest_version(connection, request.device.name) or 0),
            "Hadir-Delegation": str(parts.keyring.delegated.version),
            "Hadir-Root": parts.keyring.root.key_hash.hex(),
        }
    if outcome.problem:
        return Response(note, 409, headers | {"Hadir-Problem": outcome.problem}, NOTE)
    return Response(note, media_type=NOTE, headers=headers)


@router.post("/v1/devices/{device}/key", dependencies=[Depends(writer)])
def key(
    device: str, body: Annotated[bytes, Depends(bounded_body)], parts: Annotated[Services, Depends(services)]
) -> dict[str, str]:
    """A change of the device's key, known by the signatures of both keys in it; may be announced again."""
    with parts.database.write() as connection:
        problem = devices.change_key(connection, device, body, parts.clock.now_ms())
    if problem:
        raise Refused(f"{problem}: the device needs a look and a new claim")
    return {"device": device}


@router.get("/v1/devices/{device}/cursor")
def cursor(request: Annotated[Signed, Depends(signed)], parts: Annotated[Services, Depends(services)]) -> Response:
    """What the server holds of the device's log, signed."""
    held = ingest.cursor(parts.database, request.device, parts.clock.now_ms())
    return Response(held.sign(parts.keyring.cursor), media_type=NOTE)


@router.get("/v1/devices/{device}/manifest")
def manifest(request: Annotated[Signed, Depends(signed)], parts: Annotated[Services, Depends(services)]) -> Response:
    """The newest manifest; renewed first when it is due."""
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        note, expires_ms = manifests.latest(connection, request.device.name)
    if manifests.due(note, expires_ms, parts.keyring.gallery, now_ms):
        with parts.database.write() as connection:
            manifests.renew(connection, request.device, parts.keyring.gallery, now_ms)
            note, _ = manifests.latest(connection, request.device.name)
    return Response(note, media_type=NOTE)


@router.get("/v1/devices/{device}/gallery/{version}")
def gallery(
    version: Annotated[int, Path(ge=0, lt=2**31)],
    request: Annotated[Signed, Depends(signed)],
    parts: Annotated[Services, Depends(services)],
    first: Annotated[int, Query(alias="from", ge=0)] = 0,
    end: Annotated[int | None, Query(alias="to", ge=0)] = None,
) -> Response:
    """A gallery sealed for the device, or its bytes `from` to `to`, so that a slow link fetches it in pieces."""
    with parts.database.read() as connection:
        data = manifests.sealed(connection, request.device.name, version)
    return Response(data[first:end], media_type="application/octet-stream")


def _object(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"claim: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ProtocolError("claim: not a JSON object")
    return value
