"""Officers: one person acts under one name."""

import pytest

from server.errors import Conflict, Refused
from server.people import service as people

NOW_MS = 1_790_000_000_000


def add(idle, officer, employee):
    parts = idle.services()
    try:
        with parts.database.write() as connection:
            people.add_officer(connection, people.Officer(officer, officer, "hr", employee), NOW_MS)
    finally:
        parts.database.close()


def test_one_employee_is_one_officer(idle):
    add(idle, "maria", "E77")
    with pytest.raises(Conflict, match="E77 is officer maria already"):
        add(idle, "maria2", "E77")


def test_an_employee_id_with_spaces_around_it_is_refused(idle):
    with pytest.raises(Refused, match="spaces around it"):
        add(idle, "maria", " E77")


def test_officers_from_outside_are_told_apart_by_their_id(idle):
    add(idle, "auditor1", "")
    add(idle, "auditor2", "")
    with pytest.raises(Conflict, match="there already"):
        add(idle, "auditor1", "")
