"""Devices from the token to the loss: added, claimed, listed, revoked."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, RowMapping, exists, select
from sqlalchemy.dialects.sqlite import insert

from protocol.claim import Token, claim_message
from protocol.errors import ProtocolError
from protocol.merkle import EMPTY_ROOT
from protocol.note import Verifier, unbase64
from server.devices import keychanges
from server.devices.models import device_losses, devices, entries, flags, logs
from server.errors import Conflict, NotFound, Refused

SOURCES = ("picamera2", "v4l2", "rtsp", "rtsps", "file", "sim", "exec")
"""Kinds of camera that a kiosk can have (docs/camera-exec.md); only the first four are for a site."""
ZONES = ("WIB", "WITA", "WIT")
TOKEN_MS = 14 * 86_400_000
CLOCK_TOLERANCE_MS = 10_000


@dataclass(frozen=True)
class Device:
    """A claimed device. `verifier` checks what it signs; `sealing_key` seals what only it may read."""

    name: str
    site: str
    zone: str
    sources: tuple[str, ...]
    verifier: Verifier
    sealing_key: bytes
    claimed_ms: int


def add(
    connection: Connection, name: str, *, site: str, zone: str, sources: tuple[str, ...], root: Verifier, now_ms: int
) -> Token:
    """A one-time token for a new device, or a fresh one for a device that was never claimed."""
    token = Token.new(name, root)
    if zone not in ZONES:
        raise Refused(f"zone {zone!r} is none of {', '.join(ZONES)}")
    if not sources or not all(source.isalnum() for source in sources):
        raise Refused("name at least one kind of camera whose marks count, such as --source picamera2")
    row = connection.execute(select(devices).where(devices.c.device == name)).mappings().first()
    if row is not None and row["claimed_ms"] is not None:
        raise Conflict(f"device {name} was claimed already; a replacement gets a name of its own")
    values = {
        "site": site,
        "zone": zone,
        "sources": ",".join(sources),
        "added_ms": now_ms,
        "token_hash": _digest(str(token)),
        "token_expires_ms": now_ms + TOKEN_MS,
    }
    if row is None:
        connection.execute(devices.insert(), values | {"device": name})
    else:
        connection.execute(devices.update().where(devices.c.device == name), values)
    return token


@dataclass(frozen=True)
class Claim:
    """A claim whose proof was checked: the device holds the signing key. Whether the token is good, `claim` says."""

    token: Token
    verifier: Verifier
    sealing_key: bytes


def read_claim(request: dict[str, Any], origin: str) -> Claim:
    """The claim in a request; ProtocolError when it is not whole or its proof is wrong. Needs no database."""
    if request.keys() != {"token", "signing_key", "sealing_key", "proof"} or not all(
        isinstance(value, str) for value in request.values()
    ):
        raise ProtocolError("claim: must hold the texts token, signing_key, sealing_key and proof")
    token = Token.parse(request["token"])
    verifier = Verifier.parse(request["signing_key"])
    sealing_key = unbase64(request["sealing_key"], "claim: sealing_key")
    if verifier.name != f"{origin}/device/{token.device}" or len(sealing_key) != 32:
        raise ProtocolError(f"claim: the signing key must be named {origin}/device/{token.device}")
    message = claim_message(request["token"], request["signing_key"], request["sealing_key"])
    verifier.verify(unbase64(request["proof"], "claim: proof"), message)
    return Claim(token, verifier, sealing_key)


def check_claim(connection: Connection, claim: Claim, now_ms: int) -> Device | None:
    """Refused when the token is unknown, spent, expired or its device revoked; changes nothing.

    The device, when the same keys have claimed it already (the answer was lost, and it asks again).
    """
    name = claim.token.device
    row = connection.execute(select(devices).where(devices.c.device == name)).mappings().first()
    if row is None or not hmac.compare_digest(row["token_hash"], _digest(str(claim.token))):
        raise Refused(f"the claim token for {name} is not known; print a new one with: hadir server device add")
    if row["lost_ms"] is not None:
        raise Refused(f"device {name} was revoked")
    if row["claimed_ms"] is not None:
        if (row["signing_key"], row["sealing_key"]) == (str(claim.verifier), claim.sealing_key):
            return _device(connection, row)
        raise Refused(f"the claim token for {name} was used already")
    if now_ms > row["token_expires_ms"]:
        raise Refused(f"the claim token for {name} has expired; print a new one with: hadir server device add")
    return None


def claim(connection: Connection, claim: Claim, now_ms: int) -> Device:
    """Spend the token; Refused as `check_claim` says."""
    known = check_claim(connection, claim, now_ms)
    if known is not None:
        return known
    name = claim.token.device
    values = {"signing_key": str(claim.verifier), "sealing_key": claim.sealing_key, "claimed_ms": now_ms}
    connection.execute(devices.update().where(devices.c.device == name), values)
    connection.execute(logs.insert(), {"device": name, "size": 0, "frontier": b"", "root": EMPTY_ROOT})
    return device(connection, name)


def device(connection: Connection, name: str) -> Device:
    """The claimed device of this name; NotFound when there is none, Refused when it was revoked."""
    row = connection.execute(select(devices).where(devices.c.device == name)).mappings().first()
    if row is None or row["claimed_ms"] is None:
        raise NotFound(f"there is no claimed device {name!r}")
    if row["lost_ms"] is not None:
        raise Refused(f"device {name} was revoked ({row['lost_reason']}); claim a new one")
    return _device(connection, row)


def claimed(connection: Connection) -> list[Device]:
    """All claimed devices that were not revoked, by name."""
    query = select(devices).where(devices.c.claimed_ms.is_not(None), devices.c.lost_ms.is_(None))
    return [_device(connection, row) for row in connection.execute(query.order_by(devices.c.device)).mappings()]


def allow(connection: Connection, name: str, source: str, allowed: bool) -> Device:
    """Let marks of one more source of a claimed device count, or no longer: once its next manifest is published."""
    known = device(connection, name)
    sources = [one for one in known.sources if one != source] + [source] * allowed
    connection.execute(devices.update().where(devices.c.device == name), {"sources": ",".join(sources)})
    return device(connection, name)


def revoke(connection: Connection, name: str, *, lost_ms: int, reason: str, now_ms: int) -> None:
    """From `now_ms` on the device is not heard, and it is known that what it recorded after `lost_ms` does not count.

    May be said again, with another time: both stay, and a month as of a moment between them has the first.
    """
    result = connection.execute(
        devices.update().where(devices.c.device == name), {"lost_ms": lost_ms, "lost_reason": reason}
    )
    if not result.rowcount:
        raise NotFound(f"there is no device {name!r}; see: hadir server devices")
    row = {"device": name, "recorded_ms": now_ms, "lost_ms": lost_ms, "reason": reason}
    connection.execute(device_losses.insert(), row)


def with_entries(connection: Connection) -> Sequence[RowMapping]:
    """The devices of which entries are held, by name: by that alone, so that no other column takes one out."""
    held = exists().where(entries.c.device == devices.c.device)
    return connection.execute(select(devices).where(held).order_by(devices.c.device)).mappings().all()


def loss(connection: Connection, name: str, cutoff_ms: int) -> tuple[int, str] | None:
    """When a device was lost, and why, as known at `cutoff_ms`."""
    rows = select(device_losses.c.recorded_ms, device_losses.c.lost_ms, device_losses.c.reason).where(
        device_losses.c.device == name
    )
    known = connection.execute(rows.order_by(device_losses.c.loss.desc())).all()
    if not known:  # lost before losses were dated, or not at all
        row = connection.execute(select(devices.c.lost_ms, devices.c.lost_reason).where(devices.c.device == name)).one()
        return None if row.lost_ms is None else (row.lost_ms, row.lost_reason)
    return next(((lost_ms, reason) for recorded_ms, lost_ms, reason in known if recorded_ms <= cutoff_ms), None)


def change_key(connection: Connection, name: str, data: bytes, now_ms: int) -> str:
    """A claimed device announces a change of its key; '' when it holds from now on, or held already, else why not.

    What both keys signed and yet cannot hold is flagged: two changes of one key, or a log that goes on otherwise.
    ProtocolError for what is no change of this device's key.
    """
    device(connection, name)  # refused when it was revoked
    problem = keychanges.keep(connection, name, data, now_ms)
    if problem:
        flag(connection, name, "key", problem, now_ms)
    return problem


def flag(connection: Connection, name: str, what: str, detail: str, now_ms: int) -> None:
    """Note that something about a device needs a person's eye; each kind once, with how often."""
    row = {"device": name, "flag": what, "detail": detail, "first_ms": now_ms, "last_ms": now_ms, "count": 1}
    statement = insert(flags).values(row)
    again = {"detail": detail, "last_ms": now_ms, "count": flags.c.count + 1}
    connection.execute(statement.on_conflict_do_update(index_elements=["device", "flag"], set_=again))


def _device(connection: Connection, row: RowMapping) -> Device:
    verifiers = keychanges.chain(connection, row["device"]).keys
    return Device(
        name=row["device"],
        site=row["site"],
        zone=row["zone"],
        sources=tuple(row["sources"].split(",")),
        verifier=verifiers[-1][0],
        sealing_key=row["sealing_key"],
        claimed_ms=row["claimed_ms"],
    )


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
