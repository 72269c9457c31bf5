"""The HTTP application: the routes of all domains over one set of services."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI

from server.devices.routes import router as devices
from server.enrolment.routes import router as enrolment
from server.services import Services
from server.transparency.routes import router as transparency
from server.web import install_error_answers, services

VERSION = "0.1.0"


def create_app(parts: Services) -> FastAPI:
    """The application; it holds nothing but `parts`."""
    app = FastAPI(title="Hadir", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = parts
    install_error_answers(app)
    for router in (devices, enrolment, transparency):
        app.include_router(router)

    @app.get("/v1/status")
    def status(parts: Annotated[Services, Depends(services)]) -> dict[str, Any]:
        """Which installation this is; open to all, says nothing of anybody."""
        return {
            "origin": parts.config.origin,
            "version": VERSION,
            "root_key": str(parts.keyring.root),
            "roots": [note.decode() for note in parts.keyring.successors],
            "delegation": parts.keyring.delegation.decode(),
            "clock": parts.clock.kind,
            "time_ms": parts.clock.now_ms(),
        }

    return app
