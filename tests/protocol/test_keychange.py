"""Changes of a device's key: signed by both keys, dated by sequence, and the old key ends there."""

from dataclasses import replace

import pytest

from protocol import entry
from protocol.checkpoint import Checkpoint
from protocol.entry import Entry
from protocol.errors import ProtocolError, SignatureInvalid
from protocol.keychange import KIND, KeyChain, KeyEnded, change_body, new_key
from protocol.merkle import Frontier
from protocol.note import Signer

NAME = "hadir.example/device/K01"
FIRST, SECOND, THIRD = (Signer.from_seed(NAME, bytes([number]) * 32) for number in (1, 2, 3))


def change(seq, old, new, device="K01", **body):
    body = change_body(device, seq, old, new) | body
    return Entry(device, seq, KIND, "00" * 16, 1000, 1_790_000_000_000, "free", body).encode()


def checkpoint(size, signer):
    return Checkpoint.of(signer.name, Frontier().append([b"x"] * size)).sign(signer)


CHAIN = KeyChain.of([FIRST.verifier], [change(10, FIRST, SECOND), change(20, SECOND, THIRD)])


@pytest.mark.parametrize(
    ("signer", "size", "allowed"),
    [
        (FIRST, 10, True),
        (FIRST, 11, False),
        (SECOND, 4, True),
        (SECOND, 20, True),
        (SECOND, 21, False),
        (THIRD, 1, True),
        (THIRD, 99, True),
    ],
)
def test_a_key_signs_up_to_the_entry_that_ended_it_and_its_successor_speaks_for_the_whole_log(signer, size, allowed):
    if allowed:
        assert CHAIN.open(checkpoint(size, signer)).size == size
    else:
        with pytest.raises(KeyEnded, match="ended"):
            CHAIN.open(checkpoint(size, signer))


def test_the_chain_says_which_key_ended_where():
    ends = [(FIRST.verifier, 10), (SECOND.verifier, 20), (THIRD.verifier, None)]
    assert list(CHAIN.keys) == ends
    assert list(CHAIN.changes) == [10, 20]
    assert new_key(CHAIN.changes[20]) == THIRD.verifier


def test_a_key_of_nobody_signs_nothing():
    with pytest.raises(SignatureInvalid):
        CHAIN.open(checkpoint(3, Signer.generate(NAME)))


SIGNATURE = change_body("K01", 10, FIRST, THIRD)["old_signature"]


@pytest.mark.parametrize(
    "data",
    [
        change(10, SECOND, THIRD),  # not by the old key
        change(10, FIRST, SECOND, new_signature=SIGNATURE),  # not by the new one
        change(10, FIRST, SECOND, key=str(THIRD.verifier)),  # another key than was signed
        change(10, FIRST, FIRST),
        change(10, FIRST, Signer.generate("hadir.example/device/K02")),
        change(10, FIRST, SECOND, device="K02"),
        change(10, FIRST, SECOND, old_signature="?"),
        change(10, FIRST, SECOND).replace(b'"seq":10', b'"seq":11'),
    ],
)
def test_a_change_that_not_both_keys_signed_for_this_place_is_none(data):
    with pytest.raises(ProtocolError):
        KeyChain.of([FIRST.verifier], [data])


def test_a_key_that_ended_gives_its_place_to_nobody_any_more():
    with pytest.raises(KeyEnded, match="entry 10 changed already"):
        CHAIN.changed(change(30, FIRST, Signer.generate(NAME)))


def test_a_key_that_ended_does_not_come_back():
    with pytest.raises(ProtocolError, match="in use before"):
        CHAIN.changed(change(30, THIRD, FIRST))


def test_changes_come_in_their_order():
    with pytest.raises(ProtocolError, match="before one"):
        CHAIN.changed(change(15, THIRD, Signer.generate(NAME)))


def test_keys_that_were_pinned_together_are_one_chain_when_the_change_is_known():
    chain = KeyChain.of([FIRST.verifier, SECOND.verifier], [change(10, FIRST, SECOND)])
    assert list(chain.keys) == [(FIRST.verifier, 10), (SECOND.verifier, None)]


def test_another_kind_of_entry_changes_no_key():
    other = replace(entry.decode(change(10, FIRST, SECOND)), kind="rekeyed")
    with pytest.raises(ProtocolError, match="not a change of key"):
        new_key(other.encode())
