"""Servers and claimed devices for the tests of the server."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Kiosk, Server, claimed_kiosk, make_server


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are not folded."""
    monkeypatch.setenv("COLUMNS", "250")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server process for all tests; each test claims a device of its own."""
    server = make_server(tmp_path_factory.mktemp("server"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(server.directory / "notify"))
        process = server.start(NOTIFY_SOCKET=str(server.directory / "notify"), WATCHDOG_USEC="60000000")
        systemd.settimeout(20)
        assert {systemd.recv(100), systemd.recv(100)} == {b"READY=1", b"WATCHDOG=1"}
        assert (server.directory / "state" / "listening").read_text().strip() in server.base
    yield server
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert process.stdout is not None
    process.stdout.close()
    assert not (server.directory / "state" / "listening").exists()


@pytest.fixture
def idle(tmp_path: Path) -> Server:
    """A server of the test's own that does not run."""
    return make_server(tmp_path)


_numbers = iter(range(1, 1000))


@pytest.fixture
def kiosk(running: Server) -> Kiosk:
    """A claimed device of the running server."""
    return claimed_kiosk(running, f"K{next(_numbers):02}")
