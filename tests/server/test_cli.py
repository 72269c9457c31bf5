"""The commands: help that fits a screen, errors in one line, nothing half done."""

import argparse
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from harness import NOW_MS, ROOT, Server

from protocol.manifest import open_delegation
from protocol.note import Verifier
from protocol.roots import follow
from server import cli
from server.commands import people as people_commands
from server.database import SCHEMA_VERSION
from server.people import service as people


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Command → its parser, groups resolved."""
    found = {}

    def walk(parser, name):
        groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not groups:
            found[name] = parser
        for group in groups:
            for word, sub in group.choices.items():
                walk(sub, f"{name} {word}".strip())

    walk(cli._parser(), "")
    return found


@pytest.mark.parametrize("name", parsers())
def test_help_fits_a_screen_and_has_an_example_that_can_be_parsed(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = parsers()[name].format_help()
    assert len(text.splitlines()) <= 24
    example = text.rpartition("example:\n  hadir server ")[2].strip()
    assert example.startswith(name)
    options = cli._parser().parse_args(shlex.split(example))
    assert callable(options.command)


def test_the_overview_fits_a_screen(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert len(cli._parser().format_help().splitlines()) <= 62


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("state_dir: s\norigin: hadir.example\nlisen: x\n", "server.yaml:3: 'lisen' is not a setting"),
        ("state_dir: s\n", "server.yaml:1: 'origin' is missing"),
        ("state_dir: s\norigin: Hadir+x\n", "server.yaml:2: origin must be a host name"),
        ("state_dir: s\norigin: hadir.example\nlisten: here\n", "server.yaml:3: listen must be HOST:PORT"),
        ("state_dir: s\norigin: hadir.example\nlisten: h:99999\n", "server.yaml:3: listen must be HOST:PORT"),
        ("state_dir: s\norigin: hadir.example\n", "there is no database; make it with: hadir server init"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named_in_one_line(tmp_path, text, message):
    server = Server(tmp_path)
    server.config.write_text(text)
    done = server.command("devices")
    assert (done.code, done.err.count("\n"), done.out) == (2, 1, "")
    assert message in done.err


def test_a_missing_configuration_is_named(tmp_path):
    done = Server(tmp_path).command("devices")
    assert (done.code, "--config FILE" in done.err) == (2, True)


def test_init_makes_what_init_never_overwrites(idle):
    before = (idle.directory / "state" / "keys" / "root.seed").read_bytes()
    done = idle.command("init")
    assert (done.code, "is there already" in done.err) == (2, True)
    assert (idle.directory / "state" / "keys" / "root.seed").read_bytes() == before


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("user_version = 99", f"has schema 99, this server knows {SCHEMA_VERSION}"),
        ("application_id = 1", "holds something else than Hadir"),
    ],
)
def test_a_database_of_another_version_or_program_is_refused(idle, pragma, message):
    connection = sqlite3.connect(idle.directory / "state" / "server.db")
    connection.execute(f"PRAGMA {pragma}")
    connection.close()
    done = idle.command("devices")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_a_file_that_is_no_database_is_refused(idle):
    (idle.directory / "state" / "server.db").write_bytes(b"not a database" * 100)
    done = idle.command("devices")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "cannot be opened as a database" in done.err


def test_another_origin_is_refused(idle):
    idle.config.write_text(idle.config.read_text().replace("hadir.example", "other.example"))
    assert "belongs to hadir.example" in idle.command("devices").err


def test_a_simulated_clock_without_a_time_is_named(idle):
    (idle.directory / "state" / "simulated-clock").unlink()
    done = idle.command("run")
    assert (done.code, "simulated-clock: holds no time" in done.err) == (2, True)


def test_without_roots_seed_only_a_new_delegation_is_refused(idle):
    keys = idle.directory / "state" / "keys"
    root = Verifier.parse((keys / "root.pub").read_text().strip())
    assert idle.command("delegate").code == 0
    assert open_delegation((keys / "delegation").read_bytes(), root).version == 2
    (keys / "root.seed").unlink()
    done = idle.command("delegate")
    assert (done.code, "bring root's seed back" in done.err) == (2, True)
    assert idle.command("device", "add", "K1", "--site", "A", "--zone", "WIT", "--source", "sim").code == 0


def test_a_new_root_is_signed_by_the_old_one_and_delegates_from_then_on(idle):
    keys = idle.directory / "state" / "keys"
    old, seed = Verifier.parse((keys / "root.pub").read_text().strip()), (keys / "root.seed").read_text()
    done = idle.command("delegate", "--new-root")
    assert (done.code, "destroy every copy of the old one" in done.out) == (0, True)
    [(_, version, new)] = follow(old, [path.read_bytes() for path in (keys / "roots").iterdir()])
    assert (version, f"root key from now on: {new}" in done.out) == (2, True)
    assert open_delegation((keys / "delegation").read_bytes(), new).version == 2
    assert idle.command("delegate").code == 0
    (keys / "root.seed").write_text(seed)
    assert "bring back that of the newest root" in idle.command("delegate", "--new-root").err
    assert idle.command("devices").code == 0, "nothing was begun"


@pytest.mark.parametrize(
    "name", ["root.pub", "gallery.seed", "cursor.seed", "log.seed", "delegation", "log.delegation"]
)
def test_a_key_that_is_missing_or_foreign_is_named(idle, name):
    path: Path = idle.directory / "state" / "keys" / name
    path.write_text("00")
    assert name in idle.command("devices").err
    path.unlink()
    done = idle.command("devices")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert name in done.err


def test_a_restored_database_says_so_to_the_devices(idle):
    def epoch():
        parts = idle.services()
        value = parts.database.value("epoch")
        parts.database.close()
        return value

    before = epoch()
    assert idle.command("restored").code == 0
    assert epoch() != before


def test_what_cannot_be_is_refused_in_one_line(idle):
    for line in (
        ("device", "add", "K/1", "--site", "A", "--zone", "WIT", "--source", "sim"),
        ("revoke", "K9", "--reason", "x"),
        ("revoke", "K9", "--reason", "x", "--since", "soon"),
        ("revoke", "K9", "--reason", "x", "--since", "2099-01-01T00:00:00+09:00"),
        ("approve", "x", "--by", "joko"),
        ("approve", "5", "--by", "joko"),
        ("officer", "a b", "--name", "x"),
        ("officer", "rina", "--name", "x"),
        ("import", str(idle.directory / "none.csv"), "--by", "rina"),
        ("close", "2026-09", "--by", "rina"),
    ):
        done = idle.command(*line)
        assert (done.code, done.err.count("\n"), done.out) == (2, 1, ""), (line, done)


def test_an_interruption_says_that_nothing_was_recorded(tmp_path):
    """The configuration is a pipe, so that the command waits where the test wants it."""
    os.mkfifo(tmp_path / "server.yaml")
    line = [sys.executable, "-P", "-m", "server", "devices", "--config", str(tmp_path / "server.yaml")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True)
    with process, (tmp_path / "server.yaml").open("w"):
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert (process.returncode, said) == (130, "hadir: interrupted; nothing was recorded\n")


@pytest.mark.parametrize(("where", "said"), [("refresh", "nothing was recorded"), ("show_table", "look whether")])
def test_an_interrupted_import_is_recorded_wholly_or_not(idle, monkeypatch, where, said):
    def interrupted(*_):
        raise KeyboardInterrupt

    path = idle.directory / "employees.csv"
    path.write_text("employee_id,nip\nN1,12\n")
    module = people_commands.enrolment if where == "refresh" else people_commands
    monkeypatch.setattr(module, where, interrupted)
    done = idle.command("import", str(path), "--by", "rina")
    assert (done.code, done.err.count("\n"), said in done.err) == (130, 1, True)
    parts = idle.services()
    with parts.database.read() as connection:
        known = {row["employee_id"] for row in people.employees(connection, NOW_MS)}
    parts.database.close()
    assert ("N1" in known) == (where == "show_table")


def test_two_connections_write_one_after_the_other(idle):
    first, second = idle.services(), idle.services()
    with first.database.write() as connection:
        connection.exec_driver_sql("UPDATE officers SET role = 'a'")
        with second.database.read() as other:
            assert other.exec_driver_sql("SELECT DISTINCT role FROM officers").scalar_one() == "hr"
    with second.database.write() as connection:
        connection.exec_driver_sql("UPDATE officers SET role = role || 'b'")
    with first.database.read() as connection:
        assert connection.exec_driver_sql("SELECT DISTINCT role FROM officers").scalar_one() == "ab"
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "truncate"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    first.database.close()
    second.database.close()


def test_a_write_that_raises_leaves_nothing_behind(idle):
    parts = idle.services()

    def fail():
        with parts.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM officers")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with parts.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM officers").scalar_one() == 2
    parts.database.close()
