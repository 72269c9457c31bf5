"""An auditor reads the logs as the devices signed them; nobody else reads entries."""

import pytest
from harness import NOW_MS, http
from sqlalchemy import delete, update

from protocol.checkpoint import open_checkpoint
from protocol.merkle import Frontier
from protocol.note import Verifier
from server.devices.models import checkpoints, entries, logs
from server.errors import Conflict
from server.transparency import service

HOUR_MS = 3_600_000


def test_the_entries_give_the_root_of_the_signed_checkpoint(running, kiosk):
    for number in range(3):
        kiosk.record(camera=f"c{number}")
    assert kiosk.send(0).status_code == 200
    (log,) = (one for one in http.get(f"{running.base}/v1/logs").json() if one["device"] == kiosk.name)
    token = running.command("auditor", f"kpk-{kiosk.name}").out.strip()
    base = f"{running.base}/v1/logs/{kiosk.name}"
    answer = http.get(f"{base}/entries?from=0&to={log['size']}", headers={"Authorization": f"Bearer {token}"})
    lines = answer.content.split(b"\n")[:-1]
    assert lines == kiosk.entries
    checkpoint = open_checkpoint(http.get(f"{base}/checkpoint").content, Verifier.parse(log["key"]))
    assert (checkpoint.size, checkpoint.root) == (3, Frontier().append(lines).root())
    part = http.get(f"{base}/entries?from=1&to=2", headers={"Authorization": f"Bearer {token}"})
    assert part.content == kiosk.entries[1] + b"\n"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer"}])
def test_entries_are_not_shown_without_an_auditors_token(running, kiosk, headers):
    assert http.get(f"{running.base}/v1/logs/{kiosk.name}/entries", headers=headers).status_code == 401


def test_what_is_out_of_range_or_unknown_is_said(running):
    assert http.get(f"{running.base}/v1/logs/none/checkpoint").status_code == 404
    assert http.get(f"{running.base}/v1/logs/none/entries?from=-1").json()["error"].startswith("query.from")


@pytest.fixture
def stored(kiosk):
    """A log of three batches of two entries, an hour apart; and a connection whose changes are undone."""
    for batch in range(3):
        kiosk.server.set_clock(NOW_MS + batch * HOUR_MS)
        kiosk.record()
        kiosk.record()
        assert kiosk.send(2 * batch, sent_ms=NOW_MS + batch * HOUR_MS).status_code == 200
    kiosk.server.set_clock(NOW_MS)
    parts = kiosk.server.services()
    with parts.database.write() as connection:
        undo = connection.begin_nested()
        yield kiosk, connection
        undo.rollback()
    parts.database.close()


def altered(place, **values):
    return lambda name: update(entries).where(entries.c.device == name, entries.c.seq == place).values(values)


def deleted(table, column, value):
    return lambda name: delete(table).where(table.c.device == name, column == value)


def other_frontier(name):
    return update(checkpoints).where(checkpoints.c.device == name, checkpoints.c.size == 2).values(frontier=bytes(32))


@pytest.mark.parametrize(
    "change",
    [
        altered(3, bytes=b"{}"),
        altered(5, bytes=b"{}"),
        altered(5, seq=7),
        altered(5, seq=7, received_ms=NOW_MS + 9 * HOUR_MS),
        deleted(entries, entries.c.seq, 5),
        deleted(entries, entries.c.seq, 2),
        deleted(checkpoints, checkpoints.c.size, 6),
        deleted(logs, logs.c.size, 6),
        other_frontier,
    ],
)
def test_an_entry_that_is_not_stored_as_it_was_signed_is_noticed_where_it_is_needed(stored, change):
    kiosk, connection = stored
    later = NOW_MS + 3 * HOUR_MS
    assert [row.seq for row in service.verified(connection, kiosk.name, 2, later)] == [2, 3, 4, 5]
    connection.execute(change(kiosk.name))
    for first in (2, 3):
        with pytest.raises(Conflict, match=f"log of {kiosk.name} as stored"):
            service.verified(connection, kiosk.name, first, later)


def test_an_insider_who_makes_the_servers_own_root_fit_is_still_without_the_devices_key(stored):
    kiosk, connection = stored
    connection.execute(altered(5, bytes=kiosk.entries[0])(kiosk.name))
    fitted = Frontier().append([*kiosk.entries[:5], kiosk.entries[0]])
    values = {"root": fitted.root(), "frontier": fitted.encode()}
    connection.execute(update(logs).where(logs.c.device == kiosk.name), values)
    connection.execute(update(checkpoints).where(checkpoints.c.device == kiosk.name, checkpoints.c.size == 6), values)
    with pytest.raises(Conflict, match=f"log of {kiosk.name} as stored"):
        service.verified(connection, kiosk.name, 4, NOW_MS + 3 * HOUR_MS)


@pytest.mark.parametrize("table", [entries, checkpoints])
def test_what_lies_before_something_received_was_received_whenever_that_is_said_to_have_been(stored, table):
    kiosk, connection = stored
    place = (table.c.seq == 2) if table is entries else (table.c.size == 4)
    own = update(table).where(table.c.device == kiosk.name, place)
    connection.execute(own.values(received_ms=NOW_MS + 9 * HOUR_MS))
    rows = service.verified(connection, kiosk.name, 2, NOW_MS + 3 * HOUR_MS)
    assert [row.seq for row in rows] == [2, 3, 4, 5]


def test_what_a_span_of_time_does_not_need_is_left_to_the_audit(stored):
    kiosk, connection = stored
    connection.execute(altered(1, bytes=b"{}")(kiosk.name))
    assert service.first_received(connection, kiosk.name, NOW_MS + 1) == 2
    assert [row.seq for row in service.verified(connection, kiosk.name, 2, NOW_MS + HOUR_MS)] == [2, 3]
    assert service.first_received(connection, kiosk.name, NOW_MS + 3 * HOUR_MS) == 6
    assert not service.verified(connection, kiosk.name, 6, NOW_MS + 3 * HOUR_MS)
