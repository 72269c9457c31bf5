"""A network that goes away and comes back."""

import socket

import pytest

from simulation.network import Network


@pytest.fixture
def echo():
    """A server that says "x" to whoever connects, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    yield listener
    listener.close()


def test_what_is_sent_arrives_while_the_network_is_up_and_nothing_while_it_is_down(echo):
    network = Network(echo.getsockname()[1])
    try:
        with socket.create_connection(("127.0.0.1", network.port), timeout=5) as client:
            server, _ = echo.accept()
            client.sendall(b"hello")
            assert server.recv(10) == b"hello"
            network.down()
            assert client.recv(10) == b""
            server.close()
        with socket.create_connection(("127.0.0.1", network.port), timeout=5) as client:
            assert client.recv(10) == b""
        network.up()
        with socket.create_connection(("127.0.0.1", network.port), timeout=5) as client:
            server, _ = echo.accept()
            server.sendall(b"again")
            assert client.recv(10) == b"again"
            server.close()
    finally:
        network.close()
