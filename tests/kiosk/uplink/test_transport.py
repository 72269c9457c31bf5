"""What a server can make a kiosk hold, or wait for: never more than is allowed; what it refuses is said in a line."""

import json
import socket
import threading
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.errors import ClaimError, SyncError
from kiosk.uplink.claiming import claim
from kiosk.uplink.transport import Answer, NotRecognised, ServerBusy, Transport
from protocol.claim import Token
from protocol.note import Signer

ROOT = Signer.generate("hadir.example/root")
NOTHING_TO_SAY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Scripted:
    """A server that answers each connection with the next pieces of `script`, one connection after another."""

    def __init__(self):
        self.script = lambda: iter([NOTHING_TO_SAY])
        self.sent = 0
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def pause(self, seconds):
        """For scripts: wait, but no longer than the server lives."""
        self._over.wait(seconds)

    def close(self):
        self._over.set()
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()

    def _serve(self):
        while not self._over.is_set():
            client, _ = self._listener.accept()
            with client, suppress(OSError):
                client.settimeout(10)
                client.recv(1 << 16)
                for piece in self.script():
                    if self._over.is_set():
                        break
                    client.sendall(piece)
                    self.sent += len(piece)


@pytest.fixture(scope="module")
def server():
    made = Scripted()
    yield made
    made.close()


def ask(server, method="GET", request_s=60.0):
    with closing(Transport(server.url, request_s=request_s)) as way:
        return way.send(method, "/v1/devices/K01/manifest", b"", {})


def answering(status, content=b"", *headers):
    lines = [f"HTTP/1.1 {status} x".encode(), b"Content-Length: %d" % len(content), *headers]
    return lambda: iter([b"\r\n".join(lines) + b"\r\n\r\n" + content])


def test_endless_data_is_cut_off(server):
    def endless():
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield bytes(1 << 14)

    server.script, server.sent = endless, 0
    with pytest.raises(SyncError, match="answers without end: more than 1048576 bytes"):
        ask(server)
    assert server.sent < 64 << 20, "what the network buffers, not what the server would send"


def trickling(server, begin, piece):
    def script():
        yield begin
        while True:
            yield piece
            server.pause(0.02)

    return script


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b"x", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"x", id="body without length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\nHadir-Manifest: ", b"0", id="header"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="continue"),
    ],
)
def test_slow_retrieval_ends_when_the_time_for_a_request_is_over(server, begin, piece):
    server.script = trickling(server, begin, piece)
    with pytest.raises(SyncError, match=r"cannot be reached \(not within 0.2 s\)"):
        ask(server, request_s=0.2)
    server.script = answering(200, b"well")
    assert ask(server, request_s=60.0).content == b"well", "the next request is a new one"


def test_a_slow_handshake_ends_as_well(server):
    server.script = trickling(server, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x00")
    way = Transport(server.url.replace("http", "https"), request_s=0.2)
    with closing(way), pytest.raises(SyncError, match=r"cannot be reached \(not within 0.2 s\)"):
        way.send("GET", "/", b"", {})


def test_a_refusal_is_one_printable_line(server):
    server.script = answering(401, b'{"error": "who\\u001b[2J are you"}')
    with pytest.raises(NotRecognised, match=r"refused POST /v1/devices/K01/manifest: 401, who\[2J are you$"):
        ask(server, "POST")


def test_an_answer_that_is_packed_is_not_unpacked(server):
    server.script = answering(200, bytes(100), b"Content-Encoding: gzip")
    with pytest.raises(SyncError, match="packs its answer"):
        ask(server)


@pytest.mark.parametrize(
    ("asked", "seconds"), [("7", 7.0), ("99999", 3600.0), ("²", 0.0), ("-3", 0.0), ("1e9", 0.0), ("9" * 400, 0.0)]
)
def test_how_long_to_wait_is_believed_as_far_as_it_is_a_number(server, asked, seconds):
    server.script = answering(503, b"", b"Retry-After: " + asked.encode("utf-8"))
    with pytest.raises(ServerBusy) as refused:
        ask(server)
    assert refused.value.retry_after_s == seconds


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MALFORMED = [
    b"[" * 200_000,
    b'{"error":' * 50_000,
    b"9" * 10_000,
    b'{"error": 1e999}',
    b'{"error": "\\ud800"}',
    b"\xff",
]
documents = st.one_of(
    st.sampled_from(MALFORMED),
    values.map(lambda value: json.dumps(value).encode()),
    values.map(lambda value: json.dumps({"error": value, "origin": value, "delegation": value}).encode()),
    st.binary(max_size=200),
)
lines = st.one_of(st.binary(max_size=60), st.sampled_from(list(b"\r\n:; 0")).map(lambda byte: bytes([byte]) * 3))
heads = st.lists(
    st.one_of(
        lines,
        st.builds(
            lambda name, value: name + b": " + value,
            st.sampled_from(
                [
                    b"Content-Length",
                    b"Transfer-Encoding",
                    b"Content-Encoding",
                    b"Retry-After",
                    b"Set-Cookie",
                    b"Location",
                ]
            ),
            st.one_of(st.sampled_from([b"chunked", b"gzip", b"-1", b"1e9", "²".encode(), b"a=b; expires=x"]), lines),
        ),
    ),
    max_size=4,
)
statuses = st.one_of(st.sampled_from([200, 201, 401, 409, 429, 500, 503]), st.integers(0, 9999))


@settings(max_examples=150, deadline=None)
@given(status=statuses, head=heads, content=documents, framed=st.booleans())
def test_whatever_a_server_answers_the_errors_are_the_declared_ones(server, status, head, content, framed):
    length = [b"Content-Length: %d" % len(content)] if framed else []
    answer = b"\r\n".join([b"HTTP/1.1 %d x" % status, *length, *head]) + b"\r\n\r\n" + content
    server.script = lambda: iter([answer])
    with closing(Transport(server.url, request_s=60.0)) as way:
        with suppress(SyncError):
            assert isinstance(way.send("POST", "/x", b"x", {}), Answer)
        with suppress(SyncError):
            assert isinstance(way.send_json("GET", "/v1/status"), dict)


@settings(max_examples=100, deadline=None)
@given(content=documents)
def test_whatever_a_server_answers_to_a_claim_is_said_in_words(server, tmp_path_factory, content):
    server.script = answering(200, content)
    with pytest.raises(ClaimError, match="^(the server at )?http://"):
        claim(tmp_path_factory.getbasetemp() / "unclaimed", server.url, str(Token.new("K01", ROOT.verifier)))
