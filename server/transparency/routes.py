"""HTTP for auditors: the logs' checkpoints, entries and proofs, of each device and of the national log."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from protocol.national import pack_leaves
from server.services import Services
from server.transparency import national, service, trees
from server.web import services

router = APIRouter()
NOTE = "text/plain; charset=utf-8"
Number = Annotated[int, Query(ge=0, lt=2**53)]
First = Annotated[int, Query(alias="from", ge=0, lt=2**62)]
End = Annotated[int, Query(alias="to", ge=0, lt=2**62)]


@router.get("/v1/logs")
def logs(parts: Annotated[Services, Depends(services)]) -> list[dict[str, Any]]:
    """Device, verifier key of its claim, size and changes of the key (base64) of each log."""
    with parts.database.read() as connection:
        return [
            {
                "device": log.device,
                "key": log.key,
                "size": log.size,
                "changes": [base64.b64encode(data).decode() for data in log.changes],
            }
            for log in service.held_logs(connection)
        ]


@router.get("/v1/logs/{device}/checkpoint")
def checkpoint(device: str, parts: Annotated[Services, Depends(services)]) -> Response:
    """The newest checkpoint, as the device signed it."""
    with parts.database.read() as connection:
        return Response(service.checkpoint(connection, device), media_type=NOTE)


@router.get("/v1/logs/{device}/entries")
def entries(
    request: Request,
    device: str,
    parts: Annotated[Services, Depends(services)],
    first: First = 0,
    end: End = 2**61,
) -> Response:
    """Entries from `from` to `to` (not included), at most 2,000 an answer, a line each; for auditors."""
    with parts.database.read() as connection:
        service.check_auditor(connection, request.headers.get("authorization"))
        lines = service.log_entries(connection, device, first, end)
    return Response(b"".join(line + b"\n" for line in lines), media_type="application/x-ndjson")


@router.get("/v1/logs/{device}/checkpoints")
def checkpoints(device: str, parts: Annotated[Services, Depends(services)], first: First = 0) -> list[dict[str, Any]]:
    """Checkpoints of size `from` and more, at most 1,000 an answer, with the tree's frontier."""
    with parts.database.read() as connection:
        return [
            {"size": size, "note": note.decode(errors="replace"), "frontier": base64.b64encode(frontier).decode()}
            for size, note, frontier in service.log_checkpoints(connection, device, first)
        ]


@router.get("/v1/logs/{device}/proof/{seq}")
def proof(
    request: Request,
    device: str,
    seq: Annotated[int, Path(ge=0, lt=2**53)],
    parts: Annotated[Services, Depends(services)],
) -> Response:
    """The tlog-proof of one entry, the national log's in it; for auditors."""
    with parts.database.read() as connection:
        service.check_auditor(connection, request.headers.get("authorization"))
        _, found = service.full_proof(connection, device, seq)
    return Response(found.encode(), media_type=NOTE)


@router.get("/v1/log/key")
def log_key(parts: Annotated[Services, Depends(services)]) -> Response:
    """Root's word on which key signs the national log."""
    return Response(parts.keyring.log_delegation, media_type=NOTE)


@router.get("/v1/log/checkpoint")
def log_checkpoint(parts: Annotated[Services, Depends(services)]) -> Response:
    """The national log's newest checkpoint."""
    with parts.database.read() as connection:
        return Response(national.checkpoint(connection)[1], media_type=NOTE)


@router.get("/v1/log/entries")
def log_entries(parts: Annotated[Services, Depends(services)], first: First = 0, end: End = 2**61) -> Response:
    """Leaves from `from` to `to` (not included), at most 256 an answer, as an entry bundle."""
    with parts.database.read() as connection:
        bundle = pack_leaves(national.leaves(connection, first, end))
    return Response(bundle, media_type="application/octet-stream")


@router.get("/v1/log/proof/inclusion")
def inclusion(parts: Annotated[Services, Depends(services)], index: Number, size: Number) -> Response:
    """That a leaf is in the log of this size."""
    with parts.database.read() as connection:
        return _hashes(trees.national_tree(connection, national.checkpoint(connection)[0]).inclusion(index, size))


@router.get("/v1/log/proof/consistency")
def consistency(parts: Annotated[Services, Depends(services)], first: First, end: End) -> Response:
    """That the log of `from` leaves is the beginning of that of `to` leaves."""
    with parts.database.read() as connection:
        return _hashes(trees.national_tree(connection, national.checkpoint(connection)[0]).consistency(first, end))


def _hashes(nodes: Iterable[bytes]) -> Response:
    return Response("".join(base64.b64encode(node).decode() + "\n" for node in nodes), media_type=NOTE)
