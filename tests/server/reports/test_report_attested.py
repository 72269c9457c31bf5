"""A day that others attested, from the kiosk's entries to the pay, the recap, the slip and the agency head's report."""

import csv
import datetime as dt

import pytest
from harness import claimed_kiosk
from made_office import MONTH, at, make_office, refused, said

from server.people import service as people
from server.reports.attested import standing_out
from server.reports.lists import AttestedMark

CLOSED = "2026-11-02T09:00"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """B1's marks of the 6th are attested by B2 and H1, who heads dinkes; the kiosk takes such marks from the 1st on."""
    server = make_office(tmp_path_factory.mktemp("attested"))
    server.set_clock(at("2026-10-01T09:00"))
    process = server.start()
    kiosk = claimed_kiosk(server, "K01", site="a")
    said(server, "2026-10-01T09:00", "attested", "allow", "K01", "--by", "rina")
    parts = server.services()
    with parts.database.read() as connection:
        names = people.pseudonyms(connection)
    parts.database.close()
    kiosk.booted_ms = at("2026-10-06T07:00")
    kiosk.record(at_ms=kiosk.booted_ms + 1000)
    for second in ("2026-10-06T07:55", "2026-10-06T16:05"):
        kiosk.attested(at(second), names["B1"], names["B2"], names["H1"])
    server.set_clock(at("2026-10-06T16:10"))
    assert kiosk.send(0, sent_ms=at("2026-10-06T16:10")).status_code == 200
    yield server
    process.terminate()
    process.wait()
    process.stdout.close()


def test_with_fewer_allowed_the_rest_does_not_count_and_is_listed(office):
    said(office, CLOSED, "attested", "limit", "1", "--agency", "dinkes", "--document", "SE/4", "--by", "hana")
    draft = said(office, CLOSED, "close", MONTH, "--draft")
    assert "beyond the 1 marks that H1 attests in 2026-10" in draft
    limit = ("attested", "limit", "1", "--by", "hana", "--document")
    assert "what it rests on" in refused(office, CLOSED, *limit, "", "--agency", "dinkes")
    assert "hana may not" in refused(office, CLOSED, *limit, "SE/5")
    said(office, CLOSED, "attested", "limit", "20", "--agency", "dinkes", "--document", "SE/6", "--by", "hana")


def test_it_is_paid_like_any_day_and_says_who_attested_it(office, tmp_path):
    listed = said(office, "2026-11-02T08:00", "attested", "list", "--month", MONTH, "--by", "hana")
    assert "2 attested marks in 2026-10" in listed
    assert "H1" in listed
    said(office, CLOSED, "close", MONTH, "--by", "rina")
    out = str(tmp_path)
    say = ("report", MONTH, "--out", out, "--language", "en", "--only", "recap,slips,attested", "--agency", "dinkes")
    said(office, CLOSED, *say, "--by", "hana")
    folder = tmp_path / f"{MONTH}-dinkes"

    def rows(name):
        with (folder / name).open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    (day,) = [row for row in rows("attendance-days.csv") if (row["name"], row["date"]) == ("Budi", "2026-10-06")]
    assert (day["code"], day["first_in"], day["last_out"], day["attested"]) == ("H", "07:55:00", "16:05:00", "1")
    (supervisor,) = rows("attested-marks-supervisors.csv")
    assert (supervisor["supervisor"], supervisor["marks"], supervisor["allowed"]) == ("Hana", "2", "20")
    marks = rows("attested-marks-each.csv")
    assert [(row["at"], row["name"], row["colleague"], row["supervisor"], row["entry"]) for row in marks] == [
        ("07:55:00", "Budi", "Bela", "Hana", "K01/4"),
        ("16:05:00", "Budi", "Bela", "Hana", "K01/8"),
    ]
    (page,) = sorted(folder.glob("*.html"))
    text = page.read_text(encoding="utf-8")
    for told in ("H†", "Rests on marks attested by a colleague and a supervisor", "2 marks are attested"):
        assert told in text
    assert sorted(path.suffix for path in folder.glob("*attested-marks*")) == [".csv", ".csv", ".html", ".pdf", ".xlsx"]


def mark(supervisor, person="1", allowed=20):
    return AttestedMark(person, person, dt.date(2026, 10, 6), "07:55", "K01/1", "Bela", supervisor, allowed)


def test_who_stands_out_is_named_with_the_reason():
    few = [mark("Hana", "1"), mark("Kepala", "2")]
    assert standing_out(tuple(few)) == {"Hana": (), "Kepala": ()}
    assert standing_out((*few, mark("Rina", allowed=1)))["Rina"] == ("attested_limit",)
    many = [mark("Rina", str(n)) for n in range(6)]
    assert standing_out((*few, *many))["Rina"] == ("attested_more",)
    assert standing_out(tuple(mark("Rina") for _ in range(5)))["Rina"] == ("attested_one",)
