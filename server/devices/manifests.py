"""Manifests: what each device shall run, signed by the gallery key, with the gallery sealed for it alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from protocol import roster
from protocol.errors import ProtocolError
from protocol.gallery import Gallery, seal
from protocol.manifest import GalleryReference, Manifest, open_manifest
from protocol.note import Signer
from protocol.release import Release
from server.database import installation
from server.devices.models import manifests, sealed_galleries
from server.devices.service import Device, claimed
from server.enrolment import galleries, rosters
from server.errors import NotFound

LIFETIME_MS = 30 * 86_400_000
RENEWED_MS = LIFETIME_MS // 2
"""A device that asks when less than this is left gets a new manifest."""
_RELEASE = "release"
SEALED_KEPT = 2
"""Galleries kept a device: the newest, and the one that it may be fetching."""


def publish(connection: Connection, targets: Iterable[Device], signer: Signer, now_ms: int) -> None:
    """A new manifest for each device, with gallery and roster as the facts stand and the release named last."""
    gallery = galleries.current(connection, now_ms)
    release = due_release(connection)
    settings = {} if release is None else {"release": release.setting()}
    rosters_of = {attests: rosters.current(connection, now_ms, gallery, attests=attests) for attests in (True, False)}
    offices = rosters.offices(connection, now_ms)
    for device in targets:
        version = (latest_version(connection, device.name) or 0) + 1
        reference = None if gallery is None else _sealed(connection, device, gallery)
        told = replace(rosters_of[roster.SOURCE in device.sources], office=offices.get(device.site, ()))
        sealed_roster = {roster.SETTING: told.seal(device.name, version, device.sealing_key)} if told else {}
        manifest = Manifest(
            device=device.name,
            version=version,
            issued_ms=now_ms,
            expires_ms=now_ms + LIFETIME_MS,
            site=device.site,
            zone=device.zone,
            sources=device.sources,
            gallery=reference,
            settings=settings | sealed_roster,
        )
        row = {
            "device": device.name,
            "version": version,
            "issued_ms": now_ms,
            "expires_ms": manifest.expires_ms,
            "sources": ",".join(device.sources),
            "site": device.site,
            "gallery": None if reference is None else reference.version,
            "note": manifest.sign(signer),
        }
        connection.execute(manifests.insert(), row)


def name_release(connection: Connection, release: Release, signer: Signer, now_ms: int) -> int:
    """Have each device's manifest say which release it should run; how many devices there are."""
    row = {"name": _RELEASE, "value": json.dumps(release.setting())}
    statement = insert(installation).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": row["value"]}))
    targets = claimed(connection)
    publish(connection, targets, signer, now_ms)
    return len(targets)


def due_release(connection: Connection) -> Release | None:
    """The release that devices should run; None before one was named."""
    value = connection.execute(select(installation.c.value).where(installation.c.name == _RELEASE)).scalar()
    return None if value is None else Release(**json.loads(value))


def renew(connection: Connection, device: Device, signer: Signer, now_ms: int) -> None:
    """A new manifest for a device whose newest is due."""
    if due(*latest(connection, device.name), signer, now_ms):
        publish(connection, [device], signer, now_ms)


def due(note: bytes, expires_ms: int, signer: Signer, now_ms: int) -> bool:
    """Whether a manifest has little time left, or is signed by a key that gave its place to `signer`."""
    try:
        open_manifest(note, signer.verifier)
    except ProtocolError:
        return True
    return expires_ms - now_ms < RENEWED_MS


def latest_version(connection: Connection, device: str) -> int | None:
    """The number of a device's newest manifest."""
    query = select(manifests.c.version).where(manifests.c.device == device)
    return connection.execute(query.order_by(manifests.c.version.desc()).limit(1)).scalar()


def latest(connection: Connection, device: str) -> tuple[bytes, int]:
    """A device's newest manifest and when it expires; NotFound when it has none."""
    query = select(manifests.c.note, manifests.c.expires_ms).where(manifests.c.device == device)
    row = connection.execute(query.order_by(manifests.c.version.desc()).limit(1)).first()
    if row is None:
        raise NotFound(f"there is no manifest for device {device}")
    return row[0], row[1]


def sealed(connection: Connection, device: str, version: int) -> bytes:
    """A gallery sealed for a device; NotFound when it never was, or is too old to be kept."""
    query = select(sealed_galleries.c.bytes).where(
        sealed_galleries.c.device == device, sealed_galleries.c.gallery == version
    )
    data = connection.execute(query).scalar()
    if data is None:
        raise NotFound(f"there is no gallery {version} for device {device}; fetch the manifest for the version to take")
    return bytes(data)


def _sealed(connection: Connection, device: Device, gallery: Gallery) -> GalleryReference:
    """Sealed once for each device and version: sealing again would give other bytes under the same number."""
    table = sealed_galleries
    query = select(table.c.bytes).where(table.c.device == device.name, table.c.gallery == gallery.version)
    data = connection.execute(query).scalar()
    if data is None:
        data = seal(gallery, device.name, device.sealing_key)
        connection.execute(table.insert(), {"device": device.name, "gallery": gallery.version, "bytes": data})
        old = delete(table).where(table.c.device == device.name, table.c.gallery <= gallery.version - SEALED_KEPT)
        connection.execute(old)
    return GalleryReference(gallery.version, sha256(data).hexdigest(), len(data))


def forget_older(connection: Connection, now_ms: int) -> None:
    """Destroy what was sealed of galleries other than the current one: devices fetch that, or none."""
    gallery = galleries.current(connection, now_ms)
    kept = 0 if gallery is None else gallery.version
    connection.execute(delete(sealed_galleries).where(sealed_galleries.c.gallery != kept))


def latest_gallery(connection: Connection, device: str) -> int | None:
    """The version of the gallery in a device's newest manifest."""
    query = select(manifests.c.gallery).where(manifests.c.device == device)
    return connection.execute(query.order_by(manifests.c.version.desc()).limit(1)).scalar()
