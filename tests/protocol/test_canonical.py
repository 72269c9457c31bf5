"""Canonical JSON: one value, one sequence of bytes."""

import json
import re

import pytest
from hypothesis import example, given
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


def by_definition(data):
    """What `docs/formats.md` says, word for word: parse, encode again, refuse what does not come back."""

    def refuse(text):
        raise ValueError(text)

    def once(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def check(value, depth):
        assert depth <= 8
        if isinstance(value, dict):
            assert all(re.fullmatch("[a-z][a-z0-9_]*", key) for key in value)
            for item in value.values():
                check(item, depth + 1)
        elif isinstance(value, list):
            for item in value:
                check(item, depth + 1)
        elif isinstance(value, int):
            assert abs(value) <= 2**53 - 1

    try:
        value = json.loads(data.decode(), object_pairs_hook=once, parse_float=refuse, parse_constant=refuse)
        check(value, 0)
        written = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, AssertionError, RecursionError):
        return None
    return (value,) if written == data else None


def decoded(data):
    try:
        return (canonical.decode(data),)
    except ProtocolError:
        return None


# Pieces of JSON in any order come near to canonical JSON often enough to try its edges.
PIECES = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", ",", ":", '"a"', '"b"', '"a":', '"b":', '"A":', '"":', '"a:"', '"', "1", "0", "-", "-0",
         "00", "1.0", "1e2", "9007199254740991", "9007199254740992", "NaN", "true", "null", "\\", " ", "\n", "\u00e9",
         "\x7f", '"\\u0061"', '"\\\\"', '"x y"', "[" * 8, "]" * 8]
    ),
    max_size=12,
).map(lambda pieces: "".join(pieces).encode())  # fmt: skip


@given(PIECES | st.binary(max_size=20))
@example(b'{"a":1,"a":2}')
@example(b'{"a":{"b":1,"b":{"c":"x"}}}')
@example(b"[" * 9 + b"]" * 9)
@example(b"[" * 8 + b"1" + b"]" * 8)
@example(b"[" * 9 + b"1" + b"]" * 9)
@example(b'"' + b"x" * 5000 + b'"')
@example(b'["\xed\xa0\x80"]')
def test_whatever_the_bytes_the_answer_is_that_of_the_definition(data):
    assert decoded(data) == by_definition(data)


@given(VALUES, st.data())
def test_near_canonical_bytes_too_the_answer_is_that_of_the_definition(value, data):
    text = bytearray(canonical.encode(value))
    place = data.draw(st.integers(0, len(text)))
    text[place : place + data.draw(st.integers(0, 1))] = data.draw(PIECES | st.sampled_from([b" ", b'"', b"\xff"]))
    assert decoded(bytes(text)) == by_definition(bytes(text))
