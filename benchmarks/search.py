"""How fast a gallery is searched: python -m benchmarks.search [ROWS ...]   (1,000 to 100,000 templates by default).

In one run: one shot and three fused, searched as the station does; one dlib embedding; and face_recognition's
`face_distance` over the same rows, as an array and as the list that its examples use.
Five templates a person; processor time.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import cv2
import numpy as np
from skimage import data

from kiosk.embedder import DlibEmbedder, cut
from kiosk.faces import FaceTracker
from kiosk.matcher import Templates, search
from kiosk.stills import look_at

EACH, SHOTS = 5, 3


def seconds(act: Callable[[], object], tries: int) -> float:
    """Least processor time of one call, in several tries after one that warms up."""
    act()
    found = []
    for _ in range(tries):
        started = time.process_time()
        act()
        found.append(time.process_time() - started)
    return min(found)


def embedding_s() -> float:
    """Processor time of one embedding of a portrait."""
    picture = cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (480, 480))
    tracker = FaceTracker()
    face = look_at(picture, 0, tracker).face
    tracker.close()
    assert face is not None
    engine, crop = DlibEmbedder(), cut(picture, face.box)
    return seconds(lambda: engine.embed(*crop), 5)


def main(sizes: list[int]) -> None:
    """Print milliseconds and ratios."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        import face_recognition
    one = embedding_s()
    print(f"one embedding: {1e3 * one:.1f} ms")
    rng = np.random.default_rng(1)
    for rows in sizes:
        people = rows // EACH
        centres = np.repeat(rng.normal(0.0, 0.05, (people, 128)), EACH, axis=0)
        # About .8 between people and .35 within one, as dlib's embedding has it.
        matrix = (centres + rng.normal(0.0, 0.022, centres.shape)).astype(np.float32)
        owners = np.minimum(np.arange(rows) // EACH, people - 1).astype(np.int32)
        templates = Templates(matrix, owners, tuple(map(str, range(people))), "benchmark/128")
        shots = (centres[rows // 2] + rng.normal(0.0, 0.022, (SHOTS, 128))).astype(np.float32)
        ours = seconds(lambda t=templates, s=shots: search(t, s), 20)
        alone = seconds(lambda t=templates, s=shots: search(t, s[:1]), 20)
        known = list(matrix)
        as_array = seconds(lambda m=matrix, s=shots: face_recognition.face_distance(m, s[0]), 5)
        as_list = seconds(lambda k=known, s=shots: face_recognition.face_distance(k, s[0]), 3)
        print(
            f"{rows:>7,} templates: one shot {1e3 * alone:.2f} ms, {alone / one:.2%} of its embedding; {SHOTS} fused "
            f"{1e3 * ours:.2f} ms, {ours / one / SHOTS:.2%} of theirs; face_distance, one shot: array "
            f"{1e3 * as_array:.2f} ms, list {1e3 * as_list:.1f} ms, {as_list / alone:.0f} times ours"
        )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [1_000, 5_000, 25_000, 100_000])
