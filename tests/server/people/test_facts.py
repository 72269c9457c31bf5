"""Facts stay as they were recorded; what holds is asked for a moment and a day."""

from datetime import date

from harness import NOW_MS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import facts
from server.people.models import EMPLOYEES


def record(connection, rows, now_ms=NOW_MS, **options):
    return facts.record(connection, EMPLOYEES, rows, by="rina", document="d", now_ms=now_ms, **options)


def names(connection, cutoff_ms=NOW_MS + 99, on=None):
    rows = facts.as_of(connection, EMPLOYEES, cutoff_ms, on)
    return {row["employee_id"]: row["name"] for row in rows if row["employee_id"].startswith("X")}


def test_a_change_supersedes_and_the_past_can_be_asked_for(idle):
    parts = idle.services()
    with parts.database.write() as connection:
        assert record(connection, [{"employee_id": "X1", "name": "Ani"}]).new == 1
        assert record(connection, [{"employee_id": "X1", "name": "Ani"}], NOW_MS + 1).unchanged == 1
        changed = record(connection, [{"employee_id": "X1", "name": "Ina"}], NOW_MS + 2).changed
        assert changed == [(("X1",), {"name": ("Ani", "Ina")})]
        assert names(connection) == {"X1": "Ina"}
        assert names(connection, NOW_MS + 1) == {"X1": "Ani"}
    parts.database.close()


def test_what_holds_from_a_later_day_leaves_the_days_before_alone(idle):
    parts = idle.services()
    with parts.database.write() as connection:
        record(connection, [{"employee_id": "X1", "name": "Ani"}])
        record(connection, [{"employee_id": "X1", "name": "Ina"}], NOW_MS + 1, valid_from=date(2026, 10, 16))
        record(
            connection, [{"employee_id": "X2", "name": "Budi"}], valid_from=date(2026, 1, 1), valid_to=date(2026, 6, 30)
        )
        assert names(connection, on=date(2026, 10, 15)) == {"X1": "Ani"}
        assert names(connection, on=date(2026, 10, 16)) == {"X1": "Ina"}
        assert names(connection, on=date(2026, 6, 30)) == {"X1": "Ani", "X2": "Budi"}
    parts.database.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["X1", "X2", "X3"]), st.sampled_from("abc"), min_size=1), max_size=6))
def test_the_last_recorded_holds_and_every_moment_stays_as_it_was(idle, versions):
    parts = idle.services()
    expected = {}
    with parts.database.read() as connection:
        for place, version in enumerate(versions):
            rows = [{"employee_id": key, "name": name} for key, name in version.items()]
            record(connection, rows, NOW_MS + place)
            expected[place] = expected.get(place - 1, {}) | version
        for place, known in expected.items():
            assert names(connection, NOW_MS + place) == known
        connection.rollback()
    parts.database.close()
