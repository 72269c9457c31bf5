"""The verifier follows a device's changes of key, and finds what an old key signed after its end."""

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from honest import ServerFile, entry_bytes, hadir_audit, journal_file, server_file, signer_of

from audit.remote import remote_logs
from kiosk.clock import FrameClock
from kiosk.records.journal import Journal
from protocol import gallery, keychange
from protocol.checkpoint import Checkpoint
from protocol.entry import Entry
from protocol.merkle import Frontier
from protocol.note import Signer

OLD, NEW = signer_of("K01"), signer_of("K01", 2)


def change(seq: int, old: Signer = OLD, new: Signer = NEW) -> bytes:
    """The entry with which K01 changes its key."""
    body = keychange.change_body("K01", seq, old, new)
    return Entry("K01", seq, keychange.KIND, "ab" * 16, 1000 * seq, 1_790_000_000_000, "synchronised", body).encode()


def fill(server: ServerFile, stored: list[bytes], signed: list[tuple[int, Signer]], changes: dict[int, bytes]) -> None:
    """K01's log as a server holds it: entries, who signed which sizes, and the changes kept beside it."""
    server.add("devices", device="K01", signing_key=str(OLD.verifier))
    for seq, data in enumerate(stored):
        server.add("entries", device="K01", seq=seq, bytes=data)
    for size, signer in signed:
        tree = Frontier().append(stored[:size])
        state = {"device": "K01", "size": size, "frontier": tree.encode(), "root": tree.root()}
        server.add("checkpoints", **state, note=Checkpoint.of(signer.name, tree).sign(signer))
    for seq, data in changes.items():
        server.add("device_keys", device="K01", seq=seq, bytes=data)


LOG = [entry_bytes("K01", seq) if seq != 4 else change(4) for seq in range(8)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerFile]:
    with server_file(tmp_path / "server.db", {}) as made:
        yield made


def findings(server: ServerFile, *options: object) -> list[tuple[object, ...]]:
    said = hadir_audit("verify", server.path, "--json", *options)
    assert said.code in (0, 1), said.err
    return said.findings("K01")


@pytest.mark.parametrize("signed", [[(4, OLD), (8, NEW)], [(2, NEW), (4, OLD), (8, NEW)], [(8, NEW)]])
def test_a_log_whose_key_changed_is_verified_from_the_first_key(
    server: ServerFile, tmp_path: Path, signed: list[tuple[int, Signer]]
) -> None:
    fill(server, LOG, signed, {4: LOG[4]})
    keys = tmp_path / "keys.txt"
    keys.write_text(f"{OLD.verifier}\n")
    assert findings(server) == findings(server, "--keys", keys) == []


def test_what_the_old_key_signed_after_its_end_is_found(server: ServerFile) -> None:
    fill(server, LOG, [(4, OLD), (6, OLD), (8, NEW)], {4: LOG[4]})
    assert findings(server) == [("checkpoint", 4, 5)]


def test_a_log_that_an_old_key_continues_with_forged_entries_is_found_though_the_change_was_hidden(
    server: ServerFile,
) -> None:
    fill(server, LOG, [(4, OLD), (8, OLD)], {})
    assert findings(server) == [("entry", 4, 4)]


def test_a_hidden_change_leaves_checkpoints_that_nobody_signed(server: ServerFile) -> None:
    fill(server, LOG, [(4, OLD), (8, NEW)], {})
    assert ("checkpoint", 4, 7) in findings(server)


@pytest.mark.parametrize("data", [change(4, NEW, OLD), change(4).replace(b"synchronised", b"free"), b"{}", "text"])
def test_a_change_that_was_altered_or_not_signed_by_both_is_found(server: ServerFile, data: bytes) -> None:
    fill(server, LOG, [(4, OLD), (8, NEW)], {4: data})
    kinds = {what for what, _, _ in findings(server)}
    assert kinds & {"key", "entry"}


def test_the_entry_in_the_log_must_be_the_change_that_is_kept(server: ServerFile) -> None:
    stored = [entry_bytes("K01", seq) for seq in range(8)]
    fill(server, stored, [(8, NEW)], {4: change(4)})
    assert findings(server) == [("entry", 4, 4)]


def test_a_change_that_was_announced_and_has_not_arrived_is_no_finding(server: ServerFile) -> None:
    fill(server, LOG[:3], [(3, NEW)], {4: change(4)})
    assert findings(server) == []


def test_a_card_is_verified_after_the_change_was_pruned(tmp_path: Path) -> None:
    path = journal_file(tmp_path / "journal.db", 3)
    first = signer_of("K07")
    new = signer_of("K07", 2)
    with contextlib.closing(Journal(path, "K07", first, FrameClock(1_790_000_000_000))) as journal:
        journal.change_key(new)
        for _ in range(4):
            journal.append("camera", {"state": "reopened", "detail": ""})
        journal.prune(6)
    said = hadir_audit("verify", path, "--json")
    assert said.code == 0, said.out
    assert [(d["pruned"], d["proven"]) for d in said.report["devices"]] == [(6, 2)]
    assert hadir_audit("keys", path).out.split() == [str(first.verifier), str(new.verifier)]


def test_a_server_says_the_changes_with_its_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    row = f'{{"device": "K01", "key": "{OLD.verifier}", "size": 0, "changes": ["{base64.b64encode(LOG[4]).decode()}"]}}'
    monkeypatch.setattr("audit.remote.get", lambda connection, path: f"[{row}]".encode())
    [log] = remote_logs(None)  # type: ignore[arg-type]
    assert log.changes == [LOG[4]]


PERSON = gallery.pseudonym(bytes(32), "E1")


def mark(seq: int) -> bytes:
    """A presence of E1 in October."""
    body = {
        "person": PERSON, "presented_boottime_ms": 1000, "source": "sim", "gallery": 1, "distance_e4": 1,
        "margin_e4": None, "liveness": "live", "prompts": [], "measures": {},
    }  # fmt: skip
    return Entry("K01", seq, "presence", "ab" * 16, 2000, 1_791_000_000_000, "synchronised", body).encode()


def test_marks_of_both_keys_are_proven_with_the_keys_that_are_printed_after_the_change(
    server: ServerFile, tmp_path: Path
) -> None:
    stored = [mark(0), change(1), mark(2)]
    fill(server, stored, [(1, OLD), (3, NEW)], {1: stored[1]})
    server.connection.execute("UPDATE entries SET kind = 'presence' WHERE seq <> 1")
    server.connection.execute("UPDATE devices SET zone = 'WIT'")
    server.add("person_keys", employee="E1", key=bytes(32))
    keys = tmp_path / "keys.txt"
    keys.write_text(hadir_audit("keys", server.path).out)
    made = hadir_audit("prove", server.path, "E1", "2026-10", "--out", tmp_path / "proofs")
    assert made.code == 0, made.err
    files = sorted((tmp_path / "proofs").glob("*.tlog-proof"))
    said = hadir_audit("check", *files, "--keys", keys)
    assert (said.code, said.out.count("PROVEN: entry")) == (0, 2), said.out
    keys.write_text(f"{OLD.verifier}\n")
    said = hadir_audit("check", *files, "--keys", keys)
    assert (said.code, said.out.count(" PROVEN: entry")) == (1, 1), said.out


def test_a_leaf_of_the_national_log_that_an_ended_key_signed_is_found(server: ServerFile) -> None:
    fill(server, LOG, [(4, OLD), (6, NEW), (8, NEW)], {4: LOG[4]})
    log = Signer.generate("hadir.example/log")
    notes = [row[0] for row in server.connection.execute("SELECT note FROM checkpoints ORDER BY size")]
    for late, code in ((notes[2], 0), (Checkpoint.of(OLD.name, Frontier().append(LOG)).sign(OLD), 1)):
        server.connection.execute("DELETE FROM national_leaves")
        server.connection.execute("DELETE FROM national_log")
        tree = Frontier()
        for size, note in zip((4, 6, 8), (*notes[:2], late), strict=True):
            server.add("national_leaves", position=tree.size, device="K01", size=size, note=note)
            tree = tree.append([note])
        row = {"size": tree.size, "frontier": tree.encode(), "note": Checkpoint.of(log.name, tree).sign(log)}
        server.add("national_log", **row, key=str(log.verifier))
        said = hadir_audit("national", server.path)
        assert (said.code, "leaf 2: checkpoint of 8: signed by the key that entry 4 ended" in said.out) == (
            code,
            bool(code),
        )
