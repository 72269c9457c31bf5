"""A month reckoned from facts and events as they were known at a moment; nothing is stored here but by `store`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, select

from server import facts
from server.allowance import inputs as engine_inputs
from server.allowance.compute import Result, compute, month_span
from server.allowance.inputs import COLUMNS, Inputs
from server.allowance.models import CALENDARS, DUES, WORK, run_tables, runs
from server.allowance.payments import HELD
from server.allowance.problems import waiting
from server.allowance.regulation import Regulation
from server.allowance.values import WITHDRAWN
from server.attendance import events, legacy
from server.attendance.assignments import laid_over
from server.attendance.attested import Attestors
from server.attendance.calendar import Calendar
from server.attendance.dating import RULE
from server.attendance.days import ABSENT
from server.attendance.rules import COUNTED, IGNORED, status_of
from server.errors import NotFound, Refused
from server.facts import FactKind
from server.month import rules, staff
from server.month.models import OBJECTIONS
from server.month.tables import digest, to_parquet
from server.month.undisputed import PAID_NOW, PARTIAL, reckoned_with
from server.orders.models import CORRECTIONS, LEAVE, ORDERS
from server.people import service as people

DRAFT, CLOSED, SUSULAN = "draft", staff.CLOSED, "susulan"
FILED = "filed"
"""An objection that nobody has answered."""
_DAY = timedelta(days=1)
_UNRESOLVED = ("employee_id", "what", "reason")
_ATTESTED = pa.schema(
    [("employee_id", pa.string()), ("date", pa.date32())]
    + [(name, pa.string()) for name in ("at", "entry", "colleague", "supervisor")]
    + [("allowed", pa.int64())]
)


@dataclass(frozen=True)
class Scope:
    """What to reckon: a month, whose (`agency` '' for all; or `only` these people), as known at `cutoff_ms`.

    People of locked runs of other agencies are left out, so that nobody is paid twice; `before`: look only at the
    runs stored before this one, to reckon a stored run again.
    """

    month: str
    agency: str
    cutoff_ms: int
    only: frozenset[str] | None = None
    before: int | None = None


@dataclass(frozen=True)
class Reckoned:
    """A month as reckoned. `unresolved`: rows of `employee_id`, `what`, `reason` that a person must look at."""

    scope: Scope
    inputs: Inputs
    result: Result
    unresolved: tuple[Mapping[str, str], ...]
    uncounted: int
    attested: tuple[events.Mark, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of payments, lines and days."""
        return digest((self.result.payments, self.result.lines, self.result.days))


def span_of(month: str) -> tuple[date, date]:
    """First and last day; Refused for what is no month."""
    try:
        return month_span(month)
    except ValueError as error:
        raise Refused(str(error)) from error


def reckon(connection: Connection, scope: Scope, regulation: Regulation) -> Reckoned:
    """Reckon a month. NotFound when nobody is concerned, or there is no calendar."""
    first, last = span_of(scope.month)
    agencies = {scope.agency} if scope.agency else None
    found_staff = staff.of_month(connection, first, last, scope.cutoff_ms, agencies, scope.only)
    others = staff.owners(connection, scope.month, scope.before) if scope.only is None else {}
    rows = [row for row in found_staff.rows if row["employee_id"] not in others]
    if not rows:
        whose = f"agency {scope.agency!r}" if scope.agency else "any agency"
        raise NotFound(f"there are no employees of {whose} in {scope.month}; import employees.csv first")
    ids = {row["employee_id"] for row in rows}
    found = _events(connection, ids, first, last, scope.cutoff_ms)
    gathered = _inputs(connection, rows, ids, found, scope, regulation)
    held = waiting(gathered, regulation)
    result = compute(gathered, regulation, scope.month, held)
    result = reckoned_with(result, _undated(found), _contested(connection, scope))
    unresolved: list[Mapping[str, str]] = [
        {"employee_id": row["employee_id"], "what": "payment", "reason": row["reason"]}
        for row in result.payments.to_pylist()
        if row["status"] in (HELD, PARTIAL)
    ]
    unresolved += _without_account(result, gathered)
    unresolved += _silence(connection, result, scope)
    unresolved += _unscored(result, gathered.work)
    unresolved += _open_papers(gathered, first, last, {row["employee_id"] for row in unresolved})
    unresolved += [note for note in found_staff.notes if note["employee_id"] in ids]
    unresolved += [
        {
            "employee_id": row["employee_id"],
            "what": "paid elsewhere",
            "reason": f"run {others[row['employee_id']]}; later differences: hadir server susulan {scope.month}",
        }
        for row in found_staff.rows
        if row["employee_id"] in others
    ]
    for one in found.uncounted:
        what = f"{one.device}/{one.seq}"
        unresolved.append({"employee_id": one.employee_id, "what": what, "reason": one.reason})
    attested_marks = tuple(mark for mark in found.marks if mark.supervisor)
    return Reckoned(scope, gathered, result, tuple(unresolved), len(found.uncounted), attested_marks)


def store(
    connection: Connection,
    reckoned: Reckoned,
    regulation: Regulation,
    *,
    state: str,
    by: str,
    decree: str,
    server_clock: str,
    notes: Sequence[Mapping[str, str]],
) -> int:
    """Store a run with all its tables and the regulation itself; its number. A draft replaces the draft before it.

    `notes`: what every report must say, each in `id` and `en`.
    """
    scope, summary = reckoned.scope, reckoned.result.summary
    if state != SUSULAN:
        _forget_drafts(connection, scope.month, scope.agency)
    rules.keep(connection, regulation)
    row = {
        "month": scope.month,
        "agency": scope.agency,
        "state": state,
        "cutoff_ms": scope.cutoff_ms,
        "made_by": by,
        "decree": decree,
        "server_clock": server_clock,
        "input_hash": summary["input_sha256"],
        "regulation_hash": regulation.sha256,
        "regulation_name": regulation.name,
        "regulation_version": f"{regulation.id}, {regulation.valid_from.isoformat()}",
        "engine_version": summary["engine"],
        "notes": json.dumps(list(notes), ensure_ascii=False),
    }
    number = int(connection.execute(runs.insert().returning(runs.c.run), row).scalar_one())
    columns = {name: pa.array([item[name] for item in reckoned.unresolved], pa.string()) for name in _UNRESOLVED}
    tables = {
        "payments": reckoned.result.payments,
        "lines": reckoned.result.lines,
        "days": reckoned.result.days,
        "employees": reckoned.inputs.employees,
        "unresolved": pa.table(columns),
        "unsigned": _unsigned(reckoned),
        "attested": _attested(connection, reckoned),
        "summary": pa.table({"json": [json.dumps(summary | {"dating": RULE}, ensure_ascii=False, sort_keys=True)]}),
    }
    stored = [{"run": number, "name": name, "parquet": to_parquet(table)} for name, table in tables.items()]
    connection.execute(run_tables.insert(), stored)
    return number


def _unsigned(reckoned: Reckoned) -> pa.Table:
    """The days (`employee_id`, `date`) whose first or last mark no device signed."""
    marks = reckoned.inputs.marks
    legacy_marks = marks.filter(pc.equal(marks["source"], events.LEGACY)).to_pylist()
    seen = {(row["employee_id"], int((row["at"] or row["at_earliest"]).timestamp())) for row in legacy_marks}
    found = [(who, day) for (who, _), day, _ in _days_of(reckoned, seen)]
    who, days = zip(*dict.fromkeys(found), strict=True) if found else ((), ())
    return pa.table({"employee_id": pa.array(who, pa.string()), "date": pa.array(days, pa.date32())})


def _days_of(reckoned: Reckoned, seen: Set[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], date, str]]:
    """Of these marks (employee, Unix seconds) each that is first or last of a day, with that day and the local time."""
    for row in reckoned.result.days.to_pylist() if seen else ():
        for at in (row["first_in"], row["last_out"]):
            if at and (mark := (row["employee_id"], int(datetime.fromisoformat(at).timestamp()))) in seen:
                yield mark, row["date"], at


def _attested(connection: Connection, reckoned: Reckoned) -> pa.Table:
    """The attested marks that are first or last of a day: whose, when (local), who stands for it, and how many the
    supervisor may attest in a month."""
    marks = {(mark.employee_id, mark.dating.earliest_ms // 1000): mark for mark in reckoned.attested}
    known = Attestors.known(connection, reckoned.scope.cutoff_ms) if marks else None
    rows = [
        {
            "employee_id": who,
            "date": day,
            "at": at,
            "entry": f"{mark.device}/{mark.seq}",
            "colleague": mark.colleague,
            "supervisor": mark.supervisor,
            "allowed": known.limit_of(mark.supervisor) if known else 0,
        }
        for (who, second), day, at in dict.fromkeys(_days_of(reckoned, marks.keys()))
        for mark in [marks[who, second]]
    ]
    return pa.Table.from_pylist(rows, _ATTESTED)


def _forget_drafts(connection: Connection, month: str, agency: str) -> None:
    """A draft holds until the next; what it was made of is kept, so that it can be reckoned again."""
    old = select(runs.c.run).where(runs.c.month == month, runs.c.agency == agency, runs.c.state == DRAFT)
    numbers = list(connection.execute(old).scalars())
    connection.execute(delete(run_tables).where(run_tables.c.run.in_(numbers)))
    connection.execute(delete(runs).where(runs.c.run.in_(numbers)))


def _events(connection: Connection, ids: set[str], first: date, last: date, cutoff_ms: int) -> events.Events:
    span = [datetime.combine(day, datetime.min.time(), UTC).timestamp() for day in (first - _DAY, last + 2 * _DAY)]
    found = events.between(connection, int(span[0] * 1000), int(span[1] * 1000), cutoff_ms)
    return events.Events(
        tuple(mark for mark in found.marks if mark.employee_id in ids),
        tuple(mark for mark in found.undated if mark.employee_id in ids),
        tuple(one for one in found.uncounted if one.employee_id in ids or not one.employee_id),
    )


def _inputs(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    ids: set[str],
    found: events.Events,
    scope: Scope,
    regulation: Regulation,
) -> Inputs:
    def rows_of(kind: FactKind) -> list[dict[str, Any]]:
        return [row for row in facts.as_of(connection, kind, scope.cutoff_ms) if row["employee_id"] in ids]

    def of(kind: FactKind, name: str) -> pa.Table:
        return _table(rows_of(kind), name)

    return Inputs(
        employees=_table([people.from_columns(row) for row in rows], "employees"),
        marks=found.table(),
        leave=of(LEAVE, "leave"),
        orders=of(ORDERS, "orders"),
        corrections=of(CORRECTIONS, "corrections"),
        work=_table(_scores(rows_of(WORK), scope.month), "work"),
        dues=of(DUES, "dues"),
        calendar=calendar_of(connection, scope.cutoff_ms, regulation),
    )


def _scores(rows: Sequence[Mapping[str, Any]], month: str) -> list[Mapping[str, Any]]:
    """The scores of the month, none taken back; where it has none, those by which it should, so that payments wait.

    Those are of earlier months, or were recorded for a month that had not ended. Of a later month that is over none
    says anything of this one.
    """
    rows = [row for row in rows if row["score"] != WITHDRAWN]
    own = [row for row in rows if row["month"] == month]
    return own or [
        row for row in rows if row["month"] < month or row["month"] >= f"{people.local_day(row['recorded_ms']):%Y-%m}"
    ]


def calendar_of(connection: Connection, cutoff_ms: int, regulation: Regulation) -> Calendar:
    """The calendar as known at the cutoff, with the sites and shifts recorded as facts; NotFound when there is none."""
    held = facts.as_of(connection, CALENDARS, cutoff_ms)
    if held:
        return laid_over(connection, Calendar.parse(held[-1]["text"]), cutoff_ms)
    if regulation.calendar is not None:
        return laid_over(connection, regulation.calendar, cutoff_ms)
    raise NotFound("there is no calendar; import one: hadir server import calendar.yaml --by OFFICER")


def _table(rows: Sequence[Mapping[str, Any]], name: str) -> pa.Table:
    """Rows of text as the engine's table, '' for nothing known."""
    amounts = sorted({column for row in rows for column in row if column.startswith(engine_inputs.AMOUNT)})
    columns = [*COLUMNS[name], *amounts] if name == "employees" else list(COLUMNS[name])
    texts = {column: pa.array([row.get(column) or None for row in rows], pa.string()) for column in columns}
    return engine_inputs.conform(pa.table(texts), name, f"{name} in the database")


def _without_account(result: Result, gathered: Inputs) -> list[Mapping[str, str]]:
    """Those who would be paid, but to no account."""
    accounts = dict(zip(*(gathered.employees[name].to_pylist() for name in ("employee_id", "account")), strict=True))
    return [
        {"employee_id": row["employee_id"], "what": "account", "reason": "nomor rekening belum ada"}
        for row in result.payments.to_pylist()
        if row["status"] in PAID_NOW and not accounts[row["employee_id"]]
    ]


def _silence(connection: Connection, result: Result, scope: Scope) -> list[Mapping[str, str]]:
    """Working days on which nobody left a mark, and marks of old machines that nobody lets count."""
    days = result.days
    seen = pc.or_(pc.is_valid(days["first_in"]), pc.is_valid(days["last_out"]))
    absent = days.filter(pc.equal(days["code"], ABSENT))["date"].unique().to_pylist()
    silent = sorted({*absent} - {*days.filter(seen)["date"].unique().to_pylist()})
    told = []
    if silent:
        shown = ", ".join(day.isoformat() for day in silent[:3]) + (" …" if len(silent) > 3 else "")
        told.append(("no marks", f"tidak ada satu rekaman pun pada {len(silent)} hari kerja: {shown}"))
    for month, marks, _, counts in legacy.listed(connection, scope.cutoff_ms):
        if month == scope.month and not counts:
            told.append(("old marks", f"{marks} rekaman mesin lama belum dihitung: hadir server legacy count {month}"))
    return [{"employee_id": "", "what": what, "reason": reason} for what, reason in told]


def _unscored(result: Result, work: pa.Table) -> list[Mapping[str, str]]:
    """Measures of which nobody has a score in the month, and the months for which there are some."""
    month = result.summary["month"]
    elsewhere = sorted({*work["month"].to_pylist()} - {month})
    more = f", hanya untuk {', '.join(elsewhere)}" if elsewhere else ""
    if not len(work):
        more = ": tidak ada nilai sama sekali, pembayaran tidak menunggunya"
    return [
        {"employee_id": "", "what": "scores", "reason": f"tidak ada nilai {measure} untuk {month}{more}"}
        for measure in result.summary["measures_without_scores"]
    ]


def _open_papers(gathered: Inputs, first: date, last: date, listed: Set[str]) -> list[Mapping[str, str]]:
    """Leave, orders and corrections of the month that nobody decided, of people who are not `listed` already."""
    found: list[Mapping[str, str]] = []
    for what, table in (("leave", gathered.leave), ("order", gathered.orders), ("correction", gathered.corrections)):
        for row in table.to_pylist():
            status = status_of(row)
            begin = row["from"] or str(row.get("date") or "")
            within = begin[:10] <= last.isoformat() and (row["to"] or begin)[:10] >= first.isoformat()
            if within and status not in (*COUNTED, *IGNORED) and row["employee_id"] not in listed:
                reason = f"{row['document'] or row.get('order_id') or begin}: {status}"
                found.append({"employee_id": row["employee_id"], "what": what, "reason": reason})
    return found


def _undated(found: events.Events) -> dict[str, list[str]]:
    """Employee → marks that may have been on either of two days: nothing can be paid before somebody says which."""
    undated: dict[str, list[str]] = defaultdict(list)
    for mark in found.undated:
        undated[mark.employee_id].append(f"{mark.device}/{mark.seq}")
    return {who: [f"waktu rekaman belum pasti: {', '.join(entries)}"] for who, entries in undated.items()}


def _contested(connection: Connection, scope: Scope) -> dict[str, list[str]]:
    """Employee → objections to the month that nobody answered."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in facts.as_of(connection, OBJECTIONS, scope.cutoff_ms):
        if row["month"] == scope.month and row["status"] == FILED:
            found[row["employee_id"]].append(f"keberatan {row['objection']} belum dijawab")
    return found
