"""Why an entry has its date, in words and values; and two officers who say when it was, within what is known."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count

import pytest
from harness import NOW_MS, Kiosk, claimed_kiosk

from server.attendance import events
from server.devices.models import contacts
from server.people import grants
from server.people import service as people

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def iso(time_ms):
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()


_turns = count(1)


@dataclass(frozen=True)
class Lost:
    """A kiosk whose third entry was made in a boot that was never heard, within two days from `start_ms`."""

    kiosk: Kiosk
    start_ms: int

    @property
    def name(self):
        return f"{self.kiosk.name}/2"

    @property
    def true_ms(self):
        return self.start_ms + DAY_MS + HOUR_MS

    @property
    def now_ms(self):
        return self.start_ms + 2 * DAY_MS + HOUR_MS


@pytest.fixture
def lost(running):
    turn = next(_turns)
    start_ms = NOW_MS + 4 * turn * DAY_MS  # decisions of one test come after those of the others
    running.set_clock(start_ms)
    made = Lost(claimed_kiosk(running, f"D{turn}"), start_ms)
    parts = running.services()
    with parts.database.read() as connection:
        person = people.pseudonyms(connection)["E2"]
    parts.database.close()
    kiosk = made.kiosk
    kiosk.booted_ms = start_ms - HOUR_MS
    kiosk.record(at_ms=start_ms - 1000)
    assert kiosk.send(0, sent_ms=start_ms).status_code == 200
    kiosk.boot, kiosk.booted_ms = "0c" * 16, start_ms + DAY_MS
    kiosk.record(at_ms=start_ms + DAY_MS + 1000)
    kiosk.mark(person, made.true_ms)
    kiosk.boot, kiosk.booted_ms = "0d" * 16, start_ms + 2 * DAY_MS
    kiosk.record(at_ms=start_ms + 2 * DAY_MS + 1000)
    running.set_clock(made.now_ms)
    assert kiosk.send(1, sent_ms=made.now_ms).status_code == 200
    yield made
    running.set_clock(NOW_MS)


def decided(running, lost, at_ms=None, *, by="joko", document="BA/7"):
    at = iso(at_ms or lost.true_ms)
    return running.command("dating", "decide", lost.name, "--at", at, "--document", document, "--by", by)


def number_of(done):
    assert done.code == 0, done.err
    return done.out.split("number ")[1].split(";")[0]


def found(running, lost, cutoff_ms=None):
    """Marks of the kiosk, and those without a usable date."""
    parts = running.services()
    with parts.database.read() as connection:
        span = lost.start_ms - DAY_MS, lost.now_ms
        seen = events.between(connection, *span, lost.now_ms + DAY_MS if cutoff_ms is None else cutoff_ms)
    parts.database.close()
    return [[mark for mark in marks if mark.device == lost.kiosk.name] for marks in (seen.marks, seen.undated)]


def officer(running, name, employee, role="hr", agency=""):
    parts = running.services()
    with parts.database.write() as connection:
        people.add_officer(connection, people.Officer(name, name.title(), "", employee), NOW_MS)
        grants.give(connection, name, role, agency=agency, valid_from=date(2020, 1, 1), now_ms=NOW_MS)
    parts.database.close()


def test_what_two_officers_say_holds_from_then_on_and_not_before(running, lost):
    assert [len(marks) for marks in found(running, lost)] == [0, 1]
    number = number_of(decided(running, lost))
    assert [len(marks) for marks in found(running, lost)] == [0, 1]
    running.set_clock(lost.now_ms + 1000)
    approved = running.command("dating", "approve", number, "--by", "rina")
    assert (approved.code, "from now on" in approved.out) == (0, True), approved.err
    (mark,), undated = found(running, lost)
    assert (mark.dating.earliest_ms, mark.dating.latest_ms, mark.dating.basis) == (
        lost.true_ms,
        lost.true_ms,
        "decision",
    )
    assert not undated
    assert [len(marks) for marks in found(running, lost, lost.now_ms)] == [0, 1]


def test_what_was_approved_is_taken_back_by_two_and_held_meanwhile(running, lost):
    assert running.command("dating", "approve", number_of(decided(running, lost)), "--by", "rina").code == 0
    again = decided(running, lost)
    assert "was decided" in again.err
    number = again.err.split("reject ")[1].strip()
    assert "withdrawing" in running.command("dating", "reject", number, "--document", "BA/9", "--by", "joko").out
    assert [len(marks) for marks in found(running, lost)] == [0, 1]
    number = str(int(number) + 1)
    assert f"{number} withdrawing by joko" in running.command("dating", "list").out
    assert "another officer" in running.command("dating", "reject", number, "--by", "joko").err
    assert "rejected" in running.command("dating", "reject", number, "--by", "rina").out
    assert decided(running, lost).code == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"after_ms": -HOUR_MS}, "+09:00 (WIT)"),
        ({"after_ms": 3 * DAY_MS}, "cannot have been then"),
        ({"document": ""}, "--document"),
        ({"by": "nobody"}, "nobody"),
    ],
)
def test_what_the_evidence_or_the_grants_do_not_leave_is_refused(running, lost, change, says):
    options = dict(change)
    at_ms = lost.start_ms + options.pop("after_ms") if "after_ms" in options else None
    done = decided(running, lost, at_ms, **options)
    assert (done.code, says in done.err) == (2, True), done.err


def test_a_decision_is_by_two_persons_neither_of_whom_it_concerns(running, lost):
    kiosk = lost.kiosk
    officer(running, f"own{kiosk.name}", "E2")
    officer(running, f"reader{kiosk.name}", "", "auditor")
    assert "oneself" in decided(running, lost, by=f"own{kiosk.name}").err
    assert "grant hr" in decided(running, lost, by=f"reader{kiosk.name}").err
    number = number_of(decided(running, lost))
    for by, says in (("joko", "another officer"), (f"own{kiosk.name}", "oneself"), (f"reader{kiosk.name}", "grant")):
        done = running.command("dating", "approve", number, "--by", by)
        assert (done.code, says in done.err) == (2, True), done.err
    later = number_of(decided(running, lost, lost.true_ms + HOUR_MS))
    assert "(now " in running.command("dating", "approve", number, "--by", "rina").err
    assert running.command("dating", "approve", later, "--by", "rina").code == 0
    assert "already" in running.command("dating", "approve", str(int(later) + 1), "--by", "joko").err
    assert "no decision" in running.command("dating", "approve", "999", "--by", "joko").err


def test_evidence_that_comes_later_overrules_a_decision(running, lost):
    kiosk = lost.kiosk
    running.command("dating", "approve", number_of(decided(running, lost, lost.true_ms + 2 * HOUR_MS)), "--by", "rina")
    # A contact of that boot that was held up on the way shows when it was.
    parts = running.services()
    row = {"device": kiosk.name, "nonce": kiosk.name, "boot": "0c" * 16, "boottime_ms": 2 * HOUR_MS, "clock": "free"}
    wall_ms = lost.true_ms + HOUR_MS
    row |= {"wall_ms": wall_ms, "signed_ms": wall_ms, "server_ms": wall_ms, "server_clock": "simulated", "status": "{}"}
    with parts.database.write() as connection:
        undo = connection.begin_nested()
        connection.execute(contacts.insert(), row)
        seen = events.between(connection, lost.start_ms, lost.now_ms, lost.now_ms)
        undo.rollback()
    parts.database.close()
    (mark,) = (mark for mark in seen.marks if mark.device == kiosk.name)
    assert (mark.dating.basis, mark.dating.latest_ms) == ("contact", lost.true_ms)


def test_a_command_shows_what_dates_an_entry_and_who_decided(running, lost):
    kiosk, name = lost.kiosk, lost.name
    shown = running.command("dating", "show", name).out
    for says in (
        "presence", "E2 dr. Siti2 Lestari", "Kantor A", "1:00:00", "state: synchronised", f"Before it: {kiosk.name}/0",
        f"After it: {kiosk.name}/3", "this boot had no contact", "not yet", "Rule of dating: 3",
    ):  # fmt: skip
        assert says in shown, shown
    running.command("dating", "approve", number_of(decided(running, lost)), "--by", "rina")
    shown = running.command("dating", "show", name).out
    for says in ("the decision of two officers", "Without a decision", "proposed by joko", "approved by rina", "BA/7"):
        assert says in shown, shown
    values = json.loads(running.command("dating", "show", name, "--json").out)
    assert values["dating"]["earliest_ms"] == values["dating"]["latest_ms"] == lost.true_ms
    assert (values["before"]["entry"], values["after"]["entry"]) == (f"{kiosk.name}/0", f"{kiosk.name}/3")
    assert [one["status"] for one in values["decisions"]] == ["proposed", "approved"]
    assert values["derived"]["basis"] == "neighbours"
    assert values["derived"]["earliest_ms"] <= lost.true_ms <= values["derived"]["latest_ms"]


def test_an_entry_dated_by_a_contact_names_it(running, kiosk):
    kiosk.record(at_ms=NOW_MS - 60_000)
    assert kiosk.send(0).status_code == 200
    shown = running.command("dating", "show", f"{kiosk.name}/0").out
    for says in (
        "Least delayed contact: 2 October 2026 at 09:13:20 WIT",
        "its clock +0.0 s from",
        "which agreed",
        "boot",
    ):
        assert says in shown, shown


def test_the_page_needs_nothing_else_and_obeys_nothing_that_it_shows(running, lost, tmp_path):
    name = lost.name
    evil = 'BA"><script>alert(1)</script>\u202e'
    number_of(decided(running, lost, document=evil))
    path = tmp_path / "why.html"
    assert running.command("dating", "show", name, "--page", str(path)).code == 0
    page = path.read_text()
    for never in ("<script", "\u202e", "http://", "https://", "src="):
        assert never not in page
    assert "Kapan Rekaman Terjadi" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "diusulkan oleh joko" in page
    assert re.search(r">kehadiran<.*\d+ \w+ 2026 pukul \d\d\.\d\d\.\d\d WIT, keadaan: selaras", page, re.DOTALL)
    assert running.command("dating", "show", name, "--page", str(path), "--language", "en").code == 0
    assert "When an Entry Happened" in path.read_text()
    assert "Jenis: kehadiran" in running.command("dating", "show", name, "--language", "id").out


def test_the_list_names_marks_that_wait_to_whom_it_may(running, lost):
    kiosk, name = lost.kiosk, lost.name
    officer(running, f"other{kiosk.name}", "", "head", "elsewhere")
    month = iso(lost.true_ms)[:7]
    line = next(line for line in running.command("dating", "list").out.splitlines() if name in line)
    assert ("E2" in line, "neighbours" in line, "waits" in line) == (True, True, True)
    assert name in running.command("dating", "list", "--month", month, "--by", "joko").out
    assert name not in running.command("dating", "list", "--month", "2026-08").out
    assert name not in running.command("dating", "list", "--by", f"other{kiosk.name}").out
    assert name not in running.command("dating", "list", "--agency", "elsewhere").out
    done = running.command("dating", "show", name, "--by", f"other{kiosk.name}")
    assert (done.code, "the grant" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "K01"), "names no entry"),
        (("show", "NONE/1"), "no entry 1"),
        (("decide", "NONE/1", "--document", "x", "--by", "joko"), "--at TIME"),
        (("list", "--month", "2026-13"), "2026-13"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(running, arguments, says):
    done = running.command("dating", *arguments)
    assert (done.code, says in done.err, done.err.count("\n")) == (2, True, 1), done.err


def test_only_a_presence_of_somebody_can_be_decided(running, lost):
    kiosk, said = lost.kiosk, ("--document", "BA", "--by", "joko")
    assert "no presence" in running.command("dating", "decide", f"{kiosk.name}/1", "--at", iso(lost.true_ms), *said).err
    wide = ("--earliest", iso(lost.start_ms + HOUR_MS), "--latest", iso(lost.start_ms + 20 * HOUR_MS))
    done = running.command("dating", "decide", f"{kiosk.name}/2", *wide, *said)
    assert "12 hours" in done.err
