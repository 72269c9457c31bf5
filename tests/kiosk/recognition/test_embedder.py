"""The worker answers every submission, whatever happens to its process."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from kiosk.recognition.embedder import EmbedderWorker, Embedding, InlineEmbedder, cut

FACE = (40, 40, 60, 60)


class MeanColour:
    """An embedder whose vector can be checked: the mean of the face's three channels."""

    identity = "mean/3"
    dimension = 3
    apart = 0.5

    def embed(self, image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        x, y, width, height = box
        return image[y : y + height, x : x + width].mean(axis=(0, 1)).astype(np.float32)


class DiesOnBlack(MeanColour):
    """A worker killed by its picture, as by a fault in native code."""

    def embed(self, image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        if not image.any():
            os._exit(9)
        return super().embed(image, box)


def picture(value: int) -> np.ndarray:
    return np.full((200, 200, 3), value, np.uint8)


def answers(worker: EmbedderWorker, count: int) -> dict[tuple[int, int], Embedding]:
    end = time.monotonic() + 20.0
    found: dict[tuple[int, int], Embedding] = {}
    while len(found) < count and time.monotonic() < end:
        found |= {e.key: e for e in worker.poll(1.0)}
    return found


def test_every_submission_is_answered_with_its_own_vector() -> None:
    worker = EmbedderWorker(MeanColour)
    try:
        for i in range(5):
            worker.submit((1, i), picture(10 * i), FACE)
        assert worker.pending == 5
        found = answers(worker, 5)
        assert {key: e.vector.tolist() for key, e in found.items()} == {(1, i): [10.0 * i] * 3 for i in range(5)}
        assert worker.pending == 0
    finally:
        worker.close()


def test_a_picture_that_kills_the_worker_is_answered_empty_and_the_rest_goes_on() -> None:
    worker = EmbedderWorker(DiesOnBlack)
    try:
        worker.submit((1, 0), picture(0), FACE)
        worker.submit((1, 1), picture(50), FACE)
        found = answers(worker, 2)
        assert found[1, 0].vector is None
        assert found[1, 1].vector.tolist() == [50.0] * 3
        assert worker.restarts == 2
    finally:
        worker.close()


def test_submitting_never_waits_for_the_worker() -> None:
    worker = EmbedderWorker(MeanColour)
    try:
        started = time.perf_counter()
        for i in range(20):
            worker.submit((1, i), np.full((720, 1280, 3), i, np.uint8), (300, 100, 400, 400))
        assert time.perf_counter() - started < 1.0
    finally:
        worker.close()


def test_the_worker_is_gone_after_close() -> None:
    worker = EmbedderWorker(MeanColour)
    process = Path(f"/proc/{worker.process_id}")
    worker.close()
    assert not process.exists()


@pytest.mark.parametrize("box", [(-10, -10, 60, 60), (150, 150, 80, 80), (0, 0, 200, 200)])
def test_a_face_at_the_edge_is_cut_without_leaving_the_picture(box: tuple[int, int, int, int]) -> None:
    crop, inner = cut(picture(1), box)
    assert crop.shape[0] > 0
    assert crop.shape[1] > 0
    assert inner[2:] == box[2:]


def test_a_large_face_is_shrunk_and_its_box_with_it() -> None:
    crop, (x, y, width, height) = cut(np.zeros((1200, 1200, 3), np.uint8), (300, 300, 600, 480))
    assert (width, height) == (240, 192)
    assert crop.shape == (422, 480, 3)
    assert (x, y) == (120, 115)


def test_the_inline_embedder_speaks_as_the_worker_does() -> None:
    inline = InlineEmbedder(MeanColour)
    inline.submit((2, 3), picture(7), FACE)
    assert inline.pending == 1
    assert [(e.key, e.vector.tolist()) for e in inline.poll()] == [((2, 3), [7.0] * 3)]
    assert inline.identity == MeanColour.identity
