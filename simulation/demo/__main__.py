"""Plays the demo. Ctrl-C waits until everything is imported: half an import cannot be cleaned up after."""

import signal
import sys


def main(arguments: list[str] | None = None) -> int:
    """Play every act; 0 when all of it happened as it should."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        from simulation.demo.play import main as play

        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
        return play(arguments)
    except KeyboardInterrupt:
        print("\nhadir: stopped before it began", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
