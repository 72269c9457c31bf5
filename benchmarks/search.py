"""How fast a gallery is searched: python -m benchmarks.search [ROWS ...]   (1,000 to 100,000 templates by default).

In one run: one shot and three fused, searched as the station does; one dlib embedding; and face_recognition's
`face_distance` over the same rows, as an array and as the list that its examples use. Then how long a sealed gallery of
5,000 people takes until the station can search it, and how large a process with faces and gallery is.
Five templates a person; processor time.
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

import kiosk.station  # noqa: F401  # what a station imports counts into its size
from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import look_at
from kiosk.matcher import Templates, search
from kiosk.recognition.embedder import DlibEmbedder, cut
from kiosk.recognition.gallery import GalleryStore
from kiosk.uplink.device import load_device, load_or_make_keys, save_claim
from kiosk.values import Frame
from protocol.gallery import Gallery, Person, seal
from protocol.manifest import Delegation, GalleryReference, Manifest
from protocol.note import Signer

EACH, SHOTS, PEOPLE = 5, 3, 5000


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
    from skimage import data  # a station has none

    picture = cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (480, 480))
    tracker = FaceTracker()
    face = look_at(picture, 0, tracker).face
    tracker.close()
    assert face is not None
    engine, crop = DlibEmbedder(), cut(picture, face.box)
    return seconds(lambda: engine.embed(*crop), 5)


def made_up(people: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Templates of so many people, and each one's middle: .8 between and .35 within, as dlib has it."""
    rng = np.random.default_rng(1)
    centres = np.repeat(rng.normal(0.0, 0.05, (people, 128)), EACH, axis=0)
    return (centres + rng.normal(0.0, 0.022, centres.shape)).astype(np.float32), centres


def claimed_with_gallery(state: Path) -> None:
    """A device's folder in which sync left a gallery of so many people."""
    online = Signer.generate("benchmark/gallery")
    delegation = Delegation(1, 0, 10**15, str(online.verifier), str(online.verifier))
    root = Signer.generate("benchmark/root")
    load_or_make_keys(state)
    save_claim(state, "K01", "benchmark", root.verifier, delegation.sign(root))
    device = load_device(state)
    people = tuple(Person(f"{n:032x}", "Siti", EACH) for n in range(PEOPLE))
    gallery = Gallery(1, DlibEmbedder.identity, 128, 4200, 500, people, made_up(PEOPLE)[0].tobytes(), "pairs", 10)
    sealed = seal(gallery, "K01", device.sealing.public_key().public_bytes_raw())
    reference = GalleryReference(1, sha256(sealed).hexdigest(), len(sealed))
    store = GalleryStore(state, device)
    store.offer(Manifest("K01", 1, 0, 10**15, "A", "WIT", ("sim",), reference).sign(online), sealed)
    store.apply(DlibEmbedder.identity, 128, 1)


def station(state: Path) -> None:
    """Print how long the gallery takes to load, and how large a process gets with all that a station's own holds (its
    embedder is another process)."""
    device = load_device(state)
    tracker = FaceTracker()
    for number in range(30):
        tracker.update(Frame(np.full((720, 1280, 3), 128, np.uint8), number / 15, number))
    load_s = seconds(lambda: GalleryStore(state, device).load(DlibEmbedder.identity, 128), 5)
    templates = GalleryStore(state, device).load(DlibEmbedder.identity, 128).templates
    assert templates is not None
    search(templates, templates.matrix[:SHOTS])
    # Not getrusage: what it says includes the process that this one was forked from.
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    size_mb = int(status["VmHWM"].split()[0]) / 1024
    print(
        f"{PEOPLE * EACH:,} templates of {PEOPLE:,} people: ready to be searched in {1e3 * load_s:.0f} ms; "
        f"the station's process had {size_mb:.0f} MB at most"
    )
    tracker.close()


def main(sizes: list[int]) -> None:
    """Print milliseconds and ratios."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        import face_recognition
    one = embedding_s()
    print(f"one embedding: {1e3 * one:.1f} ms")
    rng = np.random.default_rng(2)
    for rows in sizes:
        people = rows // EACH
        matrix, centres = made_up(people)
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
    with TemporaryDirectory() as folder:
        claimed_with_gallery(Path(folder))
        # In a process of its own: this one holds models and copies that a station does not.
        subprocess.run([sys.executable, "-m", "benchmarks.search", "--station", folder], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--station"]:
        station(Path(sys.argv[2]))
    else:
        main([int(argument) for argument in sys.argv[1:]] or [1_000, 5_000, 25_000, 100_000])
