"""The command: what it says, what it refuses, and that it leaves its source as it was."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from honest import ServerFile, hadir_audit, server_file, signer_of

ROOT = Path(__file__).parents[2]


def test_the_report_is_a_table_and_a_verdict(server: ServerFile) -> None:
    said = hadir_audit("verify", server.path)
    assert said.code == 0
    assert ["K01", "200", "10", "200", "0", "ok"] in [line.split() for line in said.out.splitlines()]
    assert "taken from the source itself" in said.out
    assert "OK: 260 entries" in said.out


def test_a_failed_verdict_names_the_device(server: ServerFile) -> None:
    server.do("DELETE FROM entries WHERE device = 'K02' AND seq = 7")
    said = hadir_audit("verify", server.path)
    assert said.code == 1
    assert "K02: missing: entry 7: not stored, though entry 8 is" in said.out
    assert said.out.splitlines()[-1] == "FAILED: not as the device signed it: K02 (of 2); see above."


def test_the_json_is_one_object(server: ServerFile) -> None:
    server.do("DELETE FROM entries WHERE device = 'K02' AND seq = 7")
    report = json.loads(hadir_audit("verify", server.path, "--json").out)
    assert report.keys() == {"verdict", "devices", "keys"}
    [finding] = report["devices"][1]["findings"]
    assert finding.keys() == {"what", "seq_from", "seq_to", "detail", "stored"}


def test_control_characters_from_the_source_never_reach_the_terminal(server: ServerFile) -> None:
    server.add("devices", device="K\x1b]0;owned\x07\u202e", signing_key="evil\x1b[2J+\u202e")
    for arguments in (["verify", server.path], ["verify", server.path, "--json"], ["keys", server.path]):
        out = hadir_audit(*arguments).out
        assert "owned" in out or "evil" in out
        assert not {"\x1b", "\x07", "\u202e"} & set(out)


def test_a_folder_with_one_database_is_a_source(server: ServerFile, journal: Path) -> None:
    both = hadir_audit("verify", server.path.parent)
    assert (both.code, "holds both of server.db, journal.db" in both.err) == (2, True)
    journal.unlink()
    assert hadir_audit("verify", server.path.parent).code == 0


def test_the_source_is_not_changed(journal: Path) -> None:
    before = {path.name: path.read_bytes() for path in journal.parent.iterdir()}
    assert hadir_audit("verify", journal).code == 0
    assert {path.name: path.read_bytes() for path in journal.parent.iterdir()} == before


def test_a_card_with_an_unfinished_transaction_is_read_as_it_was_before_it(journal: Path, tmp_path: Path) -> None:
    card = tmp_path / "card" / "journal.db"
    card.parent.mkdir()
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        # A cache of one page makes SQLite write into the file, with its rollback journal beside it, before the end.
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO entries VALUES (?, zeroblob(3000))", [(seq,) for seq in range(13, 60)])
        connection.execute("UPDATE entries SET bytes = zeroblob(3000)")
        for name in ("journal.db", "journal.db-journal"):
            shutil.copyfile(journal.with_name(name), card.with_name(name))
        connection.execute("ROLLBACK")
    before = {path.name: path.read_bytes() for path in card.parent.iterdir()}
    assert len(before["journal.db-journal"]) > 512
    said = hadir_audit("verify", card)
    assert said.code == 0, said.out + said.err
    assert "OK: 13 entries" in said.out
    assert {path.name: path.read_bytes() for path in card.parent.iterdir()} == before


def test_an_audit_does_not_stop_those_who_write(tmp_path: Path) -> None:
    from audit.sources import open_database

    with server_file(tmp_path / "server.db", {"K01": [1500] * 2}) as server:
        server.connection.execute("PRAGMA busy_timeout = 0")
        with open_database(server.path) as source:
            entries = iter(next(iter(source.logs)).entries)
            next(entries)
            server.do("UPDATE devices SET site = 'moved'")
            assert sum(1 for _ in entries) == 2999


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        (b"", "neither a server's database nor a kiosk's journal"),
        (b"not a database at all, but long enough to be read as the header of one" * 20, "not a database"),
    ],
)
def test_a_source_that_is_none_is_refused_in_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "server.db"
    if content is not None:
        path.write_bytes(content)
    said = hadir_audit("verify", path)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert str(path) in said.err
    assert message in said.err


def test_a_database_with_broken_pages_is_refused_in_one_line(server: ServerFile) -> None:
    data = bytearray(server.path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    server.path.write_bytes(data)
    said = hadir_audit("verify", server.path)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "malformed" in said.err


def test_a_database_without_logs_is_refused(tmp_path: Path) -> None:
    with server_file(tmp_path / "server.db", {}) as empty:
        said = hadir_audit("verify", empty.path)
    assert (said.code, "nothing to verify" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no key"),
        ("{key}\nnonsense\n", "line 2: "),
        ("hadir.example/root+d0d8d7a5+AQ==", "line 1: "),
        (str(signer_of("K01").verifier).replace("device/K01", "device/K02"), "does not fit the key"),
    ],
)
def test_a_file_of_keys_that_cannot_be_used_is_refused(
    server: ServerFile, tmp_path: Path, text: str, message: str
) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text(text.format(key=server.keys[0]))
    said = hadir_audit("verify", server.path, "--keys", keys)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert message in said.err


def test_a_usage_error_is_one_line() -> None:
    said = hadir_audit("verify")
    assert (said.code, said.err.count("\n")) == (2, 1)


COMMANDS = ("verify", "keys", "national", "check", "prove", "diff")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_screen_and_has_an_example(command: str) -> None:
    said = hadir_audit(*command.split(), "--help")
    assert said.code == 0
    assert f"  hadir audit {command}" in said.out.partition("example:")[2]
    assert len(said.out.splitlines()) <= 24
    assert max(map(len, said.out.splitlines())) <= 80


def test_the_verifier_is_small_and_stands_alone() -> None:
    lines = sum(len(path.read_text().splitlines()) for path in (ROOT / "audit").glob("*.py"))
    assert lines <= 600
    code = "import sys; from audit.__main__ import main; main(['verify', 'x']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"kiosk", "server", "simulation", "sqlalchemy", "fastapi", "numpy", "audit.further"} & set(
        done.stdout.split()
    )
