"""Sums for publication: what is kept back cannot be reckoned from what is published."""

import csv
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import made_month
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from server.reports.aggregates import LEAST, TOTAL, Key, aggregated, kept_back
from server.reports.model import MonthReport
from server.reports.write import write_reports

COUNTS = st.sampled_from([0, 0, 1, 2, 3, 4, 5, 6, 9, 30])


@st.composite
def tables(draw: st.DrawFn) -> dict[Key, int]:
    """Counts by agency and group with all their totals."""
    agencies = [f"a{number}" for number in range(draw(st.integers(1, 4)))]
    groups = [f"g{number}" for number in range(draw(st.integers(1, 4)))]
    found: dict[Key, int] = defaultdict(int)
    for agency in agencies:
        for group in groups:
            count = draw(COUNTS)
            for key in ((agency, group), (agency, TOTAL), (TOTAL, group), (TOTAL, TOTAL)):
                found[key] += count
    return dict(found)


def _equations(counts: dict[Key, int]) -> list[dict[Key, int]]:
    """What everybody knows of such a table: each row and each column sums to its total."""
    equations = []
    for place in (0, 1):
        for name in {key[place] for key in counts}:
            line = {key: 1 for key in counts if key[place] == name}
            total = next(key for key in line if key[1 - place] == TOTAL)
            equations.append(line | {total: -1})
    return equations


def _derivable(counts: dict[Key, int], unknown: list[Key]) -> set[Key]:
    """Of the unknown entries those that the equations determine: by elimination, without any graph."""
    rows = [[Fraction(equation.get(key, 0)) for key in unknown] for equation in _equations(counts)]
    done = 0
    for column in range(len(unknown)):
        pivot = next((row for row in range(done, len(rows)) if rows[row][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        rows[done] = [value / rows[done][column] for value in rows[done]]
        for other in range(len(rows)):
            if other != done and rows[other][column]:
                factor = rows[other][column]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[done], strict=True)]
        done += 1
    alone = [[place for place, value in enumerate(row) if value] for row in rows]
    return {unknown[places[0]] for places in alone if len(places) == 1}


@settings(deadline=None, max_examples=150)
@given(tables())
def test_nothing_kept_back_can_be_reckoned_from_what_is_published(counts: dict[Key, int]) -> None:
    held = kept_back(counts)
    assert {key for key, count in counts.items() if 0 < count < LEAST} <= held
    assert not [key for key in held if not counts[key]]
    assert not _derivable(counts, sorted(held))


@settings(deadline=None, max_examples=150)
@given(tables())
def test_what_a_published_total_leaves_over_is_of_five_at_least(counts: dict[Key, int]) -> None:
    held = kept_back(counts)
    for equation in _equations(counts):
        unknown = [key for key in equation if key in held]
        if unknown and all(equation[key] == 1 for key in unknown):
            assert sum(counts[key] for key in unknown) >= LEAST


@settings(deadline=None, max_examples=50)
@given(tables())
def test_where_no_group_is_small_all_is_published(counts: dict[Key, int]) -> None:
    large = {key: count * LEAST for key, count in counts.items()}
    assert kept_back(large) == frozenset()


def test_the_check_itself_finds_what_a_first_suppression_alone_leaves_open() -> None:
    counts = {("a", "I"): 2, ("a", "II"): 9, ("a", TOTAL): 11, (TOTAL, "I"): 2, (TOTAL, "II"): 9, (TOTAL, TOTAL): 11}
    assert _derivable(counts, [("a", "I")]) == {("a", "I")}


def _report() -> MonthReport:
    rows = made_month.tables(40)
    for row in rows["employees"][:3]:
        row["golongan"] = "IX"
    return made_month.reports(rows)[0]


def test_an_agency_publishes_its_sums_and_those_of_all(tmp_path: Path) -> None:
    report = _report()
    other = replace(report, agency=replace(report.agency, id="pupr", name="Dinas PUPR"))
    sums = aggregated([report, other])
    summed = replace(report, lists=replace(report.lists, aggregates=sums))
    write_reports([summed], tmp_path, names=["aggregates"])
    folder = tmp_path / "2026-10-kominfo"
    with (folder / "jumlah-untuk-diumumkan.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len({"II", "III", "IV", "other", "all"})
    shown = {(row["agency"], row["group"]): row for row in rows}
    everybody = shown["Semua perangkat daerah", "all"]
    assert int(everybody["people"]) == 2 * len(report.payable)
    assert int(everybody["net"]) == 2 * sum(person.net for person in report.payable)
    small = shown[report.agency.name, "other"]
    assert (small["people"], small["net"], small["attendance"]) == ("", "", "")
    hidden = [key for key, row in shown.items() if row["people"] == ""]
    assert len([key for key in hidden if key[0] == report.agency.name]) >= 2
    text = " ".join(
        " ".join(page.extract_text() for page in PdfReader(folder / "jumlah-untuk-diumumkan.pdf").pages).split()
    )
    assert "kurang dari 5 pegawai" in text
    assert not [person.nip for person in report.employees if person.nip in text]
