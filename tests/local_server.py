"""The real server application on a loopback port, for tests of those who talk to it."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import uvicorn

from server import keys, services
from server.app import create_app
from server.config import ServerConfig
from server.devices import service as devices
from server.people import service as people
from server.services import Services
from simulation import office
from simulation.month import SimulatedMonth


class LocalServer:
    """A running server, its clock in a file."""

    def __init__(self, directory: Path, certificate: Path | None = None) -> None:
        """`certificate`: file with a key and certificate, for TLS."""
        directory.mkdir()
        self.clock = directory / "simulated-clock"
        self.set_time(office.midnight_ms(office.days_of("2026-10")[0]))
        self.parts: Services = services.initialise(ServerConfig(directory, "hadir.test.example", clock="simulated"))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self._socket.getsockname()[1]}"
        self._app = create_app(self.parts)
        config = uvicorn.Config(
            self._app, lifespan="off", log_level="error", access_log=False, ssl_certfile=certificate
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()

    def set_time(self, ms: int) -> None:
        self.clock.write_text(str(ms), encoding="ascii")

    def delegate(self, now_ms: int, *, new_keys: bool = False) -> None:
        """As `hadir server delegate` and a restart."""
        directory = self.parts.config.state_dir / "keys"
        keyring = keys.delegate(directory, self.parts.config.origin, now_ms, new_keys=new_keys)
        self.parts = self._app.state.services = replace(self.parts, keyring=keyring)

    def token(self, name: str, site: str = "pupr") -> str:
        with self.parts.database.write() as connection:
            return str(
                devices.add(
                    connection,
                    name,
                    site=site,
                    zone="WIT",
                    sources=("sim",),
                    root=self.parts.keyring.root,
                    now_ms=self.parts.clock.now_ms(),
                )
            )

    def pseudonyms(self, month: SimulatedMonth) -> dict[str, str]:
        with self.parts.database.write() as connection:
            people.add_person_keys(connection, [str(row["employee_id"]) for row in month.employees])
            return people.pseudonyms(connection)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.parts.database.close()
