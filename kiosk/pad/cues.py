"""Which passive cues there are, and what an office makes of each; without OpenCV, as the configuration needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Use = Literal["off", "log", "deny"]
"""What becomes of a cue: not measured; measured and written down; measured, and beyond its threshold an attack."""

ABOVE = {"moire": 0.9, "bezel": 0.95, "specular": 0.03, "colour_texture": 0.6, "model": 0.9}
"""The value above which each cue speaks of an attack, where the site has not found its own.

`moire`: decades by which the strongest fine pattern stands out of its surroundings in the spectrum. `bezel`: share of
the face's height along which a straight strip stands on both sides. `specular`: share of the face that is as white as
the picture gets. `colour_texture`: detail of the chroma over that of the luma. `model`: 1 less the model's probability
of a living face.
"""


@dataclass(frozen=True, slots=True)
class Model:
    """An ONNX file that tells living faces from others, believed by its hash alone. `scale`: side of its square over
    the face's larger side; `living`: which of its outputs is the living face. Defaults: MiniFASNetV2."""

    path: Path
    sha256: str
    scale: float = 2.7
    living: int = 1


@dataclass(frozen=True, slots=True)
class PassiveSettings:
    """`use` of each cue, `log` where it is not named; `above`: thresholds found on site, by cue. The model is a cue
    where there is one. `every_s`: seconds between two pictures measured, `most` in all; their median counts."""

    use: Mapping[str, Use] = field(default_factory=dict)
    above: Mapping[str, float] = field(default_factory=dict)
    model: Model | None = None
    every_s: float = 0.4
    most: int = 6

    def __post_init__(self) -> None:
        for name in ("use", "above"):
            wrong = set(getattr(self, name)) - set(ABOVE)
            if wrong:
                raise ValueError(
                    f"{name}: no cue is called {', '.join(sorted(wrong))}; write one of {', '.join(ABOVE)}"
                )

    def measured(self) -> tuple[str, ...]:
        """The cues that are measured."""
        return tuple(cue for cue in ABOVE if self.use.get(cue) != "off" and (cue != "model" or self.model is not None))

    def limit(self, cue: str) -> float:
        """The value above which the cue speaks of an attack."""
        return self.above.get(cue, ABOVE[cue])
