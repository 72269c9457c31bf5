"""Depth and flatness during one prompt: mesh and followed points against the best homography, and the background."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.capture import geometry
from kiosk.pad import flatness
from kiosk.pad.flow import Flow
from kiosk.values import Face, Frame, Reason


@dataclass(frozen=True, slots=True)
class DepthSettings:
    """Bounds in outer-eye distances (see flatness) unless said otherwise.

    `mesh`, `flow`: least residual of a living turn of 16° and more. On real clips of turning heads the mesh
    leaves .040 and more at the 5th percentile, the points .024; portraits on planes tilted to 45° leave .021 and .014
    at most. A single living turn may leave less: it is asked for again.
    `nose`: how far the nose must stand out of the smooth sheet through the rest of the face, median over the last
    frames of a turn, in the mean of two turns, and `nose_in_three` of three; `clear_nose`: with how much, less the
    scatter of the rest of the face, one turn is enough; `paper`: what leaves less is bent paper, what leaves more is
    to turn again. On the half for tuning 94 turns of heads with a relief of their own left .106 and more (median .18),
    less scatter .060 and more (one in twenty under .080); with spectacles .048 and more (median .126); 189 turns of
    masks of paper bent to 7 and 9 cm .127 at most (.02 on average, standard deviation .024), less scatter .047 at
    most. Real clips leave .093 and more.
    `relief`: beside a light code, least sum of the nose and `shaded` times the share of a head's shading that the
    answer has (see shading), less its standard error; `clear_relief`: how much is enough after one turn. There the nose
    alone must be above `paper` only. `in_light`: least share by itself, so that the nose in a film is not enough;
    `scatter`: standard error of the share from which on a longer look ahead is not waited for; `vague`: with a larger
    one the light says nothing: in a bright room 1.2 was read from paper, give or take .3.
    `perspective`: least of coming closer (see approach, and `hadir evaluate approach`). What leaves less is asked for
    something else, and is no attack by itself: one in ten people leaves as little as prints.
    `fewest_in_turn`: with fewer points a turn is not measured.
    `flat`: at most this, with a plane's foreshortening to `narrowing` (cos 28°), is evidence of a plane; points whose
    mean way is below `least_way` cannot have been foreshortened so far, and are not looked at.
    `background`: median way of the points around the head that is a movement; `stiff`: share of them that must
    share it, on both sides of the head. `fewest_points`, `fewest_around`: below these numbers nothing is said.
    `survival`: share of the face's points that one step must leave.
    """

    mesh: float = 0.032
    flow: float = 0.019
    nose: float = 0.1
    nose_in_three: float = 0.07
    clear_nose: float = 0.075
    paper: float = 0.03
    shaded: float = 0.2
    relief: float = 0.13
    clear_relief: float = 0.2
    in_light: float = 0.15
    scatter: float = 0.08
    vague: float = 0.25
    perspective: float = 0.025
    fewest_in_turn: int = 15
    flat: float = 0.013
    narrowing: float = 0.88
    least_way: float = 0.02
    background: float = 0.1
    stiff: float = 0.7
    fewest_points: int = 15
    fewest_around: int = 8
    survival: float = 0.2
    longest_step_s: float = 0.15


class Depth:
    """Follows the picture from the moment a prompt is shown."""

    def __init__(self, frame: Frame, face: Face, frontal: NDArray[np.float32], settings: DepthSettings) -> None:
        self._settings = settings
        self._frontal = frontal
        self._flow = Flow(frame.image, face)
        self.dark_frame = self._flow.dark_frame
        """What surrounds the face looks like a screen's rim: a hint at the species, no evidence."""
        self._time_s = frame.time_s
        self._residuals: deque[tuple[float, float]] = deque(maxlen=5)
        self._noses: deque[tuple[float, float]] = deque(maxlen=12)
        self._yaw = face.yaw
        self._nose = self._flow.placed(face.landmarks[geometry.NOSE, :2])
        self.flat: Reason | None = None
        """Evidence that a plane is moving."""
        self.carried: Reason | None = None
        """Evidence that the background is on the same thing as the face."""
        self.cut: Reason | None = None
        """The picture changed from one frame to the next, as no movement does."""
        self._planar_frames = 0
        self._moving_frames = 0

    def update(self, frame: Frame, face: Face, turned: bool) -> None:
        """Follow into the next frame; `turned`: it shows the turn asked for, and is measured for depth."""
        limits = self._settings
        had = len(self._flow.face_points()[0])
        self._flow.follow(frame.image)
        step_s, self._time_s = frame.time_s - self._time_s, frame.time_s
        if had >= limits.fewest_points and step_s <= limits.longest_step_s:
            survival = self._flow.last_survival
            if survival < limits.survival:
                self.cut = Reason("face's points lost in one frame", survival, limits.survival)
        self._judge_background()
        before, after = self._flow.face_points()
        if len(before) < limits.fewest_points:
            return
        if not turned and flatness.way(before, after, self._flow.eye_px) < limits.least_way:
            self._planar_frames = 0
            return
        moved = flatness.fit(before, after, self._flow.eye_px)
        if moved is None:
            return
        if turned and len(before) >= limits.fewest_in_turn:
            mesh = flatness.mesh_residual(self._frontal, face.landmarks)
            if mesh is not None:
                self._residuals.append((mesh, moved.residual))
                on_nose = np.array(
                    [cv2.pointPolygonTest(self._nose, (float(x), float(y)), False) >= 0 for x, y in before]
                )
                relief = flatness.nose_relief(before, after, on_nose, face.yaw - self._yaw, self._flow.eye_px)
                if relief is not None:
                    self._noses.append(relief)
        self._judge_plane(moved)

    def of_turn(self) -> tuple[float, float] | None:
        """Median residuals of mesh and points over the last frames of the turn; None where neither was measured
        in at least one."""
        if not self._residuals:
            return None
        return median(r[0] for r in self._residuals), median(r[1] for r in self._residuals)

    def nose(self) -> Reason | None:
        """How far the nose stood out over the last frames of the turn; None where it was not measured."""
        height = median(height for height, _ in self._noses) if self._noses else None
        return None if height is None else Reason("nose stands out", height, self._settings.nose)

    def nose_is_clear(self) -> bool:
        """Whether it stood out so far beyond the scatter that this turn is enough."""
        clear = [height - scatter for height, scatter in self._noses]
        return bool(clear) and median(clear) >= self._settings.clear_nose

    def _judge_plane(self, moved: flatness.Fit) -> None:
        limits = self._settings
        planar = moved.narrowing <= limits.narrowing and moved.residual <= limits.flat
        self._planar_frames = self._planar_frames + 1 if planar else 0
        if self._planar_frames >= 3:
            self.flat = Reason("flat in a wide movement", moved.residual, limits.flat)

    def _judge_background(self) -> None:
        """The kiosk's camera hangs on a wall: what lies around a living head stays where it is. Where most of it
        moves as one stiff thing, on both sides of the head, the head and its surroundings are on the same print or
        screen; on one side alone it may be hair, a temple of spectacles, or somebody who passes behind."""
        limits = self._settings
        start, now = self._flow.around_points()
        if len(start) < limits.fewest_around:
            return
        way = float(np.median(np.linalg.norm(now - start, axis=1))) / self._flow.eye_px
        share = 0.0
        if way >= limits.background:
            reach = 0.25 * way * self._flow.eye_px
            _, inside = cv2.estimateAffinePartial2D(start, now, method=cv2.RANSAC, ransacReprojThreshold=reach)
            if inside is not None and self._flow.on_both_sides(start[inside[:, 0] > 0]):
                share = float(inside.mean())
        self._moving_frames = self._moving_frames + 1 if share >= limits.stiff else 0
        if self._moving_frames >= 3:
            self.carried = Reason("surroundings move as one thing", way, limits.background)
