"""Files and commands together: nothing counts, and nothing that counted ends, on one officer's word."""

from __future__ import annotations

import pytest
from harness import Server
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_office import at, make_office

from server.attendance.rules import COUNTED, IGNORED
from server.errors import ServerError
from server.orders import papers
from server.orders.models import LEAVE
from server.orders.papers import WITHDRAWING
from server.people import importing
from server.people.importing import Source

NOW_MS = at("2026-11-02T09:00")
STATES = ["approved", "approved", "", "requested", "cancelled", "withdrawing"]
OFFICER = st.sampled_from(["joko", "rina"])
BROUGHT, DECIDED = ("file", "rina", "approved", "", True), ("file", "joko", "approved", "", True)
FILE = st.tuples(st.just("file"), OFFICER, st.sampled_from(STATES), st.sampled_from(["", "2026-11-12"]), st.booleans())
DECISION = st.tuples(st.sampled_from(["approved", "rejected", "withdraw", "document"]), OFFICER)


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Server:
    return make_office(tmp_path_factory.mktemp("filed"))


def act(connection, directory, step) -> None:
    """One officer's act on the leave of B2; what is refused changes nothing."""
    what, officer, *rest = step
    held = [row for row in papers.listed(connection, "leave", NOW_MS, waiting=False) if row["document"] == "C/77"]
    if what == "file":
        status, last, decide = rest
        path = directory / "leave.csv"
        path.write_text(
            f"employee_id,kind,from,to,document,status\nB2,annual,2026-11-09,{last},C/77,{status}\n", encoding="utf-8"
        )
        importing.import_files(
            connection, [Source(path, "leave")], by=officer, document="", now_ms=NOW_MS, decide=decide
        )
    elif what == "document":
        papers.decide_document(connection, "leave", "C/77", "approved", by=officer, now_ms=NOW_MS)
    elif held and what == "withdraw":
        papers.withdraw(connection, "leave", held[-1]["fact"], by=officer, reason="", now_ms=NOW_MS)
    elif held:
        papers.decide(connection, "leave", [held[-1]["fact"]], what, by=officer, now_ms=NOW_MS)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(FILE | DECISION, min_size=2, max_size=12))
@example(steps=[BROUGHT, BROUGHT])
@example(steps=[BROUGHT, DECIDED, ("withdraw", "joko"), ("withdraw", "joko")])
@example(steps=[BROUGHT, DECIDED, ("withdraw", "rina"), ("document", "rina"), ("approved", "rina")])
def test_what_counts_and_what_ends_it_rest_on_two_officers(office, tmp_path, steps):
    parts = office.services()
    with parts.database.read() as connection:
        for step in steps:
            with connection.begin_nested() as attempt:
                try:
                    act(connection, tmp_path, step)
                except ServerError:
                    attempt.rollback()
        rows = connection.execute(LEAVE.table.select().where(LEAVE.table.c.document == "C/77")).mappings().all()
        connection.rollback()
    parts.database.close()
    by_number = {row["fact"]: row for row in rows}
    for row in rows:
        before = by_number.get(row["supersedes"])
        if row["status"] in COUNTED:
            assert before is not None
            assert before["status"] not in (*COUNTED, *IGNORED)
            assert before["recorded_by"] != row["recorded_by"]
            assert before["to"] == row["to"]
        elif row["status"] in IGNORED and before is not None:
            assert before["status"] not in COUNTED
            assert before["status"] != WITHDRAWING or before["recorded_by"] != row["recorded_by"]
