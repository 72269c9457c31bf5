"""Commands for erasure: person erase, approve, reject, erasures."""

from __future__ import annotations

import argparse

from server.commands.common import Commands, by, opened, show_table, shown_time
from server.people import erasing


def register(commands: Commands) -> None:
    """Add the commands."""
    example = "hadir server person erase E00031 --document BA/12 --by rina"
    group = commands.group("person", "Erase who left long ago: by two officers.", "ACTION", example)
    erase = group.add(
        "erase", _erase, "Ask to have somebody's pseudonym key and templates destroyed after the retention.", example
    )
    erase.add_argument("employee")
    erase.add_argument("--document", required=True, help="what it rests on")
    by(erase)
    example = "hadir server person approve 1 --by joko"
    approve = group.add("approve", _approve, "Destroy them, as another officer asked. There is no way back.", example)
    approve.add_argument("number", type=int)
    by(approve)
    example = "hadir server person reject 1 --document BA/13 --by joko"
    reject = group.add("reject", _reject, "Turn an erasure down.", example)
    reject.add_argument("number", type=int)
    reject.add_argument("--document", required=True, help="what it rests on")
    by(reject)
    group.add("erasures", _erasures, "List what was asked and done.", "hadir server person erasures")


def _erase(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        number = erasing.propose(
            connection,
            options.employee,
            by=options.by,
            document=options.document,
            retention_years=parts.config.retention_years,
            now_ms=parts.clock.now_ms(),
        )
    print(f"number {number}: another officer destroys with: hadir server person approve {number} --by OFFICER")


def _approve(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        row = erasing.approve(
            connection,
            options.number,
            by=options.by,
            retention_years=parts.config.retention_years,
            signer=parts.keyring.gallery,
            now_ms=parts.clock.now_ms(),
        )
        erasing.note(parts.config.erasures, row)
    parts.database.vacuum()
    print(f"{row['employee_id']} is erased: no entry of a log can be told to be theirs")
    print("backups from before still hold the key: destroy them when their time is over")


def _reject(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        now_ms = parts.clock.now_ms()
        erasing.reject(connection, options.number, by=options.by, document=options.document, now_ms=now_ms)
    print(f"number {options.number} is rejected: nothing was erased")


def _erasures(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        found = erasing.listed(connection, parts.clock.now_ms())
    show_table(
        f"{len(found)} erasures",
        ("number", "employee", "status", "by", "document", "at"),
        (
            (
                row["fact"],
                row["employee_id"],
                row["status"],
                row["recorded_by"],
                row["recorded_document"],
                shown_time(row["recorded_ms"]),
            )
            for row in found
        ),
    )
