"""Alerts reach a mailbox: each once, again when it rests on something new, and after a relay that did not take it."""

import email
import email.policy
import socket
import threading
from contextlib import suppress

import pytest
from harness import NOW_MS, Server, make_server

from server.devices import service as devices

HOUR_MS = 3_600_000


class Relay:
    """An SMTP server (RFC 5321) that keeps what it is given, as long as it is asked to take it."""

    def __init__(self):
        self.mails = []
        self.refuses = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self):
        self._over.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()

    def _serve(self):
        while not self._over.is_set():
            client, _ = self._listener.accept()
            with client, client.makefile("rwb") as stream, suppress(OSError):
                client.settimeout(10)
                if not self._over.is_set():
                    self._talk(stream)

    def _talk(self, stream):
        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        say("220 relay")
        for line in stream:
            verb = line.split()[0].upper()
            if verb == b"DATA":
                say("354 go on")
                data = b""
                while (part := stream.readline()) != b".\r\n":
                    data += part
                self.mails.append(email.message_from_bytes(data, policy=email.policy.default))
            recipient = line.decode().partition("<")[2].partition(">")[0] if verb == b"RCPT" else ""
            say("550 nobody here" if recipient in self.refuses else "221 bye" if verb == b"QUIT" else "250 well")
            if verb == b"QUIT":
                return


@pytest.fixture
def relay():
    made = Relay()
    yield made
    made.close()


@pytest.fixture
def server(tmp_path, relay):
    """A server with two devices, claimed and not heard since."""
    made = make_server(tmp_path)
    with made.config.open("a") as config:
        to = "[it@ambon.test, duty@ambon.test]"
        config.write(f"mail: {{to: {to}, sender: hadir@ambon.test, relay: '127.0.0.1:{relay.port}'}}\n")
    for name in ("K01", "K02"):
        claim(made, name)
    made.set_clock(NOW_MS + 3 * HOUR_MS)
    return made


def claim(server: Server, name: str):
    parts = server.services()
    with parts.database.write() as connection:
        told = {"site": "a", "zone": "WIT", "sources": ("sim",), "root": parts.keyring.root}
        devices.add(connection, name, **told, now_ms=parts.clock.now_ms())
        row = {"claimed_ms": parts.clock.now_ms(), "signing_key": str(parts.keyring.root), "sealing_key": bytes(32)}
        connection.execute(devices.devices.update().where(devices.devices.c.device == name), row)
        connection.execute(devices.logs.insert(), {"device": name, "size": 0, "frontier": b"", "root": bytes(32)})
    parts.database.close()


def test_what_is_new_is_mailed_once(server, relay):
    assert "mailed 2 alerts to it@ambon.test, duty@ambon.test" in server.command("alert", "mail").out
    [mail] = relay.mails
    assert (mail["From"], mail["To"]) == ("hadir@ambon.test", "it@ambon.test, duty@ambon.test")
    assert mail["Subject"] == "Hadir hadir.example: 2 new alerts, the worst: silence"
    text = mail.get_content()
    assert "K01 (a): not heard for 3 h 0 min" in text
    assert "see whether it has power and network" in text
    server.set_clock(NOW_MS + 4 * HOUR_MS)
    assert server.command("alert", "mail").out == "nothing new\n"
    claim(server, "K03")
    server.set_clock(NOW_MS + 8 * HOUR_MS)
    assert "mailed 1 alerts" in server.command("alert", "mail").out
    assert "K03" in relay.mails[1].get_content()
    assert "K01" not in relay.mails[1].get_content()


def test_what_somebody_knows_is_not_mailed(server, relay):
    parts = server.services()
    identifier = next(line.split()[0] for line in server.command("alerts").out.splitlines() if "K01" in line)
    parts.database.close()
    assert server.command("alert", "acknowledge", identifier, "--reason", "by us", "--by", "joko").code == 0
    assert "mailed 1 alerts" in server.command("alert", "mail").out
    assert "K01" not in relay.mails[0].get_content()


def test_what_a_relay_did_not_take_is_tried_again(server, relay):
    good = server.config.read_text()
    with socket.create_server(("127.0.0.1", 0)) as other:
        closed = other.getsockname()[1]
    server.config.write_text(good.replace(str(relay.port), str(closed)))
    failed = server.command("alert", "mail")
    assert (failed.code, "did not take the mail" in failed.err) == (2, True)
    server.config.write_text(good)
    relay.refuses = {"duty@ambon.test"}
    partly = server.command("alert", "mail")
    assert (partly.code, "not for duty@ambon.test" in partly.err) == (2, True)
    relay.refuses = {"it@ambon.test", "duty@ambon.test"}
    assert server.command("alert", "mail").code == 2
    relay.refuses = set()
    assert "mailed 2 alerts" in server.command("alert", "mail").out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "set mail"),
        ("mail: {to: [], sender: a@b.test}", "to must name somebody"),
        ("mail: {to: ['a@b.test\\nBcc: c@d.test'], sender: a@b.test}", "is no address"),
        ("mail: {to: [a@b.test], sender: a@b.test, relay: nowhere}", "relay must be HOST:PORT"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(server, line, said):
    head = server.config.read_text().partition("mail:")[0]
    server.config.write_text(head + line + "\n")
    done = server.command("alert", "mail")
    assert (done.code, said in done.err) == (2, True), done.err
