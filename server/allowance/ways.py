"""What undecided facts leave open: every different month that they allow, each with a way in which it comes about.

A fact is a mark dated as an interval, a mark that a correction attests but nobody decided, or an undecided document.
Each is free of the others. Of a mark only the instants count at which something changes (`server.attendance.borders`).
Facts that meet on a day are tried together, those that never meet apart, and what the days come to is added up.
"""
# ruff: noqa: S608 (the pieces of SQL are this module's own)

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain, groupby, permutations, product
from math import prod

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from server.allowance.parts import Part, day_records
from server.allowance.regulation import Regulation, Step
from server.allowance.steps import EVENT, Month, day_total, events_of, in_parts, quantity_denominator, register_costs
from server.attendance import borders
from server.attendance.borders import Costing, Interval
from server.attendance.calendar import Calendar
from server.attendance.prepare import Paper, ordinal

MOST_WAYS = 5_000
"""More ways than this of facts that meet are not tried: the payment waits."""
MOST_MONTHS = 200
"""More different months of one person than this are not reckoned: the payment waits."""

MARK, ATTESTED, DOCUMENT = "mark", "attested", "document"
_OPEN = """(SELECT emp FROM mark WHERE uncertain = 1 OR pending = 1
    UNION SELECT emp FROM excuse WHERE counted = 0)"""


@dataclass(frozen=True, order=True)
class Fact:
    """An undecided fact. `low`, `high`: Unix seconds, or days where `by_date`; `at`: where a mark stands till then.

    `number`: of the mark in `mark`, or of the document in `excuse`. It comes last: facts sort alike in whatever order
    the rows came.
    """

    emp: int
    kind: str
    low: int
    high: int
    at: int
    by_date: bool
    name: str
    number: int


@dataclass(frozen=True)
class Way:
    """A way in which the facts that meet on a day may be decided, and what the day is then.

    `values`: of a mark its second, of the others 1 where they are approved, 0 where not. `costs`: by each step that
    counts events. `minutes`: late and early ones together.
    """

    day: int
    values: Mapping[Fact, int]
    costs: tuple[int, ...]
    absent: bool
    code: str
    minutes: int


@dataclass(frozen=True)
class Open:
    """What is open of one person. `months`: for each different month the numbers of its days' ways.

    `too_many`: the facts that meet in more ways than are tried, with the day; `months` is empty then.
    """

    emp: int
    months: tuple[tuple[int, ...], ...] = ()
    ways: Mapping[int, Way] = field(default_factory=dict)
    absence_counts: bool = False
    too_many: tuple[tuple[int, Fact], ...] = ()

    def matter(self) -> Iterator[tuple[int, Fact]]:
        """Each day and fact by which, all else alike, the day comes out otherwise."""
        for day, ways in groupby(sorted(self.ways.values(), key=lambda way: way.day), key=lambda way: way.day):
            tried = list(ways)
            outcomes = [(way.costs, way.absent and self.absence_counts) for way in tried]
            facts = sorted(tried[0].values) if len(set(outcomes)) > 1 else []
            alone = []
            for fact in facts:
                by_rest: dict[tuple[int, ...], set[object]] = defaultdict(set)
                for way, outcome in zip(tried, outcomes, strict=True):
                    by_rest[tuple(way.values[other] for other in facts if other is not fact)].add(outcome)
                if any(len(found) > 1 for found in by_rest.values()):
                    alone.append(fact)
            yield from ((day, fact) for fact in alone or facts)

    def outcomes(self, day: int) -> list[tuple[str, int, int]]:
        """Each code that a day may have, with the least and the most minutes late and early."""
        minutes: dict[str, list[int]] = defaultdict(list)
        for way in self.ways.values():
            if way.day == day:
                minutes[way.code].append(way.minutes)
        return [(code, min(found), max(found)) for code, found in sorted(minutes.items())]


class _TooManyError(Exception):
    """More ways than are tried. Its argument: the facts that meet, each with the day."""


@dataclass
class _Person:
    """A person with undecided facts. `days`: those with a shift, its begin and end; `free`: documents that count."""

    emp: int
    days: dict[int, Interval] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    certain: list[int] = field(default_factory=list)
    free: list[Fact] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


@dataclass
class _Day:
    """A day on which facts meet: when marks belong to it, which are known, and where they change their meaning."""

    day: int
    low: int
    high: int
    known: list[int]
    instants: list[int]
    distances: set[int]
    facts: list[Fact]

    @property
    def marks(self) -> list[Fact]:
        """The uncertain marks."""
        return [fact for fact in self.facts if fact.kind == MARK]

    def base(self, mark: Fact) -> set[int]:
        """Where a mark may change its meaning, wherever the other uncertain marks are."""
        found = set(self.instants[bisect_right(self.instants, mark.low) : bisect_right(self.instants, mark.high)])
        return found | _within(mark, (second + apart for second in self.known for apart in self.distances))

    def opens(self, mark: Fact) -> bool:
        """Whether anything on the day may depend on when the mark was."""
        others = [other for other in self.marks if other is not mark]
        return bool(self.base(mark)) or any(
            mark.low - other.high < apart <= mark.high - other.low for other in others for apart in self.distances
        )


@dataclass(frozen=True)
class Search:
    """Finds what is open in a month under regulations that follow one another (`parts`); `regulation` governs."""

    regulation: Regulation
    parts: Sequence[Part]
    calendar: Calendar
    month: Month

    @property
    def counting(self) -> list[tuple[int, Step]]:
        """The steps that count events, each with its number."""
        return [(n, step) for n, step in enumerate(self.regulation.steps, 1) if step.by.kind == "events"]

    def run(
        self, con: duckdb.DuckDBPyConnection, database: Callable[[], duckdb.DuckDBPyConnection], found: Sequence[Paper]
    ) -> tuple[list[Open], pa.Table]:
        """Whom undecided facts concern, and the rows of `day_record` of the ways, `emp` being a way's number.

        `con` holds emp, mark, excuse and day_record; `database` gives an empty one, for the ways.
        """
        opened: list[Open] = []
        tried: list[tuple[_Person, list[list[_Day]], list[int]]] = []
        rows: list[tuple[int, _Day, dict[Fact, int]]] = []
        costings = self._costings()
        for person in self._people(con, found):
            begin = len(rows)
            try:
                clusters = _clusters(self._meetings(person, costings))
                rows += [(person.emp, day, values) for days in clusters for day, values in _ways(days)]
            except _TooManyError as cause:
                del rows[begin:]
                opened.append(Open(person.emp, too_many=cause.args[0]))
                continue
            tried.append((person, clusters, list(range(begin, len(rows)))))
        if not rows:
            return opened, pa.table({})
        with database() as other:
            ways = self._judged(con, other, rows)
            records = other.sql("SELECT * FROM day_record").to_arrow_table()
        for person, clusters, numbers in tried:
            own = {number: ways[number] for number in numbers}
            try:
                one = self._open(person, clusters, own)
            except _TooManyError as cause:
                one = Open(person.emp, too_many=cause.args[0])
            if len(one.months) > 1 or one.too_many:
                opened.append(one)
        return opened, records

    def _people(self, con: duckdb.DuckDBPyConnection, found: Sequence[Paper]) -> list[_Person]:
        """Everybody with an undecided fact, in order."""
        people: dict[int, _Person] = defaultdict(lambda: _Person(-1))
        attested, papers = ([paper for paper in found if paper.mark is mark] for mark in (True, False))
        ((marks,),) = con.execute(f"SELECT COUNT(*) - {len(attested)} FROM mark_in").fetchall()
        for mk, emp, at, low, high, pending, entry in con.execute(
            "SELECT m.mk, m.emp, m.at_s, m.lo_s, m.hi_s, m.pending, COALESCE(i.ref, '') FROM mark m "
            "JOIN mark_in i ON i.mk = m.mk WHERE m.uncertain = 1 OR m.pending = 1"
        ).fetchall():
            kind, name = (ATTESTED, attested[mk - marks].what) if pending else (MARK, entry)
            people[emp].facts.append(Fact(emp, kind, low, high, at, False, name, mk))
        for x, emp, by_date, a, b, counted in con.execute(
            f"SELECT x, emp, by_date, a, b, counted FROM excuse WHERE emp IN {_OPEN}"
        ).fetchall():
            document = Fact(emp, DOCUMENT, a, b, a, bool(by_date), papers[x].what, x)
            (people[emp].free if counted else people[emp].facts).append(document)
        for emp, day, start, end, absent in con.execute(
            "SELECT emp, day, start_s, end_s, absent FROM day_record "
            f"WHERE start_s IS NOT NULL AND emp IN {_OPEN} ORDER BY emp, day"
        ).fetchall():
            people[emp].days[day] = (start, end)
            people[emp].absent.update([day] if absent else [])
        for emp, at in con.execute(
            f"SELECT emp, at_s FROM mark WHERE uncertain = 0 AND pending = 0 AND emp IN {_OPEN} ORDER BY emp, at_s"
        ).fetchall():
            people[emp].certain.append(at)
        for emp, person in people.items():
            person.emp = emp
            person.facts.sort()
        return [people[emp] for emp in sorted(people)]

    def _costings(self) -> dict[int, Costing]:
        """Of each day of the month."""
        dated = [one for _, step in self.counting for one in events_of(step, self.month)]
        found: dict[int, Costing] = {}
        for part in self.parts:
            held = [one.table for one in dated if one.first <= part.first <= one.last]
            late = [band.first for table in held for band in table.late]
            early = [band.first for table in held for band in table.early]
            days = range(ordinal(part.first), ordinal(part.last) + 1)
            found.update(dict.fromkeys(days, borders.costing(part.regulation.day, late, early)))
        return found

    def _meetings(self, person: _Person, costings: Mapping[int, Costing]) -> list[_Day]:
        """The days on which something is open, each with the facts that meet on it."""
        found = []
        for day, shift in person.days.items():
            costs = costings[day]
            low, high = borders.reach(costs.rules, *shift)
            perhaps = [
                (fact, piece) for fact in person.facts if fact.kind == DOCUMENT for piece in _free(fact, day, shift)
            ]
            facts = [fact for fact, _ in perhaps]
            facts += [fact for fact in person.facts if fact.kind != DOCUMENT and low <= fact.high and fact.low <= high]
            if not facts:
                continue
            if 2 ** len(perhaps) > MOST_WAYS:
                raise _TooManyError(tuple((day, fact) for fact in facts))
            known = person.certain[bisect_left(person.certain, low) : bisect_right(person.certain, high)]
            known += [fact.at for fact in facts if fact.kind == ATTESTED]
            free = [piece for document in person.free for piece in _free(document, day, shift)]
            instants, distances = set(), set()
            for chosen in product((False, True), repeat=len(perhaps)):
                more = [piece for (_, piece), counts in zip(perhaps, chosen, strict=True) if counts]
                required = borders.required(*shift, [*free, *more])
                instants |= borders.instants(costs, *shift, required)
                distances |= borders.distances(costs, shift[1], required)
            found.append(_Day(day, low, high, known, sorted(instants), distances, facts))
        opened = {fact for one in found for fact in one.facts if fact.kind != MARK or one.opens(fact)}
        for one in found:
            one.facts = [fact for fact in one.facts if fact in opened]
        return [one for one in found if one.facts]

    def _judged(
        self,
        con: duckdb.DuckDBPyConnection,
        other: duckdb.DuckDBPyConnection,
        rows: Sequence[tuple[int, _Day, dict[Fact, int]]],
    ) -> dict[int, Way]:
        """What each way comes to, by its number: each is reckoned as a person of its own, employed for one day."""
        facts = {fact for _, day, _ in rows for fact in day.facts}
        own = pa.array([fact.number for fact in facts if fact.kind == MARK], pa.int64())
        marks = con.sql(f"SELECT mk, emp, at_s FROM mark WHERE pending = 0 AND emp IN {_OPEN}").to_arrow_table()
        persons = con.sql(f"SELECT * FROM emp WHERE emp IN {_OPEN}").to_arrow_table()
        numbers = range(len(rows))
        chosen = [(n, fact, value) for n, (_, _, values) in enumerate(rows) for fact, value in values.items()]
        dated = [(n, fact.number, at) for n, fact, at in chosen if fact.kind == MARK]
        dated += [(n, fact.number, fact.at) for n, fact, yes in chosen if fact.kind == ATTESTED and yes]
        counted = [(n, fact.number) for n, fact, yes in chosen if fact.kind == DOCUMENT and yes]
        tables = {
            "person_in": persons,
            "excuse_in": con.sql(f"SELECT * FROM excuse WHERE emp IN {_OPEN}").to_arrow_table(),
            "known_in": marks.filter(pc.invert(pc.is_in(marks["mk"], own))),
            "way_in": _numbers(
                way=numbers,
                emp=[emp for emp, _, _ in rows],
                day=[day.day for _, day, _ in rows],
                low=[day.low for _, day, _ in rows],
                high=[day.high for _, day, _ in rows],
            ),
            "dated_in": _numbers(**{name: [row[n] for row in dated] for n, name in enumerate(("way", "mk", "at_s"))}),
            "counted_in": _numbers(**{name: [row[n] for row in counted] for n, name in enumerate(("way", "x"))}),
        }
        for name, table in tables.items():
            other.register(name, table)
        same = ", ".join(f"p.{name}" for name in persons.column_names if name not in ("emp", "first_day", "last_day"))
        other.execute(
            f"CREATE TABLE emp AS SELECT w.way AS emp, w.day AS first_day, w.day AS last_day, {same} "
            "FROM way_in w JOIN person_in p ON p.emp = w.emp"
        )
        other.execute(
            "CREATE TABLE mark AS SELECT k.mk, w.way AS emp, k.at_s, 0 AS pending "
            "FROM known_in k JOIN way_in w ON w.emp = k.emp AND k.at_s BETWEEN w.low AND w.high "
            "UNION ALL SELECT mk, way, at_s, 0 FROM dated_in"
        )
        excuse = "x.x, w.way AS emp, x.by_date, x.a, x.b, x.code, x.document, 1 AS counted"
        other.execute(
            f"CREATE TABLE excuse AS SELECT {excuse} FROM excuse_in x JOIN way_in w ON w.emp = x.emp "
            f"WHERE x.counted = 1 UNION ALL SELECT {excuse} FROM excuse_in x JOIN counted_in w ON w.x = x.x"
        )
        day_records(other, self.calendar, self.parts)
        other.execute(EVENT)
        costs = [[0] * len(rows) for _ in self.counting]
        for place, (number, step) in enumerate(self.counting):
            parts = quantity_denominator(step, self.month)
            register_costs(other, events_of(step, self.month), number, parts)
            most = in_parts(step.cap_month, parts) if step.cap_month is not None else None
            for way, total in other.execute(
                f"SELECT emp, {day_total(step, parts)} FROM (SELECT e.emp, c.n FROM event e JOIN cost_{number} c "
                "ON c.kind = e.kind AND e.minutes BETWEEN c.first_minute AND c.last_minute "
                "AND e.day BETWEEN c.first_day AND c.last_day) x GROUP BY emp"
            ).fetchall():
                costs[place][way] = total if most is None else min(total, most)
        found = {}
        for way, absent, code, minutes in other.execute(
            "SELECT emp, absent, code, late_min + early_min FROM day_record ORDER BY emp"
        ).fetchall():
            _, day, values = rows[way]
            found[way] = Way(day.day, values, tuple(column[way] for column in costs), bool(absent), code, minutes)
        return found

    def _open(self, person: _Person, clusters: Sequence[Sequence[_Day]], ways: Mapping[int, Way]) -> Open:
        """The different months that the ways of a person's days add up to."""
        by_day: dict[int, list[int]] = defaultdict(list)
        for number, way in ways.items():
            by_day[way.day].append(number)
        perhaps = {day for day, numbers in by_day.items() if any(ways[number].absent for number in numbers)}
        surely = {day for day in perhaps if all(ways[number].absent for number in by_day[day])}
        settled = person.absent - by_day.keys()
        days = list(person.days)
        counts = self._told(days, settled | surely) != self._told(days, settled | perhaps)
        caps = [
            None if step.cap_month is None else in_parts(step.cap_month, quantity_denominator(step, self.month))
            for _, step in self.counting
        ]

        def both(left: _Months, right: _Months) -> _Months:
            found: _Months = {}
            for (costs, absent), numbers in left.items():
                for (more, gone), others in right.items():
                    total = tuple(
                        a + b if cap is None else min(a + b, cap) for a, b, cap in zip(costs, more, caps, strict=True)
                    )
                    found.setdefault((total, absent | gone), numbers + others)
                _refuse(len(found), clusters)
            return found

        months: _Months = {((0,) * len(caps), frozenset()): ()}
        for cluster in clusters:
            shared = _shared(cluster)
            outcomes: dict[int, dict[tuple[int, ...], _Months]] = {}
            for one in cluster:
                here = [fact for fact in shared if fact in one.facts]
                of_day: dict[tuple[int, ...], _Months] = defaultdict(dict)
                for number in by_day[one.day]:
                    way = ways[number]
                    gone = frozenset([one.day] if counts and way.absent else [])
                    of_day[tuple(way.values[fact] for fact in here)].setdefault((way.costs, gone), (number,))
                outcomes[one.day] = of_day
            together: _Months = {}
            met = [sorted({way.values[fact] for way in ways.values() if fact in way.values}) for fact in shared]
            for values in product(*met):
                chosen = dict(zip(shared, values, strict=True))
                some: _Months = {((0,) * len(caps), frozenset()): ()}
                for one in cluster:
                    key = tuple(chosen[fact] for fact in shared if fact in one.facts)
                    some = both(some, outcomes[one.day][key])
                for month, numbers in some.items():
                    together.setdefault(month, numbers)
            months = both(months, together)
        different: dict[tuple[object, ...], tuple[int, ...]] = {}
        for (costs, gone), numbers in sorted(months.items(), key=lambda item: item[1]):
            different.setdefault((costs, self._told(days, settled | gone) if counts else ()), numbers)
        _refuse(len(different) * MOST_WAYS // MOST_MONTHS, clusters)
        return Open(person.emp, tuple(different.values()), ways, counts)

    def _told(self, days: Sequence[int], absent: Set[int]) -> tuple[bool, ...]:
        """What each condition that counts absent days says of a month, more days absent never saying less."""
        runs = [len(list(run)) for missing, run in groupby(day in absent for day in days) if missing]
        found = {"absent_days_at_least": sum(runs), "absent_run_at_least": max(runs, default=0)}
        asked = chain((gate.when for gate in self.regulation.gates), (step.when for step in self.regulation.steps))
        return tuple(found[key] >= value for when in asked for key, value in when.items() if key in found)


_Months = dict[tuple[tuple[int, ...], frozenset[int]], tuple[int, ...]]
"""What the days cost together and which of them are absences → the ways of those days."""


def _refuse(ways: int, days: Iterable[Iterable[_Day]]) -> None:
    if ways > MOST_WAYS:
        raise _TooManyError(tuple((day.day, fact) for some in days for day in some for fact in day.facts))


def _free(document: Fact, day: int, shift: Interval) -> list[Interval]:
    """What of a shift a document excuses."""
    start, end = shift
    if document.by_date:
        return [shift] if document.low <= day <= document.high else []
    return [(max(document.low, start), min(document.high, end))] if document.low < end and document.high > start else []


def _within(mark: Fact, seconds: Iterable[int]) -> set[int]:
    return {second for second in seconds if mark.low < second <= mark.high}


def _clusters(days: Sequence[_Day]) -> list[list[_Day]]:
    """The days put together that share facts, directly or by others."""
    clusters: list[list[_Day]] = []
    for day in days:
        sharing = [some for some in clusters if any(set(day.facts) & set(one.facts) for one in some)]
        clusters = [some for some in clusters if some not in sharing]
        clusters.append([*chain.from_iterable(sharing), day])
    return clusters


def _shared(days: Sequence[_Day]) -> list[Fact]:
    """The facts that meet on more than one day."""
    met = Counter(fact for day in days for fact in day.facts)
    return sorted(fact for fact, count in met.items() if count > 1)


def _ways(days: Sequence[_Day]) -> Iterator[tuple[_Day, dict[Fact, int]]]:
    """Of days that share facts: each day with each way that may matter of the facts that meet on it."""
    shared = _shared(days)
    choices = {fact: [0, 1] for fact in shared} | (_spread(days) if any(fact.kind == MARK for fact in shared) else {})
    _refuse(prod(len(choices[fact]) for fact in shared), [days])
    for day in days:
        count = 0
        free = [fact for fact in day.marks if fact not in shared]
        others = [fact for fact in day.facts if fact not in free]
        for values in product(*(choices[fact] if fact in shared else (0, 1) for fact in others)):
            given = dict(zip(others, values, strict=True))
            for instants in _datings(day, free, [given[fact] for fact in others if fact.kind == MARK]):
                count += 1
                _refuse(count, [[day]])
                yield day, given | dict(zip(free, instants, strict=True))


def _datings(day: _Day, marks: Sequence[Fact], given: Sequence[int]) -> list[tuple[int, ...]]:
    """Seconds of marks: each where it may change its meaning, or at a distance from another that has its second."""
    found: set[tuple[int | None, ...]] = {(None,) * len(marks)}
    bases = [day.base(mark) | {mark.low, mark.at} for mark in marks]
    for _ in marks:
        longer = set()
        for seconds in found:
            set_already = [*given, *(second for second in seconds if second is not None)]
            beside = [second + apart for second in set_already for apart in day.distances]
            for place, mark in enumerate(marks):
                if seconds[place] is None:
                    for second in bases[place] | _within(mark, beside):
                        longer.add((*seconds[:place], second, *seconds[place + 1 :]))
            _refuse(len(longer), [[day]])
        found = longer
    return sorted(tuple(second for second in seconds if second is not None) for seconds in found)


def _spread(days: Sequence[_Day]) -> dict[Fact, list[int]]:
    """Every second that a mark may have to be tried at, wherever the others are tried."""
    found: dict[Fact, set[int]] = defaultdict(set)
    for day in days:
        for mark in day.marks:
            found[mark] |= day.base(mark) | {mark.low, mark.at}
    for _ in range(len(found) - 1):
        before = {mark: sorted(seconds) for mark, seconds in found.items()}
        for day in days:
            for mark, other in permutations(day.marks, 2):
                found[mark] |= _within(mark, (second + apart for second in before[other] for apart in day.distances))
        _refuse(max(len(seconds) for seconds in found.values()), [days])
    return {mark: sorted(seconds) for mark, seconds in found.items()}


def _numbers(**columns: Iterable[int]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})
