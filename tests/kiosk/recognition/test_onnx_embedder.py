"""An ONNX network takes dlib's place as its manifest declares: aligned, scaled, known by its hash, or not at all."""

import pickle
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.appliance.running import _wait_for_model
from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import look_at
from kiosk.config import KioskConfig
from kiosk.errors import GalleryError, ModelError
from kiosk.matcher import Templates, search
from kiosk.recognition.embedder import EmbedderWorker, cut, open_embedder
from kiosk.recognition.onnx_embedder import OnnxFactory, complex_points, similarity

SIDE, CELL = 112, 14
CELLS = (SIDE // CELL) ** 2 * 3
POINTS = [38.2946, 51.6963, 73.5318, 51.5014, 56.0252, 71.7366, 41.5493, 92.3655, 70.7299, 92.2041]


def field(number: int, content: bytes | int | str) -> bytes:
    """One field of a Protocol Buffers message."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def tensor(name: str, *sides: int) -> bytes:
    shape = b"".join(field(1, field(1, side)) for side in sides)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def node(kind: str, take: str, give: str, **lists: list[int]) -> bytes:
    attributes = b"".join(
        field(5, field(1, name) + b"".join(field(8, value) for value in values) + field(20, 7))
        for name, values in lists.items()
    )
    return field(1, take) + field(2, give) + field(3, give) + field(4, kind) + attributes


def mosaic() -> bytes:
    """An ONNX file (ModelProto of onnx.proto) whose vector is the mean colour of each of 8 x 8 squares."""
    graph = field(1, node("AveragePool", "data", "cells", kernel_shape=[CELL, CELL], strides=[CELL, CELL]))
    graph += field(1, node("Flatten", "cells", "vector")) + field(2, "mosaic")
    graph += field(11, tensor("data", 1, 3, SIDE, SIDE)) + field(12, tensor("vector", 1, CELLS))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 11))


def manifest(content: bytes, **changed: object) -> str:
    facts = {"file": "mosaic.onnx", "sha256": sha256(content).hexdigest(), "source": "made by a test"}
    facts |= {"dimension": CELLS, "points": POINTS, "apart": 0.5, "mean": 127.5, "scale": 0.0078125} | changed
    return "models:\n  mosaic:\n" + "".join(f"    {name}: {value}\n" for name, value in facts.items())


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "mosaic.onnx").write_bytes(mosaic())
    (tmp_path / "models.yaml").write_text(manifest(mosaic()))
    return tmp_path


def portrait() -> tuple[np.ndarray, tuple[int, int, int, int]]:
    data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")
    picture = cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (480, 480))
    tracker = FaceTracker()
    face = look_at(picture, 0, tracker).face
    tracker.close()
    assert face is not None
    return cut(picture, face.box)


def test_a_face_is_aligned_scaled_and_made_a_vector_of_length_one(models: Path) -> None:
    image, box = portrait()
    embedder = open_embedder("onnx:mosaic", models)()
    vector = embedder.embed(image, box)
    cells = cv2.resize(embedder.aligned(image, box), (SIDE // CELL, SIDE // CELL), interpolation=cv2.INTER_AREA)
    plain = ((cells[..., ::-1].astype(np.float32) - 127.5) / 128).transpose(2, 0, 1).reshape(-1)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, plain / np.linalg.norm(plain), atol=2e-3)


def test_a_face_that_is_turned_smaller_or_elsewhere_gives_the_same_picture(models: Path) -> None:
    image, box = portrait()
    embedder = open_embedder("onnx:mosaic", models)()
    straight = embedder.aligned(image, box).astype(float)
    x, y, w, h = box
    matrix = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), 8.0, 0.9)
    turned = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    smaller = (round(x + 0.05 * w), round(y + 0.05 * h), round(0.9 * w), round(0.9 * h))
    again = embedder.aligned(turned, smaller).astype(float)
    unaligned = cv2.resize(turned[y : y + h, x : x + w], (SIDE, SIDE)).astype(float)
    middle = np.s_[25:100, 25:90]
    assert np.abs(again - straight)[middle].mean() < 0.5 * np.abs(unaligned - straight)[middle].mean()


@given(st.complex_numbers(min_magnitude=0.2, max_magnitude=5), st.complex_numbers(max_magnitude=200))
def test_a_similarity_is_found_again(turn: complex, shift: complex) -> None:
    points = complex_points(np.reshape(POINTS, (5, 2)))
    found, moved = similarity(points, turn * points + shift)
    assert found == pytest.approx(turn, abs=1e-6)
    assert moved == pytest.approx(shift, abs=1e-3)


def test_the_worker_loads_it_in_its_own_process(models: Path) -> None:
    image, box = portrait()
    factory = open_embedder("onnx:mosaic", models)
    assert pickle.loads(pickle.dumps(factory)).identity == factory.identity
    worker = EmbedderWorker(factory)
    try:
        assert worker.identity == factory.identity
        worker.submit((1, 0), image, box)
        found = []
        while not found:
            found = worker.poll(10.0)
        np.testing.assert_allclose(found[0].vector, factory().embed(*cut(image, box)), atol=1e-5)
    finally:
        worker.close()


def test_an_absent_file_and_one_with_another_hash_are_told_apart_with_the_way_out(models: Path) -> None:
    (models / "mosaic.onnx").write_bytes(mosaic() + b"\x00")
    with pytest.raises(ModelError, match=r"is not the model mosaic, its hash is another.*sha256 [0-9a-f]{64}"):
        open_embedder("onnx:mosaic", models)
    (models / "mosaic.onnx").unlink()
    with pytest.raises(ModelError, match=r"mosaic is not at .*No such file.*set embedder: dlib"):
        open_embedder("onnx:mosaic", models)


def test_a_model_of_the_shipped_manifest_says_which_file_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"sface is not at .*face_recognition_sface_2021dec\.onnx.*0ba9fbfa01b5"):
        open_embedder("onnx:sface", tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("onnx:other", r"names no model 'other': write one of mosaic"),
        ("tensorflow:x", r"no embedder 'tensorflow:x'"),
        ("dlib:7pt", r"dlib:7pt: write dlib"),
    ],
)
def test_an_embedder_that_is_not_there_is_said_with_those_that_are(models: Path, name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        open_embedder(name, models)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"file": "../elsewhere.onnx"}, "without folders"),
        ({"sha256": "12"}, "64 hex"),
        ({"points": [1, 2, 3]}, "five pairs"),
        ({"apart": 9}, "apart"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_manifest_that_declares_nonsense_is_refused_by_line(models: Path, changed: dict, words: str) -> None:
    (models / "models.yaml").write_text(manifest(mosaic(), **changed))
    with pytest.raises(ModelError, match=rf"models\.yaml:\d+.*{words}"):
        open_embedder("onnx:mosaic", models)


def test_a_file_that_is_no_network_and_one_of_another_width_are_refused(models: Path) -> None:
    (models / "models.yaml").write_text(manifest(mosaic(), dimension=7))
    with pytest.raises(ModelError, match=f"gives {CELLS} numbers"):
        open_embedder("onnx:mosaic", models)()
    (models / "mosaic.onnx").write_bytes(b"no network")
    (models / "models.yaml").write_text(manifest(b"no network"))
    with pytest.raises(ModelError, match="no network that OpenCV can run"):
        open_embedder("onnx:mosaic", models)()


def test_what_is_declared_otherwise_is_another_embedder(models: Path) -> None:
    one = open_embedder("onnx:mosaic", models)
    (models / "models.yaml").write_text(manifest(mosaic(), channels="bgr"))
    other = open_embedder("onnx:mosaic", models)
    assert isinstance(one, OnnxFactory)
    assert one.identity != other.identity
    rows = np.eye(1, CELLS, dtype=np.float32)
    templates = Templates(rows, np.zeros(1, np.int32), ("p",), one.identity)
    with pytest.raises(GalleryError, match="onnx/mosaic"):
        search(templates, np.zeros(128, np.float32))


class Screen:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def show(self, lit: str, text: str) -> None:
        self.said.append((lit, text))


class Stop:
    """An event that is set while it is waited for the second time."""

    def __init__(self, meanwhile) -> None:
        self.meanwhile, self.waited = meanwhile, 0

    def is_set(self) -> bool:
        return self.waited > 1

    def wait(self, seconds: float) -> None:
        self.waited += 1
        self.meanwhile()


def test_a_station_without_its_model_shows_the_fault_and_starts_when_the_file_is_there(models: Path) -> None:
    whole = (models / "mosaic.onnx").read_bytes()
    (models / "mosaic.onnx").unlink()
    config = KioskConfig(models, "sim:", "https://example", embedder="onnx:mosaic", models=models)
    screen = Screen()
    never = _wait_for_model(config, screen, Stop(lambda: None))
    assert never is None
    assert [lit for lit, _ in screen.said] == ["fault", "fault"]
    assert "is not at" in screen.said[0][1]
    found = _wait_for_model(config, screen, Stop(lambda: (models / "mosaic.onnx").write_bytes(whole)))
    assert found is not None
    assert found.identity.startswith("onnx/mosaic/")
