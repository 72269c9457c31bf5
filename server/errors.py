"""Every error the server raises on purpose. Each message names the thing and the way out."""

from collections.abc import Sequence


class ServerError(Exception):
    """Base of all errors of the server. The command line prints the message alone, never a traceback."""


class ConfigError(ServerError, ValueError):
    """A configuration file that cannot be used: names file, line and key."""


class ImportFailed(ServerError, ValueError):
    """Rows of an imported file that cannot be used: names file, row and column."""


class RowsRefused(ImportFailed):
    """Several things in imported files that cannot be used; `problems` holds one sentence for each, with its row."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}")


class RegulationError(ServerError, ValueError):
    """A regulation that cannot be used: names file, line and key."""


class NotFound(ServerError, LookupError):
    """Something was named that does not exist."""


class Refused(ServerError, PermissionError):
    """Not allowed: a used token, the same person approving twice, a signature that does not verify."""


class Conflict(ServerError, ValueError):
    """What was asked contradicts what is already recorded."""


class ReportRefused(ServerError, ValueError):
    """A report that must not be written: its figures do not add up, or it names what the month does not have."""


class Unauthenticated(Refused):
    """A request of which it is not known who asks."""


class Unavailable(ServerError, ConnectionError):
    """Something outside the server did not take what it was given; it may later."""
