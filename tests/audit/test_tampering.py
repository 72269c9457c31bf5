"""Whatever is done to a stored log is found, and named as closely as what the device signed allows."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from honest import ServerFile, entry_bytes, hadir_audit, signer_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.verify import DeviceLog, verify_log
from kiosk.clock import FrameClock
from kiosk.records.journal import Journal
from protocol.checkpoint import Checkpoint
from protocol.merkle import Frontier


def check(server: ServerFile, *more: object) -> list[tuple[object, ...]]:
    """The findings of K01; K02, which nobody touched, must be without any."""
    said = hadir_audit("verify", server.path, "--json", *more)
    assert said.code == 1, said.out + said.err
    assert said.report["verdict"] == "failed"
    assert said.findings("K02") == []
    return said.findings("K01")


def test_an_honest_server_database_passes(server: ServerFile) -> None:
    said = hadir_audit("verify", server.path, "--json")
    assert said.code == 0
    expected = {"entries": 200, "checkpoints": 10, "proven": 200, "unsigned": 0, "pruned": 0, "findings": []}
    assert said.report["devices"][0] == {"name": "K01", **expected}
    assert (said.report["verdict"], said.report["keys"]) == ("ok", "from source")


def test_an_entry_that_still_looks_right_is_narrowed_to_its_batch(server: ServerFile) -> None:
    server.set_bytes("K01", 67, entry_bytes("K01", 67, state="stalled"))
    assert check(server) == [("altered", 64, 79)], "of entries 60 to 79, those of the subtree of 64 leaves are right"
    said = hadir_audit("verify", server.path, "--json").report["devices"][0]
    assert said["proven"] == 180, "the batches before and after are proven all the same"


def test_every_altered_batch_is_named(server: ServerFile) -> None:
    for seq in (5, 67, 190):
        server.set_bytes("K01", seq, entry_bytes("K01", seq, state="stalled"))
    found = check(server)
    assert [what for what, _, _ in found] == ["altered"] * 3
    assert all(first <= seq <= last for (_, first, last), seq in zip(found, (5, 67, 190), strict=True))


def test_one_altered_byte_that_breaks_an_entry_is_named_with_its_bytes(server: ServerFile) -> None:
    data = server.bytes_of("K01", 30)
    server.set_bytes("K01", 30, data.replace(b'"v":1', b'"v":\x1b'))
    found = check(server)
    assert ("entry", 30, 30) in found
    assert [row for row in found if row[0] == "altered"]
    text = hadir_audit("verify", server.path).out
    assert "K01: entry: entry 30: " in text
    assert '"v":\\x1b,"wall_ms"' in text
    assert "\x1b" not in text


def test_a_deleted_row_is_named(server: ServerFile) -> None:
    server.do("DELETE FROM entries WHERE device = 'K01' AND seq BETWEEN 41 AND 43")
    assert check(server) == [("missing", 41, 43)]


def test_a_deleted_row_whose_gap_was_closed_is_found(server: ServerFile) -> None:
    server.do("DELETE FROM entries WHERE device = 'K01' AND seq = 41")
    for seq in range(42, 200):
        server.do("UPDATE entries SET seq = ? WHERE device = 'K01' AND seq = ?", seq - 1, seq)
    found = check(server)
    assert ("entry", 41, 198) in found, "each is not of the place where it stands: one range, not 158 findings"
    assert ("missing", 199, 199) in found


def test_an_inserted_row_is_found(server: ServerFile) -> None:
    for seq in reversed(range(50, 200)):
        server.do("UPDATE entries SET seq = ? WHERE device = 'K01' AND seq = ?", seq + 1, seq)
    server.add("entries", device="K01", seq=50, bytes=entry_bytes("K01", 50, state="failed"))
    found = check(server)
    assert ("entry", 51, 200) in found
    assert any(what == "altered" and first <= 50 <= last for what, first, last in found)
    assert ("unsigned", 200, 200) in found


def test_a_row_appended_on_the_server_is_found(server: ServerFile) -> None:
    server.add("entries", device="K01", seq=200, bytes=entry_bytes("K01", 200))
    assert check(server) == [("unsigned", 200, 200)]


@pytest.mark.parametrize(("seq", "named"), [(-1, -1), ("many", -1), (67.5, 67), (2**60, 2**60)])
def test_a_row_outside_the_sequence_is_found(server: ServerFile, seq: object, named: int) -> None:
    server.add("entries", device="K01", seq=seq, bytes=entry_bytes("K01", 5))
    found = check(server)
    assert any(first == named and what in ("extra", "entry") for what, first, _ in found), found


def test_two_swapped_rows_are_named(server: ServerFile) -> None:
    first, second = server.bytes_of("K01", 101), server.bytes_of("K01", 105)
    server.set_bytes("K01", 101, second)
    server.set_bytes("K01", 105, first)
    found = check(server)
    assert ("entry", 101, 101) in found
    assert ("entry", 105, 105) in found
    assert [row for row in found if row[0] == "altered"]


def test_an_entry_of_another_device_is_named(server: ServerFile) -> None:
    server.set_bytes("K01", 5, server.bytes_of("K02", 5))
    assert ("entry", 5, 5) in check(server)


@pytest.mark.parametrize("stored", [None, 7, "text"])
def test_a_row_without_bytes_is_named(server: ServerFile, stored: object) -> None:
    server.connection.execute("PRAGMA writable_schema = ON")
    server.do("UPDATE sqlite_master SET sql = replace(sql, 'bytes BLOB NOT NULL', 'bytes BLOB') WHERE name = 'entries'")
    server.connection.close()
    with closing(sqlite3.connect(server.path, isolation_level=None)) as connection:
        server.connection = connection
        server.set_bytes("K01", 5, stored)
        assert ("entry", 5, 5) in check(server)


def test_bytes_stored_as_text_are_still_the_bytes(server: ServerFile) -> None:
    server.set_bytes("K01", 5, server.bytes_of("K01", 5).decode())
    assert hadir_audit("verify", server.path).code == 0


def test_a_tail_cut_below_its_checkpoint_is_found(server: ServerFile) -> None:
    server.do("DELETE FROM entries WHERE device = 'K01' AND seq >= 150")
    assert check(server) == [("missing", 150, 199)]


def test_a_tail_cut_with_its_last_checkpoint_altered_is_found(server: ServerFile) -> None:
    server.do("DELETE FROM entries WHERE device = 'K01' AND seq >= 190")
    server.do("UPDATE checkpoints SET size = 190 WHERE device = 'K01' AND size = 200")
    found = check(server)
    assert ("checkpoint", 180, 189) in found
    assert ("unsigned", 180, 189) in found


def test_a_checkpoint_replaced_by_an_older_one_is_named(server: ServerFile) -> None:
    query = "SELECT note FROM checkpoints WHERE device = 'K01' AND size = 60"
    older = server.connection.execute(query).fetchone()[0]
    server.do("UPDATE checkpoints SET note = ? WHERE device = 'K01' AND size = 100", older)
    assert check(server) == [("checkpoint", 80, 99)]


def test_a_checkpoint_by_another_key_is_named(server: ServerFile) -> None:
    entries = [server.bytes_of("K01", seq) for seq in range(200)]
    forger = signer_of("K01", seed=9)
    note = Checkpoint.of(forger.name, Frontier().append(entries)).sign(forger)
    server.do("UPDATE checkpoints SET note = ? WHERE device = 'K01' AND size = 200", note)
    assert check(server) == [("checkpoint", 180, 199), ("unsigned", 180, 199)]


@pytest.mark.parametrize("note", [b"", b"\xff\n\n", "\x1b[2Jnot a note"])
def test_a_checkpoint_that_is_none_is_named(server: ServerFile, note: object) -> None:
    server.do("UPDATE checkpoints SET note = ? WHERE device = 'K01' AND size = 100", note)
    assert check(server) == [("checkpoint", 80, 99)]
    assert "\x1b" not in hadir_audit("verify", server.path).out


def test_a_log_without_any_checkpoint_does_not_pass(server: ServerFile) -> None:
    server.do("DELETE FROM checkpoints WHERE device = 'K01'")
    assert check(server) == [("unsigned", 0, 199)]


def test_a_false_frontier_beside_a_checkpoint_is_not_believed(server: ServerFile) -> None:
    for seq in (5, 190):
        server.set_bytes("K01", seq, entry_bytes("K01", seq, state="stalled"))
    stored = [server.bytes_of("K01", seq) for seq in range(200)]
    forged = Frontier()
    for start in range(0, 200, 20):
        forged = forged.append(stored[start : start + 20])
        statement = "UPDATE checkpoints SET frontier = ?, root = ? WHERE device = 'K01' AND size = ?"
        server.do(statement, forged.encode(), forged.root(), forged.size)
    assert check(server) == [("altered", 0, 19)]
    assert hadir_audit("verify", server.path, "--json").report["devices"][0]["proven"] == 0


def forge(server: ServerFile) -> None:
    """Make K01's log anew, consistent in itself, with a key of the forger's own."""
    forger, frontier = signer_of("K01", seed=9), Frontier()
    server.do("UPDATE devices SET signing_key = ? WHERE device = 'K01'", str(forger.verifier))
    for seq in range(200):
        server.set_bytes("K01", seq, entry_bytes("K01", seq, state="stalled"))
    for start in range(0, 200, 20):
        frontier = frontier.append(server.bytes_of("K01", seq) for seq in range(start, start + 20))
        statement = "UPDATE checkpoints SET note = ?, frontier = ? WHERE device = 'K01' AND size = ?"
        server.do(statement, Checkpoint.of(forger.name, frontier).sign(forger), frontier.encode(), frontier.size)


def test_a_swapped_key_is_found_with_pinned_keys_only(server: ServerFile, tmp_path: Path) -> None:
    pinned = tmp_path / "keys.txt"
    pinned.write_text("# from the claim sheets\n\n" + hadir_audit("keys", server.path).out)
    assert hadir_audit("verify", server.path, "--keys", pinned).code == 0
    forge(server)
    assert hadir_audit("verify", server.path).code == 0, "consistent in itself: only a pinned key tells"
    found = check(server, "--keys", pinned)
    assert ("key", None, None) in found
    assert ("checkpoint", 0, 199) in found
    assert ("unsigned", 0, 199) in found


def test_a_device_that_vanished_is_found_with_pinned_keys(server: ServerFile, tmp_path: Path) -> None:
    pinned = tmp_path / "keys.txt"
    pinned.write_text("\n".join([*server.keys, str(signer_of("K03").verifier)]))
    said = hadir_audit("verify", server.path, "--json", "--keys", pinned)
    assert said.code == 1
    assert said.findings("K03") == [("log", None, None)]


def test_a_device_that_nobody_pinned_is_found(server: ServerFile, tmp_path: Path) -> None:
    pinned = tmp_path / "keys.txt"
    pinned.write_text(str(signer_of("K02").verifier))
    assert check(server, "--keys", pinned) == [("key", None, None)]


def test_entries_of_a_device_that_the_server_does_not_list_are_found(server: ServerFile) -> None:
    server.add("entries", device="K00", seq=0, bytes=entry_bytes("K00", 0))
    said = hadir_audit("verify", server.path, "--json")
    assert said.findings("K00") == [("key", None, None)]


def test_a_named_but_unclaimed_device_is_no_fault(server: ServerFile) -> None:
    server.add("devices", device="K09")
    said = hadir_audit("verify", server.path)
    assert said.code == 0
    assert "empty" in said.out


def test_an_honest_journal_passes(journal: Path) -> None:
    said = hadir_audit("verify", journal)
    assert said.code == 0
    assert "OK: 13 entries" in said.out


def test_a_journal_with_one_altered_entry_is_narrowed_by_the_kiosks_own_frontier(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        data = connection.execute("SELECT bytes FROM entries WHERE seq = 9").fetchone()[0]
        altered = data.replace(b"reopened", b"stalled")
        assert altered != data
        connection.execute("UPDATE entries SET bytes = ? WHERE seq = 9", (altered,))
    said = hadir_audit("verify", journal, "--json")
    assert said.code == 1
    assert said.findings("K07") == [("altered", 8, 11)], "13 leaves are subtrees of 8, 4 and 1"


def pruned(journal: Path, entries: int) -> None:
    """Let the kiosk prune its journal."""
    station = Journal(journal, "K07", signer_of("K07"), FrameClock(0))
    assert station.prune(entries) == entries
    station.close()


def test_a_pruned_journal_verifies_from_the_tree_that_it_kept(journal: Path) -> None:
    pruned(journal, 6)
    said = hadir_audit("verify", journal)
    assert said.code == 0
    assert "7 entries are what their devices signed" in said.out
    assert "6 older ones were pruned here" in said.out


def test_pruning_that_the_kiosk_did_not_do_is_found(journal: Path) -> None:
    pruned(journal, 6)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("DELETE FROM entries WHERE seq IN (6, 7)")
    assert hadir_audit("verify", journal, "--json").findings("K07") == [("missing", 6, 7)]
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE base SET size = 8, frontier = zeroblob(32)")
    said = hadir_audit("verify", journal, "--json")
    assert said.findings("K07") == [("altered", 0, 7)], "the subtree of 8 leaves is not the one that was signed"


def test_a_kept_tree_that_is_none_makes_everything_before_the_first_entry_missing(journal: Path) -> None:
    pruned(journal, 6)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE base SET size = 7")
    assert hadir_audit("verify", journal, "--json").findings("K07") == [("missing", 0, 5)]


def test_a_journal_entry_beyond_the_checkpoint_is_counted(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("INSERT INTO entries VALUES (13, ?)", (entry_bytes("K07", 13),))
    said = hadir_audit("verify", journal)
    assert said.code == 0
    assert "1 more are not yet under a signed checkpoint" in said.out


def _log(entries: list[tuple[int, bytes]], honest: list[bytes], every: int) -> DeviceLog:
    signer, frontier, checkpoints = signer_of("K01"), Frontier(), []
    for start in range(0, len(honest), every):
        frontier = frontier.append(honest[start : start + every])
        checkpoints.append((frontier.size, Checkpoint.of(signer.name, frontier).sign(signer), frontier.encode()))
    return DeviceLog("K01", [str(signer.verifier)], checkpoints, entries, settled=True)


_HONEST = [entry_bytes("K01", seq) for seq in range(40)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_change_of_the_rows_is_found_within_the_range_named(data: st.DataObject) -> None:
    every = data.draw(st.sampled_from([1, 3, 7, 40]))
    rows = list(enumerate(_HONEST))
    match data.draw(st.sampled_from(["none", "byte", "drop", "swap", "again"])):
        case "none":
            assert verify_log(_log(rows, _HONEST, every), None).findings == []
            return
        case "byte":
            seq = data.draw(st.integers(0, 39))
            place = data.draw(st.integers(0, len(rows[seq][1]) - 1))
            byte = data.draw(st.integers(1, 255))
            altered = bytearray(rows[seq][1])
            altered[place] ^= byte
            rows[seq] = (seq, bytes(altered))
        case "drop":
            seq = data.draw(st.integers(0, 39))
            del rows[seq]
        case "swap":
            seq, other = data.draw(st.lists(st.integers(0, 39), min_size=2, max_size=2, unique=True))
            rows[seq], rows[other] = (seq, rows[other][1]), (other, rows[seq][1])
        case "again":
            seq = data.draw(st.integers(0, 39))
            rows.insert(seq, rows[seq])
    found = verify_log(_log(rows, _HONEST, every), None).findings
    assert any(f.seq_from is not None and f.seq_to is not None and f.seq_from <= seq <= f.seq_to for f in found), found
