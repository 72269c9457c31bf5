"""Erasure: after the retention, two officers have a person's pseudonym key and all that leads to it destroyed.

A pseudonym is a keyed hash: without the key the entries of the logs, which stay as they were signed, are nobody's.
What would lead from an entry to the person goes with the key: templates, datings, and of stored months the days
and what their lines say of days. Marks of old machines, which stand under the person's own name, go too. What was
paid stays, and so do the facts that no entry is in (docs/server.md).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, select

from protocol.note import Signer
from server import facts
from server.allowance.models import run_tables, runs
from server.attendance.models import DATINGS, legacy_marks
from server.devices import manifests
from server.enrolment import service as enrolment
from server.enrolment.models import CARDS, PROMPT_SETS, WITHDRAWALS, despite_duplicates, enrol_codes, enrolments
from server.errors import Conflict, NotFound, Refused
from server.month.models import month_steps
from server.month.tables import from_parquet, to_parquet
from server.people import grants
from server.people import service as people
from server.people.models import EMPLOYEES, ERASURES, person_keys

PROPOSED, APPROVED, REJECTED = "proposed", "approved", "rejected"
_DONE = ("locked", "paid", "susulan")
_TELLING = ("lines", "days", "unresolved", "unsigned", "attested")
"""Tables of a stored month that hold entries, times of marks, or what follows from them."""
_GONE = "rincian harian dihapus setelah masa simpan"
_NOBODY = "dihapus setelah masa simpan"


def propose(
    connection: Connection, employee_id: str, *, by: str, document: str, retention_years: int, now_ms: int
) -> int:
    """Ask for an erasure; the number by which another officer approves it.

    Refused without the grant hr for the employee's agency, for oneself or a superior, without a document, while the
    employee serves, or before the retention is over; Conflict while a month is open, or when it was done already.
    """
    _refuse(connection, employee_id, by, retention_years, now_ms)
    if not document.strip():
        raise Refused("an erasure rests on something: name it with --document")
    row = {"employee_id": employee_id, "status": PROPOSED}
    facts.record(connection, ERASURES, [row], by=by, document=document, now_ms=now_ms)
    return int(_standing(connection, now_ms)[employee_id]["fact"])


def approve(
    connection: Connection, number: int, *, by: str, retention_years: int, signer: Signer, now_ms: int
) -> dict[str, Any]:
    """Destroy what another officer asked to be erased; the row that says so.

    The bytes are gone from the file once it is vacuumed too (`Database.vacuum`).
    """
    row = _waiting(connection, number, now_ms)
    _refuse_same(connection, row, by, now_ms)
    _refuse(connection, row["employee_id"], by, retention_years, now_ms)
    told = {"employee_id": row["employee_id"], "status": APPROVED}
    facts.record(connection, ERASURES, [told], by=by, document=row["recorded_document"], now_ms=now_ms)
    _destroy(connection, row["employee_id"], signer, now_ms)
    return _standing(connection, now_ms)[row["employee_id"]]


def reject(connection: Connection, number: int, *, by: str, document: str, now_ms: int) -> None:
    """Turn a proposal down, or take back one's own. Refused without the grant hr for the employee's agency."""
    row = _waiting(connection, number, now_ms)
    _require(connection, row["employee_id"], by, now_ms)
    told = {"employee_id": row["employee_id"], "status": REJECTED}
    facts.record(connection, ERASURES, [told], by=by, document=document, now_ms=now_ms)


def listed(connection: Connection, now_ms: int) -> list[Mapping[str, Any]]:
    """What was last said of each erasure, oldest first."""
    return list(_standing(connection, now_ms).values())


def erased(connection: Connection, employees: set[str], after_ms: int) -> list[str]:
    """Which of these people were erased after a moment."""
    table = ERASURES.table
    query = select(table.c.employee_id).where(table.c.status == APPROVED, table.c.recorded_ms > after_ms)
    return sorted(employees & set(connection.execute(query).scalars()))


def kept_until(connection: Connection, employee_id: str, retention_years: int, now_ms: int) -> date:
    """The first day on which the retention after the last month of service, or of pay, is over.

    NotFound when there is no such employee, Refused while the employee serves.
    """
    last = _last_fact(connection, employee_id, now_ms)
    end = min((day for day in (last["end_date"], last["valid_to"]) if day), default="")
    if not end or people.local_day(now_ms).isoformat() <= end:
        raise Refused(f"{employee_id} serves, and no end before today is known: nothing is erased")
    paid = (month for run, month in _runs(connection) if employee_id in _people(connection, run))
    year, month = (int(part) for part in max(end[:7], *paid, "").split("-"))
    return date(year + retention_years + month // 12, month % 12 + 1, 1)


def note(path: Path, row: Mapping[str, Any]) -> None:
    """Write an erasure down beside the database, for the day on which an older backup is restored."""
    told = {name: row[name] for name in ("employee_id", "recorded_ms", "recorded_by", "recorded_document")}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(told, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def again(connection: Connection, path: Path, signer: Signer, now_ms: int) -> list[str]:
    """Do again what was noted beside the database and what a backup from before it does not know; who it was."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    table, found = ERASURES.table, []
    for told in map(json.loads, lines):
        since = (table.c.employee_id == told["employee_id"]) & (table.c.recorded_ms >= told["recorded_ms"])
        if connection.execute(select(table).where(since, table.c.status == APPROVED)).first():
            continue
        row = {"employee_id": told["employee_id"], "status": APPROVED}
        document = f"{told['recorded_document']} (again after a restore)"
        facts.record(connection, ERASURES, [row], by=told["recorded_by"], document=document, now_ms=now_ms)
        _destroy(connection, told["employee_id"], signer, now_ms)
        found.append(told["employee_id"])
    return found


def _destroy(connection: Connection, employee_id: str, signer: Signer, now_ms: int) -> None:
    connection.exec_driver_sql("PRAGMA secure_delete = ON").fetchall()
    connection.execute(delete(person_keys).where(person_keys.c.employee == employee_id))
    enrolment.refresh(connection, signer, now_ms)  # a gallery without them, before the older ones go
    manifests.forget_older(connection, now_ms)
    own = select(enrolments.c.enrolment).where(enrolments.c.employee == employee_id)
    connection.execute(delete(despite_duplicates).where(despite_duplicates.c.enrolment.in_(own)))
    gone = {"matrix": b"", "rows": 0, "report": "[]", "state": "erased"}
    connection.execute(enrolments.update().where(enrolments.c.employee == employee_id), gone)
    connection.execute(delete(enrol_codes).where(enrol_codes.c.employee == employee_id))
    for kind in (CARDS, DATINGS, PROMPT_SETS, WITHDRAWALS):
        connection.execute(delete(kind.table).where(kind.table.c.employee_id == employee_id))
    connection.execute(delete(legacy_marks).where(legacy_marks.c.employee_id == employee_id))
    for run, _ in _runs(connection):
        if employee_id in _people(connection, run):
            _strip(connection, run, employee_id)
        _unname(connection, run, employee_id)


def _strip(connection: Connection, run: int, employee_id: str) -> None:
    """Take somebody's rows out of what a stored month tells of marks."""
    for name in _TELLING:
        where = (run_tables.c.run == run) & (run_tables.c.name == name)
        data = connection.execute(select(run_tables.c.parquet).where(where)).scalar()
        if data is not None:
            table = from_parquet(data)
            own = pc.equal(table["employee_id"], employee_id)
            kept = table.filter(pc.invert(own))
            if name == "lines":
                kept = pa.concat_tables([kept, _summed(table.filter(own))])
            connection.execute(run_tables.update().where(where), {"parquet": to_parquet(kept)})


def _unname(connection: Connection, run: int, employee_id: str) -> None:
    """Name somebody no more as who attested others' marks: an attested entry leads to the own marks of both."""
    where = (run_tables.c.run == run) & (run_tables.c.name == "attested")
    data = connection.execute(select(run_tables.c.parquet).where(where)).scalar()
    if data is not None:
        rows = from_parquet(data)
        for place, name in enumerate(rows.column_names):
            if name in ("colleague", "supervisor"):
                named = pc.if_else(pc.equal(rows[name], employee_id), _NOBODY, rows[name])
                rows = rows.set_column(place, name, named)
        connection.execute(run_tables.update().where(where), {"parquet": to_parquet(rows)})


def _summed(lines: pa.Table) -> pa.Table:
    """Somebody's lines without what they say of single days: so much for each step, that the pay still adds up."""
    undated = [line for line in lines.to_pylist() if line["date"] is None]
    sums: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines.to_pylist():
        if line["date"] is not None:
            one = sums.setdefault((line["step"], line["account"]), line | {"date": None, "rupiah": 0})
            one["rupiah"] += line["rupiah"]
    for one in sums.values():
        one |= {"kind": "amount", "base": abs(one["rupiah"]), "numerator": 1, "denominator": 1, "text": _GONE}
    told = [line | {"fact": ""} for line in (*undated, *sums.values())]
    return pa.Table.from_pylist(told, lines.schema)


def _runs(connection: Connection) -> list[tuple[int, str]]:
    return [(run, month) for run, month in connection.execute(select(runs.c.run, runs.c.month).order_by(runs.c.run))]


def _people(connection: Connection, run: int) -> set[str]:
    query = select(run_tables.c.parquet).where(run_tables.c.run == run, run_tables.c.name == "payments")
    return set(from_parquet(connection.execute(query).scalar_one())["employee_id"].to_pylist())


def _refuse(connection: Connection, employee_id: str, by: str, retention_years: int, now_ms: int) -> None:
    until = kept_until(connection, employee_id, retention_years, now_ms)
    _require(connection, employee_id, by, now_ms)
    if people.local_day(now_ms) < until:
        raise Refused(f"{employee_id} is kept until {until}: retention_years after the last month is {retention_years}")
    standing = _standing(connection, now_ms).get(employee_id)
    held = select(person_keys.c.employee).where(person_keys.c.employee == employee_id)
    if standing is not None and standing["status"] == APPROVED and connection.execute(held).first() is None:
        raise Conflict(f"{employee_id} was erased already (number {standing['fact']})")
    last: dict[tuple[str, str], str] = {}
    for month, agency, state in connection.execute(
        select(month_steps.c.month, month_steps.c.agency, month_steps.c.state).order_by(month_steps.c.step)
    ):
        last[month, agency] = state
    end = until.replace(year=until.year - retention_years).isoformat()[:7]
    for (month, agency), state in sorted(last.items()):
        if month < end and state not in _DONE:
            raise Conflict(f"{month} of {agency or 'all agencies'} is open ({state}): lock it, or reckon it no more")


def _require(connection: Connection, employee_id: str, by: str, now_ms: int) -> None:
    acting = grants.authority(connection, by, now_ms)
    acting.require((grants.HR,), _last_fact(connection, employee_id, now_ms)["agency"], f"erase {employee_id}")
    acting.refuse_own(employee_id, "decide the erasure")


def _last_fact(connection: Connection, employee_id: str, now_ms: int) -> Mapping[str, Any]:
    rows = [row for row in facts.as_of(connection, EMPLOYEES, now_ms) if row["employee_id"] == employee_id]
    if not rows:
        raise NotFound(f"there is no employee {employee_id!r}")
    return max(rows, key=lambda row: (row["valid_from"], row["fact"]))


def _refuse_same(connection: Connection, row: Mapping[str, Any], by: str, now_ms: int) -> None:
    if grants.authority(connection, by, now_ms).same_person(people.officer(connection, row["recorded_by"])):
        raise Refused(f"number {row['fact']} was proposed by {row['recorded_by']}: another officer must decide it")


def _standing(connection: Connection, now_ms: int) -> dict[str, dict[str, Any]]:
    return {row["employee_id"]: row for row in facts.as_of(connection, ERASURES, now_ms)}


def _waiting(connection: Connection, number: int, now_ms: int) -> dict[str, Any]:
    row = next((row for row in _standing(connection, now_ms).values() if row["fact"] == number), None)
    if row is None:
        raise NotFound(f"there is no erasure {number}; see: hadir server person erasures")
    if row["status"] != PROPOSED:
        raise Conflict(f"number {number} was {row['status']} by {row['recorded_by']} already")
    return row
