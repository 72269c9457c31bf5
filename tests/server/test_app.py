"""Under load and on a full disk the server asks devices to come back, and loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from harness import NOW_MS, Kiosk
from sqlalchemy import event

from protocol.request import sign_request
from server.app import create_app
from server.services import MAX_WRITERS
from server.web import MAX_BUFFERED


@pytest.fixture
def parts(kiosk):
    found = kiosk.server.services()
    yield found
    found.database.close()


@pytest.fixture
def client(parts):
    """Posts to the application in this process."""

    def post(path, **options) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(create_app(parts))
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as session:
                return await session.post(path, **options)

        return asyncio.run(asked())

    return post


def send(client, kiosk: Kiosk) -> httpx.Response:
    body, path = kiosk.batch(0), f"/v1/devices/{kiosk.name}/batches"
    header = sign_request(kiosk.signer, kiosk.name, "POST", path, body, NOW_MS)
    return client(path, content=body, headers={"Authorization": header})


def test_when_too_many_wait_for_the_writer_the_next_is_told_to_come_back(client, parts, kiosk):
    kiosk.record()
    for _ in range(MAX_WRITERS):
        parts.writers.acquire()
    answer = send(client, kiosk)
    assert (answer.status_code, answer.headers["Retry-After"], list(answer.json())) == (429, "2", ["error"])
    for _ in range(MAX_WRITERS):
        parts.writers.release()
    assert send(client, kiosk).status_code == 200


def test_those_who_send_slowly_do_not_keep_others_waiting(parts, kiosk):
    kiosk.record()
    body, path = kiosk.batch(0), f"/v1/devices/{kiosk.name}/batches"
    header = sign_request(kiosk.signer, kiosk.name, "POST", path, body, NOW_MS)

    async def scene() -> list[int]:
        reading, go_on = asyncio.Semaphore(0), asyncio.Event()
        # The body is waited for because a claimed device is named; in the end the signature is of something else.
        unsigned = {"Authorization": sign_request(kiosk.signer, kiosk.name, "POST", path, b"other", NOW_MS)}

        async def slowly() -> AsyncIterator[bytes]:
            yield b"first"
            reading.release()
            await go_on.wait()

        transport = httpx.ASGITransport(create_app(parts))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as session:
            slow = [
                asyncio.create_task(session.post(path, content=slowly(), headers=unsigned)) for _ in range(MAX_WRITERS)
            ]
            for _ in slow:
                await asyncio.wait_for(reading.acquire(), 20)
            quick = await session.post(path, content=body, headers={"Authorization": header})
            go_on.set()
            return [quick.status_code, *{(await answer).status_code for answer in slow}]

    assert asyncio.run(scene()) == [200, 401]


def test_when_bodies_fill_the_memory_the_next_is_told_to_come_back(client, parts, kiosk):
    kiosk.record()
    parts.buffered.size = MAX_BUFFERED
    assert send(client, kiosk).status_code == 429
    assert parts.buffered.size == MAX_BUFFERED
    parts.buffered.size = 0
    assert send(client, kiosk).status_code == 200
    assert parts.buffered.size == 0


def test_on_a_full_disk_a_batch_is_not_acknowledged_and_can_be_sent_again(client, parts, kiosk):
    kiosk.entries = [kiosk.record(camera="c" * 3000) for _ in range(20)]

    def fill(connection, _record):
        connection.execute("PRAGMA max_page_count = 1")

    parts.database.close()
    event.listen(parts.database._engine, "connect", fill)
    answer = send(client, kiosk)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "full" in answer.json()["error"]
    parts.database.close()
    event.remove(parts.database._engine, "connect", fill)
    assert send(client, kiosk).status_code == 200
