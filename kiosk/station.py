"""The station: the loop from camera to lamp, and the only writer of the journal."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from kiosk import __version__
from kiosk.appliance.indicator import Indicator
from kiosk.appliance.messages import Language, say
from kiosk.attesting import Attesting, AttestSettings, Consent, Try, Witness
from kiosk.camera import Camera
from kiosk.capture.faces import FaceTracker
from kiosk.clock import ZONES, Clock, FrameClock, StepDetector
from kiosk.errors import CameraError, CameraStalled, JournalError
from kiosk.liveness import Liveness, LivenessSettings
from kiosk.pad.prompts import POOL, TURNS
from kiosk.pad.tries import UNASKED, USED_UP, Tries
from kiosk.recognition.cards import NOT_ISSUED, CardCheck, CardReader, CardSettings
from kiosk.recognition.embedder import EmbedderWorker, InlineEmbedder
from kiosk.recognition.gallery import Site
from kiosk.records import record
from kiosk.records.journal import Journal
from kiosk.values import CameraEvent, Decision, Face, Frame, Lamp, Match, Prompt, Reason
from kiosk.visit import Visit, VisitSettings

# Seconds without the served face after which a visit is over: as long as the tracker would still take a face that
# comes back for the same track, and longer while bystanders may be hiding it.
_GONE_S = 0.6
_GONE_AMONG_OTHERS_S = 2.0
_HINT_AFTER_S = 0.7
# After a decision it is enough to look now and then whether the person is still there.
_IDLE_EVERY = 3
_NOT_ASKED = "no prompt can be asked of this person"


@dataclass(frozen=True, slots=True)
class StationSettings:
    """Times in seconds of the camera's clock. `challenge` off identifies without liveness, and needs no journal."""

    language: Language = "id"
    challenge: bool = True
    show_result_s: float = 2.5
    retry_after_s: float = 4.0
    attempts_per_track: int = 3
    repeat_within_s: float = 300.0
    visit: VisitSettings = field(default_factory=VisitSettings)
    liveness: LivenessSettings = field(default_factory=LivenessSettings)
    attest: AttestSettings = field(default_factory=AttestSettings)
    card: CardSettings = field(default_factory=CardSettings)


class Station:
    """Takes a camera, a gallery, a journal and lamps, and serves one person after another.

    Without a journal nothing can be saved: decisions only go to `on_decision` (that is what replay is).
    """

    def __init__(
        self,
        camera: Camera,
        tracker: FaceTracker,
        embedder: EmbedderWorker | InlineEmbedder,
        indicator: Indicator,
        clock: Clock,
        site: Site,
        journal: Journal | None = None,
        settings: StationSettings = StationSettings(),
        rng: random.Random | None = None,
        on_decision: Callable[[Decision], None] = lambda decision: None,
        tries: Tries | None = None,
    ) -> None:
        if journal is not None and not settings.challenge:
            raise ValueError("a station that does not check liveness cannot open a journal")
        self._camera = camera
        self._tracker = tracker
        self._embedder = embedder
        self._indicator = indicator
        self._clock = clock
        self._journal = journal
        self._settings = replace(settings, visit=replace(settings.visit, apart=settings.liveness.apart))
        self._rng = rng or random.SystemRandom()
        self._on_decision = on_decision
        # Tries are counted where they are written down: without a journal each visit is the first.
        self._tries = (tries or Tries()) if journal is not None else None
        self._steps = StepDetector()
        self._visit: Visit | None = None
        self._visits = 0  # begun so far: embeddings carry it, so that one of an earlier visit is told
        self._seen_s = 0.0
        self._attempts = 0
        self._prompt: Prompt | None = None
        self._light: float | None = None
        self._hint = ("", 0.0)
        self._lamp: Lamp = "idle"
        self._result_until_s = 0.0
        self._fault = ""
        self._camera_down = False
        self._last_probe_s = 0.0
        self._saved_at: dict[str, float] = {}
        self._attesting = Attesting(settings.attest)
        self._cards = CardReader()
        self._consent: Consent | None = None
        self._mark: int | None = None
        self.site = site
        self.every_frame: Callable[[], None] = lambda: None
        self.begun: Callable[[], None] = lambda: None
        self.refused: Callable[[int, int], None] = lambda entry, track: None
        self.rtc = ""
        """How the machine's battery-kept clock was at the start, where it is the station's."""
        self.frames = 0
        self.embeddings = 0
        self.stopping = False

    def run(self) -> None:
        """Serve until the camera's stream ends or `stopping` is set."""
        self._write("boot", {"software": __version__, "source": self._camera.kind, "camera": self._camera.device[:200]})
        self._show("idle", 0.0, self._rest_text())
        last_s = 0.0
        while not self.stopping:
            self.every_frame()
            try:
                frame = self._camera.read()
            except CameraStalled as error:
                self._camera_trouble("stalled", error)
                continue
            except CameraError as error:
                self._camera_trouble("failed", error)
                raise
            if frame is None:
                break
            if self._camera_down:
                self._camera_down = False
                self._fault = ""
                self._write("camera", {"state": "reopened", "detail": ""})
            last_s = frame.time_s
            self.step(frame)
        self._finish(last_s)

    def step(self, frame: Frame) -> None:
        """What one frame changes."""
        self.frames += 1
        if isinstance(self._clock, FrameClock):
            self._clock.advance(frame.time_s)
        self._watch_clock()
        decided = self._visit is not None and self._visit.decision is not None
        if decided and self._consent is None and self.frames % _IDLE_EVERY:
            self._after_decision(frame.time_s)
            return
        started = time.perf_counter()
        scene = self._tracker.update(frame)
        faces_ms = 1e3 * (time.perf_counter() - started)
        if self._not_ready():
            self._rest(frame.time_s)
            return
        face, visit = scene.served, self._visit
        shows = visit is not None and visit.look_alike is not None  # a card that is held up hides the face
        gone = frame.time_s - self._seen_s > (_GONE_AMONG_OTHERS_S if scene.others or shows else _GONE_S)
        if visit is not None and face is not None and face.track != visit.track and shows and not gone:
            visit.resume(face.track)
        elif face is not None and (visit is None or visit.track != face.track):
            self._leave(frame.time_s)
            self._begin(face.track, frame.time_s)
        elif gone and (face is None or (visit is not None and visit.strange)):
            self._leave(frame.time_s)
        hint = self._lasting(scene.hint, frame.time_s)
        if self._visit is None:
            self._rest(frame.time_s, hint)
            return
        if face is not None and not self._visit.strange:
            self._seen_s = frame.time_s
        if self._visit.decision is not None:
            if self._consent is not None and face is not None:
                self._watch_consent(self._visit, self._consent, frame, face)
            elif face is not None and self._is_replaced(self._visit, frame, face):
                self._leave(frame.time_s)
                self._begin(face.track, frame.time_s)
            else:
                self._after_decision(frame.time_s)
            return
        visit = self._visit
        visit.compute_ms["faces"] += faces_ms
        number = visit.observe(frame, face, scene.others)
        if number is not None and face is not None:
            self._embed(number, frame, face)
        self._collect(wait=not self._camera.live)
        decision = self._admit(visit, frame.time_s)
        self._watch_for_card(visit, frame)
        self._ask(frame.time_s, hint)
        decision = decision or visit.decide(frame.time_s)
        if decision is not None:
            self._decided(decision, visit.asked)

    def _embed(self, number: int, frame: Frame, face: Face) -> None:
        self._embedder.submit((self._visits, number), frame.image, face.box)
        self.embeddings += 1

    def _is_replaced(self, visit: Visit, frame: Frame, face: Face) -> bool:
        """Whether the next in the queue stands there, whom the tracker took for the one who was served."""
        number = visit.look_who_stays(frame, face)
        if number is not None:
            self._embed(number, frame, face)
        self._collect(wait=not self._camera.live)
        return visit.stays is False

    def _begin(self, track: int, time_s: float) -> None:
        self.begun()
        liveness = Liveness(self._settings.liveness, self._rng, time_s) if self._settings.challenge else None
        if self._visit is None or self._visit.track != track:
            self._attempts = 0
        self._attempts += 1
        if liveness is not None:
            liveness.held = True
        presented_s = None if self._visit is None or self._visit.track != track else self._visit.presented_s
        self._visits += 1
        self._visit = Visit(track, time_s, liveness, self._settings.visit)
        self._visit.presented_s = presented_s
        self._seen_s = time_s
        self._mark = None

    def _leave(self, time_s: float, last: bool = False) -> None:
        """The track is over (`last`: and the stream): decide with what is there, then forget it."""
        visit, self._visit, self._consent = self._visit, None, None
        if visit is None:
            return
        if visit.decision is None:
            while self._embedder.pending and not self._camera.live:
                self._collect(wait=True, visit=visit)
            decision = visit.decide(time_s, ended=True, last=last)
            if decision is not None:
                self._decided(decision, visit.asked)
        self._set_prompt(None, time_s)
        self._set_light(None, time_s)

    def _finish(self, time_s: float) -> None:
        self._leave(time_s, last=True)
        self._show("idle", time_s)

    def _collect(self, wait: bool, visit: Visit | None = None) -> None:
        """Hand the embedder's answers to the visit; answers for a visit that is over are dropped."""
        visit = visit or self._visit
        while True:
            for embedding in self._embedder.poll(0.5 if wait else 0.0):
                if visit is not None and embedding.key[0] == self._visits and self.site.templates is not None:
                    visit.add(embedding, self.site.templates, self.site.office)
            if not wait or not self._embedder.pending:
                return

    def _lasting(self, hint: str, time_s: float) -> str:
        """A hint once it held for a moment: what changes with every step of somebody walking up helps nobody."""
        if hint != self._hint[0]:
            self._hint = (hint, time_s)
        return hint if time_s - self._hint[1] >= _HINT_AFTER_S else ""

    def _admit(self, visit: Visit, time_s: float) -> Decision | None:
        """Once it is known who wants to be let in: ask, ask more than usual, or turn away."""
        liveness, person = visit.liveness, visit.person
        if liveness is None or not liveness.held or person is None:
            return None
        liveness.held = False
        given = self.site.roster.prompts_of(person, self._local(time_s).date().isoformat())
        if given is not None:
            visit.prompt_set = given.number
            pool = tuple(prompt for prompt in POOL if prompt in given.prompts)
            if not set(pool) & set(TURNS):
                return visit.turn_away(time_s, Reason(_NOT_ASKED), "undetermined")
            liveness.ask_only(pool)
        if self._tries is None:
            return None
        now_ms = self._clock.read().wall_ms
        wait_s = self._tries.wait_s(person, now_ms, self.site.alike(person))
        if wait_s > 0:
            return visit.turn_away(time_s, Reason(USED_UP, wait_s, unit=" s to wait"))
        liveness.ask_more(self._tries.more_prompts(person, now_ms, self.site.alike(person)))
        return None

    def _watch_for_card(self, visit: Visit, frame: Frame) -> None:
        """Of a look-alike who is live: begin to ask for a card, and look for it in this frame."""
        match = visit.look_alike
        if match is None or match.person is None:
            return
        if visit.cards is None:
            people, day = (match.person, *match.alike), self._local(frame.time_s).date().isoformat()
            visit.cards = CardCheck(people, self.site.roster, day, frame.time_s, self._settings.card)
        if visit.cards.waits:
            started = time.perf_counter()
            visit.cards.show(self._cards.read(frame.image), frame.time_s)
            spent_ms = 1e3 * (time.perf_counter() - started)
            visit.compute_ms["card"] = visit.compute_ms.get("card", 0.0) + spent_ms

    def _ask(self, time_s: float, hint: str) -> None:
        visit = self._visit
        self._set_light(None if visit is None or visit.liveness is None else visit.liveness.light, time_s)
        prompt = visit.liveness.prompt if visit is not None and visit.liveness is not None else None
        self._set_prompt(prompt, time_s)
        shows = "show_card" if visit is not None and visit.cards is not None and visit.cards.waits else ""
        text = say(prompt or shows or hint or "look_here", self._settings.language)
        self._show("prompt", time_s, text)

    def _decided(self, decision: Decision, asked: bool) -> None:
        """Write it down; only what is durable is shown green. `asked`: a prompt was shown."""
        self._set_prompt(None, decision.time_s)
        self._set_light(None, decision.time_s)
        language = self._settings.language
        lamp: Lamp = "refused"
        person = decision.match.person if decision.match is not None else None
        name = self.site.names.get(person or "", person or "")
        if decision.decision == "granted" and person is not None:
            lamp, text = self._grant(decision, person, name)
        elif not self._refuse(decision, asked):
            lamp, text = "fault", say("not_saved", language, reason=self._fault)
        elif self._waits_for_witnesses(decision):
            lamp, text = "wait", say("attest", language, name=name)
        elif decision.reasons and decision.reasons[0].name == USED_UP:
            text = say("used_up", language, minutes=str(math.ceil((decision.reasons[0].value or 0.0) / 60)))
        else:
            text = say(decision.decision, language, reason=_reason(decision.reasons))
        self._result_until_s = decision.time_s + self._settings.show_result_s
        self._show(lamp, decision.time_s, text)
        self._on_decision(decision)

    def _refuse(self, decision: Decision, asked: bool) -> bool:
        """Write a refusal down and count the try; while nobody may try, one line is enough. False: not saved."""
        match, tries = decision.match, self._tries
        if tries is not None:
            person = (match.person if match is not None and decision.decision != "unknown" else None) or ""
            now_ms = self._clock.read().wall_ms
            wait_s = tries.wait_s(person, now_ms, self.site.alike(person))
            if wait_s > 0:
                boottime_ms, attestable = self._clock.read().boottime_ms, self._attestable(decision)
                starts = bool(attestable) and not self._attesting.knows(attestable, boottime_ms)
                if not tries.note(person, now_ms, self.site.alike(person)) and not starts:
                    return True
                used_up = Reason(USED_UP, wait_s, unit=" s to wait")
                others = tuple(reason for reason in decision.reasons if reason.name != USED_UP)
                decision = replace(decision, reasons=(used_up, *others))
            elif asked or decision.decision in ("unknown", "refused"):
                tries.failed(person, now_ms, decision.liveness.state == "attack")
            else:
                decision = replace(decision, reasons=(*decision.reasons, Reason(UNASKED)))
        saved = self._write_mark("refusal", record.refusal(decision, *self._circumstances(decision)))
        if self._mark is not None:
            self.refused(self._mark, decision.track)
        return saved

    def _attestable(self, decision: Decision) -> str:
        """Whom others may stand for after this decision: somebody known, but undecided, who stayed for it; else ''.

        Of look-alikes without a card it is the nearest, where the first name, which is all that witnesses are asked by,
        says which of them that is.
        """
        match = decision.match
        if self._journal is None or not self.site.attests or match is None or decision.card is not None:
            return ""
        if match.outcome != "known" and not self._is_told_by_name(match):
            return ""
        names = [reason.name for reason in decision.reasons]
        stayed = decision.decision == "undetermined" and not any(name.startswith("nobody stayed") for name in names)
        return (match.person or "") if stayed or USED_UP in names else ""

    def _is_told_by_name(self, match: Match) -> bool:
        """Whether somebody listed as alike has another first name than all those."""
        first = [self.site.names.get(person, person) for person in (match.person or "", *match.alike)]
        return len(first) > 1 and first[0] not in first[1:]

    def _waits_for_witnesses(self, decision: Decision) -> bool:
        """Whether others may stand now for whom this decision leaves undecided; the try is kept."""
        now_ms, match = self._clock.read().boottime_ms, decision.match
        if decision.liveness.state == "attack" and match is not None and match.person is not None:
            for posed_as in (match.person, *self.site.alike(match.person)):
                self._attesting.attacked(posed_as, now_ms)
        person = self._attestable(decision)
        if not person:
            return False
        enough = any(reason.name in (USED_UP, _NOT_ASKED, NOT_ISSUED) for reason in decision.reasons)
        if self._mark is None:
            return self._attesting.is_back(person, now_ms, enough)
        return self._attesting.undecided(person, Try(self._mark, decision.presented_s, now_ms), enough)

    def _grant(self, decision: Decision, person: str, name: str) -> tuple[Lamp, str]:
        language = self._settings.language
        if self._journal is None:
            key = "granted" if self._settings.challenge else "identified"
            return "granted", say(key, language, name=name, time=f"{decision.time_s:.1f} s")
        previous_s = self._saved_at.get(person)
        if previous_s is not None and decision.presented_s - previous_s < self._settings.repeat_within_s:
            self._ask_to_attest(decision, person)
            return "granted", say("already", language, name=name, time=self._local_time(previous_s))
        if not self._write_mark("presence", record.presence(decision, person, *self._circumstances(decision))):
            return "fault", say("not_saved", language, reason=self._fault)
        self._saved_at[person] = decision.presented_s
        self._ask_to_attest(decision, person)
        return "granted", say("granted", language, name=name, time=self._local_time(decision.presented_s))

    def _ask_to_attest(self, decision: Decision, person: str) -> None:
        """Where somebody waits for witnesses: let this one, who was just seen live, say whether to be one.

        Nobody stands for a look-alike of one's own, nor beside one: it may be the same person.
        """
        now_ms = self._clock.read().boottime_ms
        if self._attesting.may_attest(person, now_ms) and not self.site.alike(person) & self._attesting.involved():
            self._consent = Consent(decision.time_s, self._settings.attest)

    def _watch_consent(self, visit: Visit, consent: Consent, frame: Frame, face: Face) -> None:
        time_s = frame.time_s
        if consent.answered:
            self._collect(wait=not self._camera.live)
            if not visit.looking:
                self._take_word(visit, face, time_s)
            return
        progress = consent.update(time_s, face)
        waits = self._attesting.person(self._clock.read().boottime_ms)
        self._set_prompt(consent.prompt if progress == "waiting" else None, time_s)
        if progress == "waiting" and waits:
            if consent.prompt is not None:
                text = say("attest_question", self._settings.language, name=self.site.names.get(waits, waits))
                self._show("prompt", time_s, text)
            return
        if progress == "answered" and waits:
            consent.answered = True
            self._embed(visit.look(time_s), frame, face)
        else:
            self._consent, self._result_until_s = None, time_s

    def _take_word(self, visit: Visit, face: Face, time_s: float) -> None:
        """Whoever came closer was looked at: only the one who was just granted gives a word."""
        self._consent, self._result_until_s = None, time_s
        waits = self._attesting.person(self._clock.read().boottime_ms)
        if visit.stays is False:
            self._leave(time_s)
            self._begin(face.track, time_s)
        elif visit.stays and visit.decision is not None and waits:
            lamp, text = self._attest(visit.decision, waits)
            self._result_until_s = time_s + self._settings.show_result_s
            self._show(lamp, time_s, text)

    def _attest(self, decision: Decision, waits: str) -> tuple[Lamp, str]:
        """Take the word of whom `decision` granted: with a colleague's and a supervisor's, the mark is saved."""
        language, witness = self._settings.language, decision.match.person if decision.match is not None else None
        assert witness is not None
        assert self._journal is not None
        if self._mark is None:  # a repeat within minutes, of which no entry was needed until now
            self._write_mark("presence", record.presence(decision, witness, *self._circumstances(decision)))
        now_ms, name = self._clock.read().boottime_ms, self.site.names.get(waits, waits)
        if self._mark is None:
            return "fault", say("not_saved", language, reason=self._fault)
        supervises = self.site.roster.is_supervisor(witness, self._local(decision.time_s).date().isoformat())
        made = self._attesting.attest(Witness(witness, supervises, self._mark, now_ms), now_ms)
        if made is None:
            return "wait", say(
                "attest_supervisor" if self._attesting.lacks_supervisor() else "attest_colleague", language, name=name
            )
        body = record.attested(
            made, self._clock.at(made.first.presented_s), self._camera.kind, self.site.gallery_version
        )
        if not self._write("attested", body):
            return "fault", say("not_saved", language, reason=self._fault)
        self._saved_at[made.person] = made.first.presented_s
        return "granted", say("attested", language, name=name, time=self._local_time(made.first.presented_s))

    def _write_mark(self, kind: str, body: dict[str, object]) -> bool:
        """Write what a visit came to, and remember which entry that is."""
        saved = self._write(kind, body)
        self._mark = self._journal.size - 1 if saved and self._journal is not None else None
        return saved

    def _circumstances(self, decision: Decision) -> tuple[int, str, int]:
        return self._clock.at(decision.presented_s), self._camera.kind, self.site.gallery_version

    def _after_decision(self, time_s: float) -> None:
        """The same track stays: show the result, and let somebody who was not recognised try again."""
        visit = self._visit
        assert visit is not None
        assert visit.decision is not None
        may_retry = visit.decision.decision == "undetermined" and self._settings.challenge
        waited = time_s - visit.decision.time_s >= self._settings.retry_after_s
        if may_retry and waited and self._attempts < self._settings.attempts_per_track:
            self._begin(visit.track, time_s)
        elif time_s >= self._result_until_s:
            self._rest(time_s)

    def _rest(self, time_s: float, hint: str = "") -> None:
        if time_s < self._result_until_s:
            return
        if self._fault and time_s - self._last_probe_s >= 5.0:
            self._last_probe_s = time_s
            self._probe()
        if self._fault:
            self._show("fault", time_s, self._fault)
        elif self._not_ready():
            self._show("wait", time_s, self._rest_text())
        else:
            waits = self._attesting.person(self._clock.read().boottime_ms)
            text = say(hint, self._settings.language) if hint else self._rest_text(waits)
            self._show("prompt" if hint else "wait" if waits else "idle", time_s, text)

    def _rest_text(self, waits: str = "") -> str:
        reason = self._not_ready()
        language = self._settings.language
        if waits and not reason:
            return say("attest", language, name=self.site.names.get(waits, waits))
        return say("not_ready", language, reason=reason) if reason else say("ready", language)

    def _not_ready(self) -> str:
        if self.site.templates is None or not self.site.templates.people:
            return self.site.fault or "no gallery yet: nobody is enrolled, or the server was not reached"
        if self.site.templates.basis == "none" or self.site.templates.threshold <= 0.0:
            return "the gallery is not calibrated: hadir kiosk calibrate says why"
        return ""

    def _write(self, kind: str, body: dict[str, object]) -> bool:
        """Append to the journal; False, with the fault shown, when it could not be saved."""
        if self._journal is None:
            return True
        try:
            self._journal.append(kind, body)
        except JournalError as error:
            self._fault = str(error)
            return False
        self._fault = ""
        return True

    def record_manifest(self) -> None:
        """Note in the journal what the station runs on from now."""
        manifest = self.site.manifest
        if manifest is not None:
            body = {"manifest": manifest.version, "sha256": self.site.digest, "gallery": self.site.gallery_version}
            self._write("manifest_applied", body)

    def status(self) -> dict[str, object]:
        """How the station is, for status and health."""
        return {
            "lamp": self._lamp,
            "fault": self._fault,
            "frames": self.frames,
            "camera": self._camera.kind,
            "camera_down": self._camera_down,
            "entries": self._journal.size if self._journal else 0,
            "manifest": self.site.manifest.version if self.site.manifest else 0,
            "gallery": self.site.gallery_version,
            "not_ready": self._not_ready(),
            "rtc": self.rtc,
            "light": "none" if self._settings.liveness.light is None else "lamp",
        }

    def _probe(self) -> None:
        if self._journal is None:
            return
        try:
            self._journal.probe()
        except JournalError as error:
            self._fault = str(error)
        else:
            self._fault = ""

    def _watch_clock(self) -> None:
        step_ms = self._steps.update(self._clock.read())
        if step_ms:
            self._write("clock_step", {"step_ms": step_ms})

    def _camera_trouble(self, state: str, error: CameraError) -> None:
        if not self._camera_down:
            self._camera_down = True
            self._visit = None
            self._write("camera", {"state": state, "detail": str(error)[:200]})
        self._fault = say("camera", self._settings.language, reason=str(error))
        self._show("fault", 0.0, self._fault)

    def _set_prompt(self, prompt: Prompt | None, time_s: float) -> None:
        if prompt != self._prompt:
            self._prompt = prompt
            self._camera.tell(CameraEvent(time_s, "prompt", prompt or ""))

    def _set_light(self, level: float | None, time_s: float) -> None:
        if level != self._light:
            self._light = level
            self._indicator.light(level)
            self._camera.tell(CameraEvent(time_s, "light", "" if level is None else f"{level:.2f}"))

    def _show(self, lamp: Lamp, time_s: float, text: str = "") -> None:
        if lamp != self._lamp:
            self._lamp = lamp
            self._camera.tell(CameraEvent(time_s, "lamp", lamp))
        self._indicator.show(lamp, text, self._prompt)

    def _local_time(self, time_s: float) -> str:
        return self._local(time_s).strftime("%H:%M")

    def _local(self, time_s: float) -> datetime:
        now = self._clock.read()
        wall_ms = now.wall_ms - now.boottime_ms + self._clock.at(time_s)
        hours = ZONES.get(self.site.manifest.zone, 0) if self.site.manifest else 0
        return datetime.fromtimestamp(wall_ms / 1000, timezone(timedelta(hours=hours)))


def _reason(reasons: tuple[Reason, ...]) -> str:
    return "; ".join(str(reason) for reason in reasons) or "-"
