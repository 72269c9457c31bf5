"""Face embeddings: the protocol, dlib's network through face_recognition, and the process that computes them.

A new embedder is one file and one line in `EMBEDDERS`.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import time
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, TypedDict, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.errors import ModelError

Box = tuple[int, int, int, int]
Key = tuple[int, int]
"""Number of a visit, and of the picture in it."""

# The mesh's box (brow to chin, side to side) against the box of dlib's own detector, whose landmarks expect it:
# square, this much larger than the box's geometric mean and higher by this share (medians over 97 photos; the
# embedding then differs from that of dlib's box by .036 in the median and .09 at most).
_DLIB_SIDE, _DLIB_RAISE = 1.09, 0.10
_MARGIN = 0.6
_CROP_FACE_PX = 240


class Described(Protocol):
    """What is known of an embedder without loading it. Vectors of different `identity` are never compared.

    `dimension`: numbers in a vector. `apart`: Euclidean distance beyond which two shots are not of one person.
    """

    @property
    def identity(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def apart(self) -> float: ...


class Embedder(Described, Protocol):
    """What turns a face into a vector."""

    def embed(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """Vector of the face in `box` (x, y, width, height, brow to chin) of a BGR picture."""
        ...


class Factory(Described, Protocol):
    """Makes an embedder in the process that calls it, and can be sent there."""

    def __call__(self) -> Embedder: ...


class DlibEmbedder:
    """dlib's 128-d ResNet with its own landmarks and alignment, as face_recognition ships them.

    Aligned by 68 points and without jitter: `hadir evaluate embedders` measures it against 5 points and jitter.
    """

    identity = "dlib_face_recognition_resnet_model_v1/128/68pt"
    dimension = 128
    apart = 0.5
    landmarks, jitters = "large", 1

    def __init__(self) -> None:
        # Imported here: the station's own process never loads dlib's models.
        with warnings.catch_warnings():
            # Its models package announces on every import that pkg_resources is old.
            warnings.simplefilter("ignore", UserWarning)
            import face_recognition

        self._encode = face_recognition.face_encodings

    def embed(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """128 float32; distances between them are Euclidean, .6 being dlib's own bound for one person."""
        left, top, right, bottom = dlib_square(box)
        picture = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        place = (top, right, bottom, left)
        return np.asarray(self._encode(picture, [place], self.jitters, self.landmarks)[0], np.float32)


class DlibFivePoints(DlibEmbedder):
    """The same aligned by eyes and nose alone."""

    identity = "dlib_face_recognition_resnet_model_v1/128/5pt"
    landmarks = "small"


class DlibJittered(DlibEmbedder):
    """The same, the mean over ten pictures slightly moved, turned, scaled or mirrored."""

    identity = "dlib_face_recognition_resnet_model_v1/128/68pt/jitter10"
    jitters = 10


def dlib_square(box: Box) -> tuple[int, int, int, int]:
    """The mesh's box as dlib's own detector would have it: left, top, right, bottom."""
    x, y, width, height = box
    side = _DLIB_SIDE * (width * height) ** 0.5
    left, top = x + (width - side) / 2, y + (height - side) / 2 - _DLIB_RAISE * height
    return round(left), round(top), round(left + side), round(top + side)


def open_dlib(variant: str, folder: Path) -> Factory:
    """`dlib`, or its variants `dlib:5pt` and `dlib:jitter10`."""
    variants: dict[str, Factory] = {"": DlibEmbedder, "5pt": DlibFivePoints, "jitter10": DlibJittered}
    if variant not in variants:
        raise ModelError(f"there is no embedder dlib:{variant}: write dlib, dlib:5pt or dlib:jitter10")
    return variants[variant]


EMBEDDERS = {"dlib": "kiosk.recognition.embedder:open_dlib", "onnx": "kiosk.recognition.onnx_embedder:find_model"}
"""Kind: what opens it, given the text after the colon and the folder of models."""


def open_embedder(name: str, folder: Path) -> Factory:
    """The embedder that a configuration names (`dlib`, `onnx:sface`), nothing loaded yet.

    Raises ModelError when there is none of that name, or its file is absent or another one.
    """
    kind, _, which = name.partition(":")
    if kind not in EMBEDDERS:
        raise ModelError(f"there is no embedder {name!r}: write dlib, or onnx:NAME with a NAME of models.yaml")
    module, _, function = EMBEDDERS[kind].partition(":")
    opener = cast("Callable[[str, Path], Factory]", getattr(importlib.import_module(module), function))
    return opener(which, folder)


class Continuity(TypedDict):
    """Liveness settings by which a face stays one person, looking ahead and turned."""

    apart: float
    apart_turned: float
    doubted_turned: float


def continuity(embedder: Described) -> Continuity:
    """Those settings for this embedder's distances."""
    own = embedder.apart
    return {"apart": 0.9 * own, "apart_turned": 0.84 * own, "doubted_turned": 1.3 * own}


@dataclass(frozen=True, slots=True)
class Embedding:
    """Answer to one submission. `vector` is None where the embedder failed twice on it. `ms`: wall time,
    `cpu_s`: processor time of the embedding alone."""

    key: Key
    vector: NDArray[np.float32] | None
    ms: float
    cpu_s: float


def cut(image: NDArray[np.uint8], box: Box) -> tuple[NDArray[np.uint8], Box]:
    """The face with what its alignment needs around it, shrunk where it is large; and the box in it."""
    x, y, width, height = box
    dx, dy = round(width * _MARGIN), round(height * _MARGIN)
    x0, y0 = max(x - dx, 0), max(y - dy, 0)
    crop = image[y0 : y + height + dy, x0 : x + width + dx]
    inner = (x - x0, y - y0, width, height)
    scale = _CROP_FACE_PX / max(width, height)
    if scale >= 1.0:
        return np.ascontiguousarray(crop), inner
    size = max(round(crop.shape[1] * scale), 1), max(round(crop.shape[0] * scale), 1)
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    scaled = (round(inner[0] * scale), round(inner[1] * scale), round(width * scale), round(height * scale))
    return small, scaled


class InlineEmbedder:
    """The worker's interface in the calling process: for replay and tests, where nothing waits."""

    def __init__(self, factory: Callable[[], Embedder] = DlibEmbedder) -> None:
        self._embedder = factory()
        self._done: deque[Embedding] = deque()

    @property
    def identity(self) -> str:
        """Identity of the embedder, as templates carry it."""
        return self._embedder.identity

    @property
    def pending(self) -> int:
        """Submissions whose answers were not fetched yet."""
        return len(self._done)

    def submit(self, key: Key, image: NDArray[np.uint8], box: Box) -> None:
        """Embed now; the answer comes with the next `poll`."""
        self._done.append(_embed(self._embedder, key, *cut(image, box)))

    def poll(self, timeout_s: float = 0.0) -> list[Embedding]:
        """Answers since the last call."""
        answers = list(self._done)
        self._done.clear()
        return answers

    def close(self) -> None:
        """Nothing to release."""


class EmbedderWorker:
    """An embedder in a process of its own, so that the camera's loop never waits for one.

    One picture is with the worker, the rest wait here: a pipe that is full would make the loop wait after all.
    A worker that dies is started again and given its picture once more; a second death on the same picture
    answers it with no vector.
    """

    def __init__(self, factory: Callable[[], Embedder] = DlibEmbedder, identity: str | None = None) -> None:
        self._factory = factory
        self.identity = identity or getattr(factory, "identity", "")
        self.restarts = 0
        self._waiting: OrderedDict[Key, tuple[NDArray[np.uint8], Box]] = OrderedDict()
        self._sent: Key | None = None
        self._deaths: dict[Key, int] = {}
        self._start()

    @property
    def pending(self) -> int:
        """Submissions without an answer."""
        return len(self._waiting)

    @property
    def process_id(self) -> int | None:
        """Of the worker, for reports."""
        return self._process.pid

    def submit(self, key: Key, image: NDArray[np.uint8], box: Box) -> None:
        """Queue the face in `box` of a BGR picture; only its surroundings are copied. Never waits."""
        self._waiting[key] = cut(image, box)
        self._pump(0.0)

    def poll(self, timeout_s: float = 0.0) -> list[Embedding]:
        """Answers that are there; waits up to `timeout_s` for the first when something is pending."""
        end = time.monotonic() + timeout_s
        answers = self._pump(0.0)
        while not answers and self._waiting and (left := end - time.monotonic()) > 0:
            answers = self._pump(left)
        return answers

    def close(self) -> None:
        """End the worker."""
        self._pipe.close()
        self._process.join(timeout=2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._waiting.clear()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._factory), name="embedder", daemon=True)
        self._process.start()
        theirs.close()
        self._ready = False
        self._sent = None

    def _pump(self, timeout_s: float) -> list[Embedding]:
        """Take what the worker said, give it the next picture, mend it where it died."""
        answers: list[Embedding] = []
        try:
            while self._pipe.poll(timeout_s if not answers else 0.0):
                said = self._pipe.recv()
                if said is None:
                    self._ready = True
                    self._send_next()
                    return answers
                self._sent = None
                if self._waiting.pop(said.key, None) is not None:
                    answers.append(said)
                self._deaths.pop(said.key, None)
                self._send_next()
            self._send_next()
        except (EOFError, OSError):
            answers.extend(self._mend())
        return answers

    def _send_next(self) -> None:
        if self._ready and self._sent is None and self._waiting:
            key = next(iter(self._waiting))
            self._sent = key
            self._pipe.send((key, *self._waiting[key]))

    def _mend(self) -> list[Embedding]:
        lost = []
        self._process.join(timeout=1.0)
        if self._sent is not None and self._sent in self._waiting:
            self._deaths[self._sent] = self._deaths.get(self._sent, 0) + 1
            if self._deaths[self._sent] > 1:
                del self._waiting[self._sent], self._deaths[self._sent]
                lost.append(Embedding(self._sent, None, 0.0, 0.0))
        self._pipe.close()
        self.restarts += 1
        self._start()
        return lost


def _embed(embedder: Embedder, key: Key, image: NDArray[np.uint8], box: Box) -> Embedding:
    wall, cpu = time.perf_counter(), time.process_time()
    vector = embedder.embed(image, box)
    return Embedding(key, vector, 1e3 * (time.perf_counter() - wall), time.process_time() - cpu)


def _serve(pipe: Connection[Any, Any], factory: Callable[[], Embedder]) -> None:
    """The worker: ends when the pipe does, that is with its parent, however that ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    embedder = factory()
    try:
        pipe.send(None)
        while True:
            key, image, box = pipe.recv()
            pipe.send(_embed(embedder, key, image, box))
    except (EOFError, OSError):
        return
