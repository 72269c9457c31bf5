"""Templates that have aged are proposed for a new enrolment, by their years or by what marks score; never replaced."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import NOW_MS, Server, claimed_kiosk, make_server
from sqlalchemy import select

from server.enrolment import ageing, service
from server.enrolment.models import enrolments
from server.people import service as people

DAY_MS = 86_400_000
LATER_MS = NOW_MS + 400 * DAY_MS


@pytest.fixture
def enrolled(tmp_path: Path) -> Iterator[Server]:
    """A server of its own; E2 and E3 enrolled and approved now, E4 left before."""
    server = make_server(tmp_path)
    parts = server.services()
    with parts.database.write() as connection:
        items = [
            {"employee_id": name, "embedder": "test-2", "dimension": 1, "templates": ["AACAPw=="], "report": []}
            for name in ("E2", "E3")
        ]
        numbers = service.import_templates(connection, items, by="joko", now_ms=NOW_MS)
        service.approve(connection, numbers, by="rina", signer=parts.keyring.gallery, now_ms=NOW_MS)
    parts.database.close()
    process = server.start()
    yield server
    process.terminate()
    process.communicate()


def marks(server: Server, scores: dict[int, dict[str, int]], count: int = 25) -> None:
    """Marks of one kiosk: at each moment, `count` of each employee with this score."""
    kiosk = claimed_kiosk(server, "EN1")
    parts = server.services()
    with parts.database.read() as connection:
        pseudonyms = people.pseudonyms(connection)
    parts.database.close()
    kiosk.record()
    for at_ms, found in scores.items():
        first = len(kiosk.entries)
        for name, distance in found.items():
            for n in range(count):
                body = {"presented_boottime_ms": 1, "source": "sim", "gallery": 1, "margin_e4": 1000}
                body |= {"liveness": "live", "prompts": [], "measures": {}, "distance_e4": distance + n - count // 2}
                kiosk.record("presence", at_ms, person=pseudonyms[name], **body)
        server.set_clock(at_ms)
        answer = kiosk.send(0 if first == 1 else first, sent_ms=at_ms)
        assert answer.status_code == 200, answer.text


def proposed(server: Server, now_ms: int, years: float = ageing.YEARS) -> dict[str, ageing.Proposal]:
    parts = server.services()
    with parts.database.read() as connection:
        found = ageing.proposals(connection, now_ms, years)
    parts.database.close()
    return {one.employee_id: one for one in found}


def test_who_is_matched_worse_than_at_first_is_proposed_and_nothing_changes(enrolled):
    marks(enrolled, {NOW_MS + DAY_MS: {"E2": 2500, "E3": 2500}, LATER_MS - DAY_MS: {"E2": 3050, "E3": 2900}})
    found = proposed(enrolled, LATER_MS)
    assert found.keys() == {"E2"}
    assert (found["E2"].then_e4, found["E2"].now_e4) == (2500, 3050)
    assert found["E2"].reason == "marks score 0.30, at first 0.25"
    enrolled.set_clock(LATER_MS)
    listed = enrolled.command("ageing")
    assert (listed.code, "1 to enrol anew" in listed.out, "E2" in listed.out) == (0, True, True)
    parts = enrolled.services()
    with parts.database.read() as connection:
        assert connection.execute(select(enrolments.c.rows)).scalars().all() == [1, 1]
    parts.database.close()


def test_few_marks_say_nothing(enrolled):
    marks(enrolled, {NOW_MS + DAY_MS: {"E2": 2500}, LATER_MS - DAY_MS: {"E2": 3500}}, count=ageing.FEWEST_MARKS - 1)
    assert proposed(enrolled, LATER_MS) == {}


def test_old_templates_are_proposed_after_the_years_that_are_asked_for(enrolled):
    assert proposed(enrolled, LATER_MS) == {}
    assert proposed(enrolled, LATER_MS, years=1.0)["E3"].reason == "templates are 1.1 years old"
    assert proposed(enrolled, NOW_MS + 3 * 366 * DAY_MS).keys() == {"E2", "E3"}
