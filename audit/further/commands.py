"""The commands beyond `verify`: keys, national, check, prove, diff."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from audit.__main__ import Parser, open_source, read_keys
from audit.further import check, diff, national, prove
from audit.report import escape
from audit.sources import AuditError
from audit.verify import DeviceReport, key_chain
from protocol.errors import ProtocolError
from protocol.keychange import KeyChain
from protocol.note import Verifier

_EPILOG = """\
example:
  hadir audit keys server.db > keys.txt         once; compare with claim sheets
  hadir audit verify server.db --keys keys.txt  at any time after

Exit code: 0 nothing found, 1 something found, 2 nothing could be checked."""


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        found: bool = options.run(options)
    except (AuditError, ProtocolError, KeyboardInterrupt) as error:
        print(f"hadir audit: {escape(str(error)) or 'interrupted, nothing is decided'}", file=sys.stderr)
        return 2
    return 1 if found else 0


def _keys(options: argparse.Namespace) -> bool:
    with open_source(options.source) as source:
        for log in source.logs:
            chain = key_chain(log, None, DeviceReport(log.name))  # `hadir audit verify` names what is wrong with it
            for key in dict.fromkeys([*log.keys, *(str(key) for key, _ in chain.keys)]):
                print(escape(key))
    return False


def _national(options: argparse.Namespace) -> bool:
    """Check the log, then that each device's log has the checkpoints that the national log holds of it."""
    log_key = _log_key(options.log_key)
    held: dict[str, set[int]] = {}
    pinned = read_keys(options.keys) if options.keys else None
    chains: dict[str, KeyChain] = {}
    with open_source(options.source) as source:
        for device in source.logs:
            held[device.name] = {size for size, _, _ in device.checkpoints}
            mine = None if pinned is None else pinned.get(device.name, [])
            chains[device.name] = key_chain(device, mine, DeviceReport(device.name))
    for name in (pinned or {}).keys() - chains.keys():
        chains[name] = KeyChain.of((pinned or {})[name])
    with national.open_national(options.source) as log:
        report = national.verify_national(log, log_key, chains)
        print(f"Keys: of the log {'pinned' if log_key else 'from the source itself: ' + escape(log.key)};", end=" ")
        print("of the devices", "pinned" if options.keys else "from the source itself")
    for name, sizes in sorted(report.sizes.items()):
        stored = held.get(name, set())
        if (end := max(stored, default=0)) < sizes[-1]:
            report.add(f"{name}: cut off at {end} entries: the national log holds its checkpoint of {sizes[-1]}")
        for size in sorted(size for size in sizes if size < end and size not in stored):
            report.add(f"{name}: its checkpoint of {size} entries is missing, though the national log holds it")
    for finding in report.findings:
        print(escape(finding))
    print(f"{'FAILED' if report.findings else 'OK'}: {report.size:,} checkpoints of {len(report.sizes)} devices")
    return bool(report.findings)


def _check(options: argparse.Namespace) -> bool:
    keys = read_keys(options.keys) if options.keys else {}
    log_key = _log_key(options.log_key)
    failed = False
    for path in options.files:
        try:
            print(escape(check.check_file(path, keys, log_key)))
        except ProtocolError as error:
            failed = True
            print(escape(f"{path}: NOT PROVEN: {error}"))
    return failed


def _prove(options: argparse.Namespace) -> bool:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", options.month):
        raise AuditError(f"{options.month!r} is not a month like 2026-10")
    made = prove.prove_month(options.source, options.employee, options.month, options.out)
    print(escape(f"{len(made)} marks of {options.employee} in {options.month}: a proof of each is in {options.out}"))
    return False


def _diff(options: argparse.Namespace) -> bool:
    log_key = _log_key(options.log_key)
    different = False
    if not any(diff.is_note(Path(text)) for text in (options.a, options.b)):
        with open_source(options.a) as a, open_source(options.b) as b:
            print(f"A: {escape(a.title)}\nB: {escape(b.title)}")
            for differs, said in diff.compare_logs(a, b):
                different |= differs
                print(said)
    elif log_key is None:
        raise AuditError("a checkpoint is compared with the national log's key: --log-key FILE")
    if log_key is not None:
        with diff.open_view(options.a) as one, diff.open_view(options.b) as other:
            said, evidence = diff.compare_national(one, other, log_key)
        print(said)
        if evidence is not None:
            different = True
            options.evidence.write_bytes(evidence.encode())
            print(escape(f"proof of it, for anybody who has the log's key: hadir audit check {options.evidence}"))
    return different


def _log_key(path: Path | None) -> Verifier | None:
    return None if path is None else Verifier.parse(check.read_bounded(path).decode(errors="replace").strip())


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="hadir audit", epilog=_EPILOG, formatter_class=style)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("verify", help="every entry and checkpoint, with public keys alone")

    def add(name: str, run: Callable[[argparse.Namespace], bool], summary: str, example: str) -> Any:
        text = f"example:\n  hadir audit {example}"
        added = commands.add_parser(name, help=summary, description=summary, epilog=text, formatter_class=style)
        added.set_defaults(run=run)
        return added

    keys = add("keys", _keys, "print the devices' keys", "keys server.db > keys.txt")
    keys.add_argument("source", metavar="SOURCE", help="database, card or address")
    example = "national server.db --keys keys.txt --log-key log.txt"
    whole = add("national", _national, "the national log, and whether a device's log was cut off", example)
    whole.add_argument("source", metavar="SOURCE", help="a server's database or address")
    example = "check proofs/*.tlog-proof --keys keys.txt --log-key log.txt"
    files = add("check", _check, "proof files, the entry beside each, or evidence; offline", example)
    files.add_argument("files", metavar="FILE", nargs="+", type=Path)
    make = add("prove", _prove, "make a proof of each mark of a person", "prove server.db E1234 2026-10 --out proofs")
    make.add_argument("source", metavar="SOURCE", type=Path, help="a server's database")
    make.add_argument("employee", metavar="EMPLOYEE", help="the employee's id")
    make.add_argument("month", metavar="MONTH", help="like 2026-10")
    make.add_argument("--out", metavar="FOLDER", type=Path, default=Path("proofs"), help="default: proofs")
    example = "diff server.db /media/card\n  hadir audit diff kept-from-may.note server.db --log-key log.txt"
    two = add("diff", _diff, "two views, or a checkpoint kept from earlier and a view", example)
    two.add_argument("a", metavar="A", help="database, card, address, or checkpoint of the national log")
    two.add_argument("b", metavar="B")
    two.add_argument("--evidence", metavar="FILE", type=Path, default=Path("two-logs.json"), help="where it goes")
    for command in (whole, files):
        command.add_argument("--keys", metavar="FILE", type=Path, help="pinned keys of the devices, one a line")
    for command in (whole, files, two):
        command.add_argument("--log-key", metavar="FILE", type=Path, help="pinned key of the national log")
    return parser
