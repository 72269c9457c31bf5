"""`python -m server`: the server's command line."""

import os
import signal
import sys
from types import FrameType


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os.write(2, b"hadir: interrupted; nothing was recorded\n")
    os._exit(130)


# Until the command line is there, which knows what was recorded: reading its modules takes most of a second.
signal.signal(signal.SIGINT, _leave)
from server.cli import main  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
