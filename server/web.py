"""What the routes of all domains share: the services, bounded bodies, signed requests, errors as JSON."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from protocol.entry import DEVICE
from protocol.errors import ProtocolError
from protocol.request import RequestSignature
from server.devices.service import Device
from server.errors import Conflict, NotFound, Refused, ServerError, Unauthenticated
from server.services import Services

MAX_BODY = 1 << 20
MAX_BUFFERED = 96 << 20
"""Of all bodies together; they lie in memory before it is known who sends them."""
BODY_TIMEOUT_S = 300
"""A whole body at 64 kbit/s takes 130 s."""
RETRY_S = 2
_LOG = logging.getLogger("hadir.server")
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Unauthenticated, 401),
    (Refused, 403),
    (NotFound, 404),
    (Conflict, 409),
    (ProtocolError, 400),
    (ServerError, 500),
)


@dataclass(frozen=True)
class Signed:
    """A request whose signature was checked. `heard_ms`: when its head was here, before the body."""

    device: Device
    signature: RequestSignature
    body: bytes
    heard_ms: int


def services(request: Request) -> Services:
    """The services of the app that answers."""
    found: Services = request.app.state.services
    return found


async def bounded_body(request: Request, parts: Annotated[Services, Depends(services)]) -> AsyncIterator[bytes]:
    """The body, at most MAX_BODY bytes; 413 as soon as it is known to be longer, 408 when it does not end.

    429 when the bodies of all requests together take more than MAX_BUFFERED.
    """
    request.state.heard_ms = parts.clock.now_ms()
    too_large = HTTPException(413, f"the body is longer than {MAX_BODY} bytes: send smaller batches")
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated) > MAX_BODY:
        raise too_large
    if "device" in request.path_params:
        await run_in_threadpool(parts.authenticator.expect, request.headers.get("authorization"))
    body = bytearray()
    try:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for chunk in request.stream():
                    body += chunk
                    parts.buffered.size += len(chunk)
                    if len(body) > MAX_BODY:
                        raise too_large
                    if parts.buffered.size > MAX_BUFFERED:
                        raise _busy()
        except TimeoutError as error:
            raise HTTPException(408, f"the body did not end within {BODY_TIMEOUT_S} s") from error
        except ClientDisconnect as error:
            raise HTTPException(400, "the connection ended within the body") from error
        yield bytes(body)
    finally:
        parts.buffered.size -= len(body)


def _busy() -> HTTPException:
    headers = {"Retry-After": str(RETRY_S)}
    return HTTPException(429, f"too many devices send at once: try again in {RETRY_S} s", headers)


def signed(
    request: Request,
    device: str,
    body: Annotated[bytes, Depends(bounded_body)],
    parts: Annotated[Services, Depends(services)],
) -> Signed:
    """The device of the path, having signed this request; 401 or 403 otherwise."""
    if not DEVICE.match(device):
        raise NotFound("the path names no device")
    query = request.scope["query_string"]
    path = request.scope["raw_path"].decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    asking, signature = parts.authenticator.check(request.headers.get("authorization"), request.method, path, body)
    if asking.name != device:
        raise Refused(f"device {asking.name} asks for {device}")
    return Signed(asking, signature, body, request.state.heard_ms)


def writer(
    _body: Annotated[bytes, Depends(bounded_body)], parts: Annotated[Services, Depends(services)]
) -> Iterator[None]:
    """A place among those who wait for the writer, once the body is here; 429 when all are taken."""
    if not parts.writers.acquire(blocking=False):
        raise _busy()
    try:
        yield
    finally:
        parts.writers.release()


def install_error_answers(app: FastAPI) -> None:
    """Answer each error with JSON `{"error": …}` and the status that fits it."""
    for kind, status in _STATUS:
        app.add_exception_handler(kind, _answer(status))

    async def http(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StarletteHTTPException)
        return JSONResponse({"error": error.detail}, error.status_code, dict(error.headers or {}))

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        return JSONResponse({"error": f"{'.'.join(map(str, first['loc']))}: {first['msg']}"}, 400)

    async def storage(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OperationalError)
        _LOG.error("the database refuses: %s", error.orig)
        text = f"the server cannot store anything now ({error.orig}): keep the entries and try again"
        return JSONResponse({"error": text}, 503, {"Retry-After": "30"})

    app.add_exception_handler(StarletteHTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(OperationalError, storage)


def _answer(status: int) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(_request: Request, error: Exception) -> JSONResponse:
        if status >= 500:
            _LOG.error("%s", error)
        headers = {"WWW-Authenticate": "Hadir"} if status == 401 else {}
        return JSONResponse({"error": str(error)}, status, headers)

    return answer
