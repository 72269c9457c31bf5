"""The camera `sim:`: a pinhole view of an office corridor where people come, answer prompts and go.

It keeps its own clock: frame n is at n / fps. The same script, seed and events give the same pixels.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from kiosk.errors import CameraError
from kiosk.values import CameraEvent, Frame
from simulation.actors import CLUMSY, USUAL, Actor, Living, Presenter, random_for
from simulation.attackers import Masked, Puppeteer, Relieved
from simulation.body import Body
from simulation.head import Head
from simulation.instruments import DISPLAYS, Display, player, print_of, screen_of
from simulation.lamp import Lamp
from simulation.paper import BentPaper
from simulation.portrait import Picture, Portrait, astronaut, prepare
from simulation.relief import with_relief
from simulation.room import Exposure, Sensor, draw_window, noise, office
from simulation.script import Act, Script, read_script
from simulation.strangers import stranger, with_skin

# Clothes of strangers and of those who hold instruments: the portrait's colour channels in another order.
_FILMED = "sim:person={seconds}?seed={seed}&fps={fps}&width={size[0]}&height={size[1]}&fov=25"
_CLOTHES = ((2, 1, 0), (1, 2, 0), (0, 2, 1))
_CLIP_S = 6.5
_FILMS = 2  # made of each person
_EXPOSURES = 10  # after which an exposure without delay has settled
_STRANGER = "stranger:"
_ROOM_M = 2.5  # how far the wall behind the people is
_ARRIVED_S = 1.6  # seconds after which who walks in stands still
_RADIUS_CM = 7
_STEERED_LATE = 3  # tenths of a second, of a screen that takes turns with somebody


class Scene:
    """A `kiosk.camera.Camera` that plays a script."""

    kind = "sim"
    live = False

    def __init__(self, script: Script) -> None:
        self.device = script.url.partition(":")[2]
        self.start_wall_ms = script.start_wall_ms
        self._script = script
        self._focal = script.height / 2 / float(np.tan(np.radians(script.fov / 2)))
        self._room = office(script.width, script.height, random_for(script.seed, 1))
        self._sensor = Sensor(script.width, script.height, script.seed, noise(script.ambient_lux))
        self._portrait = _portrait(script.face)
        self._lamp = Lamp(script.ambient_lux)
        self._exposure = Exposure(script.ambient_lux)
        self._number = 0
        self._act = -1
        self._actor: Actor | None = None  # who came last
        self._there: list[Actor] = []
        self._next_s = 0.0
        self._over = False
        self._settle()

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """The next frame, height x width x 3 BGR; None when the last act is over."""
        time_s = self._number / self._script.fps
        self._change_act(time_s)
        if self._over:
            return None
        frame = Frame(self._sensor.expose(self._seen(time_s), self._number), time_s, self._number)
        self._expose(frame.image, 1 / self._script.fps)
        self._number += 1
        return frame

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self._script.fps

    @property
    def read_so_far(self) -> int:
        """How many frames were read, or skipped."""
        return self._number

    def skip(self, frames: int) -> None:
        """Let time pass without drawing it; the exposure settles on what stands there then."""
        self._change_act(self._number / self._script.fps)
        self._number += frames
        self._settle()

    def tell(self, event: CameraEvent) -> None:
        """Who came last sees the prompt or the lamp, nobody else; the lamp's light falls on the next frame. While a
        light code plays the exposure is held, as that of the kiosk's cameras."""
        if event.event == "light":
            self._exposure.held = event.value != ""
            self._lamp.level = float(event.value or 1.0)
        if self._actor is not None:
            self._actor.tell(event)

    def close(self) -> None:
        """End the scene: the next read returns None."""
        self._over = True

    def _seen(self, time_s: float) -> Picture:
        """The room and whoever is there, without noise."""
        image = np.asarray(cv2.convertScaleAbs(self._room, alpha=self._lamp.shade(_ROOM_M)), np.uint8)
        if self._script.window:
            draw_window(image)
        for actor in sorted(self._there, key=lambda one: -one.distance_m(time_s)):
            actor.draw(image, time_s, self._focal, self._lamp)
        return image

    def _settle(self) -> None:
        for _ in range(_EXPOSURES):
            self._expose(self._seen(self._number / self._script.fps), np.inf)

    def _expose(self, image: Picture, elapsed_s: float) -> None:
        """Let the exposure see what it made: it acts on the next picture."""
        self._exposure.update(image, elapsed_s)
        self._lamp.exposure = self._exposure.factor

    def _change_act(self, time_s: float) -> None:
        if self._actor is not None:
            self._next_s = self._actor.gone_s(time_s) + self._script.gap_s
        self._there = [actor for actor in self._there if time_s < actor.gone_s(time_s)]
        while time_s >= self._next_s and not self._over:
            if self._act + 1 == len(self._script.acts):
                self._over = not self._there
                return
            self._act += 1
            act = self._script.acts[self._act]
            if act.actor == "nobody":
                self._actor, self._next_s = None, time_s + act.seconds
            else:
                self._actor, self._next_s = self._cast(act, time_s), np.inf
                self._there.append(self._actor)

    def _cast(self, act: Act, time_s: float) -> Actor:
        random = random_for(self._script.seed, 2, self._act)
        span = (time_s, time_s + act.seconds)
        answers = self._script.answers
        if act.actor in ("person", "still"):
            who = _person(self._script.face, self._script.skin, self._script.glasses)
            manner = CLUMSY if self._script.clumsy else USUAL
            return Living(*who, *span, random, answers and act.actor == "person", manner)
        if act.actor == "stranger":
            return Living(*_stranger(self._script.face, act.variant), *span, random, answers)
        holder = _holder(self._script.face)
        if act.actor == "print":
            return Presenter(print_of(self._portrait, random), holder, *span, random, answers)
        if act.actor == "screen":
            return Presenter(screen_of(self._portrait, self._display()), holder, *span, random, answers)
        if act.actor in ("puppet", "relay"):
            return self._steered(act, time_s, act.variant)
        if act.actor in ("takeover", "takeback"):
            screen, first = self._steered(act, time_s, _STEERED_LATE), act.actor == "takeover"
            return Relieved(screen, *self._other(), *span, random, first, act.variant / 10)
        if act.actor in ("bent", "mask", "cutout", "swap"):
            return self._papered(act, time_s)
        display = self._display()
        clip = _clip(self._script.face, self._script.seed % _FILMS, display.film)
        return Presenter(player(clip, 15, display), holder, *span, random, answers=False)  # the clip answers

    def _other(self) -> tuple[Head, Body]:
        script = self._script
        return _person(script.other, 1.0, False) if script.other else _stranger(script.face, script.seed % 4)

    def _display(self) -> Display:
        chosen = random_for(self._script.seed, 3, self._act).integers(len(DISPLAYS))
        return DISPLAYS[self._script.display or list(DISPLAYS)[chosen]]

    def _papered(self, act: Act, time_s: float) -> Actor:
        random = random_for(self._script.seed, 2, self._act)
        span = (time_s, time_s + act.seconds)
        radius_m = (act.variant or _RADIUS_CM) / 100
        if act.actor == "bent":
            held = BentPaper(self._portrait, radius_m)
            return Presenter(held, _holder(self._script.face), *span, random, self._script.answers, steady=True)
        paper = BentPaper(self._portrait, radius_m, "face", eye_holes=act.actor == "cutout")
        return Masked(paper, *self._other(), *span, random, self._script.answers, swaps=act.actor == "swap")

    def _steered(self, act: Act, time_s: float, late: int) -> Puppeteer:
        fps = self._script.fps
        display = self._display()
        url = _FILMED.format(seconds=act.seconds + 60, seed=self._script.seed + 1, fps=fps, size=display.film)
        film = open_scene(url + (f"&face={self._script.face}" if self._script.face else ""))
        film.skip(round(_ARRIVED_S * fps))
        # The act's first picture is drawn in the frame of `time_s`.
        ahead_s = film.read_so_far / fps - time_s
        return Puppeteer(
            film,
            display,
            _holder(self._script.face),
            time_s,
            time_s + act.seconds,
            random_for(self._script.seed, 2, self._act),
            delay_s=late / 10,
            film_ahead_s=ahead_s,
            relays=act.actor == "relay",
        )


def open_scene(url: str) -> Scene:
    """Open a `sim:` URL. Raises `CameraError` for a script or portrait that cannot be used."""
    script = read_script(url)
    try:
        return Scene(script)
    except ModuleNotFoundError as error:
        raise CameraError(
            f"camera {url!r}: the module {error.name!r} is missing; sim: needs scikit-image and mediapipe: "
            "run it with the environment that ./hadir makes"
        ) from error


def record(url: str, face: str = "") -> list[Picture]:
    """A living person who turns to both sides and blinks: the clip for a replay, close up, a few seconds."""
    scene = open_scene(url + (f"&face={face}" if face else ""))
    moments = {1.5: "turn_left", 3.0: "turn_right", 4.5: "blink", 5.5: ""}
    clip: list[Picture] = []
    scene.skip(round(_ARRIVED_S * scene.fps))
    while (frame := scene.read()) is not None and frame.time_s < _CLIP_S:
        for moment in [m for m in moments if m <= frame.time_s]:
            scene.tell(CameraEvent(frame.time_s, "prompt", moments.pop(moment)))
        clip.append(frame.image)
    return clip


@lru_cache(maxsize=8)
def _clip(face: str, number: int, size: tuple[int, int]) -> list[Picture]:
    return record(_FILMED.format(seconds=20, seed=number, fps=15, size=size), face)


@lru_cache(maxsize=32)
def _portrait(face: str) -> Portrait:
    return with_relief(_pictured(face), np.random.default_rng(list(face.encode())))


def _pictured(face: str) -> Portrait:
    if not face:
        return astronaut()
    if face.startswith(_STRANGER) and face.removeprefix(_STRANGER).isdecimal():
        return stranger(astronaut(), int(face.removeprefix(_STRANGER)))
    image = cv2.imread(face, cv2.IMREAD_COLOR) if Path(face).is_file() else None
    if image is None:
        raise CameraError(f"portrait {face!r}: cannot be read as a picture; give the path of a JPEG or PNG")
    try:
        return prepare(np.asarray(image, dtype=np.uint8))
    except ValueError as error:
        raise CameraError(f"portrait {face!r}: {error}") from error


@lru_cache(maxsize=32)
def _person(face: str, skin: float, glasses: bool) -> tuple[Head, Body]:
    portrait = with_skin(_portrait(face), skin)
    return Head(portrait, glasses), Body(portrait)


@lru_cache(maxsize=32)
def _stranger(face: str, variant: int) -> tuple[Head, Body]:
    # Whoever is made from one who was made comes out near to that one.
    portrait = _portrait("") if face.startswith(_STRANGER) else stranger(_portrait(face), variant)
    return Head(portrait), Body(portrait, _CLOTHES[variant % len(_CLOTHES)])


@lru_cache(maxsize=32)
def _holder(face: str) -> Body:
    return Body(_portrait(face), _CLOTHES[0])


if __name__ == "__main__":
    from simulation.preview import main

    raise SystemExit(main())
