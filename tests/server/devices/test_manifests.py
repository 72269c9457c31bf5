"""Manifests name the release that was named last, and are due again under a new gallery key."""

import json
from dataclasses import replace

from harness import NOW_MS, ROOT, claimed_kiosk
from sqlalchemy import select

from protocol.manifest import open_manifest
from protocol.note import Signer, Verifier
from protocol.release import Release, named_release
from server.devices import manifests
from server.devices import service as devices
from server.devices.models import manifests as table


def test_each_device_is_told_which_release_it_should_run(running):
    kiosk = claimed_kiosk(running, "REL")
    assert named_release(kiosk.manifest().settings) is None
    assert "none was named" in running.command("release").out
    release = Release.of_tree(ROOT)
    done = running.command("release", str(ROOT))
    assert (done.code, f"should run {release.version} {release.sha256}" in done.out) == (0, True)
    assert running.command("release").out.split() == [release.version, release.sha256]
    manifest = kiosk.manifest()
    assert (manifest.version, named_release(manifest.settings)) == (2, release)
    parts = running.services()
    with parts.database.write() as connection:  # what the other tests of this server do not expect
        connection.exec_driver_sql("DELETE FROM installation WHERE name = 'release'")
    parts.database.close()


def test_a_folder_that_is_no_release_is_refused(idle, tmp_path):
    done = idle.command("release", str(tmp_path))
    assert (done.code, done.err.count("\n"), "is no release" in done.err) == (2, 1, True)


def test_a_device_that_runs_another_release_is_shown(running):
    kiosk = claimed_kiosk(running, "OLDREL")
    body = kiosk.batch(0)
    assert kiosk.request("POST", "/batches", body).status_code == 200
    parts = running.services()
    with parts.database.write() as connection:
        status = json.dumps({"software": "0.1.0", "release": "00" * 32, "release_due": "0.2.0", "rtc": "unset"})
        connection.exec_driver_sql("UPDATE contacts SET status = ? WHERE device = 'OLDREL'", (status,))
    parts.database.close()
    [line] = [line for line in running.command("devices").out.splitlines() if "OLDREL" in line]
    assert "0.1.0, release 0.2.0 is due" in line
    assert "RTC unset" in line


def test_a_manifest_by_a_gallery_key_that_was_replaced_is_due(idle):
    parts = idle.services()
    keyring = parts.keyring
    device = devices.Device("K9", "A", "WIT", ("sim",), keyring.root, bytes(32), NOW_MS)
    with parts.database.write() as connection:
        devices.add(connection, "K9", site="A", zone="WIT", sources=("sim",), root=keyring.root, now_ms=NOW_MS)
        manifests.publish(connection, [device], keyring.gallery, NOW_MS)
        manifests.renew(connection, device, keyring.gallery, NOW_MS)
        new = Signer.generate(keyring.gallery.name)
        manifests.renew(connection, device, new, NOW_MS)
        manifests.renew(connection, replace(device), new, NOW_MS)
        notes = list(connection.execute(select(table.c.note).order_by(table.c.version)).scalars())
    parts.database.close()
    keys: list[Verifier] = [keyring.gallery.verifier, new.verifier]
    assert [open_manifest(note, key).version for note, key in zip(notes, keys, strict=True)] == [1, 2]
