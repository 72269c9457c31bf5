"""The Merkle tree of a log, against RFC 6962's definition and known roots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash

# The eight inputs and roots that certificate transparency implementations share.
INPUTS = [bytes.fromhex(h) for h in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def by_definition(leaves):
    """MTH of RFC 6962, section 2.1, as written there."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_known_roots(size, root):
    assert Frontier().append(INPUTS[:size]).root().hex() == root


@given(st.lists(st.binary(max_size=8), max_size=40), st.integers(0, 40))
def test_appending_in_two_goes_gives_the_root_by_definition(leaves, cut):
    frontier = Frontier().append(leaves[:cut])
    stored = Frontier.decode(frontier.size, frontier.encode())
    assert stored.append(leaves[cut:]).root() == by_definition(leaves)


def test_a_frontier_of_another_size_is_refused():
    with pytest.raises(ProtocolError, match="do not fit a tree of 3"):
        Frontier.decode(3, bytes(32))
