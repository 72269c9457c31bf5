"""A server's address as a source: the routes of the server, spoken to over loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import uvicorn
from honest import ORIGIN, entry_bytes, hadir_audit, server_file, signer_of

from protocol.note import Signer
from server import config, services
from server.app import create_app
from server.database import Database
from server.transparency.service import PAGE_BYTES, add_auditor, log_entries

LOGS = {"K01": [1500, 1500], "K02": [3]}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Services]:
    """A server with two logs."""
    directory = tmp_path_factory.mktemp("server")
    (directory / "server.yaml").write_text(f"state_dir: state\norigin: {ORIGIN}\nlisten: 127.0.0.1:0\n")
    made = services.initialise(config.load(directory / "server.yaml"))
    with server_file(made.database.path, LOGS):
        yield made
    made.database.close()


@pytest.fixture(scope="module")
def address(parts: services.Services) -> Iterator[str]:
    """Where that server answers."""
    server = uvicorn.Server(uvicorn.Config(create_app(parts), port=0, lifespan="off", log_level="critical"))
    listener = server.config.bind_socket()
    listener.listen()
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield "http://{}:{}".format(*listener.getsockname())
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def token(parts: services.Services, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An auditor's token where the command looks for it."""
    with parts.database.write() as connection:
        monkeypatch.setenv("HADIR_AUDITOR_TOKEN", add_auditor(connection, request.node.name, 0))


@pytest.mark.usefixtures("token")
def test_the_logs_of_a_running_server_are_verified(address: str) -> None:
    said = hadir_audit("verify", address, "--json")
    assert said.code == 0, said.out + said.err
    assert [(d["name"], d["proven"], d["unsigned"]) for d in said.report["devices"]] == [
        ("K01", 3000, 0),
        ("K02", 3, 0),
    ]


@pytest.mark.usefixtures("token")
def test_a_fault_is_found_through_the_address_too(address: str, parts: services.Services) -> None:
    with parts.database.write() as connection:
        statement = "UPDATE entries SET bytes = ? WHERE device = 'K02' AND seq = 1"
        connection.exec_driver_sql(statement, (entry_bytes("K02", 1, state="stalled"),))
    said = hadir_audit("verify", address, "--json")
    with parts.database.write() as connection:
        connection.exec_driver_sql(statement, (entry_bytes("K02", 1),))
    # The frontier beside the checkpoint narrows it: of three entries, the last is right.
    assert (said.code, said.findings("K01"), said.findings("K02")) == (1, [], [("altered", 0, 1)])


@pytest.mark.usefixtures("token")
def test_pinned_keys_tell_another_servers_logs(address: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text(hadir_audit("keys", address).out)
    assert hadir_audit("verify", address, "--keys", keys).code == 0
    keys.write_text(
        "\n".join(str(signer.verifier) for signer in (signer_of("K01"), Signer.generate(f"{ORIGIN}/device/K02")))
    )
    said = hadir_audit("verify", address, "--keys", keys, "--json")
    assert (said.code, said.findings("K01")) == (1, [])
    assert ("key", None, None) in said.findings("K02")


def test_without_a_token_the_way_to_one_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HADIR_AUDITOR_TOKEN", raising=False)
    said = hadir_audit("verify", address)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "HADIR_AUDITOR_TOKEN" in said.err


@pytest.mark.parametrize(
    "wrong", ["http://127.0.0.1:1", "http://127.0.0.1:none", "http://[", "https://", "http://\x1b"]
)
def test_an_address_where_no_server_answers_is_refused_in_one_line(wrong: str) -> None:
    said = hadir_audit("verify", wrong)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "\x1b" not in said.err


def test_an_address_of_something_else_is_refused_in_one_line(address: str) -> None:
    said = hadir_audit("verify", f"{address}/v1/status?")
    assert (said.code, said.err.count("\n")) == (2, 1)


@pytest.fixture(scope="module")
def liar() -> Iterator[tuple[dict[str, bytes], str]]:
    """A server that answers with what a test puts into the first, by path, and its address."""
    answers: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path.partition("?")[0], b"[]")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield answers, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


_ROW = b'[{"device":%b,"key":"","size":%b,"changes":%b}]'


@pytest.mark.parametrize(
    "answer",
    [
        b"[" * 200_000,
        b'"' + b"\xff" * 9,
        b"9" * 9000,
        b"{}",
        _ROW % (b'"\\ud800"', b"1", b"[]"),
        _ROW % (b'"K01"', b"-5", b'"abcd"'),
        _ROW % (b'"K01"', b"1e999", b"[]"),
        _ROW % (b'"K01"', b"2", b'["\\ud800"]'),
    ],
)
@pytest.mark.parametrize("command", ["verify", "national"])
def test_an_answer_that_is_nonsense_is_said_to_be(
    liar: tuple[dict[str, bytes], str], command: str, answer: bytes
) -> None:
    answers, address = liar
    answers["/v1/logs"] = answer
    said = hadir_audit(command, address)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.isascii()


def test_entries_that_are_stated_and_not_served_are_missed(liar: tuple[dict[str, bytes], str]) -> None:
    answers, address = liar
    key = str(Signer.generate("hadir.test/device/K01").verifier)
    answers["/v1/logs"] = json.dumps([{"device": "K01", "key": key, "size": 3, "changes": []}]).encode()
    answers["/v1/logs/K01/entries"] = b""
    said = hadir_audit("verify", address)
    assert said.code == 1
    assert "K01: checkpoint: entries 0 to 2" in said.out


def test_entries_longer_than_any_that_is_taken_today_are_read_page_by_page(tmp_path: Path) -> None:
    with server_file(tmp_path / "server.db", {}) as made:
        for seq in range(3):
            made.add("entries", device="K01", seq=seq, bytes=b"x" * (PAGE_BYTES // 2 + seq))
    database = Database(tmp_path / "server.db")
    with database.read() as connection:
        assert [len(log_entries(connection, "K01", first, 3)) for first in (0, 1, 2)] == [1, 1, 1]
    database.close()
