"""Sticks at the server: each entry as by HTTP, what is bad refused by name, and a hand's way is no contact."""

import json
import os
import shutil
import threading
from pathlib import Path
from unittest.mock import patch

import pytest
from harness import NOW_MS, Kiosk, Server, claimed_kiosk, http
from sqlalchemy import select

from protocol.carried import carry, open_carried
from protocol.checkpoint import Checkpoint
from protocol.keychange import KIND, change_body
from protocol.merkle import Frontier
from protocol.note import Signer
from protocol.request import parse_authorization
from server.attendance import events
from server.attendance.dating import Dating
from server.devices import carrying
from server.devices.models import CARRIED, conflicts, contacts, entries, flags
from server.people import service as people

PERSON = "ab" * 16
DAY_MS, HOUR_MS = 86_400_000, 3_600_000


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    return path


def fill(stick: Path, kiosk: Kiosk, *spans: tuple[int, int], log: list[bytes] | None = None) -> Path:
    """Put batches of a device's log on a stick, and the checkpoint of all of it; the device's folder."""
    folder = stick / kiosk.name
    folder.mkdir(exist_ok=True)
    for first, end in spans:
        batch = kiosk.batch(first, end, entries=log)
        (folder / f"{first:012}.batch").write_bytes(carry(batch, kiosk.signer, kiosk.name, NOW_MS))
    whole = Checkpoint.of(kiosk.signer.name, Frontier().append(log or kiosk.entries))
    (folder / "checkpoint").write_bytes(whole.sign(kiosk.signer))
    return folder


def stored(kiosk: Kiosk, table):
    parts = kiosk.server.services()
    with parts.database.read() as connection:
        rows = (
            connection.execute(select(table).where(table.c.device == kiosk.name).order_by(*table.primary_key))
            .mappings()
            .all()
        )
    parts.database.close()
    return rows


def import_stick(server: Server, path: Path):
    return server.command("device", "import", str(path))


@pytest.fixture
def filled(kiosk: Kiosk, stick: Path) -> Path:
    """A device's folder with six entries in three files."""
    kiosk.record()
    for number in range(5):
        kiosk.mark(PERSON, NOW_MS + number * 60_000)
    return fill(stick, kiosk, (0, 2), (2, 4), (4, 6))


def test_a_stick_of_several_devices_is_taken_while_the_server_runs(running, stick):
    kiosks = [claimed_kiosk(running, f"ST{number}") for number in range(2)]
    for kiosk in kiosks:
        kiosk.record()
        kiosk.mark(PERSON, NOW_MS)
        fill(stick, kiosk, (0, 1), (1, 2))
    done = import_stick(running, stick)
    assert (done.code, done.err) == (0, "")
    assert done.out == "ST0: 2 files taken, 2 entries held\nST1: 2 files taken, 2 entries held\n"
    for kiosk in kiosks:
        assert [row["bytes"] for row in stored(kiosk, entries)] == kiosk.entries
        cursor = kiosk.cursor((stick / kiosk.name / "cursor").read_bytes())
        assert (cursor.device, cursor.size, cursor.root) == (kiosk.name, 2, Frontier().append(kiosk.entries).root())
        assert kiosk.send(2).status_code == 200


def test_the_same_stick_again_changes_nothing(kiosk, filled):
    assert import_stick(kiosk.server, filled.parent).code == 0
    held = [stored(kiosk, table) for table in (entries, contacts)]
    assert len(held[1]) == 3
    assert import_stick(kiosk.server, filled.parent).code == 0
    assert [stored(kiosk, table) for table in (entries, contacts)] == held
    assert not stored(kiosk, flags)


def test_a_folder_or_a_single_file_will_do_and_a_foreign_folder_gets_no_cursor(kiosk, filled, tmp_path):
    assert import_stick(kiosk.server, filled).code == 0
    alone = tmp_path / "alone.batch"
    shutil.copy(filled / "000000000000.batch", alone)
    assert import_stick(kiosk.server, alone).out == f"{kiosk.name}: 1 files taken, 6 entries held\n"
    assert not (tmp_path / "cursor").exists()


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def replace_by(make):
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


WRONG = "the signature of hadir.example/device/{name} is wrong"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (damage, WRONG),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), WRONG),
        (lambda path: path.write_bytes(b""), "carried batch: does not start with hadir-carried/1"),
        (
            lambda path: path.write_bytes(path.read_bytes().replace(b'device="', b'device="X')),
            "there is no claimed device 'X{name}'",
        ),
        (lambda path: path.write_bytes(path.read_bytes() + bytes(2 << 20)), "is longer than 1049600 bytes"),
        (replace_by(lambda path: path.symlink_to(path.with_name("000000000000.batch"))), "is not a regular file"),
        (replace_by(os.mkfifo), "is not a regular file"),
        (replace_by(Path.mkdir), "is not a regular file"),
    ],
    ids=["altered", "cut", "empty", "unknown", "giant", "link", "pipe", "folder"],
)
def test_a_bad_file_is_named_and_all_that_does_not_need_it_is_taken(kiosk, filled, spoil, reason):
    other = claimed_kiosk(kiosk.server, f"{kiosk.name}-b")
    other.record()
    fill(filled.parent, other, (0, 1))
    spoil(filled / "000000000002.batch")
    done = import_stick(kiosk.server, filled.parent)
    assert done.code == 1
    assert [line.removeprefix("hadir: ") for line in done.err.splitlines()] == [
        f"{filled / '000000000002.batch'}: {reason.format(name=kiosk.name)}",
        f"{filled / '000000000004.batch'}: entries 2 to 3 are missing here: send from 2",
        f"{filled / 'checkpoint'}: the kiosk had 6 entries, 2 are here: bring the rest from there",
    ]
    assert [row["bytes"] for row in stored(kiosk, entries)] == kiosk.entries[:2]
    assert kiosk.cursor((filled / "cursor").read_bytes()).size == 2
    assert len(stored(other, entries)) == 1
    assert not stored(kiosk, flags)


def test_a_file_that_was_missing_may_come_later(kiosk, filled):
    late = filled / "000000000000.batch"
    data = late.read_bytes()
    late.unlink()
    done = import_stick(kiosk.server, filled.parent)
    assert done.err.splitlines()[:2] == [
        f"hadir: {filled / '000000000002.batch'}: entries 0 to 1 are missing here: send from 0",
        f"hadir: {kiosk.name}: 1 more files follow that one and were left",
    ]
    late.write_bytes(data)
    assert import_stick(kiosk.server, filled.parent).code == 0
    assert len(stored(kiosk, entries)) == 6


def test_other_bytes_for_a_place_that_is_taken_are_kept_as_evidence_only_if_the_device_signed_them(kiosk, stick):
    kiosk.record()
    kiosk.record()
    assert kiosk.send(0).status_code == 200
    forged = [kiosk.entries[0], kiosk.entries[0]]
    folder = fill(stick, kiosk, (0, 2), log=forged)
    stranger = Kiosk.new(kiosk.server, kiosk.name)
    (folder / "000000000000.batch").write_bytes(
        carry(kiosk.batch(0, entries=forged), stranger.signer, kiosk.name, NOW_MS)
    )
    assert "is wrong" in import_stick(kiosk.server, stick).err
    assert not stored(kiosk, conflicts)
    fill(stick, kiosk, (0, 2), log=forged)
    assert "entry 1 is held with other bytes" in import_stick(kiosk.server, stick).err
    assert [row["sent"] for row in stored(kiosk, conflicts)] == [forged[1]]
    assert [row["flag"] for row in stored(kiosk, flags)] == ["conflict"]


def test_a_bad_entry_is_quarantined_and_blocks_nothing(kiosk, stick):
    kiosk.record()
    kiosk.entries.append(b"not an entry")
    kiosk.record()
    fill(stick, kiosk, (0, 3))
    assert import_stick(kiosk.server, stick).code == 0
    assert [bool(row["quarantined"]) for row in stored(kiosk, entries)] == [False, True, False]


def test_a_stick_announces_the_change_of_key_that_it_brings(kiosk, stick):
    kiosk.record()
    kiosk.entries.append(b"not an entry")
    old = kiosk.signer
    new = Signer.generate(old.name)
    kiosk.record(KIND, **change_body(kiosk.name, len(kiosk.entries), old, new))
    kiosk.record()
    kiosk.signer = new
    fill(stick, kiosk, (0, 1), (1, 4))
    done = import_stick(kiosk.server, stick)
    assert (done.code, done.err) == (0, "")
    assert len(stored(kiosk, entries)) == 4
    kiosk.signer = old
    assert kiosk.send(4).status_code == 401


def test_a_revoked_devices_stick_is_refused(kiosk, filled):
    assert kiosk.server.command("revoke", kiosk.name, "--reason", "stolen").code == 0
    done = import_stick(kiosk.server, filled.parent)
    assert f"device {kiosk.name} was revoked (stolen)" in done.err
    assert not stored(kiosk, entries)


def dated(kiosk: Kiosk, cutoff_ms: int = NOW_MS) -> list[Dating]:
    """When the marks of a device were made, as far as the server knows."""
    parts = kiosk.server.services()
    with parts.database.read() as connection:
        found = events.between(connection, 0, NOW_MS * 2, cutoff_ms)
    parts.database.close()
    marks = [mark for mark in (*found.marks, *found.uncounted, *found.undated) if mark.device == kiosk.name]
    return [mark.dating for mark in sorted(marks, key=lambda mark: mark.seq)]


def test_what_was_carried_is_no_contact(kiosk, stick):
    """Its way took days: it must not date a mark, nor say that the device was heard, or its clock wrong."""
    sent_ms = NOW_MS - 3 * DAY_MS
    kiosk.booted_ms, kiosk.clock = sent_ms - 3_600_000, "free"
    kiosk.mark(PERSON, sent_ms)
    batch = kiosk.batch(0, sent_ms=sent_ms)
    (stick / "one.batch").write_bytes(carry(batch, kiosk.signer, kiosk.name, sent_ms))
    assert import_stick(kiosk.server, stick).code == 0
    assert not stored(kiosk, flags)
    listed = map(json.loads, kiosk.server.command("devices", "--json").out.splitlines())
    (standing,) = [one for one in listed if one["device"] == kiosk.name]
    assert (standing["held"], standing["last_contact_ms"]) == (1, None)
    (unheard,) = dated(kiosk)
    assert (unheard.basis, unheard.latest_ms) == ("neighbours", NOW_MS - 2000)
    kiosk.mark(PERSON, NOW_MS - 2 * DAY_MS)
    assert kiosk.send(1).status_code == 200
    heard = dated(kiosk)
    assert [dating.basis for dating in heard] == ["contact", "contact"]
    assert [dating.latest_ms for dating in heard] == [sent_ms, NOW_MS - 2 * DAY_MS]


def test_nobody_can_send_a_carried_batch_as_if_the_device_were_calling(kiosk, filled):
    _, header, batch = (filled / "000000000000.batch").read_bytes().split(b"\n", 2)
    answer = http.post(
        f"{kiosk.server.base}/v1/devices/{kiosk.name}/batches",
        content=batch,
        headers={"Authorization": header.decode()},
    )
    assert (answer.status_code, "is wrong" in answer.json()["error"]) == (401, True)


def test_a_stick_that_cannot_be_written_is_taken_all_the_same(kiosk, filled, monkeypatch):
    (filled / "cursor").mkdir()
    done = import_stick(kiosk.server, filled.parent)
    assert (done.code, f"{filled}: Is a directory" in done.err) == (1, True)
    assert len(stored(kiosk, entries)) == 6


def test_links_on_a_stick_are_not_followed(kiosk, filled, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    filled.rename(elsewhere)
    filled.symlink_to(elsewhere)
    other = claimed_kiosk(kiosk.server, f"{kiosk.name}-l")
    other.record()
    fill(filled.parent, other, (0, 1))
    done = import_stick(kiosk.server, filled.parent)
    assert (done.code, done.err) == (1, f"hadir: {filled}: is a link, not followed\n")
    assert not (elsewhere / "cursor").exists()
    assert "is a link" in kiosk.server.command("device", "export", kiosk.name, str(filled.parent)).err


def test_a_stick_without_batches_or_that_is_not_there_is_named(running, stick):
    assert "holds no batches; a stick gets them at the kiosk" in import_stick(running, stick).err
    assert "No such file" in import_stick(running, stick / "none").err
    assert "is the stick mounted there?" in running.command("device", "export", "K", str(stick / "none")).err
    assert "there is no claimed device 'nobody'" in running.command("device", "export", "nobody", str(stick)).err


def test_what_goes_back_is_what_http_answers(kiosk, stick):
    done = kiosk.server.command("device", "export", kiosk.name, str(stick))
    assert done.out == f"{stick / kiosk.name}: manifest 1. At the kiosk: hadir kiosk import {stick}\n"
    assert (stick / kiosk.name / "manifest").read_bytes() == kiosk.request("GET", "/manifest").content
    assert kiosk.cursor((stick / kiosk.name / "cursor").read_bytes()).size == 0


def test_two_sticks_at_once_bring_each_entry_once(kiosk, filled, tmp_path):
    copies = [shutil.copytree(filled.parent, tmp_path / f"copy{number}") for number in range(3)]
    parts = kiosk.server.services()
    found: list[carrying.Taken] = []
    threads = [threading.Thread(target=lambda copy=copy: found.append(carrying.take(parts, copy))) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    parts.database.close()
    assert [taken.problems for taken in found] == [[], [], []]
    assert [row["bytes"] for row in stored(kiosk, entries)] == kiosk.entries


def test_a_stick_that_names_an_earlier_contact_is_none_of_it(kiosk, stick):
    kiosk.record()
    answer = kiosk.send(0)
    assert answer.status_code == 200
    kiosk.record()
    batch = kiosk.batch(1, sent_ms=NOW_MS + 1000)
    again = parse_authorization(answer.request.headers["Authorization"]).nonce
    with patch("secrets.token_hex", return_value=again):
        data = carry(batch, kiosk.signer, kiosk.name, NOW_MS)
    assert open_carried(data).signature.nonce == again
    (stick / "one.batch").write_bytes(data)
    before = stored(kiosk, contacts)
    assert import_stick(kiosk.server, stick).code == 0
    now = stored(kiosk, contacts)
    assert (now[:-1], now[-1]["nonce"] != again, now[-1]["signed_ms"]) == (before, True, CARRIED)


def test_what_a_stick_writes_back_into_the_morning_is_dated_by_what_the_server_saw(kiosk, stick):
    kiosk.record(at_ms=NOW_MS)
    replayed = kiosk.send(0)
    try:
        kiosk.server.set_clock(NOW_MS + 8 * HOUR_MS)
        assert kiosk.send(1, sent_ms=NOW_MS + 8 * HOUR_MS).status_code == 200
        parts = kiosk.server.services()
        with parts.database.read() as connection:
            kiosk.mark(people.pseudonyms(connection)["E2"], NOW_MS + 60_000)
        parts.database.close()
        nonce = parse_authorization(replayed.request.headers["Authorization"]).nonce
        with patch("secrets.token_hex", return_value=nonce):
            data = carry(kiosk.batch(1, sent_ms=NOW_MS + 8 * HOUR_MS), kiosk.signer, kiosk.name, NOW_MS)
        (stick / "one.batch").write_bytes(data)
        assert import_stick(kiosk.server, stick).code == 0
        alerts = kiosk.server.command("alerts").out
    finally:
        kiosk.server.set_clock(NOW_MS)
    (dating,) = dated(kiosk, cutoff_ms=NOW_MS + DAY_MS)
    assert (dating.basis, dating.earliest_ms >= NOW_MS + 8 * HOUR_MS - 15_000) == ("server", True)
    assert any("  times  " in line and kiosk.name in line for line in alerts.splitlines()), alerts
