"""Lamps, arrows, screen and voice say the same of a prompt and of a result."""

import pytest

from kiosk.appliance.indicator import Indicator
from kiosk.appliance.messages import say
from kiosk.config import Pins
from kiosk.pad.prompts import POOL


@pytest.fixture
def shown():
    """An indicator on mock pins, what its screen got, and what its voice got."""
    texts: list[str] = []
    words: list[str] = []
    indicator = Indicator(Pins(), True, texts.append, words.append)
    yield indicator, texts, words
    indicator.close()


def test_each_prompt_has_arrows_of_its_own_and_is_shown_and_spoken(shown):
    indicator, texts, words = shown
    lit = {}
    for prompt in POOL:
        indicator.show("prompt", say(prompt, "id"), prompt)
        lit[prompt] = indicator.lit
    assert (lit["turn_left"], lit["turn_right"], lit["look_up"]) == ("left", "right", "up")
    assert lit["come_closer"] == "left right up"
    assert words == texts == [say(prompt, "id") for prompt in POOL]
    indicator.show("granted", "✔ Maria")
    assert indicator.lit == "green"
    assert words[-1] == "✔ Maria"


def test_hints_are_shown_and_not_spoken(shown):
    indicator, texts, words = shown
    indicator.show("prompt", "Too dark")
    indicator.show("idle", "Ready")
    assert texts == ["Too dark", "Ready"]
    assert words == []
    assert indicator.lit == ""


def test_what_is_shown_already_is_not_said_again(shown):
    indicator, _, words = shown
    for _ in range(2):
        indicator.show("prompt", "Look up", "look_up")
    assert words == ["Look up"]
