"""An office of a few people with a regulation small enough to reckon by hand: for tests of months and papers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from harness import GRANTED_MS, Server
from sqlalchemy import Connection

from server import config as configuration
from server import facts, services
from server.allowance.models import CALENDARS
from server.orders.models import CORRECTIONS, LEAVE
from server.people import grants
from server.people import service as people
from server.people.models import EMPLOYEES

MONTH = "2026-10"
DECREE = "Keputusan 1/2026"

# 1,000,000 for everybody; an absent day costs 3 % = 30,000; PNS golongan III pay 5 % tax, PPPK by brackets.
REGULATION = """
format: 1
id: small
name: TPP kecil
source: test (C)
from: 2026-01-01
day:
  in_window: {value: {from: [start, -1800], to: [end, 0]}, certainty: C}
  out_window: {value: {from: [start, 0], to: [end, 7200]}, certainty: C}
  out: {value: last, certainty: C}
  repeat_seconds: {value: 60, certainty: C}
  lone_mark: {value: nearest, certainty: C}
  grace_seconds: {value: 0, certainty: C}
  minutes: {value: completed, certainty: C}
excuses:
  leave: {annual: C}
  orders: DL
  corrections: {other: H, outage: H}
  needs_document: true
  article: pasal 2
  certainty: C
components:
  tpp: {name: {id: TPP, en: TPP}, article: pasal 1, certainty: C}
classes:
  - {class: 9, amounts: {tpp: 1_000_000}, certainty: C}
  - {class: 10, amounts: {tpp: 2_000_000}, certainty: C}
tables:
  discipline:
    kind: events
    late: [{from: 1, cost: "1 %"}]
    early: [{from: 1, cost: "1 %"}]
    no_in: "1 %"
    no_out: "1 %"
    absent: "3 %"
    late_and_early: sum
    article: pasal 3
    certainty: C
  golongan:
    kind: rates
    rates: {III: "5 %"}
    article: pasal 4
    certainty: C
  category:
    kind: keys
    keys: {TK/0: A}
    article: pasal 5
    certainty: C
  monthly:
    kind: brackets
    brackets: {A: [{up_to: 4_985_000, rate: "0 %"}, {rate: "1 %"}]}
    article: pasal 5
    certainty: C
steps:
  - {id: grant, name: {id: TPP, en: TPP}, account: gross, base: tpp, operation: add,
     rounding: {mode: down, unit: 1}, article: pasal 1, certainty: C}
  - {id: cut, name: {id: Potongan, en: Cut}, account: deduction, base: grant, operation: subtract,
     by: {events: discipline}, rounding: {mode: down, unit: 1}, article: pasal 3, certainty: C}
  - {id: tax, name: {id: PPh, en: Tax}, account: tax, base: [grant, cut], operation: subtract,
     by: {attribute: golongan, until: "/", rates: golongan}, when: {employment: [PNS]},
     rounding: {mode: down, unit: 1}, article: pasal 4, certainty: C}
  - {id: ter, name: {id: TER, en: TER}, account: tax, base: [grant, cut, "input:other_gross"], operation: subtract,
     by: {attribute: ptkp, keys: category, brackets: monthly}, when: {employment: [PPPK]},
     rounding: {mode: down, unit: 1}, article: pasal 5, certainty: C}
"""

CALENDAR = """
format: 1
zone: WIT
shifts:
  office: {hours: [{days: [mon, tue, wed, thu, fri], start: "08:00", end: "16:00"}]}
  night: {hours: [{days: [mon, tue, wed, thu, fri], start: "22:00", end: "05:00", ends_next_day: true}]}
default_shift: office
"""

EMPLOYEE = {"employment": "PNS", "golongan": "III/a", "job_class": "9", "site": "a", "zone": "WIT"}
STAFF = {
    "B1": {"name": "Budi", "agency": "dinkes"},
    "B2": {"name": "Bela", "agency": "dinkes"},
    "H1": {"name": "Hana", "agency": "dinkes"},
    "P1": {"name": "Peni", "agency": "puskes", "employment": "PPPK", "ptkp": "TK/0", "other_gross": "4000000"},
    "R1": {"name": "Rina", "agency": "bkpsdm"},
    "K1": {"name": "Kepala", "agency": "bkpsdm", "site": "b"},
}
OFFICERS = {"rina": "R1", "joko": "", "hana": "H1", "budi": "B1", "kepala": "K1", "tres": ""}


def at(text: str) -> int:
    """Unix milliseconds of a time in WIT."""
    return int(datetime.fromisoformat(f"{text}+09:00").timestamp() * 1000)


def make_office(directory: Path, now: str = "2026-11-02T09:00") -> Server:
    """A server with six employees, on leave all October but B1 on the 6th, and officers of every kind.

    rina and joko are hr everywhere, tres treasurer; hana heads dinkes, above puskes; kepala heads bkpsdm; budi has no
    grant.
    """
    server = Server(directory)
    (directory / "state").mkdir()
    server.set_clock(at(now))
    (directory / "small.yaml").write_text(REGULATION)
    server.config.write_text(
        "state_dir: state\norigin: hadir.example\nlisten: 127.0.0.1:0\nclock: simulated\nregulation: small.yaml\n"
    )
    parts = services.initialise(configuration.load(server.config))
    with parts.database.write() as connection:
        _fill(connection)
    parts.database.close()
    return server


def _fill(connection: Connection) -> None:
    told = {"by": "setup", "document": "d", "now_ms": GRANTED_MS}
    for officer, employee in OFFICERS.items():
        people.add_officer(connection, people.Officer(officer, officer.title(), "", employee), GRANTED_MS)
    for officer, role in (("rina", "hr"), ("joko", "hr"), ("tres", "treasurer")):
        grants.give(connection, officer, role, valid_from=date(2020, 1, 1), now_ms=GRANTED_MS)
    rows = [EMPLOYEE | {"employee_id": employee_id} | row for employee_id, row in STAFF.items()]
    facts.record(connection, EMPLOYEES, [people.to_columns(row) for row in rows], **told)
    people.add_person_keys(connection, STAFF)
    grants.add_agency(connection, "puskes", "Puskesmas", "dinkes", by="joko", now_ms=GRANTED_MS)
    for agency, employee in (("dinkes", "H1"), ("bkpsdm", "K1")):
        grants.appoint(
            connection,
            agency,
            employee,
            "definitive",
            valid_from=date(2020, 1, 1),
            valid_to=None,
            by="joko",
            document="SK",
            now_ms=GRANTED_MS,
        )
    facts.record(connection, CALENDARS, [{"name": "calendar", "text": CALENDAR}], **told)
    leave = [_leave(one, "2026-10-01", "2026-10-31") for one in STAFF if one != "B1"]
    leave += [_leave("B1", "2026-10-01", "2026-10-05"), _leave("B1", "2026-10-07", "2026-10-31")]
    facts.record(connection, LEAVE, leave, **told)


def _leave(employee: str, first: str, last: str) -> dict[str, str]:
    return {
        "employee_id": employee,
        "kind": "annual",
        "from": first,
        "to": last,
        "document": "C/1",
        "status": "approved",
    }


def correct(server: Server, employee: str, day: str, now: str, status: str = "approved", kind: str = "other") -> None:
    """A correction of a whole day, recorded at `now`."""
    row = {
        "employee_id": employee,
        "date": day,
        "kind": kind,
        "from": day,
        "to": day,
        "document": "K/7",
        "status": status,
    }
    parts = server.services()
    with parts.database.write() as connection:
        facts.record(connection, CORRECTIONS, [row], by="joko", document="K/7", now_ms=at(now))
    parts.database.close()


def said(server: Server, now: str, *arguments: str) -> str:
    """What a command prints at a time; it must succeed."""
    server.set_clock(at(now))
    done = server.command(*arguments)
    assert done.code == 0, done.err
    return done.out


def refused(server: Server, now: str, *arguments: str) -> str:
    """The sentence with which a command refuses at a time."""
    server.set_clock(at(now))
    done = server.command(*arguments)
    assert (done.code, done.err.count("\n")) == (2, 1), done
    return done.err


def utc(now_ms: int) -> datetime:
    """A time for messages of assertions."""
    return datetime.fromtimestamp(now_ms / 1000, UTC)
