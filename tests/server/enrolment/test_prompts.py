"""Alternative prompts and supervisors: two officers, then the kiosks learn it, sealed for each."""

import pytest
from harness import NOW_MS, claimed_kiosk, make_server

from protocol import roster
from server.people import service as people


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A server of its own: whoever is a supervisor here is one in all of it."""
    server = make_server(tmp_path_factory.mktemp("prompts"))
    process = server.start()
    yield server
    process.terminate()
    process.wait()
    process.stdout.close()


def told(kiosk):
    """The roster in a kiosk's newest manifest, read as the kiosk does; None where there is none."""
    manifest = kiosk.manifest()
    setting = manifest.settings.get(roster.SETTING)
    return None if setting is None else roster.unseal(setting, kiosk.name, manifest.version, kiosk.sealing)


def pseudonym(server, employee):
    parts = server.services()
    with parts.database.read() as connection:
        name = people.pseudonyms(connection)[employee]
    parts.database.close()
    return name


def filed(server, employee, prompts, *more, by="rina"):
    return server.command("prompts", "file", employee, "--prompts", prompts, "--document", "RS/12", "--by", by, *more)


@pytest.mark.parametrize(
    ("employee", "prompts", "more", "why"),
    [
        ("E2", "turn_left", (), "a set has two prompts or more"),
        ("E2", "look_up,come_closer", (), "colleagues attest"),
        ("E2", "turn_left,wink", (), "'wink' is no prompt"),
        ("E2", "none", ("--from", "2026-10-05", "--to", "2026-10-04"), "before they begin"),
        ("E1", "none", (), "of oneself"),
        ("E9", "none", (), "no employee 'E9'"),
    ],
)
def test_a_set_that_cannot_be_is_refused_with_the_way_out(running, employee, prompts, more, why):
    done = filed(running, employee, prompts, *more)
    assert done.code == 2
    assert why in done.err


def test_what_two_officers_decided_reaches_the_kiosk_and_ends_when_it_is_taken_back(running):
    kiosk = claimed_kiosk(running, "PROMPTS1")
    done = filed(running, "E2", "come_closer,turn_left", "--to", "2026-12-31")
    number = done.out.split()[1].rstrip(";")
    assert told(kiosk) is None, "what one officer filed holds for nobody"
    refused = running.command("prompts", "approve", number, "--by", "rina")
    assert "another officer must approve" in refused.err
    approved = running.command("prompts", "approve", number, "--by", "joko")
    assert approved.out == "E2 is asked come_closer turn_left from 2026-10-02 on\n", approved.err
    (one,) = told(kiosk).prompt_sets
    assert one == roster.PromptSet(
        "2026-10-02", "2026-12-31", pseudonym(running, "E2"), int(number), ("come_closer", "turn_left")
    )
    shown = running.command("prompts", "list", "--by", "joko").out
    assert "come_closer turn_left" in shown
    assert "RS/12" in shown
    running.command("prompts", "reject", number, "--by", "joko", "--document", "RS/13")
    assert told(kiosk) is None
    assert "rejected by joko already" in running.command("prompts", "reject", number, "--by", "joko").err


def test_who_holds_no_grant_reads_nobodys_prompts(running):
    parts = running.services()
    with parts.database.write() as connection:
        people.add_officer(connection, people.Officer("nobody.special", "N", "", ""), NOW_MS)
    parts.database.close()
    assert running.command("prompts", "list", "--by", "nobody.special").code == 2


def test_a_kiosk_that_takes_attested_marks_learns_of_supervisors_and_heads_and_no_other_does(running):
    kiosk, other = claimed_kiosk(running, "PROMPTS2"), claimed_kiosk(running, "PROMPTS3")
    refused = running.command("attested", "allow", kiosk.name, "--by", "nobody")
    assert refused.code == 2
    assert running.command("attested", "allow", kiosk.name, "--by", "joko").code == 0
    assert kiosk.manifest().sources == ("sim", "attested")
    running.command("officer", "boss", "--name", "Boss", "--employee", "E3")
    granted = running.command("grant", "boss", "supervisor", "--from", "2026-10-02", "--to", "2026-11-30")
    assert granted.code == 0, granted.err
    mine = roster.Supervisor("2026-10-02", "2026-11-30", pseudonym(running, "E3"))
    assert mine in told(kiosk).supervisors
    assert told(other) is None
    assert running.command("attested", "deny", kiosk.name, "--by", "joko").code == 0
    assert told(kiosk) is None
    assert kiosk.manifest().sources == ("sim",)
