"""HTTP for enrolment: a device hands in templates."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from protocol import canonical
from server.enrolment import service
from server.services import Services
from server.web import Signed, services, signed, writer

router = APIRouter()


@router.post("/v1/devices/{device}/enrolments", status_code=201, dependencies=[Depends(writer)])
def enrolments(
    request: Annotated[Signed, Depends(signed)], parts: Annotated[Services, Depends(services)]
) -> dict[str, int | str]:
    """Templates for an opened code; they wait for a second officer."""
    value = canonical.decode_object(request.body)
    with parts.database.write() as connection:
        number = service.submit(connection, request.device.name, value, parts.clock.now_ms())
    return {"enrolment": number, "state": "pending"}
