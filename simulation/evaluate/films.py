"""`hadir evaluate films`: films to measure recordings on: rendered presentations, and clips as a hand films them.

They and the list of them are written into a folder.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from kiosk.camera import open_camera
from kiosk.cameras.film import open_film
from kiosk.errors import KioskError
from kiosk.values import Frame
from simulation.evaluate.instruments import LIVING, SPECIES, identities, plan

_SECONDS, _FPS = 8.0, 15.0


def main(arguments: Sequence[str]) -> int:
    """Write the films; 0 when all are there."""
    parser = argparse.ArgumentParser(
        prog="hadir evaluate films",
        description="Films to measure recordings on: rendered presentations, and clips as a hand films them.",
        epilog="example:\n  hadir evaluate films made/ --each 3 && hadir evaluate liveness made/list.csv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder, made when it is not there")
    parser.add_argument("--each", type=int, default=0, metavar="N", help="rendered ones a species, without prompts")
    parser.add_argument("--faces", type=Path, metavar="DIR", help="DIR/<identity>/<photos>: shown beside the portrait")
    parser.add_argument("--half", choices=("tuning", "reporting"), default="reporting", help="of faces and instruments")
    parser.add_argument("--seed", type=int, default=8000, help="of the first presentation (8000)")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="living clips, filmed anew as by a hand")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    faces = identities(options.faces, options.half)
    for shown in plan([LIVING, *SPECIES], options.each, options.seed, faces, options.half, False, _FPS):
        name = f"{shown.species}_{shown.seed}.mp4"
        camera = open_camera(f"{shown.camera}&prompts=off&gap=0")
        _write(options.out / name, _frames(camera.read, _SECONDS), _FPS)
        camera.close()
        rows.append((name, "live" if shown.species == LIVING else "attack", shown.species))
    for number, clip in enumerate(_clips(options.clips)):
        film = open_film(f"file:{clip.absolute()}")
        frames = list(_frames(film.read, 60.0))
        film.close()
        rate = (len(frames) - 1) / max(frames[-1].time_s, 0.1) if len(frames) > 1 else _FPS
        _write(options.out / f"hand_{clip.stem}.mp4", _by_hand(frames, number), rate)
        rows.append((f"hand_{clip.stem}.mp4", "live", "hand-held"))
    with (options.out / "list.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "species"), *rows])
    return 0


def _clips(folder: Path | None) -> list[Path]:
    if folder is not None and not folder.is_dir():
        raise KioskError(f"--clips {folder} is no folder: give one of films")
    return sorted(folder.iterdir()) if folder is not None else []


def _frames(read: Callable[[], Frame | None], seconds: float) -> Iterator[Frame]:
    while (frame := read()) is not None and frame.time_s < seconds:
        yield frame


def _by_hand(frames: Sequence[Frame], seed: int) -> Iterator[Frame]:
    """The pictures as of a camera that drifts, turns and shakes: moved as a whole, a little enlarged."""
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 6)

    def sway(number: int, period_s: float, time_s: float) -> float:
        return float(np.sin(2 * np.pi * time_s / period_s + phases[number]))

    for frame in frames:
        height, width = frame.image.shape[:2]
        time_s = frame.time_s
        to_view = cv2.getRotationMatrix2D(
            (width / 2, height / 2), 2.5 * sway(4, 2.7, time_s), 1.12 + 0.02 * sway(5, 4.0, time_s)
        )
        to_view[0, 2] += width * (0.03 * sway(0, 3.1, time_s) + 0.004 * sway(1, 0.3, time_s))
        to_view[1, 2] += height * (0.025 * sway(2, 2.3, time_s) + 0.004 * sway(3, 0.27, time_s))
        moved = cv2.warpAffine(
            frame.image, to_view, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        yield Frame(np.asarray(moved, np.uint8), time_s, frame.number)


def _write(path: Path, frames: Iterator[Frame], rate: float) -> None:
    writer: cv2.VideoWriter | None = None
    for frame in frames:
        if writer is None:
            height, width = frame.image.shape[:2]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
        writer.write(frame.image)
    if writer is None or not writer.isOpened():
        raise KioskError(f"{path} cannot be written: is there space, and a picture in what it is made from?")
    writer.release()
