"""What power cuts leave of kiosk and server, at every write and sync: python -m benchmarks.crash_states [ROUNDS]."""

from __future__ import annotations

import sqlite3
import sys
import time

from simulation.power import controls, kiosk, server
from simulation.power.states import Result, Scenario, examine


def show(scenario: Scenario, guesses: int, every: int = 1) -> Result:
    """Examine one scenario and print its row."""
    start = time.perf_counter()
    result = examine(scenario, guesses, every)
    seconds = time.perf_counter() - start
    print(
        f"{result.name:<75} {result.events:>7,} {result.states:>8,} {result.failed:>7,} {seconds:>6.0f} s", flush=True
    )
    for what, count in sorted(result.failures.items())[:5]:
        print(f"    {count} x {what}")
    return result


def main(rounds: int) -> int:
    """Print the table; 1 when a promise was broken, or when a control behaved otherwise than it must."""
    print(f"SQLite {sqlite3.sqlite_version}\n{'':<75} {'events':>7} {'states':>8} {'failed':>7}")
    product = [
        show(kiosk.life(rounds), guesses=3),
        show(kiosk.first_release(40), guesses=3),
        show(kiosk.faults(2 * rounds), guesses=2),
        show(server.work(rounds // 4), guesses=1, every=2),
    ]
    failing = [show(controls.control(*settings), guesses=3) for settings in controls.MUST_FAIL]
    holding = [show(controls.control(*settings), guesses=3) for settings in controls.MUST_HOLD]
    states = sum(result.states for result in product)
    broken = sum(result.failed for result in product)
    sound = all(result.failed for result in failing) and not any(result.failed for result in holding)
    verdict = "as they must" if sound else "NOT as they must"
    print(f"{states:,} states of the product, {broken} of them broken; the controls behave {verdict}")
    return 0 if sound and not broken else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
