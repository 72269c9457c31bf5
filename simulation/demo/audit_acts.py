"""The demo's last act: every log verified with public keys alone, and one altered row found."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3

from audit.__main__ import main as audit_main
from simulation.demo.stage import DemoFailed, Stage


def verify_logs(stage: Stage) -> None:
    """The server's database with keys pinned beforehand; then a copy of it with one row altered."""
    source = stage.directory / "server" / "server.db"
    keys = stage.write("auditor/keys.txt", _audit("keys", str(source))[1])
    code, said = _audit("verify", str(source), "--keys", str(keys))
    _show(stage, said)
    if code:
        raise DemoFailed("the audit of honest logs found something")
    code, said = _audit("national", str(source), "--keys", str(keys))
    _show(stage, said)
    if code:
        raise DemoFailed("the audit of an honest national log found something")
    copy = stage.directory / "auditor" / "altered.db"
    shutil.copy(source, copy)
    where = _alter(copy)
    stage.say(f"\non a copy, somebody changes who came in {where}:")
    code, said = _audit("verify", str(copy), "--keys", str(keys))
    _show(stage, said)
    if code != 1:
        raise DemoFailed("the audit did not find an altered row")


def _alter(path: object) -> str:
    """Swap one person in one presence entry for another, as an insider with the database would."""
    connection = sqlite3.connect(str(path))
    rows = connection.execute(
        "SELECT device, seq, bytes FROM entries WHERE kind = 'presence' AND device = 'K01' ORDER BY seq LIMIT 200"
    ).fetchall()
    people = [row[2].partition(b'"person":"')[2][:32] for row in rows]
    other = next(person for person in people if person != people[100])
    device, seq, data = rows[100]
    with connection:
        connection.execute(
            "UPDATE entries SET bytes = ? WHERE device = ? AND seq = ?",
            (data.replace(people[100], other), device, seq),
        )
    connection.close()
    return f"entry {seq} of {device}"


def _audit(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = audit_main(list(arguments))
    return code, out.getvalue()


def _show(stage: Stage, said: str) -> None:
    for line in said.rstrip().splitlines():
        stage.say(line)
