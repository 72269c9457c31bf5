"""A network that does its worst: a forwarder on loopback that drops, delays, repeats, cuts and resets."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

_CHUNK = 1 << 16


class FaultyNetwork:
    """Forwards TCP connections to `target_port`, and strikes at random; `counts` says how often with what.

    `rate`: how likely each thing is, for each connection or each piece that passes. `on_request` hears what a client
    sent before each answer, from the forwarder's thread.
    """

    def __init__(
        self, target_port: int, rate: float, seed: int = 0, on_request: Callable[[bytes], None] = lambda data: None
    ) -> None:
        self._target_port = target_port
        self._rate = rate
        self._random = Random(seed)
        self._on_request = on_request
        self.counts: Counter[str] = Counter()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="faulty network")
        self._thread.start()
        ready.wait()

    def heal(self) -> None:
        """From now on everything passes."""
        self._rate = 0.0

    def close(self) -> None:
        """End the forwarder and all that passes through it."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _strikes(self, what: str) -> bool:
        struck = self._random.random() < self._rate
        self.counts[what] += struck
        return struck

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if not self._strikes("refused"):
                await self._pair(reader, writer)
        except OSError:
            self.counts["nobody there"] += 1
        finally:
            writer.transport.abort()

    async def _pair(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        request = bytearray()
        try:
            ways = (self._up(reader, to_writer, request), self._down(to_reader, writer, request))
            tasks = [asyncio.ensure_future(way) for way in ways]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            to_writer.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytearray) -> None:
        while data := await reader.read(_CHUNK):
            request += data
            if not await self._pass(data, writer, "request"):
                return

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytearray) -> None:
        while data := await reader.read(_CHUNK):
            asked = bytes(request)
            request.clear()
            if asked:
                self._on_request(asked)
                if self._strikes("request repeated"):
                    self._repeat(asked, 0.0)
                if self._strikes("request repeated late, answer lost"):
                    self._repeat(asked, self._random.uniform(0.2, 2.0))
                    return
            if not await self._pass(data, writer, "answer"):
                return

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter, what: str) -> bool:
        """Whether the connection goes on after these bytes."""
        if self._strikes(f"{what} delayed"):
            await asyncio.sleep(self._random.uniform(0.0, 0.5))
        if self._strikes(f"{what} lost, connection reset"):
            return False
        if self._strikes(f"{what} cut"):
            data = data[: self._random.randrange(len(data))]
            writer.write(data)
            await writer.drain()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return False
        writer.write(data)
        await writer.drain()
        return True

    def _repeat(self, request: bytes, wait_s: float) -> None:
        task = asyncio.ensure_future(self._send_alone(request, wait_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_alone(self, request: bytes, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            try:
                writer.write(request)
                await writer.drain()
                await reader.read(_CHUNK)
            finally:
                writer.transport.abort()
