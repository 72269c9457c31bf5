"""The simulated month: believable, the same every time, and its truth follows from what people did."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulation import behaviour, office
from simulation.documents import DayPaper
from simulation.month import COLUMNS, SimulatedMonth, marks_of, simulate_month, write_month
from simulation.queues import Coming, serve
from simulation.truth import judge

TREE = Path(__file__).parents[2]
OCTOBER_WORKDAYS = 22


@pytest.fixture(scope="module")
def month() -> SimulatedMonth:
    return simulate_month(200, seed=1)


def playing(role: str) -> str:
    """The employee id of the first person who plays an edge case."""
    return f"E{behaviour.ROLES.index(role) * 10 + 4 + 1:05d}"


def codes(month: SimulatedMonth, employee_id: str) -> list[str]:
    return [day.code for day in month.truth if day.employee_id == employee_id and day.code != "L"]


def fingerprint(month: SimulatedMonth) -> str:
    return sha256(json.dumps(asdict(month), sort_keys=True).encode()).hexdigest()


def test_the_same_seed_gives_the_same_month_and_another_seed_another() -> None:
    assert fingerprint(simulate_month(30, 7)) == fingerprint(simulate_month(30, 7))
    assert fingerprint(simulate_month(30, 7)) != fingerprint(simulate_month(30, 8))


def test_a_month_does_not_depend_on_the_process_that_makes_it(tmp_path: Path) -> None:
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "simulation.month", "--employees", "20", "--out", str(tmp_path / hash_seed)]
        subprocess.run(command, cwd=TREE, env={"PYTHONHASHSEED": hash_seed}, check=True, capture_output=True)
    for file in sorted((tmp_path / "1").iterdir()):
        assert file.read_bytes() == (tmp_path / "2" / file.name).read_bytes()


def test_more_employees_leave_the_others_as_they_were() -> None:
    few, many = simulate_month(40, 3), simulate_month(60, 3)
    assert many.employees[:40] == few.employees
    assert [row for row in many.orders if row["employee_id"] <= "E00040"] == few.orders


def test_the_truth_is_made_without_the_engine() -> None:
    probe = "import sys, simulation.month; print([n for n in sys.modules if n.split('.')[0] in ('server', 'kiosk')])"
    answer = subprocess.run([sys.executable, "-c", probe], cwd=TREE, check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


def test_each_person_has_a_truth_for_each_day_in_service(month: SimulatedMonth) -> None:
    days = Counter(day.employee_id for day in month.truth)
    whole = {row["employee_id"] for row in month.employees} - {playing("joined"), playing("retired")}
    assert {days[str(person)] for person in whole} == {31}
    assert days[playing("joined")] == 17
    assert days[playing("retired")] == 16


def test_most_days_are_ordinary_and_each_kind_of_day_occurs(month: SimulatedMonth) -> None:
    count = Counter(day.code for day in month.truth)
    required = sum(count.values()) - count["L"]
    assert 0.75 < count["H"] / required < 0.92
    assert 0.04 < count["TL"] / required < 0.14
    assert 0.01 < count["PSW"] / required < 0.05
    for code in ("TL+PSW", "DL", "C", "S", "I", "TK"):
        assert count[code] > 0, code


def test_somebody_without_a_mark_on_a_required_day_is_absent_unless_a_document_excuses(
    month: SimulatedMonth,
) -> None:
    stood = {(seen.employee_id, local(seen.at_ms).date().isoformat()) for seen in month.presentations}
    for day in month.truth:
        if (day.employee_id, day.date) not in stood:
            assert day.code in ("TK", "DL", "C", "S", "I", "L"), day
        if day.code in ("C", "S", "I"):
            assert (day.employee_id, day.date) not in stood, day


def test_every_excused_day_has_an_approved_document_and_every_approved_document_excuses(
    month: SimulatedMonth,
) -> None:
    excused = defaultdict(set)
    for row in month.leave:
        if row["status"] == "approved":
            excused[office.LEAVE[str(row["kind"])][0]] |= working_days(row)
    for row in month.orders:
        if row["status"] == office.ORDER_DONE and row["document"] and "T" not in str(row["from"]):
            excused["DL"] |= working_days(row)
    for code in ("C", "S", "I", "DL"):
        assert {(day.employee_id, day.date) for day in month.truth if day.code == code} == excused[code]


def test_lateness_and_early_leave_are_those_of_the_marks(month: SimulatedMonth) -> None:
    for day in month.truth:
        if day.story.startswith("came ") and day.story.endswith(" late"):
            shift = office.shift_of(date.fromisoformat(day.date))
            assert shift is not None
            came = datetime.fromisoformat(day.arrived)
            assert came.hour * 3600 + came.minute * 60 + came.second == shift.start_s + day.late_s
            assert day.late_s > office.GRACE_S


def test_the_edge_cases_are_there(month: SimulatedMonth) -> None:
    assert longest_absence(codes(month, playing("absent_seven"))) == 7
    assert codes(month, playing("absent_fourteen")).count("TK") == 14
    assert longest_absence(codes(month, playing("absent_fourteen"))) < 7
    assert longest_absence(codes(month, playing("absent_broken"))) == 6
    assert codes(month, playing("sick_month")) == ["S"] * OCTOBER_WORKDAYS
    stories = {(day.employee_id, day.story) for day in month.truth}
    assert (playing("order_unconfirmed"), "away on a duty order not confirmed") in stories
    assert (playing("order_no_document"), "away on a duty order without a document") in stories
    assert (playing("leave_pending"), "absent, annual leave requested") in stories
    assert any(p == playing("correction_pending") and "correction requested" in s for p, s in stories)
    assert any(p == playing("elsewhere") and "another agency's site" in s for p, s in stories)
    rows = {row["employee_id"]: row for row in month.employees}
    assert rows[playing("no_tax_data")]["ptkp"] == ""
    assert rows[playing("not_appointed")]["employment"] == "CPNS"


def test_people_are_of_all_kinds(month: SimulatedMonth) -> None:
    assert {row["employment"] for row in month.employees} == {"PNS", "CPNS", "PPPK"}
    golongan = {str(row["golongan"]).split("/")[0] for row in month.employees if row["employment"] == "PNS"}
    assert golongan == {"I", "II", "III", "IV"}
    names = [str(row["name"]).split(",")[0] for row in month.employees]
    assert any("'" in name for name in names)
    assert any(not name.isascii() for name in names)
    assert any(" " not in name for name in names)


def test_every_nip_has_18_digits_and_is_its_owners_alone() -> None:
    nips = [str(row["nip"]) for row in simulate_month(1500, 2, agencies=3).employees]
    assert len(set(nips)) == 1500
    for nip in nips:
        assert re.fullmatch(r"\d{18}", nip)
        assert date.fromisoformat(f"{nip[:4]}-{nip[4:6]}-{nip[6:8]}") < date(2006, 1, 1)


def test_two_kiosks_of_a_site_are_both_used_and_one_serves_at_most_150_people(month: SimulatedMonth) -> None:
    assert {seen.kiosk for seen in month.presentations} == {"K01", "K02", "K03"}
    assert office.kiosks_of(2, 2) == {"dukcapil": ["K01", "K02"], "pupr": ["K03"]}
    for employees in (200, 602, 7000):
        kiosks = office.kiosks_of(employees, 2)
        assert all(employees // 2 <= 150 * len(names) for names in kiosks.values())
        names = [name for of_site in kiosks.values() for name in of_site]
        assert len(set(names)) == len(names)


def test_nobody_stands_before_a_kiosk_while_somebody_else_does(month: SimulatedMonth) -> None:
    last: dict[str, int] = {}
    for seen in month.presentations:
        assert seen.at_ms - last.get(seen.kiosk, 0) >= 2900
        last[seen.kiosk] = seen.at_ms


def test_marks_are_repeated_within_five_minutes_now_and_then(month: SimulatedMonth) -> None:
    last: dict[str, int] = {}
    repeats = 0
    for seen in month.presentations:
        repeats += seen.at_ms - last.get(seen.employee_id, 0) < 300_000
        last[seen.employee_id] = seen.at_ms
    assert 50 < repeats < 1000


def test_the_files_have_the_columns_of_the_contract(month: SimulatedMonth, tmp_path: Path) -> None:
    write_month(month, tmp_path)
    for name, columns in COLUMNS.items():
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert tuple(rows[0]) == columns
    assert [day["story"] for day in rows] == [day.story for day in month.truth]
    assert yaml.safe_load((tmp_path / "calendar.yaml").read_text(encoding="utf-8")) == month.calendar
    first = next(iter(marks_of(month)))
    assert datetime.fromisoformat(str(first["at"])).utcoffset() == timedelta(hours=9)
    assert round(datetime.fromisoformat(str(first["at"])).timestamp() * 1000) == month.presentations[0].at_ms


def test_hours_make_the_legal_week() -> None:
    def worked(shift: office.Shift) -> int:
        return shift.end_s - shift.start_s - (shift.break_end_s - shift.break_start_s)

    assert 4 * worked(office.MONDAY_TO_THURSDAY) + worked(office.FRIDAY) == 37 * 3600 + 1800


def test_what_cannot_be_simulated_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="written YYYY-MM"):
        simulate_month(5, 1, "2026-13")
    with pytest.raises(ValueError, match="at least one"):
        simulate_month(0, 1)
    with pytest.raises(ValueError, match="from 1 to"):
        simulate_month(5, 1, agencies=99)


THURSDAY = date(2026, 10, 1)


def at(clock: str) -> int:
    hour, minute, second = (int(part) for part in clock.split(":"))
    return (hour * 3600 + minute * 60 + second) * 1000 + 500


@pytest.mark.parametrize(
    ("marks", "code", "late_s", "early_s"),
    [
        (["07:30:00", "16:00:00"], "H", 0, 0),
        (["07:30:59", "16:00:00"], "H", 0, 0),
        (["07:31:00", "16:00:00"], "TL", 60, 0),
        (["07:30:00", "15:59:01"], "H", 0, 0),
        (["07:30:00", "15:59:00"], "PSW", 0, 60),
        (["07:10:00"], "PSW", 0, 30600),
        (["07:10:00", "07:14:00"], "PSW", 0, 30600),
        (["06:50:00", "16:01:00"], "TL", 30600, 0),
        (["08:30:00", "15:00:00"], "TL+PSW", 3600, 3600),
        (["06:59:59", "07:00:00", "16:10:00"], "H", 0, 0),
        (["06:59:59"], "TK", 0, 0),
        ([], "TK", 0, 0),
    ],
)
def test_a_day_is_judged_to_the_second(marks: list[str], code: str, late_s: int, early_s: int) -> None:
    day = judge("E00001", THURSDAY, DayPaper(), [at(mark) for mark in marks], "")
    assert (day.code, day.late_s, day.early_s) == (code, late_s, early_s)


def test_an_attested_mark_counts_like_one_of_a_kiosk() -> None:
    paper = DayPaper(attested=16 * 3600 + 120)
    day = judge("E00001", THURSDAY, paper, [at("07:41:00")], "forgot to mark out")
    assert (day.code, day.late_s, day.early_s) == ("TL", 660, 0)


def test_after_a_duty_order_until_ten_lateness_counts_from_ten() -> None:
    paper = DayPaper("", (10 * 3600, 16 * 3600), "duty order until 10:00")
    assert judge("E00001", THURSDAY, paper, [at("09:50:00"), at("16:01:00")], "").code == "H"
    assert judge("E00001", THURSDAY, paper, [at("10:20:00"), at("16:01:00")], "").late_s == 1200


@given(
    st.lists(st.floats(25_000, 30_000), min_size=1, max_size=60),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_a_queue_serves_everybody_once_and_never_before_they_come(comings, count, rng) -> None:  # type: ignore[no-untyped-def]
    kiosks = [f"K{n}" for n in range(count)]
    stood = serve([Coming(second, who) for who, second in enumerate(comings)], kiosks, rng)
    assert sorted(one.who for one in stood) == list(range(len(comings)))
    assert all(one.ms // 1000 >= int(comings[one.who]) for one in stood)
    for kiosk in kiosks:
        times = [one.ms for one in stood if one.kiosk == kiosk]
        assert all(later - earlier >= 2900 for earlier, later in pairwise(times))


def local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, office.OFFSET)


def working_days(row: dict[str, str | int]) -> set[tuple[str, str]]:
    first, last = date.fromisoformat(str(row["from"])), date.fromisoformat(str(row["to"]))
    days = (first + timedelta(n) for n in range((last - first).days + 1))
    return {(str(row["employee_id"]), day.isoformat()) for day in days if office.is_workday(day)}


def longest_absence(day_codes: list[str]) -> int:
    longest = run = 0
    for code in day_codes:
        run = run + 1 if code == "TK" else 0
        longest = max(longest, run)
    return longest
