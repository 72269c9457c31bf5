"""A small part of `python -m benchmarks.faulty_network`: real processes, killed, over a network that does its worst."""

import socket
import sqlite3
from contextlib import closing, suppress

import pytest

from benchmarks import faulty_network
from simulation.faulty import FaultyNetwork


@pytest.fixture
def listener():
    """A server that nobody answers for yet."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(10)
        yield made


def test_without_faults_everything_passes_and_requests_are_heard(listener):
    heard = []
    network = FaultyNetwork(listener.getsockname()[1], 0.0, on_request=heard.append)
    try:
        with socket.create_connection(("127.0.0.1", network.port), timeout=10) as client:
            client.sendall(b"question")
            server, _ = listener.accept()
            with server:
                assert server.recv(100) == b"question"
                server.sendall(b"answer")
                assert client.recv(100) == b"answer"
    finally:
        network.close()
    assert heard == [b"question"]
    assert not network.counts.total()


def test_when_nothing_passes_the_client_is_told_at_once(listener):
    network = FaultyNetwork(listener.getsockname()[1], 1.0)
    try:
        client = socket.create_connection(("127.0.0.1", network.port), timeout=10)
        with client, suppress(ConnectionResetError):
            assert client.recv(100) == b""
    finally:
        network.close()
    assert network.counts["refused"] == 1


def test_killed_and_over_a_faulty_network_each_entry_arrives_once(tmp_path):
    outcome = faulty_network.run(tmp_path, kiosks=3, each=60, batch=5, workers=1, kill_after=24)
    assert outcome.sound, outcome
    assert outcome.written == 180
    assert outcome.sent >= 180
    assert outcome.kills.total() >= 1
    assert outcome.faults.total() > 0
    # What it counts is there to be found: an entry less, another one altered.
    database = tmp_path / "state" / "server.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM entries WHERE device = 'K001' AND seq = 7")
        connection.execute("UPDATE entries SET bytes = x'00' WHERE device = 'K002' AND seq = 9")
    found = faulty_network.count(tmp_path, database)
    assert (found.stored, found.lost, found.altered, found.sound) == (179, 1, 1, False)
