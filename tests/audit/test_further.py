"""The national log, proofs of marks and comparisons of views: what honest ones say, and that no change passes."""

import json
import shutil
from pathlib import Path

import pytest
from honest import ORIGIN, ServerFile, entries_of, hadir_audit, journal_file, server_file, signer_of

from audit.further.check import Evidence, read_evidence
from protocol.checkpoint import Checkpoint
from protocol.entry import Entry
from protocol.errors import ProtocolError
from protocol.gallery import pseudonym
from protocol.merkle import Frontier
from protocol.note import Signer

LOG_KEY = Signer.from_seed(f"{ORIGIN}/log", bytes([9]) * 32)
PERSON_KEY = bytes(32)
PERSON = pseudonym(PERSON_KEY, "E1")
OCTOBER_MS = 1_790_812_800_000  # 2026-10-01, 00:00 UTC: 09:00 WIT


def add_national(server: ServerFile, key: Signer = LOG_KEY, notes: list[bytes] | None = None) -> list[bytes]:
    """The national log of these checkpoints, else of all that the database holds, as its devices sent them in turn."""
    query = "SELECT note, device, size FROM checkpoints ORDER BY size, device"
    rows = server.connection.execute(query).fetchall()
    frontier = Frontier()
    for table in ("national_leaves", "national_log"):
        server.connection.execute(f"DELETE FROM {table}")
    for note, device, size in rows:
        if notes is None or note in notes:
            server.add("national_leaves", position=frontier.size, device=device, size=size, note=note)
            frontier = frontier.append([note])
    note = Checkpoint.of(key.name, frontier).sign(key)
    row = {"size": frontier.size, "frontier": frontier.encode(), "note": note, "key": str(key.verifier)}
    server.add("national_log", **row)
    return [note for note, _, _ in rows]


def mark(device: str, seq: int, at_ms: int, person: str = PERSON, clock: str = "synchronised") -> bytes:
    """A presence first seen at `at_ms` and written two seconds later."""
    body = {
        "person": person, "presented_boottime_ms": 8000, "source": "sim", "gallery": 1, "distance_e4": 1,
        "margin_e4": None, "liveness": "live", "prompts": [], "measures": {},
    }  # fmt: skip
    return Entry(device, seq, "presence", "ab" * 16, 10_000, at_ms + 2000, clock, body).encode()


def add_marks(server: ServerFile, device: str, data: list[bytes], zone: str = "WIT") -> None:
    """A device whose log is these entries, two a batch."""
    signer, frontier = signer_of(device), Frontier()
    server.add("devices", device=device, signing_key=str(signer.verifier), zone=zone)
    for start in range(0, len(data), 2):
        for seq, one in enumerate(data[start : start + 2], start):
            server.add("entries", device=device, seq=seq, bytes=one, kind="presence", received_ms=OCTOBER_MS)
        frontier = frontier.append(data[start : start + 2])
        state = {"device": device, "size": frontier.size, "frontier": frontier.encode(), "root": frontier.root()}
        server.add("checkpoints", **state, note=Checkpoint.of(signer.name, frontier).sign(signer))


@pytest.fixture
def keys(server: ServerFile, tmp_path: Path) -> list[str]:
    """Options with the pinned keys of devices K01, K02, K03 and of the national log."""
    pinned = [*server.keys, str(signer_of("K03").verifier)]
    (tmp_path / "keys.txt").write_text("\n".join(pinned))
    (tmp_path / "log.txt").write_text(f"{LOG_KEY.verifier}\n")
    return ["--keys", str(tmp_path / "keys.txt"), "--log-key", str(tmp_path / "log.txt")]


def test_an_honest_national_log_passes(server: ServerFile, keys: list[str]) -> None:
    add_national(server)
    said = hadir_audit("national", server.path, *keys)
    assert (said.code, "OK: 13 checkpoints of 2 devices" in said.out) == (0, True), said.out + said.err
    unpinned = hadir_audit("national", server.path)
    assert (unpinned.code, "from the source itself" in unpinned.out) == (0, True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE national_leaves SET note = note || 'x' WHERE position = 3", "leaf 3"),
        ("DELETE FROM national_leaves WHERE position = 12", "leaves 12 to 12 are missing"),
        ("DELETE FROM national_leaves WHERE position = 4", "leaves 12 to 12 are missing"),
        ("UPDATE national_leaves SET position = 90 WHERE position = 2", "do not give the root"),
        ("UPDATE national_leaves SET note = 5 WHERE position = 2", "leaf 2"),
        ("UPDATE national_log SET note = replace(CAST(note AS TEXT), '13', '12')", "its checkpoint: "),
        ("UPDATE national_log SET note = x''", "its checkpoint: "),
        (
            "INSERT INTO national_leaves SELECT 13, device, size, note FROM national_leaves WHERE position = 2",
            "no checkpoint covers the leaves 13 to 13",
        ),
        ("DELETE FROM entries WHERE device = 'K01' AND seq > 99", ""),
    ],
)
def test_whatever_is_done_to_the_national_log_is_found(
    server: ServerFile, keys: list[str], change: str, named: str
) -> None:
    add_national(server)
    server.do(change)
    said = hadir_audit("national", server.path, *keys)
    if named:
        assert (said.code, named in said.out) == (1, True), said.out + said.err
    else:  # the checkpoints are all there: that entries are missing is for `verify` to find
        assert (said.code, hadir_audit("verify", server.path).code) == (0, 1)


def test_a_log_that_was_cut_off_together_with_its_checkpoints_is_found(server: ServerFile, keys: list[str]) -> None:
    add_national(server)
    server.do("DELETE FROM entries WHERE device = 'K01' AND seq > 99")
    server.do("DELETE FROM checkpoints WHERE device = 'K01' AND size > 100")
    assert hadir_audit("verify", server.path, *keys[:2]).code == 1  # only since K03 is pinned and absent
    said = hadir_audit("national", server.path, *keys)
    assert "K01: cut off at 100 entries: the national log holds its checkpoint of 200" in said.out


def test_an_older_checkpoint_that_was_taken_away_is_named(server: ServerFile, keys: list[str]) -> None:
    add_national(server)
    server.do("DELETE FROM checkpoints WHERE device = 'K01' AND size IN (20, 60)")
    assert hadir_audit("verify", server.path).code == 0
    said = hadir_audit("national", server.path, *keys)
    assert said.code == 1
    for size in (20, 60):
        assert f"K01: its checkpoint of {size} entries is missing, though the national log holds it\n" in said.out


def test_a_national_log_by_another_key_is_not_believed(server: ServerFile, keys: list[str]) -> None:
    add_national(server, Signer.generate(LOG_KEY.name))
    assert hadir_audit("national", server.path).code == 0
    said = hadir_audit("national", server.path, *keys)
    assert (said.code, "not signed by" in said.out) == (1, True)


def test_a_source_without_a_national_log_says_so(server: ServerFile, journal: Path) -> None:
    assert "holds no national log yet" in hadir_audit("national", server.path).err
    assert "holds no national log that can be read" in hadir_audit("national", journal).err


@pytest.fixture
def proofs(server: ServerFile, tmp_path: Path) -> Path:
    """Proofs of the marks of E1 in October: of three, one in September, one of somebody else."""
    data = [
        mark("K03", 0, OCTOBER_MS - 9 * 3_600_000 - 1),  # September, by a millisecond
        mark("K03", 1, OCTOBER_MS - 9 * 3_600_000),
        mark("K03", 2, OCTOBER_MS, person="ab" * 16),
        mark("K03", 3, OCTOBER_MS + 1),
        mark("K03", 4, 5, clock="unset"),  # received in October
    ]
    add_marks(server, "K03", data)
    server.add("person_keys", employee="E1", key=PERSON_KEY, pseudonym=PERSON)
    add_national(server)
    out = tmp_path / "proofs"
    said = hadir_audit("prove", server.path, "E1", "2026-10", "--out", out)
    assert (said.code, "3 marks of E1 in 2026-10" in said.out) == (0, True), said.out + said.err
    return out


def test_the_marks_of_a_month_are_proven_offline(proofs: Path, keys: list[str]) -> None:
    files = sorted(proofs.glob("*.tlog-proof"))
    assert [file.name for file in files] == [f"K03-{n}.tlog-proof" for n in (1, 3, 4)]
    said = hadir_audit("check", *files, *keys)
    assert said.code == 0, said.out + said.err
    assert said.out.count("PROVEN") == 3
    assert f"K03 (presence of {PERSON}, 2026-10-01 00:00:00 UTC by the kiosk's own clock)" in said.out
    assert "of the national log of 16" in said.out
    assert "was not checked" in hadir_audit("check", *files, *keys[:2]).out


@pytest.mark.parametrize(
    ("suffix", "change"),
    [
        (".json", (b"presence", b"refusal")),
        (".json", (b'"distance_e4":1', b'"distance_e4":2')),
        (".json", (b'"seq":3', b'"seq":1')),
        (".json", (b"K03", b"K01")),
        (".tlog-proof", (b"index 3", b"index 2")),
        (".tlog-proof", (b"/device/K03", b"/device/K01")),
        (".tlog-proof", (b"\n\n", b"\n" + b"A" * 43 + b"=\n\n")),
        (".tlog-proof", (b"extra YzJ", b"extra YzK")),
        (".tlog-proof", (b"\n4\n", b"\n5\n")),
    ],
)
def test_no_proof_passes_that_was_changed(
    proofs: Path, keys: list[str], suffix: str, change: tuple[bytes, bytes]
) -> None:
    path = proofs / "K03-3.tlog-proof"
    changed = path.with_suffix(suffix)
    before = changed.read_bytes()
    changed.write_bytes(before.replace(*change, 1))
    assert changed.read_bytes() != before
    said = hadir_audit("check", path, *keys)
    assert (said.code, "NOT PROVEN" in said.out) == (1, True), said.out + said.err


def test_a_proof_by_a_device_that_is_not_pinned_does_not_pass(proofs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(str(signer_of("K03", seed=2).verifier))
    said = hadir_audit("check", proofs / "K03-3.tlog-proof", "--keys", other)
    assert (said.code, "NOT PROVEN" in said.out) == (1, True)
    assert hadir_audit("check", proofs / "K03-3.tlog-proof").code == 1


def test_a_mark_that_was_altered_cannot_be_proven(server: ServerFile, proofs: Path, tmp_path: Path) -> None:
    server.set_bytes("K03", 3, mark("K03", 3, OCTOBER_MS + 60_000))
    said = hadir_audit("prove", server.path, "E1", "2026-10", "--out", tmp_path / "more")
    assert (said.code, "entry 1 of K03 cannot be proven" in said.err or "entry 3 of K03" in said.err) == (2, True)


@pytest.mark.parametrize("column", ["kind", "quarantined"])
def test_no_column_beside_an_entry_keeps_it_from_being_proven(
    server: ServerFile, proofs: Path, tmp_path: Path, column: str
) -> None:
    server.do(f"UPDATE entries SET {column} = 'x'")
    said = hadir_audit("prove", server.path, "E1", "2026-10", "--out", tmp_path / "more")
    assert (said.code, "3 marks of E1 in 2026-10" in said.out) == (0, True), said.out + said.err
    assert {path.name for path in (tmp_path / "more").iterdir()} == {path.name for path in proofs.iterdir()}


@pytest.mark.parametrize("odd", [mark("K05", 1, 2**53 - 3000), PERSON.encode()])
def test_what_no_calendar_has_or_no_reader_reads_keeps_no_other_mark_from_being_proven(
    server: ServerFile, proofs: Path, tmp_path: Path, odd: bytes
) -> None:
    add_marks(server, "K05", [mark("K05", 0, OCTOBER_MS), odd])
    add_national(server)
    said = hadir_audit("prove", server.path, "E1", "2026-10", "--out", tmp_path / "more")
    assert (said.code, "4 marks of E1 in 2026-10" in said.out) == (0, True), said.out + said.err
    assert ("entry 1 of K05: left out, its clock said 9007199254737992 ms" in said.out) == odd.startswith(b"{")
    server.set_bytes("K05", 1, b"x" + odd)
    said = hadir_audit("prove", server.path, "E1", "2026-10", "--out", tmp_path / "more")
    assert (said.code, "entry 1 of K05 cannot be proven" in said.err) == (2, True)


@pytest.mark.parametrize(("employee", "month", "named"), [("E9", "2026-10", "E9"), ("E1", "2026-13", "not a month")])
def test_what_cannot_be_proven_is_said_in_one_line(
    server: ServerFile, proofs: Path, employee: str, month: str, named: str
) -> None:
    said = hadir_audit("prove", server.path, employee, month, "--out", proofs)
    assert (said.code, said.err.count("\n"), named in said.err) == (2, 1, True)


def test_two_equal_views_are_the_same(server: ServerFile, tmp_path: Path, keys: list[str]) -> None:
    add_national(server)
    copy = tmp_path / "copy.db"
    shutil.copyfile(server.path, copy)
    said = hadir_audit("diff", server.path, copy, *keys[2:])
    assert said.code == 0, said.out + said.err
    assert "K01: 200 entries are the same, 0 differ\n" in said.out
    assert "national log: the same 13 leaves" in said.out


def test_two_views_are_compared_entry_by_entry(server: ServerFile, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copyfile(server.path, copy)
    server.set_bytes("K01", 7, b"other \x1b[2J")
    server.do("DELETE FROM entries WHERE device = 'K01' AND seq IN (20, 21)")
    server.do("DELETE FROM entries WHERE device = 'K02' AND seq > 50")
    said = hadir_audit("diff", server.path, copy)
    assert said.code == 1
    assert "K01: entry 7 differs\n    A: other \\x1b[2J\n    B: {" in said.out
    assert "K01: entries 20 to 21, 2 of them, are in B only" in said.out
    assert "K02: 51 entries are the same, 0 differ; B goes on with 9 more" in said.out
    assert hadir_audit("diff", copy, copy).code == 0


def test_a_card_and_the_server_agree_on_what_both_hold(tmp_path: Path) -> None:
    card = journal_file(tmp_path / "journal.db", 13)
    with server_file(tmp_path / "server.db", {"K01": [2]}) as server:
        add_marks(server, "K07", entries_of(card)[:10])
        said = hadir_audit("diff", server.path, card)
    assert said.code == 0, said.out + said.err
    assert "K01: in A only" in said.out
    assert "K07: 10 entries are the same, 0 differ; B goes on with 3 more" in said.out


def test_two_checkpoints_of_one_size_show_that_a_device_signed_two_logs(server: ServerFile, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copyfile(server.path, copy)
    key = signer_of("K02")
    forked = Checkpoint(key.name, 20, bytes(32)).sign(key)
    server.do("UPDATE checkpoints SET note = ? WHERE device = 'K02' AND size = 20", forked)
    said = hadir_audit("diff", server.path, copy)
    assert (said.code, "K02: the checkpoints of size 20 differ" in said.out) == (1, True)


def test_an_auditor_who_kept_a_checkpoint_sees_that_the_log_continues_it(
    server: ServerFile, tmp_path: Path, keys: list[str]
) -> None:
    notes = add_national(server)
    add_national(server, notes=notes[:5])
    kept = tmp_path / "kept.note"
    kept.write_bytes(server.connection.execute("SELECT note FROM national_log").fetchone()[0])
    add_national(server)
    for pair in ((kept, server.path), (server.path, kept)):
        said = hadir_audit("diff", *pair, *keys[2:])
        assert (said.code, "the 13 leaves of the one continue the 5 of the other" in said.out) == (0, True), said.err


@pytest.mark.parametrize("shown", [3, 13])
def test_two_auditors_who_were_shown_different_logs_can_prove_it(
    server: ServerFile, tmp_path: Path, keys: list[str], shown: int
) -> None:
    notes = add_national(server)
    # To one auditor the server shows a log in which a checkpoint of K02 is left out.
    kept = tmp_path / "kept.note"
    frontier = Frontier().append([*notes[:1], *notes[2:], b"filler"][:shown])
    kept.write_bytes(Checkpoint.of(LOG_KEY.name, frontier).sign(LOG_KEY))
    evidence = tmp_path / "two-logs.json"
    said = hadir_audit("diff", kept, server.path, *keys[2:], "--evidence", evidence)
    assert (said.code, "TWO LOGS were signed" in said.out) == (1, True), said.out + said.err
    checked = hadir_audit("check", evidence, *keys[2:])
    assert (checked.code, f"{ORIGIN}/log signed two logs" in checked.out) == (0, True)
    # Nobody can make such evidence against an honest server out of it.
    value = json.loads(evidence.read_text())
    found = read_evidence(evidence.read_bytes())
    for older, newer in ((found.older, found.older), (found.newer, found.newer)):
        with pytest.raises(ProtocolError):
            Evidence(older, newer, found.root, found.proof).check(LOG_KEY.verifier)
    evidence.write_text(evidence.read_text().replace(value["root"], "A" * 43 + "="))
    assert hadir_audit("check", evidence, *keys[2:]).code == 1


def test_checkpoints_of_different_size_need_the_leaves_of_the_larger(
    server: ServerFile, tmp_path: Path, keys: list[str]
) -> None:
    for name, size in (("a", 2), ("b", 3)):
        frontier = Frontier().append([b"x"] * size)
        (tmp_path / name).write_bytes(Checkpoint.of(LOG_KEY.name, frontier).sign(LOG_KEY))
    said = hadir_audit("diff", tmp_path / "a", tmp_path / "b", *keys[2:])
    assert (said.code, "without them two checkpoints" in said.err) == (2, True)
    assert "--log-key" in hadir_audit("diff", tmp_path / "a", tmp_path / "b").err
