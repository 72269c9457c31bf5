"""Cards of look-alikes: made once, kept by a hash, sent to the kiosks that list whose they are."""

import json
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
from harness import NOW_MS, claimed_kiosk, enrolment_body, make_server
from sqlalchemy import select

from protocol import cards as texts
from protocol import roster
from server.devices.models import manifests
from server.enrolment import cards, service
from server.enrolment.card import HEIGHT, WIDTH, drawn
from server.enrolment.models import CARDS
from server.people import service as people

TWINS, ALONE = ("E2", "E3"), "E1"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A server whose gallery holds twins."""
    server = make_server(tmp_path_factory.mktemp("cards"))
    parts = server.services()
    with parts.database.write() as connection:
        for employee in TWINS:
            dice = np.random.default_rng(5)
            rows = dice.normal(0.0, 0.055, 128) + dice.normal(0.0, 0.01, (3, 128))
            value = json.loads(enrolment_body("x", rows.tolist(), "dlib_face_recognition_resnet_model_v1/128/68pt"))
            del value["code"]
            item = value | {"employee_id": employee}
            numbers = service.import_templates(connection, [item], by="joko", now_ms=NOW_MS)
            signer = parts.keyring.gallery
            service.approve(connection, numbers, by="rina", signer=signer, now_ms=NOW_MS, despite="twins, both seen")
    parts.database.close()
    process = server.start()
    yield server
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def kiosk(running):
    return claimed_kiosk(running, "CARDS1")


def told(kiosk):
    """The roster in a kiosk's newest manifest, read as the kiosk does."""
    manifest = kiosk.manifest()
    setting = manifest.settings.get(roster.SETTING)
    return roster.Roster() if setting is None else roster.unseal(setting, kiosk.name, manifest.version, kiosk.sealing)


def pseudonyms(server):
    parts = server.services()
    with parts.database.read() as connection:
        found = people.pseudonyms(connection)
    parts.database.close()
    return found


def issued(server, employee, *more):
    done = server.command("card", "issue", employee, "--by", "joko", *more)
    assert done.code == 0, done.err
    return done.out.strip()


def test_a_card_reaches_the_kiosk_as_a_hash_ends_with_the_next_and_is_revoked(running, kiosk):
    first = issued(running, "E2", "--to", "2026-12-31", "--document", "SK/3")
    (one,) = told(kiosk).cards
    assert told(kiosk).card_of(first) == one
    assert (one.person, one.first, one.last) == (pseudonyms(running)["E2"], "", "2026-12-31")
    second = issued(running, "E2")
    (two,) = told(kiosk).cards
    assert (told(kiosk).card_of(first), told(kiosk).card_of(second)) == (None, two)
    assert two.number > one.number
    shown = running.command("card", "list", "--by", "joko").out
    assert [line.split("│")[1:5] for line in shown.splitlines() if "E3" in line] == [
        [" E3       ", " yes   ", " —    ", " none   "]
    ]
    done = running.command("card", "revoke", "E2", "--by", "joko", "--document", "lost")
    assert done.code == 0, done.err
    assert told(kiosk).cards == ()
    assert "was revoked by joko already" in running.command("card", "revoke", "E2", "--by", "joko").err
    parts = running.services()
    with parts.database.read() as connection:
        query = select(CARDS.table).where(CARDS.table.c.employee_id == "E2").order_by(CARDS.table.c.fact)
        rows = connection.execute(query).mappings().all()
    parts.database.close()
    assert [(row["status"], row["recorded_by"], row["recorded_document"]) for row in rows] == [
        ("issued", "joko", "SK/3"),
        ("issued", "joko", ""),
        ("revoked", "joko", "lost"),
    ]
    stored = parts.database.path.read_bytes()
    assert texts.digest(first).encode() in stored
    assert first.rpartition("/")[2].encode() not in stored


def test_a_card_of_whom_the_gallery_does_not_list_stays_at_the_server(running, kiosk):
    before = told(kiosk).cards
    issued(running, ALONE)
    assert told(kiosk).cards == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("issue", "E1", "--by", "rina"), "of oneself"),
        (("issue", "E4", "--by", "joko"), "has left"),
        (("issue", "E9", "--by", "joko"), "no employee 'E9'"),
        (("issue", "E3", "--by", "joko", "--to", "2026-10-01"), "would have expired"),
        (("issue", "E3", "--by", "joko", "--out", "card.pdf"), "--out card.svg"),
        (("revoke", "E3", "--by", "joko"), "has no card"),
        (("list", "--by", "nobody"), "no officer 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out_and_no_card_is_made(idle, arguments, why):
    done = idle.command("card", *arguments)
    assert done.code == 2
    assert why in done.err
    parts = idle.services()
    with parts.database.read() as connection:
        assert cards.listed(connection, NOW_MS) == []
    parts.database.close()


def test_a_card_that_cannot_be_written_is_not_issued(idle, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert idle.command("card", "issue", "E2", "--by", "joko", "--out", str(tmp_path / "file" / "card.svg")).code == 2
    parts = idle.services()
    with parts.database.read() as connection:
        assert cards.listed(connection, NOW_MS) == []
    parts.database.close()


def test_what_is_printed_is_read_from_its_picture(idle, tmp_path):
    done = idle.command(
        "card", "issue", "E2", "--by", "joko", "--out", str(tmp_path / "card.svg"), "--to", "2027-01-31"
    )
    assert done.code == 0, done.err
    svg = ET.fromstring((tmp_path / "card.svg").read_text())
    written = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert written == ["Siti2", "Hadir 1 · berlaku sampai 2027-01-31"]
    picture = np.full((round(HEIGHT), round(WIDTH)), 255, np.uint8)
    for one in svg.iter("{http://www.w3.org/2000/svg}rect"):
        if "fill: rgb(0%" in one.get("style", ""):
            x, y, width, height = (float(one.get(name)) for name in ("x", "y", "width", "height"))
            corners = [round(at) for at in (x, HEIGHT - y - height, x + width, HEIGHT - y)]
            cv2.rectangle(picture, (corners[0], corners[1]), (corners[2] - 1, corners[3] - 1), 0, -1)
    parts = idle.services()
    with parts.database.read() as connection:
        (row,) = cards.listed(connection, NOW_MS)
    parts.database.close()
    assert texts.digest(cv2.QRCodeDetector().detectAndDecode(picture)[0]) == row["digest"]


def test_a_name_cannot_break_the_picture():
    svg = ET.fromstring(drawn("x", 1, '<script>"\x1b\u202e&', None, "en"))
    assert next(svg.iter("{http://www.w3.org/2000/svg}text")).text.startswith('<script>"')


def test_who_belongs_to_a_site_is_told_to_its_kiosks_alone_and_anew_when_somebody_moves(running, tmp_path):
    here, elsewhere = (claimed_kiosk(running, name, site=site) for name, site in (("OFF1", "pupr"), ("OFF2", "dinkes")))
    names = pseudonyms(running)

    def move(**sites):
        lines = ["employee_id,name,zone,site", *(f"{who},Siti,WIT,{site}" for who, site in sites.items())]
        (tmp_path / "employees.csv").write_text("\n".join(lines) + "\n")
        done = running.command("import", str(tmp_path / "employees.csv"), "--by", "joko")
        assert done.code == 0, done.out + done.err

    move(E2="pupr", E3="pupr")
    assert told(here).office == tuple(sorted((names["E2"], names["E3"])))
    assert told(elsewhere).office == ()
    parts = running.services()
    with parts.database.read() as connection:
        count = connection.execute(select(manifests)).all()
    parts.database.close()
    move(E3="dinkes")
    assert (told(here).office, told(elsewhere).office) == ((names["E2"],), (names["E3"],))
    move(E3="dinkes")
    parts = running.services()
    with parts.database.read() as connection:
        assert len(connection.execute(select(manifests)).all()) == len(count) + 2, "to these two, and once"
    parts.database.close()
