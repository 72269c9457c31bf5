"""Commands for the cards of look-alikes: card issue, revoke, list."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from server.commands.common import Commands, by, day, opened, show_table
from server.devices import manifests
from server.devices import service as devices
from server.enrolment import card, cards, galleries, rosters
from server.errors import Refused
from server.people import grants
from server.people import service as people
from server.reports.atomic import whole_file


def register(commands: Commands) -> None:
    """Add the commands."""
    group = commands.group(
        "card",
        "Cards that look-alikes show: issue, revoke, list.",
        "ACTION",
        "hadir server card list --by rina",
    )
    issue = group.add(
        "issue",
        _issue,
        "Make a card; an earlier one of the employee ends. It is written once.",
        "hadir server card issue E00042 --out card.svg --by rina",
    )
    issue.add_argument("employee")
    issue.add_argument("--out", type=Path, metavar="FILE.svg", help="to print; default: shows the code's text")
    issue.add_argument("--to", dest="last", type=day, metavar="DATE", help="default: until revoked")
    issue.add_argument("--document", default="", help="what it rests on")
    by(issue)
    revoke = group.add(
        "revoke",
        _revoke,
        "End a card that is lost.",
        "hadir server card revoke E00042 --document lost --by rina",
    )
    revoke.add_argument("employee")
    revoke.add_argument("--document", default="", help="why")
    by(revoke)
    listing = group.add("list", _list, "Cards, and which look-alikes have none.", "hadir server card list --by rina")
    by(listing, "who reads: those are shown whose card the officer may decide")


def _issue(options: argparse.Namespace) -> None:
    out: Path | None = options.out
    last: date | None = options.last
    if out is not None and out.suffix != ".svg":
        raise Refused(f"{out}: a card is drawn as SVG, which browsers print: --out {out.stem}.svg")
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    # The card holds once it is written: without that nobody would have it.
    with parts.database.write() as connection:
        number, text = cards.issue(
            connection, options.employee, last=last, by=options.by, document=options.document, now_ms=now_ms
        )
        name = galleries.first_name(people.employee(connection, options.employee, now_ms)["name"])
        manifests.publish(connection, devices.claimed(connection), parts.keyring.gallery, now_ms)
        if out is not None:
            with whole_file(out) as stream:
                stream.write(card.drawn(text, number, name, last, parts.config.language).encode())
    print(text if out is None else out)
    print(f"card {number} of {options.employee}; kept by its hash alone, an earlier card has ended", file=sys.stderr)


def _revoke(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        number = cards.revoke(connection, options.employee, by=options.by, document=options.document, now_ms=now_ms)
        manifests.publish(connection, devices.claimed(connection), parts.keyring.gallery, now_ms)
    print(f"card {number} of {options.employee} is revoked; kiosks learn it at their next contact")


def _list(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        acting = grants.authority(connection, options.by, now_ms)
        gallery = galleries.current(connection, now_ms)
        alike = set() if gallery is None else rosters.look_alikes(gallery)
        names = people.pseudonyms(connection)
        rows = {row["employee_id"]: row for row in cards.listed(connection, now_ms)}
    if grants.HR not in acting.roles:
        raise Refused(f"{options.by} may not read who has a card: the grant hr is missing")
    who = sorted(rows.keys() | {employee for employee, name in names.items() if name in alike})
    shown = [one for one in who if acting.may((grants.HR,), acting.agencies.get(one, ""))]
    none = {"card": "—", "valid_to": "", "status": "none", "recorded_by": "", "recorded_document": ""}
    show_table(
        f"{len(shown)} people with a card, or alike",
        ("employee", "alike", "card", "status", "to", "last by", "document"),
        (
            (
                one,
                "yes" if names.get(one) in alike else "no",
                row["card"],
                row["status"],
                row["valid_to"] or "—",
                row["recorded_by"] or "—",
                row["recorded_document"] or "—",
            )
            for one in shown
            for row in [rows.get(one, none)]
        ),
    )
