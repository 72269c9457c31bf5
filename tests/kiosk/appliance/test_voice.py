"""The voice: one text at a time, by a program that need not be there."""

import os
from pathlib import Path

import pytest

from kiosk.appliance.messages import say, spoken
from kiosk.appliance.voice import Voice
from kiosk.errors import ConfigError
from kiosk.pad.prompts import POOL


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for espeak-ng: opens a pipe, writes down what it is told, and speaks for ever."""
    heard = tmp_path / "heard"
    os.mkfifo(heard)
    stand_in = tmp_path / "espeak-ng"
    stand_in.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >{heard}\nexec tail -f /dev/null\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return heard


def test_a_newer_text_cuts_the_older_one_short(program: Path):
    voice = Voice("id")
    for text, words in ((say("turn_left", "id"), "Toleh kiri"), ("✔ Maria, tercatat 07:12", "Maria, tercatat 07:12")):
        voice.say(text)
        speaking = voice.process
        assert speaking is not None
        assert program.read_text() == f"-v|id|--|{words}|"
        assert speaking.poll() is None
    voice.say("✘ Ditolak")
    assert speaking.poll() is not None
    voice.close()
    assert voice.process is None


def test_a_missing_program_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt-get install espeak-ng"):
        Voice("id")


@pytest.mark.parametrize("language", ["id", "en"])
def test_prompts_are_spoken_shorter_than_they_are_shown(language):
    for prompt in POOL:
        assert len(spoken(say(prompt, language), language)) <= len(say(prompt, language))
    assert spoken(say("attest_question", language, name="Maria"), language).find("Maria") >= 0
