"""Records into a `DiskLog` what the product does to files: through its own SQLite, and through Python's `os`.

SQLite is the very library that Python's `sqlite3` uses, not another copy: a VFS that passes everything on and notes
writes, cuts, syncs and deletes becomes its default (https://sqlite.org/vfs.html, struct sqlite3_vfs and
sqlite3_io_methods). So product code runs unchanged, with its own statements, settings and version.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, cast
from functools import cache
from pathlib import Path
from typing import Any

from simulation.power.disk import DiskLog

OK, FULL, SYNC_FAILED = 0, 13, 1034  # SQLITE_FULL, SQLITE_IOERR_FSYNC
Fault = Callable[[str, str], int]
"""Asked before a `write` or `sync` of a path; what is not OK is SQLite's error code, and nothing is done."""

_CREATE, _JOURNALS = 0x4, 0x800 | 0x4000 | 0x80000  # SQLITE_OPEN_CREATE; MAIN_JOURNAL, SUPER_JOURNAL, WAL
_KEPT_FILES = _JOURNALS | 0x100  # and MAIN_DB

# The name as an address: SQLite keeps it, and reads what lies around it.
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_CLOSE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", _OPEN),
        ("xDelete", _DELETE),
        ("others", c_void_p * 13),
    )


class _Methods(Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("xClose", _CLOSE),
        ("xRead", c_void_p),
        ("xWrite", _WRITE),
        ("xTruncate", _TRUNCATE),
        ("xSync", _SYNC),
        ("others", c_void_p * 13),
    )


class Recorder:
    """Active between `start` and `stop`: one at a time, and only on connections opened in between."""

    def __init__(self, log: DiskLog) -> None:
        self.log = log
        self.fault: Fault = lambda operation, path: OK
        self._paths: dict[int, str] = {}
        self._unsynced_names: set[int] = set()

    def opened(self, path: str, handle: int, flags: int) -> None:
        relative = self.log.relative(path)
        if relative is None or not flags & _KEPT_FILES:
            return
        self._paths[handle] = relative
        self.log.made(relative)
        if flags & _CREATE and flags & _JOURNALS:
            self._unsynced_names.add(handle)  # SQLite syncs the folder with a new journal's first sync

    def deleted(self, path: str, and_synced: bool) -> None:
        relative = self.log.relative(path)
        if relative is not None:
            self.log.removed(relative)
            if and_synced:
                self.log.folder_synced(str(Path(relative).parent))

    def closed(self, handle: int) -> None:
        self._paths.pop(handle, None)
        self._unsynced_names.discard(handle)

    def refused(self, operation: str, handle: int) -> int:
        """The error that the fault wants instead of this operation."""
        path = self._paths.get(handle)
        code = OK if path is None else self.fault(operation, path)
        if code != OK and operation == "sync" and path is not None:
            self.log.synced(path, failed=True)
        return code

    def wrote(self, handle: int, offset: int, data: bytes | None) -> None:
        if handle in self._paths:
            self.log.wrote(self._paths[handle], offset, data)

    def synced(self, handle: int) -> None:
        if handle in self._paths:
            self.log.synced(self._paths[handle])
            if handle in self._unsynced_names:
                self._unsynced_names.discard(handle)
                self.log.folder_synced(str(Path(self._paths[handle]).parent))


_active: Recorder | None = None
_methods: dict[int, tuple[_Methods, _Methods]] = {}  # by the address of the originals: originals and ours
_of_handle: dict[int, int] = {}  # address of the originals by open file


def _library() -> ctypes.CDLL:
    """The SQLite inside Python's `sqlite3`; RuntimeError when it cannot be reached."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    try:
        library.sqlite3_libversion.restype = c_char_p
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        if library.sqlite3_libversion().decode() != sqlite3.sqlite_version:
            raise RuntimeError("the SQLite that was found is not the one that Python's sqlite3 uses")
    except AttributeError as error:
        raise RuntimeError("this Python hides its SQLite: its writes cannot be recorded") from error
    return library


def _original(handle: int) -> _Methods:
    return _methods[_of_handle[handle]][0]


@_WRITE
def _on_write(handle: int, buffer: int, count: int, offset: int) -> int:
    if _active is not None and (code := _active.refused("write", handle)):
        return code
    code = _original(handle).xWrite(handle, buffer, count, offset)
    if _active is not None and code == OK:
        _active.wrote(handle, offset, ctypes.string_at(buffer, count))
    return code


@_TRUNCATE
def _on_truncate(handle: int, size: int) -> int:
    code = _original(handle).xTruncate(handle, size)
    if _active is not None and code == OK:
        _active.wrote(handle, size, None)
    return code


@_SYNC
def _on_sync(handle: int, flags: int) -> int:
    if _active is not None and (code := _active.refused("sync", handle)):
        return code
    code = _original(handle).xSync(handle, flags)
    if _active is not None and code == OK:
        _active.synced(handle)
    return code


@_CLOSE
def _on_close(handle: int) -> int:
    if _active is not None:
        _active.closed(handle)
    original = _original(handle)
    del _of_handle[handle]
    return original.xClose(handle)


def _ours(address: int) -> _Methods:
    """Our methods for files that have those at `address`."""
    if address not in _methods:
        original = _Methods.from_address(address)
        copy = _Methods()
        # Later fields exist from version 2 (shared memory, 4) and 3 (memory mapping, 2) on.
        length = _Methods.others.offset + ctypes.sizeof(c_void_p) * (7, 11, 13)[original.iVersion - 1]
        ctypes.memmove(ctypes.byref(copy), address, length)
        copy.xWrite, copy.xTruncate, copy.xSync, copy.xClose = _on_write, _on_truncate, _on_sync, _on_close
        _methods[address] = (original, copy)
    return _methods[address][1]


@cache
class _RecordingVfs:
    """Our VFS; the one there is, because connections point to it for as long as they are open."""

    def __init__(self) -> None:
        self._library = _library()
        self._original = self._library.sqlite3_vfs_find(None)
        self._vfs = _Vfs()
        ctypes.memmove(ctypes.byref(self._vfs), self._original, ctypes.sizeof(_Vfs))
        self._vfs.zName = b"hadir-recording"
        self._vfs.xOpen, self._vfs.xDelete = _OPEN(self._open), _DELETE(self._delete)

    def register(self) -> None:
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)

    def unregister(self) -> None:
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        self._library.sqlite3_vfs_register(self._original, 1)

    def _open(self, vfs: int, name: int | None, handle: int, flags: int, out_flags: Any) -> int:
        code = self._original.contents.xOpen(cast(self._original, c_void_p), name, handle, flags, out_flags)
        if code == OK:
            field = c_void_p.from_address(handle)  # struct sqlite3_file begins with the pointer to its methods
            address = field.value
            assert address is not None
            _of_handle[handle] = address
            field.value = ctypes.addressof(_ours(address))
            if _active is not None and name is not None:
                _active.opened(os.fsdecode(ctypes.string_at(name)), handle, flags)
        return code

    def _delete(self, vfs: int, name: bytes, sync_folder: int) -> int:
        code = self._original.contents.xDelete(cast(self._original, c_void_p), name, sync_folder)
        if _active is not None and code == OK:
            _active.deleted(os.fsdecode(name), bool(sync_folder))
        return code


@contextmanager
def recording(root: Path) -> Iterator[Recorder]:
    """Record what happens below `root` until the block ends. Connections must be opened and closed inside."""
    global _active  # SQLite's default VFS is a global too
    vfs = _RecordingVfs()
    recorder = Recorder(DiskLog(root.resolve()))
    with _python_files(recorder.log):
        vfs.register()
        _active = recorder
        try:
            yield recorder
        finally:
            _active = None
            vfs.unregister()


@contextmanager
def _python_files(log: DiskLog) -> Iterator[None]:
    """Note files made through `os`. What was written is read back when it is synced or renamed."""
    originals = {name: getattr(os, name) for name in ("open", "fsync", "replace", "rename", "unlink", "mkdir")}

    def open_(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        descriptor: int = originals["open"](path, flags, *arguments, **options)
        relative = log.relative(os.fsdecode(path))
        if relative is not None and flags & os.O_CREAT:
            log.made(relative)
        return descriptor

    def fsync(descriptor: int) -> None:
        originals["fsync"](descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        relative = log.relative(path)
        if relative is None:
            return
        if path.is_dir():
            log.folder_synced(relative)
            return
        note_content(path, relative)
        log.synced(relative)

    def note_content(path: Path, relative: str) -> None:
        log.made(relative)
        log.wrote(relative, 0, None)
        log.wrote(relative, 0, path.read_bytes())

    def replace(source: Any, target: Any) -> None:
        old, new = (log.relative(os.fsdecode(path)) for path in (source, target))
        originals["replace"](source, target)
        if old is not None and new is not None:
            log.renamed(old, new)

    def unlink(path: Any, **options: Any) -> None:
        originals["unlink"](path, **options)
        relative = log.relative(os.fsdecode(path))
        if relative is not None:
            log.removed(relative)

    def mkdir(path: Any, *arguments: Any, **options: Any) -> None:
        originals["mkdir"](path, *arguments, **options)
        relative = log.relative(os.fsdecode(path))
        if relative is not None:
            log.made_folder(relative)

    ours = {"open": open_, "fsync": fsync, "replace": replace, "rename": replace, "unlink": unlink, "mkdir": mkdir}
    for name, function in ours.items():
        setattr(os, name, function)
    try:
        yield
    finally:
        for name, function in originals.items():
            setattr(os, name, function)
