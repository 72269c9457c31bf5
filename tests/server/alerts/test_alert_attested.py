"""Alerts about attested marks: beyond what a supervisor may attest, and an unusual share at a kiosk."""

import json
from datetime import date

import pytest
from harness import NOW_MS, claimed_kiosk, make_server

from server.people import grants
from server.people import service as people


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A kiosk at which six marks of E2 were attested by E1 and E3, a supervisor; eight are of the kiosk alone."""
    server = make_server(tmp_path_factory.mktemp("attested"))
    process = server.start()
    parts = server.services()
    with parts.database.write() as connection:
        people.add_officer(connection, people.Officer("sita", "Sita", "", "E3"), NOW_MS)
        grants.give(connection, "sita", "supervisor", valid_from=date(2026, 10, 1), now_ms=NOW_MS)
        names = people.pseudonyms(connection)
    parts.database.close()
    kiosk = claimed_kiosk(server, "K01", sources=("sim", "attested"))
    for minutes in range(6):
        kiosk.attested(NOW_MS - (10 - minutes) * 60_000, names["E2"], names["E1"], names["E3"])
    assert kiosk.send(0).status_code == 200
    yield server
    process.terminate()
    process.wait()
    process.stdout.close()


def alerts(server):
    done = server.command("alerts", "--json", "--by", "joko")
    assert done.code == 0, done.err
    found = [json.loads(line) for line in done.out.splitlines()]
    return {one["kind"]: one for one in found if one["kind"].startswith("attested")}


def test_an_unusual_share_at_a_kiosk_is_told_until_it_is_stated_to_be_usual(office):
    found = alerts(office)
    assert found.keys() == {"attested_share"}, "six are within the twenty that a supervisor may attest"
    assert found["attested_share"]["detail"] == "6 of 18 marks were attested (33 %)"
    assert found["attested_share"]["rests_on"][0] == "K01/3"
    assert office.command("alert", "bound", "attested_percent", "40", "--device", "K01", "--by", "joko").code == 0
    assert not alerts(office)
    assert "6 of 18" in office.command("devices").out


def test_a_supervisor_beyond_the_limit_is_named_to_who_may_know(office):
    assert office.command("attested", "limit", "4", "--document", "SE/4", "--by", "joko").code == 0
    found = alerts(office)["attested_limit"]
    assert (found["employee"], found["detail"]) == ("E3", "attested 6 marks in 2026-10, 4 count")
    assert found["rests_on"] == [f"K01/{seq}" for seq in range(3, 27, 4)]
    assert office.command("attested", "limit", "6", "--document", "SE/5", "--by", "joko").code == 0
    assert "attested_limit" not in alerts(office)
