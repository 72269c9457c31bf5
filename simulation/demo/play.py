"""The acts of the demo, one after another."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from simulation.demo import audit_acts, kiosk_acts, month_acts
from simulation.demo.stage import ROOT, DemoFailed, Stage, interruptible
from simulation.month import SimulatedMonth, simulate_month
from simulation.network import Network

_EMPLOYEES = 200
_SEED = 1
_REGULATION = ROOT / "regulations" / "ambon" / "2026.yaml"


def main(arguments: list[str] | None = None) -> int:
    """Play every act; 0 when all of it happened as it should."""
    parser = argparse.ArgumentParser(
        prog="hadir demo",
        description="An office from claim to payment list, without camera or network.",
        epilog="example:\n  hadir demo --keep /tmp/hadir",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep everything in DIR, a new folder")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    if options.keep is not None and options.keep.exists() and any(options.keep.iterdir()):
        print(f"hadir: {options.keep} is not empty: name a new folder for --keep", file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        stack.enter_context(interruptible())
        try:
            if options.keep is None:
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hadir-demo-")))
            else:
                directory = options.keep.resolve()
                directory.mkdir(parents=True, exist_ok=True)
            stage = Stage(directory, console)
            stack.callback(stage.close)
            # Whatever ends the demo, its processes are ended without being cut short by a second Ctrl-C.
            stack.callback(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
            _play(stage)
        except DemoFailed as error:
            print(f"hadir: the demo failed: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nhadir: stopped; nothing is left running", file=sys.stderr)
            return 130
        where = f"kept in {directory}" if options.keep else "removed; './hadir demo --keep DIR' keeps all of it"
        stage.act(f"Done. Everything was in one directory, {where}.")
    return 0


def _play(stage: Stage) -> None:
    stage.act("1. A server on loopback, embedded SQLite; two agencies, 200 employees, a regulation")
    month = simulate_month(_EMPLOYEES, _SEED, kiosk_acts.MONTH)
    server = kiosk_acts.start_server(stage, _REGULATION)
    stage.say(f"listening on {server.url}; simulated clock, as its status and reports say")
    month_acts.import_office(stage, server, month)

    stage.act("2. A kiosk is claimed with a one-time token")
    network = Network(server.port)
    try:
        config = kiosk_acts.claim_kiosk(stage, server, network)
        fleet = month_acts.claim_fleet(stage, server, month)
        with fleet:
            stage.act("3. A face is enrolled, and approved by a second officer")
            kiosk_acts.enrol(stage, server, config, _employee(month), month)

            stage.act("4. Before the camera: nobody, a stranger, the enrolled person; her print, her face on a screen")
            kiosk_acts.morning(stage, network)

            stage.act("5. The network goes away; marks go on; it comes back")
            kiosk_acts.noon(stage, server, network)

            stage.act("6. A fleet of kiosks sends the month of all 200")
            month_acts.send_month(stage, server, fleet)
    finally:
        network.close()

    stage.act("7. The month is closed: attendance, TPP, reports; beside it what people really did")
    out = month_acts.close_month(stage, server)
    month_acts.compare(stage, server, month, out)

    stage.act("8. An auditor verifies every log, with keys pinned beforehand")
    audit_acts.verify_logs(stage)


def _employee(month: SimulatedMonth) -> str:
    """A woman of the kiosk's site, as in the portrait, who was at work and on time on the demo's day."""
    at_site = {  # digit 15 of a NIP: 2 for women
        row["employee_id"] for row in month.employees if row["site"] == "dukcapil" and str(row["nip"])[14:15] == "2"
    }
    for day in month.truth:
        if day.date == kiosk_acts.DAY and day.code == "H" and day.employee_id in at_site:
            return day.employee_id
    raise DemoFailed(f"nobody was on time on {kiosk_acts.DAY}")
