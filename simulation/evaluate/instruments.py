"""Who and what is presented: species, and the halves of identities, instruments and light for tuning and reporting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from kiosk.errors import KioskError
from simulation.evaluate.captures import half_of, people_in
from simulation.evaluate.presentation import Presentation

LIVING = "person"
SPECIES: dict[str, str] = {
    "print": "flat paper held up",
    "bent": "paper cut along the head and bent",
    "mask": "printed face bent over another person's head, no holes",
    "cutout": "the same with eye holes: the other person's eyes blink",
    "swap": "print held up before and after each prompt, another person answers",
    "screen": "still picture on a display",
    "replay": "film of the living person, who turns and blinks at its own time",
    "puppet": "display on a stand, the right clip chosen live, late by up to 0.8 s",
    "relay": "the same, and its brightness follows the lamp, as late",
}
_LEAST_PX = 200  # of a photo's shorter side: heads of fewer pixels blur
_HALF = {"tuning": "a", "reporting": "b"}
_RADIUS_CM = {"tuning": (7, 9), "reporting": (5, 6, 8, 10)}
_DELAY = {"tuning": (3, 6), "reporting": (4, 5, 8)}  # tenths of a second
_VARIANTS = {
    **dict.fromkeys(("bent", "mask", "cutout", "swap"), _RADIUS_CM),
    **dict.fromkeys(("puppet", "relay"), _DELAY),
}
_AMBIENT_LUX = {"tuning": (400, 800), "reporting": (250, 550, 1200)}


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
        Presentation(
            name,
            seed + number,
            faces[number % len(faces)],
            lamp,
            # Numbers of different length, so that faces, instruments and light meet in every combination.
            f"&fps={fps:g}&ambient={_in_turn(_AMBIENT_LUX[half], number // 2)}",
            _in_turn(_VARIANTS.get(name, {half: (0,)})[half], number // 3),
        )
        for number in range(each)
        for name in species
    ]


def _in_turn(values: Sequence[int], number: int) -> int:
    return values[number % len(values)]


def _is_large(photo: Path) -> bool:
    picture = cv2.imread(str(photo), cv2.IMREAD_COLOR)
    return picture is not None and min(picture.shape[:2]) >= _LEAST_PX and picture.std(axis=2).mean() > 2  # in colour
