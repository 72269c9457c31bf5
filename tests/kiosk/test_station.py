"""The station on real pixels: a living head, a stranger, a print; and what happens when nothing can be saved."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.queue import Delayed
from kiosk.appliance.indicator import Indicator
from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.clock import FrameClock
from kiosk.config import Pins
from kiosk.errors import CameraStalled, JournalError
from kiosk.matcher import Templates
from kiosk.pad.tries import USED_UP, Tries
from kiosk.recognition.embedder import DlibEmbedder
from kiosk.recognition.gallery import Site
from kiosk.records.journal import Journal, JournalReader
from kiosk.station import Station, StationSettings
from kiosk.values import Decision
from protocol import entry
from protocol.note import Signer
from protocol.roster import PromptSet, Roster

SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
PERSON = "ab" * 16


@pytest.fixture(scope="module")
def embedder():
    return DlibEmbedder()


@pytest.fixture(scope="module")
def site(embedder):
    """A gallery with the portrait's person, enrolled from frames of another visit."""
    camera, tracker, rows = open_camera("sim:person=4?seed=9&prompts=off"), FaceTracker(), []
    while len(rows) < 5 and (frame := camera.read()) is not None:
        face = tracker.update(frame).served
        if face is not None and not face.quality and frame.number % 6 == 0:
            rows.append(embedder.embed(frame.image, face.box))
    tracker.close()
    camera.close()
    templates = Templates(np.stack(rows), np.zeros(len(rows), np.int32), (PERSON,), embedder.identity)
    return Site(templates=templates, names={PERSON: "Eileen"})


@dataclass
class Watched:
    """A camera that notes, at each lamp change, how many entries the journal holds durably."""

    camera: object
    journal: Path
    lamps: list[tuple[str, int]] = field(default_factory=list)
    stall_at: int = -1
    live: bool = False
    now_s: float = 0.0

    def __getattr__(self, name):
        return getattr(self.camera, name)

    def read(self, timeout_s=2.0):
        if self.stall_at == 0:
            self.stall_at = -1
            raise CameraStalled("the camera sim: gave no frame for 2 s")
        self.stall_at -= 1
        frame = self.camera.read(timeout_s)
        self.now_s = self.now_s if frame is None else frame.time_s
        return frame

    def tell(self, event):
        if event.event == "lamp":
            reader = JournalReader(self.journal)
            self.lamps.append((event.value, reader.size()))
            reader.close()
        self.camera.tell(event)


@dataclass
class Run:
    """What a visit left: decisions, entries, lamps with the journal's size at that moment, and texts."""

    decisions: list[Decision]
    entries: list[entry.Entry]
    lamps: list[tuple[str, int]]
    texts: list[str]
    refused: list[tuple[int, int]]
    keys: list[tuple[int, int]]


@pytest.fixture
def serve(tmp_path, site, embedder, monkeypatch):
    def run(script, broken=False, stall_at=-1, at=site, tries=None, tracker_of=FaceTracker, late_s=None):
        path = tmp_path / "journal.db"
        camera = Watched(open_camera(f"sim:{script}"), path, stall_at=stall_at, live=late_s is not None)
        slow = Slow(embedder, camera, late_s or 0.0)
        clock = FrameClock(1_790_000_000_000)
        journal = Journal(path, "K01", SIGNER, clock)
        decisions, texts = [], []
        indicator = Indicator(Pins(), True, texts.append)
        tracker = tracker_of()
        if broken:

            def append(kind, body):
                raise JournalError("the journal cannot be used: database or disk is full")

            monkeypatch.setattr(journal, "append", append)
        station = Station(
            camera,
            tracker,
            slow,
            indicator,
            clock,
            at,
            journal,
            StationSettings(language="en"),
            random.Random(4),
            decisions.append,
            tries,
        )
        refused: list[tuple[int, int]] = []
        station.refused = lambda number, track: refused.append((number, track))
        station.run()
        reader = JournalReader(path)
        entries = [entry.decode(data) for data in reader.read(0, 1000)]
        for part in (reader, journal, indicator, tracker, camera):
            part.close()
        return Run(decisions, entries, camera.lamps, texts, refused, slow.keys)

    return run


def test_a_living_enrolled_person_is_saved_and_only_then_shown_green(serve):
    run = serve("person=14?seed=2")
    assert [decision.decision for decision in run.decisions] == ["granted"]
    assert [found.kind for found in run.entries] == ["boot", "presence"]
    presence = run.entries[1]
    assert presence.body["person"] == PERSON
    assert presence.body["liveness"] == "live"
    assert 0 < presence.body["presented_boottime_ms"] < presence.boottime_ms
    assert ("granted", 2) in run.lamps
    assert any("Eileen" in text and "saved" in text for text in run.texts)


def test_a_print_is_refused_and_the_reason_is_recorded(serve):
    run = serve("print=14?seed=2")
    assert {decision.decision for decision in run.decisions} <= {"refused", "undetermined"}
    assert run.decisions
    assert {found.kind for found in run.entries[1:]} == {"refusal"}
    assert all(found.body["reasons"] for found in run.entries[1:])
    assert run.refused == [(found.seq, one.track) for found, one in zip(run.entries[1:], run.decisions, strict=True)]
    assert "granted" not in [lamp for lamp, _ in run.lamps]


def test_a_stranger_is_not_known(serve):
    run = serve("stranger=8?seed=2")
    assert {decision.decision for decision in run.decisions} == {"unknown"}


class Merging(FaceTracker):
    """Takes all who come for one track, as happens when one steps up as the one before steps aside."""

    def update(self, frame):
        scene = super().update(frame)
        return scene if scene.served is None else replace(scene, served=replace(scene.served, track=1))


def test_who_steps_up_on_the_track_of_the_one_before_is_served_all_the_same(serve):
    run = serve("person=14,stranger=9?seed=2&gap=-1", tracker_of=Merging)
    assert [decision.decision for decision in run.decisions] == ["granted", "unknown"]
    assert [found.body.get("person") for found in run.entries[1:]] == [PERSON, None]


class Slow(Delayed):
    """Notes what was submitted under which number."""

    def __init__(self, engine, camera, each_s):
        super().__init__(engine, camera, each_s)
        self.keys = []

    def submit(self, key, image, box):
        self.keys.append(key)
        super().submit(key, image, box)


@pytest.mark.parametrize("late_s", [0.1, 0.3])
def test_a_live_camera_waits_for_no_embedder_and_a_late_answer_never_counts_for_the_next_visit(serve, late_s):
    run = serve("person=14,stranger=9?seed=2&gap=-1", tracker_of=Merging, late_s=late_s)
    assert [decision.decision for decision in run.decisions] == ["granted", "unknown"]
    assert [found.body.get("person") for found in run.entries[1:]] == [PERSON, None]
    assert len({visit for visit, _ in run.keys}) >= 2
    assert len(set(run.keys)) == len(run.keys), "on one track two pictures had the same number"


def test_whose_tries_are_used_up_is_asked_nothing_and_gets_one_line(serve):
    tries = Tries()
    for _ in range(tries.settings.a_day):
        tries.failed(PERSON, 1_790_000_000_000)
    run = serve("person=7,person=7?seed=2", tries=tries)
    assert [decision.decision for decision in run.decisions] == ["refused", "refused"]
    assert all(not decision.liveness.prompts for decision in run.decisions)
    assert [found.body["reasons"] for found in run.entries if found.kind == "refusal"] == [[USED_UP]]
    assert any("Too many tries" in text for text in run.texts)


def test_each_failed_try_counts_for_the_person_it_resembles(serve):
    tries = Tries()
    run = serve("person=9?seed=2&prompts=off", tries=tries)
    assert run.decisions[0].decision == "undetermined"
    assert tries.count(PERSON, 1_790_000_000_000 + 20_000) == len(run.decisions)


@pytest.mark.parametrize("asked", [True, False])
def test_a_restart_counts_the_tries_that_were_counted_before_it(serve, site, asked):
    tries, recalled = Tries(), Tries()
    none = Roster(prompt_sets=(PromptSet("", "", PERSON, 8, ()),))
    at = site if asked else replace(site, roster=none)
    run = serve("person=9,stranger=6?seed=2&prompts=off", at=at, tries=tries)
    assert bool(tries.count(PERSON, 1_790_000_000_000 + 20_000)) is asked
    assert "refusal" in {found.kind for found in run.entries}
    recalled.recall(run.entries)
    later_ms = 1_790_000_000_000 + 20_000
    for person in (PERSON, ""):
        assert recalled.count(person, later_ms) == tries.count(person, later_ms)


def test_what_cannot_be_saved_is_never_green(serve):
    run = serve("person=14?seed=2", broken=True)
    assert [decision.decision for decision in run.decisions] == ["granted"]
    shown = [lamp for lamp, _ in run.lamps]
    assert "granted" not in shown
    assert "fault" in shown
    assert any("Not saved: the journal cannot be used: database or disk is full" in text for text in run.texts)


def test_a_camera_that_stalls_is_recorded_and_marks_go_on_afterwards(serve):
    run = serve("person=14?seed=2", stall_at=5)
    assert [found.kind for found in run.entries] == ["boot", "camera", "camera", "presence"]
    assert [found.body["state"] for found in run.entries[1:3]] == ["stalled", "reopened"]


def test_without_a_gallery_nobody_is_served_and_the_lamp_says_so(serve):
    run = serve("person=5?seed=2", at=Site())
    assert not run.decisions
    assert [lamp for lamp, _ in run.lamps] == ["wait", "idle"]


def test_a_station_without_liveness_has_no_journal():
    with pytest.raises(ValueError, match="cannot open a journal"):
        Station(None, None, None, None, None, Site(), object(), StationSettings(challenge=False))
