"""Enrolment: two officers, neither of them the employee; then every device gets the gallery, sealed for it."""

import json
import struct
from hashlib import sha256

import pytest
from harness import NOW_MS, Server, claimed_kiosk, enrolment_body
from sqlalchemy import select

from protocol.enrolment import LOOK
from protocol.errors import ProtocolError
from protocol.gallery import unseal
from server.enrolment import galleries, service
from server.enrolment.models import despite_duplicates
from server.errors import Conflict, Refused
from server.people import service as people

ROWS = [(1.0, 0.5), (0.25, -1.0)]


def code_for(server: Server, employee: str, by: str = "rina") -> str:
    done = server.command("enrol-code", employee, "--by", by)
    assert done.code == 0, done.err
    return done.out.strip()


def test_from_the_code_to_the_sealed_gallery(running):
    kiosk, bystander = claimed_kiosk(running, "EN1"), claimed_kiosk(running, "EN2")
    assert kiosk.manifest().gallery is None
    body = enrolment_body(code_for(running, "E2"), ROWS)
    assert kiosk.request("POST", "/enrolments", body).json() == {"enrolment": 1, "state": "pending"}
    used = kiosk.request("POST", "/enrolments", body)
    assert (used.status_code, "used" in used.json()["error"]) == (403, True)
    assert "E2" in running.command("enrolments").out
    alone = running.command("approve", "1", "--by", "rina")
    assert (alone.code, "another officer" in alone.err) == (2, True)
    assert kiosk.manifest().version == 1
    assert running.command("approve", "all", "--by", "joko").code == 0
    for device in (kiosk, bystander):
        manifest = device.manifest()
        assert (manifest.version, manifest.gallery.version) == (2, 1)
        sealed = device.request("GET", "/gallery/1").content
        assert (len(sealed), sha256(sealed).hexdigest()) == (manifest.gallery.size, manifest.gallery.sha256)
        gallery = unseal(sealed, device.name, 1, device.sealing)
        assert [(person.name, person.count) for person in gallery.people] == [("Siti2", 2)]
        assert gallery.matrix == struct.pack("<4f", *ROWS[0], *ROWS[1])
    assert kiosk.request("GET", "/gallery/2").status_code == 404
    assert kiosk.send(0).headers["Hadir-Manifest"] == "2"


def test_a_code_is_for_those_who_serve_and_not_for_oneself(idle):
    parts = idle.services()
    with parts.database.write() as connection:
        with pytest.raises(Refused, match="nobody enrols oneself"):
            service.open_code(connection, "E1", "rina", NOW_MS)
        with pytest.raises(Refused, match="has left"):
            service.open_code(connection, "E4", "rina", NOW_MS)
    parts.database.close()
    assert idle.command("enrol-code", "E9", "--by", "rina").err.count("\n") == 1
    assert "there is no officer" in idle.command("enrol-code", "E2", "--by", "nobody").err


def templates_of(employee: str, rows=ROWS, embedder="test-2") -> dict:
    value = json.loads(enrolment_body("x", rows, embedder))
    del value["code"]
    return value | {"employee_id": employee}


def test_imported_templates_wait_for_another_officer_who_is_not_the_employee(idle):
    parts = idle.services()
    with parts.database.write() as connection:
        items = [templates_of("E1"), templates_of("E2"), templates_of("E3")]
        numbers = service.import_templates(connection, items, by="joko", now_ms=NOW_MS)
        assert galleries.current(connection, NOW_MS) is None
        signer = parts.keyring.gallery
        with pytest.raises(Refused, match="nobody enrols oneself"):
            service.approve(connection, numbers, by="rina", signer=signer, now_ms=NOW_MS)
    with parts.database.write() as connection:
        numbers = service.import_templates(connection, items[1:], by="joko", now_ms=NOW_MS)
        service.approve(connection, numbers, by="rina", signer=signer, now_ms=NOW_MS)
        gallery = galleries.current(connection, NOW_MS)
        names = people.pseudonyms(connection)
        assert [person.person for person in gallery.people] == [names["E2"], names["E3"]]
        assert (gallery.version, gallery.basis, gallery.threshold_e4) == (1, "none", 0)
        with pytest.raises(Conflict, match="approved by rina already"):
            service.approve(connection, numbers[:1], by="rina", signer=signer, now_ms=NOW_MS)
        with pytest.raises(Conflict, match="cannot be compared"):
            service.import_templates(connection, [templates_of("E2", embedder="other")], by="joko", now_ms=NOW_MS)
    parts.database.close()


def test_a_gallery_gets_a_new_number_when_its_content_changes_and_only_then(idle):
    parts = idle.services()
    signer = parts.keyring.gallery
    with parts.database.write() as connection:
        for employee, expected in (("E2", 1), ("E3", 2)):
            numbers = service.import_templates(connection, [templates_of(employee)], by="joko", now_ms=NOW_MS)
            service.approve(connection, numbers, by="rina", signer=signer, now_ms=NOW_MS)
            assert galleries.current(connection, NOW_MS).version == expected
        (number,) = service.import_templates(connection, [templates_of("E3", [(9.0, 9.0)])], by="joko", now_ms=NOW_MS)
        service.reject(connection, number, by="rina", now_ms=NOW_MS)
        assert galleries.current(connection, NOW_MS).version == 2
        (number,) = service.import_templates(connection, [templates_of("E3", [(9.0, 9.0)])], by="joko", now_ms=NOW_MS)
        service.approve(connection, [number], by="rina", signer=signer, now_ms=NOW_MS)
        gallery = galleries.current(connection, NOW_MS)
        assert (gallery.version, [person.count for person in gallery.people]) == (3, [2, 1])
    parts.database.close()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dimension": 3}, "3 finite numbers"),
        ({"templates": []}, "1 to 20 templates"),
        ({"templates": ["AAAA"]}, "2 finite numbers"),
        ({"templates": ["AADAfwAAwH8="]}, "finite"),
        ({"templates": ["yvJJccrySXE="]}, "finite"),  # 1e30
        ({"templates": [1]}, "texts"),
        ({"dimension": "2"}, "dimension is not int"),
        ({"extra": 1}, "extra"),
    ],
)
def test_templates_that_are_not_whole_name_what_is_wrong(change, named):
    value = templates_of("E2")
    del value["employee_id"]
    with pytest.raises(ValueError, match=named):
        service.parse(value | change)


@pytest.mark.parametrize(
    ("name", "shown"), [("Siti Aminah", "Siti"), ("Dr. H. Andi, S.Sos.", "Andi"), ("Hj.", "Hj."), ("", "")]
)
def test_a_public_screen_shows_the_first_name(name, shown):
    assert galleries.first_name(name) == shown


DLIB = "dlib_face_recognition_resnet_model_v1/128/68pt"


@pytest.mark.parametrize("factor", [50.0, 0.02])
def test_templates_of_a_length_that_their_embedder_cannot_give_are_refused(factor):
    face = [0.1] * 128
    value = templates_of("E2", [face], DLIB)
    del value["employee_id"]
    assert service.parse(value).rows == 1
    scaled = templates_of("E2", [face, [factor * x for x in face]], DLIB)
    del scaled["employee_id"]
    with pytest.raises(ProtocolError, match=r"long, of dlib_face\w+/128/68pt they are from 0.25 to 2.5.*enrol again"):
        service.parse(scaled)


def test_a_photo_that_a_person_must_look_at_is_approved_with_a_reason_alone_and_makes_nobody_a_look_alike(idle):
    parts = idle.services()
    line = f"a.jpg: ok, but {LOOK}"
    with parts.database.write() as connection:
        item = templates_of("E2") | {"report": [line, "b.jpg: ok"]}
        (number,) = service.import_templates(connection, [item], by="joko", now_ms=NOW_MS)
        assert [row["warnings"] for row in service.pending(connection)] == [[line]]
    refused = idle.command("approve", "all", "--by", "rina")
    assert (refused.code, f"{line}. Look at the people" in refused.err) == (2, True)
    assert idle.command("approve", str(number), "--by", "rina", "--despite", "she stood here").code == 0
    with parts.database.read() as connection:
        kept = connection.execute(select(despite_duplicates)).mappings().one()
        assert (kept["reason"], json.loads(kept["warnings"])) == ("she stood here", [line])
        assert galleries.current(connection, NOW_MS).alike == ()
    parts.database.close()
