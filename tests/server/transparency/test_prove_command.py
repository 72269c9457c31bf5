"""An employee's marks of a month as files that pass without the server."""

import io
from contextlib import redirect_stdout

from harness import NOW_MS

from audit.__main__ import main as audit
from protocol.tlog import read_proof

DAY_MS = 86_400_000


def test_the_marks_of_a_month_are_written_with_their_proofs(running, kiosk, tmp_path):
    parts = running.services()
    with parts.database.read() as connection:
        persons = dict(connection.exec_driver_sql("SELECT employee, pseudonym FROM person_keys").fetchall())
    log_key = parts.keyring.log.verifier
    parts.database.close()
    kiosk.booted_ms = NOW_MS - 3 * DAY_MS
    kiosk.record(at_ms=kiosk.booted_ms + 1000)
    kiosk.mark(persons["E1"], NOW_MS - 2 * DAY_MS)  # the last day of September
    kiosk.mark(persons["E2"], NOW_MS - 60_000)
    kiosk.mark(persons["E1"], NOW_MS - 30_000, source="file")  # is proven, though it does not count
    assert kiosk.send(0).status_code == 200
    done = running.command("prove", "E1", "2026-10", "--out", str(tmp_path / "out"))
    assert (done.code, "1 marks of E1 in 2026-10" in done.out) == (0, True), done.out + done.err
    path = tmp_path / "out" / f"{kiosk.name}-3.tlog-proof"
    assert path.with_suffix(".json").read_bytes() == kiosk.entries[3]
    assert read_proof(path.read_bytes()).index == 3
    (tmp_path / "keys.txt").write_text(str(kiosk.signer.verifier))
    (tmp_path / "log.txt").write_text(str(log_key))
    with redirect_stdout(io.StringIO()) as said:
        code = audit(["check", str(path), "--keys", str(tmp_path / "keys.txt"), "--log-key", str(tmp_path / "log.txt")])
    assert (code, "of the national log of" in said.getvalue()) == (0, True)


def test_who_or_what_is_not_there_is_said_in_one_line(running, tmp_path):
    for employee, month, named in (("E99", "2026-10", "no pseudonym"), ("E1", "2026-1x", "not a month")):
        done = running.command("prove", employee, month, "--out", str(tmp_path / "out"))
        assert (done.code, done.err.count("\n"), named in done.err) == (2, 1, True)
