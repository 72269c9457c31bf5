"""Commands for what excuses an absence: order, leave, correction."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from server.commands.common import SHOWN, Commands, by, opened, regulation_of, show_table, shown_time
from server.errors import Refused
from server.orders import papers
from server.orders import service as orders
from server.people import service as people
from server.reports.safe import clean


def register(commands: Commands) -> None:
    """Add the commands."""
    _order_commands(commands)
    _paper_commands(
        commands,
        "leave",
        "Leave: request, approve, reject, withdraw, list.",
        "hadir server leave request E00042 annual --from 2026-10-05 --to 2026-10-06 --document 850/3 --by budi",
    )
    group = _paper_commands(
        commands,
        "correction",
        "Corrections: request, bulk, approve, reject, withdraw, list.",
        "hadir server correction request E00042 other --from 2026-10-06T16:00:00+09:00 --document 7 --by budi",
    )
    bulk = group.add(
        "bulk",
        _bulk,
        "Ask for everybody of a site whose kiosk failed.",
        "hadir server correction bulk --site dukcapil --from 2026-10-06T07:00:00+09:00 --to 2026-10-06T09:30:00+09:00 "
        '--reason "no power" --document BA/3 --by rina',
    )
    bulk.add_argument("--site", required=True)
    _span(bulk)
    bulk.add_argument("--reason", required=True)
    bulk.add_argument("--document", required=True)
    by(bulk)


def _order_commands(commands: Commands) -> None:
    summary = "Orders: issue, accept, report, confirm, cancel, list."
    group = commands.group("order", summary, "ACTION", "hadir server order list")
    issue = group.add(
        "issue",
        _issue,
        "Issue a duty order.",
        "hadir server order issue ST-7 --people E00042,E00043 --from 2026-10-05 --to 2026-10-06 --place Masohi "
        '--document 094/7 --tasks "supervision" --by joko',
    )
    issue.add_argument("number")
    issue.add_argument("--people", required=True, help="employee ids, separated by commas")
    _span(issue)
    issue.add_argument("--place", required=True)
    issue.add_argument("--document", required=True, help="number of the letter")
    issue.add_argument("--tasks", required=True)
    by(issue)
    for name, action, text in (
        ("accept", _accept, "Take an order on."),
        ("report", _report, "Report what was done, with evidence."),
        ("confirm", _confirm, "Confirm reports: the order excuses from now on."),
        ("cancel", _cancel, "Take an order back; a confirmed one when another officer says so too."),
    ):
        more = {"report": ' --text "done" --evidence photo.jpg', "cancel": ' --reason "postponed"'}.get(name, "")
        parser = group.add(name, action, text, f"hadir server order {name} ST-7 --employee E00042{more} --by joko")
        parser.add_argument("number")
        parser.add_argument("--employee", default="", help="default: oneself, or, to confirm and cancel, all it names")
        if name == "report":
            parser.add_argument("--text", required=True)
            parser.add_argument("--evidence", type=Path, action="append", default=[], metavar="FILE", help="repeatable")
        if name == "cancel":
            parser.add_argument("--reason", required=True)
        by(parser)
    listed = group.add("list", _orders, "List orders that are not confirmed.", "hadir server order list --all")
    listed.add_argument("--all", action="store_true", help="the others too")


def _paper_commands(commands: Commands, what: str, summary: str, example: str) -> Commands:
    group = commands.group(what, summary, "ACTION", example)
    ask = group.add("request", _request, f"Ask for a {what}.", example)
    ask.add_argument("employee")
    ask.add_argument("kind", help="as the regulation names it under excuses")
    _span(ask)
    ask.add_argument("--document", default="", help="what it rests on")
    if what == "correction":
        ask.add_argument("--reason", default="")
    by(ask)
    for status, verb in ((papers.APPROVED, "approve"), (papers.REJECTED, "reject")):
        decide = group.add(
            verb, _decide, f"{verb.capitalize()} what another asked for.", f"hadir server {what} {verb} 7 8 --by joko"
        )
        decide.add_argument("number", nargs="*", type=int, help=f"as: hadir server {what} list")
        decide.add_argument("--document", default="", help="all that wait under this document")
        decide.set_defaults(status=status, what=what)
        by(decide, "another officer than the one who asked")
    take = group.add(
        "withdraw",
        _withdraw,
        "Take back what was asked; what was approved when another officer says so too.",
        f"hadir server {what} withdraw 7 --reason error --by joko",
    )
    take.add_argument("number", type=int)
    take.add_argument("--reason", required=True)
    by(take)
    listed = group.add("list", _papers, "List what waits.", f"hadir server {what} list --all")
    listed.add_argument("--all", action="store_true", help="every row that ever was")
    for parser in (ask, take, listed):
        parser.set_defaults(what=what)
    return group


def _span(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", required=True, metavar="WHEN", help="date, or instant with offset")
    parser.add_argument("--to", dest="last", default="", metavar="WHEN", help="default: the same day, or open")


def _own(connection: Connection, options: argparse.Namespace) -> str:
    """The employee of whom the command speaks: the one named, or the officer's own self."""
    own = people.officer(connection, options.by).employee
    if not options.employee and not own:
        raise Refused(f"{options.by} is no employee: say whose it is with --employee ID")
    return options.employee or own


def _issue(options: argparse.Namespace) -> None:
    parts = opened(options)
    named = [name for name in options.people.split(",") if name]
    with parts.database.write() as connection:
        odd = orders.issue(
            connection,
            options.number,
            named,
            first=options.first,
            last=options.last or options.first,
            place=options.place,
            document=options.document,
            tasks=options.tasks,
            by=options.by,
            now_ms=parts.clock.now_ms(),
        )
    print(f"issued {options.number} to {len(named)}")
    _show_odd(odd)


def _accept(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        who = _own(connection, options)
        orders.accept(connection, options.number, who, by=options.by, now_ms=parts.clock.now_ms())
    print(f"{who} accepted {options.number}")


def _report(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        who = _own(connection, options)
        orders.report(
            connection,
            options.number,
            who,
            text=options.text,
            evidence=options.evidence,
            by=options.by,
            now_ms=parts.clock.now_ms(),
        )
    print(f"{who} reported on {options.number}; it waits to be confirmed")


def _confirm(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        named = [options.employee] if options.employee else orders.people_of(connection, options.number, now_ms)
        for who in named:
            orders.confirm(connection, options.number, who, by=options.by, now_ms=now_ms)
    print(f"confirmed {options.number} for {', '.join(named)}")


def _cancel(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        named = [options.employee] if options.employee else orders.people_of(connection, options.number, now_ms)
        found: dict[str, list[str]] = defaultdict(list)
        for who in named:
            after = orders.cancel(connection, options.number, who, reason=options.reason, by=options.by, now_ms=now_ms)
            found[after].append(who)
    for after, whose in found.items():
        print(f"{after} {options.number} for {', '.join(whose)}{_SECOND if after == papers.WITHDRAWING else ''}")


_SECOND = "; it was confirmed or approved: held until another officer says the same, or confirms or approves it again"


def _show_odd(notes: Sequence[str]) -> None:
    for note in notes[:SHOWN]:
        print(clean(f"look: {note}"))
    if len(notes) > SHOWN:
        print(f"look: and {len(notes) - SHOWN} more such")


def _orders(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        rows = orders.listed(connection, parts.clock.now_ms(), unfinished=not options.all)
    columns = ("order_id", "employee_id", "name", "from", "to", "place", "tasks", "document", "status")
    show_table(
        f"{len(rows)} orders",
        ("order", "employee", "name", "from", "to", "place", "tasks", "document", "state", "report", "evidence", "why"),
        ([row[name] or "—" for name in (*columns, "report", "evidence")] + [_why(row)] for row in rows),
    )


def _why(row: Mapping[str, Any]) -> str:
    """The reason that a correction states, and that with which somebody takes something back."""
    back = row["recorded_document"] if row["status"] in _BACK and row["recorded_document"] != row["document"] else ""
    return "; ".join(text for text in (back, row.get("reason", "")) if text) or "—"


_BACK = (papers.WITHDRAWING, papers.WITHDRAWN, orders.CANCELLED)


def _request(options: argparse.Namespace) -> None:
    parts = opened(options)
    row = {
        "employee_id": options.employee,
        "kind": options.kind,
        "from": options.first,
        "to": options.last,
    }
    if options.what == "correction":
        row |= {"date": options.first[:10], "reason": options.reason}
    regulation = regulation_of(parts)
    with parts.database.write() as connection:
        odd = papers.request(
            connection,
            options.what,
            row,
            regulation.excuses if regulation else None,
            by=options.by,
            document=options.document,
            now_ms=parts.clock.now_ms(),
        )
    print(f"requested; another officer decides: hadir server {options.what} list")
    _show_odd(odd)


def _bulk(options: argparse.Namespace) -> None:
    parts = opened(options)
    regulation = regulation_of(parts)
    with parts.database.write() as connection:
        named = papers.request_for_site(
            connection,
            options.site,
            options.first,
            options.last or options.first,
            regulation.excuses if regulation else None,
            reason=options.reason,
            document=options.document,
            by=options.by,
            now_ms=parts.clock.now_ms(),
        )
    print(f"requested for {len(named)} of {options.site}; another officer approves with --document {options.document}")


def _decide(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    left: tuple[tuple[Mapping[str, str], str], ...] = ()
    with parts.database.write() as connection:
        if options.document:
            decided = papers.decide_document(
                connection, options.what, options.document, options.status, by=options.by, now_ms=now_ms
            )
            count, left = len(decided.done), decided.left
        else:
            count = len(
                papers.decide(connection, options.what, options.number, options.status, by=options.by, now_ms=now_ms)
            )
    print(f"{options.status} {count}" + (f"; {len(left)} still wait:" if left else ""))
    for _, reason in left[:SHOWN]:
        print(clean(reason))


def _withdraw(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        after = papers.withdraw(
            connection,
            options.what,
            options.number,
            by=options.by,
            reason=options.reason,
            now_ms=parts.clock.now_ms(),
        )
    print(f"{after} {options.number}{_SECOND if after == papers.WITHDRAWING else ''}")


def _papers(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        rows = papers.listed(connection, options.what, parts.clock.now_ms(), waiting=not options.all)
    columns = ["number", "employee", "name", "kind", "from", "to", "why", "document", "state", "by", "recorded"]
    show_table(
        f"{options.what}: {len(rows)}" + ("" if options.all else " waiting"),
        [*columns, "instead of"] if options.all else columns,
        (_cells(row)[: len(columns) + options.all] for row in rows),
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    told = [str(row[name] or "—") for name in ("fact", "employee_id", "name", "kind", "from", "to")]
    told += [_why(row), row["document"] or "—", row["status"] or "—", row["recorded_by"]]
    return [*told, shown_time(row["recorded_ms"]), str(row["supersedes"] or "—")]
