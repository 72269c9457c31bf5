"""The station's socket: answered between two frames, and never in the way."""

import socket
import threading

import pytest

from kiosk.appliance.control import ControlSocket, ask
from kiosk.errors import KioskError


@pytest.fixture
def control(tmp_path):
    control = ControlSocket(
        tmp_path / "station.sock",
        {"status": lambda request: {"lamp": "idle"}, "prune": lambda request: {"got": request["held"]}},
    )
    yield control
    control.close()


def answering(control, done):
    while not done.is_set():
        control.poll()


def test_a_question_is_answered(control, tmp_path):
    done = threading.Event()
    thread = threading.Thread(target=answering, args=(control, done))
    thread.start()
    try:
        assert ask(tmp_path / "station.sock", "status") == {"lamp": "idle"}
        assert ask(tmp_path / "station.sock", "prune", held="a note") == {"got": "a note"}
        with pytest.raises(KioskError, match="no station answers"):
            ask(tmp_path / "station.sock", "shell")
    finally:
        done.set()
        thread.join()


def test_a_client_that_says_nonsense_is_dropped_and_the_loop_goes_on(control, tmp_path):
    for nonsense in (b"\x00" * 5000, b"[]", b'{"command": ["status"]}', b'{"command": "status', b"[" * 4096):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "station.sock"))
            client.sendall(nonsense)
            control.poll()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "station.sock"))
        client.sendall(b'{"command": "status"}')
        control.poll()
        assert client.recv(100) == b'{"lamp": "idle"}\n'


def test_no_station_is_named(tmp_path):
    with pytest.raises(KioskError, match="no station answers at"):
        ask(tmp_path / "station.sock", "status")
