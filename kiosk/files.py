"""Files that are either the old whole or the new whole, also after a power cut."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def make_folder(path: Path, mode: int = 0o777) -> None:
    """A folder that is still there after a power cut, and those above it; nothing if it is there."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=mode, exist_ok=True)
        sync_folder(path.parent)


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` by `data`: written beside it, synced, renamed, and the folder synced."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # what does not fit must not fill the disk
        raise
    sync_folder(path.parent)


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a file from outside; OSError for what is no regular file (links are not followed) or too long."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    with path.open("rb") as handle:
        data = handle.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"is longer than {limit} bytes", str(path))
    return data


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
