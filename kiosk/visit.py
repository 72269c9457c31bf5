"""One track, from its first good frame to the decision: shots, identity and liveness brought together."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kiosk.embedder import Embedding
from kiosk.liveness import Liveness
from kiosk.matcher import Templates, search
from kiosk.values import Decision, Face, Frame, LivenessVerdict, Match, Outcome, Reason

NOT_CHECKED = LivenessVerdict("not_checked", (Reason("liveness was switched off"),))
_PENDING = LivenessVerdict("undetermined", (Reason("liveness was not finished"),))


@dataclass(frozen=True, slots=True)
class VisitSettings:
    """`shots` are fused for an answer; up to `most_shots` before somebody is called unknown. Times in seconds."""

    shots: int = 3
    most_shots: int = 6
    shot_every_s: float = 0.15
    frontal_degrees: float = 20.0
    acquire_within_s: float = 10.0


class Visit:
    """Collects what one track shows. Times are the camera's, seconds."""

    def __init__(self, track: int, time_s: float, liveness: Liveness | None, settings: VisitSettings) -> None:
        self.track = track
        self.liveness = liveness
        self.presented_s: float | None = None
        self.decision: Decision | None = None
        self.prompt_set: int | None = None
        self.compute_ms = {"faces": 0.0, "liveness": 0.0, "embed": 0.0, "match": 0.0}
        self._settings = settings
        self._started_s = time_s
        self._last_quality: tuple[Reason, ...] = ()
        self._submitted: dict[int, tuple[float, bool]] = {}
        self._last_shot_s = -np.inf
        self._awaited = 0
        self._shots: list[NDArray[np.float32]] = []
        self._failed = 0
        self._match: Match | None = None
        self._prompted = False

    def observe(self, frame: Frame, face: Face | None, others: int) -> int | None:
        """Take a frame in; the number under which it should be embedded, None when it should not be."""
        if self.liveness is not None:
            started = time.perf_counter()
            self.liveness.update(frame, face, others)
            self.compute_ms["liveness"] += 1e3 * (time.perf_counter() - started)
        if face is None:
            return None
        self._last_quality = face.quality
        if not face.quality and self.presented_s is None:
            self.presented_s = frame.time_s
        straight = self.liveness.looks_ahead if self.liveness is not None else True
        frontal = not face.quality and straight and abs(face.yaw) <= self._settings.frontal_degrees
        due = frame.time_s - self._last_shot_s >= self._settings.shot_every_s
        identifies = frontal and due and self._wanted()
        if not identifies and not (self.liveness is not None and self.liveness.wants_shot(face)):
            return None
        number = len(self._submitted)
        self._submitted[number] = (frame.time_s, identifies)
        if identifies:
            self._last_shot_s = frame.time_s
            self._awaited += 1
        return number

    def add(self, embedding: Embedding, templates: Templates) -> None:
        """An answer of the embedder, and with it a new look at who this is."""
        time_s, identifies = self._submitted[embedding.key[1]]
        self.compute_ms["embed"] += embedding.ms
        if identifies:
            self._awaited -= 1
        if embedding.vector is None:
            self._failed += identifies
            return
        if self.liveness is not None:
            self.liveness.add_embedding(time_s, embedding.vector)
        if identifies:
            self._shots.append(embedding.vector)
            started = time.perf_counter()
            self._match = search(templates, np.stack(self._shots))
            self.compute_ms["match"] += 1e3 * (time.perf_counter() - started)

    @property
    def asked(self) -> bool:
        """Whether a prompt was shown: then whatever comes of it is a try."""
        return self._prompted

    @property
    def person(self) -> str | None:
        """Whom the face is known to be, once that is settled."""
        match = self._identity(ended=False)
        return match.person if match is not None and match.outcome == "known" else None

    def turn_away(self, time_s: float, reason: Reason, decision: Outcome = "refused") -> Decision:
        """Decide without having asked anything."""
        return self._settle(time_s, decision, _PENDING, (reason,))

    def decide(self, time_s: float, ended: bool = False, last: bool = False) -> Decision | None:
        """The decision, once there is one. `ended`: the track is over, decide with what is at hand, but not about
        somebody who only walked past. `last`: the stream is over as well, so that every shot must do."""
        liveness = NOT_CHECKED if self.liveness is None else self.liveness.verdict
        if self.liveness is not None:
            self._prompted = self._prompted or self.liveness.prompt is not None
        if ended and not (last and self._shots) and not self._stayed():
            return None
        identity = self._identity(ended)
        if liveness is not None and liveness.state == "attack":
            return self._settle(time_s, "refused", liveness, liveness.reasons)
        if liveness is not None and liveness.state == "undetermined":
            return self._settle(time_s, "undetermined", liveness, liveness.reasons)
        if identity is None:
            if ended and self.presented_s is not None and self.liveness is not None:
                return self._settle(time_s, "undetermined", _PENDING, (Reason("nobody stayed for the answer"),))
            if self.presented_s is None and time_s - self._started_s >= self._settings.acquire_within_s:
                return self._settle(time_s, "undetermined", liveness or _PENDING, self._last_quality)
            return None
        if identity.outcome == "unknown":
            return self._settle(time_s, "unknown", liveness or _PENDING, ())
        if identity.outcome == "unsure":
            return self._settle(time_s, "undetermined", liveness or _PENDING, (Reason("the face is not told apart"),))
        if liveness is not None:
            return self._settle(time_s, "granted", liveness, ())
        if ended:
            return self._settle(time_s, "undetermined", _PENDING, (Reason("nobody stayed for the prompts"),))
        return None

    def _stayed(self) -> bool:
        """Whether there was enough of the track for an answer to be owed."""
        return self._prompted or len(self._shots) >= self._settings.shots

    def _wanted(self) -> bool:
        taken = len(self._shots) + self._awaited
        if taken < self._settings.shots:
            return self._failed < self._settings.most_shots
        unsettled = self._awaited == 0 and (self._match is None or self._match.outcome != "known")
        return unsettled and taken < self._settings.most_shots

    def _identity(self, ended: bool) -> Match | None:
        """The match when it is settled: known on enough shots, or anything else on the most we take."""
        if self._match is None:
            return None
        count = len(self._shots)
        settled = count >= self._settings.shots and self._match.outcome == "known"
        return self._match if settled or ended or count >= self._settings.most_shots else None

    def _settle(
        self, time_s: float, decision: Outcome, verdict: LivenessVerdict, reasons: tuple[Reason, ...]
    ) -> Decision:
        spent = self.compute_ms | {"total": sum(self.compute_ms.values())}
        presented_s = self._started_s if self.presented_s is None else self.presented_s
        self.decision = Decision(
            time_s, presented_s, self.track, decision, self._match, verdict, reasons, spent, self.prompt_set
        )
        return self.decision
