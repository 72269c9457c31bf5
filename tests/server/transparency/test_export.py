"""All logs in one file for an auditor: whole, nothing beside them, and what was altered here or there is found."""

import io
import sqlite3
from contextlib import closing, redirect_stdout

import pytest
from harness import claimed_kiosk, make_server

from audit.__main__ import main as audit


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with two logs, one of several pages, that does not run any more."""
    made = make_server(tmp_path_factory.mktemp("server"))
    process = made.start()
    try:
        for name, batches in (("K01", 5), ("K02", 1)):
            kiosk = claimed_kiosk(made, name)
            for _ in range(batches):
                first = len(kiosk.entries)
                for _ in range(450):
                    kiosk.record()
                assert kiosk.send(first).status_code == 200
    finally:
        process.terminate()
        process.communicate()
    return made


@pytest.fixture
def exported(server, tmp_path):
    path = tmp_path / "logs.db"
    done = server.command("logs", "--out", str(path))
    assert (done.code, done.out) == (0, f"2 logs, 2700 entries: {path}\n"), done.err
    assert [one.name for one in tmp_path.iterdir()] == ["logs.db"]
    return path


def audited(*arguments):
    with redirect_stdout(io.StringIO()) as said:
        code = audit([str(argument) for argument in arguments])
    return code, said.getvalue()


def test_the_file_is_verified_as_the_database_is(server, exported):
    code, said = audited("verify", exported)
    assert (code, "OK: 2,700 entries" in said) == (0, True), said
    code, said = audited("national", exported)
    assert (code, "OK: 6 checkpoints of 2 devices" in said) == (0, True), said
    code, said = audited("diff", exported, server.directory / "state")
    assert (code, "K01: 2250 entries are the same, 0 differ\n" in said) == (0, True), said
    assert audited("keys", exported) == audited("keys", server.directory / "state")


def test_the_file_holds_nothing_but_what_the_devices_and_the_log_signed(exported):
    with closing(sqlite3.connect(exported)) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        assert tables == ["checkpoints", "device_keys", "devices", "entries", "national_leaves", "national_log"]
        assert [row[1] for row in file.execute("PRAGMA table_info(devices)")] == ["device", "signing_key"]


@pytest.mark.parametrize(
    ("command", "change", "named"),
    [
        ("verify", "UPDATE entries SET bytes = bytes || 'x' WHERE device = 'K01' AND seq = 7", "K01: entry: entry 7"),
        ("verify", "DELETE FROM entries WHERE device = 'K01' AND seq = 2001", "K01: missing: entry 2001"),
        ("verify", "UPDATE entries SET seq = seq + 9000 WHERE device = 'K02' AND seq = 3", "K02: missing: entry 3"),
        ("verify", "UPDATE entries SET device = 'K03' WHERE device = 'K02'", "K03: key"),
        ("verify", "DELETE FROM checkpoints WHERE device = 'K02'", "K02: unsigned"),
        ("verify", "UPDATE checkpoints SET note = note || 'x' WHERE size = 900", "K01: checkpoint"),
        ("verify", "UPDATE devices SET signing_key = (SELECT max(signing_key) FROM devices)", "key of this device"),
        ("national", "DELETE FROM checkpoints WHERE size = 900", "K01: its checkpoint of 900 entries is missing"),
        ("national", "DELETE FROM checkpoints WHERE size = 2250", "K01: cut off at 1800 entries"),
        ("national", "DELETE FROM national_leaves WHERE position = 2", "leaves 5 to 5 are missing"),
        ("national", "UPDATE national_log SET note = x''", "its checkpoint: "),
    ],
)
def test_whatever_is_altered_in_the_file_is_found(exported, command, change, named):
    with closing(sqlite3.connect(exported, isolation_level=None)) as file:
        assert file.execute(change).rowcount > 0
    code, said = audited(command, exported)
    assert (code, named in said) == (1, True), said


def test_what_was_altered_or_taken_away_at_the_server_is_not_mended_by_exporting(server, tmp_path):
    path = server.directory / "state" / "server.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        (kept,) = database.execute("SELECT bytes FROM entries WHERE device = 'K01' AND seq = 2100").fetchone()
        row = "WHERE device = 'K01' AND seq = 2100"
        try:
            database.execute(f"UPDATE entries SET seq = 999999 {row}")
            assert server.command("logs", "--out", str(tmp_path / "logs.db")).code == 0
        finally:
            database.execute("UPDATE entries SET seq = 2100 WHERE device = 'K01' AND seq = 999999")
        assert database.execute(f"SELECT bytes FROM entries {row}").fetchone()[0] == kept
    code, said = audited("verify", tmp_path / "logs.db")
    assert (code, "K01: missing: entry 2100: not stored, though entry 2101 is" in said) == (1, True), said


def test_a_file_that_cannot_be_written_is_named(server, tmp_path):
    done = server.command("logs", "--out", str(tmp_path / "none" / "logs.db"))
    assert (done.code, done.out, done.err.count("\n"), "none" in done.err) == (2, "", 1, True), done


def test_a_disk_that_is_full_is_said_to_be_and_leaves_nothing(server, tmp_path, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("server.transparency.export._copy", full)
    done = server.command("logs", "--out", str(tmp_path / "logs.db"))
    assert (done.code, done.err.count("\n"), "logs.db cannot be written: database or disk" in done.err) == (2, 1, True)
    assert not list(tmp_path.iterdir())
