"""What an officer may do is granted by role, agency and date; a refusal names the grant that is missing."""

from __future__ import annotations

import shutil
import sqlite3

import pytest
from harness import Server
from made_office import at, make_office, refused, said

from server import facts
from server.orders.models import LEAVE
from server.people import grants
from server.people import service as people

NOW, BEFORE, AFTER = "2026-11-02T09:00", "2026-10-30T09:00", "2026-11-20T09:00"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Server:
    return make_office(tmp_path_factory.mktemp("grants"))


@pytest.fixture
def office(made, tmp_path) -> Server:
    shutil.copytree(made.directory, tmp_path / "office")
    return Server(tmp_path / "office")


def may(office: Server, officer: str, role: str, agency: str, now: str = NOW) -> bool:
    parts = office.services()
    with parts.database.read() as connection:
        found = grants.authority(connection, officer, at(now)).may((role,), agency)
    parts.database.close()
    return found


def test_a_grant_reaches_the_agencies_below_on_its_days(office):
    said(office, NOW, "grant", "budi", "hr", "--agency", "dinkes", "--from", "2026-11-01", "--to", "2026-11-10")
    assert [may(office, "budi", "hr", agency) for agency in ("dinkes", "puskes", "bkpsdm", "")] == [
        True,
        True,
        False,
        False,
    ]
    assert not may(office, "budi", "hr", "dinkes", BEFORE)
    assert not may(office, "budi", "hr", "dinkes", AFTER)
    said(office, NOW, "grant", "budi", "hr", "--agency", "dinkes", "--from", "2026-11-01", "--to", "2026-11-01")
    assert not may(office, "budi", "hr", "dinkes")


def test_the_head_of_an_agency_is_head_of_those_below_and_a_plt_only_while_dated(office):
    assert [may(office, "hana", "head", agency) for agency in ("dinkes", "puskes", "bkpsdm")] == [True, True, False]
    plt = ("agency", "head", "puskes", "B1", "--as", "plt", "--from", "2026-11-01", "--to", "2026-11-05")
    said(office, NOW, *plt, "--document", "821/7", "--by", "joko")
    assert may(office, "budi", "head", "puskes")
    assert not may(office, "budi", "head", "dinkes")
    assert not may(office, "budi", "head", "puskes", AFTER)
    assert "plt" in said(office, NOW, "grants")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("grant", "nobody", "hr"), "there is no officer 'nobody'"),
        (("grant", "budi", "hr", "--from", "2026-11-02", "--to", "2026-11-01"), "before it begins"),
        (("grant", "budi", "hr", "--by", "rina"), "the grant admin for all agencies is missing"),
        (("agency", "place", "dinkes", "--parent", "puskes", "--by", "rina"), "cannot stand above it too"),
        (("agency", "place", "x", "--by", "hana"), "the grant hr or admin for all agencies is missing"),
        (("agency", "head", "bkpsdm", "R1", "--by", "rina"), "may not appoint oneself"),
        (("agency", "head", "dinkes", "B1", "--by", "hana"), "the grant hr or admin for agency dinkes is missing"),
        (("agency", "head", "dinkes", "X9", "--by", "joko"), "there is no employee 'X9'"),
    ],
)
def test_what_may_not_be_granted_is_refused(office, line, message):
    assert message in refused(office, NOW, *line)


def test_once_there_is_an_admin_only_an_admin_gives_grants_and_to_others(office):
    said(office, NOW, "officer", "ada", "--name", "Ada", "--role", "admin")
    assert "name one of ada with --by" in refused(office, NOW, "grant", "budi", "hr")
    assert "name one of ada with --by" in refused(office, NOW, "officer", "eve", "--name", "Eve")
    assert "grants to oneself" in refused(office, NOW, "grant", "ada", "hr", "--by", "ada")
    said(office, NOW, "officer", "eve", "--name", "Eve", "--role", "auditor", "--by", "ada")
    said(office, NOW, "grant", "eve", "hr", "--by", "ada")
    assert may(office, "eve", "hr", "puskes")


def test_nobody_places_another_agency_below_the_own_to_act_for_it(office):
    said(office, NOW, "grant", "budi", "hr", "--agency", "puskes", "--from", "2020-01-01")
    place = ("agency", "place", "bkpsdm", "--parent", "puskes", "--by", "budi")
    assert "the grant hr or admin for all agencies is missing" in refused(office, NOW, *place)


def test_nobodys_superiors_are_everybody_else(office):
    parts = office.services()
    with parts.database.read() as connection:
        budi, rina, joko = (grants.authority(connection, one, at(NOW)) for one in ("budi", "rina", "joko"))
    parts.database.close()
    everybody = ("B1", "B2", "H1", "P1", "R1", "K1")
    assert [one for one in everybody if budi.is_own_or_superiors(one)] == ["B1", "H1"]
    assert [one for one in everybody if rina.is_own_or_superiors(one)] == ["R1", "K1"]
    assert not any(joko.is_own_or_superiors(one) for one in everybody)


def test_an_import_needs_the_grant_for_each_agency_of_its_rows(office, tmp_path):
    path = tmp_path / "employees.csv"
    path.write_text("employee_id,agency\nB2,bkpsdm\n")
    said(office, NOW, "grant", "budi", "hr", "--agency", "bkpsdm", "--from", "2026-01-01")
    assert "import employees.csv: on 2026-11-02 the grant hr for agency dinkes" in refused(
        office, NOW, "import", str(path), "--by", "budi"
    )
    leave = tmp_path / "leave.csv"
    leave.write_text("employee_id,kind,from,document,status\nB2,annual,2026-11-09,C/2,approved\n")
    assert "grant hr for agency dinkes" in refused(office, NOW, "import", str(leave), "--by", "hana")


def test_what_a_file_approves_waits_for_another_officer_who_decides_nothing_of_oneself_or_a_superior(office, tmp_path):
    path = tmp_path / "leave.csv"
    row = "{},annual,2026-11-09,2026-11-10,C/2,approved\n"
    path.write_text("employee_id,kind,from,to,document,status\n" + "".join(map(row.format, ("R1", "K1", "B2"))))
    bring = ("import", str(path), "--by")
    assert "3 rows wait" in said(office, NOW, *bring, "joko")
    assert leave(office) == {"R1": "requested", "K1": "requested", "B2": "requested"}
    assert "2 rows wait" in said(office, NOW, *bring, "rina", "--decide")
    assert leave(office) == {"R1": "requested", "K1": "requested", "B2": "approved"}
    said(office, NOW, "grant", "kepala", "hr", "--from", "2026-01-01")
    said(office, NOW, *bring, "kepala", "--decide")
    assert leave(office) == {"R1": "approved", "K1": "requested", "B2": "approved"}


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_exported_can_be_imported_and_changes_nothing(office, tmp_path, form):
    out = ("export", "--out", str(tmp_path / "facts"), "--format", form, "--by")
    assert "grant hr or auditor for all agencies" in refused(office, NOW, *out, "hana")
    said(office, NOW, *out, "joko")
    shown = said(office, NOW, "import", str(tmp_path / "facts"), "--by", "joko")
    counts = [row.split("│")[1:5] for row in shown.splitlines() if row.count("│") == 9]
    assert {(row[2].strip(), row[3].strip()) for row in counts} == {("0", "0")}
    assert sum(int(row[1]) for row in counts) == 6 + 7
    assert "is there already" in refused(office, NOW, *out, "joko")


def leave(office: Server) -> dict[str, str]:
    parts = office.services()
    with parts.database.read() as connection:
        rows = facts.as_of(connection, LEAVE, at(NOW))
    parts.database.close()
    return {row["employee_id"]: row["status"] for row in rows if row["from"] == "2026-11-09"}


def test_enrolment_needs_the_grant_too(office):
    assert "the grant hr for agency dinkes is missing" in refused(office, NOW, "enrol-code", "B2", "--by", "hana")


def test_a_database_of_the_first_schema_gets_the_tables_that_came_since(office):
    path = office.directory / "state" / "server.db"
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE fact_grants; DROP TABLE month_steps; PRAGMA user_version = 1")
    connection.close()
    assert "0 grants" in said(office, NOW, "grants")
    parts = office.services()
    with parts.database.read() as open_now:
        assert people.officer(open_now, "rina").name == "Rina"
    parts.database.close()
