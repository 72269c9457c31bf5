"""HTTP for auditors: which logs there are, their checkpoints, their entries."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from server.services import Services
from server.transparency import service
from server.web import services

router = APIRouter()


@router.get("/v1/logs")
def logs(parts: Annotated[Services, Depends(services)]) -> list[dict[str, Any]]:
    """Device, verifier key and size of each log."""
    with parts.database.read() as connection:
        return [{"device": log.device, "key": log.key, "size": log.size} for log in service.held_logs(connection)]


@router.get("/v1/logs/{device}/checkpoint")
def checkpoint(device: str, parts: Annotated[Services, Depends(services)]) -> Response:
    """The newest checkpoint, as the device signed it."""
    with parts.database.read() as connection:
        return Response(service.checkpoint(connection, device), media_type="text/plain; charset=utf-8")


@router.get("/v1/logs/{device}/entries")
def entries(
    request: Request,
    device: str,
    parts: Annotated[Services, Depends(services)],
    first: Annotated[int, Query(alias="from", ge=0, lt=2**62)] = 0,
    end: Annotated[int, Query(alias="to", ge=0, lt=2**62)] = 2**61,
) -> Response:
    """Entries from `from` to `to` (not included), at most 2,000 an answer, a line each; for auditors."""
    with parts.database.read() as connection:
        service.check_auditor(connection, request.headers.get("authorization"))
        lines = service.log_entries(connection, device, first, end)
    return Response(b"".join(line + b"\n" for line in lines), media_type="application/x-ndjson")
