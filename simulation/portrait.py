"""A portrait prepared for rendering: the picture, the person's outline, and the mesh on the face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

EYE_DISTANCE_M = 0.062
"""Distance of the eye centres that gives the picture its scale; adults average 62 mm (ISO 7250-1 data)."""

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]


@dataclass(frozen=True)
class Portrait:
    """`image`: height x width x 3, BGR. `matte`: float32, 1 on the person. `mesh`: 468 x 3 pixels, MediaPipe's.

    `pixels_per_metre`: scale of the picture at the face.
    """

    image: Picture
    matte: NDArray[np.float32]
    mesh: Points
    pixels_per_metre: float

    @property
    def centre(self) -> Points:
        """The middle of the face, x and y in pixels."""
        return np.asarray((self.mesh[10, :2] + self.mesh[152, :2]) / 2, dtype=np.float32)


def prepare(image: Picture) -> Portrait:
    """Find the outline and the mesh of the one face in `image` (BGR). Raises `ValueError` where there is none."""
    import mediapipe

    from kiosk.capture.faces import silent_stderr

    rgb = np.ascontiguousarray(image[:, :, ::-1])
    height, width = image.shape[:2]
    with silent_stderr(), mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1) as mesher:
        found = mesher.process(rgb).multi_face_landmarks
    if not found:
        raise ValueError("portrait: no face found; give a frontal portrait, at least 100 pixels wide at the face")
    mesh = np.array([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark], dtype=np.float32)
    with silent_stderr(), mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmenter:
        matte = segmenter.process(rgb).segmentation_mask.astype(np.float32)
    eyes = mesh[[33, 133]].mean(axis=0) - mesh[[263, 362]].mean(axis=0)
    return Portrait(image, _person_only(matte), mesh, float(np.linalg.norm(eyes[:2])) / EYE_DISTANCE_M)


@lru_cache(maxsize=1)
def astronaut() -> Portrait:
    """The NASA portrait of Eileen Collins, in the public domain, from the scikit-image wheel."""
    from skimage import data

    return prepare(np.ascontiguousarray(data.astronaut()[:, :, ::-1]))


def bleed(image: Picture, inside: NDArray[np.bool_]) -> Picture:
    """Carry the colours at the rim of `inside` outwards, so that an edge never shows the old background."""
    outside = np.where(inside, 0, 255).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    source = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    source[labels[inside]] = image[inside]
    filled = source[labels]
    return np.where(inside[..., None], image, cv2.GaussianBlur(filled, (0, 0), 1.5)).astype(np.uint8)


def _person_only(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest connected part of the matte, with an edge about two pixels soft."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((matte > 0.6).astype(np.uint8))
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    solid = cv2.morphologyEx((labels == largest).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    soft = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 1.2)
    return np.asarray(np.clip(soft * 2 - 1, 0, 1), dtype=np.float32)  # half a pixel inside the line
