"""One face under two names, or one name with two faces, waits for a person who says why it is right."""

import json

import numpy as np
import pytest
from harness import NOW_MS, enrolment_body
from sqlalchemy import select

from protocol.gallery import Gallery, Person
from server import facts
from server.enrolment import galleries, service
from server.enrolment.models import despite_duplicates
from server.errors import Refused
from server.people import service as people
from server.people.models import EMPLOYEES

DLIB = "dlib_face_recognition_resnet_model_v1/128/68pt"
RNG = np.random.default_rng(5)
FACES = RNG.normal(0.0, 0.055, (40, 128))


def shots_of(face, apart=0.02):
    """Three templates of one face, about `apart` x 11 from its middle."""
    return FACES[face] + np.random.default_rng(face).normal(0.0, apart, (3, 128))


def enrol(connection, employee, rows, embedder=DLIB):
    value = json.loads(enrolment_body("x", rows.tolist(), embedder)) | {"employee_id": employee}
    del value["code"]
    (number,) = service.import_templates(connection, [value], by="joko", now_ms=NOW_MS)
    return number


@pytest.fixture
def parts(idle):
    parts = idle.services()
    yield parts
    parts.database.close()


def approve(connection, parts, number, despite=""):
    signer = parts.keyring.gallery
    service.approve(connection, [number], by="rina", signer=signer, now_ms=NOW_MS, despite=despite)


def test_one_face_under_two_names_is_approved_only_with_a_reason(parts):
    with parts.database.write() as connection:
        approve(connection, parts, enrol(connection, "E2", shots_of(1)))
        second = enrol(connection, "E3", FACES[1] + RNG.normal(0.0, 0.02, (3, 128)))
        (waiting,) = service.pending(connection)
        assert waiting["warnings"] == ["the face resembles employee E2"]
        with pytest.raises(Refused, match="resembles employee E2.*--despite REASON"):
            approve(connection, parts, second)
        approve(connection, parts, second, despite="twin sisters, both were seen")
        kept = connection.execute(select(despite_duplicates)).mappings().one()
        assert (kept["enrolment"], kept["decided_by"]) == (second, "rina")
        assert (kept["reason"], json.loads(kept["warnings"])) == ("twin sisters, both were seen", waiting["warnings"])
        gallery = galleries.current(connection, NOW_MS)
        places = {person.person: place for place, person in enumerate(gallery.people)}
        pseudonyms = people.pseudonyms(connection)
        assert gallery.alike == (tuple(sorted(places[pseudonyms[name]] for name in ("E2", "E3"))),)


def test_whom_an_officer_told_apart_is_listed_sooner_than_others():
    faces = 0.67 * FACES[:20]
    faces[1] = faces[0] + (faces[1] - faces[0]) * 0.43 / np.linalg.norm(faces[1] - faces[0])
    persons = tuple(Person(f"{n:032x}", "Siti", 1) for n in range(20))
    plain = Gallery(0, DLIB, 128, 0, 0, persons, faces.astype("<f4").tobytes())
    assert galleries.calibrated(plain).alike == ()
    assert galleries.calibrated(plain, {persons[1].person}).alike == ((0, 1),)
    assert galleries.calibrated(plain, {persons[7].person}).alike == ()


def test_two_that_wait_with_one_face_are_both_shown(parts):
    with parts.database.write() as connection:
        first, second = enrol(connection, "E2", shots_of(1)), enrol(connection, "E3", shots_of(1))
        shown = {row["enrolment"]: row["warnings"] for row in service.pending(connection)}
        assert shown == {
            first: [f"the face resembles employee E3 (enrolment {second} waits)"],
            second: [f"the face resembles employee E2 (enrolment {first} waits)"],
        }


def test_a_name_that_gets_another_face_is_shown_and_the_same_face_again_is_not(parts):
    with parts.database.write() as connection:
        approve(connection, parts, enrol(connection, "E2", shots_of(1)))
        enrol(connection, "E2", shots_of(1))
        enrol(connection, "E2", shots_of(2))
        assert [row["warnings"] for row in service.pending(connection)] == [
            [],
            ["the face differs from the one enrolled under this name before"],
        ]


def test_an_enrolment_with_two_faces_in_it_is_shown(parts):
    with parts.database.write() as connection:
        enrol(connection, "E2", np.concatenate((shots_of(1), shots_of(2))))
        (waiting,) = service.pending(connection)
        assert waiting["warnings"] == ["its templates are of more than one face"]


def test_strangers_raise_no_warning_and_the_command_shows_one_that_there_is(idle, parts):
    with parts.database.write() as connection:
        approve(connection, parts, enrol(connection, "E2", shots_of(1)))
        enrol(connection, "E3", shots_of(2))
        assert [row["warnings"] for row in service.pending(connection)] == [[]]
        enrol(connection, "E3", shots_of(1))
    refused = idle.command("approve", "all", "--by", "rina")
    assert (refused.code, "enrolment 3: the face resembles employee E2" in refused.err) == (2, True)
    assert idle.command("approve", "2", "--by", "rina").code == 0
    assert idle.command("approve", "3", "--by", "rina", "--despite", "seen by me").code == 0


def test_fifteen_people_calibrate_their_gallery(parts):
    with parts.database.write() as connection:
        rows = [{"employee_id": f"P{n}", "name": f"Nama {n}", "zone": "WIT"} for n in range(20)]
        facts.record(connection, EMPLOYEES, rows, by="rina", document="test", now_ms=NOW_MS)
        people.add_person_keys(connection, (row["employee_id"] for row in rows))
        bases = []
        for n in range(20):
            approve(connection, parts, enrol(connection, f"P{n}", shots_of(n)))
            bases.append(galleries.current(connection, NOW_MS).basis)
        gallery = galleries.current(connection, NOW_MS)
    assert bases == ["stated"] * 14 + ["pairs"] * 6
    assert gallery.pairs == 190
    assert 3000 <= gallery.threshold_e4 <= 5000
