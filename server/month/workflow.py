"""From draft to payment: who may take a month further, what each step rests on, and what happens when nobody speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Connection, select

from server import facts
from server.allowance import month as months
from server.allowance.models import runs
from server.errors import Conflict, Refused
from server.month import reckoning, rules, since, staff, steps
from server.month.models import OBJECTIONS
from server.month.reckoning import CLOSED, DRAFT, SUSULAN, Reckoned, Scope
from server.month.undisputed import PAID_NOW
from server.people import grants
from server.people import service as people
from server.services import Services

REVIEW_DAYS = 5
HEAD_DAYS = 3
LEAST_DAYS = 2
"""Calendar days for objections, and after them for the head, unless the review says otherwise; the least of both."""
_SHOWN = 5
_WEST = timezone(timedelta(hours=7))


@dataclass(frozen=True)
class Agency:
    """Where a month stands for an agency: its last step (None: not begun) and objections that nobody answered."""

    agency: str
    employees: int
    step: Mapping[str, Any] | None
    unanswered: int


def draft(parts: Services, month: str, agency: str, *, by: str, why: str = "") -> Reckoned:
    """Reckon a month and show it; under review this replaces the draft and leaves the deadlines as they are.

    Refused without the grant hr; Conflict once it was approved.
    """
    now_ms = parts.clock.now_ms()
    regulation = rules.configured(parts)
    with parts.database.read() as connection:
        before = _may_draft(connection, month, agency, by, now_ms)
        reckoned = reckoning.reckon(connection, Scope(month, agency, now_ms), regulation)
    with parts.database.write() as connection:
        before = _may_draft(connection, month, agency, by, now_ms)
        run, _ = months.keep(connection, parts, reckoned, regulation, state=DRAFT, by=by, decree="")
        steps.add(
            connection,
            reckoned,
            state=before["state"] if before else steps.DRAFT,
            by=by,
            why=why or "draft",
            now_ms=now_ms,
            run=run,
            objections_until_ms=before["objections_until_ms"] if before else 0,
            head_until_ms=before["head_until_ms"] if before else 0,
        )
    return reckoned


def review(
    parts: Services,
    month: str,
    agency: str,
    *,
    by: str,
    until: date | None = None,
    head_until: date | None = None,
) -> Mapping[str, Any]:
    """Show the draft to the employees: they may object until the end of `until`, the head answers until `head_until`.

    Refused before the month has ended or without the grant hr; Conflict when there is no draft.
    """
    now_ms = parts.clock.now_ms()
    _, last = reckoning.span_of(month)
    months.refuse_unended(month, last, now_ms)
    today = people.local_day(now_ms)
    until = until or today + timedelta(days=REVIEW_DAYS)
    head_until = head_until or until + timedelta(days=HEAD_DAYS)
    if not today + timedelta(days=LEAST_DAYS) <= until < head_until:
        raise Refused(
            f"objections until {until}, the head until {head_until}: employees have {LEAST_DAYS} days at least, "
            "the head one more"
        )
    with parts.database.write() as connection:
        grants.authority(connection, by, now_ms).require((grants.HR,), agency, f"open the review of {month}")
        before = _expect(connection, month, agency, (steps.DRAFT,), "put under review")
        row = dict(before) | {"objections_until_ms": _end_ms(until), "head_until_ms": _end_ms(head_until)}
        why = f"objections until {until}, head until {head_until}"
        steps.follow(connection, row, state=steps.REVIEW, by=by, why=why, now_ms=now_ms)
    return row


def approve(parts: Services, month: str, agency: str, *, by: str, changes: int = 0) -> str:
    """The head's approval, and after it BKPSDM's (the grant hr), by another person; the state that results.

    The head approves the month as known at that moment; what is approved is what will be locked. An approval waits
    for the deadline of objections; unanswered ones are held, not decided. If the head's deadline passes in silence,
    BKPSDM goes on, and a step without an officer says so. `changes`: how many payments differ from the draft that the
    employees saw; Refused, naming them, when it is another number.
    """
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        before = _expect(connection, month, agency, (steps.REVIEW, steps.HEAD), "approved")
        as_head = _approves_as_head(connection, before, by, now_ms)
    if before["state"] == steps.HEAD:
        with parts.database.write() as connection:
            before = _expect(connection, month, agency, (steps.HEAD,), "approved by BKPSDM")
            _refuse_same(connection, before, by, now_ms)
            steps.follow(connection, before, state=steps.APPROVED, by=by, why="approved by BKPSDM", now_ms=now_ms)
        return steps.APPROVED
    regulation = rules.configured(parts)
    with parts.database.read() as connection:
        reckoned = reckoning.reckon(connection, Scope(month, agency, now_ms), regulation)
        changed = _changed(connection, before, reckoned, now_ms)
    if len(changed) != changes:
        raise Refused(
            f"{len(changed)} payments differ from the draft that the employees saw: "
            + "; ".join(changed[:_SHOWN])
            + ("; …" if len(changed) > _SHOWN else "")
            + f". Look at them, then approve with --changes {len(changed)}, or send the month back: "
            f"hadir server month return {month}"
        )
    with parts.database.write() as connection:
        before = _expect(connection, month, agency, (steps.REVIEW,), "approved")
        run, _ = months.keep(connection, parts, reckoned, regulation, state=DRAFT, by=by, decree="")
        silent = _unanswered(connection, month, agency, now_ms)
        held = f"; {silent} objections without an answer, held" if silent else ""
        held += f"; {changes} payments otherwise than the employees saw" if changes else ""
        steps.add(
            connection,
            reckoned,
            state=steps.HEAD,
            by=by if as_head else "",
            why=f"approved by the head{held}" if as_head else f"no word from the head until the deadline{held}",
            now_ms=now_ms,
            run=run,
            objections_until_ms=before["objections_until_ms"],
            head_until_ms=before["head_until_ms"],
        )
        if as_head:
            return steps.HEAD
        after = steps.standing(connection, month, agency)
        assert after is not None
        why = "approved by BKPSDM; the head was silent, which is no approval"
        steps.follow(connection, after, state=steps.APPROVED, by=by, why=why, now_ms=now_ms)
    return steps.APPROVED


def send_back(parts: Services, month: str, agency: str, *, by: str, why: str) -> None:
    """The head or BKPSDM sends an approved or reviewed month back to the draft, with the reason."""
    now_ms = parts.clock.now_ms()
    if not why:
        raise Refused("a month goes back with a reason: --why TEXT")
    with parts.database.write() as connection:
        acting = grants.authority(connection, by, now_ms)
        acting.require((grants.HEAD, grants.HR), agency, f"send {month} back")
        before = dict(_expect(connection, month, agency, steps.UNDER_REVIEW, "sent back"))
        row = before | {"objections_until_ms": 0, "head_until_ms": 0}
        steps.follow(connection, row, state=steps.DRAFT, by=by, why=why, now_ms=now_ms)


def lock(parts: Services, month: str, agency: str, *, by: str, decree: str = "") -> months.Closed:
    """Store for good what was approved: reckoned again from the facts as known at the head's approval.

    Refused without the grant hr, to whoever approved for BKPSDM, or, with assumed values, without a decree; Conflict
    unless BKPSDM approved it, or where what would be locked is not what was approved.
    """
    now_ms = parts.clock.now_ms()
    regulation = rules.configured(parts)
    months.refuse_assumed(regulation, decree)
    with parts.database.read() as connection:
        acting = grants.authority(connection, by, now_ms)
        acting.require((grants.HR,), agency, f"lock {month}")
        before = _expect(connection, month, agency, (steps.APPROVED,), "locked")
        if acting.same_person(people.officer(connection, before["made_by"])):
            raise Refused(f"{by} approved {month} for BKPSDM: another officer must lock it")
        reckoned = reckoning.reckon(connection, Scope(month, agency, before["cutoff_ms"]), regulation)
    if reckoned.digest != before["digest"]:
        raise Conflict(
            f"{month} of {agency or 'all agencies'} would not be what was approved: the regulation, the engine, "
            "a device or another agency's lock changed it since. Send it back and approve it again: "
            f"hadir server month return {month}"
        )
    with parts.database.write() as connection:
        _expect(connection, month, agency, (steps.APPROVED,), "locked")
        months.refuse_closed(connection, month, agency)
        months.refuse_owned(connection, reckoned)
        run, notes = months.keep(connection, parts, reckoned, regulation, state=CLOSED, by=by, decree=decree)
        why = "; ".join(part for part in ("as approved", decree) if part)
        steps.add(connection, reckoned, state=steps.LOCKED, by=by, why=why, now_ms=now_ms, run=run)
    return months.Closed(run, CLOSED, reckoned.result, reckoned.unresolved, notes)


def pay(parts: Services, month: str, agency: str, *, by: str, document: str) -> list[int]:
    """Record that the locked month, and each susulan of it that was not, has been paid; the runs' numbers.

    By the treasurer, who is another person than the one who locked; Conflict when nothing is left to pay.
    """
    now_ms = parts.clock.now_ms()
    if not document:
        raise Refused("a payment names its order: --document NUMBER (SP2D)")
    with parts.database.write() as connection:
        acting = grants.authority(connection, by, now_ms)
        acting.require((grants.TREASURER,), agency, f"pay {month}")
        waiting = unpaid(connection, month, agency)
        if not waiting:
            raise Conflict(f"nothing of {month} for {agency or 'all agencies'} is locked and unpaid")
        for run in waiting:
            if acting.same_person(people.officer(connection, run["made_by"])):
                raise Refused(f"{by} made run {run['run']}: another officer must pay it")
            steps.add_for_run(connection, run, state=steps.PAID, by=by, why=document, now_ms=now_ms)
    return [run["run"] for run in waiting]


def unpaid(connection: Connection, month: str, agency: str) -> list[Mapping[str, Any]]:
    """Locked runs and susulan of a month for exactly this agency that no step says were paid."""
    done = {row["run"] for row in steps.history(connection, month, agency) if row["state"] == steps.PAID}
    query = select(runs).where(runs.c.month == month, runs.c.agency == agency, runs.c.state.in_((CLOSED, SUSULAN)))
    rows = [dict(row) for row in connection.execute(query.order_by(runs.c.run)).mappings()]
    return [row for row in rows if row["run"] not in done]


def status(connection: Connection, month: str, now_ms: int) -> list[Agency]:
    """Where the month stands for each agency that has employees in it, and for all at once if it was handled so."""
    first, last = reckoning.span_of(month)
    counts: dict[str, int] = {}
    for row in staff.of_month(connection, first, last, now_ms, None, None).rows:
        counts[row["agency"]] = counts.get(row["agency"], 0) + 1
    handled = {row["agency"] for row in steps.history(connection, month)}
    names = sorted(handled - set(counts)) + sorted(counts)
    return [
        Agency(
            name,
            counts.get(name, sum(counts.values()) if not name else 0),
            steps.standing(connection, month, name),
            _unanswered(connection, month, name, now_ms),
        )
        for name in names
    ]


def _may_draft(connection: Connection, month: str, agency: str, by: str, now_ms: int) -> Mapping[str, Any] | None:
    grants.authority(connection, by, now_ms).require((grants.HR,), agency, f"draft {month}")
    months.refuse_closed(connection, month, agency)
    steps.refuse_under_review(connection, month, agency, but=agency)
    before = steps.standing(connection, month, agency)
    if before is not None and before["state"] == steps.REVIEW and now_ms > before["objections_until_ms"]:
        raise Conflict(
            f"{month}: nobody could object to another draft, the deadline is over. Approve it, or send it back: "
            f"hadir server month return {month}"
        )
    if before is not None and before["state"] in (steps.HEAD, steps.APPROVED):
        raise Conflict(
            f"{month} of {agency or 'all agencies'} was approved: send it back first with: "
            f"hadir server month return {month}"
        )
    return before


def _changed(connection: Connection, before: Mapping[str, Any], reckoned: Reckoned, now_ms: int) -> list[str]:
    """What each person would be paid otherwise than the draft says that the step `before` speaks of, and why."""

    def paid(rows: list[dict[str, Any]]) -> dict[str, int]:
        return {row["employee_id"]: row["net"] if row["status"] in PAID_NOW else 0 for row in rows}

    then = paid(months.table_of(connection, before["run"], "payments").to_pylist())
    now = paid(reckoned.result.payments.to_pylist())
    differing = sorted(who for who in then.keys() | now.keys() if then.get(who) != now.get(who))
    reasons = since.recorded(connection, differing, before["cutoff_ms"], now_ms)
    return [
        f"{who} {then.get(who, 0):,} → {now.get(who, 0):,} ({reasons.get(who, 'no fact about this person')})"
        for who in differing
    ]


def _expect(connection: Connection, month: str, agency: str, states: tuple[str, ...], what: str) -> Mapping[str, Any]:
    """The last step, which must be one of `states`; Conflict says what it is instead."""
    before = steps.standing(connection, month, agency)
    if before is None or before["state"] not in states:
        now = before["state"] if before else "not begun"
        raise Conflict(
            f"{month} of {agency or 'all agencies'} is {now}: only what is {' or '.join(states)} can be {what}"
        )
    return before


def _approves_as_head(connection: Connection, before: Mapping[str, Any], by: str, now_ms: int) -> bool:
    """Whether `by` speaks as the head now; Refused when it is not this officer's turn, or too early."""
    acting = grants.authority(connection, by, now_ms)
    month, agency = before["month"], before["agency"]
    if before["state"] == steps.HEAD:
        acting.require((grants.HR,), agency, f"approve {month} for BKPSDM")
        _refuse_same(connection, before, by, now_ms)
        return False
    if now_ms <= before["objections_until_ms"]:
        raise Refused(f"{month}: employees may object until {shown(before['objections_until_ms'])}; approve it then")
    if now_ms > before["head_until_ms"] and acting.may((grants.HR,), agency):
        return acting.may((grants.HEAD,), agency)
    acting.require((grants.HEAD,), agency, f"approve {month} before {shown(before['head_until_ms'])}")
    return True


def _refuse_same(connection: Connection, before: Mapping[str, Any], by: str, now_ms: int) -> None:
    if before["made_by"]:
        acting = grants.authority(connection, by, now_ms)
        if acting.same_person(people.officer(connection, before["made_by"])):
            raise Refused(f"{before['made_by']} approved {before['month']} as head: another officer must for BKPSDM")


def _unanswered(connection: Connection, month: str, agency: str, now_ms: int) -> int:
    agencies = {row["employee_id"]: row["agency"] for row in people.employees(connection, now_ms)}
    return sum(
        row["month"] == month
        and row["status"] == reckoning.FILED
        and (not agency or agencies.get(row["employee_id"]) == agency)
        for row in facts.as_of(connection, OBJECTIONS, now_ms)
    )


def _end_ms(day: date) -> int:
    """The last millisecond of a day, in the zone where it ends last."""
    return int(datetime.combine(day + timedelta(days=1), datetime.min.time(), _WEST).timestamp() * 1000) - 1


def shown(time_ms: int) -> str:
    """A deadline as people read it: the end of its day, in the zone where that comes last."""
    return datetime.fromtimestamp(time_ms / 1000, _WEST).strftime("%Y-%m-%d %H:%M WIB")
