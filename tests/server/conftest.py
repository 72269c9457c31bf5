"""Servers and claimed devices for the tests of the server."""

import signal
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
    process = server.start()
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
