"""The real server application on a loopback port, for tests of those who talk to it."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import uvicorn

from server import services
from server.app import create_app
from server.config import ServerConfig
from server.devices import service as devices
from server.people import service as people
from server.services import Services
from simulation import office
from simulation.month import SimulatedMonth


class LocalServer:
    """A running server, its clock in a file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.clock = directory / "simulated-clock"
        self.set_time(office.midnight_ms(office.days_of("2026-10")[0]))
        self.parts: Services = services.initialise(ServerConfig(directory, "hadir.test.example", clock="simulated"))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(create_app(self.parts), lifespan="off", log_level="error", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()

    def set_time(self, ms: int) -> None:
        self.clock.write_text(str(ms), encoding="ascii")

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
