"""A device's key changes: announced, then in its log; the old key is not heard any more."""

from dataclasses import dataclass, field

import pytest
from harness import NOW_MS, Kiosk
from sqlalchemy import select

from protocol.keychange import KIND, change_body
from protocol.note import Signer
from server.devices import service as devices
from server.devices.models import device_keys, flags
from server.transparency.service import held_logs, verified


@dataclass
class Changing:
    """A device and the key that it had."""

    kiosk: Kiosk
    old: Signer = field(init=False)

    def change(self) -> bytes:
        """The device takes a new key; the entry of it."""
        self.old = self.kiosk.signer
        new = Signer.generate(self.old.name)
        body = change_body(self.kiosk.name, len(self.kiosk.entries), self.old, new)
        data = self.kiosk.record(KIND, **body)
        self.kiosk.signer = new
        return data

    def announce(self, data: bytes) -> int:
        return self.kiosk.request("POST", "/key", data).status_code

    def flags(self) -> set[str]:
        parts = self.kiosk.server.services()
        with parts.database.read() as connection:
            found = connection.execute(select(flags.c.flag).where(flags.c.device == self.kiosk.name)).scalars().all()
        parts.database.close()
        return set(found)


@pytest.fixture
def changing(kiosk):
    kiosk.record()
    return Changing(kiosk)


def test_the_new_key_brings_what_was_not_sent_before_the_change_and_what_came_after(changing):
    kiosk = changing.kiosk
    kiosk.record()
    data = changing.change()
    kiosk.record()
    assert kiosk.send(0, 1).status_code == 401
    assert changing.announce(data) == 200
    assert kiosk.send(0, 1).status_code == 200
    assert kiosk.cursor(kiosk.send(1).content).size == 4
    parts = kiosk.server.services()
    with parts.database.read() as connection:
        verified(connection, kiosk.name, 0, NOW_MS)
        assert devices.device(connection, kiosk.name).verifier == kiosk.signer.verifier
    parts.database.close()
    assert not changing.flags()


def test_a_change_may_be_announced_again(changing):
    data = changing.change()
    assert [changing.announce(data) for _ in range(2)] == [200, 200]
    assert changing.kiosk.send(0).status_code == 200
    assert changing.announce(data) == 200
    parts = changing.kiosk.server.services()
    with parts.database.read() as connection:
        kept = connection.execute(select(device_keys.c.seq).where(device_keys.c.device == changing.kiosk.name)).all()
    parts.database.close()
    assert kept == [(1,)]


def test_the_old_key_is_not_heard_after_the_change(changing):
    assert changing.announce(changing.change()) == 200
    thief = Kiosk(changing.kiosk.server, changing.kiosk.name, changing.old)
    thief.entries = changing.kiosk.entries[:1]
    thief.record()
    assert thief.send(0).status_code == 401
    answer = thief.request("GET", "/manifest")
    assert answer.status_code == 401


def test_a_stolen_key_that_ended_changes_to_no_other_and_is_flagged(changing):
    assert changing.announce(changing.change()) == 200
    thief = Signer.generate(changing.old.name)
    changing.kiosk.entries.pop()
    data = changing.kiosk.record(KIND, **change_body(changing.kiosk.name, 1, changing.old, thief))
    assert changing.announce(data) == 403
    assert changing.flags() == {"key"}


def test_a_log_that_goes_on_otherwise_than_announced_is_not_stored(changing):
    assert changing.announce(changing.change()) == 200
    changing.kiosk.entries[1:] = []
    changing.kiosk.record()
    answer = changing.kiosk.send(0)
    assert (answer.status_code, "not the change of key" in answer.headers["Hadir-Problem"]) == (409, True)
    assert changing.kiosk.cursor(answer.content).size == 0
    assert changing.flags() == {"key"}


def test_a_change_that_was_not_announced_is_not_stored(changing):
    changing.change()
    changing.kiosk.signer = changing.old
    assert changing.kiosk.send(0).status_code == 409


def test_a_change_for_a_place_that_is_taken_is_flagged(changing):
    kiosk = changing.kiosk
    kiosk.record()
    assert kiosk.send(0).status_code == 200
    kiosk.entries.pop()
    assert changing.announce(changing.change()) == 403
    assert changing.flags() == {"key"}


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff"])
def test_what_is_no_change_is_refused(changing, body):
    assert changing.announce(body) == 400
    changing.kiosk.record()
    assert changing.announce(changing.kiosk.entries[-1]) == 400


def test_a_revoked_device_changes_no_key(changing):
    data = changing.change()
    assert changing.kiosk.server.command("revoke", changing.kiosk.name, "--reason", "stolen").code == 0
    assert changing.announce(data) == 403


def test_the_change_is_listed_for_auditors(changing):
    data = changing.change()
    assert changing.announce(data) == 200
    assert changing.kiosk.send(0).status_code == 200
    parts = changing.kiosk.server.services()
    with parts.database.read() as connection:
        [log] = [log for log in held_logs(connection) if log.device == changing.kiosk.name]
    parts.database.close()
    assert log.changes == [data]
    assert log.key == str(changing.old.verifier)
