"""Commands for when entries happened: dating show, list, decide, approve, reject."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from server.attendance import decisions, events
from server.attendance.dating import LATENCY_MS
from server.attendance.decisions import Looked
from server.attendance.events import WIDEST_MS, Mark
from server.commands.common import Commands, by, instant, opened, show_table, shown_time
from server.errors import Refused
from server.month.reckoning import span_of
from server.people import grants
from server.people import service as people
from server.reports import dating
from server.reports.atomic import whole_file
from server.reports.language import LANGUAGES, Language
from server.reports.safe import clean

_READERS = (grants.HEAD, grants.HR, grants.AUDITOR)


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.group(
        "dating", "When entries happened: show, list, decide, approve, reject.", "ACTION", "hadir server dating list"
    )
    show = group.add(
        "show", _show, "Why an entry has the date it has, and who decided.", "hadir server dating show K01/17"
    )
    show.add_argument("entry", metavar="DEVICE/SEQ")
    form = show.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as one JSON object, times in Unix milliseconds")
    form.add_argument("--page", type=Path, metavar="FILE", help="as an HTML page that needs nothing else")
    show.add_argument("--language", choices=LANGUAGES, help="of a page the configuration's by default, else English")
    _reader(show)
    listing = group.add(
        "list",
        _list,
        "Marks whose time is not known to 10 s, and whether their month waits for it.",
        "hadir server dating list --month 2026-10 --agency dinkes",
    )
    listing.add_argument("--month", default="", metavar="YYYY-MM", help="default: this month and the one before")
    listing.add_argument("--agency", default="", help="only people of this agency and those below it")
    _reader(listing)
    decide = group.add(
        "decide",
        _decide,
        "Say when a mark was, within what the evidence leaves; another officer approves it.",
        "hadir server dating decide K01/17 --at 2026-10-05T07:21:00+09:00 --document BA/7 --by rina",
    )
    decide.add_argument("entry", metavar="DEVICE/SEQ")
    for name, text in (
        ("--earliest", "not before"),
        ("--latest", "not after"),
        ("--at", "exactly then, in place of both"),
    ):
        decide.add_argument(name, type=instant, metavar="TIME", help=f"{text}: 2026-10-05T07:21:00+09:00")
    decide.add_argument("--document", required=True, help="what it rests on")
    by(decide)
    for name, command, text in (
        ("approve", _approve, "Let what another officer decided hold from now on."),
        ("reject", _reject, "Turn a decision down; one that holds does not from now on, until another officer says."),
    ):
        parser = group.add(name, command, text, f"hadir server dating {name} 3 --by joko")
        parser.add_argument("number", type=int, help="as decide and list give it")
        if name == "reject":
            parser.add_argument("--document", default="", help="why")
        by(parser)


def _reader(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", default="", metavar="OFFICER", help="read as this officer may; without it as the server's own terminal"
    )


def _show(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.read() as connection:
        looked = decisions.look(connection, options.entry, now_ms)
        if options.by:
            acting = grants.authority(connection, options.by, now_ms)
            own = looked.employee_id and acting.officer.employee == looked.employee_id
            if not own:
                agency = acting.agencies.get(looked.employee_id, "")
                acting.require(_READERS, agency, f"see when {looked.name} was")
        person = _person(connection, looked, now_ms)
    if options.json:
        print(json.dumps(dating.values(looked), ensure_ascii=False))
    elif options.page:
        say = Language(options.language or parts.config.language)
        with whole_file(options.page) as stream:
            dating.page(looked, say, person, parts.config.government, stream)
        print(f"why {looked.name} has its date: {options.page}")
    else:
        for heading, pairs in dating.sections(looked, Language(options.language or "en"), person):
            print(heading)
            for label, text in pairs:
                print(clean(f"    {label}: {text}" if label else f"    {text}"))


def _person(connection: Connection, looked: Looked, now_ms: int) -> str:
    if not looked.employee_id:
        return ""
    (row,) = people.with_names(connection, [{"employee_id": looked.employee_id}], now_ms)
    return f"{row['employee_id']} {row['name']}".rstrip()


def _list(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        rows = list(_wide(connection, options, parts.clock.now_ms()))
    columns = ("entry", "employee", "agency", "earliest", "latest", "by", "month", "decision")
    show_table("marks not dated to 10 s", columns, rows)


def _wide(connection: Connection, options: argparse.Namespace, now_ms: int) -> Iterable[tuple[str, ...]]:
    first_ms, last_ms = _span(options.month, now_ms)
    staff = {row["employee_id"]: row["agency"] for row in people.employees(connection, now_ms)}
    wanted = grants.below_of(grants.parents_of(connection, now_ms), options.agency, set(staff.values()))
    reader = grants.authority(connection, options.by, now_ms) if options.by else None
    told = decisions.standing(connection, now_ms)
    found = events.between(connection, first_ms, last_ms, now_ms)
    for mark in sorted((*found.undated, *found.marks), key=_begin):
        agency, width_ms = staff.get(mark.employee_id, ""), mark.dating.latest_ms - mark.dating.earliest_ms
        name = f"{mark.device}/{mark.seq}"
        decided = told.get(name)
        is_open = decided is not None and decided["status"] not in (events.APPROVED, decisions.REJECTED)
        if mark.device == events.LEGACY or (width_ms <= LATENCY_MS and not is_open):
            continue
        if (options.agency and agency not in wanted) or (reader and not reader.may(_READERS, agency)):
            continue
        waits = "waits" if width_ms > WIDEST_MS else "goes on"
        said = f"{decided['fact']} {decided['status']} by {decided['recorded_by']}" if decided else "—"
        span = shown_time(mark.dating.earliest_ms), shown_time(mark.dating.latest_ms)
        yield name, mark.employee_id, agency, *span, mark.dating.basis, waits, said


def _begin(mark: Mark) -> tuple[int, str, int]:
    return mark.dating.earliest_ms, mark.device, mark.seq


def _span(month: str, now_ms: int) -> tuple[int, int]:
    """First and last moment of a month anywhere in Indonesia; without one, from the month before on."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    first, last = span_of(month or f"{today:%Y-%m}")
    if not month:
        first = (first - timedelta(days=1)).replace(day=1)
    ends = (datetime.combine(day, datetime.min.time(), UTC) for day in (first, last + timedelta(days=1)))
    begin, end = (int(moment.timestamp() * 1000) for moment in ends)
    return begin - 9 * 3_600_000, end - 7 * 3_600_000


def _decide(options: argparse.Namespace) -> None:
    ends = (options.earliest, options.latest)
    if (options.at is None) == (ends == (None, None)) or (options.at is None and None in ends):
        raise Refused("say when with --at TIME, or with both --earliest TIME and --latest TIME")
    earliest_ms, latest_ms = ends if options.at is None else (options.at, options.at)
    parts = opened(options)
    with parts.database.write() as connection:
        number = decisions.propose(
            connection,
            options.entry,
            earliest_ms,
            latest_ms,
            by=options.by,
            document=options.document,
            now_ms=parts.clock.now_ms(),
        )
    print(f"{options.entry}: number {number}; another officer approves it: hadir server dating approve {number}")


def _approve(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        row = decisions.approve(connection, options.number, by=options.by, now_ms=parts.clock.now_ms())
    span = f"{shown_time(int(row['earliest_ms']))} to {shown_time(int(row['latest_ms']))}"
    print(f"{row['entry']} was {span}, from now on; months as of before stay as they were")


def _reject(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        status = decisions.reject(connection, options.number, by=options.by, document=options.document, now_ms=now_ms)
    print(f"number {options.number}: {status}")
