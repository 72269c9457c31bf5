"""Commands for proofs and audits: prove, logs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from server.attendance import events
from server.commands.common import Commands, opened
from server.errors import NotFound, Refused
from server.people import service as people
from server.reports.safe import clean
from server.transparency import service
from server.transparency.export import export

_EAST_MS, _WEST_MS = 9 * 3_600_000, 7 * 3_600_000  # WIT is the first zone whose month begins, WIB the last whose ends


def register(commands: Commands) -> None:
    """Add the commands."""
    prove = commands.add(
        "prove",
        _prove,
        "Prove that a person's marks of a month are in the logs.",
        "hadir server prove E1234 2026-10 --out proofs",
    )
    prove.add_argument("employee", help="the employee's id")
    prove.add_argument("month", help="like 2026-10")
    prove.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="made unless it is there")
    logs = commands.add(
        "logs",
        _logs,
        "Write all logs into one file, for hadir audit verify.",
        "hadir server logs --out logs.db",
    )
    logs.add_argument("--out", type=Path, required=True, metavar="FILE", help="replaced if it is there")


def _prove(options: argparse.Namespace) -> None:
    first_ms, last_ms = _month(options.month)
    parts = opened(options)
    with parts.database.read() as connection:
        if options.employee not in people.pseudonyms(connection):
            raise NotFound(f"{options.employee} has no pseudonym: never enrolled, or erased")
        # Also what does not count, or is not dated yet: whether it is in the log is another question.
        found = events.between(connection, first_ms, last_ms, parts.clock.now_ms())
        seen: list[events.Mark | events.Uncounted] = [*found.marks, *found.undated, *found.uncounted]
        marks = [mark for mark in seen if mark.employee_id == options.employee and mark.device != events.LEGACY]
        proofs = [(mark, *service.full_proof(connection, mark.device, mark.seq)) for mark in marks]
    options.out.mkdir(parents=True, exist_ok=True)
    for mark, data, proof in proofs:
        path = options.out / f"{mark.device}-{mark.seq}.tlog-proof"
        path.write_bytes(proof.encode())
        path.with_suffix(".json").write_bytes(data)
    print(f"{len(proofs)} marks of {clean(options.employee)} in {options.month}, each with its entry: {options.out}")
    print("check them with: hadir audit check FILE… --keys FILE --log-key FILE")


def _logs(options: argparse.Namespace) -> None:
    count, size = export(opened(options).database, options.out)
    print(f"{count} logs, {size} entries: {options.out}")


def _month(text: str) -> tuple[int, int]:
    """First and last millisecond of a month anywhere in Indonesia."""
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused(f"{text!r} is not a month like 2026-10") from error
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp() * 1000) - _EAST_MS, int(after.timestamp() * 1000) - _WEST_MS - 1
