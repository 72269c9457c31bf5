"""Commands for the withdrawal of approved templates: withdrawal propose, approve, reject, list."""

from __future__ import annotations

import argparse

from server.commands.common import Commands, by, opened, show_table, shown_time
from server.enrolment import withdrawing


def register(commands: Commands) -> None:
    """Add the commands."""
    example = 'hadir server withdrawal propose E00042 --document "BA 14: taken from a badge" --by rina'
    group = commands.group(
        "withdrawal", "Withdraw approved templates of who serves: by two officers.", "ACTION", example
    )
    propose = group.add("propose", _propose, "Ask that somebody's templates count no more.", example)
    propose.add_argument("employee")
    propose.add_argument("--document", required=True, metavar="REASON", help="why, and what it rests on")
    by(propose)
    approve = group.add(
        "approve",
        _approve,
        "Destroy them, as another officer asked; kiosks drop them at their next contact.",
        "hadir server withdrawal approve 1 --by joko",
    )
    approve.add_argument("number", type=int)
    by(approve, "another officer than the one who asked")
    example = 'hadir server withdrawal reject 1 --document "seen, it is her" --by joko'
    reject = group.add("reject", _reject, "Turn a withdrawal down, or take back one's own.", example)
    reject.add_argument("number", type=int)
    reject.add_argument("--document", required=True, metavar="REASON", help="why")
    by(reject)
    group.add("list", _list, "What was asked and done, why and by whom.", "hadir server withdrawal list")


def _propose(options: argparse.Namespace) -> None:
    parts = opened(options)
    now_ms = parts.clock.now_ms()
    with parts.database.write() as connection:
        number = withdrawing.propose(
            connection, options.employee, by=options.by, document=options.document, now_ms=now_ms
        )
    print(f"withdrawal {number}: another officer destroys with: hadir server withdrawal approve {number} --by OFFICER")


def _approve(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        row = withdrawing.approve(
            connection, options.number, by=options.by, signer=parts.keyring.gallery, now_ms=parts.clock.now_ms()
        )
    parts.database.vacuum()
    print(f"templates of {row['employee_id']} are destroyed; kiosks drop them at their next contact")


def _reject(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        withdrawing.reject(
            connection, options.number, by=options.by, document=options.document, now_ms=parts.clock.now_ms()
        )
    print(f"withdrawal {options.number} is rejected: the templates stay")


def _list(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        rows = withdrawing.listed(connection, parts.clock.now_ms())
    show_table(
        f"{len(rows)} withdrawals",
        ("number", "employee", "enrolment", "status", "asked by", "last by", "reason", "at"),
        (
            (
                row["fact"],
                row["employee_id"],
                row["enrolment"],
                row["status"],
                row["filed_by"],
                row["recorded_by"],
                row["recorded_document"],
                shown_time(row["recorded_ms"]),
            )
            for row in rows
        ),
    )
