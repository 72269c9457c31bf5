"""The command line: `hadir audit verify SOURCE`; the other commands are in `audit.further`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from audit.remote import connected, remote_logs
from audit.report import Report, escape
from audit.sources import AuditError, Source, open_database
from audit.verify import DeviceReport, Finding, device_key, verify_log
from protocol.note import Verifier

_HELP = """\
Check devices' logs with public keys alone, trusting neither server nor kiosk.
SOURCE, which is only read: a server's server.db, a kiosk's journal.db, a folder
with one, or a server's address (token: the variable HADIR_AUDITOR_TOKEN).
example:
  hadir audit keys server.db > keys.txt         once; compare with claim sheets
  hadir audit verify server.db --keys keys.txt  at any time after

Exit code: 0 nothing found, 1 something found, 2 nothing could be checked."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage."""
        self.exit(2, f"hadir audit: {escape(message)} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] != ["verify"]:
        from audit.further.commands import main as further  # which `verify` does not need

        return further(given)
    parser = Parser(prog="hadir audit verify", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("--keys", metavar="FILE", type=Path, help="pinned verifier keys, one a line")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(given[1:])
    try:
        pinned = read_keys(options.keys) if options.keys else None
        with open_source(options.source) as source:
            report = verify(source, pinned)
    except (AuditError, KeyboardInterrupt) as error:
        print(f"hadir audit: {escape(str(error)) or 'interrupted, nothing is decided'}", file=sys.stderr)
        return 2
    print(report.json() if options.json else report.text())
    return 0 if report.ok else 1


@contextmanager
def open_source(text: str) -> Iterator[Source]:
    """The source of this address or path; AuditError when it cannot be read."""
    if text.startswith(("http://", "https://")):
        with connected(text) as connection:
            yield Source(f"server {text}", remote_logs(connection), whole=True)
    else:
        with open_database(Path(text)) as source:
            yield source


def verify(source: Source, pinned: Mapping[str, Sequence[Verifier]] | None = None) -> Report:
    """Check every log of a source with the keys pinned by device, or with its own; AuditError when it has no log."""
    devices = [verify_log(log, pinned if pinned is None else pinned.get(log.name, [])) for log in source.logs]
    if pinned is not None and source.whole:
        lost = Finding("log", None, None, "its key is pinned, but the source holds nothing of it")
        absent = pinned.keys() - {device.name for device in devices}
        devices += [DeviceReport(name, findings=[lost]) for name in sorted(absent)]
    if not devices:
        raise AuditError(f"{source.title} holds no device's log: there is nothing to verify")
    return Report(source.title, "from source" if pinned is None else "pinned", devices)


def read_keys(path: Path) -> dict[str, list[Verifier]]:
    """The keys of a file by device: one a line, besides comments (#); AuditError names the line that is no such key."""
    result: dict[str, list[Verifier]] = {}
    number = 0
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):  # noqa: B007
            if line.strip() and not line.startswith("#"):
                device, key = device_key(line.strip())
                result.setdefault(device, []).append(key)
    except (OSError, ValueError) as error:  # ProtocolError, or not UTF-8, too
        raise AuditError(f"{path}, line {number}: {getattr(error, 'strerror', error)}") from error
    if not result:
        raise AuditError(f"{path} holds no key: a verifier key a line is expected, as on the claim sheets")
    return result


if __name__ == "__main__":
    sys.exit(main())
