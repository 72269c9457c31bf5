"""Each accepted batch is in the national log when it is acknowledged, and each entry can be proven from there."""

import base64
import sqlite3

import pytest
from harness import NOW_MS, Kiosk, claimed_kiosk, http

from protocol.checkpoint import open_checkpoint
from protocol.merkle import Frontier
from protocol.national import open_log_key, unpack_leaves
from protocol.note import Verifier
from protocol.proof import check_consistency, check_inclusion
from protocol.request import sign_request
from protocol.tlog import read_proof
from server import keys
from server.devices import ingest
from server.transparency.trees import device_tree


def log_key(running):
    """The key that root delegates."""
    root = Verifier.parse((running.directory / "state" / "keys" / "root.pub").read_text().strip())
    return open_log_key(http.get(f"{running.base}/v1/log/key").content, root)


def newest(running):
    return open_checkpoint(http.get(f"{running.base}/v1/log/checkpoint").content, log_key(running))


def hashes(running, path):
    answer = http.get(f"{running.base}/v1/log/proof/{path}")
    assert answer.status_code == 200, answer.text
    return [base64.b64decode(line) for line in answer.text.splitlines()]


def leaves(running, size):
    found = []
    while len(found) < size:
        found += unpack_leaves(http.get(f"{running.base}/v1/log/entries?from={len(found)}&to={size}").content)
    return found


@pytest.fixture
def auditor(running, kiosk):
    token = running.command("auditor", f"bpk-{kiosk.name}").out.strip()
    return {"Authorization": f"Bearer {token}"}


def test_an_acknowledged_batch_is_a_leaf_and_the_log_only_grows(running, kiosk):
    kiosk.record()
    kiosk.send(0)
    before = newest(running)
    kiosk.record()
    kiosk.send(1)
    after = newest(running)
    assert after.size > before.size
    held = leaves(running, after.size)
    assert Frontier().append(held).root() == after.root
    mine = [leaf for leaf in held if leaf.startswith(f"hadir.example/device/{kiosk.name}\n".encode())]
    assert [open_checkpoint(leaf, kiosk.signer.verifier).size for leaf in mine] == [1, 2]
    proof = hashes(running, f"consistency?from={before.size}&to={after.size}")
    check_consistency(before.size, before.root, after.size, after.root, proof)
    for index in (0, held.index(mine[1])):
        proof = hashes(running, f"inclusion?index={index}&size={after.size}")
        check_inclusion(held[index], index, after.size, proof, after.root)


def test_a_batch_that_is_refused_or_sent_again_leaves_no_leaf(running, kiosk):
    kiosk.record()
    kiosk.send(0)
    size = newest(running).size
    assert kiosk.send(0).status_code == 200
    kiosk.entries[0] = kiosk.entries[0].replace(b'"camera":"sim"', b'"camera":"sin"')
    assert kiosk.send(0).status_code == 409
    assert newest(running).size == size


def test_one_entry_is_proven_up_to_the_national_log(running, kiosk, auditor):
    for number in range(5):
        kiosk.record(camera=f"c{number}")
    kiosk.send(0)
    answer = http.get(f"{running.base}/v1/logs/{kiosk.name}/proof/3", headers=auditor)
    proof = read_proof(answer.content)
    assert proof.check(kiosk.entries[3], kiosk.signer.verifier).size == 5
    second = read_proof(proof.extra)
    assert second.check(proof.checkpoint, log_key(running)).size == newest(running).size


@pytest.mark.parametrize(("seq", "status"), [(1, 404), (2**52, 404), (-1, 400), (2**70, 400)])
def test_an_entry_that_is_not_there_has_no_proof(running, kiosk, auditor, seq, status):
    kiosk.record()
    kiosk.send(0)
    assert http.get(f"{running.base}/v1/logs/{kiosk.name}/proof/{seq}", headers=auditor).status_code == status
    assert http.get(f"{running.base}/v1/logs/none/proof/0", headers=auditor).status_code == 404


def test_checkpoints_come_with_the_frontier_that_gives_their_root(running, kiosk):
    for count in (1, 2):
        for _ in range(count):
            kiosk.record()
        kiosk.send(len(kiosk.entries) - count)
    url = f"{running.base}/v1/logs/{kiosk.name}/checkpoints"
    found = http.get(url).json()
    assert [one["size"] for one in found] == [1, 3]
    for one in found:
        checkpoint = open_checkpoint(one["note"].encode(), kiosk.signer.verifier)
        assert Frontier.decode(one["size"], base64.b64decode(one["frontier"])).root() == checkpoint.root
    assert [one["size"] for one in http.get(f"{url}?from=2").json()] == [3]


def test_the_proof_of_a_mark_is_for_auditors(running, kiosk):
    assert http.get(f"{running.base}/v1/logs/{kiosk.name}/proof/0").status_code == 401


@pytest.mark.parametrize(
    "path", ["inclusion?index=0&size=999999", "consistency?from=3&to=2", "inclusion?index=0&size=0"]
)
def test_a_proof_of_what_the_log_does_not_hold_is_refused(running, kiosk, path):
    kiosk.record()
    kiosk.send(0)
    answer = http.get(f"{running.base}/v1/log/proof/{path}")
    assert (answer.status_code, "the log has" in answer.json()["error"]) == (400, True)


def test_long_logs_keep_the_nodes_that_proofs_are_made_of(running):
    kiosk: Kiosk = claimed_kiosk(running, "KL")
    for number in range(600):
        kiosk.record(camera=f"c{number}")
        if number in (299, 599):
            assert kiosk.send(300 * (number // 300)).status_code == 200
    parts = running.services()
    with parts.database.read() as connection:
        tree = device_tree(connection, "KL")
        assert len(tree.kept(8, 0, 9)) == 2
        assert tree.root(0, 600) == Frontier().append(kiosk.entries).root()
    parts.database.close()


def test_a_crash_between_entries_and_national_log_leaves_neither(running, kiosk, monkeypatch):
    kiosk.record()
    size = newest(running).size if kiosk.send(0).status_code == 200 else 0
    kiosk.record()
    parts = running.services()
    body = kiosk.batch(1)
    path = f"/v1/devices/{kiosk.name}/batches"

    def fail(*_arguments):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(ingest.national, "append", fail)
    header = sign_request(kiosk.signer, kiosk.name, "POST", path, body, NOW_MS)
    device, signature = parts.authenticator.check(header, "POST", path, body)
    with pytest.raises(sqlite3.OperationalError):
        ingest.receive(parts.database, parts.keyring.log, device, signature, body, parts.clock)
    parts.database.close()
    assert newest(running).size == size
    assert kiosk.cursor(kiosk.request("GET", "/cursor").content).size == 1


def test_an_installation_from_before_the_log_gets_its_key_with_the_next_delegation(idle):
    directory = idle.directory / "state" / "keys"
    for name in ("log.seed", "log.delegation"):
        (directory / name).unlink()
    assert "hadir server delegate" in idle.command("devices").err
    assert idle.command("delegate").code == 0
    first = (directory / "log.seed").read_text()
    assert idle.command("delegate").code == 0
    assert (directory / "log.seed").read_text() == first
    assert keys.load(directory, "hadir.example").log.name == "hadir.example/log"
