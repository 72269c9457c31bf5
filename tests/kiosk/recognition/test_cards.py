"""Cards of look-alikes: what is read in a picture, what it says of a visit, and twins before a simulated camera."""

from __future__ import annotations

import base64
import random
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.graphics.barcode import qrencoder

from kiosk.appliance.indicator import Indicator
from kiosk.attesting import AttestSettings
from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.clock import FrameClock
from kiosk.config import Pins
from kiosk.matcher import Templates
from kiosk.pad.tries import Tries
from kiosk.recognition.cards import CardCheck, CardReader, CardSettings
from kiosk.recognition.embedder import DlibEmbedder, InlineEmbedder
from kiosk.recognition.gallery import GalleryStore, Site
from kiosk.records import record
from kiosk.records.journal import Journal, JournalReader
from kiosk.station import Station, StationSettings
from kiosk.sync import Syncer
from kiosk.uplink.claiming import claim
from kiosk.uplink.device import load_device
from kiosk.values import Decision, LivenessVerdict, Match
from kiosk.visit import Visit
from protocol import cards, entry
from protocol.manifest import Manifest
from protocol.note import Signer
from protocol.roster import Card, Roster
from server import facts
from server.enrolment.cards import issue
from server.enrolment.service import approve, import_templates
from server.people import grants
from server.people import service as people
from server.people.models import EMPLOYEES
from tests.local_server import LocalServer

SIGNER = Signer.from_seed("hadir.example/device/K01", bytes(32))
ANI, ANA, RUDI = "ab" * 16, "cd" * 16, "ef" * 16
OF_ANI, OF_ANA, OF_RUDI, OLD, FORGED = (f"HADIR/1/{letter * 26}" for letter in "ABCDE")
ROSTER = Roster(
    cards=(
        Card("", "", ANI, 1, cards.digest(OF_ANI)),
        Card("", "", ANA, 2, cards.digest(OF_ANA)),
        Card("", "", RUDI, 3, cards.digest(OF_RUDI)),
        Card("", "2026-01-31", ANI, 4, cards.digest(OLD)),
    )
)
HOSTILE = (
    "'; DROP TABLE entries; --",
    "\"'<>&",
    "\x00\x1b[31m\r\n",
    "A" * 2000,
    "\u202e",
    OF_ANI.lower(),
    OF_ANI + "A",
)


def picture(data: str | bytes, pixels: int = 4) -> np.ndarray:
    """A QR code of these bytes, grey, with the border that readers need."""

    class Bytes(qrencoder.QR8bitByte):
        def __init__(self) -> None:
            self.data = data.encode() if isinstance(data, str) else data

    code = qrencoder.QRCode(None, qrencoder.QRErrorCorrectLevel.M)
    code.addData(Bytes())
    code.make()
    size = range(code.getModuleCount())
    dark = np.array([[bool(code.isDark(row, column)) for column in size] for row in size])
    return np.kron(np.pad(np.where(dark, 0, 255), 4, constant_values=255), np.ones((pixels, pixels))).astype(np.uint8)


def in_view(data: str | bytes, pixels: int = 4) -> np.ndarray:
    code = picture(data, pixels)
    frame = np.full((max(360, len(code)), max(640, len(code)), 3), 90, np.uint8)
    frame[: len(code), : len(code)] = code[:, :, np.newaxis]
    return frame


def shown(*texts: str, day: str = "2026-10-05") -> CardCheck:
    check = CardCheck((ANI, ANA), ROSTER, day, 100.0, CardSettings())
    for n, text in enumerate(texts):
        check.show(text, 101.0 + n)
    return check


def test_the_code_of_a_card_is_read_in_a_cameras_picture():
    reader = CardReader()
    for pixels in (3, 4, 6):
        assert reader.read(in_view(OF_ANI, pixels)) == OF_ANI
    assert reader.read(np.zeros((360, 640, 3), np.uint8)) == ""


def test_no_card_is_unreadable_by_the_pattern_of_its_number():
    drawn, reader = random.Random(11), CardReader()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    texts = ["HADIR/1/" + "".join(drawn.choices(letters, k=26)) for _ in range(60)]
    assert [text for text in texts if reader.read(in_view(text)) != text] == []


@pytest.mark.parametrize("data", [*HOSTILE[:4], b"\xff\xfe\x80", b"\xc3", bytes(range(256)), b"\x00", b"9" * 500])
def test_a_code_of_anything_else_is_no_card_and_stops_nobody(data):
    check = shown(CardReader().read(in_view(data)))
    assert (check.card, check.waits) == (None, True)
    check.show(OF_ANA, 102.0)
    assert (check.card.person, check.fits, check.waits) == (ANA, True, False)


@pytest.mark.parametrize(
    ("texts", "at_s", "outcome", "reason"),
    [
        ((), 110.1, "undetermined", "no card was shown"),
        (HOSTILE, 110.1, "undetermined", "the code shown is no card"),
        ((OF_RUDI,), 101.0, "refused", "the card is another person's"),
        ((FORGED,), 101.0, "refused", "the card is not known here"),
        ((OLD,), 101.0, "refused", "the card has expired"),
    ],
)
def test_what_speaks_against_a_visit_is_said_in_time(texts, at_s, outcome, reason):
    check = shown(*texts)
    against = check.against(at_s)
    assert (against[0], against[1].name) == (outcome, reason)
    assert not check.fits
    if outcome == "undetermined":
        assert check.against(110.0) is None


def test_whoever_has_no_card_that_holds_is_not_asked_for_one():
    check = CardCheck((ANI,), replace(ROSTER, cards=ROSTER.cards[1:]), "2026-02-01", 100.0, CardSettings())
    assert not check.waits
    assert check.against(100.0)[1].name == "no card was issued"
    assert shown(OLD, day="2026-01-31").fits


@given(st.lists(st.text(), max_size=5))
def test_no_text_but_a_cards_ever_names_anybody(texts):
    check = shown(*texts)
    assert (check.card, check.waits, check.against(105.0)) == (None, True, None)


@pytest.mark.parametrize(
    ("visiting", "card", "besides"),
    [(False, None, {}), (True, None, {"found_in": "agency"}), (True, 3, {"found_in": "agency", "card": 3})],
)
def test_an_entry_says_which_card_was_shown_and_that_a_visitor_was_found_in_the_agency(visiting, card, besides):
    match = Match("known", ANI, 0.3, None, visiting=visiting)
    decision = Decision(9.0, 5.0, 1, "granted", match, LivenessVerdict("live"), card=card)
    for kind, body in (
        ("presence", record.presence(decision, ANI, 5000, "sim", 1)),
        ("refusal", record.refusal(decision, 5000, "sim", 1)),
    ):
        assert {name: body[name] for name in ("prompt_set", "found_in", "card") if name in body} == besides
        made = entry.Entry("K01", 0, kind, "00" * 16, 9000, 0, "simulated", body)
        assert entry.decode(made.encode()) == made


@pytest.fixture(scope="module")
def embedder():
    return DlibEmbedder()


@pytest.fixture(scope="module")
def site(embedder):
    """Twins, one face under two names, at a kiosk whose manifest lets attested marks count."""
    rows = []
    camera, tracker = open_camera("sim:person=4?seed=9&prompts=off"), FaceTracker()
    while len(rows) < 3 and (frame := camera.read()) is not None:
        face = tracker.update(frame).served
        if face is not None and not face.quality and frame.number % 6 == 0:
            rows.append(embedder.embed(frame.image, face.box))
    tracker.close()
    away = np.random.default_rng(1).normal(0.0, 0.1, (3, 128))
    matrix = np.concatenate((rows, np.array(rows) + 0.002, away)).astype(np.float32)
    people, names = (ANI, ANA, RUDI), ("Ani", "Ana", "Rudi")
    alike = {ANI: (ANA,), ANA: (ANI,)}
    owners = np.repeat(np.arange(3, dtype=np.int32), 3)
    templates = Templates(matrix, owners, people, embedder.identity, alike=alike)
    manifest = Manifest("K01", 1, 0, 2**50, "office", "WIT", ("sim", "attested"), None)
    return Site(manifest, "", templates, dict(zip(people, names, strict=True)), ROSTER)


@dataclass
class Holding:
    """A simulated camera before which whoever is asked for a card, after `skip` times, holds up codes, one after
    another, half a second at least; they may hide the face."""

    script: str
    codes: tuple[str, ...]
    hides: bool = False
    skip: int = 0
    asked: bool = False
    kind: str = "sim"
    live: bool = False
    _held: int = 0
    _camera: object = field(init=False)

    def __post_init__(self):
        self._camera = open_camera(f"sim:{self.script}")
        self.device, self.start_wall_ms = self._camera.device, self._camera.start_wall_ms
        self.tell, self.close = self._camera.tell, self._camera.close

    def screen(self, text):
        asked = text == "Show your card"
        self.skip -= asked and not self.asked
        self.asked = asked

    def read(self, timeout_s=2.0):
        frame = self._camera.read(timeout_s)
        if frame is None or not self.codes or not (self.asked or 0 < self._held < 12) or self.skip >= 0:
            return frame
        self._held += 1
        image, code = frame.image.copy(), picture(self.codes[min(self._held // 12, len(self.codes) - 1)], 5)
        if self.hides:
            image[:] = 90
        image[-len(code) :, : len(code)] = code[:, :, np.newaxis]
        return replace(frame, image=image)


@pytest.fixture
def serve(tmp_path, embedder, monkeypatch):
    def run(camera, at, show_within_s=3.0):
        path, texts = tmp_path / "journal.db", []
        clock = FrameClock(1_790_000_000_000)
        read = CardReader.read
        monkeypatch.setattr(CardReader, "read", lambda self, image: [texts.append("searched"), read(self, image)][1])

        def screen(text):
            texts.append(text)
            camera.screen(text)

        parts = [
            camera,
            journal := Journal(path, "K01", SIGNER, clock),
            indicator := Indicator(Pins(), True, screen),
            tracker := FaceTracker(),
        ]
        settings = StationSettings(language="en", card=CardSettings(show_within_s), attest=AttestSettings(after=1))
        tries = Tries()
        Station(
            camera,
            tracker,
            InlineEmbedder(lambda: embedder),
            indicator,
            clock,
            at,
            journal,
            settings,
            random.Random(4),
            tries=tries,
        ).run()
        with closing(JournalReader(path)) as reader:
            entries = [entry.decode(data) for data in reader.read(0, 1000)]
        for part in parts:
            part.close()
        return entries, texts, tries

    return run


@pytest.mark.parametrize(("code", "who"), [(OF_ANI, ANI), (OF_ANA, ANA)])
def test_a_twin_is_granted_as_whose_card_it_is_and_nobody_is_searched_for_codes_before(serve, site, code, who):
    entries, texts, _ = serve(Holding("person=30?seed=2", (code,)), site)
    (mark,) = entries[1:]
    assert (mark.kind, mark.body["person"], mark.body["liveness"]) == ("presence", who, "live")
    assert mark.body["card"] == {ANI: 1, ANA: 2}[who]
    assert texts.index("Show your card") < texts.index("searched") + 2
    assert texts[-1] != "searched"


def test_a_card_may_hide_the_face_for_a_while(serve, site, monkeypatch):
    resumed, resume = [], Visit.resume
    monkeypatch.setattr(Visit, "resume", lambda self, track: [resumed.append(track), resume(self, track)][1])
    entries, _, _ = serve(Holding("person=30?seed=2", (OF_ANA,), hides=True), site)
    assert [(one.kind, one.body["person"]) for one in entries[1:]] == [("presence", ANA)]
    assert resumed, "the face came back as another track"


@pytest.mark.parametrize(
    ("codes", "decision", "reason", "card"),
    [
        ((OF_RUDI,), "refused", "the card is another person's", 3),
        (HOSTILE[:3], "undetermined", "the code shown is no card", None),
    ],
)
def test_a_wrong_card_is_written_down_as_a_try_and_the_kiosk_goes_on(serve, site, codes, decision, reason, card):
    entries, _, tries = serve(Holding("person=30,nobody=1,stranger:1=5?seed=2", codes), site)
    first, last = entries[1], entries[-1]
    assert (first.kind, first.body["decision"], first.body["reasons"]) == ("refusal", decision, [reason])
    assert first.body.get("card") == card
    assert first.body["person"] in (ANI, ANA)
    assert tries.count(first.body["person"], first.wall_ms) >= 1
    assert (last.kind, last.body["decision"]) == ("refusal", "unknown")


@pytest.mark.parametrize(("names", "attestable"), [(("Ani", "Ana"), True), (("Siti", "Siti"), False)])
def test_who_has_no_card_at_all_is_attested_at_once_where_the_first_name_says_who_that_is(
    serve, site, names, attestable
):
    none = replace(site, roster=Roster(), names=dict(zip((ANI, ANA), names, strict=True)))
    entries, texts, _ = serve(Holding("person=30?seed=2", ()), none)
    assert entries[1].body["reasons"] == ["no card was issued"]
    assert not {"Show your card", "searched"} & set(texts)
    name = none.names[entries[1].body["person"]]
    asks = f"{name}: a colleague and a supervisor may attest, look at the camera within 1 minute"
    assert (asks in texts) == attestable


@pytest.fixture
def synced(tmp_path, site):
    """What a claimed kiosk runs on after its first contact with a server that enrolled the twins and issued a card;
    and the card's text and the pseudonym of whose it is."""
    server = LocalServer(tmp_path / "server")
    now_ms, signer = server.parts.clock.now_ms(), server.parts.keyring.gallery
    try:
        with server.parts.database.write() as connection:
            for officer in ("rina", "joko"):
                people.add_officer(connection, people.Officer(officer, officer, "hr", ""), now_ms)
                grants.give(connection, officer, "hr", now_ms=now_ms)
            rows = [{"employee_id": who, "name": who.title(), "zone": "WIT", "site": "pupr"} for who in ("ani", "ana")]
            facts.record(connection, EMPLOYEES, rows, by="rina", document="", now_ms=now_ms)
            people.add_person_keys(connection, ("ani", "ana"))
            for place, who in enumerate(("ani", "ana")):
                own = [base64.b64encode(row).decode() for row in site.templates.matrix[3 * place : 3 * place + 3]]
                item = {"employee_id": who, "embedder": site.templates.embedder, "dimension": 128, "templates": own}
                numbers = import_templates(connection, [item | {"report": []}], by="rina", now_ms=now_ms)
                approve(connection, numbers, by="joko", signer=signer, now_ms=now_ms, despite="twins, both seen")
            _, text = issue(connection, "ana", last=None, by="rina", document="", now_ms=now_ms)
            pseudonym = people.pseudonyms(connection)["ana"]
        claim(tmp_path / "kiosk", server.url, server.token("K01"))
        device = load_device(tmp_path / "kiosk")
        with closing(Syncer(device, server.url, tmp_path / "kiosk", FrameClock(now_ms))) as syncer:
            syncer.contact()
        yield GalleryStore(tmp_path / "kiosk", device).apply(site.templates.embedder, 128, now_ms), text, pseudonym
    finally:
        server.close()


def test_from_the_officers_card_to_the_mark_of_the_twin(serve, synced):
    at, text, ana = synced
    assert len(at.roster.office) == 2
    entries, _, _ = serve(Holding("person=30?seed=2", (text,)), at)
    assert [(one.kind, one.body["person"], one.body["card"]) for one in entries[1:]] == [("presence", ana, 1)]


class Swapping(Holding):
    """In the moment in which the card is asked for, somebody else stands there and holds it."""

    def read(self, timeout_s=2.0):
        if self.asked and self._camera.device != "another":
            another, time_s = open_camera("sim:stranger:1=20?seed=3&prompts=off"), 0.0
            while time_s < 2.0:
                time_s = another.read().time_s
            self._camera = Resumed(another, self._last_s)
        frame = super().read(timeout_s)
        self._last_s = frame.time_s if frame is not None else 0.0
        return frame


class Resumed:
    """A camera whose clock goes on from `time_s`."""

    device = "another"

    def __init__(self, camera, time_s):
        self._camera, self._time_s = camera, time_s

    def read(self, timeout_s):
        frame = self._camera.read(timeout_s)
        self._time_s += 1 / 15
        return None if frame is None else replace(frame, time_s=self._time_s)


def test_somebody_else_with_the_card_is_nobody_though_a_twin_was_live(serve, site):
    entries, _, tries = serve(Swapping("person=30?seed=2", (OF_ANA,)), site)
    first, *later = entries[1:]
    assert (first.kind, first.body["decision"]) == ("refusal", "refused")
    assert first.body["reasons"] == ["identity before and after the card"]
    assert (first.body["card"], first.body["measures"]["identity_before_and_after_the_card"] > 4500) == (2, True)
    assert "presence" not in {one.kind for one in later}
    assert tries.count(ANI, first.wall_ms) == 1


def test_who_comes_back_with_the_twins_card_does_not_attest_for_the_twin(serve, site):
    entries, texts, _ = serve(Holding("person=30,person=30?seed=2", (OF_ANA,), skip=1), site)
    assert [(one.kind, one.body["person"]) for one in entries[1:]] == [("refusal", ANI), ("presence", ANA)]
    assert entries[1].body["reasons"] == ["no card was shown"]
    assert any("Ani: a colleague and a supervisor may attest" in text for text in texts)
    assert not any("Do you attest" in text for text in texts)
