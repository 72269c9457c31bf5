"""Commands for whom kiosks cannot decide on: attested allow, deny, limit, list; prompts file, approve, reject, list."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import UTC, date, datetime, timedelta

from protocol.roster import PROMPTS
from server.attendance import attested, events
from server.commands.common import Commands, by, day, opened, show_table
from server.devices import manifests
from server.devices import service as devices
from server.enrolment import prompts
from server.errors import Refused
from server.month.reckoning import span_of
from server.people import grants
from server.people import service as people

_READERS = (grants.HEAD, grants.HR, grants.AUDITOR)


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.group(
        "attested",
        "Marks that colleagues attest: allow, deny, limit, list.",
        "ACTION",
        "hadir server attested allow K01 --by rina",
    )
    for name, command, text in (
        ("allow", _allow, "Let a kiosk ask for them, and let them count. It needs a screen."),
        ("deny", _deny, "Let a kiosk ask for none any more."),
    ):
        parser = group.add(name, command, text, f"hadir server attested {name} K01 --by rina")
        parser.add_argument("device")
        by(parser)
    limit = group.add(
        "limit",
        _limit,
        "State how many a supervisor attests in a month; further ones do not count.",
        "hadir server attested limit 10 --agency dinkes --document SE/4 --by rina",
    )
    limit.add_argument("marks", type=int, help=f"where nobody states it: {attested.LIMIT}")
    limit.add_argument("--agency", default="", help="supervisors of this agency and those below it (default: all)")
    limit.add_argument("--document", required=True, help="what it rests on")
    by(limit)
    listing = group.add(
        "list", _list, "How many each supervisor attested.", "hadir server attested list --month 2026-10 --by rina"
    )
    listing.add_argument("--month", required=True, metavar="YYYY-MM")
    listing.add_argument("--by", default="", metavar="OFFICER", help="read as this officer may")
    _register_prompts(commands)


def _register_prompts(commands: Commands) -> None:
    group = commands.group(
        "prompts",
        "For who cannot blink or turn: file, approve, reject, list.",
        "ACTION",
        "hadir server prompts list --by rina",
    )
    file = group.add(
        "file",
        _file,
        "File alternative prompts; another officer approves them.",
        "hadir server prompts file 1234 --prompts turn_left,come_closer --document RS/12 --by rina",
    )
    file.add_argument("employee")
    file.add_argument(
        "--prompts", required=True, help=f"two or more of {','.join(PROMPTS)}, one a turn; or none: colleagues attest"
    )
    file.add_argument("--from", dest="first", type=day, metavar="DATE", help="default: today")
    file.add_argument("--to", dest="last", type=day, metavar="DATE", help="default: until rejected")
    file.add_argument("--document", required=True, help="what they rest on")
    by(file)
    approve = group.add(
        "approve", _approve, "Let them hold; kiosks get them.", "hadir server prompts approve 3 --by joko"
    )
    approve.add_argument("number", type=int, help="as file and list give it")
    by(approve)
    reject = group.add(
        "reject", _reject, "Turn them down, or take them back.", "hadir server prompts reject 3 --by joko"
    )
    reject.add_argument("number", type=int)
    reject.add_argument("--document", default="", help="why")
    by(reject)
    listing = group.add("list", _prompts, "Who is asked other prompts.", "hadir server prompts list --by rina")
    by(listing, "who reads: those are shown whose prompts the officer may decide")


def _allow(options: argparse.Namespace) -> None:
    _switch(options, allowed=True)
    print(f"{options.device} takes attested marks from its next contact on")


def _deny(options: argparse.Namespace) -> None:
    _switch(options, allowed=False)
    print(f"{options.device} takes no attested marks from its next contact on")


def _switch(options: argparse.Namespace, *, allowed: bool) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        acting = grants.authority(connection, options.by, now_ms)
        acting.require((grants.HR, grants.ADMIN), "", "say at which kiosks marks are attested")
        device = devices.allow(connection, options.device, attested.KIND, allowed)
        manifests.publish(connection, [device], parts.keyring.gallery, now_ms)


def _limit(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        attested.state_limit(
            connection, options.marks, agency=options.agency, by=options.by, document=options.document, now_ms=now_ms
        )
    print(f"a supervisor of {options.agency or 'any agency'} attests {options.marks} marks a month")


def _list(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    first, last = span_of(options.month)
    ends = (datetime.combine(one, datetime.min.time(), UTC) for one in (first, last + timedelta(days=1)))
    begin_ms, end_ms = (round(moment.timestamp() * 1000) for moment in ends)
    with parts.database.read() as connection:
        known = attested.Attestors.known(connection, now_ms)
        found = events.between(connection, begin_ms - 9 * 3_600_000, end_ms - 7 * 3_600_000, now_ms)
        reader = grants.authority(connection, options.by, now_ms) if options.by else None
    marks = [
        mark
        for mark in found.marks
        if mark.supervisor and (reader is None or reader.may(_READERS, known.agencies.get(mark.employee_id, "")))
    ]
    counts = Counter(mark.supervisor for mark in marks)
    columns = ("supervisor", "agency", "marks", "limit", "people", "colleagues")
    rows = (
        (
            who,
            known.agencies.get(who, ""),
            number,
            known.limit_of(who),
            len({mark.employee_id for mark in marks if mark.supervisor == who}),
            len({mark.colleague for mark in marks if mark.supervisor == who}),
        )
        for who, number in counts.most_common()
    )
    show_table(f"{len(marks)} attested marks in {options.month}", columns, rows)


def _file(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    chosen = [] if options.prompts == "none" else options.prompts.split(",")
    first: date = options.first or people.local_day(now_ms)
    with parts.database.write() as connection:
        number = prompts.file(
            connection,
            options.employee,
            chosen,
            first=first,
            last=options.last,
            by=options.by,
            document=options.document,
            now_ms=now_ms,
        )
    print(f"prompts {number}; another officer approves them: hadir server prompts approve {number}")


def _approve(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        row = prompts.approve(connection, options.number, by=options.by, now_ms=now_ms)
        manifests.publish(connection, devices.claimed(connection), parts.keyring.gallery, now_ms)
    print(f"{row['employee_id']} is asked {row['prompts'] or 'nothing: colleagues attest'} from {row['valid_from']} on")


def _reject(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        prompts.reject(connection, options.number, by=options.by, document=options.document, now_ms=now_ms)
        manifests.publish(connection, devices.claimed(connection), parts.keyring.gallery, now_ms)
    print(f"prompts {options.number}: rejected")


def _prompts(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        acting = grants.authority(connection, options.by, now_ms)
        rows = [
            (
                row["prompt_set"],
                row["employee_id"],
                row["prompts"] or "none",
                row["valid_from"],
                row["valid_to"] or "—",
                row["status"],
                row["filed_by"],
                row["recorded_by"],
                row["recorded_document"] or "—",
            )
            for row in prompts.listed(connection, now_ms)
            if acting.may((grants.HR,), acting.agencies.get(row["employee_id"], ""))
        ]
    if grants.HR not in acting.roles:
        raise Refused(f"{options.by} may not read whose prompts are others: the grant hr is missing")
    columns = ("number", "employee", "prompts", "from", "to", "status", "filed by", "last by", "document")
    show_table(f"{len(rows)} sets of prompts", columns, rows)
