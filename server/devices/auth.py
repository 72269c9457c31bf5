"""Which device is asking: the request's signature, checked once for each nonce."""

from __future__ import annotations

import threading
from collections import OrderedDict

from protocol.errors import ProtocolError
from protocol.request import RequestSignature, parse_authorization
from server.database import Database
from server.devices.service import Device, device
from server.errors import NotFound, Unauthenticated

REMEMBERED = 4096
"""Nonces remembered a device. Those of batches are kept in the database as well, where a restart forgets none."""


class Authenticator:
    """Checks Authorization headers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._nonces: dict[str, OrderedDict[str, None]] = {}

    def check(self, header: str | None, method: str, path: str, body: bytes) -> tuple[Device, RequestSignature]:
        """The device whose key signed this very request. Unauthenticated when none did, Refused when revoked."""
        if header is None:
            raise Unauthenticated("no Authorization header; a claimed device signs each request")
        try:
            signature = parse_authorization(header)
            with self._database.read() as connection:
                asking = device(connection, signature.device)
            signature.verify(asking.verifier, method, path, body)
        except (ProtocolError, NotFound) as error:
            raise Unauthenticated(str(error)) from error
        self._remember(signature)
        return asking, signature

    def expect(self, header: str | None) -> None:
        """Unauthenticated unless the header names a claimed device: asked before a body is waited for."""
        if header is None:
            raise Unauthenticated("no Authorization header; a claimed device signs each request")
        try:
            with self._database.read() as connection:
                device(connection, parse_authorization(header).device)
        except (ProtocolError, NotFound) as error:
            raise Unauthenticated(str(error)) from error

    def _remember(self, signature: RequestSignature) -> None:
        with self._lock:
            nonces = self._nonces.setdefault(signature.device, OrderedDict())
            if signature.nonce in nonces:
                raise Unauthenticated("this very request was heard before; sign each request with a new nonce")
            nonces[signature.nonce] = None
            if len(nonces) > REMEMBERED:
                nonces.popitem(last=False)
