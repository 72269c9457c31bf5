"""Every error the kiosk raises on purpose. Each message names the thing and the way out."""


class KioskError(Exception):
    """Base of all errors of the kiosk. The command line prints the message alone, never a traceback."""


class ConfigError(KioskError, ValueError):
    """A configuration file that cannot be used: names file, line and key."""


class CameraError(KioskError, OSError):
    """A camera that cannot be opened or read."""


class CameraStalled(CameraError, TimeoutError):
    """No new frame within the time allowed."""


class GalleryError(KioskError, ValueError):
    """A gallery that is missing, corrupt, for another device or of another embedder."""


class ModelError(KioskError, ValueError):
    """An embedder that is not there: unknown, its file absent, or with another hash than its manifest says."""


class EnrolmentError(KioskError, ValueError):
    """Photos or frames from which nobody can be enrolled: names each file and its reason."""


class JournalError(KioskError, OSError):
    """The journal cannot be opened or written: disk full, read-only, corrupt, held by another process."""


class SyncError(KioskError, ConnectionError):
    """The server cannot be reached, or answered something that must not be believed."""


class ClaimError(KioskError, PermissionError):
    """The device is not claimed, or its token was refused."""
