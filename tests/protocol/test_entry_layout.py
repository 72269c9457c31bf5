"""Reading an entry by its layout says what decoding it says, whatever the bytes."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol import entry
from protocol.entry import FIELDS, OPTIONAL, Entry
from protocol.errors import ProtocolError

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
OF_TYPE = {
    str: TEXT,
    int: WHOLE,
    (str, type(None)): TEXT | st.none(),
    (int, type(None)): WHOLE | st.none(),
    list: st.lists(TEXT | WHOLE, max_size=3),
    dict: st.dictionaries(NAMES, WHOLE | TEXT, max_size=4),
}
PERSONS = st.just("ab" * 16)


@st.composite
def entries(draw):
    kind = draw(st.sampled_from([*FIELDS, "foretold"]))
    body = {name: draw(OF_TYPE[types]) for name, types in FIELDS.get(kind, {}).items()}
    if draw(st.booleans()):
        body |= {name: draw(OF_TYPE[types]) for name, types in OPTIONAL.get(kind, {}).items()}
    boottime = draw(st.integers(0, 2**53 - 1))
    if "person" in body:
        body["person"] = draw(PERSONS | st.none()) if kind == "refusal" else draw(PERSONS)
    if "presented_boottime_ms" in body:
        body["presented_boottime_ms"] = draw(st.integers(0, boottime))
    seq = draw(st.integers(kind == "attested", 2**53 - 1))
    if kind == "attested":
        body |= {name: draw(st.integers(0, seq - 1)) for name in ("first_try", "colleague", "supervisor")}
    device = draw(st.from_regex(r"[A-Za-z0-9-]{1,32}", fullmatch=True))
    clock = draw(st.sampled_from(entry.CLOCK_STATES))
    return Entry(device, seq, kind, "0b" * 16, boottime, 5, clock, body).encode()


def identified(data):
    try:
        return entry.identify(data)
    except ProtocolError:
        return None


def decoded(data):
    try:
        value = entry.decode(data)
    except ProtocolError:
        return None
    return value.device, value.seq, value.kind


@given(entries())
def test_every_entry_is_identified(data):
    assert identified(data) == decoded(data) is not None


PLAIN = {
    "person": "ab" * 16, "presented_boottime_ms": 10, "source": "sim", "gallery": 3, "distance_e4": 1,
    "margin_e4": None, "liveness": "live", "prompts": ["a", "b"], "measures": {"a": 1, "b": -2, "c": 0},
}  # fmt: skip
DATA = Entry("K01", 7, "presence", "00" * 16, 20, 5, "free", PLAIN).encode()


def test_a_plain_entry_needs_no_parser(monkeypatch):
    monkeypatch.setattr(entry, "_read", lambda data: pytest.fail("parsed"))
    assert entry.identify(DATA) == ("K01", 7, "presence")


@pytest.mark.parametrize(
    "change",
    [
        (b'{"a":1,"b":-2', b'{"b":1,"a":-2'),
        (b'{"a":1,"b":-2', b'{"a":1,"a":-2'),
        (b'"c":0', b'"c":-0'),
        (b'"c":0', b'"C":0'),
        (b'"c":0', b'"c":0.0'),
        (b'"c":0', b'"c":9007199254740992'),
        (b'"presented_boottime_ms":10', b'"presented_boottime_ms":21'),
        (b'"presented_boottime_ms":10', b'"presented_boottime_ms":-1'),
        (b'"seq":7', b'"seq":07'),
        (b'"seq":7', b'"seq":true'),
        (b'"seq":7', b'"seq":7,"seq":7'),
        (b'"v":1', b'"v":2'),
        (b'"device":"K01"', b'"device":"K 1"'),
        (b'"clock":"free"', b'"clock":"right"'),
        (b'"a","b"', b'"a", "b"'),
        (b'"a","b"', b'"a","b",'),
        (b'"a","b"', b'"a","\xff"'),
        (b'"sim"', b"null"),
        (b'"kind":"presence"', b'"kind":"camera"'),
        (b"}", b"} "),
        (b"{", b" {"),
    ],
)
def test_what_looks_nearly_like_an_entry_is_refused_by_both(change):
    assert decoded(DATA.replace(*change)) is None
    assert identified(DATA.replace(*change)) is None


@given(st.integers(0, 2**64), st.sampled_from([DATA]) | entries())
@example(0, DATA[:-1] + b"\n")
def test_damaged_bytes_are_judged_alike(seed, data):
    dice = random.Random(seed)
    damaged = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(damaged))
        damaged[place : place + dice.randint(0, 2)] = dice.choice(
            [b"", b'"', b",", b"0", b"-", b"a", b"{", b"\\", b"\n"]
        )
    assert identified(bytes(damaged)) == decoded(bytes(damaged))
