"""One track, from its first good frame to the decision: shots, identity and liveness brought together."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kiosk.liveness import Liveness
from kiosk.matcher import Templates, search_site, verify
from kiosk.recognition.cards import CardCheck
from kiosk.recognition.embedder import Embedding
from kiosk.values import Decision, Face, Frame, LivenessVerdict, Match, Outcome, Reason

NOT_CHECKED = LivenessVerdict("not_checked", (Reason("liveness was switched off"),))
_PENDING = LivenessVerdict("undetermined", (Reason("liveness was not finished"),))


@dataclass(frozen=True, slots=True)
class VisitSettings:
    """`shots` are fused for an answer; up to `most_shots` before somebody is called unknown. Times in seconds.

    `apart`: distance to the shots, of a look after a card was shown, beyond which it is of somebody else (as in
    `LivenessSettings`). `look_every_s`: how often it is asked after the decision whether somebody else stands there.
    """

    shots: int = 3
    most_shots: int = 6
    shot_every_s: float = 0.13
    look_every_s: float = 2.0
    frontal_degrees: float = 20.0
    acquire_within_s: float = 10.0
    apart: float = 0.45


class Visit:
    """Collects what one track shows. Times are the camera's, seconds."""

    def __init__(self, track: int, time_s: float, liveness: Liveness | None, settings: VisitSettings) -> None:
        self.track = track
        self.liveness = liveness
        self.presented_s: float | None = None
        self.decision: Decision | None = None
        self.prompt_set: int | None = None
        self.cards: CardCheck | None = None
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
        self.strange = False
        """Whether the face that is seen now is another than the one that was live."""
        self._doubted = False
        self.stays: bool | None = None
        """After the decision, by the last look: False where somebody else stepped up and the track went on."""
        self._looking: int | None = None
        self._look: tuple[float, Match] | None = None

    def observe(self, frame: Frame, face: Face | None, others: int) -> int | None:
        """Take a frame in; the number under which it should be embedded, None when it should not be."""
        if self.liveness is not None:
            started = time.perf_counter()
            self.liveness.update(frame, face, others)
            self.compute_ms["liveness"] += 1e3 * (time.perf_counter() - started)
        if face is None:
            return None
        if self.cards is not None:
            return self._look_again(frame, face, self.cards)
        self._last_quality = face.quality
        if not face.quality and self.presented_s is None:
            self.presented_s = frame.time_s
        straight = self.liveness.looks_ahead if self.liveness is not None else True
        frontal = not face.quality and straight and abs(face.yaw) <= self._settings.frontal_degrees
        due = frame.time_s - self._last_shot_s >= self._settings.shot_every_s
        identifies = frontal and due and self._wanted()
        if not identifies and not (self.liveness is not None and self.liveness.wants_shot(face)):
            return None
        if identifies:
            self._last_shot_s = frame.time_s
            self._awaited += 1
        return self._submit(frame.time_s, identifies)

    def _submit(self, time_s: float, identifies: bool) -> int:
        """The number under which the frame of `time_s` goes to the embedder."""
        number = len(self._submitted)
        self._submitted[number] = (time_s, identifies)
        return number

    def _look_again(self, frame: Frame, face: Face, cards: CardCheck) -> int | None:
        """Once a card was shown, or the track is another: a look at who that is."""
        turned = abs(face.yaw) > self._settings.frontal_degrees
        if not (cards.fits or self._doubted) or self._looking is not None or face.quality or turned:
            return None
        self._looking = self._submit(frame.time_s, False)
        return self._looking

    def look_who_stays(self, frame: Frame, face: Face) -> int | None:
        """As `look`, now and then, where the frame is fit for it."""
        since_s = frame.time_s - max(self._last_shot_s, self.decision.time_s if self.decision else np.inf)
        turned = abs(face.yaw) > self._settings.frontal_degrees
        if since_s < self._settings.look_every_s or self._looking is not None or face.quality or turned:
            return None
        return self.look(frame.time_s)

    def look(self, time_s: float) -> int:
        """After the decision: the number under which this frame should be embedded, to tell `stays`."""
        self._last_shot_s, self.stays = time_s, None
        self._looking = self._submit(time_s, False)
        return self._looking

    @property
    def looking(self) -> bool:
        """Whether an answer to such a look is awaited."""
        return self._looking is not None

    def resume(self, track: int) -> None:
        """Go on with another track, as after a card that hid the face; a further look says whose that is."""
        self.track, self._looking, self._doubted = track, None, True

    def add(self, embedding: Embedding, templates: Templates, office: Templates | None = None) -> None:
        """An answer of the embedder, and with it a new look at who this is; `office`: as of `search_site`."""
        time_s, identifies = self._submitted[embedding.key[1]]
        self.compute_ms["embed"] += embedding.ms
        looked = embedding.key[1] == self._looking
        if looked:
            self._looking = None
        if identifies:
            self._awaited -= 1
        if embedding.vector is None:
            self._failed += identifies
            return
        if looked and self.decision is not None:
            if self._shots:
                apart = float(np.linalg.norm(np.stack(self._shots) - embedding.vector, axis=1).min())
                self.stays = apart <= self._settings.apart
            return
        if looked and self.cards is not None:
            shots = np.stack(self._shots)
            apart = float(np.linalg.norm(shots - embedding.vector, axis=1).max())
            self._doubted = self.strange = apart > self._settings.apart
            if self.cards.card is not None:
                self._look = apart, verify(templates, office, shots, self.cards.card.person)
            return
        if self.liveness is not None:
            self.liveness.add_embedding(time_s, embedding.vector)
        if identifies:
            self._shots.append(embedding.vector)
            started = time.perf_counter()
            self._match = search_site(templates, office, np.stack(self._shots))
            self.compute_ms["match"] += 1e3 * (time.perf_counter() - started)

    @property
    def asked(self) -> bool:
        """Whether a prompt was shown: then whatever comes of it is a try."""
        return self._prompted

    @property
    def person(self) -> str | None:
        """Whom the face is known to be, or of look-alikes the nearest, once that is settled."""
        match = self._identity(ended=False)
        return match.person if match is not None and _names(match) else None

    @property
    def look_alike(self) -> Match | None:
        """Of whom a card is asked now: somebody live whom the face alone does not tell from others."""
        if self.decision is not None:
            return None
        live = self.liveness is not None and self.liveness.verdict is not None and self.liveness.verdict.state == "live"
        return self._match if live and self._match is not None and self._match.alike else None

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
        if identity.outcome == "unsure" and (not identity.alike or self.liveness is None):
            return self._settle(time_s, "undetermined", liveness or _PENDING, (Reason("the face is not told apart"),))
        if liveness is not None:
            if identity.alike:
                return self._by_card(time_s, liveness, ended)
            return self._settle(time_s, "granted", liveness, ())
        if ended:
            return self._settle(time_s, "undetermined", _PENDING, (Reason("nobody stayed for the prompts"),))
        return None

    def _by_card(self, time_s: float, liveness: LivenessVerdict, ended: bool) -> Decision | None:
        """What a look-alike's card says: it names the person, and who shows it is still the one who was live."""
        cards, look = self.cards, self._look
        against = None if cards is None else cards.against(time_s)
        if against is not None:
            return self._settle(time_s, against[0], liveness, (against[1],))
        if look is not None and not self.strange:
            match = look[1]
            if match.outcome != "known":
                far = Reason("distance to the card's person", match.distance)
                return self._settle(time_s, "refused", liveness, (far,))
            self._match = match
            return self._settle(time_s, "granted", liveness, ())
        if not ended and (cards is None or not cards.is_over(time_s)):
            return None
        if look is not None:
            apart = Reason("identity before and after the card", look[0], self._settings.apart)
            return self._settle(time_s, "refused", liveness, (apart,))
        left = "nobody stayed for the card" if ended else "no face was seen after the card"
        return self._settle(time_s, "undetermined", liveness, (Reason(left),))

    def _stayed(self) -> bool:
        """Whether there was enough of the track for an answer to be owed."""
        return self._prompted or len(self._shots) >= self._settings.shots

    def _wanted(self) -> bool:
        taken = len(self._shots) + self._awaited
        if taken < self._settings.shots:
            return self._failed < self._settings.most_shots
        unsettled = self._awaited == 0 and (self._match is None or not _names(self._match))
        return unsettled and taken < self._settings.most_shots

    def _identity(self, ended: bool) -> Match | None:
        """The match when it is settled: known or alike on enough shots, or anything else on the most we take."""
        if self._match is None:
            return None
        count = len(self._shots)
        settled = count >= self._settings.shots and _names(self._match)
        return self._match if settled or ended or count >= self._settings.most_shots else None

    def _settle(
        self, time_s: float, decision: Outcome, verdict: LivenessVerdict, reasons: tuple[Reason, ...]
    ) -> Decision:
        spent = self.compute_ms | {"total": sum(self.compute_ms.values())}
        presented_s = self._started_s if self.presented_s is None else self.presented_s
        card = self.cards.card if self.cards is not None else None
        self.decision = Decision(
            time_s,
            presented_s,
            self.track,
            decision,
            self._match,
            verdict,
            reasons,
            spent,
            self.prompt_set,
            None if card is None else card.number,
        )
        return self.decision


def _names(match: Match) -> bool:
    """Whether no further shot would make the answer clearer."""
    return match.outcome == "known" or bool(match.alike)
