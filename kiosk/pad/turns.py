"""What the turns of a visit, and coming closer, showed of depth, each by itself and together, and beside a light code
with its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean

from kiosk.pad.depth import Depth, DepthSettings
from kiosk.pad.shading import Relief
from kiosk.values import Prompt, Reason

FOLLOWED = "depth of followed points"
RELIEF = "relief of nose and light"
IN_LIGHT = "relief in the light"
PERSPECTIVE = "perspective"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a turn does not count. `flat`: it was one of a plane; `wary`: of bent paper; `missed`: too little was seen,
    nothing wrong."""

    reason: Reason
    flat: bool = False
    wary: bool = False
    missed: bool = False


class Turns:
    """`lit`: whether a light code plays, which tells more of the relief than the nose alone. `measured`: every number
    that was taken, latest last."""

    def __init__(self, settings: DepthSettings, lit: bool) -> None:
        self._settings, self._lit = settings, lit
        self.measured: list[Reason] = []
        self._depths: list[tuple[float, float]] = []
        self._noses: list[float] = []
        self._clear = self._faint = False

    def add(self, prompt: Prompt, depth: Depth) -> Doubt | None:
        """Take in a turn that was answered; None where it was one of a head."""
        residuals, found, limits = depth.of_turn(), depth.nose(), self._settings
        if residuals is None:
            return Doubt(Reason(f"{prompt}: too few points to measure depth"), missed=True)
        mesh, flow = Reason("mesh depth", residuals[0], limits.mesh), Reason(FOLLOWED, residuals[1], limits.flow)
        height = None if found is None else found.value
        self._noses += [] if height is None else [height]
        nose = Reason("nose stands out", mean(self._noses), self._least_nose) if self._noses else None
        self.measured += [mesh, flow] if nose is None else [mesh, flow, nose]
        if residuals[1] <= limits.flat and residuals[0] < limits.mesh:
            return Doubt(Reason(f"{prompt} is flat", residuals[1], limits.flat), flat=True)
        if residuals[0] < limits.mesh or residuals[1] < limits.flow:
            return Doubt(mesh if residuals[0] < limits.mesh else flow, missed=True)
        if height is None:
            if self._faint:
                return Doubt(Reason(f"{prompt}: too few points on the nose to measure depth"))
            self._faint = True
            return None
        if mean(self._noses) < (limits.paper if len(self._noses) < 3 else self._least_nose):
            return Doubt(Reason("bent like paper", mean(self._noses), self._least_nose), wary=True)
        self._depths.append(residuals)
        self._clear |= depth.nose_is_clear()
        return None

    def approached(self, perspective: float | None) -> Doubt | None:
        """Take in a coming closer that was answered; None where it was one of something deep."""
        if perspective is None:
            return Doubt(Reason("come_closer: too few points to measure depth"), missed=True)
        found = Reason(PERSPECTIVE, perspective, self._settings.perspective)
        self.measured.append(found)
        return Doubt(found, missed=True) if perspective < self._settings.perspective else None

    @property
    def any_deep(self) -> bool:
        """Whether a turn was one of a head, its nose measured."""
        return bool(self._depths)

    @property
    def suffice(self) -> bool:
        """Whether the turns so far leave no doubt about the nose: one that is clear, or the mean of more. Beside a
        light code one that was measured, for `relief` is still to come."""
        if self._lit or not self._depths:
            return self.any_deep
        return self._clear if len(self._noses) == 1 else mean(self._noses) >= self._least_nose

    def relief(self, shading: Relief | None, last: bool) -> tuple[Reason, Reason]:
        """Nose and light together, once a turn was one of a head, and the light's share by itself: a film has the nose,
        and a display that copies the lamp shines alike all over. Without values where the light says nothing.
        `last`: no further turn can be asked for after a doubt."""
        limits, value, share = self._settings, None, None
        if shading is not None and shading.scatter <= limits.vague:
            share = shading.share
            value = mean(self._noses) + limits.shaded * (share - shading.scatter)
        return (
            Reason(RELIEF, value, limits.relief if last else limits.clear_relief),
            Reason(IN_LIGHT, share, limits.in_light),
        )

    def is_read(self, shading: Relief | None) -> bool:
        """Whether the light was watched for long enough: it leaves no doubt, or a longer look would tell no more."""
        if shading is None:
            return False
        return shading.scatter <= self._settings.scatter or not lacking(self.relief(shading, last=False))

    def least_deep(self) -> list[Reason]:
        """Mesh and followed points of the turn that was nearest to a plane's, against their bounds."""
        mesh, flow = min(self._depths, key=lambda pair: pair[1])
        return [Reason("mesh depth", mesh, self._settings.mesh), Reason(FOLLOWED, flow, self._settings.flow)]

    @property
    def _least_nose(self) -> float:
        limits = self._settings
        if self._lit:
            return limits.paper
        return limits.nose if len(self._noses) < 3 else limits.nose_in_three


def lacking(reasons: Iterable[Reason]) -> list[Reason]:
    """Those that are below their threshold, or have no value."""
    return [reason for reason in reasons if reason.value is None or reason.value < (reason.threshold or 0.0)]
