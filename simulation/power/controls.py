"""The harness against itself: settings of SQLite that are known to lose or to keep acknowledged rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from simulation.power.recording import Recorder
from simulation.power.states import Check, Scenario, require

_ROWS = 24

MUST_FAIL = (("WAL", "NORMAL"), ("TRUNCATE", "OFF"), ("DELETE", "FULL"))
MUST_HOLD = (("TRUNCATE", "FULL"), ("PERSIST", "FULL"), ("DELETE", "EXTRA"))


def control(journal_mode: str, synchronous: str) -> Scenario:
    """Rows one after another under these settings, each promised when its commit returned."""
    return Scenario(f"{journal_mode} + {synchronous}", _run(journal_mode, synchronous), _prepare)


def _prepare(root: Path) -> None:
    with closing(sqlite3.connect(root / "rows.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, filling BLOB)")
        connection.execute("INSERT INTO rows VALUES (0, zeroblob(9000))")


def _run(journal_mode: str, synchronous: str) -> Callable[[Path, Recorder], Check]:
    def run(root: Path, recorder: Recorder) -> Check:
        with closing(sqlite3.connect(root / "rows.db", isolation_level=None)) as connection:
            connection.execute(f"PRAGMA journal_mode = {journal_mode}")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            for number in range(1, _ROWS + 1):
                connection.execute("INSERT INTO rows VALUES (?, zeroblob(?))", (number, 400 * (number % 9)))
                recorder.log.promise("last", number)
        return _check

    return run


def _check(root: Path, promised: dict[str, Any]) -> None:
    with closing(sqlite3.connect(root / "rows.db", isolation_level=None)) as connection:
        require(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "the file is corrupt")
        count, last = connection.execute("SELECT count(*), max(id) FROM rows").fetchone()
    require(count == last + 1, "a row is missing in the middle")
    require(last >= promised.get("last", 0), "an acknowledged row is lost")
