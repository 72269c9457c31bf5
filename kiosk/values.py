"""The immutable values that pass between the kiosk's parts: Frame → Face → LivenessVerdict → Match → Decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Prompt = Literal["turn_left", "turn_right", "look_up", "blink", "come_closer"]
"""What the person is asked to do. Left and right are the person's own: at `turn_left` the nose moves
towards the right edge of an unmirrored picture. `come_closer`: the face grows by a quarter or more."""

Lamp = Literal["idle", "prompt", "wait", "granted", "refused", "fault"]
"""What the lamps show: dark, white, amber blinking, green, red, amber steady."""

Outcome = Literal["granted", "refused", "unknown", "undetermined"]
"""What a decision says of a track."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture. `image`: height x width x 3, uint8, BGR. `time_s`: the camera's clock, seconds, increasing."""

    image: NDArray[np.uint8]
    time_s: float
    number: int


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """What the loop did, told to the camera so that a simulated or external one can answer it.

    `event` "prompt": `value` is a Prompt, or "" when the prompt ends. `event` "lamp": `value` is a Lamp. `event`
    "light": `value` is the white lamp's level, "0.00" to "1.00", or "" when the light code is over.
    """

    time_s: float
    event: Literal["prompt", "lamp", "light"]
    value: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One measured ground for a verdict: `value` against `threshold`, both in `unit`."""

    name: str
    value: float | None = None
    threshold: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return self.name
        limit = "" if self.threshold is None else f", limit {self.threshold:g}{self.unit}"
        return f"{self.name} ({self.value:.3g}{self.unit}{limit})"


@dataclass(frozen=True, slots=True)
class Face:
    """A tracked face in one frame.

    `box`: x, y, width, height in pixels, whole face from brow to chin. `landmarks`: 468 or 478 x 3 float32,
    MediaPipe's mesh, x and y in pixels, z in the same scale, smaller is nearer. Angles in degrees: yaw
    positive to the person's own left, pitch positive up, roll positive clockwise in the picture.
    `eyes_open`: eye aspect ratio of the more closed eye (about .3 open, below .15 closed).
    `inter_eye_px`: distance of the eye centres. `quality`: reasons against this face as a shot; empty is good.
    """

    track: int
    box: tuple[int, int, int, int]
    landmarks: NDArray[np.float32]
    yaw: float
    pitch: float
    roll: float
    eyes_open: float
    inter_eye_px: float
    quality: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class LivenessVerdict:
    """`live` only when everything asked was measured and passed; ISO/IEC 30107-3 terms otherwise.

    `noted`: what was measured besides the reasons, passive cues above all: for the record, decided nothing by.
    """

    state: Literal["live", "attack", "undetermined", "not_checked"]
    reasons: tuple[Reason, ...] = ()
    species: str = ""
    prompts: tuple[Prompt, ...] = ()
    noted: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Answer of the 1:N search over the fused shots of one track.

    `distance`: Euclidean, of the nearest person; `margin`: how much farther the second person is
    (None where the gallery holds one person). `alike`: others whom the gallery lists as hard to tell from `person`;
    then the face alone is never "known": within the threshold it is "unsure" until a second factor says who it is.
    `visiting`: the person is not of the kiosk's own office, where it knows that.
    """

    outcome: Literal["known", "unknown", "unsure"]
    person: str | None
    distance: float | None
    margin: float | None
    alike: tuple[str, ...] = ()
    visiting: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What the kiosk decided about one track, before it is written down. Times are the camera's, seconds.
    `prompt_set`: number of the alternative prompts that were asked, if any; `card`: of the card that was shown."""

    time_s: float
    presented_s: float
    track: int
    decision: Outcome
    match: Match | None
    liveness: LivenessVerdict
    reasons: tuple[Reason, ...] = ()
    compute_ms: dict[str, float] = field(default_factory=dict)
    prompt_set: int | None = None
    card: int | None = None
