"""The command line: `hadir audit verify SOURCE` and `hadir audit keys SOURCE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from audit.remote import open_server
from audit.report import Report, escape
from audit.sources import AuditError, Source, open_database
from audit.verify import DeviceReport, Finding, device_key, verify_log
from protocol.note import Verifier

_DESCRIPTION = """\
Check devices' logs with public keys alone, trusting neither server nor kiosk.
SOURCE: a server's database (server.db), a kiosk's journal (journal.db), a
folder with one of them, or a server's address (the auditor's token is taken
from the variable HADIR_AUDITOR_TOKEN). It is only read."""
_EPILOG = """\
example:
  hadir audit keys server.db > keys.txt         once; compare with claim sheets
  hadir audit verify server.db --keys keys.txt  at any time after

Exit code: 0 nothing found, 1 something found, 2 nothing could be checked."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage."""
        self.exit(2, f"hadir audit: {escape(message)} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    is_address = options.source.startswith(("http://", "https://"))
    try:
        pinned = read_keys(options.keys) if options.keys else None
        with open_server(options.source) if is_address else open_database(Path(options.source)) as source:
            if options.command == "keys":
                print("\n".join(escape(key) for log in source.logs for key in log.keys))
                return 0
            report = verify(source, pinned)
    except AuditError as error:
        print(f"hadir audit: {escape(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("hadir audit: interrupted, nothing is decided", file=sys.stderr)
        return 130
    print(report.json() if options.json else report.text())
    return 0 if report.ok else 1


def verify(source: Source, pinned: Mapping[str, Sequence[Verifier]] | None = None) -> Report:
    """Check every log of a source with the keys pinned by device, or with its own; AuditError when it has no log."""
    devices = [verify_log(log, pinned if pinned is None else pinned.get(log.name, [])) for log in source.logs]
    if pinned is not None and source.whole:
        lost = Finding("log", None, None, "its key is pinned, but the source holds nothing of it")
        names = pinned.keys() - {device.name for device in devices}
        devices += [DeviceReport(name, findings=[lost]) for name in sorted(names)]
    if not devices:
        raise AuditError(f"{source.title} holds no device's log: there is nothing to verify")
    return Report(source.title, "from source" if pinned is None else "pinned", devices)


def read_keys(path: Path) -> dict[str, list[Verifier]]:
    """The keys of a file by device: one a line, besides comments (#); AuditError names the line that is no such key."""
    result: dict[str, list[Verifier]] = {}
    number = 0
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            number += 1
            if line.strip() and not line.startswith("#"):
                device, key = device_key(line.strip())
                result.setdefault(device, []).append(key)
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # ProtocolError, or not UTF-8
        raise AuditError(f"{path}, line {number}: {error}") from error
    if not result:
        raise AuditError(f"{path} holds no key: a verifier key a line is expected, as on the claim sheets")
    return result


def _parser() -> argparse.ArgumentParser:
    style = argparse.RawDescriptionHelpFormatter
    texts: dict[str, Any] = {"description": _DESCRIPTION, "epilog": _EPILOG, "formatter_class": style}
    parser = _Parser(prog="hadir audit", **texts)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser("verify", help="check every entry and checkpoint", **texts)
    check.add_argument("--keys", metavar="FILE", type=Path, help="pinned verifier keys, one a line")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    keys = commands.add_parser("keys", help="print the devices' keys, to be pinned", **texts)
    keys.set_defaults(keys=None)
    for command in (check, keys):
        command.add_argument("source", metavar="SOURCE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
