"""A month that does not add up, or names what it does not have, is refused before anything is written."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_month
import pytest

from server.errors import ReportRefused
from server.reports.model import MonthReport
from server.reports.write import write_reports

Rows = dict[str, list[dict[str, Any]]]


def _one() -> MonthReport:
    return made_month.reports(made_month.tables(3))[0]


def test_people_come_by_agency_and_by_name() -> None:
    rows = made_month.tables(20, "pupr")
    for name, more in made_month.tables(20).items():
        rows[name].extend(more)
    first, second = made_month.reports(rows)
    assert (first.agency.id, first.agency.name) == ("kominfo", "Dinas Komunikasi, Informatika dan Persandian")
    assert (second.agency.id, second.agency.name) == ("pupr", "pupr")
    names = [person.name for person in first.employees]
    assert names == sorted(names)
    assert len(names) == 20


def test_marks_are_shown_in_their_own_zone() -> None:
    day = next(day for day in _one().employees[0].days if day.code == "H")
    assert (day.first_in, day.last_out) == ("07:21:08", "16:03:41")


def _more_money(rows: Rows) -> None:
    rows["payments"][0]["net"] += 1


def _less_tax(rows: Rows) -> None:
    rows["payments"][0]["tax"] -= 1
    rows["payments"][0]["dues"] += 1


def _line_twice(rows: Rows) -> None:
    rows["lines"].append(rows["lines"][0])


def _person_twice(rows: Rows) -> None:
    rows["payments"].append(rows["payments"][0])


def _day_twice(rows: Rows) -> None:
    rows["days"].append(rows["days"][0])


def _day_of_november(rows: Rows) -> None:
    rows["days"][0]["date"] = dt.date(2026, 11, 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_more_money, "lines of employee kominfo-00000 sum to 4624800, the payment says 4624801"),
        (_less_tax, "for dues sum to 49200, the payment says 49201"),
        (_line_twice, "sum to 7624800, the payment says 4624800"),
        (_person_twice, "kominfo-00000 is there twice"),
        (_day_twice, "kominfo-00000 has two records for one day"),
        (_day_of_november, "kominfo-00000 has a day outside the month"),
    ],
)
def test_what_does_not_add_up_is_not_written(spoil: Callable[[Rows], None], message: str, tmp_path: Path) -> None:
    rows = made_month.tables(3)
    spoil(rows)
    with pytest.raises(ReportRefused, match=message):
        write_reports(made_month.reports(rows), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_negative_payment_is_not_payable() -> None:
    report = _one()
    person = report.employees[0]
    line = replace(person.lines[-1], rupiah=person.lines[-1].rupiah - person.net - 1)
    owing = replace(person, lines=(*person.lines[:-1], line), tax=person.tax + person.net + 1, net=-1)
    with pytest.raises(ReportRefused, match="would be paid -1"):
        replace(report, employees=(owing,)).check()


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "../x"])
def test_a_month_that_is_none_is_refused(month: str) -> None:
    with pytest.raises(ReportRefused, match="not of the form YYYY-MM"):
        replace(_one(), month=month).check()


def test_rows_of_people_whom_the_other_tables_do_not_know_are_refused() -> None:
    for table, message in (("employees", "payment names employee"), ("payments", "who has no payment")):
        rows = made_month.tables(3)
        del rows[table][1]
        with pytest.raises(ReportRefused, match=message):
            made_month.reports(rows)


def test_the_month_of_one_person_holds_nobody_else() -> None:
    alone = _one().only("kominfo-00001")
    assert [person.employee_id for person in alone.employees] == ["kominfo-00001"]
    with pytest.raises(ReportRefused, match="employee nobody is not in"):
        alone.only("nobody")


def test_february_of_a_leap_year_has_29_columns() -> None:
    assert len(replace(_one(), month="2028-02").dates) == 29
