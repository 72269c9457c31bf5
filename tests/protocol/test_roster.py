"""Rosters: sealed for one manifest of one device, read whole or not at all."""

from __future__ import annotations

import base64
import re
from dataclasses import asdict

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol import canonical, cards, roster
from protocol.errors import ProtocolError
from protocol.gallery import seal_bytes
from protocol.roster import Card, PromptSet, Roster, Supervisor

KEY = X25519PrivateKey.from_private_bytes(bytes([5]) * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
SITI, BUDI = "ab" * 16, "cd" * 16
TEXT = cards.new()
ROSTER = Roster(
    (Supervisor("2026-01-01", "2026-12-31", SITI),),
    (
        PromptSet("2026-10-01", "", BUDI, 3, ("turn_left", "come_closer")),
        PromptSet("2026-10-05", "2026-10-31", BUDI, 9, ()),
    ),
    (Card("", "2026-12-31", SITI, 1, "0" * 64), Card("", "", BUDI, 2, cards.digest(TEXT))),
    (BUDI, SITI),
)


def test_a_roster_comes_back_for_the_device_and_manifest_it_was_sealed_for_and_for_no_other():
    setting = ROSTER.seal("K01", 4, PUBLIC)
    assert roster.unseal(setting, "K01", 4, KEY) == ROSTER
    for device, version in (("K02", 4), ("K01", 5)):
        with pytest.raises(ProtocolError, match="not sealed for"):
            roster.unseal(setting, device, version, KEY)
    assert SITI not in setting
    assert SITI.encode() not in base64.b64decode(setting)


def test_what_holds_depends_on_the_day():
    assert ROSTER.is_supervisor(SITI, "2026-12-31")
    assert not ROSTER.is_supervisor(SITI, "2027-01-01")
    assert not ROSTER.is_supervisor(BUDI, "2026-10-06")
    assert ROSTER.prompts_of(BUDI, "2026-09-30") is None
    assert [ROSTER.prompts_of(BUDI, day).number for day in ("2026-10-01", "2026-10-05", "2026-11-01")] == [3, 9, 3]


def test_a_card_is_found_by_its_text_alone_which_the_roster_does_not_hold():
    assert ROSTER.card_of(TEXT).person == BUDI
    assert re.fullmatch(r"HADIR/1/[A-Z2-7]{26}", TEXT)
    assert cards.new() != TEXT
    assert TEXT.encode() not in canonical.encode({"cards": [asdict(one) for one in ROSTER.cards]})
    foreign = ("", cards.new(), f"{TEXT}\n", TEXT.lower(), f" {TEXT}", "'; DROP TABLE entries; --", "\x00\x1b[31m", "é")
    for text in (*foreign, TEXT + "A" * 1_000_000):
        assert ROSTER.card_of(text) is None


@given(st.text())
def test_no_other_text_is_anybodys_card(text):
    assert ROSTER.card_of(text) is None


def test_a_field_of_the_future_is_left_aside_and_what_is_not_whole_is_refused():
    def sealed(value):
        plain = canonical.encode(value)
        return base64.b64encode(seal_bytes(plain, roster.SETTING, "K01", 1, PUBLIC)).decode()

    one = {"first": "", "last": "", "person": SITI, "rank": 3}
    assert roster.unseal(sealed({"supervisors": [one], "prompt_sets": [], "more": 1}), "K01", 1, KEY) == Roster(
        (Supervisor("", "", SITI),)
    )
    for bad in (
        {"supervisors": []},
        {"supervisors": [{"first": "", "last": ""}], "prompt_sets": []},
        {"supervisors": [one | {"person": 5}], "prompt_sets": []},
        {"supervisors": [], "prompt_sets": [one | {"number": True, "prompts": []}]},
        {"supervisors": 5, "prompt_sets": []},
        {"supervisors": [], "prompt_sets": [], "office": [5]},
        *(
            {"supervisors": [], "prompt_sets": [], "cards": [one | card]}
            for card in ({"number": 1, "digest": ""}, {"number": "1", "digest": "0" * 64}, {"digest": "0" * 64})
        ),
    ):
        with pytest.raises(ProtocolError, match="roster"):
            roster.unseal(sealed(bad), "K01", 1, KEY)
    for setting in (None, 5, "no base64", ""):
        with pytest.raises(ProtocolError):
            roster.unseal(setting, "K01", 1, KEY)
