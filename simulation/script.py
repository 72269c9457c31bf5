"""The language of `sim:`: acts in a row, `sim:nobody=2,stranger=6,person=8,print=6?seed=1&fps=15`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kiosk.cameras.options import split
from kiosk.errors import CameraError
from simulation.actors import LEAVES_S
from simulation.instruments import DISPLAYS

ACTORS = (
    *("nobody", "person", "still", "stranger", "print", "screen", "replay"),
    *("bent", "mask", "cutout", "swap", "puppet", "relay", "takeover", "takeback"),
)
_LOOKS = ("display", "other", "manner", "glasses", "skin", "window")
_OPTIONS = ("seed", "fps", "width", "height", "start", "prompts", "gap", "face", "fov", "ambient", *_LOOKS)


@dataclass(frozen=True)
class Act:
    """`actor` comes for at most `seconds`; `still` is the person answering no prompt. `variant` tells strangers apart;
    for paper it is the radius in centimetres (0: 7), for a steered screen its delay in tenths of a second, for
    `takeover` those from the lamp's code to the screen."""

    actor: str
    seconds: float
    variant: int = 0


@dataclass(frozen=True)
class Script:
    """A `sim:` URL read and checked. `face`: path of another portrait, or empty, or `stranger:N`; `other`: the same, of
    who stands behind paper or takes turns with a display (empty: made from `face`). `fov`: degrees, vertical.
    `gap_s`: empty room after a visitor; below 0 the next one steps up while the one before leaves. `ambient_lux`: the
    room's light beside the kiosk's lamp. `display`: a name of `instruments.DISPLAYS`, or empty. The rest is of the
    person: `clumsy`, `glasses`, `skin` (factor on its albedo), `window` behind."""

    url: str
    acts: tuple[Act, ...]
    seed: int
    fps: float
    width: int
    height: int
    start_wall_ms: int | None
    answers: bool
    gap_s: float
    face: str
    fov: float
    ambient_lux: float
    display: str
    other: str
    clumsy: bool
    glasses: bool
    skin: float
    window: bool


def read_script(url: str) -> Script:
    """Read a `sim:` URL. Raises `CameraError` naming the part that is wrong and what may stand there."""
    parts = split(url, _OPTIONS)
    acts = tuple(_act(url, text) for text in parts.address.split(",") if text)
    if not acts:
        raise CameraError(f"camera {url!r}: no acts; write for example sim:nobody=2,person=8")
    return Script(
        url=url,
        acts=acts,
        seed=parts.integer("seed", 0, 0, 2**31),
        fps=parts.number("fps", 15, 1, 120),
        width=parts.integer("width", 640, 160, 1920),
        height=parts.integer("height", 480, 120, 1920),
        start_wall_ms=_wall(url, parts.text("start", "")),
        answers=parts.choice("prompts", ("on", "off")) == "on",
        gap_s=parts.number("gap", 1.2, -LEAVES_S, 60),
        face=parts.text("face", ""),
        fov=parts.number("fov", 53, 20, 100),
        ambient_lux=parts.number("ambient", 400, 10, 100_000),
        display=parts.choice("display", ("", *DISPLAYS)),
        other=parts.text("other", ""),
        clumsy=parts.choice("manner", ("usual", "clumsy")) == "clumsy",
        glasses=parts.choice("glasses", ("off", "on")) == "on",
        skin=parts.number("skin", 1, 0.2, 2),
        window=parts.choice("window", ("off", "on")) == "on",
    )


def _act(url: str, text: str) -> Act:
    name, _, seconds = text.partition("=")
    actor, _, variant = name.partition(":")
    if actor not in ACTORS:
        raise CameraError(f"camera {url!r}: nobody is called {actor!r}; write one of {', '.join(ACTORS)}")
    try:
        act = Act(actor, float(seconds) if seconds else 8.0, int(variant) if variant else 0)
    except ValueError as error:
        raise CameraError(f"camera {url!r}: act {text!r}: write {actor}=SECONDS or {actor}:NUMBER=SECONDS") from error
    if not 0 < act.seconds <= 3600 or act.variant < 0:
        raise CameraError(f"camera {url!r}: act {text!r}: an act lasts more than 0 and at most 3600 seconds")
    return act


def _wall(url: str, text: str) -> int | None:
    if not text:
        return None
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None:
        raise CameraError(
            f"camera {url!r}: start={text}: write a time with its offset, as in start=2026-10-05T07:20:00+09:00"
        )
    return round(start.timestamp() * 1000)
