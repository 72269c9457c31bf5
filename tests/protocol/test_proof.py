"""Proofs against RFC 6962's definition, the vectors that transparency logs share, and every forgery tried."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checkpoint import Checkpoint
from protocol.errors import ProtocolError, SignatureInvalid
from protocol.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash
from protocol.national import delegate_log, open_log_key, pack_leaves, unpack_leaves
from protocol.note import Signer
from protocol.proof import check_consistency, check_inclusion, in_memory
from protocol.tlog import LogProof, read_proof

INPUTS = [bytes.fromhex(h) for h in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip


def mth(leaves):
    """MTH of RFC 6962, section 2.1."""
    if len(leaves) < 2:
        return leaf_hash(leaves[0]) if leaves else EMPTY_ROOT
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(mth(leaves[:split]), mth(leaves[split:]))


def path(m, leaves):
    """PATH of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m, leaves, b):
    """SUBPROOF of RFC 6962, section 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if b else [mth(leaves)]
    k = 1 << ((n - 1).bit_length() - 1)
    if m <= k:
        return [*subproof(m, leaves[:k], b), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


# Audit paths and consistency proofs of those inputs, as other implementations publish them (leaf, size: hashes).
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCIES = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


@pytest.mark.parametrize(("case", "hashes"), PATHS.items())
def test_known_inclusion_proofs(case, hashes):
    assert [node.hex() for node in in_memory(INPUTS).inclusion(*case)] == hashes


@pytest.mark.parametrize(("case", "hashes"), CONSISTENCIES.items())
def test_known_consistency_proofs(case, hashes):
    assert [node.hex() for node in in_memory(INPUTS).consistency(*case)] == hashes


def test_small_trees_have_the_proofs_of_the_definition_and_they_pass():
    leaves = [bytes([n]) for n in range(19)]
    tree = in_memory(leaves)
    for size in range(1, len(leaves) + 1):
        for index in range(size):
            proof = tree.inclusion(index, size)
            assert proof == path(index, leaves[:size])
            check_inclusion(leaves[index], index, size, proof, mth(leaves[:size]))
        for old in range(size + 1):
            proof = tree.consistency(old, size)
            assert proof == (subproof(old, leaves[:size], True) if old else [])
            check_consistency(old, mth(leaves[:old]), size, mth(leaves[:size]), proof)


LARGE = [b"%d" % number for number in range(70_000)]
TREE = in_memory(LARGE)


@given(st.data())
def test_proofs_of_a_large_tree_come_from_kept_nodes(data):
    size = data.draw(st.integers(1, len(LARGE)))
    old = data.draw(st.integers(0, size))
    index = data.draw(st.integers(0, size - 1))
    root, old_root = TREE.root(0, size), TREE.root(0, old) if old else EMPTY_ROOT
    check_inclusion(LARGE[index], index, size, TREE.inclusion(index, size), root)
    check_consistency(old, old_root, size, root, TREE.consistency(old, size))


def test_the_root_from_kept_nodes_is_that_of_the_frontier():
    assert TREE.root(0, len(LARGE)) == Frontier().append(LARGE).root()


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_nodes_are_kept_alike_however_the_leaves_arrive(first, more):
    once: list = []
    Frontier().append(LARGE[: first + more], once)
    twice: list = []
    Frontier().append(LARGE[:first], twice).append(LARGE[first : first + more], twice)
    assert twice == once
    assert [(level, position) for level, position, _ in once] == [(8, n) for n in range((first + more) // 256)]


@given(st.data())
def test_no_other_leaf_place_size_root_or_hash_passes(data):
    size = data.draw(st.integers(2, 40))
    index = data.draw(st.integers(0, size - 1))
    leaves, proof = LARGE[:size], TREE.inclusion(index, size)
    root = mth(leaves)
    at = data.draw(st.integers(0, len(proof) - 1))
    bent = [*proof[:at], bytes(32), *proof[at + 1 :]]
    for wrong in (
        (b"other", index, size, proof, root),
        (leaves[index], (index + 1) % size, size, proof, root),
        (leaves[index], index, size, proof[:-1], root),
        (leaves[index], index, size, [*proof, bytes(32)], root),
        (leaves[index], index, size, bent, root),
        (leaves[index], index, size, proof, bytes(32)),
        (leaves[index], size, size, proof, root),
        (leaves[index], -1, size, proof, root),
    ):
        with pytest.raises(ProtocolError, match="proof: "):
            check_inclusion(*wrong)


@given(st.data())
def test_no_log_that_was_rewritten_passes_as_the_same(data):
    size = data.draw(st.integers(2, 40))
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    leaves = LARGE[:size]
    other = [*leaves[:changed], b"other", *leaves[changed + 1 :]]
    # Whoever rewrote the log can offer a proof made of either tree, cut, or longer.
    for proof in (in_memory(leaves).consistency(old, size), in_memory(other).consistency(old, size)):
        for offered in (proof, proof[:-1], [*proof, bytes(32)], []):
            with pytest.raises(ProtocolError, match="does not show"):
                check_consistency(old, mth(leaves[:old]), size, mth(other), offered)


@pytest.mark.parametrize(("old", "size", "proof"), [(0, 3, [bytes(32)]), (3, 3, [bytes(32)]), (4, 3, []), (-1, 3, [])])
def test_a_consistency_proof_of_nothing_must_be_empty(old, size, proof):
    with pytest.raises(ProtocolError, match="does not show"):
        check_consistency(old, mth(LARGE[: max(old, 0)]), size, mth(LARGE[:size]), proof)


@pytest.mark.parametrize(
    "ask", [lambda t: t.inclusion(3, 3), lambda t: t.inclusion(0, 4), lambda t: t.consistency(2, 4)]
)
def test_what_the_log_does_not_hold_cannot_be_proven(ask):
    with pytest.raises(ProtocolError, match="the log has 3 leaves"):
        ask(in_memory(LARGE[:3]))


def test_nodes_that_are_not_kept_are_computed_from_the_leaves():
    bare = replace(TREE, kept=lambda level, first, end: [], _blocks={})
    assert bare.inclusion(69_999, 70_000) == TREE.inclusion(69_999, 70_000)


def test_a_leaf_that_is_not_stored_is_named():
    tree = replace(in_memory(LARGE[:600]), leaves=lambda first, end: LARGE[first : min(end, 590)])
    with pytest.raises(ProtocolError, match="entries 512 to 599, 78 are stored"):
        tree.inclusion(3, 600)


KEY = Signer.from_seed("hadir.example/device/K01", bytes(32))
NOTE = Checkpoint.of(KEY.name, Frontier().append(LARGE[:5])).sign(KEY)


def test_a_proof_file_has_the_published_form():
    proof = LogProof(5, (leaf_hash(b"a"), leaf_hash(b"b")), b"note\n", b"more")
    hashes = [base64.b64encode(leaf_hash(x)).decode() for x in (b"a", b"b")]
    assert proof.encode().decode() == (
        f"c2sp.org/tlog-proof@v1\nextra bW9yZQ==\nindex 5\n{hashes[0]}\n{hashes[1]}\n\nnote\n"
    )
    assert read_proof(proof.encode()) == proof


@given(st.integers(0, 4), st.binary(max_size=9))
def test_a_proof_file_comes_back_and_passes(index, extra):
    proof = read_proof(LogProof(index, tuple(TREE.inclusion(index, 5)), NOTE, extra).encode())
    assert (proof.extra, proof.origin, proof.check(LARGE[index], KEY.verifier).size) == (extra, KEY.name, 5)
    with pytest.raises(ProtocolError, match="does not show"):
        proof.check(LARGE[(index + 1) % 5], KEY.verifier)
    with pytest.raises(SignatureInvalid):
        proof.check(LARGE[index], Signer.generate(KEY.name).verifier)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ((b"proof@v1", b"proof@v2"), "does not start"),
        ((b"index 1", b"index 01"), "not a number"),
        ((b"index 1", b"extra AA==\nextra AA==\nindex 1"), "no index"),
        ((b"index 1\n", b"index 1\nAAAA\n"), "32 bytes"),
        ((b"index 1\n", b"index 1\n" + (b"A" * 43 + b"=\n") * 65), "more than 64"),
        ((b"index", "índex".encode()), "ASCII"),
        ((b"\n\n", b"\n"), "hash"),
        ((b"\n\n", b"\n\n" + b"x" * 70_000), "bytes"),
    ],
)
def test_a_file_that_is_no_proof_is_refused(change, named):
    data = LogProof(1, tuple(TREE.inclusion(1, 5)), NOTE).encode()
    with pytest.raises(ProtocolError, match=named):
        read_proof(data.replace(*change, 1))


def test_the_log_key_is_believed_when_root_names_it():
    root, log = Signer.generate("hadir.example/root"), Signer.generate("hadir.example/log")
    assert open_log_key(delegate_log(root, log.verifier, 5), root.verifier) == log.verifier
    with pytest.raises(SignatureInvalid):
        open_log_key(delegate_log(log, log.verifier, 5), root.verifier)
    with pytest.raises(ProtocolError, match="not the national log"):
        open_log_key(delegate_log(root, KEY.verifier, 5), root.verifier)


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_a_bundle_of_leaves_comes_back_and_a_cut_one_is_refused(leaves):
    data = pack_leaves(leaves)
    assert unpack_leaves(data) == leaves
    if data:
        with pytest.raises(ProtocolError, match="cut off"):
            unpack_leaves(data[:-1])
