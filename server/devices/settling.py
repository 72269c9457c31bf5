"""What is kept of contacts: a kiosk makes thousands a day, and most say nothing that the others do not say."""

from __future__ import annotations

import json

from sqlalchemy import Connection, RowMapping, delete, select

from server.attendance.dating import HOUR_MS, Contact, telling
from server.devices.models import CARRIED, contacts, entries
from server.errors import Refused


def settle(connection: Connection, contact: int, accepted: bool) -> None:
    """After a contact that brought no new entry, forget the one before it where nothing rests upon that.

    Kept are contacts that brought entries or were not `accepted`, the last before each of these, the last of each hour
    and boot, and those that date entries: by what is left, entries are dated as by all, at whatever cutoff.

    Refused when the device was heard later in the same boot: a request whose nonce was forgotten is known by that.
    """
    new = connection.execute(select(contacts).where(contacts.c.contact == contact)).mappings().one()
    own = (contacts.c.device == new["device"]) & (contacts.c.signed_ms != CARRIED) & (contacts.c.contact < contact)
    of_boot = own & (contacts.c.boot == new["boot"])
    later = select(contacts.c.contact).where(of_boot, contacts.c.boottime_ms > new["boottime_ms"])
    if connection.execute(later.limit(1)).first():
        raise Refused("a later request of the same boot was heard before this one; make and sign a new one")
    newest = select(contacts).where(own).order_by(contacts.c.server_ms.desc(), contacts.c.contact.desc()).limit(1)
    before = connection.execute(newest).mappings().first()
    if not accepted or before is None or before["boot"] != new["boot"] or not held_nothing_more(new["status"]):
        return
    hour_ms = new["server_ms"] // HOUR_MS * HOUR_MS
    if before["server_ms"] < hour_ms or not held_nothing_more(before["status"]) or _brought_entries(connection, before):
        return
    of_hour = select(contacts).where(of_boot, contacts.c.server_ms >= hour_ms).order_by(contacts.c.contact)
    heard = [Contact.of(row) for row in connection.execute(of_hour).mappings()]
    if heard[-1] not in telling(heard)[-1:]:
        connection.execute(delete(contacts).where(contacts.c.contact == before["contact"]))


def held_nothing_more(status: str) -> bool:
    """Whether a contact left nothing at the device that was not here: as reckoned here, by its word in older rows."""
    told = json.loads(status)
    return bool(told.get("waiting", told.get("backlog")) == 0)


def _brought_entries(connection: Connection, row: RowMapping) -> bool:
    """Whether entries came with this contact or, where the server's clock was set back, with one after it."""
    query = select(entries.c.contact).where(entries.c.device == row["device"]).order_by(entries.c.seq.desc()).limit(1)
    last = connection.execute(query).scalar()
    return last is not None and last >= row["contact"]
