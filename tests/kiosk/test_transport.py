"""What a server can make a kiosk hold: never more than is allowed, and what it refuses is said in a line."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from kiosk import transport
from kiosk.errors import SyncError
from kiosk.transport import NotRecognised, Transport


class Endless(BaseHTTPRequestHandler):
    """Answers 401 to POST, and GET without end."""

    def do_POST(self):
        said = b'{"error": "who\\u001b[2J are you"}'
        self.send_response(401)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 14))
                self.server.sent += 1 << 14
        except OSError:
            return

    def log_message(self, *arguments):
        """Nothing."""


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Endless) as running:
        running.sent = 0
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def way(server):
    made = Transport(f"http://127.0.0.1:{server.server_port}")
    yield made
    made.close()


def test_endless_data_is_cut_off(server, way, monkeypatch):
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1 << 20)
    with pytest.raises(SyncError, match="answers without end: more than 1048576 bytes"):
        way.send("GET", "/v1/devices/K01/manifest", b"", {})
    assert server.sent < 64 << 20, "what the network buffers, not what the server would send"


def test_a_refusal_is_one_printable_line(way):
    with pytest.raises(NotRecognised, match=r"refused POST /x: 401, who\[2J are you$"):
        way.send("POST", "/x", b"", {})
