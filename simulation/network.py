"""A network that can go away: a forwarder on loopback between a kiosk and its server."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class Network:
    """Forwards TCP connections to `target_port` while it is up; while down, connections are refused or cut."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._up = True
        self._closing = False
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._thread.start()

    def down(self) -> None:
        """Cut what is open; until `up` nothing gets through."""
        self._up = False
        self._wake_in.send(b"x")

    def up(self) -> None:
        """Let connections through again."""
        self._up = True

    def close(self) -> None:
        """End the forwarder."""
        self._closing = True
        self._wake_in.send(b"x")
        self._thread.join()
        for open_socket in (self._listener, self._wake_in, self._wake_out):
            open_socket.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake_out:
                    self._wake_out.recv(1024)
                    if not self._up:
                        self._cut_all()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._forward(key.fileobj)

        self._cut_all()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if not self._up:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _forward(self, source: socket.socket) -> None:
        target = self._pairs.get(source)
        if target is None:
            return
        try:
            data = source.recv(1 << 16)
            target.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._cut(source)

    def _cut_all(self) -> None:
        for one in list(self._pairs):
            self._cut(one)

    def _cut(self, one: socket.socket) -> None:
        other = self._pairs.pop(one, None)
        if other is None:
            return
        self._pairs.pop(other, None)
        for end in (one, other):
            with contextlib.suppress(KeyError):
                self._selector.unregister(end)
            end.close()
