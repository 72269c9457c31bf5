"""What devices and server agree on of an enrolment, beyond its form (`docs/formats.md`)."""

from __future__ import annotations

from collections.abc import Mapping

LOOK = "a second person must look"
"""A line of an enrolment's report that says so is a warning: nobody approves without saying why it is right."""

_LENGTHS: Mapping[str, tuple[float, float]] = {
    "dlib_face_recognition_resnet_model_v1/": (0.25, 2.5),
    "onnx/": (0.99, 1.01),
}
"""Least and greatest Euclidean length of a template, by how its embedder's identity begins. dlib: 1.28 to 1.58 in 566
photos of 53 people; networks through ONNX: their vectors are made one long."""


def lengths_of(embedder: str) -> tuple[float, float]:
    """How short and how long a template of this embedder can be; anything where that is not known."""
    return next((span for begin, span in _LENGTHS.items() if embedder.startswith(begin)), (0.0, float("inf")))
