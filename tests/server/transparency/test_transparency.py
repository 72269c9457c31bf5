"""An auditor reads the logs as the devices signed them; nobody else reads entries."""

import pytest
from harness import http
from sqlalchemy import update

from protocol.checkpoint import open_checkpoint
from protocol.merkle import Frontier
from protocol.note import Verifier
from server.devices.models import entries, logs
from server.errors import Conflict
from server.transparency import service


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


def test_a_stored_entry_that_was_altered_is_noticed_before_anything_is_computed(kiosk):
    kiosk.record()
    kiosk.record()
    assert kiosk.send(0).status_code == 200
    parts = kiosk.server.services()
    row = (entries.c.device == kiosk.name) & (entries.c.seq == 1)
    with parts.database.write() as connection:
        service.check_stored(connection)
        connection.execute(update(entries).where(row), {"bytes": kiosk.entries[0]})
    with parts.database.write() as connection:
        with pytest.raises(Conflict, match=f"log of {kiosk.name} as stored"):
            service.check_stored(connection)
        # An insider who makes the server's own root fit is still without the device's key.
        fitted = Frontier().append([kiosk.entries[0], kiosk.entries[0]])
        connection.execute(
            update(logs).where(logs.c.device == kiosk.name), {"root": fitted.root(), "frontier": fitted.encode()}
        )
        with pytest.raises(Conflict, match=f"log of {kiosk.name} as stored"):
            service.check_stored(connection)
        right = Frontier().append(kiosk.entries)
        connection.execute(
            update(logs).where(logs.c.device == kiosk.name), {"root": right.root(), "frontier": right.encode()}
        )
        connection.execute(update(entries).where(row), {"bytes": kiosk.entries[1]})
    parts.database.close()
