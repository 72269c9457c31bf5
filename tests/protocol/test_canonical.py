"""Canonical JSON: one value, one sequence of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import canonical
from protocol.errors import ProtocolError

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=6,
)


@given(VALUES)
def test_what_is_encoded_comes_back(value):
    assert canonical.decode(canonical.encode(value)) == value


def test_nesting_is_bounded():
    value: list = []
    for _ in range(canonical.MAX_DEPTH + 1):
        value = [value]
    with pytest.raises(ProtocolError, match="nested deeper"):
        canonical.encode(value)


@given(st.dictionaries(KEYS, st.integers(0, 9), min_size=2))
def test_the_order_of_keys_does_not_matter_to_the_encoder(value):
    backwards = dict(reversed(value.items()))
    assert canonical.encode(backwards) == canonical.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"A":1}',
        b'{"a":9007199254740992}',
        b'"\\u0061"',
        b'"\\ud800"',
        b"[" * 3000 + b"]" * 3000,
        b"\xff",
        b"01",
        b"",
    ],
)
def test_other_spellings_are_refused(data):
    with pytest.raises(ProtocolError, match="canonical JSON"):
        canonical.decode(data)


def test_floats_cannot_be_encoded():
    with pytest.raises(ProtocolError, match="float"):
        canonical.encode({"a": 0.5})
