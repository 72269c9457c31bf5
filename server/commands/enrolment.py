"""Commands for enrolment: enrol-code, enrolments, approve, reject, templates, ageing."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from server.commands.common import Commands, by, opened, show_table, shown_time
from server.enrolment import ageing, service
from server.errors import ImportFailed, Refused


def register(commands: Commands) -> None:
    """Add the commands."""
    code = commands.add(
        "enrol-code", _code, "Print a one-time code to enrol an employee.", "hadir server enrol-code 1234 --by rina"
    )
    code.add_argument("employee")
    by(code, "the officer who opens the enrolment")
    commands.add("enrolments", _enrolments, "List what waits for a second officer.", "hadir server enrolments")
    approve = commands.add(
        "approve", _approve, "Approve enrolments; devices get a new gallery.", "hadir server approve 7 8 --by joko"
    )
    approve.add_argument("number", nargs="+", help="of the enrolment, or 'all'")
    approve.add_argument(
        "--despite", default="", metavar="REASON", help="why it is right in spite of the warnings that are shown"
    )
    by(approve, "another officer than the one who opened them")
    reject = commands.add("reject", _reject, "Refuse an enrolment.", "hadir server reject 7 --by joko")
    reject.add_argument("number", type=int)
    by(reject, "another officer than the one who opened it")
    templates = commands.add(
        "templates",
        _templates,
        "Import templates made elsewhere; they wait for approval.",
        "hadir server templates colleagues.json --by rina",
    )
    templates.add_argument("file", type=Path, help="JSON list of {employee_id, embedder, dimension, templates, report}")
    by(templates)
    aged = commands.add(
        "ageing", _ageing, "Propose whom to enrol anew; changes nothing.", "hadir server ageing --years 3"
    )
    aged.add_argument(
        "--years", type=float, default=ageing.YEARS, help=f"older templates are proposed ({ageing.YEARS:g})"
    )


def _code(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        print(service.open_code(connection, options.employee, options.by, parts.clock.now_ms()))
    print("valid once, for a day, on any claimed kiosk", file=sys.stderr)


def _enrolments(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        rows = service.pending(connection)
    show_table(
        f"{len(rows)} pending",
        ("number", "employee", "device", "templates", "opened by", "submitted", "warnings", "report"),
        (
            (
                row["enrolment"],
                row["employee"],
                row["device"] or "imported",
                row["rows"],
                row["opened_by"],
                shown_time(row["submitted_ms"]),
                "; ".join(row["warnings"]) or "—",
                "; ".join(row["report"]) or "—",
            )
            for row in rows
        ),
    )


def _approve(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        if options.number == ["all"]:
            numbers = [row["enrolment"] for row in service.pending(connection)]
        elif all(number.isdigit() for number in options.number):
            numbers = [int(number) for number in options.number]
        else:
            raise Refused("approve takes numbers of enrolments, or 'all'")
        now_ms = parts.clock.now_ms()
        signer, despite = parts.keyring.gallery, options.despite
        service.approve(connection, numbers, by=options.by, signer=signer, now_ms=now_ms, despite=despite)
    print(f"approved {len(numbers)}")


def _reject(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        service.reject(connection, options.number, by=options.by, now_ms=parts.clock.now_ms())
    print(f"rejected {options.number}; its templates are destroyed")


def _templates(options: argparse.Namespace) -> None:
    try:
        items = json.loads(options.file.read_bytes())
    except ValueError as error:
        raise ImportFailed(f"{options.file}: not JSON ({error})") from error
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ImportFailed(f"{options.file}: not a list of objects")
    parts = opened(options)
    with parts.database.write() as connection:
        numbers = service.import_templates(connection, items, by=options.by, now_ms=parts.clock.now_ms())
    print(f"{len(numbers)} pending, to be approved by another officer")


def _ageing(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        found = ageing.proposals(connection, parts.clock.now_ms(), options.years)
    show_table(
        f"{len(found)} to enrol anew (hadir server enrol-code)",
        ("employee", "enrolment", "approved", "why"),
        ((one.employee_id, one.enrolment, shown_time(one.approved_ms), one.reason) for one in found),
    )
