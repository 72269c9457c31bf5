"""Power cuts of a whole emulated machine, each booted again: python -m benchmarks.power_cuts [--cuts 60]."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from simulation.machine.cuts import Result, cut, record
from simulation.machine.emulator import MachineFailed
from simulation.machine.system import CannotBuild, System, build

# What must be seen to fail: SQLite that does not wait for the disk, and a file system that does not flush it.
CONTROLS = {"control: synchronous = OFF": "journal", "control: barrier=0": "disk"}


def show(name: str, system: System, folder: Path, options: argparse.Namespace, cuts: int, careless: str = "") -> Result:
    """Record one run, cut it, and print its row; what went wrong stands below it."""
    start = time.perf_counter()
    result = Result(record(system, folder, options.marks, careless))
    for outcome in cut(system, folder, result.recording, cuts, options.seed):
        result.outcomes.append(outcome)
        print("." if outcome.sound else "x", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    outcomes, minutes = result.outcomes, (time.perf_counter() - start) / 60
    columns = (
        len(result.recording.log),
        len(outcomes),
        sum(outcome.acknowledged for outcome in outcomes),
        sum(outcome.lost for outcome in outcomes),
        sum(bool(outcome.corrupt) for outcome in outcomes),
        sum(bool(outcome.failed) for outcome in outcomes),
    )
    print(f"{name:<28}" + "".join(f"{column:>14,}" for column in columns) + f"{minutes:>10.1f} min", flush=True)
    for outcome in outcomes:
        if not outcome.sound:
            wrong = outcome.corrupt or outcome.failed or f"{outcome.lost} lost"
            print(f"    after {outcome.acknowledged} marks, unflushed writes {outcome.unflushed}: {wrong}")
    return result


def main() -> int:
    """Print the table; 1 when the product broke a promise or a control broke none, 2 when it could not be tried."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.power_cuts", description=__doc__)
    parser.add_argument("--cuts", type=int, default=60, help="of the product (default: 60)")
    parser.add_argument("--control-cuts", type=int, default=10, help="of each control (default: 10)")
    parser.add_argument("--marks", type=int, default=300, help="that the machine makes (default: 300)")
    parser.add_argument("--seed", type=int, default=1, help="where to cut (default: 1)")
    parser.add_argument("--folder", type=Path, help="keep the system here, and use what an earlier run left")
    options = parser.parse_args()
    if min(options.cuts, options.control_cuts, options.marks) < 1:
        parser.error("cuts and marks are counted from 1")
    try:
        if options.folder is not None:
            options.folder.mkdir(parents=True, exist_ok=True)
            return run(options.folder, options)
        with TemporaryDirectory(prefix="hadir-machine-") as folder:
            return run(Path(folder), options)
    except (CannotBuild, MachineFailed) as error:
        print(f"power_cuts: {error}", file=sys.stderr)
        return 2


def run(folder: Path, options: argparse.Namespace) -> int:
    """Everything in one folder; the exit code."""
    system = build(folder)
    headings = ("disk requests", "cuts", "acknowledged", "lost", "corrupt", "did not start")
    print(f"{'':<28}" + "".join(f"{heading:>14}" for heading in headings))
    controls = [show(name, system, folder, options, options.control_cuts, left) for name, left in CONTROLS.items()]
    product = show("product", system, folder, options, options.cuts)
    sound = all(control.broken for control in controls)
    verdict = "as they must" if sound else "NOT as they must"
    emulator = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True)
    versions = product.recording.heard[0].said
    print(f"Linux {versions['kernel']}, SQLite {versions['sqlite']}, {emulator.stdout.splitlines()[0]}")
    print(f"{len(product.outcomes)} cuts of the product, {product.broken} broken; the controls fail {verdict}")
    return 0 if sound and not product.broken else 1


if __name__ == "__main__":
    sys.exit(main())
