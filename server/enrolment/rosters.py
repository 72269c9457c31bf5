"""Rosters made of the facts: who may attest as a supervisor, and who is asked other prompts."""

from __future__ import annotations

from sqlalchemy import Connection

from protocol.roster import PromptSet, Roster, Supervisor
from server.attendance import attested
from server.enrolment import prompts
from server.people import service as people


def current(connection: Connection, now_ms: int, *, attests: bool) -> Roster:
    """The roster as the facts stand, future days included; `attests`: the device takes attested marks.

    Of people who serve alone: the device needs no others.
    """
    serve = {row["employee_id"] for row in people.employees(connection, now_ms) if people.active(row, now_ms)}
    names = {who: name for who, name in people.pseudonyms(connection).items() if who in serve}
    today = people.local_day(now_ms).isoformat()
    supervisors = sorted(
        (names[who], first, last)
        for who, first, last in (attested.supervisors(connection, now_ms) if attests else ())
        if who in names and (not last or today <= last)
    )
    sets = [
        PromptSet(row["valid_from"], row["valid_to"], names[row["employee_id"]], int(row["prompt_set"]),
                  tuple(row["prompts"].split()))
        for row in prompts.listed(connection, now_ms)
        if row["status"] == prompts.APPROVED and row["employee_id"] in names
        and (not row["valid_to"] or today <= row["valid_to"])
    ]  # fmt: skip
    return Roster(tuple(Supervisor(first, last, who) for who, first, last in supervisors), tuple(sets))
