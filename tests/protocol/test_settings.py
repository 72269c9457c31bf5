"""Settings are read as their dataclass says, and every fault names file, line and key."""

import contextlib
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.settings import SettingsError, read_settings


@dataclass(frozen=True)
class Lamp:
    """A section."""

    pin: int = 18
    level: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.pin <= 27:
            raise ValueError(f"pin must be 0 to 27, not {self.pin}")


@dataclass(frozen=True)
class Kiosk:
    """A file."""

    origin: str
    camera: str = "picamera2:"
    language: Literal["id", "en"] = "id"
    state_dir: Path = Path("state")
    screen: bool = False
    title: str | None = None
    servers: tuple[str, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    lamp: Lamp = field(default_factory=Lamp)
    lamps: tuple[Lamp, ...] = ()


def read(text: str) -> Kiosk:
    return read_settings(textwrap.dedent(text), "kiosk.yaml", Kiosk)


def test_every_type_of_field_is_read():
    assert read(
        """\
        origin: hadir.example
        language: en
        state_dir: /var/lib/hadir
        screen: true
        title: null
        servers: [a, 'b']
        weights: {x: 1, y: -2}
        lamp: {pin: 3, level: 1e-1}
        lamps:
          - pin: 4
        """
    ) == Kiosk(
        "hadir.example",
        language="en",
        state_dir=Path("/var/lib/hadir"),
        screen=True,
        servers=("a", "b"),
        weights={"x": 1, "y": -2},
        lamp=Lamp(3, 0.1),
        lamps=(Lamp(4),),
    )


@pytest.mark.parametrize("text", ["no", "07:30", "2026-10-01", "0x10", "1_0", "~x"])
def test_text_stays_as_it_was_written(text):
    assert read(f"origin: {text}").origin == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("origin: a\ncamra: x\n", r"kiosk.yaml:2: 'camra' is not a setting of kiosk \(did you mean 'camera'\?\)"),
        ("origin: a\nlamp:\n  pon: 1\n", r"kiosk.yaml:3: 'pon' is not a setting of lamp \(did you mean 'pin'\?\)"),
        ("origin: a\nzzzzzz: 1\n", r"kiosk.yaml:2: 'zzzzzz' is not a setting of kiosk \(it has: origin, "),
        ("origin: a\n\nlanguage: xx\n", r"kiosk.yaml:3: language must be one of id, en, not 'xx'"),
        ("origin: a\nscreen: yes\n", r"kiosk.yaml:2: screen must be true or false, not 'yes'"),
        ("origin: a\nlamp: {pin: 1.5}\n", r"kiosk.yaml:2: pin must be a whole number, not '1.5'"),
        ("origin: a\nlamp: {level: .inf}\n", r"kiosk.yaml:2: level must be a number, not '.inf'"),
        ("origin: a\nlamp:\n  pin: 99\n", r"kiosk.yaml:3: pin must be 0 to 27, not 99"),
        ("origin: a\norigin: b\n", r"kiosk.yaml:2: 'origin' is there twice, first in line 1"),
        ("origin:\n", r"kiosk.yaml:1: origin must be text, not empty"),
        ("origin: [a]\n", r"kiosk.yaml:1: origin must be text, not a list"),
        ("origin: a\nservers: b\n", r"kiosk.yaml:2: servers must be a list, not 'b'"),
        ("origin: a\nlamp: 3\n", r"kiosk.yaml:2: lamp must be a mapping of keys to values, not '3'"),
        ("", r"kiosk.yaml:1: 'origin' is missing from kiosk"),
        ("- a\n", r"kiosk.yaml:1: kiosk must be a mapping"),
        ("origin: a\ncamera: 'b\n", r"kiosk.yaml:\d: not YAML"),
        ("origin: a\n---\norigin: b\n", r"kiosk.yaml:2: not YAML"),
        ("origin: a\ncamera: !!python/name:os.system x\n", r"kiosk.yaml:2: tags .* are not allowed"),
        ("origin: &x a\ncamera: *x\n", r"kiosk.yaml:1: anchors"),
        ("origin: a\ncamera: *x\n", r"kiosk.yaml:2: anchors"),
        ("origin: " + "[" * 5000, r"kiosk.yaml:1: nested deeper than 12"),
        ("origin: a\ncamera: \x00\n", r"kiosk.yaml:1: not YAML"),
        ("# " + "x" * (256 << 10), r"kiosk.yaml:1: longer than 256 KiB"),
    ],
)
def test_a_fault_is_named_with_file_line_and_key(text, message):
    with pytest.raises(SettingsError, match=rf"\A{message}"):
        read(text)


@given(st.text(alphabet=st.sampled_from("origincamerlp: \n-[]{}'\"&*!#|>\\0xuU1~\t,?@`%"), max_size=60) | st.text())
def test_no_text_raises_anything_else(text):
    with contextlib.suppress(SettingsError):
        read_settings(text, "kiosk.yaml", Kiosk)
