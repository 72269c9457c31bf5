"""Embedders from ONNX files through OpenCV's DNN: which file, aligned and scaled how, a manifest declares."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.errors import ModelError
from kiosk.recognition.embedder import Box, dlib_square
from protocol import canonical
from protocol.settings import SettingsError, read_settings

_MANIFEST = Path(__file__).with_name("models.yaml")
_RIGHT_EYE, _LEFT_EYE, _NOSE, _MOUTH = slice(36, 42), slice(42, 48), 30, (48, 54)


@dataclass(frozen=True, slots=True)
class Model:
    """One network. `sha256`: of `file`, in hex. Its picture is `side` x `side`; a pixel p becomes (p - mean) * scale.

    `points`: x and y of right eye, left eye, tip of the nose, right and left corner of the mouth in that picture.
    `apart`: distance of unit vectors beyond which two faces are hardly of one person.
    """

    file: str
    sha256: str
    source: str
    dimension: int
    points: tuple[float, ...]
    apart: float
    side: int = 112
    channels: Literal["rgb", "bgr"] = "rgb"
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if Path(self.file).name != self.file:
            raise ValueError("file must be a name without folders")
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError("sha256 must be 64 hex digits")
        if not 1 <= self.dimension <= 1024:
            raise ValueError("dimension must be from 1 to 1024")
        if len(self.points) != 10:
            raise ValueError("points must be five pairs of x and y")
        if not 16 <= self.side <= 512:
            raise ValueError("side must be from 16 to 512")
        if not 0 < self.apart < 2:
            raise ValueError("apart must be between 0 and 2, the distances of unit vectors")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Models by name."""

    models: Mapping[str, Model]


@dataclass(frozen=True)
class OnnxFactory:
    """Makes the embedder, in whichever process it is called."""

    name: str
    model: Model
    path: Path

    @property
    def identity(self) -> str:
        """Of the file and of everything declared: what is aligned or scaled otherwise is another embedder."""
        declared = canonical.encode({name: repr(value) for name, value in asdict(self.model).items()})
        return f"onnx/{self.name}/{self.dimension}/{sha256(declared).hexdigest()[:16]}"

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return self.model.dimension

    @property
    def apart(self) -> float:
        """See `kiosk.recognition.embedder.Embedder`."""
        return self.model.apart

    def read(self) -> bytes:
        """The network's file; ModelError when it is absent or not the one declared."""
        wanted = f"put the file with sha256 {self.model.sha256} there ({self.model.source}), or set embedder: dlib"
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ModelError(f"the model {self.name} is not at {self.path} ({error.strerror}): {wanted}") from error
        if sha256(content).hexdigest() != self.model.sha256:
            raise ModelError(f"{self.path} is not the model {self.name}, its hash is another: {wanted}")
        return content

    def __call__(self) -> OnnxEmbedder:
        """Load it."""
        return OnnxEmbedder(self)


class OnnxEmbedder:
    """A network whose vectors are made one long: distances are then those of angles, 0 to 2."""

    def __init__(self, factory: OnnxFactory) -> None:
        self.identity, self.dimension, self.apart = factory.identity, factory.dimension, factory.apart
        self._model = factory.model
        self._template = complex_points(np.reshape(factory.model.points, (5, 2)))
        content = np.frombuffer(factory.read(), np.uint8)
        try:
            self._net = cv2.dnn.readNetFromONNX(content)
            width = self._forward(np.zeros((self._model.side, self._model.side, 3), np.uint8)).size
        except cv2.error as error:
            raise ModelError(f"{factory.path} is no network that OpenCV can run: {error.err}") from error
        if width != self.dimension:
            raise ModelError(f"{factory.path} gives {width} numbers, models.yaml says {self.dimension}: correct it")
        self._landmarks = _landmarks_of_dlib()

    def embed(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
        """`dimension` float32 of length one; aligned by five points of dlib's own 68 landmarks."""
        vector = self._forward(self.aligned(image, box))
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    def aligned(self, image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        """The face turned, scaled and moved so that its five points lie as near to the template as they can."""
        import dlib

        left, top, right, bottom = dlib_square(box)
        shape = self._landmarks(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dlib.rectangle(left, top, right, bottom))
        found = np.array([(part.x, part.y) for part in shape.parts()], float)
        five = [found[_RIGHT_EYE].mean(axis=0), found[_LEFT_EYE].mean(axis=0), found[_NOSE], *found[list(_MOUTH)]]
        turn, shift = similarity(complex_points(np.array(five)), self._template)
        matrix = np.array(((turn.real, -turn.imag, shift.real), (turn.imag, turn.real, shift.imag)))
        return cv2.warpAffine(image, matrix, (self._model.side, self._model.side), flags=cv2.INTER_LINEAR)

    def _forward(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        model = self._model
        size, mean = (model.side, model.side), (model.mean, model.mean, model.mean)
        self._net.setInput(cv2.dnn.blobFromImage(picture, model.scale, size, mean, swapRB=model.channels == "rgb"))
        return np.asarray(self._net.forward(), np.float32).reshape(-1)


def complex_points(points: NDArray[np.floating]) -> NDArray[np.complex128]:
    """n x 2 points as x + iy."""
    return points[:, 0] + 1j * points[:, 1]


def similarity(found: NDArray[np.complex128], wanted: NDArray[np.complex128]) -> tuple[complex, complex]:
    """Turn with scale, and shift, that bring `found` nearest to `wanted` in least squares (Umeyama 1991)."""
    near, far = found - found.mean(), wanted - wanted.mean()
    turn = complex((near.conj() @ far) / max(float((near.conj() @ near).real), 1e-12))
    return turn, complex(wanted.mean() - turn * found.mean())


def find_model(name: str, folder: Path) -> OnnxFactory:
    """The model of that name as the manifest declares it, its file in `folder` and whole; ModelError otherwise."""
    manifest = folder / "models.yaml"
    if not manifest.is_file():
        manifest = _MANIFEST
    try:
        models = read_settings(manifest.read_text(), str(manifest), Manifest).models
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise ModelError(f"the manifest of models cannot be used: {error}") from error
    if name not in models:
        raise ModelError(f"{manifest} names no model {name!r}: write one of {', '.join(models) or 'none'}, or dlib")
    factory = OnnxFactory(name, models[name], folder / models[name].file)
    factory.read()
    return factory


def _landmarks_of_dlib():  # type: ignore[no-untyped-def]
    import dlib

    with warnings.catch_warnings():
        # The package announces on every import that pkg_resources is old.
        warnings.simplefilter("ignore", UserWarning)
        import face_recognition_models
    return dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
