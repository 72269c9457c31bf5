"""What the server learned becomes alerts: each named, resting on facts, shown to whom it may be, and acknowledged."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from harness import Kiosk, Server, claimed_kiosk
from made_office import STAFF, at, make_office

from protocol.carried import carry
from server.alerts import service
from server.database import Database
from server.people import service as people

MONDAY = "2026-11-02T09:00"
HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[Server]:
    """A running server of six employees, with a calendar of office hours."""
    server = make_office(tmp_path_factory.mktemp("office"), MONDAY)
    process = server.start()
    yield server
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert process.stdout is not None
    process.stdout.close()


_numbers = count(1)
_mondays = count(at(MONDAY), 35 * DAY)
"""Each test has weeks of its own, so that nobody meets in one what was marked in another."""


@dataclass
class Watched:
    """A server whose clock this test alone sets, with devices of its own."""

    server: Server
    now: int
    persons: dict[str, str]
    kiosks: list[Kiosk] = field(default_factory=list)

    def kiosk(self, site: str = "") -> Kiosk:
        number = next(_numbers)
        name = f"W{number:02}"
        made = claimed_kiosk(self.server, name, site=site or f"site-{name}")
        made.boot, made.booted_ms = f"{number:032x}", at("2026-10-01T00:00")
        self.kiosks.append(made)
        return made

    def move(self, now: int) -> None:
        self.now = now
        self.server.set_clock(now)

    def send(self, kiosk: Kiosk, first: int | None = None) -> int:
        """What the server answers to all from `first` (default: a sign of life) at the time of now."""
        return kiosk.send(len(kiosk.entries) if first is None else first, sent_ms=self.now).status_code

    def mark(self, kiosk: Kiosk, employee: str, at_ms: int) -> None:
        kiosk.mark(self.persons[employee], at_ms)

    def alerts(self, *options: str) -> list[dict]:
        """Those about this test's devices and the people who were at them."""
        done = self.server.command("alerts", "--json", *options)
        assert done.code == 0, done.err
        own = {kiosk.name for kiosk in self.kiosks}
        found = [json.loads(line) for line in done.out.splitlines()]
        return [one for one in found if {rest.partition("/")[0].partition(" ")[0] for rest in one["rests_on"]} <= own]

    def kinds(self, *options: str) -> list[str]:
        return [one["kind"] for one in self.alerts(*options)]

    def only(self, *options: str) -> dict:
        (one,) = self.alerts(*options)
        return one

    def acknowledge(self, alert: dict, by: str = "joko") -> str:
        done = self.server.command("alert", "acknowledge", alert["id"], "--reason", "seen by us", "--by", by)
        return done.err


@pytest.fixture
def watched(office) -> Watched:
    parts = office.services()
    with parts.database.read() as connection:
        persons = people.pseudonyms(connection)
    parts.database.close()
    found = Watched(office, 0, persons)
    found.move(next(_mondays))
    return found


def test_a_device_is_silent_only_by_the_hours_of_its_site(watched):
    kiosk = watched.kiosk()
    friday = watched.now + 4 * DAY + 6 * HOUR  # 15:00
    watched.move(friday)
    assert watched.send(kiosk) == 200
    watched.move(friday + 3 * DAY - 6 * HOUR)  # an hour of Friday, none of the week-end, an hour of Monday
    assert not watched.alerts()
    watched.move(watched.now + 30 * 60_000)
    alert = watched.only()
    assert (alert["kind"], alert["device"], alert["first_seen_ms"]) == ("silence", kiosk.name, friday)
    assert "2 h 30 min of the site's hours" in alert["detail"]


def test_a_device_that_was_never_heard_is_silent_since_its_claim(watched):
    watched.kiosk()
    claimed = watched.now
    watched.move(claimed + 3 * HOUR)
    assert watched.only()["first_seen_ms"] == claimed


def test_a_kiosk_without_a_network_is_heard_when_somebody_carries_its_marks(watched, tmp_path):
    kiosk = watched.kiosk()
    kiosk.record(at_ms=watched.now)
    watched.move(watched.now + DAY)
    assert watched.kinds() == ["silence"]
    batch = carry(kiosk.batch(0, sent_ms=watched.now - HOUR), kiosk.signer, kiosk.name, watched.now - HOUR)
    (tmp_path / "one.batch").write_bytes(batch)
    done = watched.server.command("device", "import", str(tmp_path))
    assert done.code == 0, done.err
    assert not watched.alerts()
    watched.move(watched.now + 3 * HOUR)
    assert watched.only()["first_seen_ms"] == watched.now - 3 * HOUR


def test_bounds_are_stated_for_all_a_site_or_a_device_the_nearest_holds(watched):
    kiosk = watched.kiosk()
    assert watched.send(kiosk) == 200
    watched.move(watched.now + 3 * HOUR)

    def state(amount, *where):
        line = ("alert", "bound", "silence_minutes", str(amount), *where)
        assert watched.server.command(*line, "--by", "joko").code == 0
        return watched.kinds()

    assert state(240, "--site", f"site-{kiosk.name}") == []
    assert state(60, "--device", kiosk.name) == ["silence"]
    assert "hana may not" in watched.server.command("alert", "bound", "silence_minutes", "9", "--by", "hana").err
    assert "holds for all" in watched.server.command(
        "alert", "bound", "travel_seconds", "9", "--site", "a", "--by", "joko"
    ).err  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("backlog", {"backlog": 501}),
        ("disk", {"disk_free_mb": 499}),
        ("temperature", {"temperature_mc": 80_001}),
        ("station", {"station": "not running"}),
        ("station", {"station": "idle", "camera_state": "down"}),
        ("health", {"looked_ms": -16 * 60_000}),
    ],
)
def test_what_a_device_says_of_itself_is_an_alert_beyond_its_bound(watched, kind, status):
    kiosk = watched.kiosk()
    kiosk.status = {name: value + watched.now if name == "looked_ms" else value for name, value in status.items()}
    assert watched.send(kiosk) == 200
    alert = watched.only()
    assert (alert["kind"], alert["device"]) == (kind, kiosk.name)
    kiosk.status = {"disk_free_mb": 500, "temperature_mc": 80_000, "station": "idle", "camera_state": "working",
                    "looked_ms": watched.now}  # fmt: skip
    watched.move(watched.now + 60_000)
    assert watched.send(kiosk) == 200
    assert not watched.alerts()


def test_what_a_device_says_may_be_of_any_kind(watched):
    kiosk = watched.kiosk()
    kiosk.status = {"backlog": "many", "disk_free_mb": None, "temperature_mc": True, "station": 7, "looked_ms": []}
    assert watched.send(kiosk) == 200
    assert not watched.alerts()
    assert watched.server.command("devices").code == 0


def test_a_backlog_that_falls_is_none(watched):
    kiosk = watched.kiosk()
    kiosk.status = {"backlog": 9000}
    assert watched.send(kiosk) == 200
    watched.move(watched.now + HOUR + 1)
    kiosk.status = {"backlog": 8000}
    assert watched.send(kiosk) == 200
    assert not watched.alerts()
    watched.move(watched.now + HOUR + 1)
    assert watched.send(kiosk) == 200
    assert watched.kinds() == ["backlog"]


def test_a_condition_keeps_its_begin_and_its_acknowledgement_until_it_comes_anew(watched):
    kiosk = watched.kiosk()
    nine, ten_past = watched.now, watched.now + 10 * 60_000
    kiosk.wall_error_ms = 65_000
    watched.move(ten_past)
    assert watched.send(kiosk) == 200
    first = watched.only()
    assert (first["kind"], "+65 s" in first["detail"], first["first_seen_ms"]) == ("clock", True, nine)
    assert watched.acknowledge(first) == ""
    for minute in (20, 59, 70, 130, 200):
        watched.move(nine + minute * 60_000)
        assert watched.send(kiosk) == 200
    assert not watched.alerts()
    known = watched.only("--all")
    assert (known["rests_on"], known["open"]) == (first["rests_on"], False)
    assert known["acknowledged"] == [{"by": "joko", "reason": "seen by us", "at_ms": ten_past}]
    for error_ms, later in ((0, 4 * HOUR), (65_000, 5 * HOUR)):
        watched.move(nine + later)
        kiosk.wall_error_ms = error_ms
        assert watched.send(kiosk) == 200
    again = watched.only()
    assert (again["id"], again["open"], again["first_seen_ms"]) == (first["id"], True, nine + 5 * HOUR)


def forked(watched, kiosk, boot):
    """The device's log goes on otherwise from its second entry; the status of the answer."""
    kiosk.record(at_ms=watched.now)
    watched.mark(kiosk, "B1", watched.now)
    assert watched.send(kiosk, 0) == 200
    kept = kiosk.entries.pop(), kiosk.boot
    kiosk.boot = boot
    kiosk.record(at_ms=watched.now, camera="other")
    status = watched.send(kiosk, 0)
    kiosk.entries[-1], kiosk.boot = kept
    return status


def test_the_same_place_with_other_bytes_is_a_conflict(watched):
    kiosk = watched.kiosk()
    assert forked(watched, kiosk, kiosk.boot) == 409
    alert = watched.only()
    assert (alert["kind"], alert["rests_on"][0][:-16]) == ("conflict", f"{kiosk.name}/1 ")
    assert watched.acknowledge(alert) == ""
    assert not watched.alerts()
    kiosk.entries[-1:], kept = [], kiosk.entries[-1]
    kiosk.record(at_ms=watched.now, camera="a third")
    assert watched.send(kiosk, 0) == 409
    kiosk.entries[-1] = kept
    assert len(watched.only()["rests_on"]) == 2


def test_an_older_card_goes_on_in_another_boot_and_a_copy_by_turns(watched):
    kiosk = watched.kiosk()
    assert forked(watched, kiosk, "ee" * 16) == 409
    assert watched.kinds() == ["restored"]
    watched.move(watched.now + 60_000)
    assert watched.send(kiosk) == 200
    assert watched.kinds() == ["copied"]


def test_a_checkpoint_of_another_log_is_an_alert(watched):
    kiosk = watched.kiosk()
    kiosk.record(at_ms=watched.now)
    assert watched.send(kiosk, 0) == 200
    kiosk.record(at_ms=watched.now)
    other = [*kiosk.entries[:1], kiosk.entries[0]]
    body = kiosk.batch(1, sent_ms=watched.now, entries=[b"other", *other[1:]])
    assert kiosk.request("POST", "/batches", body, at_ms=watched.now).status_code == 409
    assert watched.kinds() == ["root"]


def test_an_entry_that_speaks_of_another_place_is_a_jump(watched):
    kiosk = watched.kiosk()
    kiosk.record(at_ms=watched.now)
    kiosk.entries += [kiosk.entries[0].replace(b'"seq":0', b'"seq":40')]
    assert watched.send(kiosk, 0) == 200
    alert = watched.only()
    assert (alert["kind"], alert["rests_on"]) == ("sequence", [f"{kiosk.name}/1"])
    assert f"speaks of entry 40 of {kiosk.name}" in alert["detail"]


def test_another_camera_is_noticed_across_any_time(watched):
    kiosk = watched.kiosk()
    for camera in ("imx708 front", "imx708 front"):
        kiosk.record(at_ms=watched.now, camera=camera)
    assert watched.send(kiosk, 0) == 200
    assert not watched.alerts()
    watched.move(watched.now + 30 * DAY)
    kiosk.record(at_ms=watched.now, camera="usb \x1b[31mcam")
    assert watched.send(kiosk, 2) == 200
    alert = watched.only()
    assert (alert["kind"], alert["rests_on"]) == ("camera", [f"{kiosk.name}/2"])
    assert "\x1b" not in watched.server.command("alerts").out


def test_a_jump_of_the_clock_and_a_mark_without_prompts_are_alerts(watched):
    kiosk = watched.kiosk()
    kiosk.record("clock_step", at_ms=watched.now, step_ms=-9_000)
    kiosk.record("clock_step", at_ms=watched.now, step_ms=-11_000)
    watched.mark(kiosk, "B1", watched.now)
    watched.mark(kiosk, "B2", watched.now)
    kiosk.record("rtc", at_ms=watched.now, state="unset", detail="it shows 1970")
    kiosk.entries[3] = kiosk.entries[3].replace(b'"prompts":["blink"]', b'"prompts":[]')
    assert watched.send(kiosk, 0) == 200
    found = {one["kind"]: one for one in watched.alerts()}
    assert found["clock_step"]["rests_on"] == [f"{kiosk.name}/1"]
    assert found["unprompted"]["rests_on"] == [f"{kiosk.name}/3"]
    assert (found["rtc"]["rests_on"], "unset" in found["rtc"]["detail"]) == ([f"{kiosk.name}/4"], True)
    assert "1 of 2 marks" in found["unprompted"]["detail"]


def twice(watched, employee, apart_ms, sites=("", "")):
    """Somebody at two sites; the devices, whose logs are sent."""
    kiosks = [watched.kiosk(site) for site in sites]
    for kiosk, at_ms in zip(kiosks, (watched.now, watched.now + apart_ms), strict=True):
        watched.mark(kiosk, employee, at_ms)
    watched.move(watched.now + max(apart_ms, 0) + 10_000)
    assert [watched.send(kiosk, 0) for kiosk in kiosks] == [200, 200]
    return kiosks


@pytest.mark.parametrize(("apart_ms", "kinds"), [(5_000, ["two_sites"]), (4 * 60_000, ["travel"]), (301_000, [])])
def test_one_person_at_two_sites_in_less_time_than_the_way_takes(watched, apart_ms, kinds):
    one, other = twice(watched, "B2", apart_ms)
    found = watched.alerts()
    assert [alert["kind"] for alert in found] == kinds
    for alert in found:
        assert (alert["person"], alert["certain"]) == (watched.persons["B2"], True)
        assert alert["rests_on"] == sorted([f"{one.name}/0", f"{other.name}/0"])


def test_places_and_stated_times_decide(watched):
    one, other = twice(watched, "P1", 40 * 60_000)
    assert not watched.alerts()
    for kiosk, east in ((one, "128.1814"), (other, "128.9675")):
        done = watched.server.command(
            "site", f"site-{kiosk.name}", "--zone", "WIT", "--at", "-3.6954", east, "--by", "joko"
        )  # fmt: skip
        assert done.code == 0, done.err
    assert watched.kinds() == ["travel"]
    assert "no place" in watched.server.command("site", "x", "--zone", "WIT", "--at", "91", "0", "--by", "joko").err
    line = ("alert", "travel", f"site-{other.name}", f"site-{one.name}", "--minutes", "30", "--by", "joko")
    assert watched.server.command(*line).code == 0
    assert not watched.alerts()


def test_a_mark_that_is_dated_only_nearly_is_said_to_be_perhaps_too_early(watched):
    near, loose = watched.kiosk(), watched.kiosk()
    loose.clock = "free"
    watched.mark(near, "K1", watched.now)
    watched.mark(loose, "K1", watched.now + 295_000)
    watched.move(watched.now + 300_000)
    assert [watched.send(kiosk, 0) for kiosk in (near, loose)] == [200, 200]
    assert watched.only()["certain"] is False
    assert ", perhaps  " in watched.server.command("alerts").out


def test_a_log_that_comes_weeks_late_is_compared_with_what_was_then(watched):
    one, other = watched.kiosk(), watched.kiosk()
    for kiosk in (one, other):
        watched.mark(kiosk, "R1", watched.now)
    assert watched.send(one, 0) == 200
    watched.move(watched.now + 21 * DAY)
    assert watched.send(one) == 200
    assert "two_sites" not in watched.kinds()
    assert watched.send(other, 0) == 200
    assert watched.kinds("--since", "1h") == ["two_sites"]


def test_who_an_alert_is_about_is_shown_to_whom_a_grant_permits_it(watched):
    twice(watched, "P1", 5_000)
    shown = [watched.only(*options)["name"] for options in (
        (), ("--by", "budi"), ("--by", "kepala"), ("--by", "hana"), ("--by", "rina")
    )]  # fmt: skip
    assert shown == ["", "", "", STAFF["P1"]["name"], STAFF["P1"]["name"]]
    assert watched.kinds("--agency", "dinkes") == watched.kinds("--agency", "puskes") == ["two_sites"]
    assert not watched.kinds("--agency", "bkpsdm")
    text = watched.server.command("alerts", "--by", "budi").out
    assert watched.persons["P1"] in text
    assert "P1 Peni" in watched.server.command("alerts", "--by", "hana").out


def test_nobody_acknowledges_an_alert_about_oneself_or_a_superior_or_without_a_grant(watched):
    twice(watched, "H1", 5_000)
    alert = watched.only()
    assert "oneself" in watched.acknowledge(alert, "hana")
    assert "may not acknowledge" in watched.acknowledge(alert, "budi")
    no_reason = watched.server.command("alert", "acknowledge", alert["id"], "--reason", " ", "--by", "joko")
    assert "says why" in no_reason.err
    assert "no alert" in watched.server.command("alert", "acknowledge", "00", "--reason", "x", "--by", "joko").err
    assert watched.kinds() == ["two_sites"]
    assert watched.acknowledge(alert, "joko") == ""
    assert not watched.alerts()


def test_an_acknowledged_alert_about_a_person_returns_with_a_new_mark(watched):
    one, other = twice(watched, "B1", 5_000)
    alert = watched.only()
    assert watched.acknowledge(alert) == ""
    watched.move(watched.now + HOUR)
    for kiosk in (one, other):
        watched.mark(kiosk, "B1", watched.now)
        assert watched.send(kiosk, 1) == 200
    again = watched.only()
    assert (again["id"], len(again["rests_on"])) == (alert["id"], 4)


def test_a_device_is_acknowledged_by_hr_or_admin_not_by_the_head(watched):
    kiosk = watched.kiosk("b")
    kiosk.status = {"disk_free_mb": 1}
    assert watched.send(kiosk) == 200
    assert "may not acknowledge" in watched.acknowledge(watched.only(), "kepala")
    assert watched.kinds("--agency", "bkpsdm") == ["disk"]  # whose people work at that site
    assert not watched.kinds("--agency", "dinkes")
    assert watched.acknowledge(watched.only(), "rina") == ""


def test_what_was_known_at_a_time_is_the_same_whenever_it_is_asked(watched):
    one, _ = twice(watched, "B2", 5_000)
    one.status = {"disk_free_mb": 9}
    assert watched.send(one) == 200

    def known(at_ms):
        parts = watched.server.services()
        with parts.database.read() as connection:
            calendar = service.calendar_of(connection, parts.config, at_ms)
            found = service.alerts(connection, calendar, since_ms=at_ms - DAY, at_ms=at_ms)
            shown = [service.as_json(one) for one in service.shown(connection, found, at_ms=at_ms)]
        parts.database.close()
        return shown

    then = watched.now
    before = known(then)
    assert {"two_sites", "disk"} <= {one["kind"] for one in before}
    for alert in watched.alerts():
        watched.move(then + HOUR)
        assert watched.acknowledge(alert) == ""
    watched.mark(one, "B2", watched.now)
    one.status = {}
    assert watched.send(one, 1) == 200
    assert known(then) == before != known(watched.now)


def test_devices_are_listed_the_worst_first_in_words_and_as_json(watched):
    well, hot, revoked = (watched.kiosk() for _ in range(3))
    hot.status = {"temperature_mc": 91_000, "camera": "picamera2", "camera_state": "working", "clock": "synchronised"}
    for kiosk in (well, hot, revoked):
        assert watched.send(kiosk) == 200
    assert watched.server.command("revoke", revoked.name, "--reason", "stolen").code == 0
    own = {kiosk.name for kiosk in watched.kiosks}
    rows = [json.loads(line) for line in watched.server.command("devices", "--json").out.splitlines()]
    mine = [row for row in rows if row["device"] in own]
    assert [row["device"] for row in mine] == [hot.name, well.name, revoked.name]
    assert mine[0]["alerts"][0]["kind"] == "temperature"
    assert (mine[0]["status"]["camera"], mine[1]["last_contact_ms"]) == ("picamera2", watched.now)
    lines = watched.server.command("devices").out.splitlines()
    (line,) = [line for line in lines if f" {hot.name} " in line]
    assert ("it is 91 °C hot" in line, "picamera2 working" in line) == (True, True)
    assert [" well " in line for line in lines if f" {well.name} " in line] == [True]
    assert [" revoked " in line for line in lines if f" {revoked.name} " in line] == [True]


def test_of_each_device_it_is_told_how_many_of_its_last_marks_were_attested(watched, monkeypatch):
    kiosk = watched.kiosk()
    for employee in ("B1", "B2", "H1"):
        watched.mark(kiosk, employee, watched.now - HOUR)
    told = {"person": watched.persons["P1"], "presented_boottime_ms": 0, "source": "sim", "gallery": 1}
    kiosk.record("attested", watched.now - HOUR, **told, tries=3, first_try=0, colleague=1, supervisor=2)
    assert watched.send(kiosk, 0) == 200

    def shown():
        rows = [json.loads(line) for line in watched.server.command("devices", "--json").out.splitlines()]
        (row,) = [row for row in rows if row["device"] == kiosk.name]
        (line,) = [line for line in watched.server.command("devices").out.splitlines() if f" {kiosk.name} " in line]
        return row["marks"], row["attested"], f"{row['attested']} of {row['marks']} marks" in line

    assert shown() == (4, 1, True)
    monkeypatch.setattr("server.alerts.machines.RECENT", 2)
    assert shown() == (2, 1, True)


def test_a_database_of_before_gets_the_tables_and_the_index(tmp_path):
    server = make_office(tmp_path)
    path = server.directory / "state" / "server.db"
    with sqlite3.connect(path) as old:
        old.executescript(
            "DROP INDEX contacts_heard; DROP TABLE alert_acknowledgements; DROP TABLE fact_alert_bounds; "
            "PRAGMA user_version = 5"
        )
    old.close()
    Database(path).close()
    done = server.command("alerts")
    assert (done.code, done.out) == (0, "0 alerts\n")
    with sqlite3.connect(path) as upgraded:
        assert upgraded.execute("SELECT 1 FROM sqlite_master WHERE name = 'contacts_heard'").fetchone()
    upgraded.close()
