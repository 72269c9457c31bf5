"""When entries may leave the card: what the server proves to have held for longer than its backups reach back.

The proof is two cursors that the server signed in the same epoch (so it was not restored between them), at least
`keep_days` apart by the server's own clock: a backup that it may still come back from holds what the older one counts.
The kiosk's clock, which may be wrong, has no part in it.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from kiosk.records.journal import Journal
from kiosk.uplink.device import Device
from protocol.cursor import Cursor, open_cursor
from protocol.errors import ProtocolError

DAY_MS = 86_400_000


class CursorHistory:
    """Cursors that sync keeps, one a day, in a table of its own database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(
            "CREATE TABLE IF NOT EXISTS cursors "
            "(time_ms INTEGER PRIMARY KEY, epoch TEXT NOT NULL, size INTEGER NOT NULL, note BLOB NOT NULL)"
        )

    def add(self, cursor: Cursor, note: bytes) -> None:
        """Keep a verified cursor and the note it came in; those of another epoch prove nothing any more.

        Of each day the first stays, and the newest of all.
        """
        self._connection.execute("DELETE FROM cursors WHERE epoch <> ? OR time_ms > ?", (cursor.epoch, cursor.time_ms))
        self._connection.execute(
            "DELETE FROM cursors WHERE time_ms = (SELECT max(time_ms) FROM cursors) AND EXISTS "
            "(SELECT 1 FROM cursors AS earlier WHERE earlier.time_ms < cursors.time_ms AND earlier.time_ms > ?)",
            (cursor.time_ms - DAY_MS,),
        )
        row = (cursor.time_ms, cursor.epoch, cursor.size, note)
        self._connection.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)", row)

    def proof(self, keep_days: int) -> tuple[int, bytes, bytes] | None:
        """How many entries may go, the older and the newer note that prove it; None while nothing may.

        Cursors that an older one makes superfluous are forgotten.
        """
        newest = self._connection.execute("SELECT time_ms, note FROM cursors ORDER BY time_ms DESC LIMIT 1").fetchone()
        if newest is None:
            return None
        limit_ms = newest[0] - keep_days * DAY_MS
        held = self._connection.execute(
            "SELECT time_ms, size, note FROM cursors WHERE time_ms <= ? ORDER BY time_ms DESC LIMIT 1", (limit_ms,)
        ).fetchone()
        if held is None:
            return None
        self._connection.execute("DELETE FROM cursors WHERE time_ms < ?", (held[0],))
        return held[1], held[2], newest[1]


def prune(journal: Journal, device: Device, keep_days: int, request: dict[str, Any]) -> dict[str, Any]:
    """The station's part: believe `held` and `now` of sync's request only as far as the server signed them."""
    try:
        older, newer = (open_cursor(str(request.get(name)).encode(), device.cursor_key) for name in ("held", "now"))
    except ProtocolError as error:
        return {"error": f"not pruned: {error}"}
    if not older.device == newer.device == device.name or older.epoch != newer.epoch:
        return {"error": "not pruned: the cursors are of another device or of two epochs"}
    if newer.time_ms > device.delegation.expires_ms:
        return {"error": "not pruned: the delegation of the cursor key has expired"}
    if newer.time_ms - older.time_ms < keep_days * DAY_MS:
        return {"error": f"not pruned: the server has not held these entries for {keep_days} days"}
    if not older.size <= newer.size <= journal.size:
        return {"error": "not pruned: the cursors do not fit the journal"}
    return {"base": journal.prune(older.size)}
