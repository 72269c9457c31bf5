"""Batches: acknowledged when durable, sent any number of times, never blocked by one bad entry."""

import json
import socket
from dataclasses import replace

import httpx
import pytest
import zstandard
from harness import NOW_MS, Kiosk, http
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from kiosk.records import outbox
from protocol.batch import FULL_BYTES, FULL_ENTRIES, unpack
from protocol.entry import MAX_BYTES
from protocol.merkle import EMPTY_ROOT, Frontier
from protocol.request import sign_request
from server.devices import ingest
from server.devices.models import conflicts, contacts, entries, flags
from server.errors import Refused
from simulation import simkiosk

PERSON = "ab" * 16


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


def accepted(kiosk: Kiosk, answer: httpx.Response):
    assert answer.status_code == 200, answer.text
    return kiosk.cursor(answer.content)


def test_a_batch_is_stored_byte_for_byte_and_acknowledged_with_a_signed_cursor(kiosk):
    kiosk.record()
    kiosk.mark(PERSON, NOW_MS)
    answer = kiosk.send(0)
    cursor = accepted(kiosk, answer)
    assert (cursor.device, cursor.size, cursor.time_ms) == (kiosk.name, 2, NOW_MS)
    assert cursor.root == Frontier().append(kiosk.entries).root()
    assert answer.headers["Hadir-Manifest"] == "1"
    assert [(row["bytes"], row["kind"], row["quarantined"]) for row in stored(kiosk, entries)] == [
        (kiosk.entries[0], "boot", ""),
        (kiosk.entries[1], "presence", ""),
    ]
    asked = kiosk.cursor(kiosk.request("GET", "/cursor").content)
    assert (asked.size, asked.root, asked.epoch) == (2, cursor.root, cursor.epoch)


def test_an_empty_log_and_a_sign_of_life_are_acknowledged(kiosk):
    cursor = accepted(kiosk, kiosk.send(0))
    assert (cursor.size, cursor.root) == (0, EMPTY_ROOT)
    kiosk.record()
    assert accepted(kiosk, kiosk.send(0)).size == 1
    assert accepted(kiosk, kiosk.send(1)).size == 1
    (first, *_) = stored(kiosk, contacts)
    assert (first["boottime_ms"], first["wall_ms"], first["server_ms"]) == (3_600_000, NOW_MS, NOW_MS)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6))
def test_in_whatever_pieces_and_however_often_it_is_sent_each_entry_arrives_once(kiosk, spans):
    while len(kiosk.entries) < 12:
        kiosk.mark(PERSON, NOW_MS + len(kiosk.entries) * 1000)
    held = kiosk.cursor(kiosk.request("GET", "/cursor").content).size
    for one, other in [*spans, (0, 12)]:
        first, end = sorted((one, other))
        answer = kiosk.send(first, end)
        if first > held:
            assert answer.status_code == 409
            assert kiosk.cursor(answer.content).size == held
        else:
            held = max(held, end)
            assert accepted(kiosk, answer).size == held
    assert [row["bytes"] for row in stored(kiosk, entries)] == kiosk.entries
    assert {row["flag"] for row in stored(kiosk, flags)} <= {"gap"}


@pytest.mark.parametrize(
    ("held", "first", "end", "log", "status", "waiting"),
    [
        (0, 0, 3, 3, {"backlog": 0}, 0),
        (3, 3, 3, 3, {"backlog": 7}, 0),  # its word is not needed: it would have sent them
        (0, 0, 500, 502, {}, 2),
        (0, 0, 500, 500, {"backlog": True}, 1),
        (0, 0, 500, 500, {"backlog": -3}, 0),
        (2, 4, 4, 4, {}, 2),  # refused: entries 2 and 3 are not here
        (4, 0, 3, 3, {}, 0),
        (4, 0, 500, 700, {}, 200),
    ],
)
def test_what_a_device_has_left_is_reckoned_here(kiosk, held, first, end, log, status, waiting):
    while len(kiosk.entries) < log:
        kiosk.record()
    if held:
        accepted(kiosk, kiosk.send(0, held, sent_ms=NOW_MS - 1000))
    kiosk.status = status
    kiosk.send(first, end, entries=kiosk.entries)
    told = json.loads(stored(kiosk, contacts)[-1]["status"])
    assert (told["waiting"], told["software"]) == (waiting, "0.1.0")


def test_a_device_whose_log_is_another_one_has_something_left(kiosk):
    kiosk.record()
    kiosk.record(camera="other")
    accepted(kiosk, kiosk.send(0, sent_ms=NOW_MS - 1000))
    for first, problem in ((0, "held with other bytes"), (2, "another root")):
        answer = kiosk.send(first, entries=kiosk.entries[::-1])
        assert (answer.status_code, problem in answer.headers["Hadir-Problem"]) == (409, True)
        assert json.loads(stored(kiosk, contacts)[-1]["status"])["waiting"] == 1


def test_devices_fill_batches_as_the_server_takes_them_to(kiosk):
    assert (outbox.BATCH_ENTRIES, outbox.BATCH_BYTES, simkiosk.BATCH_ENTRIES) == (FULL_ENTRIES, FULL_BYTES, 500)
    entry, last = b"x" * MAX_BYTES, FULL_BYTES // MAX_BYTES
    several = [replace(unpack(kiosk.batch(0)), entries=(entry,) * count) for count in (last - 2, last, last + 1)]
    assert [batch.full for batch in several] == [False, True, True]


def test_a_gap_is_flagged_and_an_alert(kiosk):
    for _ in range(4):
        kiosk.record()
    accepted(kiosk, kiosk.send(0, 1))
    assert kiosk.send(3).status_code == 409
    assert [(row["flag"], row["detail"]) for row in stored(kiosk, flags)] == [
        ("gap", "entries 1 to 2 are missing here: send from 1")
    ]
    said = kiosk.server.command("alerts").out
    assert any("  gap  " in line and kiosk.name in line for line in said.splitlines()), said


def test_an_entry_longer_than_any_can_be_is_refused_before_it_is_kept(kiosk):
    kiosk.entries.append(b"A" * 4097)
    answer = kiosk.send(0)
    assert (answer.status_code, answer.json()["error"]) == (400, "batch: an entry of 4097 bytes, 4096 are allowed")
    assert not stored(kiosk, entries)


def test_other_bytes_for_a_place_that_is_taken_are_kept_as_evidence(kiosk):
    kiosk.record()
    kiosk.record()
    accepted(kiosk, kiosk.send(0))
    kiosk.entries.pop()
    forged = kiosk.mark(PERSON, NOW_MS)
    for _ in range(2):
        answer = kiosk.send(0)
        assert (answer.status_code, kiosk.cursor(answer.content).size) == (409, 2)
    (evidence,) = stored(kiosk, conflicts)
    assert (evidence["seq"], evidence["sent"]) == (1, forged)
    assert [(row["flag"], row["count"]) for row in stored(kiosk, flags)] == [("conflict", 2)]
    assert "conflict ×2" in kiosk.server.command("devices").out


def test_a_checkpoint_that_is_not_of_the_entries_stores_nothing(kiosk):
    for number in range(4):
        kiosk.record(camera=f"c{number}")
    accepted(kiosk, kiosk.send(0, 2))
    other = [*kiosk.entries[:1], kiosk.entries[0], *kiosk.entries[2:]]
    answer = kiosk.send(2, entries=other)
    assert (answer.status_code, "another root" in answer.headers["Hadir-Problem"]) == (409, True)
    older = kiosk.send(0, 1, entries=kiosk.entries)
    assert accepted(kiosk, older).size == 2
    assert len(stored(kiosk, entries)) == 2
    assert [row["flag"] for row in stored(kiosk, flags)] == ["root"]
    assert accepted(kiosk, kiosk.send(2)).size == 4


def test_an_older_checkpoint_with_another_root_is_noticed(kiosk):
    for number in range(5):
        kiosk.record(camera=f"c{number}")
    for end in (2, 5):
        accepted(kiosk, kiosk.send(0, end))
    forged = [b"other", *kiosk.entries[1:]]
    answer = kiosk.send(3, 4, entries=forged)
    assert (answer.status_code, "another root" in answer.headers["Hadir-Problem"]) == (409, True)


def test_an_entry_that_cannot_be_read_or_speaks_of_another_device_blocks_nothing(kiosk):
    kiosk.record()
    kiosk.entries += [b"not an entry", kiosk.entries[0].replace(kiosk.name.encode(), b"K-other")]
    kiosk.record()
    assert accepted(kiosk, kiosk.send(0)).size == 4
    rows = stored(kiosk, entries)
    assert [row["quarantined"] == "" for row in rows] == [True, False, False, True]
    assert [row["bytes"] for row in rows] == kiosk.entries
    assert stored(kiosk, flags)[0]["flag"] == "quarantined"


def test_a_kind_that_the_server_does_not_know_is_kept(kiosk):
    kiosk.record("tamper", lid="open")
    assert accepted(kiosk, kiosk.send(0)).size == 1
    assert [(row["kind"], row["quarantined"]) for row in stored(kiosk, entries)] == [("tamper", "")]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: b"",
        lambda body: body[:-3],
        lambda body: zstandard.ZstdCompressor().compress(b"hadir-batch/2\n"),
        lambda body: zstandard.ZstdCompressor().compress(bytes(5 << 20)),
    ],
)
def test_bytes_that_are_not_a_batch_are_refused(kiosk, spoil):
    kiosk.record()
    answer = kiosk.request("POST", "/batches", spoil(kiosk.batch(0)))
    assert (answer.status_code, answer.json()["error"].startswith("batch")) == (400, True)


def test_a_batch_of_another_device_is_refused(kiosk):
    other = Kiosk.new(kiosk.server, "K-other")
    other.record()
    assert kiosk.request("POST", "/batches", other.batch(0)).status_code == 400


def test_the_server_takes_what_its_clock_cannot_confirm_and_flags_the_device(kiosk):
    kiosk.wall_error_ms = 3_600_000
    kiosk.record()
    accepted(kiosk, kiosk.send(0))
    assert [(row["flag"], row["detail"]) for row in stored(kiosk, flags)] == [
        ("clock", "differs from the server's by +3600 s")
    ]


def test_a_slow_link_is_no_error_of_the_clock(kiosk):
    kiosk.record()
    body, path = kiosk.batch(0), f"/v1/devices/{kiosk.name}/batches"
    header = sign_request(kiosk.signer, kiosk.name, "POST", path, body, NOW_MS)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\nContent-Length: {len(body)}\r\n"
    host, _, port = kiosk.server.base.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as link:
        link.sendall(f"{head}Expect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert link.recv(1000).startswith(b"HTTP/1.1 100")
        kiosk.server.set_clock(NOW_MS + 60_000)
        try:
            link.sendall(body)
            assert link.recv(1000).startswith(b"HTTP/1.1 200")
        finally:
            kiosk.server.set_clock(NOW_MS)
    assert not stored(kiosk, flags)
    (contact,) = stored(kiosk, contacts)
    assert contact["server_ms"] == NOW_MS + 60_000, "what is dated by it may have been written until the end"


def test_a_batch_replayed_after_a_restart_is_refused(kiosk):
    kiosk.record()
    body = kiosk.batch(0)
    path = f"/v1/devices/{kiosk.name}/batches"
    header = sign_request(kiosk.signer, kiosk.name, "POST", path, body, NOW_MS)
    assert http.post(kiosk.server.base + path, content=body, headers={"Authorization": header}).status_code == 200
    restarted = kiosk.server.services()
    device, signature = restarted.authenticator.check(header, "POST", path, body)
    with pytest.raises(Refused, match="heard before"):
        ingest.receive(restarted.database, restarted.keyring.log, device, signature, body, restarted.clock)
    restarted.database.close()
