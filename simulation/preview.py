"""A look at a scene without a kiosk: `python -m simulation.scene 'sim:person=11' --out sheet.png`.

Gives the people on the scene one prompt after the other and writes a film (.mp4) or a sheet of pictures (.png).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from kiosk.camera import open_camera
from kiosk.errors import CameraError
from kiosk.values import CameraEvent, Frame, Prompt

_FIRST_S, _EACH_S = 1.8, 1.7
_COLUMNS, _ROWS = 5, 4


def main(arguments: list[str] | None = None) -> int:
    """Render and write. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simulation.scene", description=__doc__.splitlines()[0])
    parser.add_argument("url", help="any camera URL, e.g. 'sim:person=11,print=11?seed=3'")
    parser.add_argument("--out", type=Path, required=True, help="a path that ends in .mp4 or .png")
    options = parser.parse_args(arguments)
    try:
        frames = play(options.url)
        write(frames, options.out)
    except CameraError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.out}: {len(frames)} frames, {frames[-1].time_s:.1f} s")
    return 0


def play(url: str) -> list[Frame]:
    """All frames of `url`; a new prompt every 1.7 seconds, over and over."""
    camera = open_camera(url)
    prompts = get_args(Prompt)
    frames: list[Frame] = []
    given = 0
    while (frame := camera.read()) is not None:
        frames.append(frame)
        if frame.time_s >= _FIRST_S + given * _EACH_S:
            camera.tell(CameraEvent(frame.time_s, "prompt", prompts[given % len(prompts)]))
            given += 1
    camera.close()
    return frames


def write(frames: list[Frame], path: Path) -> None:
    """Write a film or a sheet of 20 pictures, by the path's ending. Raises `CameraError` when it cannot."""
    height, width = frames[0].image.shape[:2]
    if path.suffix == ".png":
        chosen = [frames[i].image for i in np.linspace(0, len(frames) - 1, _COLUMNS * _ROWS).astype(int)]
        rows = [np.hstack(chosen[i : i + _COLUMNS]) for i in range(0, len(chosen), _COLUMNS)]
        good = cv2.imwrite(str(path), cv2.resize(np.vstack(rows), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    elif path.suffix == ".mp4":
        fps = (len(frames) - 1) / max(frames[-1].time_s, 0.001)
        film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
        good = film.isOpened()
        for frame in frames:
            film.write(frame.image)
        film.release()
    else:
        raise CameraError(f"preview {str(path)!r}: give a path that ends in .mp4 or .png")
    if not good:
        raise CameraError(f"preview {str(path)!r}: cannot be written; is the folder there?")
