"""Withdrawal: two officers take back approved templates of somebody who serves, and no kiosk is given them again."""

import shutil
import struct

import pytest
from harness import NOW_MS, Server, claimed_kiosk, enrolment_body, make_server
from sqlalchemy import select

from protocol.gallery import unseal
from server import facts
from server.enrolment import galleries
from server.enrolment.models import WITHDRAWALS, enrolments
from server.people import erasing
from server.people import service as people

ROWS = {"E2": [(1.0, 0.5), (0.25, -1.0)], "E3": [(-3.5, 7.25), (6.0, 5.0)]}
OLDER = [(2.5, 2.75)]


def enrol(server, kiosk, employee, rows):
    code = server.command("enrol-code", employee, "--by", "rina").out.strip()
    number = kiosk.request("POST", "/enrolments", enrolment_body(code, rows)).json()["enrolment"]
    assert server.command("approve", str(number), "--by", "joko").code == 0


def gallery_of(kiosk):
    """What the kiosk's newest manifest gives it, opened as it does; None where there is none."""
    reference = kiosk.manifest().gallery
    if reference is None:
        return None
    return unseal(
        kiosk.request("GET", f"/gallery/{reference.version}").content, kiosk.name, reference.version, kiosk.sealing
    )


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory):
    """A server that does not run; E2 enrolled twice, E3 once."""
    server = make_server(tmp_path_factory.mktemp("withdrawing"))
    process = server.start()
    kiosk = claimed_kiosk(server, "K01")
    enrol(server, kiosk, "E2", OLDER)
    for employee, rows in ROWS.items():
        enrol(server, kiosk, employee, rows)
    process.terminate()
    process.wait()
    process.stdout.close()
    return server, kiosk


@pytest.fixture
def server(enrolled, tmp_path):
    shutil.copytree(enrolled[0].directory, tmp_path / "copy")
    return Server(tmp_path / "copy")


@pytest.fixture
def running(server, enrolled):
    process = server.start()
    enrolled[1].server = server
    yield server, enrolled[1]
    process.terminate()
    process.wait()
    process.stdout.close()


def propose(server, employee="E2", by="joko"):
    return server.command("withdrawal", "propose", employee, "--document", "BA 14: a badge", "--by", by)


def state_of(server):
    parts = server.services()
    with parts.database.read() as connection:
        rows = connection.execute(select(enrolments).order_by(enrolments.c.enrolment)).mappings().all()
    parts.database.close()
    return [(row["employee"], row["state"], row["matrix"]) for row in rows]


def test_one_asks_another_destroys_and_the_kiosk_gets_a_gallery_without_them(running):
    server, kiosk = running
    before = gallery_of(kiosk)
    assert [person.count for person in before.people] == [2, 2]
    assert "withdrawal approve 1 --by" in propose(server).out
    assert gallery_of(kiosk) == before
    alone = server.command("withdrawal", "approve", "1", "--by", "joko")
    assert (alone.code, "another officer" in alone.err) == (2, True)
    assert server.command("withdrawal", "approve", "1", "--by", "rina").code == 0
    gallery = gallery_of(kiosk)
    assert [person.name for person in gallery.people] == ["Siti3"]
    assert gallery.matrix == struct.pack("<4f", *ROWS["E3"][0], *ROWS["E3"][1])
    assert kiosk.request("GET", f"/gallery/{before.version}").status_code == 404
    shown = server.command("withdrawal", "list").out
    assert all(word in shown.replace("\n", " ") for word in ("E2", "approved", "joko", "rina", "badge"))


def test_templates_approved_earlier_do_not_take_their_place_and_no_bytes_stay_in_the_file(server):
    propose(server)
    assert server.command("withdrawal", "approve", "1", "--by", "rina").code == 0
    assert [(who, state) for who, state, _ in state_of(server)] == [
        ("E2", "withdrawn"),
        ("E2", "withdrawn"),
        ("E3", "approved"),
    ]
    files = b"".join(path.read_bytes() for path in sorted((server.directory / "state").glob("server.db*")))
    assert struct.pack("<2f", *ROWS["E3"][0]) in files
    for row in (*ROWS["E2"], *OLDER):
        assert struct.pack("<2f", *row) not in files


def test_the_last_templates_withdrawn_leave_kiosks_without_a_gallery_and_the_person_is_enrolled_anew(running):
    server, kiosk = running
    for number, employee in enumerate(ROWS, start=1):
        propose(server, employee)
        waiting = next(row["fact"] for row in withdrawals(server) if row["status"] == "proposed")
        assert server.command("withdrawal", "approve", str(waiting), "--by", "rina").code == 0, number
    assert gallery_of(kiosk) is None
    enrol(server, kiosk, "E2", OLDER)
    assert [person.name for person in gallery_of(kiosk).people] == ["Siti2"]


def withdrawals(server):
    parts = server.services()
    with parts.database.read() as connection:
        rows = facts.as_of(connection, WITHDRAWALS, NOW_MS)
    parts.database.close()
    return rows


def test_what_was_turned_down_changes_nothing_and_may_be_asked_again(server):
    propose(server)
    again = propose(server)
    assert (again.code, "waits already" in again.err) == (2, True)
    assert server.command("withdrawal", "reject", "1", "--document", "seen", "--by", "rina").code == 0
    assert [state for _, state, _ in state_of(server)] == ["approved"] * 3
    late = server.command("withdrawal", "approve", "1", "--by", "rina")
    assert late.code == 2
    assert propose(server).code == 0


def test_a_withdrawal_does_not_reach_templates_approved_after_it_was_asked_for(running):
    server, kiosk = running
    propose(server)
    enrol(server, kiosk, "E2", OLDER)
    late = server.command("withdrawal", "approve", "1", "--by", "rina")
    assert (late.code, "enrolment 4 has taken its place" in late.err) == (2, True)
    assert [state for _, state, _ in state_of(server)] == ["approved"] * 4


def test_nobody_withdraws_without_a_reason_of_oneself_or_what_is_not_there(server):
    assert "reason" in server.command("withdrawal", "propose", "E2", "--document", " ", "--by", "joko").err
    assert "oneself" in server.command("withdrawal", "propose", "E1", "--document", "BA", "--by", "rina").err
    assert "no approved templates" in propose(server, "E1").err
    assert "no employee" in propose(server, "E77").err
    assert "no withdrawal 9" in server.command("withdrawal", "approve", "9", "--by", "rina").err


def test_an_erasure_takes_the_record_of_a_withdrawal_with_it(server):
    propose(server)
    assert server.command("withdrawal", "approve", "1", "--by", "rina").code == 0
    parts = server.services()
    with parts.database.write() as connection:
        erasing._destroy(connection, "E2", parts.keyring.gallery, NOW_MS)
        assert not facts.as_of(connection, WITHDRAWALS, NOW_MS)
        assert len(galleries.current(connection, NOW_MS).people) == 1
        assert "E2" not in people.pseudonyms(connection)
    parts.database.close()
