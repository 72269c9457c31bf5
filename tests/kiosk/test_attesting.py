"""Attested marks: who may stand for whom, when; and the whole of it before a simulated camera."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.appliance.indicator import Indicator
from kiosk.attesting import Attesting, AttestSettings, Consent, Try, Witness
from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.clock import FrameClock
from kiosk.config import Pins
from kiosk.liveness import LivenessSettings
from kiosk.matcher import Templates
from kiosk.pad.answers import AnswerSettings
from kiosk.pad.tries import UNASKED, USED_UP, Tries, TrySettings
from kiosk.recognition.embedder import DlibEmbedder, InlineEmbedder
from kiosk.recognition.gallery import Site
from kiosk.records.journal import Journal, JournalReader
from kiosk.station import Station, StationSettings
from kiosk.values import Face
from protocol import entry
from protocol.manifest import Manifest
from protocol.note import Signer
from protocol.roster import PromptSet, Roster, Supervisor

SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
EILEEN, ANI, RUDI = "ab" * 16, "cd" * 16, "ef" * 16


def tried(person, *times_s, enough=False):
    attesting = Attesting()
    opened = [
        attesting.undecided(person, Try(n, second, second * 1000), enough) for n, second in enumerate(times_s, start=1)
    ]
    return attesting, opened


def word(person, seq, second, supervises=False):
    return Witness(person, supervises, seq, second * 1000)


def test_a_colleague_and_a_supervisor_within_a_minute_stand_for_whom_two_tries_left_undecided():
    attesting, opened = tried(EILEEN, 10, 20)
    assert opened == [False, True]
    assert attesting.attest(word(ANI, 5, 30), 30_000) is None
    assert attesting.lacks_supervisor()
    made = attesting.attest(word(RUDI, 6, 45, supervises=True), 45_000)
    assert (made.person, made.tries, made.first.seq) == (EILEEN, 2, 1)
    assert (made.colleague.seq, made.supervisor.seq) == (5, 6)
    assert attesting.person(46_000) == ""
    assert not attesting.is_back(EILEEN, 46_000)


def test_the_minute_begins_anew_when_the_person_is_back_and_ends_without():
    attesting, _ = tried(EILEEN, 10, 20)
    attesting.attest(word(ANI, 5, 30), 30_000)
    assert attesting.person(80_000) == EILEEN
    assert attesting.person(80_001) == ""
    assert attesting.is_back(EILEEN, 95_000)
    assert attesting.attest(word(RUDI, 6, 96, supervises=True), 96_000) is None, "the colleague's word is too old"
    assert attesting.attest(word(ANI, 7, 100), 100_000).colleague.seq == 7


def test_nobody_stands_for_whom_something_else_posed_as():
    attesting, _ = tried(EILEEN, 10, 20)
    attesting.attacked(EILEEN, 25_000)
    assert attesting.person(26_000) == ""
    assert not attesting.undecided(EILEEN, Try(4, 30, 30_000))
    assert not attesting.undecided(EILEEN, Try(5, 40, 40_000))
    assert attesting.is_back(EILEEN, 625_001)


def test_tries_of_long_ago_do_not_count_and_whom_no_prompt_fits_needs_one():
    assert tried(EILEEN, 10, 700)[1] == [False, False]
    assert tried(EILEEN, 10, enough=True)[1] == [True]


PEOPLE = (EILEEN, ANI, RUDI, "09" * 16)
EVENTS = st.tuples(st.sampled_from(["try", "back", "word", "attack"]), st.sampled_from(PEOPLE), st.integers(0, 40))


@given(st.lists(EVENTS, max_size=40), st.sets(st.sampled_from(PEOPLE)))
def test_three_different_people_stand_behind_each_attested_mark_and_none_of_it_is_old(events, supervisors):
    attesting, now_ms = Attesting(), 0
    for seq, (what, person, later_s) in enumerate(events):
        now_ms += later_s * 1000
        if what == "try":
            attesting.undecided(person, Try(seq, now_ms / 1000, now_ms))
        elif what == "back":
            attesting.is_back(person, now_ms)
        elif what == "attack":
            attesting.attacked(person, now_ms)
        elif made := attesting.attest(Witness(person, person in supervisors, seq, now_ms), now_ms):
            assert len({made.person, made.colleague.person, made.supervisor.person}) == 3
            assert made.supervisor.person in supervisors
            assert now_ms - min(made.colleague.written_ms, made.supervisor.written_ms) <= 60_000
            assert made.tries >= 2
            assert now_ms - made.first.written_ms <= 660_000


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ([100] * 100, "failed"),
        ([100] * 20 + [122] * 10, "answered"),
        ([122] * 8 + [110, 100, 95] + [95] * 20 + [118] * 10, "answered"),
        ([122] * 8 + [110, 100, 95] + [95] * 100, "failed"),
        ([100] * 20 + [80] * 100, "failed"),
    ],
)
def test_a_witness_says_yes_by_coming_closer_from_where_the_own_mark_let_one_step_back_to(sizes, says):
    consent, base = Consent(10.0, AttestSettings()), np.random.default_rng(1).normal(0.0, 1.0, (468, 3))
    base[[33, 263]] = (-0.5, 0.0, 0.0), (0.5, 0.0, 0.0)
    for n, size in enumerate(sizes):
        face = Face(1, (0, 0, 100, 100), (base * size).astype(np.float32), 0.0, 0.0, 0.0, 0.3, 60.0)
        progress = consent.update(10.0 + n / 15, face)
        if progress != "waiting":
            break
    assert progress == says


@pytest.fixture(scope="module")
def embedder():
    return DlibEmbedder()


@pytest.fixture(scope="module")
def site(embedder):
    """Three people, of whom one is a supervisor, at a kiosk whose manifest lets attested marks count."""
    rows, owners = [], []
    for place, who in enumerate(("person", "stranger:1", "stranger:2")):
        camera, tracker = open_camera(f"sim:{who}=4?seed=9&prompts=off"), FaceTracker()
        while owners.count(place) < 3 and (frame := camera.read()) is not None:
            face = tracker.update(frame).served
            if face is not None and not face.quality and frame.number % 6 == 0:
                rows.append(embedder.embed(frame.image, face.box))
                owners.append(place)
        tracker.close()
    people = (EILEEN, ANI, RUDI)
    templates = Templates(np.stack(rows), np.array(owners, np.int32), people, embedder.identity)
    manifest = Manifest("K01", 1, 0, 2**50, "office", "WIT", ("sim", "attested"), None)
    roster = Roster((Supervisor("2026-01-01", "", RUDI),), (PromptSet("", "", ANI, 7, ("turn_left", "come_closer")),))
    return Site(manifest, "", templates, dict(zip(people, ("Eileen", "Ani", "Rudi"), strict=True)), roster)


class Swapped:
    """An embedder for which somebody else stands there once a witness was asked."""

    def __init__(self, embedder, texts):
        self._embedder, self._texts = embedder, texts
        self.identity = embedder.identity

    def embed(self, picture, box):
        vector = self._embedder.embed(picture, box)
        return -vector if any(text.startswith("Do you attest") for text in self._texts) else vector


@pytest.fixture
def serve(tmp_path, embedder):
    def run(script, at, tries=None, swapped=False):
        path, texts = tmp_path / "journal.db", []
        clock = FrameClock(1_790_000_000_000)
        parts = [
            camera := open_camera(f"sim:{script}"),
            journal := Journal(path, "K01", SIGNER, clock),
            indicator := Indicator(Pins(), True, texts.append),
            tracker := FaceTracker(),
        ]
        liveness = LivenessSettings(answers=AnswerSettings(latest_s=1.8))
        Station(
            camera,
            tracker,
            InlineEmbedder(lambda: Swapped(embedder, texts) if swapped else embedder),
            indicator,
            clock,
            at,
            journal,
            StationSettings(language="en", liveness=liveness),
            random.Random(4),
            tries=tries or Tries(),
        ).run()
        with closing(JournalReader(path)) as reader:
            entries = [entry.decode(data) for data in reader.read(0, 1000)]
        for part in parts:
            part.close()
        return entries, texts

    return run


def test_who_answers_no_prompt_is_attested_by_two_who_say_so_after_their_own_marks(serve, site):
    entries, texts = serve("still=14,still=14,stranger:1=16,stranger:2=16?seed=2", site)
    assert [one.kind for one in entries] == ["boot", "refusal", "refusal", "presence", "presence", "attested"]
    first, own, boss, attested = entries[1], *entries[3:]
    assert attested.body == {
        "person": EILEEN,
        "presented_boottime_ms": first.body["presented_boottime_ms"],
        "source": "sim",
        "gallery": 0,
        "tries": 2,
        "first_try": first.seq,
        "colleague": own.seq,
        "supervisor": boss.seq,
    }
    assert (own.body["person"], boss.body["person"]) == (ANI, RUDI)
    assert own.body["prompt_set"] == 7, "the entry says which prompts were asked"
    assert set(own.body["prompts"]) == {"turn_left", "come_closer"}
    assert "prompt_set" not in boss.body
    assert "Do you attest that Eileen is here? Come closer" in texts
    assert any("Eileen" in text and "attested by two" in text for text in texts)


def test_of_whom_nothing_can_be_asked_others_may_attest_at_once(serve, site):
    roster = replace(site.roster, prompt_sets=(PromptSet("", "", EILEEN, 8, ()),))
    entries, texts = serve("person=4?seed=2", replace(site, roster=roster))
    assert [one.kind for one in entries] == ["boot", "refusal"]
    assert entries[1].body["reasons"] == ["no prompt can be asked of this person", UNASKED]
    assert entries[1].body["prompt_set"] == 8
    assert "Eileen: a colleague and a supervisor may attest, look at the camera within 1 minute" in texts
    assert not any("Turn" in text or "Blink" in text for text in texts)


@pytest.mark.parametrize("pair", [(EILEEN, ANI), (RUDI, EILEEN), (ANI, RUDI)])
def test_nobody_whom_the_office_takes_for_another_who_is_involved_gives_a_word(serve, site, pair):
    """The gallery tells both apart, so that no card is asked of them; the office's wider threshold does not."""
    office = replace(site.templates, alike={pair[0]: (pair[1],)})
    lenient = Tries(TrySettings(before_pause=9, more_prompts=0))  # else the tries of one would keep the other waiting
    entries, _ = serve("still=14,still=14,stranger:1=16,stranger:2=16?seed=2", replace(site, office=office), lenient)
    kinds = [one.kind for one in entries]
    assert "presence" in kinds
    assert "attested" not in kinds


def used_up():
    tries = Tries()
    for _ in range(tries.settings.a_day):
        tries.failed(EILEEN, 1_790_000_000_000 - 3_600_000)
    return tries


@pytest.mark.parametrize("swapped", [False, True])
def test_only_the_face_that_was_granted_gives_its_word(serve, site, swapped):
    _, texts = serve("person=4,stranger:1=16?seed=2", site, used_up(), swapped)
    assert "Do you attest that Eileen is here? Come closer" in texts
    assert any(text.startswith("Thank you. Now a supervisor") for text in texts) is not swapped


def test_where_the_manifest_does_not_let_attested_marks_count_nobody_is_asked_for_one(serve, site):
    only = replace(site, manifest=replace(site.manifest, sources=("sim",)))
    entries, texts = serve("person=4?seed=2", only, used_up())
    assert [one.kind for one in entries] == ["boot", "refusal"]
    assert not any("attest" in text for text in texts)


def test_whose_tries_of_the_day_are_used_up_others_may_attest_though_that_was_noted_before(serve, site):
    tries = used_up()
    assert tries.note(EILEEN, 1_790_000_000_000 - 3_600_000), "the pause was written down then"
    entries, texts = serve("person=4?seed=2", site, tries)
    assert [one.kind for one in entries] == ["boot", "refusal"]
    assert entries[1].body["reasons"] == [USED_UP]
    assert entries[1].body["liveness"] == "undetermined"
    assert "Eileen: a colleague and a supervisor may attest, look at the camera within 1 minute" in texts
