"""Who and what is presented: species, and the halves of identities, instruments and light for tuning and reporting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import cv2

from kiosk.errors import KioskError
from simulation.evaluate.captures import half_of, people_in
from simulation.evaluate.presentation import STILL_ON, Presentation

T = TypeVar("T")
LIVING = "person"
SPECIES: dict[str, str] = {
    "print": "flat paper held up",
    "bent": "paper cut along the head and bent",
    "mask": "printed face bent over another person's head, no holes",
    "cutout": "the same with eye holes: the other person's eyes blink",
    "swap": "print held up before and after each prompt, another person answers",
    "phone": "still picture on a phone, held close",
    "tablet": "still picture on a tablet",
    "laptop": "still picture on a laptop",
    "replay": "film of the living person, who turns and blinks at its own time, on any of the displays",
    "puppet": "any of the displays on a stand, the right clip chosen live, late by up to 0.8 s",
    "relay": "the same, and its brightness follows the lamp, as late",
    "copy": "the same without any delay, as by a light sensor on the display",
    "takeover": "another living person answers the lamp, then such a display is held there for shots and turn",
    "takeback": "such a display for the shots, another living person for the prompts, and the display again",
}
NOT_CLAIMED = ("mask", "copy")
"""Species that are reported and left out of the claim over all attacks: what is worn, and light that is copied at
once."""
_LEAST_PX = 200  # of a photo's shorter side: heads of fewer pixels blur
_HALF = {"tuning": "a", "reporting": "b"}
_RADIUS_CM = {"tuning": (7, 9), "reporting": (5, 6, 8, 10)}
_DELAY = {"tuning": (3, 6), "reporting": (4, 5, 8)}  # tenths of a second
_VARIANTS = {
    **dict.fromkeys(("bent", "mask", "cutout", "swap"), _RADIUS_CM),
    **dict.fromkeys(("puppet", "relay"), _DELAY),
    "takeover": {"tuning": (5, 25), "reporting": (2, 10, 35)},  # tenths of a second from the code to the display
}
_DISPLAYS = {
    "tuning": ("phone-6.5", "tablet-10.2", "laptop-14"),
    "reporting": ("phone-6.1", "tablet-10.1", "laptop-13.3", "phone-6.7", "tablet-11", "laptop-15.6"),
}
_LIT = ("phone", "tablet", "laptop", "replay", "puppet", "relay", "copy", "takeover", "takeback")
_WITH_ANOTHER = ("mask", "cutout", "swap", "takeover", "takeback")
_AMBIENT_LUX = {"tuning": (400, 800), "reporting": (250, 550, 1200)}

_LIVING = {
    "usual": {"tuning": "", "reporting": ""},
    "clumsy": {"tuning": "&manner=clumsy", "reporting": "&manner=clumsy"},
    "glasses": {"tuning": "&glasses=on", "reporting": "&glasses=on"},
    "low light": {"tuning": "&ambient=120", "reporting": "&ambient=90"},
    "against the light": {"tuning": "&window=on", "reporting": "&window=on"},
    "darker skin": {"tuning": "", "reporting": ""},
    "lighter skin": {"tuning": "", "reporting": ""},
}
"""The living by number in turn, with their options of `sim:`."""
_SKIN = {"darker skin": {"tuning": 0.6, "reporting": 0.5}, "lighter skin": {"tuning": 1.15, "reporting": 1.25}}


def identities(folder: Path | None, half: str) -> list[str]:
    """Faces of a half, as `sim:` takes them: of the portrait and those made from it, and of the folder's people whose
    first photo is large enough. The same identity is always in the same half."""
    made = {"tuning": ["", "stranger:0", "stranger:1"], "reporting": ["stranger:2", "stranger:3"]}[half]
    if folder is None:
        return made
    if not folder.is_dir():
        raise KioskError(f"--faces {folder} is no folder: give one that holds <identity>/<photos>")
    photos = [found[0] for name, found in people_in(folder).items() if half_of(name) == _HALF[half]]
    return made + [str(photo) for photo in photos if _is_large(photo)]


def plan(
    species: Sequence[str], each: int, seed: int, faces: Sequence[str], half: str, lamp: bool, fps: float
) -> list[Presentation]:
    """`each` presentations a species: faces, instruments and light in turn, seeds from `seed` on."""
    return [
        _one(name, number, seed + number, faces, half, lamp, f"&fps={fps:g}")
        for number in range(each)
        for name in species
    ]


def _one(
    species: str, number: int, seed: int, faces: Sequence[str], half: str, lamp: bool, options: str
) -> Presentation:
    face = _in_turn(faces, number)
    # Numbers of different length, so that faces, instruments and light meet in every combination.
    light = f"&ambient={_in_turn(_AMBIENT_LUX[half], number // 2)}"
    variant = _in_turn(_VARIANTS.get(species, {half: (0,)})[half], number // 3)
    kind, skin = "", 1.0
    if species == LIVING:
        kind = _in_turn(list(_LIVING), number)
        own = _LIVING[kind][half]
        options += own if "ambient" in own else light + own
        skin = _SKIN.get(kind, {half: 1.0})[half]
    elif species in _LIT:
        kind = _in_turn([name for name in _DISPLAYS[half] if species not in STILL_ON or species in name], number)
        options += f"{light}&display={kind}"
    else:
        options += light
    others = [one for one in faces if _is_photo(one) and one != face] if species in _WITH_ANOTHER else []
    if others:
        options += f"&other={_in_turn(others, number // 5)}"
    return Presentation(species, seed, face, lamp, options, variant, skin=skin, kind=kind)


def _in_turn(values: Sequence[T], number: int) -> T:
    return values[number % len(values)]


def _is_photo(face: str) -> bool:
    """Whether it is a person of the folder, none of those made from the portrait, who look alike."""
    return face != "" and not face.startswith("stranger:")


def _is_large(photo: Path) -> bool:
    picture = cv2.imread(str(photo), cv2.IMREAD_COLOR)
    return picture is not None and min(picture.shape[:2]) >= _LEAST_PX and picture.std(axis=2).mean() > 2  # in colour
