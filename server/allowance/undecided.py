"""What undecided facts change in payments: every month that they allow is reckoned; who waits, and the least of it.

A month that may be is reckoned as that of one more person, with those days instead of the days as things stand.
"""
# ruff: noqa: S608 (the pieces of SQL are this module's own)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.payments import FORFEITED, PAYABLE, Payment, lines_and_days, payments, reckon, table_of, waiting
from server.allowance.ways import MARK, MOST_MONTHS, MOST_WAYS, Fact, Open, Search
from server.attendance.calendar import EPOCH
from server.attendance.prepare import Paper

_AT_ONCE = 5_000
"""So many months are reckoned together: memory stays low however many there are."""

_Pick = tuple[int, int, tuple[int, ...]]
"""The number under which a month is reckoned, the employee's, the numbers of its ways."""


_Reckoned = tuple[int, Payment, tuple[int, ...]]
"""What a month pays out, its payment, the numbers of its ways."""


@dataclass(frozen=True)
class Extreme:
    """A way in which a person's undecided facts may be decided, and what is paid then.

    `facts`: of a mark the second (Unix) at which it was; of an undecided document or correction 1 where it is approved.
    """

    net: int
    status: str
    facts: Mapping[Fact, int]


class Undecided:
    """What is open in a month that `con` holds; `database` gives an empty one.

    `reasons`: employee number → why the payment waits. `extremes`: the months that pay least and most.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        database: Callable[[], duckdb.DuckDBPyConnection],
        search: Search,
        found: Sequence[Paper],
        offsets: Sequence[int],
    ) -> None:
        self._con, self._database, self._search = con, database, search
        opened, self._records = search.run(con, database, found)
        self.reasons: dict[int, list[str]] = {}
        self.extremes: dict[int, tuple[Extreme, Extreme]] = {}
        self._least: dict[int, tuple[int, ...]] = {}
        self._own = self._tables([one.emp for one in opened])
        months = [(one.emp, numbers) for one in opened for numbers in one.months]
        reckoned: dict[int, list[_Reckoned]] = defaultdict(list)
        for begin in range(0, len(months), _AT_ONCE):
            picks = [(n, *month) for n, month in enumerate(months[begin : begin + _AT_ONCE])]
            with database() as other:
                found_payments = {one.emp: one for one in self._reckoned(other, picks)}
            for n, emp, numbers in picks:
                reckoned[emp].append((_worth(found_payments[n]), found_payments[n], numbers))
        for one in opened:
            self._compare(one, sorted(reckoned[one.emp], key=_order), offsets[one.emp])

    def least(self, outside: Container[int]) -> tuple[pa.Table, pa.Table, pa.Table] | None:
        """Payments, lines and days of those who wait for nothing else, in the month that pays them least.

        `outside`: who is held for something that no fact decides. Nobody where it may be that nothing is paid.
        """
        picks = [(emp, emp, numbers) for emp, numbers in self._least.items() if emp not in outside]
        if not picks:
            return None
        with self._database() as other:
            paid = table_of(self._reckoned(other, picks))
            for name in ("mark_in", "month_day"):
                other.register(f"{name}_from", self._con.sql(f"SELECT * FROM {name}").to_arrow_table())
                other.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_from")
            return paid, *lines_and_days(other, self._search.regulation, self._search.month)

    def _tables(self, emps: Sequence[int]) -> dict[str, pa.Table]:
        """What these people's months are made of."""
        if not emps:
            return {}
        self._con.register("open_in", pa.table({"emp": pa.array(emps, pa.int64())}))
        return {
            name: self._con.sql(f"SELECT t.* FROM {name} t JOIN open_in o ON o.emp = t.emp").to_arrow_table()
            for name in ("emp", "work", "due", "day_record")
        }

    def _reckoned(self, other: duckdb.DuckDBPyConnection, picks: Sequence[_Pick]) -> list[Payment]:
        """The payments of some months, in an empty database."""
        chosen = [(number, way) for number, _, numbers in picks for way in numbers]
        numbers = pa.array([way for _, way in chosen], pa.int64())
        own = {f"{name}_own": table for name, table in self._own.items()}
        own["pick"] = pa.table({"number": [n for n, *_ in picks], "emp": [emp for _, emp, _ in picks]})
        own["chosen"] = pa.table({"number": pa.array([n for n, _ in chosen], pa.int64()), "way": numbers})
        own["way"] = self._records.filter(pc.is_in(self._records["emp"], numbers))
        for name, table in own.items():
            other.register(name, table)
        columns = {
            name: ", ".join(f"t.{column}" for column in table.column_names if column != "emp")
            for name, table in self._own.items()
        }
        for name in ("emp", "work", "due"):
            other.execute(
                f"CREATE TABLE {name} AS SELECT p.number AS emp, {columns[name]} "
                f"FROM {name}_own t JOIN pick p ON p.emp = t.emp"
            )
        other.execute(
            f"CREATE TABLE day_chosen AS SELECT c.number AS emp, {columns['day_record']} "
            "FROM way t JOIN chosen c ON c.way = t.emp"
        )
        other.execute(
            f"CREATE TABLE day_record AS SELECT p.number AS emp, {columns['day_record']} "
            "FROM day_record_own t JOIN pick p ON p.emp = t.emp "
            "LEFT JOIN day_chosen c ON c.emp = p.number AND c.day = t.day WHERE c.day IS NULL "
            f"UNION ALL SELECT t.emp, {columns['day_record']} FROM day_chosen t"
        )
        regulation, month = self._search.regulation, self._search.month
        reckon(other, regulation, month)
        return payments(other, regulation, month.first, waiting(other, regulation, month))

    def _compare(self, one: Open, reckoned: Sequence[_Reckoned], offset: int) -> None:
        """Whether what is open changes what is paid, and why then it waits."""
        if one.too_many:
            names = ", ".join(dict.fromkeys(fact.name or _instant(fact.low, offset, day) for day, fact in one.too_many))
            days = sorted({day for day, _ in one.too_many})
            span = "–".join(dict.fromkeys((_date(days[0]), _date(days[-1]))))
            bound = f"lebih dari {MOST_WAYS} cara atau {MOST_MONTHS} hasil"
            self.reasons[one.emp] = [f"{span}: terlalu banyak kemungkinan ({bound}): {names}"]
            return
        least, most = reckoned[0], reckoned[-1]
        if _order(least) == _order(most):
            return
        self.reasons[one.emp] = list(_reasons(one, offset))
        nets = sorted(paid.net for _, paid, _ in reckoned)
        if nets[0] < nets[-1]:
            self.reasons[one.emp].append(f"jumlah bersih Rp{_dotted(nets[0])} sampai Rp{_dotted(nets[-1])}")
        self.extremes[one.emp] = _extreme(one, least), _extreme(one, most)
        if least[1].status == PAYABLE and least[0] > 0:
            self._least[one.emp] = least[2]


def _extreme(one: Open, reckoned: _Reckoned) -> Extreme:
    _, paid, numbers = reckoned
    facts = {fact: value for number in numbers for fact, value in one.ways[number].values.items()}
    return Extreme(paid.net, paid.status, facts)


def _order(reckoned: _Reckoned) -> tuple[object, ...]:
    """Months in order of what they pay out; equal for those that pay the same."""
    worth, paid, _ = reckoned
    return worth, paid.net, paid.gross, paid.deductions, paid.dues, paid.tax, paid.status


def _worth(paid: Payment) -> int:
    """What is paid out."""
    return paid.net if paid.status in (PAYABLE, FORFEITED) else 0


def _reasons(one: Open, offset: int) -> Iterator[str]:
    """One for each uncertain mark and day, one for each day's documents: which it is, and what the day may be."""
    papers: dict[int, list[str]] = defaultdict(list)
    for day, fact in one.matter():
        if fact.kind == MARK:
            named = f"rekaman {fact.name}" if fact.name else "rekaman"
            low, high = (_instant(second, offset, day) for second in (fact.low, fact.high))
            yield f"{_date(day)}: waktu {named} belum pasti, {low} sampai {high}: {_outcomes(one, day)}"
        else:
            papers[day].append(fact.name)
    for day, names in papers.items():
        yield f"{_date(day)}: belum diputuskan: {', '.join(names)}: {_outcomes(one, day)}"


def _outcomes(one: Open, day: int) -> str:
    """The codes that the day may have, with hours and minutes late and early."""
    return ", ".join(
        code if not most else f"{code} {_hours(most)}" if least == most else f"{code} {_hours(least)}–{_hours(most)}"
        for code, least, most in one.outcomes(day)
    )


def _hours(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def _instant(second: int, offset: int, day: int) -> str:
    """Local time, with the date where it is not the day's."""
    at = datetime(1970, 1, 1) + timedelta(seconds=second + offset)
    return f"{at:%H:%M:%S}" if at.date() == EPOCH + timedelta(day) else f"{at:%Y-%m-%d %H:%M:%S}"


def _date(day: int) -> str:
    return (EPOCH + timedelta(day)).isoformat()


def _dotted(rupiah: int) -> str:
    return f"{rupiah:,}".replace(",", ".")
